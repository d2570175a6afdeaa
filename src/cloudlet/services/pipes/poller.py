"""Pollers: one standing task for each pipe reads its source and makes the pipe's state true."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...fabric import lanes, queue_feed, standing, targets
from ...fabric.filters import filters_of
from ...fabric.handler import Handler, Verdict
from ...fabric.lanes import Discarded
from ...fabric.queue_feed import QueueFeed
from ...fabric.sources import Queue, Record, Stream
from ...fabric.stream_feed import StreamFeed
from ...kernel import Call, Conversation
from . import flow, limits, roles
from .checks import patterns_of, settings_of, source_of
from .records import Pipe, bell, pipes, reach, remove, work_id
from .service import pipes_


@pipes_.task
async def poll(call: Conversation, *, name: str) -> None:
    """Feed a pipe from its source, for as long as it is there and runs."""
    while True:
        pipe = await call.transact(lambda inner: _open(inner, name))
        if pipe is None:
            return
        arn = pipe.source
        source = await call.transact(lambda inner, arn=arn: source_of(inner, arn))  # type: ignore[misc]
        feed = (
            _queue_feed(call, pipe, source) if isinstance(source, Queue) else _stream_feed(call, pipe, source)
        )
        await feed.run()


def _open(call: Call, name: str) -> Pipe | None:
    """Make the state true that is wanted; None if there is nothing (more) to do."""
    pipe = pipes.get(call, name)
    if pipe is None:
        return None
    if pipe.desired == "DELETED":
        remove(call, pipe)
        return None
    reach(call, pipe, pipe.desired)
    if pipe.desired == "RUNNING":
        return pipe
    standing.drop(call, id=work_id(call, name))
    return None


def _goes_on(pipe: Pipe) -> Callable[[Call], bool]:
    def goes_on(call: Call) -> bool:
        now = pipes.get(call, pipe.name)
        return now is not None and (now.id, now.revision) == (pipe.id, pipe.revision)

    return goes_on


def _handler(call: Conversation, pipe: Pipe) -> Handler:
    async def handle(records: list[Record], envelope: Mapping[str, Any]) -> Verdict:
        return await flow.handle(call, pipe, records)

    async def room(until_ms: int) -> bool:
        await call.kernel.clock.sleep_until(until_ms)
        return False

    return Handler(handle, room)


def _queue_feed(call: Conversation, pipe: Pipe, queue: Queue) -> QueueFeed:
    own = settings_of(pipe)
    wishes = queue_feed.Wishes(
        batch_size=own.get("BatchSize") or limits.BATCH_OF_QUEUE,
        window_ms=1000 * (own.get("MaximumBatchingWindowInSeconds") or 0), most=0, payload=limits.PAYLOAD)
    return QueueFeed(call, queue, pipe.source, wishes, filters_of(patterns_of(pipe), queue.filtered),
                     _handler(call, pipe), _goes_on(pipe), (bell(pipe.id),))


def _stream_feed(call: Conversation, pipe: Pipe, stream: Stream) -> StreamFeed:
    own = settings_of(pipe)
    age_s, retries = own.get("MaximumRecordAgeInSeconds"), own.get("MaximumRetryAttempts")
    wishes = lanes.Wishes(
        batch_size=own.get("BatchSize") or limits.BATCH_OF_STREAM,
        window_ms=1000 * (own.get("MaximumBatchingWindowInSeconds") or 0), payload=limits.PAYLOAD,
        lanes=own.get("ParallelizationFactor") or 1, retries=-1 if retries is None else retries,
        age_ms=-1 if age_s is None or age_s < 0 else age_s * 1000,
        bisect=own.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT")

    async def discard(discarded: Discarded) -> Callable[[Call], None]:
        return lambda inner: _bury(inner, pipe, stream, discarded)

    reader = lanes.Reader(pipe.id, _handler(call, pipe), _goes_on(pipe), (bell(pipe.id),), discard,
                          lambda inner, verdict: None)
    source = lanes.Source(stream, pipe.source, filters_of(patterns_of(pipe), stream.filtered))
    return StreamFeed(call, source, wishes, reader)


def _bury(call: Call, pipe: Pipe, stream: Stream, discarded: Discarded) -> None:
    """Describe records that are given up to the dead-letter queue or topic.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
    """
    arn = (settings_of(pipe).get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return
    records = discarded.records
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC).isoformat(timespec="milliseconds")
    document = {
        "context": {"partnerResourceArn": pipe.arn, "condition": discarded.reason}, "version": "1.0",
        "timestamp": moment.replace("+00:00", "Z"), stream.info: {
            "shardId": discarded.shard, "startSequenceNumber": records[0].id,
            "endSequenceNumber": records[-1].id,
            "approximateArrivalOfFirstRecord": stream.stamp(records[0].at_ms),
            "approximateArrivalOfLastRecord": stream.stamp(records[-1].at_ms),
            "batchSize": len(records), "streamArn": pipe.source}}
    delivery = targets.Delivery(
        call.ids.uuid(),
        msgspec.json.encode(document),
        "pipes",
        pipe.arn,
        call.account,
        caller=roles.acting(call, pipe),
    )
    targets.send(call, targets.Parcel(arn, delivery))
