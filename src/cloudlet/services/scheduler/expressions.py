"""When a schedule comes: ``at(…)``, ``rate(…)`` and ``cron(…)`` in a time zone. Pure.

Every moment follows from the one before it and never from the clock, so nothing is lost or moved when a
cloudlet was not there for an hour. A cron's moment that the clocks leap over is left out, and one that they
show twice comes once; a rate's day always has 24 hours.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ...errors import ValidationException
from ...fabric import schedules as expressions
from .records import Schedule

_AT = re.compile(r"at\(([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\)")
_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|hour|day)s?\)")


def check(expression: str, timezone: str) -> None:
    """Refuse what is no expression, or no time zone."""
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise ValidationException(f"Invalid ScheduleExpressionTimezone {timezone}.") from None
    try:
        if _AT.fullmatch(expression):
            _moment(expression, timezone)
        else:
            _recurring(expression)
    except ValueError:
        raise ValidationException(f"Invalid Schedule Expression {expression}.") from None


def next_ms(schedule: Schedule, after_ms: int) -> int | None:
    """The first moment of a schedule after ``after_ms``; None if there is none any more."""
    if schedule.once:
        at_ms = _moment(schedule.expression, schedule.timezone)
        return at_ms if at_ms > after_ms else None
    found = _next_of_recurring(schedule, after_ms)
    return None if found is None or (schedule.end_ms is not None and found > schedule.end_ms) else found


def _next_of_recurring(schedule: Schedule, after_ms: int) -> int | None:
    expression = _recurring(schedule.expression)
    if isinstance(expression, expressions.Rate):
        first_ms = schedule.begun_ms if schedule.start_ms is None else schedule.start_ms
        gone = max(0, (after_ms - first_ms) // expression.every_ms + 1)
        return first_ms + gone * expression.every_ms
    earliest_ms = after_ms if schedule.start_ms is None else max(after_ms, schedule.start_ms - 1)
    return expression.next_ms(earliest_ms, schedule.timezone)


@lru_cache(maxsize=4096)
def _recurring(text: str) -> expressions.Schedule:
    """A rate or a cron; the scheduler, unlike a rule, does not mind ``rate(1 hours)`` or ``rate(2 hour)``."""
    if found := _RATE.fullmatch(text):
        text = f"rate({found[1]} {found[2]}{'' if found[1] == '1' else 's'})"
    return expressions.parse(text)


@lru_cache(maxsize=4096)
def _moment(text: str, timezone: str) -> int:
    """When a one-time schedule comes; of a time that the clocks leap over, an hour later."""
    found = _AT.fullmatch(text)
    if not found:
        raise ValueError(text)
    shown = datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(timezone))
    return round(shown.timestamp() * 1000)
