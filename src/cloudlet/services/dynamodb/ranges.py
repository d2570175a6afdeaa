"""Key conditions as the range of keys they mean."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Struct

from . import keys, legacy
from .errors import ValidationException
from .syntax import And, Between, Compare, Condition, Literal, Path, Test
from .tables import KeyPart, Schema
from .values import Value, kind_of

_MISSED = "Query condition missed key schema element: {}"
_HASH = ("Query key condition not supported: every HASH key attribute of the index needs a condition, and "
         "that has to be an equality")
_RANGE = ("RANGE key attributes {} must have equality conditions specified in the query because a condition "
          "is present on key attribute {}")
_UNSUPPORTED = "Query key condition not supported"
_MISMATCH = ("One or more parameter values were invalid: Condition parameter type does not match schema type")
_INDEXABLE = frozenset({"EQ", "LT", "LE", "GT", "GE", "BEGINS_WITH", "BETWEEN"})


class Range(Struct, frozen=True):
    """Keys from ``start`` to before ``stop``, without the prefix of their space."""

    start: bytes
    stop: bytes


def range_of(condition: Condition, schema: Schema, what: str = "KeyConditionExpression") -> Range:
    """The range that a key condition means; a ValidationException if it means none."""
    by_name = _by_name(condition, what)
    if len(by_name) > max(2, len(schema.parts)):  # of two, more is told below
        raise ValidationException(f"The number of query conditions ({len(by_name)}) exceeds the number of "
                                  f"key attributes defined in the schema ({len(schema.parts)})")
    start = _partition(by_name, schema)
    if len(schema.range) > 1:
        _check_order(by_name, schema)
    parts = list(schema.range)
    while parts and parts[0].name in by_name:
        part = parts.pop(0)
        one = by_name.pop(part.name)
        if isinstance(one, Compare) and one.sign == "=":  # not _is_equality: it tells mypy nothing
            start += keys.encoded(_literal(one.right, part), part)
            continue
        if by_name:
            _refuse(schema, seen=True)
        return _within(start, one, part)
    if by_name:
        _refuse(schema, seen=len(parts) < len(schema.range))
    return Range(start, keys.after(start))


def _check_order(by_name: Mapping[str, Condition], schema: Schema) -> None:
    """Of several RANGE attributes, those before one with a condition have an equality."""
    names = [part.name for part in schema.range]
    last = max((at for at, name in enumerate(names) if name in by_name), default=0)
    lacking = [name for name in names[:last] if not _is_equality(by_name.get(name))]
    if lacking:
        raise ValidationException(_RANGE.format(", ".join(lacking), names[last]))


def _is_equality(condition: Condition | None) -> bool:
    return isinstance(condition, Compare) and condition.sign == "="


def _refuse(schema: Schema, *, seen: bool) -> NoReturn:
    """Say why what is left of the conditions can't be; ``seen`` if there was one on the sort key."""
    missing = next((part.name for part in schema.range if not seen), None)
    raise ValidationException(_UNSUPPORTED if missing is None else _MISSED.format(missing))


def _by_name(condition: Condition, what: str) -> dict[str, Condition]:
    """The conditions by the attribute each is about."""
    found: dict[str, Condition] = {}
    for one in _flat(condition, what):
        match one:
            case Compare(sign="<>") :
                raise ValidationException(f"Unsupported operator on KeyCondition: {what}: operator: <>")
            case Compare():
                one = _turned(one)
                first = one.left
            case Between():
                first = one.operand
            case Test(name="begins_with"):
                first = one.operands[0]
            case Test():
                raise ValidationException(f"Invalid operator used in {what}: {one.name}")
            case _:
                raise ValidationException(f"Invalid operator used in {what}: {type(one).__name__.upper()}")
        if not isinstance(first, Path):
            raise ValidationException(f"Invalid condition in {what}: {type(first).__name__} operand")
        if len(first.steps) > 1:
            raise ValidationException(f"Invalid {what}: {what}s cannot have conditions on nested attributes")
        others = [one.right] if isinstance(one, Compare) else (
            [one.low, one.high] if isinstance(one, Between) else list(one.operands[1:]))
        if not all(isinstance(other, Literal) for other in others):
            raise ValidationException(f"Invalid condition in {what}: Multiple attribute names used in one "
                                      "condition")
        name = str(first.steps[0])
        if name in found:
            raise ValidationException(f"Invalid {what}: {what}s must only contain one condition per key")
        found[name] = one
    return found


def _flat(condition: Condition, what: str) -> list[Condition]:
    if isinstance(condition, And):
        return [one for part in condition.parts for one in _flat(part, what)]
    if not isinstance(condition, Compare | Between | Test):
        raise ValidationException(f"Invalid operator used in {what}: {type(condition).__name__.upper()}")
    return [condition]


def _turned(one: Compare) -> Compare:
    """``:v < a`` is ``a > :v``."""
    if isinstance(one.left, Path) or not isinstance(one.right, Path):
        return one
    sign = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(one.sign, one.sign)
    return Compare(sign, one.right, one.left)


def _partition(by_name: dict[str, Condition], schema: Schema) -> bytes:
    found = {}
    for part in schema.hash:
        one = by_name.pop(part.name, None)
        if one is None:
            raise ValidationException(_HASH if len(schema.hash) > 1 else _MISSED.format(part.name))
        if not isinstance(one, Compare) or one.sign != "=":
            raise ValidationException(_HASH if len(schema.hash) > 1 else _UNSUPPORTED)
        found[part.name] = _literal(one.right, part)
    return keys.partition(found, schema)


def _literal(operand: Any, part: KeyPart) -> Value:
    value: Value = operand.value
    if part.kind not in value:
        raise ValidationException(_MISMATCH)
    if not value[part.kind]:
        kind = "string" if part.kind == "S" else "binary"
        raise ValidationException("One or more parameter values are not valid. The AttributeValue for a key "
                                  f"attribute cannot contain an empty {kind} value. Key: {part.name}")
    return value


def _within(start: bytes, one: Condition, part: KeyPart) -> Range:
    """The range of one sort key condition below ``start``."""
    whole = keys.after(start)
    match one:
        case Compare():
            value = start + keys.encoded(_literal(one.right, part), part)
            if one.sign in ("<", "<="):
                return Range(start, value if one.sign == "<" else keys.after(value))
            return Range(value if one.sign == ">=" else keys.after(value), whole)
        case Between():
            low, high = (start + keys.encoded(_literal(bound, part), part) for bound in (one.low, one.high))
            return Range(low, keys.after(high))
        case Test():
            if part.kind == "N":
                raise ValidationException(_MISMATCH)
            opened = start + keys.opened(_literal(one.operands[1], part), part)
            return Range(opened, _beyond(opened, whole))
    raise ValidationException(_UNSUPPORTED)


def _beyond(prefix: bytes, whole: bytes) -> bytes:
    """The least bytes above all that start with ``prefix``."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else whole


def legacy_condition(given: Mapping[str, Mapping[str, Any]], schema: Schema) -> Condition:
    """KeyConditions as one condition."""
    parts: list[Condition] = []
    if len(given) > max(2, len(schema.parts)):
        raise ValidationException("Conditions can be of length 1 or 2 only")
    for name, one in given.items():
        operator = one["ComparisonOperator"]
        values: Sequence[Value] = one.get("AttributeValueList") or []
        if operator not in _INDEXABLE:
            legacy.comparison(name, operator, values)
            raise ValidationException("Attempted conditional constraint is not an indexable operation")
        if values and operator == "EQ" and kind_of(values[0]) not in ("S", "N", "B") and len(values) == 1:
            raise ValidationException(_MISMATCH)
        parts.append(legacy.comparison(name, operator, values))
    return And(tuple(parts)) if len(parts) != 1 else parts[0]


__all__ = ["Range", "legacy_condition", "range_of"]
