"""When schedules fire: their moments are an agenda, and one timer stands at the earliest of a region.

They fire in the order of their moments, whatever schedule they are of, and each moment once: when the clock
is moved a month ahead, or the cloudlet was not there for an hour, all that was missed is made up for. A
schedule that waits is one row, and costs nothing.
"""

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Agenda, Table
from . import expressions, limits
from .delivering import dispatch
from .records import Schedule, schedules
from .service import scheduler

_AT_ONCE = 50  # moments in one transaction


class Moment(msgspec.Struct):
    """That a schedule fires; its name is the row's."""


class Alarm(msgspec.Struct):
    """When the timer goes off, and its number."""

    at_ms: int
    number: int


_moments = Agenda("scheduler.moments", Moment)
_alarms = Table("scheduler.alarm", Alarm)


def start(call: Call, schedule: Schedule) -> None:
    """Let an enabled schedule run from now on; the caller keeps it. It must not be running."""
    if schedule.enabled:
        _plan(call, schedule, call.now_ms - _early_ms(schedule))
        _set_alarm(call)


def stop(call: Call, schedule: Schedule) -> None:
    """Let a schedule rest; the caller keeps it."""
    if schedule.fires_ms:
        _moments.remove(call, at_ms=schedule.fires_ms, id=_row(schedule))
    schedule.due_ms = schedule.fires_ms = 0


def _early_ms(schedule: Schedule) -> int:
    """How long ago the first moment may be: a rate's is now, a cron's to come."""
    return limits.PRECISION_MS if schedule.once else int(schedule.expression.startswith("rate("))


@scheduler.task
def fire(call: Call, number: int) -> None:
    """Fire what is due, the earliest first."""
    alarm = _alarms.get(call, "")
    if alarm is None or alarm.number != number:
        return
    for _ in range(_AT_ONCE):  # one by one: a schedule's next moment may come before that of another
        due = next(iter(_moments.due(call, now_ms=call.now_ms, limit=1)), None)
        if due is None:
            break
        _moments.remove(call, at_ms=due.at_ms, id=due.id)
        group, _, name = due.id.partition("/")
        schedule = schedules.get(call, group, name)
        if schedule is not None and schedule.fires_ms == due.at_ms:
            _fire(call, schedule)
    _alarms.delete(call, "")
    _set_alarm(call, number)


def _fire(call: Call, schedule: Schedule) -> None:
    due_ms = schedule.due_ms
    _plan(call, schedule, due_ms)
    if not schedule.due_ms and schedule.after_completion == "DELETE":
        schedules.delete(call, schedule.group, schedule.name)
    else:
        schedules.put(call, schedule.group, schedule.name, record=schedule)
    dispatch(call, schedule, due_ms)


def _plan(call: Call, schedule: Schedule, after_ms: int) -> None:
    """Put down when a schedule fires next: at a moment of its window, each as likely as the next."""
    schedule.due_ms = expressions.next_ms(schedule, after_ms) or 0
    schedule.fires_ms = 0
    if schedule.due_ms:
        window_ms = 60_000 * (schedule.window.get("MaximumWindowInMinutes") or 0)
        later_ms = int.from_bytes(call.ids.bytes(6), "big") * window_ms >> 48
        schedule.fires_ms = schedule.due_ms + later_ms
        _moments.add(call, at_ms=schedule.fires_ms, id=_row(schedule), work=Moment())


def _set_alarm(call: Call, last: int = 0) -> None:
    """See to it that the timer stands at the earliest moment."""
    earliest_ms, alarm = _moments.earliest_ms(call), _alarms.get(call, "")
    if earliest_ms is None or (alarm is not None and alarm.at_ms <= earliest_ms):
        return
    number = max(last, alarm.number if alarm else 0) + 1
    if alarm is not None:
        timers.cancel(call, at_ms=alarm.at_ms, id=_id(call, alarm.number))
    at_ms = max(earliest_ms, call.now_ms)
    _alarms.put(call, "", record=Alarm(at_ms, number))
    timers.schedule(call, fire, at_ms=at_ms, id=_id(call, number), number=number)


def _id(call: Call, number: int) -> str:
    return f"scheduler/{call.account}/{call.region}/{number}"


def _row(schedule: Schedule) -> str:
    return f"{schedule.group}/{schedule.name}"
