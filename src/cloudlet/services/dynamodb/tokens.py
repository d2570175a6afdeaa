"""Expressions as tokens."""

import re
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<alias>#[A-Za-z0-9_]+)"
                    r"|(?P<value>:[A-Za-z0-9_]+)|(?P<number>[0-9]+)"
                    r"|(?P<sign><>|<=|>=|[=<>(),.\[\]+-])|(?P<end>$)|(?P<bad>\S))")


class Token(NamedTuple):
    """A word of an expression. ``kind`` is name, alias (``#a``), value (``:a``), number, sign or end."""

    kind: str
    text: str


@lru_cache(maxsize=2048)
def tokens_of(text: str) -> tuple[Token, ...]:
    """The tokens of ``text``, with one of kind ``end`` last; one that can't be is of kind ``bad``."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "bad"
        if kind == "end":
            break
        found.append(Token(kind, match[kind]))
    found.append(Token("end", "<EOF>"))
    return tuple(found)


def near(tokens: tuple[Token, ...], at: int) -> str:
    """The surroundings of a token, as messages show them."""
    return " ".join(token.text for token in tokens[max(0, at - 1) : at + 2] if token.kind != "end")
