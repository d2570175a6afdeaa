"""Tumbling windows: a function sees a shard's records window by window, and hands its state on to itself.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from .checkpoints import Window
from .sources import Record

TERMINATED = 1 << 20  # bytes of a state; a window with a larger one ends early


def window_of(record: Record, length_ms: int) -> Window:
    """The window that a record is in, with no state yet."""
    return Window(record.at_ms - record.at_ms % length_ms)


def envelope_of(window: Window, length_ms: int, shard: str, arn: str, *, final: bool = False,
                early: bool = False) -> dict[str, Any]:
    """What an event says of its window, beside its records."""
    return {"window": {"start": _stamp(window.start_ms), "end": _stamp(window.start_ms + length_ms)},
            "state": msgspec.json.decode(window.state), "shardId": shard, "eventSourceARN": arn,
            "isFinalInvokeForWindow": final, "isWindowTerminatedEarly": early}


def state_of(answer: Any) -> bytes | None:
    """The state that an answer brings; None if it brings none.

    >>> state_of({"state": {"sum": 3}}), state_of({})
    (b'{"sum":3}', None)
    """
    state = answer.get("state") if isinstance(answer, dict) else None
    return None if state is None else msgspec.json.encode(state)


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
