"""AWS CloudFormation: stacks, and the change sets that plan what becomes of them.

What a template means and how it is carried out is in :mod:`cloudlet.stacks`; this is the API, the memory
and the task that goes on after a crash.
"""

from . import changesets, changing, custom, describing, executions, resources, templating
from .service import cloudformation as service

__all__ = [
    "changesets",
    "changing",
    "custom",
    "describing",
    "executions",
    "resources",
    "service",
    "templating",
]
