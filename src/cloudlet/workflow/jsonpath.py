"""JSONPath as the language means it: compiled once, then walked.

AWS follows Jayway's dialect, and a result's form depends on the path: a definite one gives the one
value or fails, any other (with ``*``, ``..``, a slice, a filter or several names) gives a list, also an
empty one. A path begins at ``$`` (the input), ``$$`` (the context object) or ``$name`` (a variable).
"""

import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Nodes = Iterator[Any]
Step = Callable[[Any, Any], Nodes]  # (node, root) → nodes
Test = Callable[[Any, Any], bool]

_NAME = re.compile(r"(?:\\.|[^\s\\.\[\]()'\",?@=!<>&|~])+")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_FUNCTION = re.compile(r"\.(\w+)\(\)")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?\s*")
_INTEGERS = re.compile(r"-?\d+(?:\s*,\s*-?\d+)*\s*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_OPERATOR = re.compile(r"==|!=|<=|>=|=~|<|>|in\b|nin\b")
_SPACE = re.compile(r"\s*")
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_REGEX = re.compile(r"/((?:[^/\\]|\\.)*)/(\w*)")


class BadText(Exception):
    """A text that is no path, or no call of a function."""


class NoResult(Exception):
    """A definite path that leads nowhere; the text says how far it led."""


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path. ``scope`` is "" for the input, "$" for the context object, else a variable's name."""

    text: str
    scope: str
    definite: bool
    keys: tuple[str | int, ...]  # of a definite path
    steps: tuple[Step, ...]  # of any other
    function: Callable[[Any], Any] | None = None

    def find(self, root: Any) -> Any:
        """What the path leads to in ``root``."""
        found = self._walk(root) if self.definite else self._collect(root)
        return self.function(found) if self.function else found

    def _walk(self, node: Any) -> Any:
        for position, key in enumerate(self.keys):
            if isinstance(key, str):
                if isinstance(node, dict) and key in node:
                    node = node[key]
                    continue
            elif isinstance(node, list) and -len(node) <= key < len(node):
                node = node[key]
                continue
            shown = "$" + "".join(f"['{one}']" if isinstance(one, str) else f"[{one}]"
                                  for one in self.keys[: position + 1])
            last = position == len(self.keys) - 1
            raise NoResult(f"No results for path: {shown}" if last else f"Missing property in path {shown}")
        return node

    def _collect(self, root: Any) -> list[Any]:
        nodes = [root]
        for step in self.steps:
            nodes = [found for node in nodes for found in step(node, root)]
        return nodes


def compile_path(text: str) -> Path:
    """The path that ``text`` spells; :class:`BadText` if it spells none."""
    reader = Reader(text)
    path = reader.path()
    if reader.at < len(text):
        raise BadText(text)
    return path


def reference(text: str) -> tuple[str | int, ...]:
    """The keys of a Reference Path, which names one place; :class:`BadText` if it could name several."""
    path = compile_path(text)
    if not path.definite or path.scope or path.function or any(
            isinstance(key, int) and key < 0 for key in path.keys):
        raise BadText(text)
    return path.keys


class Reader:
    """Reads from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def path(self) -> Path:
        """The path that begins here, up to what can't belong to it."""
        begin = self.at
        if self.take("$$"):
            return self._steps("$", begin)
        if variable := self.match(_VARIABLE):
            return self._steps(variable[1], begin)
        if self.take("$"):
            return self._steps("", begin)
        raise BadText(self.text)

    def _steps(self, scope: str, begin: int) -> Path:
        keys: list[str | int] = []
        steps: list[Step] = []
        definite, function = True, None
        while not (function := self._function()):
            deep = self.take("..")
            if deep:
                definite = False
                steps.append(_descend)
            key: str | int | None
            if self.take("[") or self.take(".["):  # "$.[0]" is "$[0]" to Jayway's JsonPath, which AWS has
                key, step = self._bracket()
            elif deep or self.take("."):
                key, step = self._member()
            else:
                break
            steps.append(step)
            if key is None:
                definite = False
            else:
                keys.append(key)
        return Path(self.text[begin : self.at], scope, definite, tuple(keys) if definite else (),
                    () if definite else tuple(steps), function)

    def take(self, token: str) -> bool:
        """Whether ``token`` comes now; then it is read."""
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here; then it is read."""
        match = pattern.match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def _function(self) -> Callable[[Any], Any] | None:
        match = _FUNCTION.match(self.text, self.at)
        if not match or match[1] not in _FUNCTIONS:
            return None
        self.at = match.end()
        return _FUNCTIONS[match[1]]

    def _member(self) -> tuple[str | None, Step]:
        if self.take("*"):
            return None, _children
        match = self.match(_NAME)
        if not match:
            raise BadText(self.text)
        name = re.sub(r"\\(.)", r"\1", match[0])
        return name, _named((name,))

    def _bracket(self) -> tuple[str | int | None, Step]:
        self.space()
        if self.take("*"):
            self._close()
            return None, _children
        if self.take("?"):
            self._must("(")
            test = self._either()
            self._must(")")
            self._close()
            return None, _filtered(test)
        if self.text.startswith(("'", '"'), self.at):
            names = [self._string()]
            while self._spaced(","):
                names.append(self._string())
            self._close()
            return (names[0] if len(names) == 1 else None), _named(tuple(names))
        if (match := self.match(_SLICE)) is not None:
            self._close()
            bounds = [int(part) if part else None for part in match.groups()]
            return None, _sliced(slice(*bounds))
        if (match := self.match(_INTEGERS)) is not None:
            self._close()
            indexes = tuple(int(part) for part in match[0].split(","))
            return (indexes[0] if len(indexes) == 1 else None), _indexed(indexes)
        raise BadText(self.text)

    def space(self) -> None:
        """Pass over spaces."""
        self.match(_SPACE)

    def _spaced(self, token: str) -> bool:
        self.space()
        found = self.take(token)
        self.space()
        return found

    def _must(self, token: str) -> None:
        if not self._spaced(token):
            raise BadText(self.text)

    def _close(self) -> None:
        self.space()
        if not self.take("]"):
            raise BadText(self.text)

    def _string(self) -> str:
        match = self.match(_STRING)
        if not match:
            raise BadText(self.text)
        quote = match[0][0]
        return match[0][1:-1].replace(f"\\{quote}", quote)

    # -- filters

    def _either(self) -> Test:
        return self._joined("||", any, lambda: self._joined("&&", all, self._single))

    def _joined(self, token: str, together: Callable[[Nodes], bool], part: Callable[[], Test]) -> Test:
        tests = [part()]
        while self._spaced(token):
            tests.append(part())
        return lambda node, root: together(test(node, root) for test in tests)

    def _single(self) -> Test:
        if self._spaced("!"):
            test = self._single()
            return lambda node, root: not test(node, root)
        if self._spaced("("):
            inner = self._either()
            self._must(")")
            return inner
        left = self._operand()
        self.space()
        operator = self.match(_OPERATOR)
        if not operator:
            return lambda node, root: left(node, root) is not _NOTHING
        self.space()
        compare = _COMPARE[operator[0]]
        right = self._operand()
        return lambda node, root: compare(left(node, root), right(node, root))

    def _operand(self) -> Callable[[Any, Any], Any]:
        if self.take("@"):
            return self._relative(here=True)
        if self.take("$"):
            return self._relative(here=False)
        value = self._literal()
        return lambda node, root: value

    def _relative(self, *, here: bool) -> Callable[[Any, Any], Any]:
        path = self._steps("", self.at)

        def value(node: Any, root: Any) -> Any:
            try:
                return path.find(node if here else root)
            except NoResult:
                return _NOTHING

        return value

    def _literal(self) -> Any:
        if self.text.startswith(("'", '"'), self.at):
            return self._string()
        if match := self.match(_REGEX):
            try:
                return re.compile(match[1], re.IGNORECASE if "i" in match[2] else 0)
            except re.error:
                raise BadText(self.text) from None
        if not self.take("["):
            return self.scalar()
        found: list[Any] = []
        self.space()
        while not self.take("]"):
            found.append(self._literal())
            self._spaced(",")
        return found

    def scalar(self) -> Any:
        """A number, true, false or null."""
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.take(word):
                return value
        match = self.match(_NUMBER)
        if not match:
            raise BadText(self.text)
        return float(match[0]) if set(match[0]) & set(".eE") else int(match[0])


_NOTHING = object()


def _named(names: tuple[str, ...]) -> Step:
    return lambda node, root: (node[name] for name in names if isinstance(node, dict) and name in node)


def _indexed(indexes: tuple[int, ...]) -> Step:
    return lambda node, root: (node[at] for at in indexes if isinstance(node, list)
                               and -len(node) <= at < len(node))


def _sliced(part: slice) -> Step:
    return lambda node, root: iter(node[part] if isinstance(node, list) else ())


def _filtered(test: Test) -> Step:
    def step(node: Any, root: Any) -> Nodes:
        items = node if isinstance(node, list) else [node] if isinstance(node, dict) else []
        return (item for item in items if test(item, root))

    return step


def _children(node: Any, root: Any) -> Nodes:
    return iter(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())


def _descend(node: Any, root: Any) -> Nodes:
    yield node
    for child in _children(node, root):
        if isinstance(child, dict | list):
            yield from _descend(child, root)


def _ordered(order: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (left, right))
        return (numbers or (isinstance(left, str) and isinstance(right, str))) and order(left, right)

    return compare


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right and isinstance(left, bool) == isinstance(right, bool))


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "=~": lambda left, right: isinstance(left, str) and isinstance(right, re.Pattern)
    and right.fullmatch(left) is not None,
    "in": lambda left, right: isinstance(right, list) and left in right,
    "nin": lambda left, right: isinstance(right, list) and left not in right}


def _numbers(values: Any) -> list[float]:
    return ([one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
            if isinstance(values, list) else [])


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "length": lambda value: len(value) if isinstance(value, str | list | dict) else None,
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "min": lambda value: min(_numbers(value), default=None),
    "max": lambda value: max(_numbers(value), default=None),
    "sum": lambda value: sum(_numbers(value)),
    "avg": lambda value: statistics.fmean(found) if (found := _numbers(value)) else None,
    "stddev": lambda value: statistics.pstdev(found) if (found := _numbers(value)) else None}
