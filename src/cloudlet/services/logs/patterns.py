"""Filter patterns: which events a filter, a tail or a search wants.

Three languages share the name. ``{ … }`` looks into JSON (:mod:`.json_patterns`), ``[ … ]`` into fields
(:mod:`.field_patterns`), and everything else is words that must, may or must not occur. A word matches
whole words only: ``Error`` is not found in ``ErrorCode`` (AWS: a part of a word needs ``%Error%``).

>>> find = compile_pattern("ERROR -timeout")
>>> find("ERROR in line 3") is not None, find("ERROR: timeout") is not None
(True, False)
"""

import re
from collections.abc import Callable
from functools import lru_cache

from .comparisons import regex_of, unquote
from .errors import InvalidParameterException
from .field_patterns import compile_fields
from .json_patterns import compile_json

# What a pattern takes out of a message that it matches; None where it does not match.
Matcher = Callable[[str], dict[str, str] | None]
_TERM = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s"]+)')


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Matcher:
    """The matcher of a filter pattern; an empty one matches everything."""
    text = text.strip()
    if not text:
        return lambda message: {}
    if text[0] == "{":
        return compile_json(text)
    if text[0] == "[":
        return compile_fields(text)
    return _compile_terms(text)


def _compile_terms(text: str) -> Matcher:
    needed: list[re.Pattern[str]] = []
    unwanted: list[re.Pattern[str]] = []
    optional: list[re.Pattern[str]] = []
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None:
            raise InvalidParameterException("Invalid filter pattern")
        kind = {"": needed, "-": unwanted, "?": optional}[match[1]]
        kind.append(_term(match[2]))
        at = match.end()
    if needed or unwanted:
        optional = []  # AWS passes over them beside terms of the other kinds

    def matches(message: str) -> dict[str, str] | None:
        fits = (all(term.search(message) for term in needed)
                and not any(term.search(message) for term in unwanted)
                and (not optional or any(term.search(message) for term in optional)))
        return {} if fits else None

    return matches


def _term(written: str) -> re.Pattern[str]:
    if written[0] == "%" and written[-1] == "%" and len(written) > 1:
        return re.compile(regex_of(written))
    phrase = unquote(written) if written[0] == '"' else written
    before = r"(?<!\w)" if phrase[:1].isalnum() else ""
    after = r"(?!\w)" if phrase[-1:].isalnum() else ""
    return re.compile(before + re.escape(phrase) + after)
