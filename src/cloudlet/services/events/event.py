"""An event: what a bus got, as rules see it and as targets get it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from .limits import DETAIL_DEPTH

_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')


class Event(msgspec.Struct):
    """An event on a bus. ``detail`` is JSON without blanks, exactly as it was written otherwise.

    ``account`` and ``region`` are where it began, which it keeps wherever it is sent on to. ``trace`` is an
    X-Ray header, ``replay`` the name of the replay that it comes from; ``forwarded``: from another bus.
    """

    id: str
    source: str
    detail_type: str
    account: str
    region: str
    time: str
    detail: msgspec.Raw
    resources: list[str] = []
    ingested_ms: int = 0
    trace: str = ""
    replay: str = ""
    forwarded: bool = False
    view: dict[str, Any] = {}  # as patterns see it

    def json(self) -> bytes:
        """The event as targets get it."""
        return _encode(self._said(self.detail))

    def look(self) -> dict[str, Any]:
        """The event as decoded JSON; it must not be changed."""
        if not self.view:
            self.view = self._said(msgspec.json.decode(self.detail))
        return self.view

    def _said(self, detail: Any) -> dict[str, Any]:
        head = {"version": "0", "id": self.id, "detail-type": self.detail_type, "source": self.source,
                "account": self.account, "time": self.time, "region": self.region}
        if self.replay:
            head["replay-name"] = self.replay
        return head | {"resources": self.resources, "detail": detail}


class _Text(msgspec.Struct, rename="kebab"):
    """An event as it travels from one bus to another."""

    id: str
    detail_type: str
    source: str
    account: str
    time: str
    region: str
    detail: msgspec.Raw
    resources: list[str] = []
    replay_name: str = ""


def read(text: bytes) -> Event:
    """The event that ``json`` gave, or that has its members; a :class:`msgspec.DecodeError` if it is none."""
    said = _decode(text)
    return Event(said.id, said.source, said.detail_type, said.account, said.region, said.time,
                 said.detail.copy(), said.resources, replay=said.replay_name)


def minified(text: str) -> msgspec.Raw | None:
    """A detail without blanks; None if it is no JSON object, or one too deep for those who get it."""
    if text.count("{") + text.count("[") > DETAIL_DEPTH and _depth(text) > DETAIL_DEPTH:
        return None
    try:
        raw = msgspec.json.format(text.encode(), indent=-1)
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return msgspec.Raw(raw) if isinstance(found, dict) else None


def _depth(text: str) -> int:
    """How many objects and arrays stand within one another.

    >>> _depth('{"a": [{"b": "[[["}, {}]}')
    3
    """
    deepest = depth = 0
    for mark in _MARKS.findall(text):
        depth += (mark in "{[") - (mark in "}]")
        deepest = max(deepest, depth)
    return deepest


def moment(at_ms: int) -> str:
    """A moment as events say it."""
    return _second(at_ms // 1000)


@lru_cache(maxsize=64)
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_ms(text: str) -> int:
    """The moment that an event says."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Text).decode
