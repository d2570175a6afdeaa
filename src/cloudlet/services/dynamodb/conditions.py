"""Whether a condition holds for an item."""

from . import numbers
from .errors import ValidationException
from .syntax import (
    And,
    Between,
    Compare,
    Condition,
    IfNotExists,
    In,
    ListAppend,
    Literal,
    Not,
    Operand,
    Or,
    Path,
    Size,
    Sum,
    Test,
)
from .values import SETS, Item, Value, kind_of, rank

NO_ITEM: Item = {}
_TYPE = "An operand in the update expression has an incorrect data type"


def holds(condition: Condition, item: Item) -> bool:
    """The condition's truth for ``item``; an attribute that is not there compares false with everything."""
    match condition:
        case Compare():
            return _compare(condition.sign, value_of(condition.left, item), value_of(condition.right, item))
        case And():
            return all(holds(part, item) for part in condition.parts)
        case Or():
            return any(holds(part, item) for part in condition.parts)
        case Not():
            return not holds(condition.part, item)
        case Between():
            value = value_of(condition.operand, item)
            return (_compare(">=", value, value_of(condition.low, item))
                    and _compare("<=", value, value_of(condition.high, item)))
        case In():
            value = value_of(condition.operand, item)
            return value is not None and any(value == value_of(choice, item) for choice in condition.choices)
    return _test(condition, item)


def value_of(operand: Operand, item: Item) -> Value | None:
    """What an operand of a condition is worth; None if it leads nowhere."""
    if isinstance(operand, Path):
        return reach(operand, item)
    if isinstance(operand, Literal):
        return operand.value
    if isinstance(operand, Size):
        value = value_of(operand.operand, item)
        length = None if value is None else _length(value)
        return None if length is None else {"N": str(length)}
    return None


def reach(path: Path, item: Item) -> Value | None:
    """The value at ``path``."""
    value = item.get(path.steps[0])  # type: ignore[arg-type]
    for step in path.steps[1:]:
        if value is None:
            return None
        if isinstance(step, int):
            elements = value.get("L")
            value = elements[step] if elements is not None and step < len(elements) else None
        else:
            value = value.get("M", NO_ITEM).get(step)
    found: Value | None = value
    return found


def computed(operand: Operand, item: Item) -> Value:
    """What the right side of a SET is worth; a ValidationException if it can't be had."""
    match operand:
        case Literal():
            return operand.value
        case Path():
            value = reach(operand, item)
            if value is None:
                raise ValidationException("The provided expression refers to an attribute that does not "
                                          "exist in the item")
            return value
        case IfNotExists():
            value = reach(operand.path, item)
            return computed(operand.otherwise, item) if value is None else value
        case ListAppend():
            left, right = computed(operand.left, item), computed(operand.right, item)
            if "L" not in left or "L" not in right:
                raise ValidationException(_TYPE)
            return {"L": left["L"] + right["L"]}
        case Sum():
            left, right = computed(operand.left, item), computed(operand.right, item)
            if "N" not in left or "N" not in right:
                raise ValidationException(_TYPE)
            add = numbers.plus if operand.sign == "+" else numbers.minus
            return {"N": add(left["N"], right["N"])}
    raise ValidationException(_TYPE)


def _compare(sign: str, left: Value | None, right: Value | None) -> bool:
    if sign == "<>":
        return left is None or left != right  # also where neither is there
    if left is None or right is None:
        return False
    if sign == "=":
        return left == right
    order = rank(left, right)
    if order is None:
        return False
    if sign == "<":
        return order < 0
    if sign == "<=":
        return order <= 0
    return order > 0 if sign == ">" else order >= 0


def _test(test: Test, item: Item) -> bool:
    first = value_of(test.operands[0], item)
    if test.name == "attribute_exists":
        return first is not None
    if test.name == "attribute_not_exists":
        return first is None
    second = value_of(test.operands[1], item)
    if first is None or second is None:
        return False
    if test.name == "attribute_type":
        return kind_of(first) == second.get("S")
    if test.name == "begins_with":
        kind = kind_of(first)
        return kind in ("S", "B") and kind in second and bool(first[kind].startswith(second[kind]))
    return contains(first, second)


def contains(whole: Value, part: Value) -> bool:
    """Whether a text has a substring, or a set or list an element."""
    (kind, content), = whole.items()
    if kind in ("S", "B"):
        return kind in part and part[kind] in content
    if kind in SETS:
        return SETS[kind] in part and part[SETS[kind]] in content
    return kind == "L" and part in content


def _length(value: Value) -> int | None:
    (kind, content), = value.items()
    if kind == "S":  # in UTF-16, as Java counts
        return len(content) if content.isascii() else len(content.encode("utf-16-le")) // 2
    if kind in ("B", "L", "M") or kind in SETS:
        return len(content)
    return None
