"""Expressions as trees: condition, key condition, filter, projection and update.

The parser reads to the end before it complains of meaning: DynamoDB reports a syntax error anywhere in an
expression before an undefined placeholder, a reserved word or a wrong operand.
"""

from collections.abc import Callable
from typing import NoReturn, TypeVar

from .errors import ValidationException
from .limits import EXPRESSION_BYTES, EXPRESSION_NESTING, EXPRESSION_OPERATORS, IN_OPERANDS, PATH_DEPTH
from .operands import FUNCTIONS, check_between, check_compare, check_function, check_paths, check_sum
from .placeholders import Placeholders
from .reserved import WORDS
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
    Update,
)
from .tokens import Token, near, tokens_of
from .values import SETS, Value, kind_of

T = TypeVar("T")
_COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_SECTIONS = ("SET", "REMOVE", "ADD", "DELETE")
_NO_VALUE: Value = {"NULL": True}
_LONG_KINDS = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP",
               "NULL": "NULL"}


def condition(text: str, holders: Placeholders, what: str = "ConditionExpression") -> Condition:
    """A condition, filter or key condition; ``what`` is the parameter's name in messages."""
    parser = _Parser(text, holders, what)
    found = parser.any_of()
    parser.finish()
    return found


def projection(text: str, holders: Placeholders) -> tuple[Path, ...]:
    """The paths of a ProjectionExpression."""
    parser = _Parser(text, holders, "ProjectionExpression")
    paths = [parser.path()]
    while parser.take(","):
        paths.append(parser.path())
    parser.finish(paths)
    return tuple(paths)


def update(text: str, holders: Placeholders) -> Update:
    """An UpdateExpression."""
    parser = _Parser(text, holders, "UpdateExpression")
    found = parser.update()
    parser.finish(found.paths)
    return found


class _Parser:
    """A reader of one expression."""

    def __init__(self, text: str, holders: Placeholders, what: str) -> None:
        self._what, self._holders = what, holders
        if not text:
            self._fail("The expression can not be empty;")
        if len(text.encode("utf-8", "replace")) > EXPRESSION_BYTES:
            self._fail("Expression size has exceeded the maximum allowed size; "
                       f"expression size: {len(text.encode('utf-8', 'replace'))}")
        self._tokens = tokens_of(text)
        self._at = 0
        self._depth = 0
        self._operators = 0
        self._problem = ""
        if self._tokens[0].kind == "end":
            self._fail("The expression can not be empty;")

    def finish(self, paths: list[Path] | tuple[Path, ...] = ()) -> None:
        """All was read; now what it says may be found wanting."""
        if self._tokens[self._at].kind != "end":
            self._syntax()
        self._wanting(check_paths(paths))
        if self._problem:
            self._fail(self._problem)

    def _fail(self, problem: str) -> NoReturn:
        raise ValidationException(f"Invalid {self._what}: {problem}")

    def _wanting(self, problem: str | None) -> None:
        """The first wrong meaning is the one that is told."""
        self._problem = self._problem or problem or ""

    def _syntax(self) -> NoReturn:
        token = self._tokens[self._at]
        self._fail(f'Syntax error; token: "{token.text}", near: "{near(self._tokens, self._at)}"')

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _word(self) -> str:
        token = self._tokens[self._at]
        return token.text.upper() if token.kind == "name" else ""

    def take(self, sign: str) -> bool:
        """Whether the next token is ``sign``; if so it is passed."""
        token = self._tokens[self._at]
        if token.kind == "sign" and token.text == sign:
            self._at += 1
            return True
        return False

    def _take_word(self, word: str) -> bool:
        if self._word() == word:
            self._at += 1
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self.take(sign):
            self._syntax()

    def _count(self) -> None:
        self._operators += 1
        if self._operators == EXPRESSION_OPERATORS + 1:
            self._wanting("The expression contains too many operators; the limit is "
                          f"{EXPRESSION_OPERATORS}; operator count: {self._operators}")

    # conditions

    def any_of(self) -> Condition:
        """``… OR …``"""
        parts = [self._all_of()]
        while self._take_word("OR"):
            self._count()
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all_of(self) -> Condition:
        parts = [self._negation()]
        while self._take_word("AND"):
            self._count()
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self) -> Condition:
        if self._take_word("NOT"):
            self._count()
            return Not(self._deeper(self._negation))
        return self._primary()

    def _deeper(self, read: Callable[[], T]) -> T:
        self._depth += 1
        if self._depth > EXPRESSION_NESTING:
            self._fail("The expression is nested too deeply")
        found = read()
        self._depth -= 1
        return found

    def _primary(self) -> Condition:
        opened = self._at
        if self.take("("):
            inner = self._deeper(self.any_of)
            self._expect(")")
            if self._tokens[opened + 1].text == "(" and self._closes(opened + 1) == self._at - 2:
                self._wanting("The expression has redundant parentheses;")
            return inner
        return self._comparison()

    def _closes(self, opened: int) -> int:
        """Where the parenthesis at ``opened`` closes."""
        depth = 0
        for at in range(opened, len(self._tokens)):
            if self._tokens[at].kind == "sign":
                depth += {"(": 1, ")": -1}.get(self._tokens[at].text, 0)
                if depth == 0:
                    return at
        return -1

    def _comparison(self) -> Condition:
        if self._is_call() and self._word() != "SIZE" and self._peek().text != "size":
            test = self._test()
            if self._peek().text in _COMPARATORS and isinstance(test, Test):
                self._wanting("The function is not allowed to be used this way in an expression; "
                              f"function: {test.name}")
                self._at += 1
                self._operand()
            return test
        left = self._operand()
        token = self._peek()
        if token.kind == "sign" and token.text in _COMPARATORS:
            self._at += 1
            self._count()
            right = self._operand()
            self._wanting(check_compare(token.text, left, right))
            return Compare(token.text, left, right)
        if self._take_word("BETWEEN"):
            self._count()
            low = self._operand()
            if not self._take_word("AND"):
                self._syntax()
            high = self._operand()
            self._wanting(check_between(low, high))
            return Between(left, low, high)
        if self._take_word("IN"):
            self._count()
            return In(left, self._choices())
        if isinstance(left, Size):
            self._wanting("The function is not allowed to be used this way in an expression; function: size")
            return Test("size", (left,))
        return self._syntax()

    def _choices(self) -> tuple[Operand, ...]:
        self._expect("(")
        choices = [self._operand()]
        while self.take(","):
            choices.append(self._operand())
        self._expect(")")
        if len(choices) > IN_OPERANDS:
            self._wanting("The IN operator is provided with too many operands; "
                          f"number of operands: {len(choices)}")
        return tuple(choices)

    def _is_call(self) -> bool:
        return self._peek().kind == "name" and self._tokens[self._at + 1].text == "("

    def _arguments(self) -> tuple[Operand, ...]:
        self._expect("(")
        found = [self._deeper(self._operand)]
        while self.take(","):
            found.append(self._deeper(self._operand))
        self._expect(")")
        return tuple(found)

    def _test(self) -> Condition:
        name = self._peek().text
        self._at += 1
        operands = self._arguments()
        self._count()
        self._wanting(check_function(name, operands, "condition"))
        return Test(name, operands)

    # operands

    def _operand(self) -> Operand:
        token = self._peek()
        if token.kind == "value":
            self._at += 1
            return Literal(self._value(token.text))
        if self._is_call():
            return self._call()
        if token.kind == "sign" and token.text == "(":
            self._at += 1
            inner = self._deeper(self._right_side if self._what == "UpdateExpression" else self._operand)
            self._expect(")")
            return inner
        return self.path()

    def _call(self) -> Operand:
        name = self._peek().text
        self._at += 1
        operands = self._arguments()
        self._count()
        self._wanting(check_function(name, operands,
                                     "update" if self._what == "UpdateExpression" else "operand"))
        if name == "size" and len(operands) == 1 and isinstance(operands[0], Path | Literal):
            return Size(operands[0])
        if name == "if_not_exists" and len(operands) == 2 and isinstance(operands[0], Path):
            return IfNotExists(operands[0], operands[1])
        if name == "list_append" and len(operands) == 2:
            return ListAppend(*operands)
        self._wanting(f"Invalid function name; function: {name}" if name not in FUNCTIONS else
                      f"The function is not allowed to be used this way in an expression; function: {name}")
        return Literal(_NO_VALUE)

    def _value(self, alias: str) -> Value:
        value = self._holders.value(alias)
        if value is None:
            self._wanting("An expression attribute value used in expression is not defined; "
                          f"attribute value: {alias}")
        return value or _NO_VALUE

    def path(self) -> Path:
        """``name.name[1].name``"""
        steps: list[str | int] = [self._name()]
        while True:
            if self.take("."):
                steps.append(self._name())
            elif self.take("["):
                token = self._peek()
                if token.kind != "number":
                    self._syntax()
                if len(token.text) > 10 or int(token.text) >= 1 << 31:
                    self._wanting("List index is not within the allowable range; "
                                  f"index: [{token.text}]")
                self._at += 1
                steps.append(int(token.text[:10]))
                self._expect("]")
            else:
                break
        if len(steps) > PATH_DEPTH:
            self._wanting("The document path has too many nesting elements; "
                          f"nesting levels: {len(steps)}")
        return Path(tuple(steps))

    def _name(self) -> str:
        token = self._peek()
        self._at += 1
        if token.kind == "name":
            if token.text.upper() in WORDS:
                self._wanting(f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
            return token.text
        if token.kind == "alias":
            name = self._holders.name(token.text)
            if name is None:
                self._wanting("An expression attribute name used in the document path is not defined; "
                              f"attribute name: {token.text}")
            return name or ""
        self._at -= 1
        return self._syntax()

    # updates

    def update(self) -> Update:
        """The sections, each at most once, in any order."""
        sets: list[tuple[Path, Operand]] = []
        removes: list[Path] = []
        changes: dict[str, list[tuple[Path, Value]]] = {"ADD": [], "DELETE": []}
        seen: set[str] = set()
        while self._peek().kind != "end":
            section = self._word()
            if section not in _SECTIONS:
                self._syntax()
            if section in seen:
                self._wanting(f'The "{section}" section can only be used once in an update expression;')
            seen.add(section)
            self._at += 1
            while True:
                if section == "SET":
                    sets.append(self._assignment())
                elif section == "REMOVE":
                    removes.append(self.path())
                else:
                    changes[section].append(self._change(section))
                if not self.take(","):
                    break
        return Update(tuple(sets), tuple(removes), tuple(changes["ADD"]), tuple(changes["DELETE"]))

    def _assignment(self) -> tuple[Path, Operand]:
        path = self.path()
        self._expect("=")
        self._count()
        return path, self._right_side()

    def _right_side(self) -> Operand:
        left = self._operand()
        token = self._peek()
        if token.kind == "sign" and token.text in "+-":
            self._at += 1
            self._count()
            right = self._operand()
            self._wanting(check_sum(token.text, left, right))
            return Sum(token.text, left, right)
        return left

    def _change(self, section: str) -> tuple[Path, Value]:
        path = self.path()
        token = self._peek()
        if token.kind != "value":
            self._syntax()
        self._at += 1
        self._count()
        value = self._value(token.text)
        kind = kind_of(value)
        if value is not _NO_VALUE and kind not in SETS and (section == "DELETE" or kind != "N"):
            self._wanting("Incorrect operand type for operator or function; "
                          f"operator: {section}, operand type: {_LONG_KINDS[kind]}")
        return path, value
