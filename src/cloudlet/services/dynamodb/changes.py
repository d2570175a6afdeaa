"""A table's stream: what changed, in order by item, kept for a day.

A change is kept as GetRecords shows it, but for its sequence number, in :mod:`cloudlet.fabric.shards`, from
where the service DynamoDB Streams and Lambda's mappings read it. Items of one partition key are in one shard.
A stream has as many shards as the table has partitions in AWS, and like there each gives way to a child after
some hours.
"""

from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from ...fabric.shards import Shards, Stream, key_hash
from ...kernel import Call
from . import limits
from .keys import partition
from .service import dynamodb
from .tables import Table
from .values import size_of

if TYPE_CHECKING:
    from .rows import Row

_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def _name_shard(call: Call, number: int) -> str:
    return f"shardId-{call.now_ms:020d}-{number:08x}"


streams = Shards(f"{dynamodb.name}.changes", _name_shard)


def name_of(table: str, label: str) -> str:
    """What a stream is called: the resource in its ARN."""
    return f"table/{table}/stream/{label}"


def label_of(call: Call, table: str) -> str:
    """The label of a stream that begins now: the moment, but one of its own."""
    now_ms = call.now_ms
    while True:
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        label = moment.isoformat(timespec="milliseconds").removesuffix("+00:00")
        if streams.find(call, name_of(table, label)) is None:
            return label
        now_ms += 1


def begin(call: Call, table: Table) -> Stream:
    """Make the stream that ``table`` says it has."""
    assert table.stream
    label, view = table.stream.label, table.stream.view
    keys = [{"AttributeName": part.name, "KeyType": kind}
            for kind, parts in (("HASH", table.schema.hash), ("RANGE", table.schema.range)) for part in parts]
    about = {"table": table.name, "label": label, "view": view, "keys": keys}
    return streams.create(call, name_of(table.name, label), count=_partitions(table),
                          kept_ms=limits.STREAM_KEPT_MS, about=about, life_ms=limits.SHARD_MS)


def end(call: Call, table: Table) -> None:
    """Let the table's stream take no more changes; it can be read for another day."""
    stream = _stream(call, table)
    if stream is not None and not stream.closed_ms:
        streams.close(call, stream)


def record(call: Call, table: Table, before: "Row | None", after: "Row | None") -> None:
    """Append what happened to an item, unless nothing did."""
    if before and after and before.item == after.item:
        return
    image = after or before
    assert table.stream and image
    stream = _stream(call, table) or begin(call, table)
    view, keys = table.stream.view, {name: image.item[name] for name in table.schema.names}
    body: dict[str, Any] = {"ApproximateCreationDateTime": call.now_ms // 1000, "Keys": keys}
    size = size_of(keys)
    if after and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        body["NewImage"] = after.item
        size += after.size
    if before and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        body["OldImage"] = before.item
        size += before.size
    body |= {"SizeBytes": size, "StreamViewType": view}
    name = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    change = {"eventID": call.ids.hex(32), "eventName": name, "eventVersion": "1.1",
              "eventSource": "aws:dynamodb", "awsRegion": call.region, "dynamodb": body}
    if call.principal.kind == "service" and call.principal.arn == _TTL["principalId"]:
        change["userIdentity"] = _TTL
    streams.append(call, stream, key_hash(partition(image.item, table.schema)), change)


def _stream(call: Call, table: Table) -> Stream | None:
    assert table.stream
    return streams.find(call, name_of(table.name, table.stream.label))


def _partitions(table: Table) -> int:
    """How many partitions AWS gives a table of that capacity.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.Partitions.html
    """
    if table.on_demand:
        return limits.SCAN_PARTITIONS
    units = table.throughput.read / limits.PARTITION_READS + table.throughput.write / limits.PARTITION_WRITES
    return max(1, ceil(units))

