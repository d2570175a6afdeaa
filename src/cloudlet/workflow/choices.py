"""Choice rules of JSONPath states, compiled into tests.

A comparison of values of another kind than the operator's is false, never an error; a ``Variable`` that leads
nowhere is one, except for IsPresent.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .failures import RuntimeFailure
from .intrinsics import following
from .jsonata import kind_of
from .jsonpath import BadText, compile_path
from .templates import BadTemplate, Scene

Test = Callable[[Scene], bool]
Compare = Callable[[Any, Any], bool]

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_ORDERS: dict[str, Compare] = {
    "Equals": operator.eq, "LessThan": operator.lt, "LessThanEquals": operator.le, "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge}


def moment(value: Any) -> datetime | None:
    """The moment that an RFC 3339 text names; None if it names none."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _only(kind: str) -> Callable[[Any], Any]:
    return lambda value: value if kind_of(value) == kind else None


def _comparison(read: Callable[[Any], Any], order: Compare) -> Compare:
    def compare(left: Any, right: Any) -> bool:
        one, other = read(left), read(right)
        return one is not None and other is not None and order(one, other)

    return compare


def wildcards(pattern: str) -> re.Pattern[str]:
    """A pattern in which ``*`` stands for anything, and ``\\*`` and ``\\\\`` for themselves."""
    found = re.sub(r"\\([*\\])|(\*)|(.)", lambda match: ".*" if match[2] else re.escape(match[1] or match[3]),
                   pattern, flags=re.DOTALL)
    return re.compile(found, re.DOTALL)


COMPARISONS: dict[str, Compare] = {
    f"{kind}{name}": _comparison(read, order)
    for kind, read in (("String", _only("string")), ("Numeric", _only("number")), ("Timestamp", moment))
    for name, order in _ORDERS.items()}
COMPARISONS["BooleanEquals"] = _comparison(_only("boolean"), operator.eq)
_KINDS = {"IsNull": "null", "IsNumeric": "number", "IsString": "string", "IsBoolean": "boolean"}
OPERATORS = frozenset(
    (*COMPARISONS, *(f"{name}Path" for name in COMPARISONS), *_KINDS, "IsTimestamp", "IsPresent",
     "StringMatches")
)


def compile_rule(rule: dict[str, Any]) -> Test:
    """The test that a choice rule spells."""
    if "Not" in rule:
        inner = compile_rule(rule["Not"])
        return lambda scene: not inner(scene)
    for name, together in (("And", all), ("Or", any)):
        if name in rule:
            tests = [compile_rule(one) for one in rule[name]]
            return lambda scene, together=together, tests=tests: together(  # type: ignore[misc]
                test(scene) for test in tests)
    name = next(name for name in rule if name in OPERATORS)
    return _test(rule["Variable"], name, rule[name])


def _test(variable: str, name: str, operand: Any) -> Test:
    value = _follow(variable, "Variable")
    if name == "IsPresent":
        return lambda scene: _present(scene, value) is operand
    if name in _KINDS:
        kind = _KINDS[name]
        return lambda scene: (kind_of(value(scene)) == kind) is operand
    if name == "IsTimestamp":
        return lambda scene: (moment(value(scene)) is not None) is operand
    if name == "StringMatches":
        pattern = wildcards(operand)
        return lambda scene: isinstance(found := value(scene), str) and pattern.fullmatch(found) is not None
    if name in COMPARISONS:
        compare = COMPARISONS[name]
        return lambda scene: compare(value(scene), operand)
    compare, other = COMPARISONS[name.removesuffix("Path")], _follow(operand, name)
    return lambda scene: compare(value(scene), other(scene))


def _follow(text: str, field: str) -> Callable[[Scene], Any]:
    try:
        path = compile_path(text)
    except BadText:
        raise BadTemplate(f"Value is not a valid path: '{text}'", f"/{field}") from None
    return following(path, lambda scene, nowhere: (
        f"Invalid path '{text}': The choice state's condition path references an invalid value."))


def _present(scene: Scene, value: Callable[[Scene], Any]) -> bool:
    try:
        value(scene)
    except RuntimeFailure:
        return False
    return True
