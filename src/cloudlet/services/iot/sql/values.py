"""The values of IoT SQL and how one type becomes another.

JSON's values as Python has them, numbers with a point as :class:`~decimal.Decimal` of 34 digits, and
``UNDEFINED``, which is no value: functions that get what they can't use give it, and JSON leaves it out.
Source: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-data-types.html
"""

import json
import re
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Any, Final

UNDEFINED: Final[Any] = type("Undefined", (), {"__repr__": lambda _: "UNDEFINED"})()
ARITHMETIC = Context(prec=34, Emax=999, Emin=-999)
_NUMBER = re.compile(r"-?\d+(\.\d+)?(E-?\d+)?", re.IGNORECASE)


def loads(raw: bytes, *, whole: bool) -> Any:
    """A JSON text as values; ``UNDEFINED`` if it is none. With ``whole``, 10.0 is the Int 10.

    >>> loads(b'{"t": 21.50, "n": 10.0}', whole=True)
    {'t': Decimal('21.50'), 'n': 10}
    >>> loads(b"no JSON", whole=True)
    UNDEFINED
    """
    def number(text: str) -> Any:
        found = ARITHMETIC.create_decimal(text)
        return int(found) if whole and _is_whole(found) else found

    def refuse(word: str) -> Any:
        raise ValueError(word)  # NaN and Infinity are not JSON

    try:
        return json.loads(raw, parse_float=number, parse_constant=refuse)
    except (ValueError, RecursionError, DecimalException):
        return UNDEFINED


def dumps(value: Any) -> str:
    """A value as JSON; what is undefined within it is left out, and by itself it is the empty text.

    >>> dumps({"a": [1, None, Decimal("0.10")], "b": UNDEFINED})
    '{"a":[1,null,0.10]}'
    """
    if value is UNDEFINED:
        return ""
    if isinstance(value, dict):
        inner = ",".join(f"{json.dumps(name, ensure_ascii=False)}:{dumps(one)}"
                         for name, one in value.items() if one is not UNDEFINED)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(dumps(one) for one in value if one is not UNDEFINED)}]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def to_decimal(value: Any) -> Any:
    """A number, or a text that is one; else ``UNDEFINED``."""
    if isinstance(value, bool):
        return UNDEFINED
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        try:
            found = ARITHMETIC.create_decimal(value)
        except DecimalException:  # it is larger than any number here
            return UNDEFINED
        return int(found) if value.lstrip("-").isdigit() else found
    return UNDEFINED


def to_int(value: Any) -> Any:
    """The nearest whole number; a text's is what stands before its point."""
    found = to_decimal(value)
    if isinstance(found, Decimal):
        return int(found) if isinstance(value, str) else int(found.to_integral_value(ROUND_HALF_UP))
    return found


def to_floor(value: Any) -> Any:
    """The whole number below: how functions that want an Int round."""
    found = to_decimal(value)
    return int(found.to_integral_value(ROUND_FLOOR)) if isinstance(found, Decimal) else found


def to_boolean(value: Any) -> Any:
    """True or false, also from the texts that say so."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return UNDEFINED


def to_text(value: Any) -> Any:
    """A text; of what is null or undefined there is none."""
    if value is None or value is UNDEFINED:
        return UNDEFINED
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return dumps(value)


def cast(value: Any, kind: str) -> Any:
    """What ``cast(value AS kind)`` gives.

    >>> cast(True, "int"), cast("7.9", "integer"), cast(0, "bool"), cast(1, "nvarchar")
    (1, 7, False, '1')
    """
    match kind:
        case "int" | "integer":
            return int(value) if isinstance(value, bool) else to_floor(value)
        case "double" | "decimal":
            return Decimal(int(value)) if isinstance(value, bool) else to_decimal(value)
        case "bool" | "boolean":
            return value != 0 if _is_number(value) else to_boolean(value)
        case _:
            return to_text(value)


def are_equal(left: Any, right: Any) -> Any:
    """Whether two values are the same; values of two types never are."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_whole(number: Decimal) -> bool:
    return number.is_finite() and number == number.to_integral_value()
