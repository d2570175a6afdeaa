"""Moments as texts: ``parse_time`` writes them after Joda-Time's patterns, ``time_to_epoch`` reads Java's.

Names of months and days are English. A letter of a pattern that isn't here makes the result undefined.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .values import UNDEFINED, to_floor, to_text

_PIECE = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Unknown(Exception):
    pass


def parse_time(pattern: Any, at_ms: Any, zone: Any = "UTC") -> Any:
    """The moment ``at_ms`` as ``pattern`` writes it.

    >>> parse_time("yyyy.MM.dd G 'at' HH:mm:ss z", 100000000, "America/Belize")
    '1970.01.01 AD at 21:46:40 CST'
    """
    found = to_floor(at_ms)
    if not isinstance(pattern, str) or not isinstance(found, int):
        return UNDEFINED
    try:
        moment = (_EPOCH + timedelta(milliseconds=found)).astimezone(_zone(to_text(zone)))
        return "".join(_written(letter, count, moment) if letter else text
                       for letter, count, text in _pieces(pattern))
    except (_Unknown, OverflowError):
        return UNDEFINED


def time_to_epoch(text: Any, pattern: Any) -> Any:
    """The milliseconds that ``text`` says when it is read after ``pattern``; UTC if it names no zone.

    >>> time_to_epoch("2020-04-03 09:45:18 UTC+01:00", "yyyy-MM-dd HH:mm:ss VV")
    1585903518000
    """
    if not isinstance(text, str) or not isinstance(pattern, str):
        return UNDEFINED
    try:
        order = [(letter, count, plain) for letter, count, plain in _pieces(pattern)]
        match = re.fullmatch("".join(f"({_readable(letter, count)})" if letter else re.escape(plain)
                                     for letter, count, plain in order), text, re.IGNORECASE)
        if match is None:
            return UNDEFINED
        letters = [(letter, count) for letter, count, _ in order if letter]
        moment = _moment(list(zip(letters, match.groups(), strict=True)))
    except (_Unknown, ValueError, OverflowError):
        return UNDEFINED
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _pieces(pattern: str) -> Iterator[tuple[str, int, str]]:
    """The letters of a pattern with how often each stands there, and plain texts (with an empty letter)."""
    at = 0
    while at < len(pattern):
        match = _PIECE.match(pattern, at)
        if match is None:
            raise _Unknown
        if match[1] is not None:
            yield "", 0, match[1].replace("''", "'") or "'"
        elif match[2]:
            yield match[2], len(match[0]), ""
        else:
            yield "", 0, match[0]
        at = match.end()


def _zone(name: Any) -> tzinfo:
    if name in ("UTC", "Z", "GMT"):
        return UTC
    match = _OFFSET.fullmatch(str(name))
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes))
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _Unknown from None


def _written(letter: str, count: int, moment: datetime) -> str:
    hour = moment.hour
    numbers = {"d": moment.day, "H": hour, "k": hour or 24, "K": hour % 12, "h": hour % 12 or 12,
               "m": moment.minute, "s": moment.second, "D": moment.timetuple().tm_yday,
               "e": moment.isoweekday(), "w": moment.isocalendar()[1], "C": moment.year // 100}
    if letter in numbers:
        return f"{numbers[letter]:0{count}}"
    match letter:
        case "y" | "Y" | "x" | "u":
            year = moment.isocalendar()[0] if letter == "x" else moment.year
            return f"{year % 100:02}" if count == 2 else f"{year:0{count}}"
        case "M":
            name = _MONTHS[moment.month - 1]
            return f"{moment.month:0{count}}" if count < 3 else name[:3] if count == 3 else name
        case "E":
            name = _DAYS[moment.weekday()]
            return name if count > 3 else name[:3]
        case "S":
            return f"{moment.microsecond:06}".ljust(count, "0")[:count]
        case "a":
            return "AM" if hour < 12 else "PM"
        case "G":
            return "AD"
        case "z":
            return moment.tzname() or "UTC"
        case "Z":
            text = moment.strftime("%z")
            return str(moment.tzinfo) if count > 2 else f"{text[:3]}:{text[3:5]}" if count == 2 else text[:5]
    raise _Unknown


def _readable(letter: str, count: int) -> str:
    match letter:
        case "y" | "u":
            return r"\d{2}" if count == 2 else r"\d{4,9}"
        case "M" if count > 2:
            return "|".join(name if count > 3 else name[:3] for name in _MONTHS)
        case "E":
            return "|".join(name if count > 3 else name[:3] for name in _DAYS)
        case "M" | "d" | "H" | "h" | "m" | "s" | "k" | "K":
            return rf"\d{{{count}}}" if count > 1 else r"\d{1,2}"
        case "S":
            return rf"\d{{{count}}}"
        case "a":
            return "AM|PM"
        case "G":
            return "AD"
        case "z" | "V" | "Z" | "X" | "x" | "O":
            return r"[A-Za-z_]+(?:/[A-Za-z_]+)*(?:[+-]\d{1,2}(?::?\d{2})?)?|[+-]\d{2}(?::?\d{2})?"
    raise _Unknown


def _moment(found: list[tuple[tuple[str, int], str]]) -> datetime:
    said = {letter: text for (letter, _), text in found}
    year = int(said.get("y") or said.get("u") or 1970)
    if len(said.get("y") or said.get("u") or "1970") == 2:
        year += 2000
    month = said.get("M", "1")
    number = (
        int(month) if month.isdigit() else [name[:3].lower() for name in _MONTHS].index(month[:3].lower()) + 1
    )
    hour = int(said.get("H") or int(said.get("k") or 0) % 24)
    if "h" in said or "K" in said:
        hour = int(said.get("h") or said["K"]) % 12 + (12 if said.get("a", "").upper() == "PM" else 0)
    zone = next((said[letter] for letter in "zVZXxO" if letter in said), "UTC")
    micros = int(said.get("S", "0")[:6].ljust(6, "0"))
    return datetime(year, number, int(said.get("d", "1")), hour, int(said.get("m", "0")),
                    int(said.get("s", "0")), micros, _zone(zone.upper() if zone.lower() == "z" else zone))
