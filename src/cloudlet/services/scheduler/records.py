"""Groups, and the schedules in them. The group ``default`` is there from the beginning."""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import ResourceNotFoundException

DEFAULT = "default"


class Group(msgspec.Struct):
    """A schedule group. ``token`` is that of the request that made it."""

    name: str
    arn: str
    created_ms: int
    modified_ms: int
    state: str = "ACTIVE"
    tags: dict[str, str] = {}
    token: str = ""


class Schedule(msgspec.Struct):
    """What comes when, and what it does then.

    ``begun_ms`` is since when a rate counts that has no start. ``due_ms`` is the next moment by the
    expression, ``fires_ms`` the one in its flexible time window; both are 0 when there is none. ``token`` is
    that of the last request, and ``fingerprint`` what it asked for.
    """

    group: str
    name: str
    arn: str
    expression: str
    timezone: str
    window: dict[str, Any]
    target: dict[str, Any]
    state: str
    after_completion: str
    created_ms: int
    modified_ms: int
    description: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    token: str = ""
    fingerprint: str = ""
    begun_ms: int = 0
    due_ms: int = 0
    fires_ms: int = 0

    @property
    def enabled(self) -> bool:
        """Whether it runs at all."""
        return self.state == "ENABLED"

    @property
    def once(self) -> bool:
        """Whether it comes once, at a moment."""
        return self.expression.startswith("at(")


groups = Table("scheduler.groups", Group)
schedules = Table("scheduler.schedules", Schedule)


def group_arn(call: Call, name: str) -> str:
    """The ARN of a group."""
    return call.arn(f"schedule-group/{name}", "scheduler")


def find_group(call: Call, name: str) -> Group:
    """The group called ``name``, or the error that there is none."""
    found = groups.get(call, name)
    if found is None and name == DEFAULT:
        found = Group(name, group_arn(call, name), call.now_ms, call.now_ms)
        groups.put(call, name, record=found)
    if found is None:
        raise ResourceNotFoundException(f"Schedule group {name} does not exist.")
    return found


def find_schedule(call: Call, group: str, name: str) -> Schedule:
    """The schedule of that name in a group, or the error that there is none."""
    found = schedules.get(call, group, name)
    if found is None:
        raise ResourceNotFoundException(f"Schedule {name} does not exist.")
    return found
