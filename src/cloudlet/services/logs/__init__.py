"""Amazon CloudWatch Logs: groups of streams of events, read by time and by pattern."""

from . import (
    destinations,
    events,
    filtering,
    groups,
    resources,
    streams,
    subscribing,
    subscriptions,
    tailing,
    targets,
)
from .service import logs as service

__all__ = ["destinations", "events", "filtering", "groups", "resources", "service", "streams", "subscribing",
           "subscriptions", "tailing", "targets"]
