"""PartiQL statements as trees: SELECT, INSERT, UPDATE and DELETE, as far as DynamoDB speaks it.

Conditions and updates become the trees that expressions become, so one evaluator serves both.
"""

from collections.abc import Sequence

from msgspec import Struct

from .errors import ValidationException
from .literals import Literals
from .operands import check_between, check_compare, check_function
from .syntax import (
    And,
    Between,
    Compare,
    Condition,
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
    Update,
)
from .values import SETS, Item, Value, admit, admit_item, kind_of
from .words import Word, Words

_TESTS = frozenset({"BEGINS_WITH", "CONTAINS", "ATTRIBUTE_TYPE", "ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS"})
_RETURNED = ("ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW")
_BEINGS = {"NULL": "NULL", "BOOL": "BOOL", "STRING": "S"}  # what follows IS, and the type it means
_AFTER_TABLE = frozenset({"", "WHERE", "ORDER", "SET", "REMOVE", "RETURNING"})
_KEYWORDS = _AFTER_TABLE - {""} | {"FROM", "AND", "OR", "NOT", "BY", "IN", "IS", "BETWEEN", "VALUE", "INTO",
                                   "ASC", "DESC", "SELECT"}


class Statement(Struct):
    """What a statement says. ``kind`` is SELECT, INSERT, UPDATE or DELETE."""

    kind: str
    table: str
    index: str | None = None
    paths: tuple[Path, ...] = ()  # of a SELECT; none is *
    where: Condition | None = None
    item: Item | None = None
    change: Update | None = None
    returning: str | None = None
    order: str | None = None  # the attribute a SELECT is ordered by
    reverse: bool = False
    checks_only: bool = False  # EXISTS(SELECT …)


def parse(text: str, parameters: Sequence[Value] | None) -> Statement:
    """Read a statement; ``parameters`` stand for its question marks, in order."""
    reader = _Reader(Words(text), [admit(value)[0] for value in parameters or ()])
    found = reader.statement()
    reader.finish()
    return found


class _Reader:
    """A reader of one statement."""

    def __init__(self, words: Words, parameters: list[Value]) -> None:
        self._words, self._literals = words, Literals(words, parameters)

    def finish(self) -> None:
        """Nothing may be left, of the statement or of the parameters."""
        self._words.finish()
        self._literals.finish()

    def statement(self) -> Statement:
        """The whole."""
        kind = self._words.next().text.upper()
        if kind == "SELECT":
            return self._select()
        if kind == "INSERT":
            self._words.word("INTO")
            table = self._written_table()
            if self._words.peek() != "VALUE":
                self._words.leftover()
            self._words.next()
            value = self._literals.read("")
            if "M" not in value:
                self._words.wrong()
            return Statement("INSERT", table, item=admit_item(value["M"])[0])
        if kind in ("UPDATE", "FROM"):
            return self._update(where_first=kind == "FROM")
        if kind == "DELETE":
            self._words.word("FROM")
            table = self._written_table()
            self._no_alias()
            return Statement("DELETE", table, where=self._where(), returning=self._returning())
        if kind == "EXISTS":
            self._words.sign("(")
            self._words.word("SELECT")
            found = self._select()
            self._words.sign(")")
            found.checks_only = True
            return found
        return self._words.wrong()

    def _select(self) -> Statement:
        paths: list[Path] = []
        if not self._words.take("*"):
            paths.append(self._selected())
            while self._words.take(","):
                paths.append(self._selected())
        self._words.word("FROM")
        table, index = self._table()
        self._no_alias()
        found = Statement("SELECT", table, index, tuple(paths), self._where())
        if self._words.take_word("ORDER"):
            self._words.word("BY")
            found.order = str(self._path().steps[0])
            found.reverse = self._words.take_word("DESC") or (self._words.take_word("ASC") and False)
        return found

    def _selected(self) -> Path:
        _refuse(f"Unexpected path component at {self._words.here.place}" if self._words.called() else None)
        return self._path()

    def _update(self, *, where_first: bool) -> Statement:
        """``UPDATE t SET … WHERE …``, or ``FROM t WHERE … SET …``."""
        table = self._written_table()
        self._no_alias()
        where = self._where() if where_first else None
        change = self._changes()
        return Statement("UPDATE", table, where=where if where_first else self._where(), change=change,
                         returning=self._returning())

    def _changes(self) -> Update:
        sets: list[tuple[Path, Operand]] = []
        removes: list[Path] = []
        adds: list[tuple[Path, Value]] = []
        deletes: list[tuple[Path, Value]] = []
        while True:
            if self._words.take_word("SET"):
                path = self._path()
                self._words.sign("=")
                if self._words.peek() in ("SET_ADD", "SET_DELETE"):
                    wanted = adds if self._words.peek() == "SET_ADD" else deletes
                    wanted.append((path, self._members(path)))
                else:
                    sets.append((path, self._right_side()))
            elif self._words.take_word("REMOVE"):
                removes.append(self._path())
            else:
                break
        if not (sets or removes or adds or deletes):
            self._words.wrong()
        return Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes))

    def _members(self, path: Path) -> Value:
        """The second operand of SET_ADD or SET_DELETE, which is called on what is assigned."""
        function, name = self._words.here, self._words.peek()
        inner, operands = self._arguments()
        if len(operands) != 2:
            raise ValidationException(f"{name} must have exactly two arguments at {function.place}")
        if operands[0] != path:
            raise ValidationException(f"The first argument to {name} must equal the assignment value at "
                                      f"{function.place}")
        second = operands[1]
        if not isinstance(second, Literal) or kind_of(second.value) not in SETS:
            raise ValidationException(f"The second argument to {name} must be a value with type SET at "
                                      f"{inner.place}")
        return second.value

    def _arguments(self) -> tuple[Word, list[Operand]]:
        """The operands of a function that is called, and the first word of them."""
        self._words.at += 2
        self._literals.deeper()
        first, operands = self._words.here, list[Operand]()
        while not self._words.take(")"):
            if operands:
                self._words.sign(",")
            operands.append(self._operand())
        self._literals.shallower()
        return first, operands

    def _where(self) -> Condition | None:
        return self._any_of() if self._words.take_word("WHERE") else None

    def _returning(self) -> str | None:
        if not self._words.take_word("RETURNING"):
            return None
        words = [self._words.next().text.upper(), self._words.next().text.upper()]
        self._words.sign("*")
        mode = "_".join(words).replace("MODIFIED", "UPDATED")
        return mode if mode in _RETURNED else self._words.wrong()

    # conditions

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._words.take_word("OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._negation()]
        while self._words.take_word("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Condition:
        self._literals.deeper()
        found: Condition = Not(self._negation()) if self._words.take_word("NOT") else self._comparison()
        self._literals.shallower()
        return found

    def _comparison(self) -> Condition:
        if self._words.take("("):
            inner = self._any_of()
            self._words.sign(")")
            return inner
        if self._words.called() and self._words.peek() in _TESTS:
            return self._test()
        left = self._operand()
        if self._words.take_word("IS"):
            negated = self._words.take_word("NOT")
            return self._being(left, negated)
        if self._words.take_word("BETWEEN"):
            low = self._operand()
            self._words.word("AND")
            high = self._operand()
            _refuse(check_between(low, high))
            return Between(left, low, high)
        if self._words.take_word("IN"):
            return In(left, self._choices())
        sign = self._words.next().text.replace("!=", "<>")
        if sign not in ("=", "<>", "<", "<=", ">", ">="):
            self._words.at -= 1
            self._words.wrong()
        right = self._operand()
        _refuse(check_compare(sign, left, right))
        return Compare(sign, left, right)

    def _test(self) -> Condition:
        """``begins_with(…)`` and its like, which may be compared with true and false."""
        name = self._words.peek().lower()
        operands = tuple(self._arguments()[1])
        _refuse(check_function(name, operands, "condition"))
        test = Test(name, operands)
        if self._words.take("="):
            truth = self._literals.read().get("BOOL")
            return test if truth is True else Not(test) if truth is False else self._words.wrong()
        return test

    def _being(self, left: Operand, negated: bool) -> Condition:
        word = self._words.peek()
        if word == "MISSING":
            self._words.next()
            return Test("attribute_exists" if negated else "attribute_not_exists", (left,))
        if word not in _BEINGS:
            self._words.wrong()
        self._words.next()
        test = Test("attribute_type", (left, Literal({"S": _BEINGS[word]})))
        return Not(test) if negated else test

    def _choices(self) -> tuple[Operand, ...]:
        closing = ")" if self._words.take("(") else "]"
        if closing == "]":
            self._words.sign("[")
        found = [self._operand()]
        while self._words.take(","):
            found.append(self._operand())
        self._words.sign(closing)
        return tuple(found)

    # operands

    def _right_side(self) -> Operand:
        left = self._operand()
        sign = "+" if self._words.take("+") else "-" if self._words.take("-") else ""
        return Sum(sign, left, self._operand()) if sign else left

    def _operand(self) -> Operand:
        word, token = self._words.peek(), self._words.here
        if self._words.called():
            if word not in ("SIZE", "LIST_APPEND"):
                raise ValidationException(f"Unrecognized function: {token.text.lower()} at {token.place}")
            operands = self._arguments()[1]
            _refuse(check_function(word.lower(), operands, "operand" if word == "SIZE" else "update"))
            if word == "LIST_APPEND":
                return ListAppend(operands[0], operands[1])
            return Size(operands[0]) if isinstance(operands[0], Path | Literal) else self._words.wrong()
        if token.kind == "quoted" or (token.kind == "name" and word not in ("TRUE", "FALSE", "NULL")):
            return self._path()
        return Literal(self._literals.read())

    def _path(self) -> Path:
        steps: list[str | int] = [self._name()]
        while True:
            if self._words.take("."):
                steps.append(self._name())
            elif self._words.take("["):
                token = self._words.next()
                if token.kind != "number" or not token.text.isdigit():
                    self._words.wrong()
                steps.append(int(token.text[:9]))
                self._words.sign("]")
            else:
                return Path(tuple(steps))

    def _table(self) -> tuple[str, str | None]:
        table = self._name()
        return table, self._name() if self._words.take(".") else None

    def _written_table(self) -> str:
        table, index = self._table()
        if index is not None:
            raise ValidationException(f"An index can only be read: {table}.{index}")
        return table

    def _no_alias(self) -> None:
        if self._words.peek() not in _AFTER_TABLE:
            raise ValidationException("Aliasing is not supported")

    def _name(self) -> str:
        token = self._words.next()
        if token.kind == "quoted":
            return token.text[1:-1].replace('""', '"')
        if token.kind != "name" or token.text.upper() in _KEYWORDS:
            self._words.at -= 1
            self._words.wrong()
        return token.text


def _refuse(problem: str | None) -> None:
    if problem:
        raise ValidationException(problem)
