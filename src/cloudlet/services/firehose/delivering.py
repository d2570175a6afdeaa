"""Delivering: what becomes of a buffer that is due.

Each step ends with a transaction that both writes what comes of it and forgets the buffer, so a step that was
through is never repeated, and one that a crash broke off is. What leaves the store (an object, a request) has
a name before it is first tried, and keeps it.
"""

from ...kernel import Call, Conversation
from . import buffers, destinations, endpoints, objects, transforming, unpacking
from .batches import Batch
from .records import Buffer, Stream, sealed, streams
from .service import firehose


@firehose.task
async def deliver(call: Conversation, *, stream: str, number: int, buffer: str, lane: str) -> None:
    """Deliver a buffer, or try to; if that fails there is another try, later."""
    def due(call: Call) -> tuple[Stream | None, Buffer | None]:
        found = streams.get(call, stream)
        return found if found and found.number == number else None, buffers.take(call, number, buffer, lane)

    owner, taken = await call.transact(due)
    if taken is None:
        return
    if owner is not None and not taken.done:
        await _step(call, owner, taken)
        left = await call.transact(lambda inner: sealed.get(inner, number, buffer))
        if left is None or not left.done:
            return
    await buffers.clear(call, number, taken)


async def _step(call: Conversation, stream: Stream, buffer: Buffer) -> None:
    """Do with a buffer what its lane is for."""
    found, stage = await buffers.read(call, buffer), buffer.lane.stage
    batch = Batch(stream, buffer, found)
    if stage in ("input", "output"):
        processing = destinations.processing_of(stream.given)
        batch.entries, batch.unreadable = unpacking.unpack(found, processing)
    if stage == "input":
        await transforming.transform(call, batch)
    elif stage == "output" and stream.kind == "http":
        await endpoints.post(call, batch)
    else:
        await objects.write(call, batch)
