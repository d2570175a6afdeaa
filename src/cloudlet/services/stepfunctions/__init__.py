"""AWS Step Functions: state machines, and executions of them that survive whatever happens."""

from . import (
    activities,
    aliases,
    callbacks,
    definitions,
    executions,
    express,
    history,
    items,
    machines,
    map_runs,
    redriving,
    resources,
    starting,
    sync,
    tagging,
    targets,
    tasks,
    trial,
    versions,
)
from .service import stepfunctions as service

__all__ = ["activities", "aliases", "callbacks", "definitions", "executions", "express", "history", "items",
           "machines", "map_runs", "redriving", "resources", "service", "starting", "sync", "tagging",
           "targets", "tasks", "trial", "versions"]
