"""What is wrong with the operands of an expression, seen before any item is.

Each function gives the problem in DynamoDB's words, or None.
"""

from collections.abc import Sequence

from .syntax import ListAppend, Literal, Operand, Path, Size
from .values import TYPES, kind_of, rank, show

_WRONG_TYPE = "Incorrect operand type for operator or function; operator or function: {}, operand type: {}"
_WAY = "The function is not allowed to be used this way in an expression; function: {}"
FUNCTIONS = {"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2,
             "contains": 2,
             "size": 1, "if_not_exists": 2, "list_append": 2}
_OF_UPDATES = ("if_not_exists", "list_append")
_ORDERED = ("S", "N", "B")


def check_function(name: str, operands: Sequence[Operand], place: str) -> str | None:
    """A call of ``name``; ``place`` is condition (it stands for itself), operand, or update."""
    if name not in FUNCTIONS:
        return f"Invalid function name; function: {name}"
    if place == "update" and name not in _OF_UPDATES:
        return f"The function is not allowed in an update expression; function: {name}"
    if place != "update" and name in _OF_UPDATES:
        return f"The function is not allowed in a condition expression; function: {name}"
    if (place == "condition") == (name == "size") and place != "update":
        return _WAY.format(name)
    if len(operands) != FUNCTIONS[name]:
        return (f"Incorrect number of operands for operator or function; operator or function: {name}, "
                f"number of operands: {len(operands)}")
    return _check_types(name, operands)


def _check_types(name: str, operands: Sequence[Operand]) -> str | None:
    first, last = operands[0], operands[-1]
    if name in ("attribute_exists", "attribute_not_exists", "if_not_exists") and not isinstance(first, Path):
        return f"Operator or function requires a document path; operator or function: {name}"
    if any(isinstance(operand, ListAppend) for operand in operands):
        return _WAY.format("list_append")
    if name == "list_append":
        for operand in operands:
            if isinstance(operand, Literal) and "L" not in operand.value:
                return _WRONG_TYPE.format(name, kind_of(operand.value))
    if name == "size" and isinstance(first, Literal) and kind_of(first.value) in ("N", "BOOL", "NULL"):
        return _WRONG_TYPE.format(name, kind_of(first.value))
    if name == "attribute_type":
        if not isinstance(last, Literal) or "S" not in last.value:
            return _WRONG_TYPE.format(name, kind_of(last.value) if isinstance(last, Literal) else "PATH")
        if last.value["S"] not in TYPES:
            return (f"Invalid attribute type name found; type: {last.value['S']}, "
                    "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}")
    if name == "begins_with":
        for operand in operands:
            if isinstance(operand, Literal) and kind_of(operand.value) not in ("S", "B"):
                return _WRONG_TYPE.format(name, kind_of(operand.value))
    if name in ("begins_with", "contains") and isinstance(first, Path) and first == last:
        return _same(name, first)
    return None


def check_compare(sign: str, left: Operand, right: Operand) -> str | None:
    """``left = right`` and its kin."""
    if sign not in ("=", "<>"):
        for operand in (left, right):
            if isinstance(operand, Literal) and kind_of(operand.value) not in _ORDERED:
                return _WRONG_TYPE.format(sign, kind_of(operand.value))
    if isinstance(left, Path | Size) and left == right:
        return _same(sign, left if isinstance(left, Path) else left.operand)
    return None


def check_between(low: Operand, high: Operand) -> str | None:
    """The bounds of a BETWEEN that are both given by the request."""
    for bound in (low, high):
        if isinstance(bound, Literal) and kind_of(bound.value) not in _ORDERED:
            return _WRONG_TYPE.format("BETWEEN", kind_of(bound.value))
    if not (isinstance(low, Literal) and isinstance(high, Literal)):
        return None
    shown = (f"lower bound operand: AttributeValue: {show(low.value)}, "
             f"upper bound operand: AttributeValue: {show(high.value)}")
    order = rank(low.value, high.value)
    if order is None:
        return f"The BETWEEN operator requires same data type for lower and upper bounds; {shown}"
    if order > 0:
        return ("The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                f"{shown}")
    return None


def check_sum(sign: str, left: Operand, right: Operand) -> str | None:
    """``left + right`` and ``left - right``."""
    for operand in (left, right):
        if isinstance(operand, Literal) and "N" not in operand.value:
            return _WRONG_TYPE.format(sign, kind_of(operand.value))
    return None


def check_paths(paths: Sequence[Path]) -> str | None:
    """No path may be another or lead through it; what stands at one place is a map or a list, not both."""
    for at, later in enumerate(paths):
        for earlier in paths[:at]:
            mine, other = earlier.steps, later.steps
            shared = next((n for n, (a, b) in enumerate(zip(mine, other, strict=False)) if a != b), None)
            if shared is None:
                problem = "overlap"
            elif isinstance(mine[shared], int) != isinstance(other[shared], int):
                problem = "conflict"
            else:
                continue
            return (f"Two document paths {problem} with each other; must remove or rewrite one of these "
                    f"paths; path one: {earlier}, path two: {later}")
    return None


def _same(name: str, first: object) -> str:
    return ("The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {name}, first operand: {first}")
