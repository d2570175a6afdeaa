"""PartiQL statements as trees: SELECT, INSERT, UPDATE and DELETE, as far as DynamoDB speaks it.

Conditions and updates become the trees that expressions become, so one evaluator serves both.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

from msgspec import Struct

from .errors import ValidationException
from .limits import EXPRESSION_NESTING
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
from .tokens import Token
from .values import Item, Value, admit, admit_item

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")"""
    r"""|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"""
    r"""|(?P<sign><<|>>|<>|!=|<=|>=|[=<>(),.\[\]{}:?*+-])|(?P<end>;?\s*$)|(?P<bad>\S))""")
_TESTS = {"BEGINS_WITH": "begins_with", "CONTAINS": "contains", "ATTRIBUTE_TYPE": "attribute_type",
          "ATTRIBUTE_EXISTS": "attribute_exists", "ATTRIBUTE_NOT_EXISTS": "attribute_not_exists"}
_KEYWORDS = frozenset({"FROM", "WHERE", "AND", "OR", "NOT", "SET", "REMOVE", "RETURNING", "ORDER", "BY",
                       "IN", "IS",
                       "BETWEEN", "VALUE", "INTO", "ASC", "DESC", "SELECT"})


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


@lru_cache(maxsize=1024)
def _tokens(text: str) -> tuple[Token, ...]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "bad"
        if kind == "end":
            break
        found.append(Token(kind, match[kind]))
    return (*found, Token("end", "<EOF>"))


def parse(text: str, parameters: Sequence[Value] | None) -> Statement:
    """Read a statement; ``parameters`` stand for its question marks, in order."""
    reader = _Reader(_tokens(text), [admit(value)[0] for value in parameters or ()])
    found = reader.statement()
    reader.finish(bool(parameters))
    return found


class _Reader:
    """A reader of one statement."""

    def __init__(self, tokens: tuple[Token, ...], parameters: list[Value]) -> None:
        self._tokens, self._parameters = tokens, parameters
        self._at = self._used = self._depth = 0

    def finish(self, given: bool) -> None:
        """Nothing may be left, of the statement or of the parameters."""
        if self._tokens[self._at].kind != "end":
            self._wrong()
        if self._used != len(self._parameters):
            raise ValidationException("Number of parameters in request and statement don't match.")

    def statement(self) -> Statement:
        """The whole."""
        kind = self._next().text.upper()
        if kind == "SELECT":
            return self._select()
        if kind == "INSERT":
            self._word("INTO")
            table, _ = self._table()
            self._word("VALUE")
            value = self._literal()
            if "M" not in value:
                self._wrong()
            return Statement("INSERT", table, item=admit_item(value["M"])[0])
        if kind == "UPDATE":
            return self._update()
        if kind == "DELETE":
            self._word("FROM")
            table, _ = self._table()
            return Statement("DELETE", table, where=self._where(), returning=self._returning())
        if kind == "EXISTS":
            self._sign("(")
            self._word("SELECT")
            found = self._select()
            self._sign(")")
            found.checks_only = True
            return found
        return self._wrong()

    def _select(self) -> Statement:
        paths: list[Path] = []
        if not self._take("*"):
            paths.append(self._path())
            while self._take(","):
                paths.append(self._path())
        self._word("FROM")
        table, index = self._table()
        found = Statement("SELECT", table, index, tuple(paths), self._where())
        if self._taken("ORDER"):
            self._word("BY")
            found.order = str(self._path().steps[0])
            found.reverse = self._taken("DESC") or (self._taken("ASC") and False)
        return found

    def _update(self) -> Statement:
        table, _ = self._table()
        sets: list[tuple[Path, Operand]] = []
        removes: list[Path] = []
        adds: list[tuple[Path, Value]] = []
        deletes: list[tuple[Path, Value]] = []
        while True:
            if self._taken("SET"):
                path = self._path()
                self._sign("=")
                if self._peek() in ("SET_ADD", "SET_DELETE"):
                    wanted = adds if self._next().text.upper() == "SET_ADD" else deletes
                    self._sign("(")
                    self._path()
                    self._sign(",")
                    wanted.append((path, self._literal()))
                    self._sign(")")
                else:
                    sets.append((path, self._right_side()))
            elif self._taken("REMOVE"):
                removes.append(self._path())
            else:
                break
        if not (sets or removes or adds or deletes):
            self._wrong()
        change = Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes))
        return Statement("UPDATE", table, where=self._where(), change=change, returning=self._returning())

    def _where(self) -> Condition | None:
        return self._any_of() if self._taken("WHERE") else None

    def _returning(self) -> str | None:
        if not self._taken("RETURNING"):
            return None
        words = [self._next().text.upper(), self._next().text.upper()]
        self._sign("*")
        mode = "_".join(words).replace("MODIFIED", "UPDATED")
        mode = {"ALL_OLD": "ALL_OLD", "ALL_NEW": "ALL_NEW", "UPDATED_OLD": "UPDATED_OLD",
                "UPDATED_NEW": "UPDATED_NEW"}.get(mode, "")
        return mode or self._wrong()

    # conditions

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._taken("OR"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._negation()]
        while self._taken("AND"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Condition:
        self._deeper()
        found: Condition = Not(self._negation()) if self._taken("NOT") else self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        if self._take("("):
            inner = self._any_of()
            self._sign(")")
            return inner
        name = _TESTS.get(self._peek())
        if name and self._tokens[self._at + 1].text == "(":
            self._at += 2
            operands = [self._operand()]
            while self._take(","):
                operands.append(self._operand())
            self._sign(")")
            return Test(name, tuple(operands))
        left = self._operand()
        if self._taken("IS"):
            negated = self._taken("NOT")
            return self._being(left, negated)
        if self._taken("BETWEEN"):
            low = self._operand()
            self._word("AND")
            return Between(left, low, self._operand())
        if self._taken("IN"):
            return In(left, self._choices())
        sign = self._next().text.replace("!=", "<>")
        if sign not in ("=", "<>", "<", "<=", ">", ">="):
            self._at -= 1
            self._wrong()
        return Compare(sign, left, self._operand())

    def _being(self, left: Operand, negated: bool) -> Condition:
        word = self._next().text.upper()
        if word == "MISSING":
            return Test("attribute_exists" if negated else "attribute_not_exists", (left,))
        if word != "NULL":
            self._at -= 1
            self._wrong()
        null = Test("attribute_type", (left, Literal({"S": "NULL"})))
        return Not(null) if negated else null

    def _choices(self) -> tuple[Operand, ...]:
        closing = ")" if self._take("(") else "]"
        if closing == "]":
            self._sign("[")
        found = [self._operand()]
        while self._take(","):
            found.append(self._operand())
        self._sign(closing)
        return tuple(found)

    # operands

    def _right_side(self) -> Operand:
        left = self._operand()
        sign = "+" if self._take("+") else "-" if self._take("-") else ""
        return Sum(sign, left, self._operand()) if sign else left

    def _operand(self) -> Operand:
        word = self._peek()
        if word in ("SIZE", "LIST_APPEND") and self._tokens[self._at + 1].text == "(":
            self._at += 2
            first = self._operand()
            second = self._operand() if self._take(",") else None
            self._sign(")")
            if word == "LIST_APPEND" and second is not None:
                return ListAppend(first, second)
            return Size(first) if isinstance(first, Path | Literal) and second is None else self._wrong()
        token = self._tokens[self._at]
        if token.kind == "quoted" or (token.kind == "name" and word not in ("TRUE", "FALSE", "NULL")):
            return self._path()
        return Literal(self._literal())

    def _literal(self) -> Value:
        return admit(self._value())[0]

    def _value(self) -> Value:
        token = self._next()
        self._deeper()
        found = self._scalar(token) or self._collection(token.text)
        self._depth -= 1
        return found

    def _scalar(self, token: Token) -> Value | None:
        if token.text == "?":
            if self._used >= len(self._parameters):
                raise ValidationException("Number of parameters in request and statement don't match.")
            self._used += 1
            return self._parameters[self._used - 1]
        if token.kind == "text":
            return {"S": token.text[1:-1].replace("''", "'")}
        if token.kind == "number":
            return {"N": token.text}
        if token.text == "-" and self._tokens[self._at].kind == "number":
            return {"N": f"-{self._next().text}"}
        words: dict[str, Value] = {"TRUE": {"BOOL": True}, "FALSE": {"BOOL": False}, "NULL": {"NULL": True}}
        return words.get(token.text.upper()) if token.kind == "name" else None

    def _collection(self, opening: str) -> Value:
        closing = {"[": "]", "<<": ">>", "{": "}"}.get(opening)
        if closing is None:
            self._at -= 1
            self._wrong()
        names: list[str] = []
        elements: list[Value] = []
        while not self._take(closing):
            if elements:
                self._sign(",")
            if opening == "{":
                name = self._scalar(self._next())
                names.append(name["S"] if name and "S" in name else self._wrong())
                self._sign(":")
            elements.append(self._value())
        if opening == "{":
            return {"M": dict(zip(names, elements, strict=True))}
        if opening == "[":
            return {"L": elements}
        kinds = {next(iter(element)) for element in elements}
        if len(kinds) != 1 or not kinds <= {"S", "N", "B"}:
            self._wrong()
        kind = kinds.pop()
        return {f"{kind}S": [element[kind] for element in elements]}

    def _path(self) -> Path:
        steps: list[str | int] = [self._name()]
        while True:
            if self._take("."):
                steps.append(self._name())
            elif self._take("["):
                token = self._next()
                if token.kind != "number" or not token.text.isdigit():
                    self._wrong()
                steps.append(int(token.text[:9]))
                self._sign("]")
            else:
                return Path(tuple(steps))

    # tokens

    def _table(self) -> tuple[str, str | None]:
        table = self._name()
        return table, self._name() if self._take(".") else None

    def _name(self) -> str:
        token = self._next()
        if token.kind == "quoted":
            return token.text[1:-1].replace('""', '"')
        if token.kind != "name" or token.text.upper() in _KEYWORDS:
            self._at -= 1
            self._wrong()
        return token.text

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token.kind in ("end", "bad"):
            self._wrong()
        self._at += 1
        return token

    def _peek(self) -> str:
        token = self._tokens[self._at]
        return token.text.upper() if token.kind == "name" else ""

    def _take(self, sign: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == "sign" and token.text == sign:
            self._at += 1
            return True
        return False

    def _taken(self, word: str) -> bool:
        if self._peek() == word:
            self._at += 1
            return True
        return False

    def _sign(self, sign: str) -> None:
        if not self._take(sign):
            self._wrong()

    def _word(self, word: str) -> None:
        if not self._taken(word):
            self._wrong()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > EXPRESSION_NESTING:
            raise ValidationException("Statement wasn't well formed, can't be processed: nested too deeply")

    def _wrong(self) -> NoReturn:
        token: Any = self._tokens[self._at]
        raise ValidationException(f"Statement wasn't well formed, can't be processed: Unexpected token: "
                                  f"{token.text}")
