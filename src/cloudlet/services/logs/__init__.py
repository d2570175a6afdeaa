"""Amazon CloudWatch Logs: groups of streams of events, read by time and by pattern."""

from . import events, filtering, groups, resources, streams, tailing, targets
from .service import logs as service

__all__ = ["events", "filtering", "groups", "resources", "service", "streams", "tailing", "targets"]
