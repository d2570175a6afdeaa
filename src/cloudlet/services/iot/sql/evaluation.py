"""What a statement makes of a message. What goes wrong on the way is undefined, never an error."""

from decimal import Decimal
from typing import Any

from .functions import FUNCTIONS
from .message import Facts, Message
from .numbers import compute
from .parser import V1
from .syntax import (
    Application,
    Array,
    Binary,
    Case,
    Cast,
    Expression,
    Item,
    Literal,
    Member,
    Name,
    Object,
    Query,
    Select,
    Star,
    Statement,
    Unary,
)
from .values import UNDEFINED, are_equal, cast, dumps, loads, to_boolean, to_decimal, to_text


def facts_of(message: Message, topic: str, version: str) -> Facts:
    """A message as a rule of that version sees it."""
    return Facts(message, topic, version, loads(message.payload, whole=version != V1))


def selected(statement: Statement, facts: Facts) -> Any:
    """What goes on: a value, or bytes where it is the message as it came; None if WHERE says no."""
    if statement.where is not None and to_boolean(evaluate(statement.where, facts, facts.value)) is not True:
        return None
    items = statement.select.items
    if len(items) == 1 and isinstance(items[0].value, Star) and not items[0].path:
        return facts.message.payload
    return _select(statement.select, facts, facts.value)


def body_of(value: Any) -> bytes:
    """What goes on, as bytes."""
    return value if isinstance(value, bytes) else dumps(value).encode("utf-8", "surrogatepass")


def evaluate(expression: Expression, facts: Facts, of: Any) -> Any:
    """The value of an expression, whose names are attributes of ``of``."""
    match expression:
        case Literal(value):
            return value
        case Name(name):
            return of.get(name, UNDEFINED) if isinstance(of, dict) else UNDEFINED
        case Member(inner, name):
            found = evaluate(inner, facts, of)
            return found.get(name, UNDEFINED) if isinstance(found, dict) else UNDEFINED
        case Star():
            return facts.message.payload
        case Binary():
            return _binary(expression, facts, of)
        case Unary():
            return _unary(expression, facts, of)
        case Application(name, arguments):
            function = FUNCTIONS[name]
            values = [evaluate(argument, facts, of) for argument in arguments]
            return function.run(facts, *values) if function.asks else function.run(*values)
        case Cast(inner, kind):
            return cast(evaluate(inner, facts, of), kind)
        case Case():
            return _case(expression, facts, of)
        case Object(members):
            return {name: evaluate(value, facts, of) for name, value in members}
        case Array(items):
            return [evaluate(item, facts, of) for item in items]
        case Query():
            return _query(expression, facts, of)


def _select(select: Select, facts: Facts, of: Any) -> Any:
    if select.bare:
        return _whole(of, facts) if isinstance(select.items[0].value, Star) \
            else evaluate(select.items[0].value, facts, of)
    found: dict[str, Any] = {}
    for item in select.items:
        value = _whole(of, facts) if isinstance(item.value, Star) else evaluate(item.value, facts, of)
        if not item.path and isinstance(value, dict):
            found |= value
        elif value is not UNDEFINED:
            _place(found, item, value)
    return found


def _whole(of: Any, facts: Facts) -> Any:
    """The message as a part of something else: what is not JSON goes on as base64."""
    if of is UNDEFINED:
        return FUNCTIONS["encode"].run(facts.message.payload, "base64")
    return of


def _place(found: dict[str, Any], item: Item, value: Any) -> None:
    path = item.path or ("payload",)
    for name in path[:-1]:
        inner = found.get(name)
        if not isinstance(inner, dict):
            inner = found[name] = {}
        else:
            inner = found[name] = dict(inner)  # the message's own stays as it is
        found = inner
    found[path[-1]] = value


def _query(query: Query, facts: Facts, of: Any) -> Any:
    source = evaluate(query.source, facts, of)
    if isinstance(source, list):
        found = [_select(query.select, facts, one) for one in source if _is_wanted(query, facts, one)]
        return [one for one in found if one is not UNDEFINED]
    if isinstance(source, dict) and _is_wanted(query, facts, source):
        return _select(query.select, facts, source)
    return UNDEFINED


def _is_wanted(query: Query, facts: Facts, one: Any) -> bool:
    return query.where is None or to_boolean(evaluate(query.where, facts, one)) is True


def _case(case: Case, facts: Facts, of: Any) -> Any:
    subject = evaluate(case.subject, facts, of)
    if subject is UNDEFINED:
        return UNDEFINED
    for test, result in case.branches:
        if are_equal(subject, evaluate(test, facts, of)) is True:
            return evaluate(result, facts, of)
    return UNDEFINED if case.otherwise is None else evaluate(case.otherwise, facts, of)


def _unary(expression: Unary, facts: Facts, of: Any) -> Any:
    value = evaluate(expression.operand, facts, of)
    match expression.operator:
        case "NOT":
            found = to_boolean(value)
            return found if found is UNDEFINED else not found
        case "EXISTS":
            return bool(value) if isinstance(value, list) else value is not UNDEFINED
    found = to_decimal(value)
    return found if found is UNDEFINED else -found


def _binary(expression: Binary, facts: Facts, of: Any) -> Any:
    operator, left = expression.operator, evaluate(expression.left, facts, of)
    right = evaluate(expression.right, facts, of)
    match operator:
        case "AND" | "OR":
            one, other = to_boolean(left), to_boolean(right)
            if one is UNDEFINED or other is UNDEFINED:
                return UNDEFINED
            return (one and other) if operator == "AND" else (one or other)
        case "=":
            return are_equal(left, right)
        case "<>":
            found = are_equal(left, right)
            return found if found is UNDEFINED else not found
        case "IN":
            return (
                any(are_equal(left, one) is True for one in right) if isinstance(right, list) else UNDEFINED
            )
        case "+" if isinstance(left, str) or isinstance(right, str):
            texts = to_text(left), to_text(right)
            return UNDEFINED if UNDEFINED in texts else texts[0] + texts[1]
        case "<" | "<=" | ">" | ">=":
            return _compare(operator, to_decimal(left), to_decimal(right))
    return compute(operator, left, right)


def _compare(operator: str, left: int | Decimal, right: int | Decimal) -> Any:
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    match operator:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
    return left >= right
