"""Feeding from a stream: each shard is read in order, parents before children, as many at once as there are.

Nothing polls: a task for each lane of each shard waits for the shard's bell, and one more for shards to come
and go. A batch's place is kept in the transaction that settles it, so a crash repeats a batch and loses none.
What is tried again, split and given up follows AWS:
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import asyncio

from ..kernel import Call, Conversation
from ..kernel.call import first_of
from . import checkpoints
from .lanes import LaneFeed, Reader, Source, Wishes


class StreamFeed:
    """Feeds a reader from all shards of a stream."""

    def __init__(self, call: Conversation, source: Source, wishes: Wishes, reader: Reader) -> None:
        self._call, self._source, self._wishes, self._reader = call, source, wishes, reader
        self._running: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._finished: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Until the reader is not to go on, and all batches under way are settled."""
        source, reader = self._source, self._reader
        bells = await self._call.transact(lambda inner: source.stream.bells(inner, source.arn, ""))
        ear = self._call.kernel.store.listen(*bells, *reader.bells)
        try:
            while (ready := await self._call.transact(self._ready)) is not None:
                self._start(ready)
                await first_of(ear.wait(), *map(asyncio.shield, self._running.values()))
                self._reap()
            if self._running:
                await asyncio.wait(self._running.values())
                self._reap()
        finally:
            ear.close()
            for task in self._running.values():
                task.cancel()

    def _ready(self, call: Call) -> list[str] | None:
        """The shards to read now: those whose parents have been read, and that are not read to their end."""
        if not self._reader.goes_on(call):
            return None
        parts = {part.id: part for part in self._source.stream.parts(call, self._source.arn)}
        known = checkpoints.find(call, self._reader.id)
        for gone in known.keys() - parts.keys():
            checkpoints.forget(call, self._reader.id, gone)
        over = {id for id, one in known.items() if one.ended}
        return [part.id for part in parts.values() if part.id not in over
                and all(parent in over or parent not in parts for parent in part.parents)]

    def _start(self, shards: list[str]) -> None:
        for shard in shards:
            for lane in range(self._wishes.lanes):
                key = (shard, lane)
                if key not in self._running and key not in self._finished:
                    feed = LaneFeed(self._call, self._source, self._wishes, self._reader, shard, lane)
                    self._running[key] = asyncio.create_task(feed.run())

    def _reap(self) -> None:
        """Forget the lanes that have ended; raise what one has failed with."""
        for key in [key for key, task in self._running.items() if task.done()]:
            self._finished.add(key)
            self._running.pop(key).result()
