"""Amazon EventBridge: buses, rules that match events, and their targets."""

from . import (
    api_destinations,
    archives,
    authorizing,
    buses,
    connections,
    destination_resources,
    hearing,
    patterns,
    permissions,
    posting,
    putting,
    replays,
    resources,
    rules,
    scheduling,
    tags,
    targeting,
    targets,
)
from .service import events as service

__all__ = ["api_destinations", "archives", "authorizing", "buses", "connections", "destination_resources",
           "hearing", "patterns", "permissions", "posting", "putting", "replays", "resources", "rules",
           "scheduling", "service", "tags",
           "targeting", "targets"]
