"""How Lambda's mappings and pipes read a table's stream.

An event has a change as GetRecords shows it, with binary values in base64 and the stream's ARN.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...fabric import sources
from ...fabric.sequence import sequence_number
from ...fabric.shard_source import ShardSource
from ...fabric.shards import Entry, Stream
from ...fabric.sources import Filtered, Record
from ...kernel import Call
from .changes import streams
from .errors import ResourceNotFoundException
from .service import dynamodb


def _record(call: Call, stream: Stream, entry: Entry, arn: str, shard: str) -> Record:
    number, change = sequence_number(entry.number), entry.data
    body = dict(change["dynamodb"])
    size, view = body.pop("SizeBytes"), body.pop("StreamViewType")
    event: dict[str, Any] = msgspec.to_builtins(change | {
        "dynamodb": body | {"SequenceNumber": number, "SizeBytes": size, "StreamViewType": view},
        "eventSourceARN": arn})
    return Record(number, event, len(msgspec.json.encode(event)), number=entry.number, at_ms=entry.at_ms)


def _check(call: Call, arn: str) -> Mapping[str, Any]:
    if _source.find(call, arn)[1] is None:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    return {}


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_source = ShardSource(streams, streams.find, streams.horizon, _record)
source = sources.Stream(bells=_source.bells, parts=_source.parts, part=_source.part, place=_source.place,
                        read=_source.read, check=_check, filtered=Filtered(dict), info="DDBStreamBatchInfo",
                        positions=("TRIM_HORIZON", "LATEST"), stamp=_stamp)
dynamodb.source(source)
