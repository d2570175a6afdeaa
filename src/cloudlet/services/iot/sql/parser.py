"""From the text of a rule to its parts, by recursive descent.

What AWS's reference doesn't know is refused when the rule is made, never when a message comes.
Source: https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-reference.html
"""

from decimal import Decimal, DecimalException

from .functions import check
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
from .tokens import Token, WrongSql, tokens
from .values import ARITHMETIC

V1, V2 = "2015-10-08", "2016-03-23"
_KEYWORDS = frozenset(("SELECT", "VALUE", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "CASE", "WHEN", "THEN",
                       "ELSE", "END", "NULL", "TRUE", "FALSE", "IN", "EXISTS"))
_CASTS = frozenset(("string", "nvarchar", "text", "ntext", "varchar", "int", "integer", "double"))
_LATER_CASTS = frozenset(("decimal", "bool", "boolean"))
_LEVELS: tuple[tuple[str, ...], ...] = (("+", "-"), ("*", "/", "%"))
_DEEPEST = 64  # expressions within one another


def parse(sql: str, version: str) -> Statement:
    """A rule's statement; WrongSql if it is none."""
    parser = _Parser(sql, version)
    return parser.statement()


def parse_expression(text: str, version: str) -> Expression:
    """What stands in ``${…}``."""
    parser = _Parser(text, version)
    found = parser.expression()
    parser.finish()
    return found


class _Parser:
    def __init__(self, sql: str, version: str) -> None:
        self._tokens = list(tokens(sql))
        self._at = self._depth = 0
        self._version = version

    # -- what reads words

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _word(self, *words: str) -> bool:
        found = self._next.is_word(*words)
        self._at += found
        return found

    def _sign(self, *signs: str) -> bool:
        found = self._next.is_sign(*signs)
        self._at += found
        return found

    def _need_word(self, word: str) -> None:
        if not self._word(word):
            raise WrongSql(f"Expected {word}, but found {self._next}.")

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise WrongSql(f"Expected {sign!r}, but found {self._next}.")

    def _need_name(self) -> str:
        token = self._take()
        if token.kind != "name":
            raise WrongSql(f"Expected a name, but found {token}.")
        return token.text

    def _later(self, what: str) -> None:
        if self._version == V1:
            raise WrongSql(f"{what} need the SQL version {V2}.")

    def finish(self) -> None:
        """Nothing may follow."""
        if self._next.kind != "end":
            raise WrongSql(f"Expected the end of the statement, but found {self._next}.")

    # -- clauses

    def statement(self) -> Statement:
        """SELECT … FROM 'filter' WHERE …"""
        self._need_word("SELECT")
        select, topic, where = self._select(), "", None
        if self._word("FROM"):
            token = self._take()
            if token.kind != "text" or not token.text:
                raise WrongSql(f"Expected a topic filter in quotes, but found {token}.")
            topic = token.text
        if self._word("WHERE"):
            where = self.expression()
        self.finish()
        return Statement(select, topic, where, self._version)

    def _select(self) -> Select:
        bare = self._next.is_word("VALUE") and not self._tokens[self._at + 1].is_sign(",", ".") \
            and self._tokens[self._at + 1].kind != "end" \
            and not self._tokens[self._at + 1].is_word("FROM", "AS", "WHERE")
        self._at += bare
        items = [self._item(bare)]
        while self._sign(","):
            items.append(self._item(bare))
        if bare and len(items) > 1:
            raise WrongSql("SELECT VALUE takes one item.")
        return Select(tuple(items), bare)

    def _item(self, bare: bool) -> Item:
        start = self._next
        value: Expression = Star() if self._sign("*") else self.expression()
        if self._word("AS"):
            path = [self._need_name()]
            while self._sign("."):
                path.append(self._need_name())
            return Item(value, tuple(path))
        return Item(value, () if bare else _name_of(value, start))

    # -- expressions, from the loosest to the tightest

    def expression(self) -> Expression:
        """Any expression."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise WrongSql(f"Expressions are nested more than {_DEEPEST} deep.")
        left = self._conjunction()
        while self._word("OR"):
            left = Binary("OR", left, self._conjunction())
        self._depth -= 1
        return left

    def _conjunction(self) -> Expression:
        left = self._negation()
        while self._word("AND"):
            left = Binary("AND", left, self._negation())
        return left

    def _negation(self) -> Expression:
        negated = 0
        while self._word("NOT"):
            negated += 1
        found = self._comparison()
        for _ in range(negated):
            found = Unary("NOT", found)
        return found

    def _comparison(self) -> Expression:
        left = self._operation(0)
        while True:
            token = self._next
            if self._sign("=", "<>", "<", "<=", ">", ">="):
                left = Binary(token.text, left, self._operation(0))
            elif self._word("IN"):
                left = Binary("IN", left, self._operation(0))
            else:
                return left

    def _operation(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._sign_of()
        left = self._operation(level + 1)
        while True:
            token = self._next
            if not self._sign(*_LEVELS[level]):
                return left
            left = Binary(token.text, left, self._operation(level + 1))

    def _sign_of(self) -> Expression:
        signs = 0
        while self._sign("-"):
            signs += 1
        found = self._member()
        for _ in range(signs):
            found = Literal(-found.value) if isinstance(found, Literal) and _is_number(found) \
                else Unary("-", found)
        return found

    def _member(self) -> Expression:
        found = self._primary()
        while self._sign("."):
            token = self._take()
            if token.kind != "name":
                raise WrongSql(f"Expected a name after '.', but found {token}.")
            found = Member(found, token.text)
        return found

    def _primary(self) -> Expression:
        token = self._take()
        match token.kind:
            case "text":
                return Literal(token.text)
            case "number":
                return Literal(_number(token))
            case "name":
                return self._named(token)
        if token.is_sign("("):
            found = self._query() if self._word("SELECT") else self.expression()
            if self._next.is_sign(","):
                return self._list(found)
            self._need(")")
            return found
        if token.is_sign("{"):
            return self._object()
        if token.is_sign("["):
            self._later("Literal arrays")
            return Array(self._arguments("]"))
        raise WrongSql(f"Expected an expression, but found {token}.")

    def _named(self, token: Token) -> Expression:
        word = token.text.upper()
        if word in ("NULL", "TRUE", "FALSE"):
            return Literal({"NULL": None, "TRUE": True, "FALSE": False}[word])
        if word == "CASE":
            return self._case()
        if word == "EXISTS":
            return Unary("EXISTS", self._primary())
        if self._next.is_sign("("):
            return self._application(token)
        if word in _KEYWORDS and word not in ("VALUE", "END", "IN"):
            raise WrongSql(f"Expected an expression, but found {token}.")
        return Name(token.text)

    def _application(self, token: Token) -> Expression:
        self._need("(")
        name = token.text.lower()
        if name == "cast":
            return self._cast()
        arguments = self._arguments(")")
        check(name, token.text, len(arguments), self._version == V1)
        for place, argument in enumerate(arguments):
            if isinstance(argument, Star) and (name, place) != ("encode", 0):
                raise WrongSql(f"Only encode() takes '*' as its argument, not {token.text}().")
        return Application(name, arguments)

    def _arguments(self, end: str) -> tuple[Expression, ...]:
        found: list[Expression] = []
        if not self._sign(end):
            found.append(self._argument())
            while self._sign(","):
                found.append(self._argument())
            self._need(end)
        return tuple(found)

    def _argument(self) -> Expression:
        return Star() if self._sign("*") else self.expression()

    def _list(self, first: Expression) -> Expression:
        items = [first]
        while self._sign(","):
            items.append(self.expression())
        self._need(")")
        return Array(tuple(items))

    def _cast(self) -> Expression:
        value = self.expression()
        self._need_word("AS")
        kind = self._need_name().lower()
        if kind in _LATER_CASTS:
            self._later(f"Casts to {kind}")
        elif kind not in _CASTS:
            raise WrongSql(f"A value can't be cast to {kind!r}.")
        self._need(")")
        return Cast(value, kind)

    def _case(self) -> Expression:
        subject, branches = self.expression(), []
        while self._word("WHEN"):
            test = self.expression()
            self._need_word("THEN")
            branches.append((test, self.expression()))
        if not branches:
            raise WrongSql(f"Expected WHEN, but found {self._next}.")
        otherwise = self.expression() if self._word("ELSE") else None
        self._need_word("END")
        return Case(subject, tuple(branches), otherwise)

    def _object(self) -> Expression:
        self._later("Literal objects")
        members: list[tuple[str, Expression]] = []
        while not self._sign("}"):
            if members:
                self._need(",")
            token = self._take()
            if token.kind != "text":
                raise WrongSql(f"Expected a name in quotes, but found {token}.")
            self._need(":")
            members.append((token.text, self.expression()))
        return Object(tuple(members))

    def _query(self) -> Expression:
        self._later("Nested queries")
        select = self._select()
        self._need_word("FROM")
        source = self._member()
        where = self.expression() if self._word("WHERE") else None
        return Query(select, source, where)


def _number(token: Token) -> int | Decimal:
    try:
        found = ARITHMETIC.create_decimal(token.text)
    except DecimalException:
        raise WrongSql(f"The number {token} is too large.") from None
    return int(found) if token.text.isdigit() else found


def _name_of(value: Expression, start: Token) -> tuple[str, ...]:
    match value:
        case Star():
            return ()
        case Name(name) | Member(name=name) | Application(name=name):
            return (name,)
    raise WrongSql(f"What begins with {start} needs a name: write AS and one behind it.")


def _is_number(literal: Literal) -> bool:
    return isinstance(literal.value, int | Decimal) and not isinstance(literal.value, bool)
