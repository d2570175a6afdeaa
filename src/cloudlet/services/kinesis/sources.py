"""How Lambda's mappings and pipes read a stream, by its own ARN or by that of one of its consumers.

Neither the limits of GetRecords nor those of a subscription slow them down: they are told of records at once.
"""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...fabric import sources
from ...fabric.shard_source import ShardSource
from ...fabric.shards import Entry, Stream
from ...fabric.sources import Filtered, Record
from ...kernel import Call
from .consumer import consumers, is_consumer, of_consumer_arn
from .sequence import sequence_number
from .service import kinesis, streams
from .stream import horizon, lookup

_ROLE = 100  # bytes of a role's ARN


def _find(call: Call, resource: str) -> Stream | None:
    """The stream that is named, by itself or by a consumer of its own that is there."""
    _, name, *rest = resource.split("/")
    stream = streams.find(call, name)
    if stream is not None and rest and consumers.get(call, stream.home, rest[1].partition(":")[0]) is None:
        stream = None
    return stream


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


_source = ShardSource(streams, _find, horizon, _record)
source = sources.Stream(bells=_source.bells, parts=_source.parts, part=_source.part, place=_source.place,
                        read=_source.read, check=_check, filtered=Filtered(_seen, "data"),
                        info="KinesisBatchInfo", positions=("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"),
                        stamp=_stamp)
kinesis.source(source)
