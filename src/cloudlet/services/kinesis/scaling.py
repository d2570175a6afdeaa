"""Streams on demand grow as they are written to: a shard that is half busy gives way to two.

As on AWS the traffic may double within a quarter of an hour, and no more: a shard that came of a split is not
split again before. AWS also lets such streams shrink, some time; here they keep their shards.
"""

from ...fabric.shards import Shard, Stream
from ...kernel import Call
from . import limits
from .account import count, most
from .service import streams
from .stream import settings_of


def grow(call: Call, stream: Stream, busy: list[Shard]) -> None:
    """Split the shards that are busy, if the stream has as many as it needs and they have had their time."""
    if not settings_of(stream).on_demand:
        return
    grown = stream
    for shard in busy:
        young = shard.parents and call.now_ms - shard.opened_ms < limits.DOUBLING_MS
        if young or shard.low == shard.high or len(grown.open) >= most(call, limits.ON_DEMAND_SHARDS):
            continue
        low, high = int.from_bytes(shard.low, "big"), int.from_bytes(shard.high, "big")
        grown = streams.split(call, grown, shard, ((low + high + 1) // 2).to_bytes(16, "big"))
    if grown is not stream:
        count(call, stream, grown)
