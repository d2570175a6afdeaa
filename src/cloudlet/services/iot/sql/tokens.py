"""The words of a statement of IoT SQL."""

import re
from collections.abc import Iterator

import msgspec

_WORD = re.compile(r"""
    (?P<space>\s+)
  | (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign><>|<=|>=|[-+*/%=<>.,(){}\[\]:])
""", re.VERBOSE)


class WrongSql(Exception):
    """A text is no statement of IoT SQL; the message says why and where."""


class Token(msgspec.Struct, frozen=True):
    """A word: its kind (``text``, ``number``, ``name``, ``sign``, ``end``), what it says, where it is."""

    kind: str
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, in any case."""
        return self.kind == "name" and self.text.upper() in words

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of these signs."""
        return self.kind == "sign" and self.text in signs

    def __str__(self) -> str:
        return "the end of the statement" if self.kind == "end" else f"{self.text!r} at position {self.at}"


def tokens(sql: str) -> Iterator[Token]:
    """The words of ``sql``; the last is of the kind ``end``.

    >>> [token.text for token in tokens("SELECT a.b FROM 'x/#'")]
    ['SELECT', 'a', '.', 'b', 'FROM', 'x/#', '']
    """
    at = 0
    while at < len(sql):
        match = _WORD.match(sql, at)
        if match is None:
            raise WrongSql(f"Unexpected character {sql[at]!r} at position {at}.")
        kind, text = str(match.lastgroup), match[0]
        if kind == "text":
            yield Token(kind, text[1:-1].replace(text[0] * 2, text[0]), at)
        elif kind != "space":
            yield Token(kind, text, at)
        at = match.end()
    yield Token("end", "", at)
