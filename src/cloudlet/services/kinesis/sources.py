"""How Lambda's mappings and pipes read a stream, by its own ARN or by that of one of its consumers.

Neither the limits of GetRecords nor those of a subscription slow them down: they are told of records at once.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...arn import Arn
from ...fabric import sources
from ...fabric.shards import Entry, Shard, Stream, bell
from ...fabric.sources import Filtered, Page, Part, Record
from ...kernel import Call
from .consumer import consumers, is_consumer, of_consumer_arn
from .sequence import sequence_number
from .service import kinesis, streams
from .stream import horizon, lookup

_ROLE = 100  # bytes of a role's ARN


def _find(call: Call, arn: str) -> tuple[Call, Stream | None]:
    parsed = Arn.parse(arn)
    there = call.elsewhere(account=parsed.account, region=parsed.region)
    _, name, *rest = parsed.resource.split("/")
    stream = streams.find(there, name)
    if stream is not None and rest and consumers.get(there, stream.home, rest[1].partition(":")[0]) is None:
        stream = None
    return there, stream


def _bells(call: Call, arn: str, shard: str) -> tuple[str, ...]:
    _, stream = _find(call, arn)
    return () if stream is None else (bell(stream, shard),)


def _parts(call: Call, arn: str) -> list[Part]:
    there, stream = _find(call, arn)
    return [] if stream is None else [_part_of(shard) for shard in streams.shards(there, stream)]


def _part(call: Call, arn: str, shard: str) -> Part | None:
    found = _shard(call, arn, shard)[2]
    return None if found is None else _part_of(found)


def _part_of(shard: Shard) -> Part:
    return Part(shard.id, shard.parents, shard.base, -1 if shard.is_open else shard.last)


def _place(call: Call, arn: str, shard: str, position: str, at_ms: int) -> int:
    there, stream, found = _shard(call, arn, shard)
    if stream is None or found is None:
        return 0
    if position == "LATEST":
        return streams.last(there, stream, found)
    after = streams.before(there, stream, found, at_ms) if position == "AT_TIMESTAMP" else 0
    return max(after, horizon(there, stream, found))


def _read(call: Call, arn: str, shard: str, after: int, limit: int, lane: int, lanes: int) -> Page:
    there, stream, found = _shard(call, arn, shard)
    if stream is None or found is None:
        return Page([], after)
    after = max(after, horizon(there, stream, found))
    entries, upto = streams.read_lane(there, stream, found, after, limit, lane, lanes)
    return Page([_record(there, stream, entry, arn, shard) for entry in entries], upto)


def _record(call: Call, stream: Stream, entry: Entry, arn: str, shard: str) -> Record:
    """A record as it stands in an event. Who reads says with whose rights (``invokeIdentityArn``)."""
    number = sequence_number(stream, entry.number)
    event: dict[str, Any] = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": entry.data["key"],
            "sequenceNumber": number,
            "data": base64.b64encode(entry.data["data"]).decode(),
            "approximateArrivalTimestamp": entry.at_ms / 1000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "",
        "awsRegion": call.region,
        "eventSourceARN": arn,
    }
    return Record(number, event, len(msgspec.json.encode(event)) + _ROLE, number=entry.number,
                  at_ms=entry.at_ms)


def _seen(event: dict[str, Any]) -> dict[str, Any]:
    """What filters see: the record's data as it is, not in base64."""
    inner: dict[str, Any] = event["kinesis"]
    return inner | {"data": base64.b64decode(inner["data"]).decode("utf-8", "replace")}


def _shard(call: Call, arn: str, shard: str) -> tuple[Call, Stream | None, Shard | None]:
    there, stream = _find(call, arn)
    return there, stream, streams.shard(there, stream, shard) if stream is not None else None


def _check(call: Call, arn: str) -> Mapping[str, Any]:
    """The stream, or the consumer, is there; and another account's lets it be read."""
    if is_consumer(arn):
        of_consumer_arn(call, arn, "SubscribeToShard")
    else:
        lookup(call, None, arn, "GetRecords")
    return {}


def _stamp(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


source = sources.Stream(bells=_bells, parts=_parts, part=_part, place=_place, read=_read, check=_check,
                        filtered=Filtered(_seen, "data"), info="KinesisBatchInfo",
                        positions=("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"), stamp=_stamp)
kinesis.source(source)
