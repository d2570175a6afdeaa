"""The parameters that expressions replaced, as the trees that expressions become.

Expected, QueryFilter, ScanFilter and KeyConditions are conditions; AttributeUpdates is an update.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ValidationException, invalid
from .syntax import And, Between, Compare, Condition, In, Literal, Not, Or, Path, Test, Update
from .values import SETS, Value, admit, check_name, kind_of, rank

_SIGNS = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_COUNTS = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}
_SCALARS = frozenset({"S", "N", "B"})
_ORDERING = frozenset({"LT", "LE", "GT", "GE", "BETWEEN"})


def expected(given: Mapping[str, Mapping[str, Any]] | None, operator: str | None) -> Condition | None:
    """Expected, with its ConditionalOperator."""
    return _joined([_expectation(name, one) for name, one in (given or {}).items()], operator,
                   given is not None)


def filters(given: Mapping[str, Mapping[str, Any]] | None, operator: str | None) -> Condition | None:
    """QueryFilter or ScanFilter, with its ConditionalOperator."""
    return _joined([comparison(name, one["ComparisonOperator"], one.get("AttributeValueList") or [])
                    for name, one in (given or {}).items()], operator, given is not None)


def _joined(parts: list[Condition], operator: str | None, given: bool) -> Condition | None:
    if operator is not None:
        if not given:
            raise ValidationException("ConditionalOperator cannot be used without Filter or Expected")
        if len(parts) < 2:
            raise ValidationException("ConditionalOperator can only be used when Filter or Expected has two "
                                      "or more elements")
    if not parts:
        return None
    if len(parts) == 1:
        return parts[0]
    return Or(tuple(parts)) if operator == "OR" else And(tuple(parts))


def _expectation(name: str, given: Mapping[str, Any]) -> Condition:
    operator, values, exists = (given.get(member) for member in ("ComparisonOperator", "AttributeValueList",
                                                                 "Exists"))
    value = given.get("Value")
    if operator is not None:
        if exists is not None:
            raise invalid(f"Exists cannot be used with ComparisonOperator for Attribute: {name}")
        if value is not None and values is not None:
            raise invalid(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
        if value is None and values is None and operator not in ("NULL", "NOT_NULL"):
            raise invalid(f"Value or AttributeValueList must be used with ComparisonOperator: {operator} for "
                          f"Attribute: {name}")
        return comparison(name, operator, [value] if value is not None else values or [])
    if values is not None:
        raise invalid(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if exists is False:
        if value is not None:
            raise invalid(f"Value cannot be used when Exists is set to false for Attribute: {name}")
        return Test("attribute_not_exists", (Path((name,)),))
    if value is None:
        raise invalid(f"Value must be provided when Exists is {'true' if exists else 'null'} for Attribute: "
                      f"{name}")
    return Compare("=", Path((name,)), Literal(admit(value)[0]))


def comparison(name: str, operator: str, values: Sequence[Value]) -> Condition:
    """One attribute compared as ComparisonOperator says."""
    admitted = [admit(value)[0] for value in values]
    count = _COUNTS.get(operator, 1)
    if (len(admitted) != count if operator != "IN" else not admitted):
        raise invalid(f"Invalid number of argument(s) for the {operator} ComparisonOperator")
    _check_kinds(operator, admitted)
    path, literals = Path((name,)), tuple(Literal(value) for value in admitted)
    match operator:
        case "NULL":
            return Test("attribute_not_exists", (path,))
        case "NOT_NULL":
            return Test("attribute_exists", (path,))
        case "BETWEEN":
            return Between(path, literals[0], literals[1])
        case "IN":
            return In(path, literals)
        case "BEGINS_WITH":
            return Test("begins_with", (path, literals[0]))
        case "CONTAINS":
            return Test("contains", (path, literals[0]))
        case "NOT_CONTAINS":
            return And((Test("attribute_exists", (path,)), Not(Test("contains", (path, literals[0])))))
    return Compare(_SIGNS[operator], path, literals[0])


def _check_kinds(operator: str, values: Sequence[Value]) -> None:
    kinds = [kind_of(value) for value in values]
    allowed = _SCALARS
    if operator in ("EQ", "NE", "NULL", "NOT_NULL"):
        return
    if operator == "BEGINS_WITH":
        allowed = frozenset({"S", "B"})
    elif operator in ("CONTAINS", "NOT_CONTAINS"):
        allowed = frozenset({"S", "N", "B", "BOOL", "NULL"})
    for kind in kinds:
        if kind not in allowed:
            raise invalid(f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
    if len(set(kinds)) > 1:
        raise invalid("AttributeValues inside AttributeValueList must be of same "
                      "type" if operator == "BETWEEN"
                      else "One or more AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN" and rank(values[0], values[1]) == 1:
        raise ValidationException("The BETWEEN condition was provided a range where the lower bound is "
                                  "greater than the upper bound")


def updates(given: Mapping[str, Mapping[str, Any]]) -> Update:
    """AttributeUpdates."""
    sets, removes, adds, deletes = [], [], [], []
    for name, one in given.items():
        check_name(name)
        action, raw, path = one.get("Action") or "PUT", one.get("Value"), Path((name,))
        if raw is None:
            if action != "DELETE":
                raise invalid("Only DELETE action is allowed when no attribute value is specified")
            removes.append(path)
            continue
        value = admit(raw)[0]
        kind = kind_of(value)
        if action == "PUT":
            sets.append((path, Literal(value)))
        elif action == "DELETE":
            if kind not in SETS:
                raise invalid(f"DELETE action with value is not supported for the type {kind}")
            deletes.append((path, value))
        else:
            if kind not in SETS and kind not in ("N", "L"):
                raise invalid(f"ADD action is not supported for the type {kind}")
            adds.append((path, value))
    return Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes), legacy=True)


def attributes(names: Sequence[str]) -> Sequence[str]:
    """AttributesToGet: at least one, none twice."""
    for at, name in enumerate(names):
        check_name(name)
        if name in names[:at]:
            raise invalid(f"Duplicate value in attribute name: {name}")
    return names
