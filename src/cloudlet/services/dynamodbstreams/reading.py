"""GetShardIterator and GetRecords. An iterator says where it stands and since when; nothing is kept of it."""

import base64
import binascii
from datetime import datetime
from typing import Any

import msgspec

from ...errors import ValidationException
from ...fabric.sequence import number_of, sequence_number
from ...fabric.shards import Entry, Shard, Stream
from ...kernel import Call
from . import limits
from .describing import arn_of, at_most, find
from .errors import ExpiredIteratorException, ResourceNotFoundException, TrimmedDataAccessException
from .service import dynamodbstreams, streams

_BY_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


class Iterator(msgspec.Struct, array_like=True, frozen=True):
    """A place in a shard: after the record ``after``. ``home`` is the stream's incarnation."""

    home: str
    shard: str
    after: int
    issued_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Iterator).decode


@dynamodbstreams.operation
def get_shard_iterator(call: Call, stream_arn: str, shard_id: str, shard_iterator_type: str,
                       sequence_number: str | None = None, timestamp: datetime | None = None
                       ) -> dict[str, Any]:
    """A place to read a shard from; it is good for fifteen minutes."""
    there, stream = find(call, stream_arn, "GetShardIterator")
    shard = _shard(there, stream, shard_id)
    if (sequence_number is not None) != (shard_iterator_type in _BY_NUMBER):
        raise ValidationException(
            f"SequenceNumber is required for ShardIteratorType {shard_iterator_type}" if sequence_number is
            None else f"SequenceNumber must not be given for ShardIteratorType {shard_iterator_type}")
    if (timestamp is not None) != (shard_iterator_type == "AT_TIMESTAMP"):
        raise ValidationException(
            "Timestamp is required for ShardIteratorType AT_TIMESTAMP" if timestamp is None else
            f"Timestamp must not be given for ShardIteratorType {shard_iterator_type}")
    after = streams.horizon(there, stream, shard)
    if sequence_number is not None:
        after = _after(there, stream, shard, sequence_number, at=shard_iterator_type == _BY_NUMBER[0])
    elif timestamp is not None:
        after = max(after, streams.before(there, stream, shard, int(timestamp.timestamp() * 1000)))
    elif shard_iterator_type == "LATEST":
        after = streams.last(there, stream, shard)
    return {"ShardIterator": _token(there, stream, shard, after)}


@dynamodbstreams.operation
def get_records(call: Call, shard_iterator: str, limit: int | None = None) -> dict[str, Any]:
    """The records after an iterator's place, up to 1,000 or 1 MB, and the iterator to go on with."""
    most = at_most(limit, limits.RECORDS)
    arn, iterator = _read(shard_iterator)
    there, stream = find(call, arn, "GetRecords")
    if stream.home != iterator.home:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    if call.now_ms - iterator.issued_ms > limits.ITERATOR_MS:
        raise ExpiredIteratorException
    shard = _shard(there, stream, iterator.shard)
    if iterator.after < streams.horizon(there, stream, shard):
        raise TrimmedDataAccessException
    records, size, after = list[dict[str, Any]](), 0, iterator.after
    for entry in streams.read(there, stream, shard, iterator.after, most):
        size += entry.data["dynamodb"]["SizeBytes"]
        if records and size > limits.RECORDS_BYTES:
            break
        records.append(_shown(entry))
        after = entry.number
    found: dict[str, Any] = {"Records": records}
    if shard.is_open or after < shard.last:
        found["NextShardIterator"] = _token(there, stream, shard, after)
    return found


def _shown(entry: Entry) -> dict[str, Any]:
    """A record of GetRecords."""
    found = entry.data | {
        "dynamodb": entry.data["dynamodb"] | {"SequenceNumber": sequence_number(entry.number)}}
    by = entry.data.get("userIdentity")
    if by:
        found["userIdentity"] = {"PrincipalId": by["principalId"], "Type": by["type"]}
    return found


def _shard(call: Call, stream: Stream, id: str) -> Shard:
    shard = streams.shard(call, stream, id)
    if shard is None:
        raise ResourceNotFoundException(
            f"Requested resource not found: Shard does not exist: {id} of {arn_of(call, stream)}")
    return shard


def _after(call: Call, stream: Stream, shard: Shard, text: str, *, at: bool) -> int:
    number = number_of(text)
    if number is None or not shard.base <= number <= streams.last(call, stream, shard):
        raise ValidationException(f"Invalid SequenceNumber: {text} is none of the shard {shard.id}")
    after = max(number - at, shard.base)
    if after < streams.horizon(call, stream, shard):
        raise TrimmedDataAccessException
    return after


def _token(call: Call, stream: Stream, shard: Shard, after: int) -> str:
    iterator = Iterator(stream.home, shard.id, after, call.now_ms)
    return f"{arn_of(call, stream)}|1|{base64.b64encode(_encode(iterator)).decode()}"


def _read(text: str) -> tuple[str, Iterator]:
    arn, _, packed = text.rpartition("|1|")
    try:
        return arn, _decode(base64.b64decode(packed, validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise ValidationException("Invalid ShardIterator") from None
