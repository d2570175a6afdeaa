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
    targets,
    urls,
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
    "targets",
    "urls",
]
