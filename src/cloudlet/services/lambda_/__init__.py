"""AWS Lambda: functions, their versions and aliases, and everything that calls them."""

from . import (
    account,
    aliases,
    asynchronous,
    concurrency,
    event_resources,
    functions,
    invoke,
    invoke_configs,
    layer_policies,
    layers,
    mappings,
    permissions,
    poller,
    provisioned,
    recursion,
    resource_policies,
    resources,
    runtime_management,
    signing,
    snapstart,
    streams,
    tags,
    targets,
    url_visits,
    urls,
    version_resources,
    versions,
)
from .durable import callbacks, checkpoints, control, history, lane, pausing
from .service import lambda_ as service

__all__ = ["service"]
