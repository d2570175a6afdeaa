"""Values in filter patterns, and how what stands in a log is compared with them.

A value is a word that may have ``*`` in it, a quoted text, a number, or a regular expression
between ``%``.

>>> Value.of("4*").equals("404"), Value.of("1e3").equals(1000), Value.of("%^a.c$%").equals("abc")
(True, True, True)
"""

import re

import msgspec

from .errors import InvalidParameterException

Scalar = str | int | float | bool | None
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_REGEX_ALLOWED = re.compile(r"[\w:#=@/;,\- ^$?\[\]{}|\\*+.]*", re.ASCII)
OPERATORS = ("!=", "<=", ">=", "=", "<", ">")


class Value(msgspec.Struct, frozen=True):
    """What a pattern compares with."""

    text: str
    number: float | None = None
    regex: str = ""
    quoted: bool = False

    @classmethod
    def of(cls, written: str) -> "Value":
        """The value as it is written in a pattern."""
        if len(written) > 1 and written[0] == written[-1] == "%":
            return cls(written, regex=regex_of(written))
        quoted = len(written) > 1 and written[0] == written[-1] == '"'
        text = unquote(written) if quoted else written
        number = float(text) if not quoted and _NUMBER.fullmatch(text) else None
        regex = ""
        if "*" in text:
            regex = f"(?s:{'.*'.join(map(re.escape, text.split('*')))})\\Z"
            regex = "^" + regex
        return cls(text, number, regex, quoted)

    def equals(self, found: Scalar) -> bool:
        """Whether what was found is this value."""
        if isinstance(found, str):
            if self.regex:
                return re.search(self.regex, found) is not None
            if found == self.text:
                return True
            return self.number is not None and self.number == number_of(found)
        if found is None or self.quoted:
            return False
        if isinstance(found, bool):
            return self.text == str(found).lower()
        if self.number is not None:
            return self.number == found
        return bool(self.regex) and re.search(self.regex, f"{found}") is not None

    def compare(self, operator: str, found: Scalar) -> bool:
        """Whether ``found operator value`` holds."""
        if operator == "=":
            return self.equals(found)
        if operator == "!=":
            return not self.equals(found)
        left = number_of(found)
        if left is None or self.number is None:
            return False
        return {"<": left < self.number, ">": left > self.number, "<=": left <= self.number,
                ">=": left >= self.number}[operator]


def number_of(found: Scalar) -> float | None:
    """The number that was found, be it written as a text."""
    if isinstance(found, str):
        return float(found) if _NUMBER.fullmatch(found) else None
    return None if found is None or isinstance(found, bool) else float(found)


def unquote(written: str) -> str:
    """What stands between quotation marks."""
    return re.sub(r"\\(.)", r"\1", written[1:-1])


def regex_of(written: str) -> str:
    """The regular expression between ``%``, if it is one that CloudWatch Logs knows."""
    inner = written[1:-1]
    if not inner or not _REGEX_ALLOWED.fullmatch(inner):
        raise InvalidParameterException(f"Invalid regular expression in filter pattern: {written}")
    try:
        re.compile(inner)
    except re.error:
        raise InvalidParameterException(f"Invalid regular expression in filter pattern: {written}") from None
    return inner
