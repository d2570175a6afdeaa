"""The functions of IoT SQL by name: what each takes, and since when there is it.

Source: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

from ....errors import NotHonoured
from . import dates, numbers
from .message import Facts
from .tokens import WrongSql
from .values import UNDEFINED, loads, to_floor, to_int, to_text

Run = Callable[..., Any]
_MOST = 1 << 17  # bytes of what transform() makes, and characters of what a text becomes


class Function(msgspec.Struct, frozen=True):
    """A function. ``most`` None: any number of arguments. ``asks``: it gets the facts first."""

    run: Run
    least: int
    most: int | None
    later: bool = False  # only in the second version
    asks: bool = False


_ABSENT = frozenset(("aws_lambda", "get_dynamodb", "get_registry_data", "get_secret", "get_thing_shadow",
                     "machinelearning_predict", "md2", "get_and_put_dynamodb"))


def check(name: str, written: str, count: int, old: bool) -> None:
    """Refuse a call of a function that there is not, or not with so many arguments."""
    if name in _ABSENT:
        raise NotHonoured(
            f"cloudlet does not have the IoT SQL function {written}, and refuses a rule that uses "
            "it rather than let it give nothing."
        )
    found = FUNCTIONS.get(name)
    if found is None:
        raise WrongSql(f"There is no function {written!r}.")
    if old and found.later:
        raise WrongSql(f"The function {written} needs the SQL version 2016-03-23.")
    if count < found.least or (found.most is not None and count > found.most):
        most = "or more" if found.most is None else f"to {found.most}"
        takes = str(found.least) if found.least == found.most else f"{found.least} {most}"
        raise WrongSql(f"The function {written} takes {takes} arguments, not {count}.")


def _texts(work: Callable[..., Any]) -> Run:
    """A function of texts: what is no text becomes one, and what can't makes all undefined."""
    def run(*arguments: Any) -> Any:
        texts = [to_text(argument) for argument in arguments]
        return UNDEFINED if UNDEFINED in texts else work(*texts)
    return run


def _concat(*arguments: Any) -> Any:
    if not arguments:
        return UNDEFINED
    if len(arguments) == 1:
        return arguments[0]
    if any(isinstance(argument, list) for argument in arguments):
        return [one for argument in arguments
                for one in (argument if isinstance(argument, list) else [argument])]
    texts = [to_text(argument) for argument in arguments]
    return UNDEFINED if UNDEFINED in texts else "".join(texts)


def _get(of: Any, key: Any) -> Any:
    if isinstance(of, dict):
        return of.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    place = to_int(key)
    if not isinstance(of, list | str) or not isinstance(place, int) or not 0 <= place < len(of):
        return UNDEFINED
    return of[place]


def _pad(text: Any, by: Any) -> tuple[Any, str]:
    width = to_floor(by)
    found = to_text(text)
    return (found, " " * min(max(width, 0), 1000)) if isinstance(width, int) else (UNDEFINED, "")


def _lpad(text: Any, by: Any) -> Any:
    found, blanks = _pad(text, by)
    return UNDEFINED if found is UNDEFINED else blanks + found


def _rpad(text: Any, by: Any) -> Any:
    found, blanks = _pad(text, by)
    return UNDEFINED if found is UNDEFINED else found + blanks


def _substring(of: Any, start: Any, stop: Any = None) -> Any:
    text, first = to_text(of), to_floor(start)
    last = None if stop is None else to_floor(stop)
    if text is UNDEFINED or not isinstance(first, int) or not isinstance(last, int | None):
        return UNDEFINED
    return text[max(first, 0) : None if last is None else max(last, 0)]


def _chr(of: Any) -> Any:
    code = to_floor(of)
    return chr(code) if isinstance(code, int) and 0 <= code < 128 else UNDEFINED


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return None


def _regexp_matches(text: str, pattern: str) -> Any:
    found = _pattern(pattern)
    return found.search(text) is not None if found else UNDEFINED


def _regexp_replace(text: str, pattern: str, by: str) -> Any:
    found = _pattern(pattern)
    replacement = re.sub(r"\$(\d)", r"\\g<\1>", by.replace("\\", "\\\\"))
    try:
        return found.sub(replacement, text) if found else UNDEFINED
    except (re.error, IndexError):
        return UNDEFINED


def _regexp_substr(text: str, pattern: str) -> Any:
    found = _pattern(pattern)
    match = found.search(text) if found else None
    return match[0] if match else UNDEFINED


def _replace(text: str, old: str, new: str) -> Any:
    if text.count(old) * (len(new) - len(old)) + len(text) > _MOST:
        return UNDEFINED
    return text.replace(old, new)


def _encode(value: Any, scheme: Any) -> Any:
    if scheme != "base64":
        return UNDEFINED
    raw = value if isinstance(value, bytes) else to_text(value)
    if raw is UNDEFINED:
        return UNDEFINED
    return base64.b64encode(raw if isinstance(raw, bytes) else raw.encode()).decode()


def _decode(facts: Facts, value: Any, scheme: Any) -> Any:
    if scheme != "base64" or not isinstance(value, str):
        return None
    try:
        raw = base64.b64decode(value, validate=True)
    except (ValueError, binascii.Error):
        return None
    found = loads(raw, whole=facts.version != "2015-10-08")
    return raw.decode("utf-8", "replace") if found is UNDEFINED else found


def _topic(facts: Facts, level: Any = None) -> Any:
    if level is None:
        return facts.topic
    place, levels = to_int(level), facts.topic.split("/")
    return levels[place - 1] if isinstance(place, int) and 0 < place <= len(levels) else UNDEFINED


def _transform(mode: Any, extra: Any, items: Any) -> Any:
    if mode != "enrichArray" or not isinstance(extra, dict) or not isinstance(items, list) \
            or not all(isinstance(item, dict) for item in items):
        return UNDEFINED
    found = [item | extra for item in items]
    return found if len(to_text(found)) <= _MOST else UNDEFINED


def _mqtt_property(facts: Facts, name: Any) -> Any:
    return facts.message.properties.get(name, UNDEFINED) if isinstance(name, str) else UNDEFINED


def _user_properties(facts: Facts, key: Any) -> Any:
    found = [value for name, value in facts.message.user_properties if name == key]
    return found or UNDEFINED


def _random(facts: Facts) -> Any:
    return numbers.double(int.from_bytes(facts.message.random(6), "big") / (1 << 48))


def _hash(name: str) -> Run:
    return _texts(lambda text: hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest())


def _told(text: str) -> Any:
    return text or UNDEFINED


FUNCTIONS: dict[str, Function] = {
    # the message, and how it came
    "accountid": Function(lambda facts: facts.message.account, 0, 0, asks=True),
    "clientid": Function(lambda facts: facts.message.client_id or "n/a", 0, 0, asks=True),
    "get_mqtt_property": Function(_mqtt_property, 1, 1, later=True, asks=True),
    "get_user_properties": Function(_user_properties, 1, 1, later=True, asks=True),
    "newuuid": Function(lambda facts: facts.message.uuid(), 0, 0, asks=True),
    "principal": Function(lambda facts: _told(facts.message.principal), 0, 0, asks=True),
    "rand": Function(_random, 0, 0, asks=True),
    "sourceip": Function(lambda facts: _told(facts.message.source_ip), 0, 0, later=True, asks=True),
    "sql_version": Function(lambda facts: facts.version, 0, 0, asks=True),
    "timestamp": Function(lambda facts: facts.message.at_ms, 0, 0, asks=True),
    "topic": Function(_topic, 0, 1, asks=True),
    "traceid": Function(lambda facts: _told(facts.message.trace_id), 0, 0, asks=True),
    # values
    "concat": Function(_concat, 0, None),
    "decode": Function(_decode, 2, 2, later=True, asks=True),
    "encode": Function(_encode, 2, 2, later=True),
    "get": Function(_get, 2, 2),
    "get_or_default": Function(
        lambda value, other: other if value in (UNDEFINED, None) else value, 2, 2, later=True
    ),
    "isnull": Function(lambda value: value is None, 1, 1),
    "isundefined": Function(lambda value: value is UNDEFINED, 1, 1, later=True),
    "nanvl": Function(lambda value, other: other if value in (UNDEFINED, None) else value, 2, 2),
    "transform": Function(_transform, 3, 3, later=True),
    # texts
    "chr": Function(_chr, 1, 1),
    "endswith": Function(_texts(str.endswith), 2, 2),
    "indexof": Function(_texts(str.find), 2, 2, later=True),
    "length": Function(_texts(len), 1, 1, later=True),
    "lower": Function(_texts(str.lower), 1, 1),
    "lpad": Function(_lpad, 2, 2),
    "ltrim": Function(_texts(str.lstrip), 1, 1),
    "md5": Function(_hash("md5"), 1, 1),
    "numbytes": Function(_texts(lambda text: len(text.encode())), 1, 1, later=True),
    "regexp_matches": Function(_texts(_regexp_matches), 2, 2),
    "regexp_replace": Function(_texts(_regexp_replace), 3, 3),
    "regexp_substr": Function(_texts(_regexp_substr), 2, 2),
    "replace": Function(_texts(_replace), 3, 3),
    "rpad": Function(_rpad, 2, 2),
    "rtrim": Function(_texts(str.rstrip), 1, 1),
    "sha1": Function(_hash("sha1"), 1, 1),
    "sha224": Function(_hash("sha224"), 1, 1),
    "sha256": Function(_hash("sha256"), 1, 1),
    "sha384": Function(_hash("sha384"), 1, 1),
    "sha512": Function(_hash("sha512"), 1, 1),
    "startswith": Function(_texts(str.startswith), 2, 2),
    "substring": Function(_substring, 2, 3),
    "trim": Function(_texts(str.strip), 1, 1),
    "upper": Function(_texts(str.upper), 1, 1),
    # moments
    "parse_time": Function(dates.parse_time, 2, 3, later=True),
    "time_to_epoch": Function(dates.time_to_epoch, 2, 2, later=True),
    # numbers
    **{name: Function(run, least, most) for name, (run, least, most) in numbers.FUNCTIONS.items()},
}
