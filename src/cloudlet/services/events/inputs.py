"""What a target gets of an event: all of it, a constant, a part, or what a template makes of it.

A template is JSON, or lines of texts in quotes. A variable outside of quotes becomes a JSON value, and ``""``
where its path leads nowhere. Inside of quotes it becomes its text as it is: AWS escapes nothing, so what is
no JSON any more then is not delivered. An object in a line of text loses its quotes.
Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html, and what AWS
answers, as recorded in LocalStack's tests (test_events_inputs.snapshot.json).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ...errors import AwsError, ValidationException
from . import paths
from .event import Event, moment

_VARIABLE = re.compile(r"<([A-Za-z0-9_.-]+)>")
_QUOTE = re.compile(r'\\.|"', re.DOTALL)  # a quote, or what a backslash makes harmless
_RULE_ARN, _RULE_NAME = "aws.events.rule-arn", "aws.events.rule-name"
_INGESTED, _HEAD, _ALL = "aws.events.event.ingestion-time", "aws.events.event", "aws.events.event.json"
_RESERVED = frozenset((_RULE_ARN, _RULE_NAME, _INGESTED, _HEAD, _ALL))
_encode = msgspec.json.encode

Input = Callable[[Event, str, str], bytes]  # of an event, the rule's ARN and its name


class InvalidJson(AwsError):
    """The input template and the event together make no JSON."""


class Piece(msgspec.Struct, frozen=True):
    """A text of a template, or a variable in it."""

    text: str
    variable: bool = False
    quoted: bool = False


def of_target(given: Mapping[str, Any], *, id: str) -> Input:
    """How the event becomes a target's input; a :class:`ValidationException` if that can't be said so."""
    ways = [name for name in ("Input", "InputPath", "InputTransformer") if given.get(name) is not None]
    if len(ways) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {id}.")
    if "Input" in ways:
        return _constant(given["Input"], id)
    if "InputPath" in ways:
        return _part(given["InputPath"], id)
    if "InputTransformer" in ways:
        return _template(given["InputTransformer"], id)
    return lambda event, arn, name: event.json()


def _constant(text: str, id: str) -> Input:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValidationException(f"JSON syntax error in input for target {id}") from None
    constant = text.encode()
    return lambda event, arn, name: constant


def _part(text: str, id: str) -> Input:
    steps = _path(text, id)
    if not steps:
        return lambda event, arn, name: event.json()

    def part(event: Event, arn: str, name: str) -> bytes:
        found = paths.read(event.look(), steps)
        return b"null" if found is paths.NOTHING else _encode(found)

    return part


def _path(text: str, id: str) -> tuple[paths.Step, ...]:
    try:
        return paths.parse(text)
    except paths.NoPath:
        raise ValidationException(f"Invalid InputPath for target {id}.") from None


def _template(given: Mapping[str, Any], id: str) -> Input:
    known = {name: _path(text, id) for name, text in (given.get("InputPathsMap") or {}).items()}
    if reserved := next((name for name in known if name in _RESERVED), None):
        raise ValidationException(f"InputPathsMap for target {id} contains the reserved name {reserved}.")
    template = given["InputTemplate"]
    pieces = _pieces(template)
    for piece in pieces:
        if piece.variable and piece.text not in known and piece.text not in _RESERVED:
            raise ValidationException(
                f"InputTemplate for target {id} contains invalid placeholder {piece.text}.")
    lines = template.lstrip().startswith('"')

    def render(event: Event, arn: str, name: str) -> bytes:
        made = "".join(_rendered(_value(piece.text, known, event, arn, name), piece.quoted, lines)
                       if piece.variable else piece.text for piece in pieces)
        return _lines(made) if lines else _minified(made)

    return render


def _pieces(template: str) -> list[Piece]:
    """The texts and variables of a template, each variable with whether it stands in quotes."""
    found: list[Piece] = []
    at, quoted = 0, False
    for match in _VARIABLE.finditer(template):
        text = template[at:match.start()]
        quoted ^= _toggles(text)
        found += [Piece(text), Piece(match[1], True, quoted)]
        at = match.end()
    return [*found, Piece(template[at:])]


def _toggles(text: str) -> bool:
    """Whether quotes are opened or closed in a text."""
    quotes: list[str] = _QUOTE.findall(text)
    return quotes.count('"') % 2 == 1


def _value(name: str, known: Mapping[str, tuple[paths.Step, ...]], event: Event, arn: str, rule: str) -> Any:
    if name in known:
        return paths.read(event.look(), known[name])
    if name == _RULE_ARN:
        return arn
    if name == _RULE_NAME:
        return rule
    if name == _INGESTED:
        return moment(event.ingested_ms)
    said = event.look()
    if name == _ALL:
        return said
    return {"id": said["id"], "account": said["account"], "detailType": said["detail-type"],
            "time": said["time"], "source": said["source"], "region": said["region"],
            "resources": said["resources"], "version": said["version"]}


def _rendered(value: Any, quoted: bool, lines: bool) -> str:
    if value is paths.NOTHING:
        return "" if quoted else '""'
    if quoted and isinstance(value, str):
        return value
    text = _encode(value).decode()
    return text.replace('"', "") if quoted and lines else text


def _lines(made: str) -> bytes:
    for line in made.splitlines():
        if line.strip():
            _check(line)
    return made.encode()


def _minified(made: str) -> bytes:
    _check(made)
    return msgspec.json.format(made.encode(), indent=-1)


def _check(text: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidJson from None
