"""Filters: which records of a source its reader wants. A record that no filter lets through is passed over.

The content of a message may be text or JSON, and a pattern may be meant for the one or the other. AWS drops
what does not agree: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..kernel import Call, Conversation
from .patterns import Leaf, Node, Pattern, parse
from .sources import Filtered, Record

_ABSENT: Any = object()


class Filters(msgspec.Struct, frozen=True):
    """Patterns of which one must match; with none, everything is let through."""

    patterns: tuple[Pattern, ...]
    filtered: Filtered
    target: str = ""  # the ARN of whom they are for

    def sift(self, call: Call | Conversation, source: str, records: Sequence[Record]) -> list[Record]:
        """Those that are let through; let others see which were not."""
        wanted = []
        for record in records:
            if self.wants(record):
                wanted.append(record)
            else:
                call.see("filtered", self.target, source=source, event=record.id,
                         why="no filter of the mapping lets it through",
                         payload=msgspec.json.encode(record.event))
        return wanted

    def wants(self, record: Record) -> bool:
        """Whether ``record`` is let through."""
        if not self.patterns:
            return True
        event, key = self.filtered.view(record.event), self.filtered.content
        if not key:
            return any(pattern.matches(event) for pattern in self.patterns)
        text = event.get(key, "")
        document = _document(text)
        return any(_matches(pattern, event, key, text, document) for pattern in self.patterns)


def filters_of(patterns: Iterable[str], filtered: Filtered, target: str = "") -> Filters:
    """The filters that ``patterns`` say; a :class:`.operators.PatternError` says what is wrong with one."""
    return Filters(tuple(parse(one) for one in patterns), filtered, target)


def _matches(pattern: Pattern, event: dict[str, Any], key: str, text: str, document: Any) -> bool:
    below = pattern.root.fields.get(key)
    if isinstance(below, Node):
        return document is not _ABSENT and pattern.matches(event | {key: document})
    if isinstance(below, Leaf) and document is not _ABSENT:
        return False  # a pattern for text, and a message that is JSON
    return pattern.matches(event)


def _document(text: str) -> Any:
    """The JSON object or array that ``text`` is."""
    if not text.lstrip().startswith(("{", "[")):
        return _ABSENT
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _ABSENT
