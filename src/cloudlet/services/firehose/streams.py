"""Delivery streams: made, changed, described and deleted.

Making and deleting one takes no time here, so a stream is ACTIVE when CreateDeliveryStream answers, and gone
when DeleteDeliveryStream does.
"""

from collections.abc import Mapping
from typing import Any

from ...fabric import timers
from ...kernel import Call, Conversation
from . import describing, destinations, limits, roles, sources
from .errors import (
    ConcurrentModificationException,
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
)
from .records import Stream, entries, filling, need, sealed, streams
from .service import firehose

DESTINATION_ID = "destinationId-000000000001"
_CLEARED = 500  # rows removed in one transaction
_DIRECT, _KINESIS = "DirectPut", "KinesisStreamAsSource"


@firehose.operation
def create_delivery_stream(call: Call, delivery_stream_name: str, delivery_stream_type: str = _DIRECT,
                           kinesis_stream_source_configuration: dict[str, Any] | None = None,
                           s3_destination_configuration: dict[str, Any] | None = None,
                           extended_s3_destination_configuration: dict[str, Any] | None = None,
                           http_endpoint_destination_configuration: dict[str, Any] | None = None,
                           tags: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """Make a stream."""
    if streams.get(call, delivery_stream_name) is not None:
        raise ResourceInUseException(
            f"Firehose {delivery_stream_name} under accountId {call.account} already exists")
    given = [one for one in (extended_s3_destination_configuration, s3_destination_configuration,
                             http_endpoint_destination_configuration) if one is not None]
    if len(given) != 1:
        raise InvalidArgumentException("Exactly one destination configuration is supported for a Firehose")
    stream = Stream(
        delivery_stream_name, int.from_bytes(call.ids.bytes(7), "big"), call.now_ms,
        "http" if http_endpoint_destination_configuration is not None else "s3", given[0],
        extended=s3_destination_configuration is None, tags=_tagged({}, tags or []))
    destinations.check(stream.kind, stream.given, extended=stream.extended)
    for role in destinations.roles_of(stream.kind, stream.given):
        roles.acting(call, role)
    if (delivery_stream_type == _KINESIS) is not (kinesis_stream_source_configuration is not None):
        raise InvalidArgumentException(
            f"KinesisStreamSourceConfiguration must be given with the type {_KINESIS}, and only with it")
    if kinesis_stream_source_configuration is not None:
        sources.begin(call, stream, kinesis_stream_source_configuration)
    elif delivery_stream_type != _DIRECT:
        raise sources.unknown(delivery_stream_type)
    streams.put(call, stream.name, record=stream)
    return {"DeliveryStreamARN": describing.arn_of(call, stream)}


@firehose.operation
def delete_delivery_stream(call: Call, delivery_stream_name: str) -> dict[str, Any]:
    """Remove a stream with all that it has not delivered."""
    stream = need(call, delivery_stream_name)
    streams.delete(call, stream.name)
    sources.end(call, stream)
    timers.schedule(call, clear_stream, at_ms=call.now_ms, id=f"firehose/clear/{stream.number}",
                    number=stream.number)
    return {}


@firehose.operation
def describe_delivery_stream(call: Call, delivery_stream_name: str, limit: int | None = None,
                             exclusive_start_destination_id: str | None = None) -> dict[str, Any]:
    """All there is to know of a stream; it has one destination, so no page follows."""
    stream = need(call, delivery_stream_name)
    found = describing.describe(call, stream)
    if limit is not None and exclusive_start_destination_id == DESTINATION_ID:
        found["Destinations"] = []
    return {"DeliveryStreamDescription": found}


@firehose.operation
def list_delivery_streams(call: Call, limit: int = limits.LIST_PAGE, delivery_stream_type: str | None = None,
                          exclusive_start_delivery_stream_name: str | None = None) -> dict[str, Any]:
    """Names of streams, in order."""
    names: list[str] = []
    start = exclusive_start_delivery_stream_name
    for (name, *_), stream in streams.items(call, after=(start,) if start else None):
        if delivery_stream_type not in (None, _KINESIS if stream.source else _DIRECT):
            continue
        if len(names) == limit:
            return {"DeliveryStreamNames": names, "HasMoreDeliveryStreams": True}
        names.append(str(name))
    return {"DeliveryStreamNames": names, "HasMoreDeliveryStreams": False}


@firehose.operation
def update_destination(call: Call, delivery_stream_name: str, current_delivery_stream_version_id: str,
                       destination_id: str, s3_destination_update: dict[str, Any] | None = None,
                       extended_s3_destination_update: dict[str, Any] | None = None,
                       http_endpoint_destination_update: dict[str, Any] | None = None) -> dict[str, Any]:
    """Change where a stream delivers, or how; what is not given stays. Full buffers, too, go the new way."""
    stream = need(call, delivery_stream_name)
    if current_delivery_stream_version_id != str(stream.version):
        raise ConcurrentModificationException(
            f"Cannot update firehose: {stream.name} since the current version id: {stream.version} and "
            f"specified version id: {current_delivery_stream_version_id} do not match")
    if destination_id != DESTINATION_ID:
        raise InvalidArgumentException(f"Destination Id {destination_id} not found")
    given = [one for one in (extended_s3_destination_update, s3_destination_update,
                             http_endpoint_destination_update) if one is not None]
    if len(given) != 1:
        raise InvalidArgumentException("Exactly one destination update is supported for a Firehose")
    kind = "http" if http_endpoint_destination_update is not None else "s3"
    changed = _changed(stream, kind, given[0])
    if changed == stream.given and kind == stream.kind:
        return {}
    extended = kind == "s3" and (stream.extended or extended_s3_destination_update is not None)
    destinations.check(kind, changed, extended=extended)
    for role in destinations.roles_of(kind, changed):
        roles.acting(call, role)
    stream.kind, stream.given, stream.extended = kind, changed, extended  # type: ignore[assignment]
    stream.version, stream.updated_ms = stream.version + 1, call.now_ms
    streams.put(call, stream.name, record=stream)
    return {}


@firehose.operation
def tag_delivery_stream(call: Call, delivery_stream_name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    """Set tags."""
    stream = need(call, delivery_stream_name)
    stream.tags = _tagged(stream.tags, tags)
    streams.put(call, stream.name, record=stream)
    return {}


@firehose.operation
def untag_delivery_stream(call: Call, delivery_stream_name: str, tag_keys: list[str]) -> dict[str, Any]:
    """Take tags away."""
    stream = need(call, delivery_stream_name)
    stream.tags = {key: value for key, value in stream.tags.items() if key not in tag_keys}
    streams.put(call, stream.name, record=stream)
    return {}


@firehose.operation
def list_tags_for_delivery_stream(call: Call, delivery_stream_name: str, limit: int = limits.TAGS,
                                  exclusive_start_tag_key: str = "") -> dict[str, Any]:
    """Tags by key."""
    stream = need(call, delivery_stream_name)
    found = sorted((key, value) for key, value in stream.tags.items() if key > exclusive_start_tag_key)
    return {"Tags": [{"Key": key, "Value": value} for key, value in found[:limit]],
            "HasMoreTags": len(found) > limit}


@firehose.task
async def clear_stream(call: Conversation, number: int) -> None:
    """Clear away all buffers of a stream that is no more; their timers find nothing then."""
    def some(call: Call) -> bool:
        for table in (filling, sealed):
            for key, buffer in table.items(call, number, limit=1):
                keys = [one for one, _ in entries.items(call, buffer.id, limit=_CLEARED)]
                for one in keys:
                    entries.delete(call, *one)
                if len(keys) < _CLEARED:
                    table.delete(call, *key)
                return True
        return False

    while await call.transact(some):
        pass


def _changed(stream: Stream, kind: str, update: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with an update; a destination of another kind is not merged with the old one."""
    found = destinations.merged(stream.given if kind == stream.kind else {}, update)
    needed = ("EndpointConfiguration", "S3Configuration") if kind == "http" else ("RoleARN", "BucketARN")
    for name in needed:
        if name not in found:
            raise InvalidArgumentException(f"{name} must be specified for a destination of another type")
    if kind != stream.kind:
        return found
    if stream.given.get("S3BackupMode") == "Enabled" != found.get("S3BackupMode"):
        raise InvalidArgumentException("S3BackupMode can not be updated to Disabled once it is Enabled")
    if destinations.is_partitioned(stream.given) is not destinations.is_partitioned(found):
        raise InvalidArgumentException("Dynamic Partitioning can only be enabled when a Firehose is created, "
                                       "and not be disabled afterwards")
    return found


def _tagged(before: Mapping[str, str], tags: list[dict[str, str]]) -> dict[str, str]:
    found = {**before, **{tag["Key"]: tag.get("Value", "") for tag in tags}}
    if len(found) > limits.TAGS:
        raise LimitExceededException(f"A Firehose can have {limits.TAGS} tags at most.")
    return found
