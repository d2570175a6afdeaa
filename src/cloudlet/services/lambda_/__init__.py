"""AWS Lambda: functions, their versions and aliases, and everything that calls them."""

from . import (
    aliases,
    asynchronous,
    concurrency,
    event_resources,
    functions,
    invoke,
    layer_permissions,
    layers,
    mappings,
    permissions,
    policy_resources,
    poller,
    provisioned,
    resource_policies,
    resources,
    snapstart,
    streams,
    tags,
    targets,
    url_visits,
    urls,
    versions,
)
from .durable import callbacks, checkpoints, control, history, lane, pausing
from .service import lambda_ as service

__all__ = ["service"]
