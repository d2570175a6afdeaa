"""Where reading starts, as GetShardIterator and SubscribeToShard are told."""

from datetime import datetime

from ...fabric.shards import RANGE, Shard, Stream
from ...kernel import Call
from .errors import InvalidArgumentException
from .sequence import index_of, is_sound, number_of
from .service import streams
from .stream import horizon

_BY_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
_RULE = (
    "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
    "TRIM_HORIZON or LATEST and no StartingSequenceNumber."
)


def position(call: Call, stream: Stream, shard: Shard, kind: str, number: str | None, at: datetime | None,
             action: str = "GetShardIterator") -> int:
    """The number of the record behind which to read."""
    if kind in _BY_NUMBER:
        if number is None:
            raise InvalidArgumentException(f"{_RULE} Request specified {kind} and no StartingSequenceNumber.")
        after = _number(call, stream, shard, number, action) - (kind == _BY_NUMBER[0])
    elif number is not None:
        raise InvalidArgumentException(f"{_RULE} Request specified {kind} and also a StartingSequenceNumber.")
    elif kind == "LATEST":
        return streams.last(call, stream, shard)
    elif kind == "AT_TIMESTAMP":
        after = streams.before(call, stream, shard, _moment(call, at))
    else:
        after = 0
    return max(after, horizon(call, stream, shard))


def _number(call: Call, stream: Stream, shard: Shard, text: str, action: str) -> int:
    used = (f"StartingSequenceNumber {text} used in {action} on shard {shard.id} in stream {stream.name} "
            f"under account {call.account} is invalid")
    if not is_sound(text):
        raise InvalidArgumentException(f"{used}.")
    number = number_of(stream, text)
    if number is None:
        raise InvalidArgumentException(f"{used} because it did not come from this stream.")
    if number // RANGE != index_of(shard):
        raise InvalidArgumentException(
            f"Invalid StartingSequenceNumber. It encodes shardId-{number // RANGE:012d}, while it was used "
            f"in a call to a shard with {shard.id}")
    if number > streams.last(call, stream, shard):
        raise InvalidArgumentException(f"{used}.")
    return number


def _moment(call: Call, at: datetime | None) -> int:
    if at is None:
        raise InvalidArgumentException("Must specify timestampInMillis parameter for iterator of type "
                                       "AT_TIMESTAMP. Current request has no timestamp parameter.")
    at_ms = round(at.timestamp() * 1000)
    if at_ms > call.now_ms:
        raise InvalidArgumentException(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {at_ms}, currentTimestampInMillis: {call.now_ms}")
    return at_ms
