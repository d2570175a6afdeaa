"""Schedule groups: made, found, listed, and deleted with all that is in them."""

from typing import Any

from ...errors import ValidationException
from ...fabric import timers
from ...kernel import Call
from . import firing, limits, paging
from .errors import ConflictException, ServiceQuotaExceededException
from .records import DEFAULT, Group, find_group, group_arn, groups, schedules
from .service import scheduler
from .tags import Tags, checked

_AT_ONCE = 200  # schedules deleted in one transaction
Answer = dict[str, Any]


@scheduler.operation
def create_schedule_group(call: Call, name: str, tags: Tags | None = None,
                          client_token: str | None = None) -> Answer:
    """Make a group; the same request again finds it."""
    _check_own(name)
    found = groups.get(call, name)
    if found is not None:
        if client_token and found.token == client_token:
            return {"ScheduleGroupArn": found.arn}
        raise ConflictException(f"Schedule group {name} already exists.")
    find_group(call, DEFAULT)
    if sum(1 for _ in groups.items(call, limit=limits.GROUPS + 1)) > limits.GROUPS:
        raise ServiceQuotaExceededException(
            f"The limit of {limits.GROUPS} schedule groups in an account is reached.")
    made = Group(name, group_arn(call, name), call.now_ms, call.now_ms, tags=checked({}, tags or []),
                 token=client_token or "")
    groups.put(call, name, record=made)
    return {"ScheduleGroupArn": made.arn}


@scheduler.operation
def get_schedule_group(call: Call, name: str) -> Answer:
    """A group."""
    return _shown(find_group(call, name))


@scheduler.operation
def list_schedule_groups(call: Call, name_prefix: str | None = None, next_token: str | None = None,
                         max_results: int | None = None) -> Answer:
    """The groups, by name."""
    find_group(call, DEFAULT)
    most, prefix = max_results or limits.PAGE, name_prefix or ""
    after, = paging.read(next_token, 1)
    rows = groups.items(call, after=(after,), limit=most + 1) if after else groups.starting(
        call, prefix, limit=most + 1)
    found = [_shown(group) for _, group in rows if group.name.startswith(prefix)]
    more = {"NextToken": paging.token(found[most - 1]["Name"])} if len(found) > most else {}
    return {"ScheduleGroups": found[:most], **more}


@scheduler.operation
def delete_schedule_group(call: Call, name: str, client_token: str | None = None) -> Answer:
    """Delete a group and its schedules; of a large one the rest goes in the background."""
    _check_own(name)
    group = find_group(call, name)
    if group.state == "ACTIVE":
        group.state, group.modified_ms = "DELETING", call.now_ms
        groups.put(call, name, record=group)
        empty(call, name)
    return {}


@scheduler.task
def empty(call: Call, name: str) -> None:
    """Delete schedules of a group that is being deleted, and at last the group."""
    some = list(schedules.items(call, name, limit=_AT_ONCE))
    for _, schedule in some:
        firing.stop(call, schedule)
        schedules.delete(call, name, schedule.name)
    if len(some) < _AT_ONCE:
        groups.delete(call, name)
    else:
        timers.schedule(call, empty, at_ms=call.now_ms, name=name,
                        id=f"scheduler/group/{call.account}/{call.region}/{name}/{some[-1][1].name}")


def _check_own(name: str) -> None:
    if name == DEFAULT:
        raise ValidationException(f"This operation cannot be performed on schedule group {name}.")


def _shown(group: Group) -> Answer:
    return {"Arn": group.arn, "Name": group.name, "State": group.state,
            "CreationDate": group.created_ms / 1000, "LastModificationDate": group.modified_ms / 1000}
