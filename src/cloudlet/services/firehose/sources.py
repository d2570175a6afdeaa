"""Sources: a stream may read a Kinesis stream of itself, from the moment it is made.

A standing task reads every shard (:mod:`cloudlet.fabric.stream_feed`). Records are kept in the transaction
that writes down how far the shard is read, so each is taken once, whatever crashes.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import AwsError, NotHonoured
from ...fabric import checkpoints, lanes, standing
from ...fabric import sources as fabric
from ...fabric.filters import filters_of
from ...fabric.handler import Handler, Verdict
from ...fabric.sources import Record
from ...fabric.stream_feed import StreamFeed
from ...kernel import Call, Conversation
from . import puts, roles
from .errors import InvalidArgumentException, not_honoured
from .records import Entry, Stream, streams
from .service import firehose

_BATCH, _BYTES = 500, 4 << 20  # read at once


def begin(call: Call, stream: Stream, given: dict[str, Any]) -> None:
    """Read a Kinesis stream from now on."""
    arn, role = given["KinesisStreamARN"], given["RoleARN"]
    roles.acting(call, role)
    try:
        source = fabric.find(call, arn)
        if isinstance(source, fabric.Stream):
            source.check(call.elsewhere(principal=roles.acting(call, role)), arn)
    except AwsError as error:
        raise InvalidArgumentException(f"Stream {arn} can't be read: {error}") from None
    if not isinstance(source, fabric.Stream):
        raise not_honoured(f"the source {arn}")
    stream.source = {"KinesisStreamARN": arn, "RoleARN": role}
    checkpoints.begin(call, _id(stream), source, arn, "LATEST", call.now_ms)
    standing.keep(call, read, id=_id(stream), name=stream.name, number=stream.number)


def end(call: Call, stream: Stream) -> None:
    """Read it no more."""
    if stream.source:
        checkpoints.forget(call, _id(stream))
        standing.drop(call, id=_id(stream))
        call.tx.ring(_id(stream))


def unknown(kind: str) -> NotHonoured:
    """A type of stream that there is not here."""
    return not_honoured(f"DeliveryStreamType {kind}")


@firehose.task
async def read(call: Conversation, *, name: str, number: int) -> None:
    """Take what comes into the source, for as long as the stream is there."""
    stream = await call.transact(lambda inner: _find(inner, name, number))
    if stream is None:
        return
    arn = stream.source["KinesisStreamARN"]
    source = await call.transact(lambda inner: fabric.find(inner, arn))
    assert isinstance(source, fabric.Stream)
    reader = lanes.Reader(
        _id(stream), Handler(_handle, _room), lambda inner: _find(inner, name, number) is not None,
        (_id(stream),), _discard, lambda inner, verdict: _take(inner, name, number, verdict))
    wishes = lanes.Wishes(batch_size=_BATCH, window_ms=0, payload=_BYTES)
    await StreamFeed(call, lanes.Source(source, arn, filters_of([], source.filtered)), wishes, reader).run()


def _take(call: Call, name: str, number: int, verdict: Verdict) -> None:
    """Keep the records of a batch, as the shard's place moves behind them."""
    stream = _find(call, name, number)
    if stream is not None:
        puts.accept(call, stream, [_entry(record) for record in verdict.answer])


async def _handle(records: list[Record], envelope: Mapping[str, Any]) -> Verdict:
    return Verdict(answer=records)


async def _room(until_ms: int) -> bool:
    return True


async def _discard(discarded: lanes.Discarded) -> Callable[[Call], None]:
    return lambda call: None


def _find(call: Call, name: str, number: int) -> Stream | None:
    stream = streams.get(call, name)
    return stream if stream is not None and stream.number == number else None


def _entry(record: Record) -> Entry:
    """A record of Kinesis as a record of the stream; functions are told where it was."""
    said = record.event["kinesis"]
    return Entry(base64.b64decode(said["data"]), record.at_ms, origin={
        "sequenceNumber": said["sequenceNumber"], "subsequenceNumber": 0,
        "partitionKey": said["partitionKey"], "shardId": record.event["eventID"].partition(":")[0],
        "approximateArrivalTimestamp": record.at_ms})


def _id(stream: Stream) -> str:
    return f"firehose/{stream.number}"
