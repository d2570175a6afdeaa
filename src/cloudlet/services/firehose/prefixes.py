"""What objects are called: prefixes with expressions such as ``!{timestamp:yyyy/MM/dd}``, and the suffix.

Source: https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html

>>> moment = datetime(2018, 8, 27, 10, 30, tzinfo=UTC)
>>> evaluate("logs/!{timestamp:yyyy'-'MM'-'dd}/!{firehose:error-output-type}/", moment, str, "splunk-failed")
'logs/2018-08-27/splunk-failed/'
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from .errors import InvalidArgumentException, not_honoured
from .limits import PREFIX_LONGEST

_EXPRESSION = re.compile(r"!\{([A-Za-z]*):([^}]*)\}")
_FIELD = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']")
_BY_TIME = "!{timestamp:yyyy/MM/dd/HH/}"
_TYPE = "!{firehose:error-output-type}"
_KEYS = ("partitionKeyFromLambda", "partitionKeyFromQuery")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "d": lambda at: at.day, "D": lambda at: at.timetuple().tm_yday, "H": lambda at: at.hour,
    "h": lambda at: (at.hour - 1) % 12 + 1, "K": lambda at: at.hour % 12,
    "k": lambda at: (at.hour - 1) % 24 + 1, "m": lambda at: at.minute, "s": lambda at: at.second,
}


def check(prefix: str | None, error_prefix: str | None, *, partitioned: bool) -> None:
    """Refuse prefixes that AWS refuses, and expressions that can't be evaluated here."""
    names = [_checked(text) for text in (prefix or "", error_prefix or "")]
    if "error-output-type" in names[0]:
        raise InvalidArgumentException("Prefix cannot contain !{firehose:error-output-type}")
    if names[0] and not error_prefix:
        raise InvalidArgumentException("ErrorOutputPrefix can't be null when Prefix contains expressions")
    if names[1] and "error-output-type" not in names[1]:
        raise InvalidArgumentException("ErrorOutputPrefix must contain !{firehose:error-output-type} if it "
                                       "contains expressions")
    if any(key in names[1] for key in _KEYS):
        raise InvalidArgumentException("ErrorOutputPrefix cannot contain partition keys")
    if "partitionKeyFromQuery" in names[0]:
        raise not_honoured("!{partitionKeyFromQuery:…} in a prefix",
                           " It needs the processor MetadataExtraction; a function can give keys instead.")
    if ("partitionKeyFromLambda" in names[0]) is not partitioned:
        raise InvalidArgumentException(
            "Prefix must contain partition keys when Dynamic Partitioning is enabled" if partitioned
            else "Prefix cannot contain partition keys when Dynamic Partitioning is not enabled")
    for name, text, found in (("Prefix", prefix, names[0]), ("ErrorOutputPrefix", error_prefix, names[1])):
        if not found and len(text or "") > PREFIX_LONGEST:
            raise InvalidArgumentException(f"{name} cannot be longer than {PREFIX_LONGEST} characters")


def keys_of(prefix: str) -> tuple[str, ...]:
    """The partition keys that a prefix asks for."""
    return tuple(value for namespace, value in _EXPRESSION.findall(prefix) if namespace in _KEYS)


def of_records(prefix: str) -> str:
    """The whole prefix: one that does not speak of time, nor of partitions, gets the hour at its end."""
    timed = any(name == "timestamp" for name, _ in _EXPRESSION.findall(prefix))
    return prefix if timed or keys_of(prefix) else prefix + _BY_TIME


def of_failures(prefix: str, error_prefix: str) -> str:
    """The whole prefix of what could not be delivered."""
    if _EXPRESSION.search(error_prefix):
        return error_prefix
    return f"{error_prefix or prefix}{_TYPE}/{_BY_TIME}"


def evaluate(prefix: str, moment: datetime, random: Callable[[], str], error_type: str = "",
             keys: Mapping[str, str] | None = None) -> str:
    """The prefix with its expressions evaluated; ``random`` gives a new random text each time."""
    def one(match: re.Match[str]) -> str:
        namespace, value = match[1], match[2]
        if namespace == "timestamp":
            return stamp(value, moment)
        if namespace == "firehose":
            return error_type if value == "error-output-type" else random()
        return (keys or {}).get(value, "")  # a key that an update has added since

    return _EXPRESSION.sub(one, prefix)


def suffix(name: str, version: int, moment: datetime, uuid: str, extension: str) -> str:
    """The last part of an object's name, which nobody can change."""
    return f"{name}-{version}-{moment:%Y-%m-%d-%H-%M-%S}-{uuid}{extension}"


def stamp(pattern: str, moment: datetime) -> str:
    """A moment as Java's DateTimeFormatter writes it.

    >>> stamp("EEE d MMM yy, hh:mm a 'o''clock'", datetime(2018, 8, 7, 13, 5, tzinfo=UTC))
    "Tue 7 Aug 18, 01:05 PM o'clock"
    """
    def one(match: re.Match[str]) -> str:
        text = match[0]
        if match[1] is not None:
            return match[1].replace("''", "'") or "'"
        return _field(match[2], len(text), moment) if match[2] else text.strip("[]")

    return _FIELD.sub(one, pattern)


def zone(name: str) -> tzinfo:
    """The time zone of that name; UTC if there is none."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise InvalidArgumentException(f"CustomTimeZone {name} is no time zone that is known here") from None


def _field(letter: str, length: int, at: datetime) -> str:
    if letter in _NUMBERS:
        return f"{_NUMBERS[letter](at):0{length}d}"
    if letter in "yu":
        return f"{at.year % 100:02d}" if length == 2 else f"{at.year:0{length}d}"
    if letter in "ML":
        return f"{at.month:0{length}d}" if length < 3 else _named(_MONTHS[at.month - 1], length)
    if letter == "E":
        return _named(_DAYS[at.weekday()], max(length, 3))
    if letter == "a" and length == 1:
        return "AM" if at.hour < 12 else "PM"
    if letter == "S":
        return "0" * length  # AWS knows the second only
    if letter == "Z" and length < 4:
        return at.strftime("%z")
    if letter == "X" and length < 4:
        return _offset(at.strftime("%z"), length)
    raise not_honoured(f"{letter * length!r} in a timestamp of a prefix")


def _offset(text: str, length: int) -> str:
    if text == "+0000":
        return "Z"
    if length == 1:
        return text.removesuffix("00")
    return text if length == 2 else f"{text[:3]}:{text[3:]}"


def _named(word: str, length: int) -> str:
    return word[:3] if length == 3 else word if length == 4 else word[:1]


def _checked(text: str) -> set[str]:
    """The names that the expressions of a prefix use, each of which must be known."""
    found = set()
    if _EXPRESSION.sub("", text).count("!{"):
        raise InvalidArgumentException(
            "The sequence !{ can only appear in expressions of the form !{namespace:value}")
    for namespace, value in _EXPRESSION.findall(text):
        if namespace == "timestamp":
            stamp(value, datetime(2000, 1, 1, tzinfo=UTC))
            if value.replace("''", "").count("'") % 2 or not value:
                raise InvalidArgumentException(f"Invalid timestamp pattern: {value}")
        elif namespace == "firehose":
            if value not in ("error-output-type", "random-string"):
                raise InvalidArgumentException(f"Invalid value {value} in the namespace firehose")
        elif namespace not in _KEYS or not value:
            raise InvalidArgumentException(f"Invalid expression: !{{{namespace}:{value}}}")
        found |= {namespace, value} if namespace == "firehose" else {namespace}
    return found
