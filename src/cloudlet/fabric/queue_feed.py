"""Feeding from a queue: batches are taken, handed to whoever handles them, and acknowledged as he says.

Nothing polls: one loop waits for the queue's bell and takes what there is, as many batches at once as it may.
What it took stays hidden while it is handled, so a crash loses none; what was not handled is left alone and
comes back by itself. How many batches at once, and what is done about throttles, follows AWS:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html and services-sqs-errorhandling.html
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ..errors import AwsError
from ..kernel import Call, Conversation
from ..kernel.call import first_of
from .filters import Filters
from .handler import Handler, Verdict
from .sources import Queue, Record

log = logging.getLogger(__name__)
_FIRST, _MOST, _MORE_PER_MINUTE = 5, 1000, 300  # batches at once
_AT_ONCE = 100  # records of one transaction
_NEVER_MS = 1 << 62
_PAUSES_MS = (1000, 60_000)  # after a throttle, or when the queue can't be read: the first, the longest


class Wishes(msgspec.Struct, frozen=True):
    """How to feed. ``most``: batches at once, or 0 for as AWS would. ``payload``: bytes of a batch.

    ``steady``: a batch that fails is no reason to go slower.
    """

    batch_size: int
    window_ms: int
    most: int
    payload: int
    steady: bool = False


class _Taken(NamedTuple):
    """What one take came to. ``more``: there may be others; ``over``: the feed ends; ``about``: the queue."""

    records: list[Record]
    more: bool
    about: Mapping[str, Any]
    over: bool = False


class Pace:
    """How many batches may be handled at once. It grows while all are in use, and shrinks when one fails."""

    def __init__(self, most: int) -> None:
        self._most, self._now = most or _MOST, float(min(_FIRST, most or _MOST))
        self._busy_since: int | None = None

    @property
    def batches(self) -> int:
        """So many."""
        return int(self._now)

    def busy(self, now_ms: int) -> int:
        """All are in use: until when, at most, to wait for one more."""
        if self._busy_since is not None:
            grown = (now_ms - self._busy_since) * _MORE_PER_MINUTE / 60_000
            self._now = min(self._now + max(grown, 0.0), float(self._most))
        self._busy_since = now_ms
        return now_ms + 60_000 // _MORE_PER_MINUTE if self._now < self._most else _NEVER_MS

    def idle(self) -> None:
        """There was nothing more to take."""
        self._busy_since = None
        self._now = min(self._now, float(_FIRST))

    def slower(self) -> None:
        """A batch was throttled, or failed."""
        self._busy_since = None
        self._now = max(1.0, self._now / 2)

    def faster(self) -> None:
        """A batch went well."""
        self._now = min(self._now + 1, max(float(_FIRST), self._now), float(self._most))


class QueueFeed:
    """Feeds a handler from a queue, for as long as ``goes_on`` says, in the transaction of each take."""

    def __init__(self, call: Conversation, queue: Queue, arn: str, wishes: Wishes, filters: Filters,
                 handler: Handler, goes_on: Callable[[Call], bool], bells: tuple[str, ...]) -> None:
        self._call, self._queue, self._arn, self._wishes = call, queue, arn, wishes
        self._filters, self._handler, self._goes_on = filters, handler, goes_on
        self._bells = (*queue.bells(arn), *bells)
        self._pace = Pace(wishes.most)
        self._running: set[asyncio.Task[None]] = set()
        self._about: Mapping[str, Any] = {}  # the queue, when it was last read
        self._waiting = 0  # batches that were throttled and will be tried again
        self._over = False

    async def run(self) -> None:
        """Until it is over, and all that was taken is handled."""
        try:
            while not self._over:
                batch = await self._gather()
                if batch:
                    task = asyncio.create_task(self._work(batch))
                    self._running.add(task)
                    task.add_done_callback(self._ended)
                    await self._room()
            if self._running:
                await asyncio.wait(self._running)
        finally:
            for task in tuple(self._running):
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A batch is settled; or it could not be, and comes back by itself."""
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a batch of %s could not be settled", self._arn, exc_info=error)

    async def _room(self) -> None:
        """Until another batch may be handled; while one is throttled, none is taken."""
        while self._running and (self._waiting or len(self._running) >= self._pace.batches):
            wake_ms = _NEVER_MS if self._waiting else self._pace.busy(self._call.now_ms)
            if wake_ms == _NEVER_MS:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            else:
                await first_of(asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED),
                               self._call.kernel.clock.sleep_until(wake_ms))

    async def _gather(self) -> list[Record]:
        """A batch: what is there at once or, with a window, what comes until it is full or that closes."""
        wishes, batch, size, deadline_ms = self._wishes, list[Record](), 0, _NEVER_MS
        while len(batch) < wishes.batch_size and size < wishes.payload:
            taken = await self._take(min(wishes.batch_size - len(batch), _AT_ONCE), deadline_ms)
            if taken is None or taken.over:
                self._over = taken is not None
                break
            self._about = taken.about
            if not taken.more:
                self._pace.idle()
            if not batch and taken.records:
                deadline_ms = self._call.now_ms + wishes.window_ms
            batch.extend(taken.records)
            size += sum(record.size for record in taken.records)
            if batch and not wishes.window_ms:
                break
        return batch

    async def _take(self, limit: int, deadline_ms: int) -> _Taken | None:
        """Up to ``limit`` records that filters let through; those they don't are done with."""
        def attempt(inner: Call) -> _Taken | None:
            if not self._goes_on(inner):
                return _Taken([], False, {}, over=True)
            found = self._queue.take(inner, self._arn, limit, None)
            wanted = self._filters.sift(inner, self._arn, found)
            if len(wanted) < len(found):
                kept = {id(record) for record in wanted}
                self._queue.done(inner, self._arn, [one for one in found if id(one) not in kept])
            about = self._queue.check(inner, self._arn)
            return _Taken(wanted, len(found) == limit, about) if found else None

        pause_ms = _PAUSES_MS[0]
        while True:
            try:
                return await self._call.until(attempt, *self._bells, deadline_ms=deadline_ms,
                                              next_ms=lambda inner: self._queue.next_ms(inner, self._arn))
            except AwsError as error:  # such as that the queue is deleted; it may come again
                log.warning("%s can't be read: %s", self._arn, error)
                if not await self._pause(pause_ms):
                    return _Taken([], False, {}, over=True)
                pause_ms = min(pause_ms * 2, _PAUSES_MS[1])

    async def _pause(self, pause_ms: int) -> bool:
        """A while, or until what is watched has changed; whether to go on."""
        ear = self._call.kernel.store.listen(*self._bells)
        try:
            await first_of(ear.wait(), self._call.kernel.clock.sleep_until(self._call.now_ms + pause_ms))
        finally:
            ear.close()
        return await self._call.transact(self._goes_on)

    async def _work(self, batch: list[Record]) -> None:
        """Have a batch handled, in as many parts as its payload needs, and acknowledge what was."""
        about = self._about
        until_ms = self._call.now_ms + about.get("VisibilityTimeout", 30) * 1000
        for part in parts_of(batch, self._wishes.payload):
            if not await self._work_on(part, until_ms) and about.get("FifoQueue"):
                return  # what comes after it must wait for it

    async def _work_on(self, records: list[Record], until_ms: int) -> bool:
        verdict = await self._tried(records, until_ms)
        if verdict.throttled or (verdict.failed and not self._wishes.steady):
            self._pace.slower()
        else:
            self._pace.faster()
        lost = verdict.unhandled
        done = [] if lost is None else [record for record in records if record.id not in lost]
        rest = records if lost is None else [record for record in records if record.id in lost]

        def settle(inner: Call) -> None:
            if done:
                self._queue.done(inner, self._arn, done)
            if rest:
                self._queue.failed(inner, self._arn, rest)

        if done or rest:
            await self._settle(settle)
        return not rest

    async def _settle(self, settle: Callable[[Call], None]) -> None:
        try:
            await self._call.transact(settle)
        except AwsError as error:
            log.warning("what was taken from %s can't be acknowledged: %s", self._arn, error)

    async def _tried(self, records: list[Record], until_ms: int) -> Verdict:
        """What the handler says; a batch that is throttled is tried again while it is hidden from others."""
        pause_ms, waiting = _PAUSES_MS[0], False
        try:
            while True:
                verdict = await self._handler.handle(records, {})
                if not verdict.throttled:
                    return verdict
                if not waiting:
                    waiting = True
                    self._waiting += 1
                    self._pace.slower()
                now_ms = self._call.now_ms
                if not await self._handler.room(min(now_ms + pause_ms, until_ms)) \
                        and self._call.now_ms >= until_ms:
                    return verdict
                pause_ms = min(pause_ms * 2, _PAUSES_MS[1])
        finally:
            self._waiting -= waiting


def parts_of(records: list[Record], most: int) -> list[list[Record]]:
    """Records as lists whose payloads have no more than ``most`` bytes each; one record always fits.

    >>> [len(part) for part in parts_of([Record("", {}, 40), Record("", {}, 40), Record("", {}, 40)], 100)]
    [2, 1]
    """
    found: list[list[Record]] = []
    size = most
    for record in records:
        size += record.size + 1
        if size > most or not found:
            found.append([])
            size = record.size + 1
        found[-1].append(record)
    return found
