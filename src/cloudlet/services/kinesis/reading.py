"""GetShardIterator and GetRecords: a place in a shard is a token, good for five minutes."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ...fabric.shards import Entry, Shard, Stream
from ...kernel import Call
from . import limits, meters
from .errors import DryRunOperationException, ExpiredIteratorException, InvalidArgumentException
from .naming import children, missing, shard_of
from .positions import position
from .sequence import sequence_number
from .service import kinesis, streams
from .stream import arn_of, horizon, lookup
from .tokens import place_of, token_of


class Iterator(msgspec.Struct, array_like=True, frozen=True):
    """A place in a shard: behind the record ``after``. ``home`` is the stream's incarnation."""

    arn: str
    home: str
    shard: str
    after: int
    issued_ms: int


@kinesis.operation
def get_shard_iterator(call: Call, shard_id: str, shard_iterator_type: str,
                       starting_sequence_number: str | None = None, timestamp: datetime | None = None,
                       stream_name: str | None = None, stream_arn: str | None = None, dry_run: bool = False
                       ) -> dict[str, Any]:
    """A place to read a shard from."""
    call, stream = lookup(call, stream_name, stream_arn, "GetShardIterator")
    shard = shard_of(call, stream, shard_id)
    after = position(call, stream, shard, shard_iterator_type, starting_sequence_number, timestamp)
    if dry_run:
        raise DryRunOperationException
    return {"ShardIterator": _token(call, stream, shard, after)}


@kinesis.operation
def get_records(call: Call, shard_iterator: str, limit: int | None = None, stream_arn: str | None = None,
                dry_run: bool = False) -> dict[str, Any]:
    """The records behind an iterator's place, up to 10,000 or 10 MB, and the iterator to go on with."""
    iterator = place_of(shard_iterator, Iterator)
    if iterator is None or stream_arn not in (None, iterator.arn):
        raise InvalidArgumentException("Invalid ShardIterator.")
    call, stream = lookup(call, None, iterator.arn, "GetRecords")
    shard = streams.shard(call, stream, iterator.shard) if stream.home == iterator.home else None
    if shard is None:
        raise missing(call, stream.name, iterator.shard)
    _check_age(call, iterator)
    meter = meters.admit(call, stream, shard)
    if dry_run:
        raise DryRunOperationException
    after = max(iterator.after, horizon(call, stream, shard))
    entries, size = page(call, stream, shard, after, limit or limits.GET_RECORDS, limits.GET_BYTES)
    after = entries[-1].number if entries else after
    found: dict[str, Any] = {"Records": [shown(stream, entry) for entry in entries],
                             "MillisBehindLatest": behind_ms(call, stream, shard, after, entries)}
    if shard.is_open or after < shard.last:
        found["NextShardIterator"] = _token(call, stream, shard, after)
        meters.keep(call, stream, shard, meter.and_one(size))
    else:
        found["ChildShards"] = children(call, stream, shard)
        meters.forget(call, stream, shard.id)
    return found


def page(call: Call, stream: Stream, shard: Shard, after: int, most: int, most_bytes: int
         ) -> tuple[list[Entry], int]:
    """Records behind ``after``, one at least if there is one, and their bytes."""
    found, size = list[Entry](), 0
    for entry in streams.read(call, stream, shard, after, most):
        bytes_ = len(entry.data["data"]) + len(entry.data["key"].encode())
        if found and size + bytes_ > most_bytes:
            break
        found.append(entry)
        size += bytes_
    return found, size


def shown(stream: Stream, entry: Entry) -> dict[str, Any]:
    """A record in an answer."""
    return {"SequenceNumber": sequence_number(stream, entry.number), "PartitionKey": entry.data["key"],
            "Data": entry.data["data"], "ApproximateArrivalTimestamp": entry.at_ms / 1000}


def behind_ms(call: Call, stream: Stream, shard: Shard, after: int, entries: list[Entry]) -> int:
    """How long ago the last of some records came, if there are more behind them; else 0."""
    if after >= streams.last(call, stream, shard):
        return 0
    return max(0, call.now_ms - entries[-1].at_ms) if entries else 0


def _token(call: Call, stream: Stream, shard: Shard, after: int) -> str:
    return token_of(Iterator(arn_of(call, stream.name), stream.home, shard.id, after, call.now_ms))


def _check_age(call: Call, iterator: Iterator) -> None:
    if call.now_ms - iterator.issued_ms > limits.ITERATOR_MS:
        raise ExpiredIteratorException(
            f"Iterator expired. The iterator was created at time {_moment(iterator.issued_ms)} while right "
            f"now it is {_moment(call.now_ms)} which is further in the future than the tolerated delay of "
            f"{limits.ITERATOR_MS} milliseconds.")


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
