"""What happened in a test: as the test asks for it, and as its failure shows it."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..telemetry import Sighting

_LINES, _CHARACTERS = 40, 160  # of a failure's section


class Sent(NamedTuple):
    """A message that came to a queue, a topic or an event bus."""

    body: str
    id: str
    at: datetime
    source: str
    parameters: dict[str, Any]  # such as MessageAttributes and MessageGroupId

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Invoked(NamedTuple):
    """A function that ran on an event. ``error`` is empty if it succeeded; else ``result`` tells more."""

    event: Any
    result: Any
    error: str
    logs: Sequence[str]
    id: str
    at: datetime


def sent_of(one: Sighting) -> Sent:
    """A sighting of a message, as tests see it."""
    return Sent(_text(one.payload), one.event, _moment(one.at_ms), one.source, one.parameters)


def invoked_of(one: Sighting) -> Invoked:
    """A sighting of a function, as tests see it."""
    result = _decoded(one.answer)
    error = one.why
    if error and isinstance(result, dict) and "errorType" in result:
        error = f"{result['errorType']}: {result.get('errorMessage', '')}"
    return Invoked(_decoded(one.payload), result, error, one.log, one.event, _moment(one.at_ms))


def sections(seen: Sequence[Sighting], now: datetime) -> list[tuple[str, str]]:
    """For the report of a test that failed: what travelled last, and what its functions wrote last."""
    found = [("cloudlet: what travelled", "\n".join([
        f"the clock shows {now:%Y-%m-%d %H:%M:%S} UTC", *_last([_line(one) for one in seen])]))]
    written = [f"{one.target.rpartition(':')[2]}: {line}" for one in seen for line in one.log]
    return [*found, ("cloudlet: what functions wrote", "\n".join(_last(written)))] if written else found


def _line(one: Sighting) -> str:
    way = f"{_short(one.source)} → {_short(one.target)}" if one.source else _short(one.target)
    why = f" ({invoked_of(one).error if one.outcome == 'failed' else one.why})" if one.why else ""
    said = f"{_text(one.payload)} → {_text(one.answer)}" if one.outcome == "ran" else _text(one.payload)
    line = f"{_moment(one.at_ms):%d %H:%M:%S.%f}"[:-3] + f" {one.outcome:<13} {way}{why}  {said}"
    return line.replace("\n", " ")[:_CHARACTERS]


def _last(lines: Sequence[str]) -> Iterable[str]:
    more = len(lines) - _LINES
    return [*([f"({more} before)"] if more > 0 else []), *lines[-_LINES:]] or ["(nothing)"]


def _short(arn: str) -> str:
    service, _, resource = arn.removeprefix("arn:aws:").partition(":")
    return f"{service}:{resource.split(':', 2)[-1]}" if arn.startswith("arn:") else arn


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return _text(raw)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
