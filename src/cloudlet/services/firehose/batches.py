"""Batches: a buffer that is being delivered, with what is in it."""

from collections.abc import Callable

import msgspec

from ...kernel import Call, Conversation
from . import buffers, failures
from .failures import Failure
from .records import Buffer, Entry, Stream, sealed

_UNPACKING, _CODE = "decompression-failed", "Decompression failed."
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 1_000, 120_000


class Batch(msgspec.Struct):
    """What one task delivers. ``unreadable`` are records that could not be unpacked, and why."""

    stream: Stream
    buffer: Buffer
    entries: list[Entry]
    unreadable: list[tuple[Entry, str]] = []


async def conclude(call: Conversation, batch: Batch, work: Callable[[Call], None]) -> None:
    """Do what ends this try, unless another try, or the end of the stream, has forestalled it."""
    def once(inner: Call) -> None:
        now = sealed.get(inner, batch.stream.number, batch.buffer.id)
        if now is not None and not now.done and now.tries == batch.buffer.tries:
            work(inner)

    await call.transact(once)


def settle(call: Call, batch: Batch) -> None:
    """The batch is dealt with; nothing of it is done again."""
    failure = None
    for entry, reason in batch.unreadable:
        failure = Failure(_UNPACKING, _CODE, reason, 1)
        failures.keep(call, batch.stream, failure, [entry])
    if failure:
        failures.report(call, batch.stream, failure)
    buffers.finish(call, batch.stream.number, batch.buffer)


def pause_ms(tries: int) -> int:
    """How long to wait after so many tries: a second, then twice as long each time, two minutes at most.

    Source: https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html, less its jitter.
    """
    return min(_FIRST_PAUSE_MS << min(tries, 10), _LONGEST_PAUSE_MS)


def again(call: Call, batch: Batch, wait_ms: int) -> None:
    """Try the whole batch once more, after a while."""
    buffers.again(call, batch.stream, batch.buffer, wait_ms)
