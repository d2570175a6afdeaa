"""Records come in: put by applications, or delivered by other services."""

import base64
from collections.abc import Iterable
from typing import Any

from ...arn import Arn
from ...fabric.targets import Delivery
from ...kernel import Call
from . import buffers, destinations, limits
from .errors import InvalidArgumentException, InvalidSourceException
from .records import Entry, Lane, Stream, need
from .service import firehose

_RECORD_ID_BYTES = 156  # 208 characters, as AWS's have
_LOGS = "logs"


@firehose.operation
def put_record(call: Call, delivery_stream_name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Write one record."""
    stream = _open(call, delivery_stream_name)
    accept(call, stream, [Entry(record["Data"], call.now_ms)])
    return {"RecordId": _record_id(call), "Encrypted": False}


@firehose.operation
def put_record_batch(call: Call, delivery_stream_name: str,
                     records: list[dict[str, Any]]) -> dict[str, Any]:
    """Write records; all of them are taken, or none."""
    stream = _open(call, delivery_stream_name)
    found = [record["Data"] for record in records]
    if sum(map(len, found)) > limits.BATCH_BYTES:
        raise InvalidArgumentException("Records size exceeds 4 MB limit")
    accept(call, stream, [Entry(data, call.now_ms) for data in found])
    return {"FailedPutCount": 0, "Encrypted": False,
            "RequestResponses": [{"RecordId": _record_id(call)} for _ in found]}


@firehose.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Write what is delivered as one record, in the transaction of whoever delivers.

    A stream that decompresses takes what CloudWatch Logs delivers, and nothing else.
    """
    name = Arn.parse(arn).resource.rpartition("/")[2]
    stream = need(call, name)
    if destinations.processing_of(stream.given).decompress and delivery.source == _LOGS:
        accept(call, stream, [Entry(delivery.body, call.now_ms)])
    else:
        call.invoke("firehose", "PutRecord", DeliveryStreamName=name, Record={"Data": delivery.body})


def accept(call: Call, stream: Stream, found: Iterable[Entry]) -> None:
    """Keep records until they are delivered, and a copy of each where the stream has a backup."""
    kept = list(found)
    transformed = destinations.processing_of(stream.given).function is not None
    buffers.add(call, stream, Lane("input" if transformed else "output"), kept)
    if destinations.backup_of(stream.kind, stream.given) is not None:
        buffers.add(call, stream, Lane("backup"), kept)


def _open(call: Call, name: str) -> Stream:
    """The stream called ``name``, if the applications may put records into it."""
    stream = need(call, name)
    if stream.source:
        raise InvalidArgumentException(
            "This operation is not permitted on KinesisStreamAsSource delivery stream type.")
    if destinations.processing_of(stream.given).decompress:
        raise InvalidSourceException
    return stream


def _record_id(call: Call) -> str:
    return base64.b64encode(call.ids.bytes(_RECORD_ID_BYTES)).decode()
