"""Amazon DynamoDB: tables of items, found by key."""

from . import (
           batches,
           expiry,
           items,
           lifecycle,
           partiql,
           reads,
           resources,
           surroundings,
           tagging,
           transactions,
)
from .service import dynamodb as service

__all__ = ["batches", "expiry", "items", "lifecycle", "partiql", "reads", "resources", "service",
           "surroundings",
           "tagging", "transactions"]
