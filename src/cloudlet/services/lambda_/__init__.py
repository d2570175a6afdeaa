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
    provisioned,
    resources,
    snapstart,
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
    "provisioned",
    "resources",
    "service",
    "snapstart",
    "tags",
    "targets",
    "urls",
    "versions",
]
