"""The operators of event patterns, and how a mistake in one is reported.

Each takes its argument and gives a test for one value of an event. AWS reads patterns token by token and
names the place where it stopped; ``Place`` counts the tokens that were read, so that we name the same.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

Test = Callable[[Any], bool]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,:\[\]{}"]+|[\[\]{}]')
_SHOWN = 500  # characters of a pattern that an error quotes
_KINDS = {dict: "START_OBJECT", list: "START_ARRAY", bool: "boolean", type(None): "null"}


class PatternError(ValueError):
    """A pattern is not one; the text says why and where."""


class Place:
    """How far a pattern has been read."""

    def __init__(self, text: str) -> None:
        self._text, self._read = text, 0

    def enter(self, tokens: int = 1) -> None:
        """Read the next token."""
        self._read += tokens

    def error(self, reason: str, *, finished: bool = False) -> PatternError:
        """``reason``, with the place. A string that was not looked into counts up to its first quote."""
        offset = len(self._text)
        for number, token in enumerate(_TOKEN.finditer(self._text), 1):
            if number == self._read:
                opened = token.group().startswith('"') and not finished
                offset = token.start() + 1 if opened else token.end()
                break
        before = self._text[:offset]
        line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
        shown, rest = self._text[:_SHOWN], len(self._text) - _SHOWN
        more = f"[truncated {rest} chars]" if rest > 0 else ""
        where = f'[Source: (String)"{shown}"{more}; line: {line}, column: {column}]'
        return PatternError(f"{reason}\n at {where}")


def literal(wanted: Any) -> Test:
    """Equal: numbers by value, everything else by type and value."""
    if _is_number(wanted):
        return lambda value: _is_number(value) and value == wanted
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and value == wanted
    return lambda value: value is wanted


def prefix(argument: Any, place: Place) -> Test:
    """Begins with a text, or with any casing of it."""
    wanted, fold = _text_or_ignored_case(argument, "prefix", place)
    if fold:
        return lambda value: isinstance(value, str) and value.casefold().startswith(wanted)
    return lambda value: isinstance(value, str) and value.startswith(wanted)


def suffix(argument: Any, place: Place) -> Test:
    """Ends with a text, or with any casing of it."""
    wanted, fold = _text_or_ignored_case(argument, "suffix", place)
    if fold:
        return lambda value: isinstance(value, str) and value.casefold().endswith(wanted)
    return lambda value: isinstance(value, str) and value.endswith(wanted)


def ignoring_case(argument: Any, place: Place) -> Test:
    """Equal in any casing."""
    wanted = _text(argument, "equals-ignore-case", place).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == wanted


def wildcard(argument: Any, place: Place) -> Test:
    """``*`` stands for any text, the empty one too; a backslash takes its meaning away."""
    parts = _parts(_text(argument, "wildcard", place), place)
    return lambda value: isinstance(value, str) and _fits(value, parts)


def exists(argument: Any, place: Place) -> Test:
    """There is a value at all (whether there may be none is the leaf's to know)."""
    if not isinstance(argument, bool):
        raise place.error("exists match pattern must be either true or false.")
    return lambda value: argument


def cidr(argument: Any, place: Place) -> Test:
    """An address of a network."""
    text = _text(argument, "prefix", place)  # so AWS says
    if text.count("/") != 1:
        raise place.error("Malformed CIDR, one '/' required", finished=True)
    address, _, bits = text.partition("/")
    if not re.fullmatch(r"-?\d+", bits):
        raise place.error("Malformed CIDR, mask bits must be an integer", finished=True)
    if bits.startswith("-"):
        raise place.error("Malformed CIDR, mask bits must not be negative", finished=True)
    try:
        base = ipaddress.ip_address(address)
    except ValueError:
        raise place.error(f"Nonstandard IP address: {address}", finished=True) from None
    if int(bits) >= base.max_prefixlen:
        raise place.error(f"IPv{base.version} mask bits must be < {base.max_prefixlen}", finished=True)
    network = ipaddress.ip_network(text, strict=False)

    def inside(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False
    return inside


def numeric(argument: Any, place: Place) -> Test:
    """``["=", 3]``, ``[">", 0, "<=", 5]``: a number in a range."""
    if not isinstance(argument, list):
        raise place.error("Value of numeric must be an array.")
    bounds = _bounds(argument, place)
    return lambda value: _is_number(value) and all(holds(value) for holds in bounds)


def anything_but(argument: Any, place: Place) -> Test:
    """A value that is none of these; there must be one."""
    if isinstance(argument, dict):
        return _not_like(argument, place)
    if isinstance(argument, bool) or argument is None:
        raise place.error("Value of anything-but must be an array or single string/number value.")
    unwanted = _alike(argument, place, numbers=True) if isinstance(argument, list) else [argument]
    tests = [literal(one) for one in unwanted]
    return lambda value: not any(test(value) for test in tests)


def _not_like(argument: dict[str, Any], place: Place) -> Test:
    """``anything-but`` with an operator inside, on one text or several."""
    place.enter()
    name, inner = next(iter(argument.items()), ("", None))
    place.enter()
    if name not in _NEGATABLE:
        raise place.error(f"Unsupported anything-but pattern: {name}")
    if isinstance(inner, list):
        texts = _alike(inner, place, numbers=False)
    else:
        texts = [_text(inner, name, place)]
    if name in ("prefix", "suffix") and "" in texts:
        raise place.error("Null prefix/suffix not allowed", finished=True)
    tests = [_NEGATABLE[name](text, place) for text in texts]
    place.enter()
    if len(argument) > 1:
        place.enter()
        raise place.error("Only one key allowed in match expression")
    return lambda value: not any(test(value) for test in tests)


def _alike(values: list[Any], place: Place, *, numbers: bool) -> list[Any]:
    """The texts (or the numbers) of a list that has nothing else."""
    if not values:
        place.enter()
        raise place.error("Empty arrays are not allowed")
    for one in values:
        place.enter()
        if not isinstance(one, str) and not (numbers and _is_number(one)):
            kind = _KINDS.get(type(one), "number")
            raise place.error(f"Inside anything but list, {kind} is not supported.")
        if isinstance(one, str) != isinstance(values[0], str):
            raise place.error("Inside anything but list, either all values are number or string, "
                              "mixed type is not supported")
    place.enter()
    return values


def _bounds(terms: list[Any], place: Place) -> list[Test]:
    found: list[Test] = []
    place.enter()
    if not terms or terms[0] not in _COMPARED:
        shown = terms[0] if terms else "]"
        if isinstance(shown, str) and terms:
            place.enter()
            raise place.error(f"Unrecognized numeric range operator: {shown}")
        raise place.error(f"Invalid member in numeric match: {shown}", finished=True)
    for at in range(0, len(terms), 2):
        if at:
            place.enter()
            if at > 2:
                raise place.error("Too many terms in numeric range expression")
            if terms[0] == "=" or terms[0][0] == "<":
                raise place.error("Too many elements in numeric expression")
            if not isinstance(terms[at], str):
                raise place.error(f"Bad value in numeric range: {terms[at]}")
            if terms[at] not in ("<", "<="):
                raise place.error(f"Bad numeric range operator: {terms[at]}", finished=True)
        operator = terms[at]
        place.enter()
        if at + 1 == len(terms) or not _is_number(terms[at + 1]):
            shown = "equals" if operator == "=" else operator
            raise place.error(f"Value of {shown} must be numeric")
        found.append(_COMPARED[operator](terms[at + 1]))
    place.enter()
    if len(terms) == 4 and terms[1] >= terms[3]:
        raise place.error("Bottom must be less than top")
    return found


def _text(argument: Any, name: str, place: Place) -> str:
    if not isinstance(argument, str):
        raise place.error(f"{name} match pattern must be a string")
    return argument


def _text_or_ignored_case(argument: Any, name: str, place: Place) -> tuple[str, bool]:
    if isinstance(argument, dict) and list(argument) == ["equals-ignore-case"]:
        place.enter(2)
        text = _text(argument["equals-ignore-case"], name, place).casefold()
        place.enter()
        return text, True
    return _text(argument, name, place), False


def _parts(text: str, place: Place) -> list[str]:
    """The literal texts between the stars."""
    parts, at = [""], 0
    while at < len(text):
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in ("*", "\\"):
                raise place.error(f"Invalid escape character at pos {at}", finished=True)
            at += 1
            parts[-1] += text[at]
        elif text[at] == "*":
            if text[at + 1 : at + 2] == "*":
                raise place.error(f"Consecutive wildcard characters at pos {at}", finished=True)
            parts.append("")
        else:
            parts[-1] += text[at]
        at += 1
    return parts


def _fits(value: str, parts: list[str]) -> bool:
    """Whether the parts follow each other in ``value``: the first match of each is the best one."""
    if len(parts) == 1:
        return value == parts[0]
    first, *middle, last = parts
    at = len(first)
    if not value.startswith(first) or not value.endswith(last):
        return False
    for part in middle:
        at = value.find(part, at) + len(part)
        if at < len(part):
            return False
    return at <= len(value) - len(last)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_COMPARED: dict[str, Callable[[float], Test]] = {
    "=": lambda bound: lambda value: value == bound,
    "<": lambda bound: lambda value: value < bound,
    "<=": lambda bound: lambda value: value <= bound,
    ">": lambda bound: lambda value: value > bound,
    ">=": lambda bound: lambda value: value >= bound,
}
_NEGATABLE: dict[str, Callable[[Any, Place], Test]] = {
    "prefix": prefix, "suffix": suffix, "equals-ignore-case": ignoring_case, "wildcard": wildcard,
}
OPERATORS: dict[str, Callable[[Any, Place], Test]] = {
    **_NEGATABLE, "exists": exists, "cidr": cidr, "numeric": numeric, "anything-but": anything_but,
}
