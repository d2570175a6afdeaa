"""Amazon DynamoDB Streams: what changed in tables, read shard by shard."""

from . import describing, reading
from .service import dynamodbstreams as service

__all__ = ["describing", "reading", "service"]
