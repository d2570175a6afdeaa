"""Amazon EventBridge Pipes: from one source, filtered and enriched, to one target."""

from . import pipes, poller, resources, tags
from .service import pipes_ as service

__all__ = ["pipes", "poller", "resources", "service", "tags"]
