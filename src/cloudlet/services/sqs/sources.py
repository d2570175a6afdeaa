"""How Lambda's mappings and pipes read a queue.

As on AWS, a batch that failed is left alone: its messages are hidden until their visibility timeout
lapses, those that a function reported as failed too. What was handled is deleted.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric.sources import Filtered, Record
from ...fabric.sources import Queue as QueueSource
from ...kernel import Call
from . import handling, receipt, receiving, standard
from .message import Message, digest, md5
from .queue import Queue, of_arn
from .service import sqs


def _bells(arn: str) -> tuple[str, ...]:
    return (arn,)


def _take(call: Call, arn: str, limit: int, hide_ms: int | None) -> list[Record]:
    there, queue = of_arn(call, arn)
    found = receiving.receive(there, queue, limit, queue.visibility_s * 1000 if hide_ms is None else hide_ms)
    return [_record(there, queue, message, handle) for message, handle in found]


def _next_ms(call: Call, arn: str) -> int | None:
    return receiving.next_ms(*of_arn(call, arn))


def _done(call: Call, arn: str, records: list[Record]) -> None:
    there, queue = of_arn(call, arn)
    if not queue.fifo:
        standard.delete_all(there, queue, [receipt.read(queue.id, record.handle) for record in records])
        return
    for record in records:
        try:
            handling.delete(there, queue, record.handle)
        except AwsError:
            continue  # its visibility lapsed meanwhile: somebody will handle it again, as on AWS


def _failed(call: Call, arn: str, records: list[Record]) -> None:
    """Nothing: they come back when their visibility timeout lapses."""


def _check(call: Call, arn: str) -> Mapping[str, Any]:
    _, queue = of_arn(call, arn)
    return {"VisibilityTimeout": queue.visibility_s, "FifoQueue": queue.fifo}


def _record(call: Call, queue: Queue, message: Message, handle: str) -> Record:
    """A message as it stands in the event of a function."""
    event: dict[str, Any] = {
        "messageId": message.id, "receiptHandle": handle, "body": message.body,
        "attributes": receiving.system_attributes(message), "messageAttributes": {},
        "md5OfBody": md5(message.body.encode()),
    }
    if message.attributes:
        event["messageAttributes"] = {name: _attribute(value) for name, value in message.attributes.items()}
        event["md5OfMessageAttributes"] = digest(message.attributes)
    event |= {"eventSource": "aws:sqs", "eventSourceARN": queue.arn, "awsRegion": call.region}
    return Record(message.id, event, len(msgspec.json.encode(event)), handle)


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    """A message attribute in the event's spelling, which lists what no attribute can have."""
    found: dict[str, Any] = {}
    if value.get("StringValue") is not None:
        found["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        found["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return found | {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


source = QueueSource(bells=_bells, take=_take, next_ms=_next_ms, done=_done, failed=_failed, check=_check,
                     filtered=Filtered(dict, "body"))
sqs.source(source)
