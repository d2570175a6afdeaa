"""SplitShard, MergeShards and UpdateShardCount: shards give way to others.

Records go to the new shards at once. Who reads finishes the old ones first: an iterator that has come to the
end of one names those that follow.
"""

from typing import Any

from msgspec.structs import replace

from ...errors import ValidationException
from ...fabric.shards import Shard, Stream
from ...kernel import Call
from . import limits
from .account import admit_shards, count
from .errors import InvalidArgumentException, LimitExceededException, ResourceInUseException
from .lifecycle import within_a_day
from .naming import range_of, shard_of
from .service import kinesis, streams
from .stream import arn_of, lookup, save, settings_of, told

_HASHES = 1 << 128


@kinesis.operation
def split_shard(call: Call, shard_to_split: str, new_starting_hash_key: str, stream_name: str | None = None,
                stream_arn: str | None = None) -> None:
    """Let two shards follow one; the given hash is the first of the second's."""
    call, stream = _provisioned(call, stream_name, stream_arn, "SplitShard")
    shard = _open(call, stream, shard_to_split)
    at = int(new_starting_hash_key)
    low, high = (int.from_bytes(one, "big") for one in (shard.low, shard.high))
    if not low + 1 < at < high:
        edges = range_of(shard)
        raise InvalidArgumentException(
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard.id} in stream {stream.name} under "
            f"account {call.account} is not both greater than one plus the shard's StartingHashKey "
            f"{edges['StartingHashKey']} and less than the shard's EndingHashKey {edges['EndingHashKey']}.")
    admit_shards(call, 1)
    count(call, stream, streams.split(call, stream, shard, at.to_bytes(16, "big")))


@kinesis.operation
def merge_shards(call: Call, shard_to_merge: str, adjacent_shard_to_merge: str,
                 stream_name: str | None = None, stream_arn: str | None = None) -> None:
    """Let one shard follow two that are neighbours."""
    call, stream = _provisioned(call, stream_name, stream_arn, "MergeShards")
    one, other = (_open(call, stream, id) for id in (shard_to_merge, adjacent_shard_to_merge))
    places = {shard.id: n for n, shard in enumerate(stream.open)}
    if abs(places[one.id] - places[other.id]) != 1:
        raise InvalidArgumentException(
            f"Shards {one.id} and {other.id} in stream {stream.name} under account {call.account} are not an "
            "adjacent pair of shards eligible for merging")
    count(call, stream, streams.merge(call, stream, one, other))


@kinesis.operation
def update_shard_count(call: Call, target_shard_count: int, scaling_type: str, stream_name: str | None = None,
                       stream_arn: str | None = None) -> dict[str, Any]:
    """Let a stream have so many shards that share all hashes evenly."""
    call, stream = _provisioned(call, stream_name, stream_arn, "UpdateShardCount")
    have, settings = len(stream.open), settings_of(stream)
    _check_count(call, stream, target_shard_count)
    resized = within_a_day(call, settings.resized)
    if len(resized) >= limits.SHARD_COUNT_CHANGES:
        raise LimitExceededException(
            f"{told(call, stream.name)} has been scaled {limits.SHARD_COUNT_CHANGES} times within 24 hours, "
            "and may not be oftener.")
    admit_shards(call, max(0, target_shard_count - have))
    changed = _evenly(call, stream, target_shard_count)
    count(call, stream, save(call, changed, replace(settings, resized=(*resized, call.now_ms))))
    return {"StreamName": stream.name, "CurrentShardCount": have, "TargetShardCount": target_shard_count,
            "StreamARN": arn_of(call, stream.name)}


def _provisioned(call: Call, name: str | None, arn: str | None, action: str) -> tuple[Call, Stream]:
    there, stream = lookup(call, name, arn, action)
    if settings_of(stream).on_demand:
        raise ValidationException(f"Request is invalid. {told(there, stream.name)} is in On-Demand mode.")
    return there, stream


def _open(call: Call, stream: Stream, id: str) -> Shard:
    shard = shard_of(call, stream, id)
    if not shard.is_open:
        raise ResourceInUseException(
            f"Shard {shard.id} in stream {stream.name} under account {call.account} has already been merged "
            "or split, and thus is not eligible for merging or splitting.")
    return shard


def _check_count(call: Call, stream: Stream, target: int) -> None:
    have = len(stream.open)
    shown = f"Current open shard count: {have}, Target shard count: {target}"
    if target > limits.SHARD_COUNT:
        raise LimitExceededException("Target shard count or number of open shards cannot be greater than "
                                     f"{limits.SHARD_COUNT}. {shown}")
    if target > 2 * have:
        raise LimitExceededException("UpdateShardCount cannot scale up over double your current open shard "
                                     f"count. {shown}")
    if 2 * target < have:
        raise LimitExceededException("UpdateShardCount cannot scale down below half your current open shard "
                                     f"count. {shown}")


def _evenly(call: Call, stream: Stream, target: int) -> Stream:
    """Split shards where new ones are to begin, then merge those that are to be one; nothing is kept yet."""
    starts = [(_HASHES * n // target).to_bytes(16, "big") for n in range(target)]
    for start in starts:
        shard = streams.holder(stream, start)
        if shard.low != start:
            stream = streams.split(call, stream, shard, start, keep=False)
    wanted = set(starts)
    for extra in [one for one in stream.open if one.low not in wanted]:
        before = streams.holder(stream, (int.from_bytes(extra.low, "big") - 1).to_bytes(16, "big"))
        stream = streams.merge(call, stream, before, extra, keep=False)
    return stream
