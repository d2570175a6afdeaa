"""Filter patterns that look into JSON: ``{ ($.level = "ERROR" || $.ms > 100) && $.user.id NOT EXISTS }``."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from .comparisons import OPERATORS, Value
from .errors import InvalidParameterException

Test = Callable[[Any], bool]
Matcher = Callable[[str], dict[str, str] | None]
_TOKEN = re.compile(r"""\s*(?:
    (?P<selector>\$(?:\.(?:[\w@-]+|\*)|\[\s*(?:"[^"]*"|'[^']*'|\d+|\*)\s*\])*) |
    (?P<string>"(?:[^"\\]|\\.)*") | (?P<regex>%[^%]*%) |
    (?P<sign>&&|\|\||!=|<=|>=|[=<>()]) |
    (?P<word>[^\s()&|=<>{}"]+))""", re.VERBOSE)
_STEP = re.compile(r"""\.([\w@-]+|\*)|\[\s*(?:"([^"]*)"|'([^']*)'|(\d+)|(\*))\s*\]""")
_EVERY = object()
_DEEPEST = 64


def compile_json(text: str) -> Matcher:
    """The matcher of a pattern in braces."""
    if not text.endswith("}"):
        raise InvalidParameterException("Invalid filter pattern")
    parser = _Parser(text[1:-1])
    test = parser.whole()
    selectors = {selector: _steps(selector) for selector in parser.selectors}

    def matches(message: str) -> dict[str, str] | None:
        try:
            document = json.loads(message)
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict | list) or not test(document):
            return None
        return {selector: _text(found[0]) for selector, steps in selectors.items()
                if (found := list(_select(document, steps)))}

    return matches


class _Parser:
    """Recursive descent over ``or`` of ``and`` of comparisons."""

    def __init__(self, text: str) -> None:
        self.selectors: list[str] = []
        self._tokens: list[tuple[str, str]] = []
        self._depth = 0
        at, text = 0, text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise InvalidParameterException("Invalid filter pattern")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._tokens.reverse()

    def whole(self) -> Test:
        """The pattern's test; everything must have been read."""
        test = self._either()
        if self._tokens:
            raise InvalidParameterException("Invalid filter pattern")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._peek() == "||":
            self._tokens.pop()
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._peek() == "&&":
            self._tokens.pop()
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _one(self) -> Test:
        kind, text = self._next()
        if text == "(" and kind == "sign":
            self._depth += 1
            if self._depth > _DEEPEST:
                raise InvalidParameterException("Invalid filter pattern")
            inner = self._either()
            self._depth -= 1
            if self._next() != ("sign", ")"):
                raise InvalidParameterException("Invalid filter pattern")
            return inner
        if kind != "selector":
            raise InvalidParameterException("Invalid filter pattern")
        self.selectors.append(text)
        return self._comparison(_steps(text))

    def _comparison(self, steps: list[Any]) -> Test:
        kind, text = self._next()
        if kind == "sign" and text in OPERATORS:
            kind, written = self._next()
            if kind not in ("word", "string", "regex"):
                raise InvalidParameterException("Invalid filter pattern")
            value = Value.of(written)
            return lambda document: any(value.compare(text, found) for found in _select(document, steps)
                                        if not isinstance(found, dict | list))
        verb = (text.upper(), self._next()[1].upper())
        if verb == ("NOT", "EXISTS"):
            return lambda document: not any(True for _ in _select(document, steps))
        wanted = {("IS", "TRUE"): True, ("IS", "FALSE"): False, ("IS", "NULL"): None}
        if verb not in wanted:
            raise InvalidParameterException("Invalid filter pattern")
        return lambda document: any(found is wanted[verb] for found in _select(document, steps))

    def _peek(self) -> str:
        return self._tokens[-1][1] if self._tokens else ""

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise InvalidParameterException("Invalid filter pattern")
        return self._tokens.pop()


def _steps(selector: str) -> list[Any]:
    """``$.a["b"][0][*]`` as the keys and positions to follow."""
    found: list[Any] = []
    for name, double, single, position, star in _STEP.findall(selector):
        if star or name == "*":
            found.append(_EVERY)
        else:
            found.append(int(position) if position else name or double or single)
    return found


def _select(value: Any, steps: list[Any]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step is _EVERY:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for item in inner:
            yield from _select(item, rest)
    elif isinstance(step, int):
        if isinstance(value, list) and step < len(value):
            yield from _select(value[step], rest)
    elif isinstance(value, dict) and step in value:
        yield from _select(value[step], rest)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
