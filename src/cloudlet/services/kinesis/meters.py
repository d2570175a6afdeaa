"""What has been read from shards in the current second, kept by shard as long as it is read."""

import msgspec

from ...fabric.shards import Shard, Stream
from ...kernel import Call
from ...store import Table
from . import throughput
from .errors import ProvisionedThroughputExceededException
from .throughput import Meter


class Read(msgspec.Struct, frozen=True, array_like=True):
    """How much has been read from a shard."""

    meter: Meter


_reads = Table("kinesis.reads", Read)


def admit(call: Call, stream: Stream, shard: Shard) -> Meter:
    """What has been read in this second, unless that was enough."""
    known = _reads.get(call, stream.home, shard.id)
    meter = throughput.read(known.meter if known else None, call.now_ms)
    if not throughput.gives(meter):
        raise ProvisionedThroughputExceededException(
            f"Rate exceeded for Shard - {call.account}/{stream.name}/{shard.id}")
    return meter


def keep(call: Call, stream: Stream, shard: Shard, meter: Meter) -> None:
    """Write down what has been read."""
    _reads.put(call, stream.home, shard.id, record=Read(meter))


def forget(call: Call, stream: Stream, shard: str = "") -> None:
    """A stream is gone, or a shard has been read to its end."""
    for key, _ in list(_reads.items(call, *((stream.home, shard) if shard else (stream.home,)))):
        _reads.delete(call, *key)
