"""Event patterns as rules and archives have them, and TestEventPattern."""

from functools import lru_cache
from typing import Any

import msgspec

from ...errors import ValidationException
from ...fabric.operators import PatternError
from ...fabric.patterns import Pattern, parse
from ...kernel import Call
from .errors import InvalidEventPatternException
from .service import events

_REQUIRED = ("id", "account", "source", "time", "region", "detail-type")


@events.operation
def test_event_pattern(call: Call, event_pattern: str, event: str) -> dict[str, Any]:
    """Whether a pattern lets an event through."""
    pattern = compiled(event_pattern)
    try:
        seen = msgspec.json.decode(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        seen = None
    if not isinstance(seen, dict) or not all(isinstance(seen.get(name), str) for name in _REQUIRED):
        raise ValidationException("Parameter Event is not valid.")
    return {"Result": pattern.matches(seen)}


@lru_cache(maxsize=4096)
def compiled(text: str) -> Pattern:
    """The pattern that ``text`` spells, or the error that says why it spells none."""
    try:
        return parse(text)
    except PatternError as error:
        raise InvalidEventPatternException(f"Event pattern is not valid. Reason: {error}") from None
