"""Checkpoints: how far a reader has come in each shard of a stream, kept with what it carries along.

A shard may be read in several lanes at once, each with its own keys and its own place. A reader that starts
gets a place in every shard there is, in the transaction that makes it; shards that come later it reads from
their beginning.
"""

import msgspec

from ..kernel import Call
from ..store import Table
from .sources import Part, Stream


class Window(msgspec.Struct, array_like=True, frozen=True):
    """A tumbling window that is open, and the function's state in it (JSON)."""

    start_ms: int
    state: bytes = b"{}"


class Lane(msgspec.Struct, array_like=True, frozen=True):
    """One lane of a shard: everything up to ``after`` is done with."""

    after: int
    window: Window | None = None


class Checkpoint(msgspec.Struct, frozen=True):
    """A reader's places in one shard. ``ended``: it has read a closed shard to its end."""

    lanes: tuple[Lane, ...]
    ended: bool = False


_checkpoints = Table("checkpoints", Checkpoint)


def begin(call: Call, reader: str, stream: Stream, arn: str, position: str, at_ms: int) -> None:
    """Give ``reader`` its place in every shard that there is now; with LATEST it passes over closed ones."""
    for part in stream.parts(call, arn):
        after = stream.place(call, arn, part.id, position, at_ms)
        _checkpoints.put(call, reader, part.id, record=Checkpoint((Lane(after),), _ended(part, after)))


def find(call: Call, reader: str) -> dict[str, Checkpoint]:
    """Where ``reader`` stands, by shard."""
    return {str(shard): checkpoint for (_, shard), checkpoint in _checkpoints.items(call, reader)}


def lane_of(call: Call, reader: str, part: Part, lane: int, lanes: int) -> Lane:
    """Where ``reader`` stands in one lane of a shard.

    When the number of lanes has changed, all go on from the one that is furthest behind: what others had done
    beyond it is done again, for nobody knows any more which keys were theirs.
    """
    return _spread(_checkpoints.get(call, reader, part.id), part, lanes)[lane]


def advance(call: Call, reader: str, part: Part, lane: int, lanes: int, to: Lane) -> bool:
    """``reader`` has come so far in one lane, never back; whether it has now read the shard to its end."""
    known = list(_spread(_checkpoints.get(call, reader, part.id), part, lanes))
    if to.after >= known[lane].after:
        known[lane] = to
    ended = _ended(part, min(one.after for one in known)) and not any(one.window for one in known)
    _checkpoints.put(call, reader, part.id, record=Checkpoint(tuple(known), ended))
    return ended


def forget(call: Call, reader: str, shard: str = "") -> None:
    """Forget where ``reader`` stood, everywhere or in a shard that is gone."""
    for key, _ in list(_checkpoints.items(call, *((reader, shard) if shard else (reader,)))):
        _checkpoints.delete(call, *key)


def _spread(known: Checkpoint | None, part: Part, lanes: int) -> tuple[Lane, ...]:
    if known is None:
        return (Lane(part.base),) * lanes
    if len(known.lanes) == lanes:
        return known.lanes
    return (Lane(min(one.after for one in known.lanes)),) * lanes


def _ended(part: Part, after: int) -> bool:
    return 0 <= part.last <= after
