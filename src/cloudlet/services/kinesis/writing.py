"""PutRecord and PutRecords: a record goes to the shard that has the hash of its key, if that has room."""

from typing import Any, NamedTuple

from ...errors import ValidationException
from ...fabric.shards import Data, Shard, Stream, key_hash
from ...kernel import Call
from . import limits, throughput
from .errors import (
    DryRunOperationException,
    InvalidArgumentException,
    ProvisionedThroughputExceededException,
)
from .scaling import grow
from .sequence import is_sound, sequence_number
from .service import kinesis, streams
from .stream import Settings, lookup, settings_of
from .throughput import Meter

_HASHES = 1 << 128
_THROTTLED = ProvisionedThroughputExceededException.__name__


class Draft(NamedTuple):
    """A record that is to be written. ``place`` is the hash that says to which shard."""

    key: str
    data: bytes
    hash: bytes
    place: bytes
    size: int


class Written(NamedTuple):
    """Where a record was put, or was not for want of room."""

    shard: Shard
    number: int | None


@kinesis.operation
def put_record(call: Call, data: bytes, partition_key: str | None = None, stream_name: str | None = None,
               stream_arn: str | None = None, explicit_hash_key: str | None = None,
               sequence_number_for_ordering: str | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Write a record. Numbers grow along a shard whatever is said for ordering."""
    call, stream = lookup(call, stream_name, stream_arn, "PutRecord")
    if sequence_number_for_ordering is not None and not is_sound(sequence_number_for_ordering):
        raise InvalidArgumentException(
            f"ExclusiveMinimumSequenceNumber {sequence_number_for_ordering} used in PutRecord on stream "
            f"{stream.name} under account {call.account} is invalid.")
    one = draft(call, settings_of(stream), data, partition_key, explicit_hash_key)
    shard, number = put(call, stream, [one])[0]
    if number is None:
        raise ProvisionedThroughputExceededException(exceeded(call, stream, shard))
    if dry_run:
        raise DryRunOperationException  # and nothing has happened, for the transaction is given up
    return {"ShardId": shard.id, "SequenceNumber": sequence_number(stream, number)}


@kinesis.operation
def put_records(call: Call, records: list[dict[str, Any]], stream_name: str | None = None,
                stream_arn: str | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Write up to 500 records; each may find its shard exhausted for itself."""
    call, stream = lookup(call, stream_name, stream_arn, "PutRecords")
    settings = settings_of(stream)
    drafts = [draft(call, settings, one["Data"], one.get("PartitionKey"), one.get("ExplicitHashKey"),
                    f"records.{n}.member.") for n, one in enumerate(records, 1)]
    if sum(one.size for one in drafts) > limits.REQUEST_BYTES:
        raise InvalidArgumentException(f"Records size exceeds {limits.REQUEST_BYTES >> 20} MB limit")
    answers = [_shown(call, stream, *one) for one in put(call, stream, drafts)]
    if dry_run:
        raise DryRunOperationException
    return {"FailedRecordCount": sum("ErrorCode" in one for one in answers), "Records": answers}


def draft(call: Call, settings: Settings, data: bytes, key: str | None, explicit: str | None,
          path: str = "") -> Draft:
    """A record as it is to be written, if its stream takes such; ``path`` is where it stands in a request."""
    if key is None and not settings.spread:
        raise _unsound(f"Value null at '{path}partitionKey'", "Member must not be null")
    key = key or ""
    size, most = len(data) + len(key.encode()), settings.record_kib << 10
    if size > most:
        raise _unsound(f"Value at '{path}data'", f"Member must have length less than or equal to {most}")
    if explicit is not None and int(explicit) >= _HASHES:
        raise InvalidArgumentException("Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, "
                                       f"2^128-1]. Specified value was {explicit}")
    hash = place = key_hash(key)
    if settings.spread:
        place = call.ids.bytes(16)
    elif explicit is not None:
        place = int(explicit).to_bytes(16, "big")
    return Draft(key, data, hash, place, size)


def put(call: Call, stream: Stream, drafts: list[Draft]) -> list[Written]:
    """Write records to their shards, as far as these have room; what came of each, in their order."""
    groups = dict[str, tuple[Shard, list[int]]]()
    for n, one in enumerate(drafts):
        shard = streams.holder(stream, one.place)
        groups.setdefault(shard.id, (shard, []))[1].append(n)
    found, busy = dict[int, Written](), list[Shard]()
    for shard, mine in groups.values():
        numbers, meter = _append(call, stream, shard, [drafts[n] for n in mine])
        found.update((n, Written(shard, number)) for n, number in zip(mine, numbers, strict=True))
        if throughput.is_busy(meter):
            busy.append(shard)
    if busy:
        grow(call, stream, busy)
    return [found[n] for n in range(len(drafts))]


def _append(call: Call, stream: Stream, shard: Shard, drafts: list[Draft]
            ) -> tuple[list[int | None], Meter]:
    """Write what a shard has room for: the number of each, and what has been written in this second."""
    tail = streams.tail(call, stream, shard)
    known = tail.data.get("meter") if tail else None
    meter = throughput.written(Meter(*known) if known else None, call.now_ms)
    records, taken = list[tuple[bytes, Data]](), list[bool]()
    for one in drafts:
        taken.append(throughput.takes(meter, one.size))
        if taken[-1]:
            meter = meter.and_one(one.size)
            records.append((one.hash, {"key": one.key, "data": one.data}))
    if not records:
        return [None] * len(drafts), meter
    records[-1][1]["meter"] = meter
    following = streams.extend(call, stream, shard, tail, records) - len(records)
    return [(following := following + 1) if yes else None for yes in taken], meter


def exceeded(call: Call, stream: Stream, shard: Shard) -> str:
    """Why a record was not written."""
    return f"Rate exceeded for shard {shard.id} in stream {stream.name} under account {call.account}."


def _shown(call: Call, stream: Stream, shard: Shard, number: int | None) -> dict[str, Any]:
    if number is None:
        return {"ErrorCode": _THROTTLED, "ErrorMessage": exceeded(call, stream, shard)}
    return {"SequenceNumber": sequence_number(stream, number), "ShardId": shard.id}


def _unsound(subject: str, rule: str) -> ValidationException:
    return ValidationException(f"1 validation error detected: {subject} failed to satisfy constraint: {rule}")
