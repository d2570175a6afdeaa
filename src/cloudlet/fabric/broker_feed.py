"""Feeding from a broker: batches are read over a connection, handled, and acknowledged to the broker.

Nothing polls: one loop waits for records, for the clock and for the bells of its mapping at once. A broker
keeps its own account of what was acknowledged, and we acknowledge after the handler, so what a crash or a
broken connection leaves undone is read again: at least once. A broker with an order (Kafka) has a batch tried
again in its place until it is handled or given up; one without (RabbitMQ) gets back what was not handled.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from ..kernel import Call, Conversation
from ..kernel.call import first_of
from .brokers import Reader, Unreachable
from .filters import Filters
from .handler import Handler, Verdict
from .lanes import AGE, RETRIES, Discarded
from .queue_feed import parts_of
from .sources import Record

log = logging.getLogger(__name__)
_NEVER_MS = 1 << 62
_PAUSES_MS = (1000, 60_000)  # after a failure: the first, which doubles, and the longest


class Wishes(msgspec.Struct, frozen=True):
    """How to feed. ``retries`` and ``age_ms``: -1 for without end. ``payload``: bytes of a batch."""

    batch_size: int
    window_ms: int
    payload: int
    ordered: bool
    retries: int = -1
    age_ms: int = -1


class Watch(NamedTuple):
    """Who is told how it goes: that the broker is reached or not, and of each try.

    ``discard`` does what must be done before records are given up, and gives what is to be done in a
    transaction then.
    """

    reached: Callable[[], Awaitable[None]]
    lost: Callable[[str], Awaitable[None]]
    tried: Callable[[Verdict], Awaitable[None]]
    discard: Callable[[Discarded], Awaitable[Callable[[Call], None]]]


class Source(NamedTuple):
    """What is read (``name`` is for those who watch), how to connect, and what of it is wanted."""

    name: str
    connect: Callable[[], Awaitable[Reader]]
    filters: Filters


class BrokerFeed:
    """Feeds a handler from a broker, for as long as ``goes_on`` says; ``bells`` ring when that may change."""

    def __init__(self, call: Conversation, source: Source, wishes: Wishes, handler: Handler,
                 goes_on: Callable[[Call], bool], bells: tuple[str, ...], watch: Watch) -> None:
        self._call, self._source, self._wishes = call, source, wishes
        self._handler, self._goes_on, self._watch = handler, goes_on, watch
        self._ear = call.kernel.store.listen(*bells)
        self._fetch: asyncio.Task[list[Record]] | None = None

    async def run(self) -> None:
        """Until it is not to go on; a broker that is away is tried again and again."""
        pause_ms = _PAUSES_MS[0]
        try:
            while await self._call.transact(self._goes_on):
                try:
                    reader = await self._source.connect()
                    try:
                        await self._watch.reached()
                        pause_ms = _PAUSES_MS[0]
                        await self._read(reader)
                    finally:
                        await self._leave(reader)
                except Unreachable as error:
                    log.warning("%s can't be read: %s", self._source.name, error)
                    await self._watch.lost(str(error))
                    await self._pause(pause_ms)
                    pause_ms = min(pause_ms * 2, _PAUSES_MS[1])
        finally:
            self._ear.close()

    async def _read(self, reader: Reader) -> None:
        """Handle batch after batch, until it is not to go on."""
        pause_ms = _PAUSES_MS[0]
        while (batch := await self._gather(reader)) is not None:
            wanted = self._source.filters.sift(self._call, self._source.name, batch)
            if self._wishes.ordered:
                if not await self._in_order(reader, wanted):
                    return
                await reader.done(batch)
                continue
            lost = await self._once(wanted)
            await reader.done([record for record in batch if record not in lost])
            if not lost:
                pause_ms = _PAUSES_MS[0]
                continue
            await reader.failed(lost)
            await self._pause(pause_ms)
            pause_ms = min(pause_ms * 2, _PAUSES_MS[1])

    async def _leave(self, reader: Reader) -> None:
        if self._fetch:
            self._fetch.cancel()
            await asyncio.gather(self._fetch, return_exceptions=True)
            self._fetch = None
        with suppress(Unreachable):
            await reader.close()

    async def _gather(self, reader: Reader) -> list[Record] | None:
        """A batch: what is there, and what comes until it is full or its window closes; None at the end."""
        wishes, batch, size, deadline_ms = self._wishes, list[Record](), 0, _NEVER_MS
        while len(batch) < wishes.batch_size and size < wishes.payload:
            if self._fetch is None:
                self._fetch = asyncio.create_task(reader.take(wishes.batch_size - len(batch)))
            await first_of(asyncio.shield(self._fetch), self._ear.wait(),
                           self._call.kernel.clock.sleep_until(deadline_ms))
            if self._fetch.done():
                fetch, self._fetch = self._fetch, None
                found = fetch.result()
                if not batch:
                    deadline_ms = self._call.now_ms + wishes.window_ms
                batch += found
                size += sum(record.size for record in found)
                if not wishes.window_ms:
                    break
            elif not await self._call.transact(self._goes_on):
                return None  # what was read is not acknowledged, and will be read again
            elif self._call.now_ms >= deadline_ms:
                break
        return batch

    async def _in_order(self, reader: Reader, records: list[Record]) -> bool:
        """Have a batch handled or given up, part after part; False if it is not to go on before that."""
        for part in parts_of(records, self._wishes.payload):
            if not await self._insist(part):
                return False
            await reader.done(part)
        return True

    async def _insist(self, part: list[Record]) -> bool:
        tries, pause_ms = 0, _PAUSES_MS[0]
        while True:
            verdict = await self._handler.handle(part, {})
            if not verdict.throttled:
                tries += 1
                await self._watch.tried(verdict)
                if verdict.unhandled == frozenset():
                    return True
                reason = self._given_up(part, tries)
                if reason:
                    settle = await self._watch.discard(Discarded("", part, reason, tries, verdict.context))
                    await self._call.transact(settle)
                    return True
            if not await self._again(verdict, pause_ms):
                return False
            pause_ms = min(pause_ms * 2, _PAUSES_MS[1])

    def _given_up(self, part: list[Record], tries: int) -> str:
        wishes = self._wishes
        if 0 <= wishes.retries < tries:
            return RETRIES
        return AGE if 0 <= wishes.age_ms < self._call.now_ms - part[0].at_ms else ""

    async def _once(self, records: list[Record]) -> list[Record]:
        """Have a batch handled; what of it was not. One that is throttled waits for its turn."""
        lost = list[Record]()
        for part in parts_of(records, self._wishes.payload):
            pause_ms = _PAUSES_MS[0]
            while (verdict := await self._handler.handle(part, {})).throttled:
                if not await self._again(verdict, pause_ms):
                    return lost + part
                pause_ms = min(pause_ms * 2, _PAUSES_MS[1])
            await self._watch.tried(verdict)
            if verdict.unhandled is None:
                lost += part
        return lost

    async def _again(self, verdict: Verdict, pause_ms: int) -> bool:
        """Wait until a batch may be tried again; whether it is to be."""
        if verdict.throttled:
            await self._handler.room(self._call.now_ms + pause_ms)
        else:
            await self._pause(pause_ms)
        return await self._call.transact(self._goes_on)

    async def _pause(self, pause_ms: int) -> None:
        """A while, or until what is watched has changed."""
        await first_of(self._ear.wait(), self._call.kernel.clock.sleep_until(self._call.now_ms + pause_ms))
