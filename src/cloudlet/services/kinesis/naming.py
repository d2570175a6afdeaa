"""Shards as requests name them and answers show them."""

import re
from collections.abc import Callable
from typing import Any

from ...fabric.shards import Shard, Stream
from ...kernel import Call
from .errors import ResourceNotFoundException
from .sequence import sequence_number, start_of
from .service import streams

_ID = re.compile(r"(?:[a-zA-Z0-9_.]*-)?(\d+)")  # all but the number is forgiven
_INDICES = 1 << 31


def shard_of(call: Call, stream: Stream, text: str) -> Shard:
    """The shard that a request means."""
    match = _ID.fullmatch(text)
    index = int(match[1]) if match and len(match[1]) < 20 else _INDICES
    if index >= _INDICES:
        raise ResourceNotFoundException(
            f"Could not find shard {text} in stream {stream.name} under account {call.account}.")
    id = f"shardId-{index:012d}"
    found = streams.shard(call, stream, id)
    if found is None:
        raise missing(call, stream.name, id)
    return found


def missing(call: Call, stream: str, shard: str) -> ResourceNotFoundException:
    """There is no such shard (any more)."""
    return ResourceNotFoundException(
        f"Shard {shard} in stream {stream} under account {call.account} does not exist")


def visible(call: Call, stream: Stream, after: str, most: int,
            wanted: Callable[[Shard], bool] = lambda shard: True) -> list[Shard]:
    """Shards by name that are wanted, up to ``most``; not those of which all is forgotten."""
    gone_ms, found = call.now_ms - stream.kept_ms, list[Shard]()
    while len(found) < most:
        some = streams.shards(call, stream, after, most)
        found += [one for one in some if (one.is_open or one.closed_ms > gone_ms) and wanted(one)]
        if len(some) < most:
            break
        after = some[-1].id
    return found[:most]


def shown(stream: Stream, shard: Shard) -> dict[str, Any]:
    """A shard in an answer."""
    numbers = {"StartingSequenceNumber": start_of(stream, shard)}
    if not shard.is_open:
        numbers["EndingSequenceNumber"] = sequence_number(stream, shard.last)
    found: dict[str, Any] = {"ShardId": shard.id, "HashKeyRange": range_of(shard),
                             "SequenceNumberRange": numbers}
    return found | dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))


def children(call: Call, stream: Stream, shard: Shard) -> list[dict[str, Any]]:
    """The shards that follow one, as GetRecords shows them."""
    return [{"ShardId": child.id, "ParentShards": list(child.parents), "HashKeyRange": range_of(child)}
            for child in streams.shards(call, stream, shard.id) if shard.id in child.parents]


def range_of(shard: Shard) -> dict[str, str]:
    """The hashes that are a shard's."""
    return {"StartingHashKey": str(int.from_bytes(shard.low, "big")),
            "EndingHashKey": str(int.from_bytes(shard.high, "big"))}

