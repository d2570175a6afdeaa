"""What an expression is once it is read: a tree of these, with placeholders resolved.

Legacy parameters and PartiQL become the same trees, so there is one evaluator.
"""

from msgspec import Struct

from .values import Value


class Path(Struct, frozen=True):
    """A document path: attribute names and list positions."""

    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        return "[" + ", ".join(f"[{step}]" if isinstance(step, int) else step for step in self.steps) + "]"


class Literal(Struct, frozen=True):
    """A value that the request gives."""

    value: Value


class Size(Struct, frozen=True):
    """``size(path)``."""

    operand: "Path | Literal"


class IfNotExists(Struct, frozen=True):
    """``if_not_exists(path, operand)``."""

    path: Path
    otherwise: "Operand"


class ListAppend(Struct, frozen=True):
    """``list_append(left, right)``."""

    left: "Operand"
    right: "Operand"


class Sum(Struct, frozen=True):
    """``left + right`` or ``left - right``."""

    sign: str
    left: "Operand"
    right: "Operand"


Operand = Path | Literal | Size | IfNotExists | ListAppend | Sum


class Compare(Struct, frozen=True):
    """Two operands and one of ``= <> < <= > >=``."""

    sign: str
    left: Operand
    right: Operand


class Between(Struct, frozen=True):
    """``operand BETWEEN low AND high``."""

    operand: Operand
    low: Operand
    high: Operand


class In(Struct, frozen=True):
    """``operand IN (…)``."""

    operand: Operand
    choices: tuple[Operand, ...]


class Test(Struct, frozen=True):
    """A function that is true or false: attribute_exists, begins_with, contains, …"""

    __test__ = False  # not for pytest

    name: str
    operands: tuple[Operand, ...]


class And(Struct, frozen=True):
    """All of the parts."""

    parts: tuple["Condition", ...]


class Or(Struct, frozen=True):
    """Any of the parts."""

    parts: tuple["Condition", ...]


class Not(Struct, frozen=True):
    """The contrary."""

    part: "Condition"


Condition = Compare | Between | In | Test | And | Or | Not


class Update(Struct, frozen=True):
    """The four sections of an UpdateExpression."""

    sets: tuple[tuple[Path, Operand], ...] = ()
    removes: tuple[Path, ...] = ()
    adds: tuple[tuple[Path, Value], ...] = ()
    deletes: tuple[tuple[Path, Value], ...] = ()
    legacy: bool = False  # made of AttributeUpdates: types that do not fit are told in other words

    @property
    def paths(self) -> tuple[Path, ...]:
        """Everything it writes."""
        return (*(path for path, _ in self.sets), *self.removes, *(path for path, _ in self.adds),
                *(path for path, _ in self.deletes))

    @property
    def only_removes(self) -> bool:
        """Whether it can't bring an item about."""
        return bool(self.removes or self.deletes) and not (self.sets or self.adds)


def top_level(condition: Condition | Operand | None) -> set[str]:
    """The names of the attributes that a condition looks at."""
    match condition:
        case Path():
            return {str(condition.steps[0])}
        case Compare() | ListAppend() | Sum():
            return top_level(condition.left) | top_level(condition.right)
        case Between():
            return top_level(condition.operand) | top_level(condition.low) | top_level(condition.high)
        case In():
            return top_level(condition.operand).union(*map(top_level, condition.choices))
        case Test():
            return set().union(*map(top_level, condition.operands))
        case And() | Or():
            return set().union(*map(top_level, condition.parts))
        case Not():
            return top_level(condition.part)
        case Size():
            return top_level(condition.operand)
        case IfNotExists():
            return top_level(condition.path) | top_level(condition.otherwise)
    return set()
