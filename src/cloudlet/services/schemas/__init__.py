"""EventBridge's schema registry: what events look like, written by people and discovered on buses."""

from . import discovery, registries, resources, schemata, tags
from .service import schemas as service

__all__ = ["discovery", "registries", "resources", "schemata", "service", "tags"]
