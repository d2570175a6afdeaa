"""Buffers: what a stream has gathered and not yet delivered.

One timer a buffer: it stands for when the buffer is ripe, and is brought forward when the buffer is full.
Whoever adds a record does so in the transaction of whoever gave it, so what is acknowledged is in a buffer.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from ...fabric import timers
from ...kernel import Call, Conversation
from . import destinations, limits
from .destinations import Hints
from .records import Buffer, Entry, Lane, Stream, entries, filling, sealed

_PAGE_BYTES = 4 << 20  # read in one transaction
_CLEARED = 500  # rows removed in one transaction
_OTHER_LANES = 8  # of a stream, beside those of its output
_TASK = "deliver"


def hints_of(stream: Stream, lane: Lane) -> Hints:
    """How a lane of a stream is buffered."""
    given = stream.given
    if lane.stage == "input":
        function = destinations.processing_of(given).function
        if function is not None:
            return Hints(function.size, function.wait_ms)
    if lane.stage == "backup":
        return destinations.hints_of(destinations.backup_of(stream.kind, given) or given)
    if lane.stage == "failed":
        return destinations.hints_of(destinations.failures_of(stream.kind, given))
    return destinations.hints_of(given, count=limits.ENDPOINT_RECORDS if stream.kind == "http" else 0)


def add(call: Call, stream: Stream, lane: Lane, found: Iterable[Entry]) -> None:
    """Put records into a lane of a stream; a buffer that is full is sealed, and delivered at once."""
    hints = hints_of(stream, lane)
    buffer = filling.get(call, stream.number, lane.name)
    for entry in found:
        if buffer is not None and _is_full(buffer, hints, len(entry.data)):
            seal(call, stream, buffer)
            buffer = None
        if buffer is None:
            buffer = Buffer(call.ids.hex(24), lane, call.now_ms + hints.wait_ms, entry.at_ms)
            _ripens(call, stream, buffer)
        entries.put(call, buffer.id, buffer.count, record=entry)
        buffer.count += 1
        buffer.size += len(entry.data)
        buffer.oldest_ms = min(buffer.oldest_ms, entry.at_ms)
    if buffer is None:
        return
    filling.put(call, stream.number, lane.name, record=buffer)
    if buffer.size >= hints.size or buffer.count == hints.count:
        seal(call, stream, buffer)


def _is_full(buffer: Buffer, hints: Hints, more: int) -> bool:
    return buffer.size + more > hints.size or buffer.count == hints.count > 0


def seal(call: Call, stream: Stream, buffer: Buffer) -> None:
    """Let a buffer be delivered now."""
    timers.cancel(call, at_ms=buffer.due_ms, id=_timer(buffer))
    buffer.due_ms = call.now_ms
    filling.delete(call, stream.number, buffer.lane.name)
    sealed.put(call, stream.number, buffer.id, record=buffer)
    _ripens(call, stream, buffer)


def take(call: Call, number: int, id: str, lane: str) -> Buffer | None:
    """The buffer that is due, sealed if it was not; None if it is delivered already."""
    buffer = sealed.get(call, number, id)
    if buffer is None:
        buffer = filling.get(call, number, lane)
        if buffer is None or buffer.id != id:
            return None
        filling.delete(call, number, lane)
        sealed.put(call, number, id, record=buffer)
    return buffer


def again(call: Call, stream: Stream, buffer: Buffer, pause_ms: int) -> None:
    """Try once more, after a while."""
    later = msgspec.structs.replace(buffer, tries=buffer.tries + 1, waited_ms=buffer.waited_ms + pause_ms,
                                    due_ms=call.now_ms + pause_ms)
    sealed.put(call, stream.number, buffer.id, record=later)
    _ripens(call, stream, later)


def finish(call: Call, number: int, buffer: Buffer) -> None:
    """It is delivered: whatever happens now, it is not delivered again."""
    if buffer.count <= _CLEARED:
        for n in range(buffer.count):
            entries.delete(call, buffer.id, n)
        sealed.delete(call, number, buffer.id)
    else:
        sealed.put(call, number, buffer.id, record=msgspec.structs.replace(buffer, done=True))


def name(call: Call, number: int, buffer: Buffer, make: Callable[[], str]) -> str:
    """What the delivery is called: as it was the first time, or else as ``make`` says now."""
    known = sealed.get(call, number, buffer.id)
    if known is not None and known.object:
        return known.object
    made = make()
    sealed.put(call, number, buffer.id, record=msgspec.structs.replace(buffer, object=made))
    return made


async def clear(call: Conversation, number: int, buffer: Buffer) -> None:
    """Forget a buffer and all that is in it, in small transactions."""
    def some(call: Call) -> bool:
        keys = [key for key, _ in entries.items(call, buffer.id, limit=_CLEARED)]
        for key in keys:
            entries.delete(call, *key)
        if not keys:
            sealed.delete(call, number, buffer.id)
        return bool(keys)

    while await call.transact(some):
        pass


async def read(call: Conversation, buffer: Buffer) -> list[Entry]:
    """All that is in a sealed buffer."""
    found: list[Entry] = []

    def page(call: Call) -> list[Entry]:
        some, room = list[Entry](), _PAGE_BYTES
        after = (buffer.id, len(found) - 1) if found else None
        for _, entry in entries.items(call, buffer.id, after=after):
            some.append(entry)
            room -= len(entry.data)
            if room <= 0:
                break
        return some

    while more := await call.transact(page):
        found += more
    return found


def partitions(call: Call, number: int) -> int:
    """How many lanes of the output are filling now, up to the quota."""
    lanes = islice(filling.items(call, number), limits.PARTITIONS + _OTHER_LANES)
    return sum(buffer.lane.stage == "output" for _, buffer in lanes)


def fills(call: Call, number: int, lane: Lane) -> bool:
    """Whether a buffer of that lane is filling now."""
    return filling.get(call, number, lane.name) is not None


def _ripens(call: Call, stream: Stream, buffer: Buffer) -> None:
    timers.schedule(call, _TASK, at_ms=buffer.due_ms, id=_timer(buffer), stream=stream.name,
                    number=stream.number, buffer=buffer.id, lane=buffer.lane.name)


def _timer(buffer: Buffer) -> str:
    return f"firehose/{buffer.id}/{buffer.tries}"
