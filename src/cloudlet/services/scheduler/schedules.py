"""Schedules: made, changed, found, listed, deleted."""

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec

from ...errors import ValidationException
from ...kernel import Call
from ...store import Agenda, Table
from . import expressions, firing, limits, paging, roles
from .errors import ConflictException
from .records import DEFAULT, Schedule, find_group, find_schedule, group_arn, groups, schedules
from .service import scheduler
from .targeting import Config, checked

_LOOKED_AT = 1000  # of the schedules, for one page of those in a state
_REMEMBERED_MS = 8 * 3_600_000


class Gone(msgspec.Struct):
    """A deletion that succeeded: asked for again with the same token, it does again."""

    at_ms: int


_deletions = Table("scheduler.deletions", Gone)
_forgetting = Agenda("scheduler.forgetting", Gone)


@scheduler.operation
def create_schedule(call: Call, name: str, schedule_expression: str, target: Config,
                    flexible_time_window: Config, group_name: str | None = None,
                    start_date: datetime | None = None, end_date: datetime | None = None,
                    description: str | None = None, schedule_expression_timezone: str | None = None,
                    state: str | None = None, client_token: str | None = None,
                    action_after_completion: str | None = None) -> Config:
    """Make a schedule; the same request again finds it."""
    group = find_group(call, group_name or DEFAULT)
    wanted = Schedule(group.name, name, call.arn(f"schedule/{group.name}/{name}"), schedule_expression,
                      schedule_expression_timezone or "UTC", flexible_time_window, target, state or "ENABLED",
                      action_after_completion or "NONE", call.now_ms, call.now_ms, description,
                      _ms(start_date), _ms(end_date), begun_ms=call.now_ms)
    _sign(wanted, client_token)
    existing = schedules.get(call, group.name, name)
    if existing is not None:
        if client_token and (existing.token, existing.fingerprint) == (client_token, wanted.fingerprint):
            return {"ScheduleArn": existing.arn}
        raise ConflictException(f"Schedule {name} already exists.")
    if group.state != "ACTIVE":
        raise ConflictException(f"Schedule group {group.name} is being deleted.")
    _check(call, wanted)
    firing.start(call, wanted)
    schedules.put(call, group.name, name, record=wanted)
    return {"ScheduleArn": wanted.arn}


@scheduler.operation
def update_schedule(call: Call, name: str, schedule_expression: str, target: Config,
                    flexible_time_window: Config, group_name: str | None = None,
                    start_date: datetime | None = None, end_date: datetime | None = None,
                    description: str | None = None, schedule_expression_timezone: str | None = None,
                    state: str | None = None, client_token: str | None = None,
                    action_after_completion: str | None = None) -> Config:
    """Replace what a schedule says: what is left out goes back to its default.

    A rate without a start counts on from where it did, unless it is another rate or was disabled.
    """
    old = find_schedule(call, find_group(call, group_name or DEFAULT).name, name)
    wanted = Schedule(old.group, name, old.arn, schedule_expression, schedule_expression_timezone or "UTC",
                      flexible_time_window, target, state or "ENABLED", action_after_completion or "NONE",
                      old.created_ms, call.now_ms, description, _ms(start_date), _ms(end_date))
    _sign(wanted, client_token)
    if client_token and (old.token, old.fingerprint) == (client_token, wanted.fingerprint):
        return {"ScheduleArn": old.arn}
    _check(call, wanted)
    goes_on = old.enabled and old.expression == wanted.expression
    wanted.begun_ms = old.begun_ms if goes_on else call.now_ms
    firing.stop(call, old)
    firing.start(call, wanted)
    schedules.put(call, old.group, name, record=wanted)
    return {"ScheduleArn": wanted.arn}


@scheduler.operation
def get_schedule(call: Call, name: str, group_name: str | None = None) -> Config:
    """A schedule."""
    found = find_schedule(call, find_group(call, group_name or DEFAULT).name, name)
    return {"Arn": found.arn, "GroupName": found.group, "Name": found.name, "State": found.state,
            "ScheduleExpression": found.expression, "ScheduleExpressionTimezone": found.timezone,
            "StartDate": _s(found.start_ms), "EndDate": _s(found.end_ms), "Description": found.description,
            "CreationDate": _s(found.created_ms), "LastModificationDate": _s(found.modified_ms),
            "Target": found.target, "FlexibleTimeWindow": found.window,
            "ActionAfterCompletion": found.after_completion}


@scheduler.operation
def list_schedules(call: Call, group_name: str | None = None, name_prefix: str | None = None,
                   state: str | None = None, next_token: str | None = None,
                   max_results: int | None = None) -> Config:
    """The schedules of a group or of all, by group and name.

    A page of those in a state may be short, and its token still lead on.
    """
    most = max_results or limits.PAGE
    place = paging.read(next_token, 2)
    found: list[Config] = []
    for looked_at, one in enumerate(_from(call, group_name, name_prefix or "", place, most + 1 if not state
                                          else _LOOKED_AT)):
        if len(found) == most or looked_at == _LOOKED_AT:
            return {"Schedules": found, "NextToken": paging.token(*place)}
        if state in (None, one.state):
            found.append(_summary(one))
        place = (one.group, one.name)
    return {"Schedules": found}


@scheduler.operation
def delete_schedule(call: Call, name: str, group_name: str | None = None,
                    client_token: str | None = None) -> Config:
    """Delete a schedule; the same request again, within eight hours, is no error."""
    group = group_name or DEFAULT
    key = f"{group}/{name}/{client_token or ''}"
    if client_token and _deletions.get(call, key) is not None and schedules.get(call, group, name) is None:
        return {}
    found = find_schedule(call, find_group(call, group).name, name)
    firing.stop(call, found)
    schedules.delete(call, group, name)
    for due in _forgetting.due(call, now_ms=call.now_ms, limit=2):
        _forgetting.remove(call, at_ms=due.at_ms, id=due.id)
        _deletions.delete(call, due.id)
    if client_token:
        gone = Gone(call.now_ms)
        _deletions.put(call, key, record=gone)
        _forgetting.add(call, at_ms=call.now_ms + _REMEMBERED_MS, id=key, work=gone)
    return {}


def _from(call: Call, group: str | None, prefix: str, place: tuple[str, ...],
          limit: int) -> Iterator[Schedule]:
    """The schedules after a place whose names begin so, at most ``limit`` of each group."""
    names = [find_group(call, group).name] if group else [str(key[0]) for key, _ in groups.items(call)]
    for name in names:
        if name < place[0]:
            continue
        last = place[1] if name == place[0] else ""
        if last < prefix:  # the first of those names is the prefix itself
            exact = schedules.get(call, name, prefix)
            if exact is not None:
                yield exact
        for _, found in schedules.items(call, name, after=(name, max(last, prefix)), limit=limit):
            if not found.name.startswith(prefix):
                break
            yield found


def _check(call: Call, schedule: Schedule) -> None:
    """Refuse what can't be meant; the target is kept with its defaults."""
    expressions.check(schedule.expression, schedule.timezone)
    window = schedule.window
    if window["Mode"] == "OFF" and window.get("MaximumWindowInMinutes") is not None:
        raise ValidationException("MaximumWindowInMinutes must not be provided when FlexibleTimeWindowMode "
                                  "is set to OFF.")
    if window["Mode"] == "FLEXIBLE" and window.get("MaximumWindowInMinutes") is None:
        raise ValidationException("MaximumWindowInMinutes must be provided when FlexibleTimeWindowMode is "
                                  "set to FLEXIBLE.")
    if not schedule.once:
        _check_dates(call, schedule.start_ms, schedule.end_ms)
    schedule.target = checked(call, schedule.target)
    roles.acting(call, schedule.target["RoleArn"], group_arn(call, schedule.group), "check")


def _check_dates(call: Call, start_ms: int | None, end_ms: int | None) -> None:
    """A one-time schedule has no use for them; of any other they must lie ahead and in order."""
    if start_ms is not None and start_ms < call.now_ms - limits.START_PAST_MS:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if end_ms is not None and end_ms < call.now_ms:
        raise ValidationException("The EndDate you specify cannot be earlier than now.")
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise ValidationException("The StartDate you specify must come before the EndDate.")


def _sign(schedule: Schedule, token: str | None) -> None:
    """Note with which request a schedule is as it is."""
    said = (schedule.expression, schedule.timezone, schedule.window, schedule.target, schedule.state,
            schedule.after_completion, schedule.description, schedule.start_ms, schedule.end_ms)
    schedule.token = token or ""
    schedule.fingerprint = hashlib.sha256(msgspec.msgpack.encode(said)).hexdigest()[:32]


def _summary(schedule: Schedule) -> Config:
    return {"Arn": schedule.arn, "GroupName": schedule.group, "Name": schedule.name, "State": schedule.state,
            "CreationDate": _s(schedule.created_ms), "LastModificationDate": _s(schedule.modified_ms),
            "Target": {"Arn": schedule.target["Arn"]}}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _s(moment_ms: int | None) -> float | None:
    return None if moment_ms is None else moment_ms / 1000
