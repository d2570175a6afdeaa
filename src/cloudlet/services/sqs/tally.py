"""How many messages a queue has, kept and not counted.

Every transaction that adds, hides, shows or removes messages changes a tally of its queue, so that a
count costs the same at any depth. There are some tallies to a queue, and the sum of them is the truth:
with one, all senders to a queue would collide on PostgreSQL.

What time alone changes (a delay that ends, a visibility timeout that lapses, a message that grows too
old) is written by whoever touches the queue next; see ``settle`` in :mod:`.standard` and :mod:`.fifo`.
"""

import msgspec

from ...kernel import Call
from ...store import Scope, Table

_SHARDS = 16  # one for each last digit of a request's id


class Tally(msgspec.Struct, array_like=True):
    """Messages to be had, in flight and delayed; ``sequence`` is a FIFO queue's last number."""

    ready: int = 0
    in_flight: int = 0
    delayed: int = 0
    sequence: int = 0


_tallies = Table("sqs.tallies", Tally)


def add(call: Call, home: str, ready: int = 0, in_flight: int = 0, delayed: int = 0) -> None:
    """So many more (or fewer) messages of each kind."""
    shard = _shard(call)
    found = _tallies.get(call, home, shard) or Tally()
    found.ready += ready
    found.in_flight += in_flight
    found.delayed += delayed
    _tallies.put(call, home, shard, record=found)


def room(call: Call, home: str, limit: int) -> int:
    """How many more messages may be in flight. While a shard is far below its share, nobody adds up all."""
    mine = _tallies.get(call, home, _shard(call))
    if mine is None or mine.in_flight < limit // (4 * _SHARDS):
        return limit
    return limit - total(call, home).in_flight


def total(call: Scope, home: str) -> Tally:
    """All tallies of a queue together."""
    found = Tally()
    for _, one in _tallies.items(call, home):
        found.ready += one.ready
        found.in_flight += one.in_flight
        found.delayed += one.delayed
        found.sequence = max(found.sequence, one.sequence)
    return found


def the_one(call: Call, home: str) -> Tally:
    """A FIFO queue has one tally: its senders take turns anyway, for the sequence."""
    return _tallies.get(call, home, 0) or Tally()


def keep(call: Scope, home: str, tally: Tally) -> None:
    """Write a FIFO queue's tally."""
    _tallies.put(call, home, 0, record=tally)


def forget(call: Scope, home: str) -> None:
    """The home is cleared."""
    for (_, shard), _ in list(_tallies.items(call, home)):
        _tallies.delete(call, home, shard)


def _shard(call: Call) -> int:
    return int(call.id[-1], 16)  # of a random UUID
