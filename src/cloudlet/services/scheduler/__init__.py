"""Amazon EventBridge Scheduler: one call of one operation, at a moment or again and again."""

from . import delivering, firing, groups, resources, schedules, tags
from .service import scheduler as service

__all__ = ["delivering", "firing", "groups", "resources", "schedules", "service", "tags"]
