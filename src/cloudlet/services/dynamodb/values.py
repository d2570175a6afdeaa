"""Attribute values, as they stand on the wire: ``{"S": "text"}``, ``{"N": "1"}``, ``{"L": [...]}``.

They are kept in that form too, so nothing is converted on the way in or out; but each is brought into
normal form first (numbers, and sets in order), so that equal values are equal Python objects.
"""

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import numbers
from .errors import ValidationException, invalid
from .limits import ITEM_BYTES, NAME_BYTES, NESTING

Value = dict[str, Any]
Item = dict[str, Value]
TYPES = ("S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS")
SETS = {"SS": "S", "NS": "N", "BS": "B"}
_SET_NAMES = {"SS": "string set ", "NS": "number set "}
_PER_ELEMENT, _CONTAINER = 1, 3  # bytes


def admit(value: Value, depth: int = 0) -> tuple[Value, int]:
    """``value`` in normal form, and the bytes it counts for; a ValidationException says what is wrong."""
    if len(value) != 1:
        raise ValidationException("Supplied AttributeValue has more than one datatypes set, must contain "
                                  "exactly one of the supported datatypes" if value else
                                  "Supplied AttributeValue is empty, must contain exactly one of the "
                                  "supported datatypes")
    (kind, content), = value.items()
    if kind == "S":
        if content.isascii():
            return value, len(content)
        text, count = text_of(content)
        return {"S": text}, count
    if kind == "N":
        number = numbers.normal(content)
        return {"N": number}, numbers.size(number)
    if kind in ("L", "M"):
        return _admit_container(kind, content, depth + 1)
    if kind == "B":
        return value, len(content)
    if kind in SETS:
        return _admit_set(kind, content)
    if kind == "NULL" and not content:
        raise invalid("Null attribute value types must have the value of true")
    return value, 1


def admit_item(item: Mapping[str, Value]) -> tuple[Item, int]:
    """An item in normal form, and its size in bytes: names and values."""
    found: Item = {}
    total = 0
    for name, value in item.items():
        name, count = (name, len(name)) if name.isascii() else text_of(name)
        if not 0 < count <= NAME_BYTES:
            check_name(name)
        found[name], size = admit(value)
        total += count + size
    return found, total


def check_name(name: str) -> None:
    """An attribute's name has a byte, and at most 65,535."""
    if not name:
        raise ValidationException("Empty attribute name")
    if text_of(name)[0] != name:
        raise ValidationException("Attribute name is not valid UTF-8")
    if len(name.encode()) > NAME_BYTES:
        raise ValidationException("Attribute name is too large, must be less than 65536 bytes")


def size_of(item: Item) -> int:
    """Bytes that an admitted item counts for."""
    return sum([len(name if name.isascii() else name.encode()) + value_size(value) for name,
                value in item.items()])


def value_size(value: Value) -> int:
    """Bytes that an admitted value counts for."""
    (kind, content), = value.items()
    if kind == "S":
        return len(content) if content.isascii() else len(content.encode())
    if kind == "N":
        return numbers.size(content)
    if kind == "B":
        return len(content)
    if kind in SETS:
        return sum(value_size({SETS[kind]: element}) for element in content)
    if kind == "L":
        return _CONTAINER + sum(_PER_ELEMENT + value_size(element) for element in content)
    if kind == "M":
        return _CONTAINER + len(content) * _PER_ELEMENT + size_of(content)
    return 1


def text_of(text: str) -> tuple[str, int]:
    """``text`` as UTF-8 can say it, and its bytes; half a surrogate pair becomes a question mark."""
    raw = text.encode("utf-8", "replace")
    return raw.decode(), len(raw)


def check_size(size: int) -> None:
    """An item may have 400 KB."""
    if size > ITEM_BYTES:
        raise ValidationException("Item size has exceeded the maximum allowed size")


def check_nesting(item: Item) -> None:
    """After an update: no deeper than 32 levels."""
    for value in item.values():
        if "M" in value or "L" in value:
            admit(value)


def rank(left: Value, right: Value) -> int | None:
    """-1, 0 or 1 as ``left`` comes before, with or after ``right``; None if they have no order."""
    (kind, mine), = left.items()
    if kind not in ("S", "N", "B") or kind not in right:
        return None
    other = right[kind]
    if kind == "N":
        mine, other = Decimal(mine), Decimal(other)
    elif kind == "S" and not (mine.isascii() and other.isascii()):
        mine, other = mine.encode(), other.encode()
    return int(mine > other) - int(mine < other)


def kind_of(value: Value) -> str:
    """The type of a value: S, N, B, …"""
    return next(iter(value))


def show(value: Value) -> str:
    """A value as DynamoDB's messages print it."""
    (kind, content), = value.items()
    return f"{{{kind}:{_show(content)}}}"


def _show(content: Any) -> str:
    if isinstance(content, bytes):
        return base64.b64encode(content).decode()
    if isinstance(content, list):
        return f"[{','.join(_show(part) if not isinstance(part, dict) else show(part) for part in content)}]"
    return str(content)


def _admit_container(kind: str, content: Any, depth: int) -> tuple[Value, int]:
    if depth >= NESTING:
        raise ValidationException("Nesting Levels have exceeded supported limits: Attributes in the item "
                                  "have nested levels beyond supported limit")
    total = _CONTAINER + len(content) * _PER_ELEMENT
    if kind == "L":
        elements = []
        for element in content:
            admitted, size = admit(element or {}, depth)
            elements.append(admitted)
            total += size
        return {"L": elements}, total
    found = {}
    for name, value in content.items():
        name, count = (name, len(name)) if name.isascii() else text_of(name)
        found[name], size = admit(value, depth)
        total += count + size
    return {"M": found}, total


def _admit_set(kind: str, content: list[Any]) -> tuple[Value, int]:
    inner = SETS[kind]
    if not content:
        raise invalid("Binary sets should not be empty" if kind == "BS" else
                      f"An {_SET_NAMES[kind]} may not be empty")
    if any(element is None or (kind != "NS" and not element) for element in content):
        raise invalid("Binary sets may not contain null or empty values" if kind == "BS" else
                      f"An {_SET_NAMES[kind]} may not have a empty string as a member")
    if kind == "NS":
        elements = sorted(map(numbers.normal, content), key=Decimal)
    else:
        elements = sorted(text_of(element)[0] for element in content) if kind == "SS" else sorted(content)
    if len(set(elements)) != len(elements):
        if kind == "NS":
            raise ValidationException("Input collection contains duplicates")
        shown = ", ".join(map(_show, content))
        raise invalid(f"Input collection [{shown}]{'of type BS ' if kind == 'BS' else ' '}contains "
                      "duplicates.")
    return {kind: elements}, sum(value_size({inner: element}) for element in elements)
