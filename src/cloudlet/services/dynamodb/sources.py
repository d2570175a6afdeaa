"""How Lambda's mappings and pipes read a table's stream.

An event has a change as GetRecords shows it, with binary values in base64 and the stream's ARN.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...arn import Arn
from ...fabric import sources
from ...fabric.sequence import sequence_number
from ...fabric.shards import Entry, Shard, Stream, bell
from ...fabric.sources import Filtered, Page, Part, Record
from ...kernel import Call
from .changes import streams
from .errors import ResourceNotFoundException
from .service import dynamodb


def _find(call: Call, arn: str) -> tuple[Call, Stream | None]:
    parsed = Arn.parse(arn)
    there = call.elsewhere(account=parsed.account, region=parsed.region)
    return there, streams.find(there, parsed.resource)


def _bells(call: Call, arn: str, shard: str) -> tuple[str, ...]:
    _, stream = _find(call, arn)
    return () if stream is None else (bell(stream, shard),)


def _parts(call: Call, arn: str) -> list[Part]:
    there, stream = _find(call, arn)
    return [] if stream is None else [_shown(shard) for shard in streams.shards(there, stream)]


def _part(call: Call, arn: str, shard: str) -> Part | None:
    found = _shard(call, arn, shard)[2]
    return None if found is None else _shown(found)


def _shown(shard: Shard) -> Part:
    return Part(shard.id, shard.parents, shard.base, -1 if shard.is_open else shard.last)


def _place(call: Call, arn: str, shard: str, position: str, at_ms: int) -> int:
    there, stream, found = _shard(call, arn, shard)
    if stream is None or found is None:
        return 0
    if position == "LATEST":
        return streams.last(there, stream, found)
    if position == "AT_TIMESTAMP":
        return max(streams.before(there, stream, found, at_ms), streams.horizon(there, stream, found))
    return streams.horizon(there, stream, found)


def _read(call: Call, arn: str, shard: str, after: int, limit: int, lane: int, lanes: int) -> Page:
    there, stream, found = _shard(call, arn, shard)
    if stream is None or found is None:
        return Page([], after)
    after = max(after, streams.horizon(there, stream, found))
    entries, upto = streams.read_lane(there, stream, found, after, limit, lane, lanes)
    return Page([_record(entry, arn) for entry in entries], upto)


def _record(entry: Entry, arn: str) -> Record:
    number, change = sequence_number(entry.number), entry.data
    body = dict(change["dynamodb"])
    size, view = body.pop("SizeBytes"), body.pop("StreamViewType")
    event: dict[str, Any] = msgspec.to_builtins(change | {
        "dynamodb": body | {"SequenceNumber": number, "SizeBytes": size, "StreamViewType": view},
        "eventSourceARN": arn})
    return Record(number, event, len(msgspec.json.encode(event)), number=entry.number, at_ms=entry.at_ms)


def _shard(call: Call, arn: str, shard: str) -> tuple[Call, Stream | None, Shard | None]:
    there, stream = _find(call, arn)
    return there, stream, streams.shard(there, stream, shard) if stream is not None else None


def _check(call: Call, arn: str) -> Mapping[str, Any]:
    if _find(call, arn)[1] is None:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    return {}


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


source = sources.Stream(bells=_bells, parts=_parts, part=_part, place=_place,
                        read=_read, check=_check,
                        filtered=Filtered(dict), info="DDBStreamBatchInfo",
                        positions=("TRIM_HORIZON", "LATEST"), stamp=_stamp)
dynamodb.source(source)
