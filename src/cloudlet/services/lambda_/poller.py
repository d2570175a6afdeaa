"""Pollers: what moves batches from a source to a function, one standing task for each mapping.

The task reads the mapping, makes its state true and feeds the function (:mod:`cloudlet.fabric.queue_feed`,
:mod:`cloudlet.fabric.stream_feed`) until the mapping is changed; what is under way then is finished first. So
``Enabled`` means that it reads, and ``Disabled`` that nothing of it runs any more.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import checkpoints, lanes, queue_feed
from ...fabric.filters import filters_of
from ...fabric.handler import Handler, Verdict, reported
from ...fabric.queue_feed import QueueFeed
from ...fabric.sources import Queue, Record, Stream
from ...fabric.stream_feed import StreamFeed
from ...functions import Outcome, Pool
from ...kernel import Call, Conversation
from ...kernel.call import first_of
from ...telemetry import Trace
from . import broker_poller, discards, mapping
from .carrying import carry, give_back
from .errors import TooManyRequestsException
from .limits import MAPPING_PAYLOAD
from .mapping import DELETING, DISABLED, ENABLED, bell, mappings, reach, remove, results
from .mapping_checks import source_of
from .records import Name, arn_of
from .recursion import furthest
from .runner import counted_as
from .service import lambda_

log = logging.getLogger(__name__)
_ENVELOPE = 400  # bytes of an event beside its records
_NEVER_MS = 1 << 62


@lambda_.task
async def poll(call: Conversation, *, uuid: str) -> None:
    """Feed a function from a source, for as long as the mapping is there and enabled."""
    while True:
        record = await call.transact(lambda inner: _open(inner, uuid))
        if record is None:
            return
        if record.kind:
            handler = _handler(call, record, ordered=True, shape=partial(broker_poller.event_of, record))
            await broker_poller.feed(call, record, handler, _goes_on(record)).run()
            continue
        source = await call.transact(partial(source_of, arn=record.source))
        feed = _queue_feed(call, record, source) if isinstance(source, Queue) else \
            _stream_feed(call, record, source)
        await feed.run()


def _open(call: Call, uuid: str) -> mapping.Mapping | None:
    """Make the state true that is wanted; None if there is nothing (more) to do."""
    record = mappings.get(call, uuid)
    if record is None:
        return None
    if record.state == DELETING:
        remove(call, uuid)
        checkpoints.forget(call, uuid)
        return None
    if not record.enabled:
        reach(call, record, DISABLED)
        mapping.rest(call, uuid)
        return None
    if not record.kind:  # that of a broker is, once the broker has let us in
        reach(call, record, ENABLED)
    return record


def _goes_on(record: mapping.Mapping) -> Callable[[Call], bool]:
    def goes_on(call: Call) -> bool:
        now = mappings.get(call, record.uuid)
        return now is not None and now.revision == record.revision

    return goes_on


def _queue_feed(call: Conversation, record: mapping.Mapping, queue: Queue) -> QueueFeed:
    wishes = queue_feed.Wishes(
        batch_size=record.batch_size, window_ms=record.window_s * 1000, most=record.concurrency or 0,
        payload=MAPPING_PAYLOAD - _ENVELOPE, steady=record.partial)
    filters = filters_of(record.filters, queue.filtered, _target(call, record))
    return QueueFeed(call, queue, record.source, wishes, filters,
                     _handler(call, record, ordered=record.source.endswith(".fifo")), _goes_on(record),
                     (bell(record.uuid),))


def _stream_feed(call: Conversation, record: mapping.Mapping, stream: Stream) -> StreamFeed:
    wishes = lanes.Wishes(
        batch_size=record.batch_size, window_ms=record.window_s * 1000, payload=MAPPING_PAYLOAD - _ENVELOPE,
        lanes=record.lanes, retries=record.retries, age_ms=record.age_s * 1000 if record.age_s >= 0 else -1,
        bisect=record.bisect, tumbling_ms=record.tumbling_s * 1000)
    told = ""

    def tried(inner: Call, verdict: Verdict) -> None:
        nonlocal told
        text = "PROBLEM: Function call failed" if verdict.unhandled is None else "OK"
        if text != told:
            results.put(inner, record.uuid, record=mapping.Result(text))
            told = text

    reader = lanes.Reader(
        record.uuid, _handler(call, record, ordered=True), _goes_on(record), (bell(record.uuid),),
        lambda discarded: discards.discard(
            call, record, discarded, discards.of_stream(record, stream, discarded),
            {"Records": [one.event for one in discarded.records]}), tried)
    filters = filters_of(record.filters, stream.filtered, _target(call, record))
    source = lanes.Source(stream, record.source, filters)
    return StreamFeed(call, source, wishes, reader)


def _target(call: Conversation, record: mapping.Mapping) -> str:
    return arn_of(call, record.function, record.qualifier)


def _handler(call: Conversation, record: mapping.Mapping, *, ordered: bool,
             shape: Callable[[list[dict[str, Any]]], dict[str, Any]] | None = None) -> Handler:
    """The mapping's function, as a handler of batches."""
    name = Name(record.function, record.qualifier, call.account, call.region)

    async def handle(records: list[Record], envelope: Mapping[str, Any]) -> Verdict:
        once = call.elsewhere()
        once.trace = _trace_of(records) or call.kernel.tracer.begin(call.now_ms)
        once.id = call.ids.uuid()
        try:
            outcome, ran = await carry(once, record.origin, name, records, envelope, ordered=ordered,
                                       shape=shape)
        except TooManyRequestsException:
            return Verdict(None, throttled=True)
        except (AwsError, RuntimeError) as error:  # such as that the function is gone; it may come again
            log.warning("the mapping of %s to %s could not run its function: %s", record.origin, name.name,
                        error)
            return Verdict(None, throttled=True)
        context = {"requestId": once.id, "responseContext": {
            "statusCode": 200, "executedVersion": ran.version,
            "functionError": "Unhandled" if outcome.error else None}}
        verdict = _verdict(outcome, records, context, reports=record.partial)
        give_back(once, record.origin, name, records, verdict)
        return verdict

    async def room(until_ms: int) -> bool:
        return await _turn(call, counted_as(call, name.name), until_ms)

    return Handler(handle, room)


def _verdict(outcome: Outcome, records: list[Record], context: Mapping[str, Any], *,
             reports: bool) -> Verdict:
    """What the function's answer means for the batch."""
    if outcome.error:
        return Verdict(None, failed=True, context=context)
    try:
        answer = msgspec.json.decode(outcome.payload or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Verdict(None if reports else frozenset(), context=context)
    return Verdict(reported(answer, records) if reports else frozenset(), answer=answer, context=context)


async def _turn(call: Conversation, key: str, until_ms: int) -> bool:
    """Wait until another invocation of the function is over, or for ``until_ms``: then False."""
    pool, clock = call.use(Pool), call.kernel.clock
    if not pool.turns.running[key]:
        await clock.sleep_until(until_ms)
        return False
    turn = asyncio.ensure_future(pool.turns.wait(key))
    try:
        await first_of(asyncio.shield(turn), clock.sleep_until(until_ms))
    except asyncio.CancelledError:
        if turn.done():  # it was our turn, and we don't take it: the next may
            pool.turns.running[key] += 1
            pool.turns.leave(key)
        raise
    return turn.done() or not turn.cancel()


def _trace_of(records: list[Record]) -> Trace | None:
    """Of the traces that the records brought along, the one the batch goes on with."""
    headers = (str(record.event.get("attributes", {}).get("AWSTraceHeader", "")) for record in records)
    return furthest([trace for header in headers if (trace := Trace.parse(header))])
