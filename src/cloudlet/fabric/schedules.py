"""Schedules: when ``rate(…)`` and ``cron(…)`` come next. Pure, for rules, schedules and whatever else recurs.

A cron's moments are computed, not counted up to: a schedule that comes once in a leap year costs as little
as one that comes every minute. In a zone with summer time a moment that the clocks leap over is left out, and
one that they show twice comes once, the first time.
Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html,
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

>>> from datetime import datetime, UTC
>>> noon = int(datetime(2024, 1, 31, 12, tzinfo=UTC).timestamp() * 1000)
>>> at = parse("cron(0 9 L * ? *)").next_ms(noon)
>>> datetime.fromtimestamp(at / 1000, UTC).isoformat()
'2024-02-29T09:00:00+00:00'
"""

import calendar
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|hour|day)(s?)\)", re.ASCII)
_CRON = re.compile(r"cron\(([^()]*)\)")
_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_LONGEST_MS = 1 << 50  # some 35,000 years: what lies beyond is no rate
_MONTHS = {name: n for n, name in enumerate(
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1)}
_DAYS = {name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_YEARS = (1970, 2199)
Month = Callable[[int, int], set[int]]  # the days of a year's month


class ScheduleError(ValueError):
    """The expression is no schedule."""


class Rate(msgspec.Struct, frozen=True):
    """Every so often, beginning when the schedule does."""

    every_ms: int

    def next_ms(self, after_ms: int, timezone: str = "UTC") -> int | None:
        """The first moment after ``after_ms``, which is that of the one before."""
        return after_ms + self.every_ms


class Cron(msgspec.Struct, frozen=True):
    """The minutes that six fields describe. ``days`` gives the days of a month."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Month
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_ms(self, after_ms: int, timezone: str = "UTC") -> int | None:
        """The first moment after ``after_ms`` by the clocks of ``timezone``; None if none is left."""
        zone: tzinfo = UTC if timezone == "UTC" else ZoneInfo(timezone)
        shown = datetime.fromtimestamp(after_ms / 1000, zone).replace(tzinfo=None, second=0, microsecond=0)
        # clocks that are put back show some minutes again, so those just gone are looked at as well
        start = shown - timedelta(hours=3) if zone is not UTC else shown
        for moment in self._from(start):
            at = moment.replace(tzinfo=zone)
            at_ms = round(at.timestamp()) * 1000
            if at_ms > after_ms and _is_shown(at, at_ms):
                return at_ms
        return None

    def _from(self, start: datetime) -> Iterator[datetime]:
        """The moments that clocks show from ``start`` on, in order."""
        for year in self.years[bisect_left(self.years, start.year):]:
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                for day in sorted(self.days(year, month)):
                    if (year, month, day) < (start.year, start.month, start.day):
                        continue
                    same = (year, month, day) == (start.year, start.month, start.day)
                    for hour in self.hours[bisect_left(self.hours, start.hour) if same else 0:]:
                        first = same and hour == start.hour
                        for minute in self.minutes[bisect_left(self.minutes, start.minute) if first else 0:]:
                            yield datetime(year, month, day, hour, minute)


Schedule = Rate | Cron


def parse(text: str) -> Schedule:
    """What ``rate(5 minutes)`` or ``cron(0 12 * * ? *)`` means; a :class:`ScheduleError` if it is neither."""
    if found := _RATE.fullmatch(text):
        number, unit, plural = int(found[1]), found[2], found[3]
        if (number == 1) == bool(plural) or number * _UNITS_MS[unit] > _LONGEST_MS:
            raise ScheduleError(f"{text} is no rate: one minute, several minutes.")
        return Rate(number * _UNITS_MS[unit])
    if found := _CRON.fullmatch(text):
        return _cron(found[1].split())
    raise ScheduleError(f"{text} is neither rate(…) nor cron(…).")


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise ScheduleError(f"A cron expression has six fields, not {len(fields)}.")
    minutes, hours, days, months, weekdays, years = (field.upper() for field in fields)
    if (days == "?") == (weekdays == "?"):
        raise ScheduleError("One of day-of-month and day-of-week must be '?', and only one.")
    return Cron(_numbers(minutes, 0, 59), _numbers(hours, 0, 23),
                _days_of_month(days) if weekdays == "?" else _days_of_week(weekdays),
                _numbers(months, 1, 12, _MONTHS), _numbers(years, *_YEARS))


def _numbers(field: str, least: int, most: int, names: dict[str, int] | None = None, *,
             steps: bool = True) -> tuple[int, ...]:
    """The numbers of ``1,5-7,10/5``, in order."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if slash and not (steps and step.isascii() and step.isdigit() and 1 <= int(step) <= most):
            raise ScheduleError(f"{part} has no sound step.")
        if span == "*":
            low, high = least, most
        else:
            low = _number(first, least, most, names)
            high = _number(last, least, most, names) if dash else most if slash else low
        if low > high:
            raise ScheduleError(f"{part} ends before it begins.")
        found.update(range(low, high + 1, int(step) if slash else 1))
    return tuple(sorted(found))


def _number(text: str, least: int, most: int, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and least <= int(text) <= most):
        raise ScheduleError(f"{text or 'nothing'} is not between {least} and {most}.")
    return int(text)


def _days_of_month(field: str) -> Month:
    """``15``, ``*``, ``L`` (the last), ``15W`` (the weekday nearest to the 15th)."""
    if field == "L":
        return lambda year, month: {_length(year, month)}
    if field.endswith("W"):
        wanted = _number(field[:-1], 1, 31, None)
        return lambda year, month: _nearest_weekday(year, month, wanted)
    listed = _numbers(field, 1, 31)
    return lambda year, month: {day for day in listed if day <= _length(year, month)}


def _days_of_week(field: str) -> Month:
    """``MON-FRI``, ``*``, ``L`` (Saturday), ``6L`` (the last Friday), ``SAT#3`` (the third Saturday)."""
    name, hash_, nth = field.partition("#")
    if hash_:
        weekday, number = _number(name, 1, 7, _DAYS), _number(nth, 1, 5, None)
        return lambda year, month: set(_weekdays(year, month, (weekday,))[number - 1 : number])
    if field != "L" and field.endswith("L"):
        weekday = _number(field[:-1], 1, 7, _DAYS)
        return lambda year, month: set(_weekdays(year, month, (weekday,))[-1:])
    listed = (7,) if field == "L" else _numbers(field, 1, 7, _DAYS, steps=False)
    return lambda year, month: set(_weekdays(year, month, listed))


def _weekdays(year: int, month: int, wanted: tuple[int, ...]) -> list[int]:
    """The days of a month that are one of these weekdays, 1 for Sunday."""
    first = (calendar.weekday(year, month, 1) + 1) % 7  # 0 for Sunday
    return [day for day in range(1, _length(year, month) + 1) if (first + day - 1) % 7 + 1 in wanted]


def _nearest_weekday(year: int, month: int, wanted: int) -> set[int]:
    last = _length(year, month)
    if wanted > last:
        return set()
    weekday = calendar.weekday(year, month, wanted)  # 5 and 6 are the weekend
    if weekday == 5:
        return {wanted - 1 if wanted > 1 else wanted + 2}
    if weekday == 6:
        return {wanted + 1 if wanted < last else wanted - 2}
    return {wanted}


def _length(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def _is_shown(at: datetime, at_ms: int) -> bool:
    """Whether the clocks there ever show this moment, or leap over it."""
    return datetime.fromtimestamp(at_ms / 1000, at.tzinfo).replace(tzinfo=None) == at.replace(tzinfo=None)
