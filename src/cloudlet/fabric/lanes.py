"""One lane of a shard: its records in order, batch after batch, each until it is handled or given up.

A batch that fails is tried again after a pause that doubles, is split in two if that is wished, and is given
up after so many tries or at such an age. Records that a partial failure leaves behind are a batch of their
own, with tries of its own, as recorded from AWS. With tumbling windows the function's state goes along.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ..kernel import Call, Conversation
from ..kernel.call import first_of
from . import checkpoints
from .checkpoints import Lane, Window
from .filters import Filters
from .handler import Handler, Verdict
from .sources import Part, Record, Stream
from .tumbling import TERMINATED, envelope_of, state_of, window_of

log = logging.getLogger(__name__)
RETRIES, AGE = "RetryAttemptsExhausted", "RecordAgeExceeded"
_SKIPPED = 1000  # records that a lane may pass over before it writes down where it is
_READ = 500  # records that are looked at in one transaction
_NEVER_MS = 1 << 62
_PAUSES_MS = (1000, 60_000)  # before a batch is tried again: the first, which doubles, and the longest


class Wishes(msgspec.Struct, frozen=True):
    """How to feed. ``retries`` and ``age_ms``: -1 for without end. ``payload``: bytes of a batch."""

    batch_size: int
    window_ms: int
    payload: int
    lanes: int = 1
    retries: int = -1
    age_ms: int = -1
    bisect: bool = False
    tumbling_ms: int = 0


class Source(NamedTuple):
    """What is read, and what of it is wanted."""

    stream: Stream
    arn: str
    filters: Filters


class Discarded(NamedTuple):
    """Records that are given up, and why: after how many tries, and what came of the last."""

    shard: str
    records: list[Record]
    reason: str
    tries: int
    context: Mapping[str, Any]


class Reader(msgspec.Struct, frozen=True):
    """On whose behalf a stream is read.

    ``id`` names its checkpoints. ``goes_on(call)`` says in each transaction whether to go on as before, and
    ``bells`` ring when that may have changed. ``discard(discarded)`` does what must be done before records
    are given up, and gives what is to be done in the transaction that passes over them. ``tried(call,
    verdict)`` is told of each try.
    """

    id: str
    handler: Handler
    goes_on: Callable[[Call], bool]
    bells: tuple[str, ...]
    discard: Callable[[Discarded], Awaitable[Callable[[Call], None]]]
    tried: Callable[[Call, Verdict], None]


class _Batch(NamedTuple):
    """Records to be handled, and how far the shard is read with them."""

    records: list[Record]
    upto: int
    over: bool = False  # the reader is not to go on
    ended: bool = False  # the shard has nothing more


class LaneFeed:
    """Feeds a reader from one lane of one shard."""

    def __init__(self, call: Conversation, source: Source, wishes: Wishes, reader: Reader, shard: str,
                 lane: int) -> None:
        self._call, self._source, self._wishes, self._reader = call, source, wishes, reader
        self._shard, self._number = shard, lane
        self._at = Lane(0)  # what is kept, and
        self._read = 0  # how far is read beyond it: what lay there was not wanted
        self._bells = reader.bells

    async def run(self) -> None:
        """Until the shard has been read to its end, or the reader is not to go on."""
        if not await self._call.transact(self._begin):
            return
        while True:
            batch = await self._gather()
            if batch.over:
                return
            if not await self._close_windows(batch):
                return
            if batch.records and not await self._work(batch.records, batch.upto):
                return
            if not batch.records and (batch.ended or batch.upto - self._at.after >= _SKIPPED):
                await self._keep(Lane(batch.upto, self._at.window))
            self._read = max(batch.upto, self._at.after)
            if batch.ended:
                return

    def _begin(self, call: Call) -> bool:
        """Find the place to go on from; False if the shard is gone."""
        part = self._part(call)
        if part is None:
            return False
        self._at = checkpoints.lane_of(call, self._reader.id, part, self._number, self._wishes.lanes)
        self._read = self._at.after
        own = self._source.stream.bells(call, self._source.arn, self._shard)
        self._bells = (*own, *self._reader.bells)
        return True

    def _part(self, call: Call) -> Part | None:
        return self._source.stream.part(call, self._source.arn, self._shard)

    # -- reading

    async def _gather(self) -> _Batch:
        """What there is, or what comes until a batch is full or one of the windows closes."""
        wishes, batch, size = self._wishes, list[Record](), 0
        upto, window = self._read, self._at.window
        deadline_ms = _NEVER_MS if window is None else window.start_ms + wishes.tumbling_ms
        while len(batch) < wishes.batch_size and size < wishes.payload:
            more = await self._next(upto, min(wishes.batch_size - len(batch), _READ), deadline_ms)
            if more is None:
                break
            if more.over or more.ended:
                return self._cut(batch, upto) if batch else more
            wanted = self._source.filters.sift(self._call, self._source.arn, more.records)
            if wanted and not batch:
                deadline_ms = min(deadline_ms, self._call.now_ms + wishes.window_ms)
            batch.extend(wanted)
            size += sum(record.size + 1 for record in wanted)
            upto = more.upto
            if not batch and upto - self._at.after >= _SKIPPED:
                break
        return self._cut(batch, upto)

    async def _next(self, after: int, limit: int, deadline_ms: int) -> _Batch | None:
        source, lanes = self._source, self._wishes.lanes

        def attempt(inner: Call) -> _Batch | None:
            if not self._reader.goes_on(inner):
                return _Batch([], after, over=True)
            part = self._part(inner)
            if part is None:
                return _Batch([], after, ended=True)
            records, upto = source.stream.read(inner, source.arn, self._shard, after,
                                               limit if lanes == 1 else _READ, self._number, lanes)
            if len(records) > limit:
                records, upto = records[:limit], records[limit - 1].number
            if upto > after:
                return _Batch(records, upto)
            return _Batch([], part.last, ended=True) if 0 <= part.last <= after else None

        return await self._call.until(attempt, *self._bells, deadline_ms=deadline_ms)

    def _cut(self, batch: list[Record], upto: int) -> _Batch:
        """As much of a batch as fits into one payload, and into one tumbling window."""
        size = 0
        for count, record in enumerate(batch):
            size += record.size + 1
            if count and (size > self._wishes.payload or not self._same_window(batch[0], record)):
                return _Batch(batch[:count], batch[count - 1].number)
        return _Batch(batch, upto)

    def _same_window(self, one: Record, other: Record) -> bool:
        length_ms = self._wishes.tumbling_ms
        return not length_ms or one.at_ms // length_ms == other.at_ms // length_ms

    # -- working

    async def _work(self, records: list[Record], upto: int) -> bool:
        """Try records until all are handled or given up; False if the reader is not to go on before that."""
        todo, tries = [records], 0
        while todo:
            records = todo[0]
            end = upto if len(todo) == 1 else records[-1].number
            old = await self._too_old(records, tries)
            if old:
                end = end if len(old) == len(records) else old[-1].number
                await self._discard(old, AGE, max(tries, 1), {}, end)
                todo[0:1] = [records[len(old):]] if len(old) < len(records) else []
                continue
            verdict = await self._try(records)
            handled = _handled(records, verdict)
            if handled == len(records):
                await self._keep(self._moved(end, records, verdict), verdict)
                await self._end_early()
                todo, tries = todo[1:], 0
                continue
            if handled:
                await self._keep(self._moved(records[handled - 1].number, records, verdict), verdict)
                todo[0], tries = records[handled:], 0
            elif not verdict.throttled:
                tries += 1
                if self._wishes.bisect and len(records) > 1:
                    half = len(records) // 2
                    todo[0:1], tries = [records[:half], records[half:]], 0
                    continue
                if 0 <= self._wishes.retries < tries:
                    await self._discard(records, RETRIES, tries, verdict.context, end, verdict)
                    todo, tries = todo[1:], 0
                    continue
            if not await self._pause(tries, verdict):
                return False
        return True

    async def _try(self, records: list[Record], envelope: Mapping[str, Any] | None = None) -> Verdict:
        """Hand a batch over; with tumbling windows an answer must bring the state."""
        length_ms = self._wishes.tumbling_ms
        if length_ms and envelope is None:
            window = self._at.window or window_of(records[0], length_ms)
            envelope = envelope_of(window, length_ms, self._shard, self._source.arn)
        verdict = await self._reader.handler.handle(records, envelope or {})
        tried = not (verdict.throttled or verdict.failed)
        if length_ms and records and tried and state_of(verdict.answer) is None:
            return msgspec.structs.replace(verdict, unhandled=None, failed=True)
        return verdict

    async def _pause(self, tries: int, verdict: Verdict) -> bool:
        """Before another try; whether there is to be one."""
        pause_ms = min(_PAUSES_MS[0] << max(0, min(tries, 10) - 1), _PAUSES_MS[1])
        until_ms = self._call.now_ms + pause_ms
        ear = self._call.kernel.store.listen(*self._reader.bells)

        def told(inner: Call) -> bool:
            self._reader.tried(inner, verdict)
            return self._reader.goes_on(inner)

        try:
            if not await self._call.transact(told):
                return False
            wait = self._reader.handler.room if verdict.throttled else self._call.kernel.clock.sleep_until
            await first_of(ear.wait(), wait(until_ms))
        finally:
            ear.close()
        return await self._call.transact(self._reader.goes_on)

    async def _too_old(self, records: list[Record], tries: int) -> list[Record]:
        """Those of the first records that are older than wished, or that the stream has forgotten."""
        if self._wishes.age_ms < 0 and not tries:
            return []  # they were read just now
        since_ms = self._call.now_ms - self._wishes.age_ms if self._wishes.age_ms >= 0 else -1
        stream, arn = self._source.stream, self._source.arn
        horizon = await self._call.transact(
            lambda inner: stream.place(inner, arn, self._shard, "TRIM_HORIZON", 0))
        count = 0
        while count < len(records) and (records[count].at_ms < since_ms or records[count].number <= horizon):
            count += 1
        return records[:count]

    async def _discard(self, records: list[Record], reason: str, tries: int, context: Mapping[str, Any],
                       end: int, verdict: Verdict | None = None) -> None:
        then = await self._reader.discard(Discarded(self._shard, records, reason, tries, context))
        await self._keep(Lane(end, self._at.window), verdict, then)

    # -- tumbling windows

    def _moved(self, after: int, records: list[Record], verdict: Verdict) -> Lane:
        """The place after a try, with the state that it brought."""
        length_ms, state = self._wishes.tumbling_ms, state_of(verdict.answer)
        if not length_ms:
            return Lane(after)
        window = self._at.window or window_of(records[0], length_ms)
        return Lane(after, window if state is None else Window(window.start_ms, state))

    async def _close_windows(self, batch: _Batch) -> bool:
        """End the open window if what was read lies beyond it; False if the reader is not to go on."""
        window, length_ms = self._at.window, self._wishes.tumbling_ms
        if window is None:
            return True
        if not length_ms:  # there were windows before the reader was changed
            await self._keep(Lane(self._at.after))
            return True
        end_ms = window.start_ms + length_ms
        beyond = batch.records[0].at_ms >= end_ms if batch.records else \
            batch.ended or self._call.now_ms >= end_ms
        return await self._end_window() if beyond else True

    async def _end_early(self) -> None:
        """A state that has grown too large ends its window."""
        window = self._at.window
        if window is not None and len(window.state) > TERMINATED:
            await self._end_window(early=True)

    async def _end_window(self, *, early: bool = False) -> bool:
        """Let the function have the last word on a window; False if the reader is not to go on."""
        window, tries = self._at.window, 0
        assert window is not None
        envelope = envelope_of(window, self._wishes.tumbling_ms, self._shard, self._source.arn, final=True,
                               early=early)
        while True:
            verdict = await self._try([], envelope)
            if verdict.unhandled is not None:
                break
            tries += not verdict.throttled
            if 0 <= self._wishes.retries < tries:
                log.warning("the end of a window of %s in %s was given up", self._source.arn, self._shard)
                break
            if not await self._pause(tries, verdict):
                return False
        await self._keep(Lane(self._at.after), verdict)
        return True

    # -- keeping the place

    async def _keep(self, lane: Lane, verdict: Verdict | None = None,
                    then: Callable[[Call], None] | None = None) -> None:
        """Write down how far the lane is, with what goes along, in one transaction."""
        def work(inner: Call) -> None:
            part = self._part(inner)
            if part is not None:
                checkpoints.advance(inner, self._reader.id, part, self._number, self._wishes.lanes, lane)
            if then:
                then(inner)
            if verdict:
                self._reader.tried(inner, verdict)

        await self._call.transact(work)
        self._at = lane


def _handled(records: list[Record], verdict: Verdict) -> int:
    """How many of the first records are handled: those before the first that is not."""
    if verdict.unhandled is None:
        return 0
    lost = verdict.unhandled
    return next((n for n, record in enumerate(records) if record.id in lost), len(records))


