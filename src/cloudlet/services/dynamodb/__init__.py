"""Amazon DynamoDB: tables of items, found by key."""

from . import (
    batches,
    items,
    lifecycle,
    partiql,
    reads,
    resources,
    sources,
    surroundings,
    tagging,
    time_to_live,
    transactions,
)
from .service import dynamodb as service

__all__ = [
    "batches",
    "items",
    "lifecycle",
    "partiql",
    "reads",
    "resources",
    "service",
    "sources",
    "surroundings",
    "tagging",
    "time_to_live",
    "transactions",
]
