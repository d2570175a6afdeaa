"""When schedules fire: in the order of their moments, and each moment once."""

from ...fabric.moments import Moments
from ...kernel import Call
from . import expressions, limits
from .delivering import dispatch
from .records import Schedule, schedules
from .service import scheduler

_moments = Moments("scheduler.moments", "scheduler.alarm", "scheduler", "fire")


def start(call: Call, schedule: Schedule) -> None:
    """Let an enabled schedule run from now on; the caller keeps it. It must not be running."""
    if schedule.enabled:
        _plan(call, schedule, call.now_ms - _early_ms(schedule))
        _moments.wind(call)


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
    for due in _moments.due(call, number):
        group, _, name = due.id.partition("/")
        schedule = schedules.get(call, group, name)
        if schedule is not None and schedule.fires_ms == due.at_ms:
            _fire(call, schedule)


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
        _moments.add(call, at_ms=schedule.fires_ms, id=_row(schedule))


def _row(schedule: Schedule) -> str:
    return f"{schedule.group}/{schedule.name}"
