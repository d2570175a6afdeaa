"""A PartiQL statement as words, and the walk over them."""

import re
from functools import lru_cache
from typing import NamedTuple, NoReturn

from .errors import ValidationException

_SPACE = r"(?:\s|--[^\n]*+|/\*.*?\*/)*+"  # nothing is given back: it would be tried in all ways
_WORD = re.compile(
    _SPACE + r"""(?:(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")"""
    r"""|(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"""
    r"""|(?P<sign><<|>>|<>|!=|<=|>=|[=<>(),.\[\]{}:?*+-])"""
    r"""|(?P<end>(?:;""" + _SPACE + r""")?$)|(?P<bad>\S))""", re.DOTALL)
UNREADABLE = "Statement wasn't well formed, can't be processed: "


class Word(NamedTuple):
    """``kind`` is text, quoted, number, name, sign or end; ``place`` is line, column and length."""

    kind: str
    text: str
    place: str


@lru_cache(maxsize=1024)
def words_of(text: str) -> tuple[Word, ...]:
    """The words of a statement, with one of kind ``end`` last."""
    found = []
    for match in _WORD.finditer(text):
        kind = match.lastgroup or "bad"
        if kind == "bad":
            raise ValidationException(UNREADABLE)
        if kind == "end":
            break
        start = match.start(kind)
        line = text.count("\n", 0, start)
        column = start - text.rfind("\n", 0, start)
        found.append(Word(kind, match[kind], f"{line + 1}:{column}:{len(match[kind])}"))
    return (*found, Word("end", "<EOF>", ""))


class Words:
    """A place among the words of a statement."""

    def __init__(self, text: str) -> None:
        self._words = words_of(text)
        self.at = 0

    @property
    def here(self) -> Word:
        """The word that comes next."""
        return self._words[self.at]

    def next(self) -> Word:
        """The next word, which is passed."""
        word = self.here
        if word.kind == "end":
            self.wrong()
        self.at += 1
        return word

    def peek(self) -> str:
        """The next word in capitals, if it is a name."""
        word = self.here
        return word.text.upper() if word.kind == "name" else ""

    def called(self) -> bool:
        """Whether the next word is the name of a function that is called."""
        return self.here.kind == "name" and self._words[self.at + 1].text == "("

    def take(self, sign: str) -> bool:
        """Whether the next word is ``sign``; if so it is passed."""
        if self.here.kind == "sign" and self.here.text == sign:
            self.at += 1
            return True
        return False

    def take_word(self, word: str) -> bool:
        """Whether the next word is the keyword ``word``; if so it is passed."""
        if self.peek() == word:
            self.at += 1
            return True
        return False

    def sign(self, sign: str) -> None:
        """The next word has to be ``sign``."""
        if not self.take(sign):
            self.wrong()

    def word(self, word: str) -> None:
        """The next word has to be the keyword ``word``."""
        if not self.take_word(word):
            self.wrong()

    def finish(self) -> None:
        """Nothing may be left."""
        if self.here.kind != "end":
            self.leftover()

    def leftover(self) -> NoReturn:
        """Refuse the statement for the word that comes next, where it could have been at its end."""
        raise ValidationException(f"{UNREADABLE}Unexpected token after expression")

    def wrong(self) -> NoReturn:
        """Refuse the statement for the word that comes next."""
        raise ValidationException(f"{UNREADABLE}Unexpected token: {self.here.text}")
