"""Amazon Kinesis Data Streams: records in order by key, kept for days and read as often as one likes."""

from . import (
    account,
    consumers,
    describing,
    lifecycle,
    listing,
    policies,
    reading,
    resources,
    sharding,
    sources,
    subscribing,
    tags,
    targets,
    writing,
)
from .service import kinesis as service

__all__ = ["account", "consumers", "describing", "lifecycle", "listing", "policies", "reading", "resources",
           "service", "sharding", "sources", "subscribing", "tags", "targets", "writing"]
