"""AWS Lambda: functions, their versions and aliases, and everything that calls them."""

from . import (
    aliases,
    asynchronous,
    concurrency,
    event_resources,
    functions,
    invoke,
    layers,
    mappings,
    permissions,
    poller,
    resources,
    tags,
    targets,
    urls,
    versions,
)
from .service import lambda_ as service

__all__ = [
    "aliases",
    "asynchronous",
    "concurrency",
    "event_resources",
    "functions",
    "invoke",
    "layers",
    "mappings",
    "permissions",
    "poller",
    "resources",
    "service",
    "tags",
    "targets",
    "urls",
    "versions",
]
