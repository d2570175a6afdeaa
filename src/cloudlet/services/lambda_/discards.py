"""What becomes of records of a stream that are given up: a description of them goes to a destination.

Source: https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html, and for the order and the
null of ``functionError`` what others recorded from AWS.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...fabric import targets
from ...fabric.lanes import Discarded
from ...fabric.sources import Stream
from ...kernel import Call, Conversation
from .mapping import Mapping
from .records import arn_of

log = logging.getLogger(__name__)


async def discard(call: Conversation, record: Mapping, discarded: Discarded, info: dict[str, Any],
                  event: dict[str, Any]) -> Callable[[Call], None]:
    """Tell the destination; what comes back is to be done in the transaction that passes over the records.

    ``info`` describes the batch, as ``KinesisBatchInfo`` does; ``event`` is what the function got. An object
    of S3 is written before that, so a crash in between may write it twice.
    """
    if not record.on_failure:
        return lambda inner: None
    described, id = _describe(call, record, discarded, info)
    destination = Arn.parse(record.on_failure)
    if destination.service == "s3":
        described["payload"] = msgspec.json.encode(event).decode()
        await _put(call, record, discarded.shard, destination.resource, described)
        return lambda inner: None
    source = arn_of(call, record.function, record.qualifier)
    delivery = targets.Delivery(id, msgspec.json.encode(described), "lambda", source, call.account)

    parcel = targets.Parcel(record.on_failure, delivery)
    return lambda inner: targets.send(inner, parcel)


def of_stream(record: Mapping, stream: Stream, discarded: Discarded) -> dict[str, Any]:
    """What is said of a batch from a shard."""
    records = discarded.records
    return {stream.info: {
        "shardId": discarded.shard, "startSequenceNumber": records[0].id,
        "endSequenceNumber": records[-1].id,
        "approximateArrivalOfFirstRecord": stream.stamp(records[0].at_ms),
        "approximateArrivalOfLastRecord": stream.stamp(records[-1].at_ms),
        "batchSize": len(records), "streamArn": record.source}}


def _describe(call: Conversation, record: Mapping, discarded: Discarded, info: dict[str, Any]
              ) -> tuple[dict[str, Any], str]:
    """The document, and its request's id."""
    context = discarded.context
    id = str(context.get("requestId") or call.ids.uuid())
    document: dict[str, Any] = {"requestContext": {
        "requestId": id, "functionArn": arn_of(call, record.function, record.qualifier),
        "condition": discarded.reason, "approximateInvokeCount": discarded.tries}}
    if "responseContext" in context:
        document["responseContext"] = context["responseContext"]
    return document | {"version": "1.0", "timestamp": stamp(call.now_ms), **info}, id


async def _put(call: Conversation, record: Mapping, shard: str, bucket: str, document: dict[str, Any]
               ) -> None:
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    place = f"{record.uuid}/{shard}" if shard else record.uuid
    key = f"aws/lambda/{place}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{call.ids.uuid()}"
    try:
        await call.invoke("s3", "PutObject", Bucket=bucket, Key=key, Body=msgspec.json.encode(document))
    except AwsError as error:
        log.error("what the mapping %s gave up could not be kept in %s: %s", record.uuid, bucket, error)


def stamp(at_ms: int) -> str:
    """A moment, as such a document has it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
