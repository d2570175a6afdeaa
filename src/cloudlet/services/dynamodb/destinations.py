"""Kinesis streams that are told of every change of a table.

A change is delivered in the transaction that makes it. A stream that has no room for it then is tried again
for a day, as AWS does; so there records may come late, and not in order.
"""

from collections.abc import Mapping
from hashlib import md5
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ...arn import Arn
from ...errors import AwsError
from ...fabric.targets import Delivery, Parcel, Retries, send
from ...kernel import Call
from . import keys, tables
from .errors import LimitExceededException, ResourceNotFoundException, ValidationException
from .limits import DAY_MS, DESTINATIONS
from .service import dynamodb
from .tables import ACTIVE, Destination, Table
from .values import size_of

if TYPE_CHECKING:
    from .rows import Row

DISABLED = "DISABLED"
_SERVICE = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
_RETRIES = Retries(attempts=10_000, age_ms=DAY_MS, pauses_ms=(1_000, 2_000, 4_000, 8_000, 16_000, 30_000))
_Given = Mapping[str, Any]


@dynamodb.operation
def enable_kinesis_streaming_destination(
        call: Call, table_name: str, stream_arn: str,
        enable_kinesis_streaming_configuration: _Given | None = None) -> dict[str, Any]:
    """Tell a Kinesis stream of every change from now on."""
    call, table = tables.described(call, table_name, "EnableKinesisStreamingDestination")
    _check_stream(call, stream_arn)
    known = _found(table, stream_arn)
    if known is not None and known.status == ACTIVE:
        raise _wrong("enable", "EnableKinesisStreamingDestination must be DISABLED to perform ENABLE "
                               "operation.")
    if sum(one.status == ACTIVE for one in table.destinations) >= DESTINATIONS:
        raise LimitExceededException(f"Table already has {DESTINATIONS} Kinesis streaming destinations: "
                                     f"{table.name}")
    given = (enable_kinesis_streaming_configuration or {}).get("ApproximateCreationDateTimePrecision")
    made = Destination(stream_arn, micros=given == "MICROSECOND")
    others = tuple(one for one in table.destinations if one.arn != stream_arn)
    tables.save(call, replace(table, destinations=(*others, made)))
    return {"TableName": table.name, "StreamArn": stream_arn, "DestinationStatus": "ENABLING",
            "EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": _precision(made)}}


@dynamodb.operation
def disable_kinesis_streaming_destination(
        call: Call, table_name: str, stream_arn: str,
        enable_kinesis_streaming_configuration: _Given | None = None) -> dict[str, Any]:
    """Tell a Kinesis stream of no more changes."""
    call, table = tables.described(call, table_name, "DisableKinesisStreamingDestination")
    known = _found(table, stream_arn)
    if known is None or known.status != ACTIVE:
        raise _wrong("disable", "DisableKinesisStreamingDestination must be ACTIVE to perform DISABLE "
                                "operation.")
    given = (enable_kinesis_streaming_configuration or {}).get("ApproximateCreationDateTimePrecision")
    if given is not None and given != _precision(known):
        raise ValidationException("The precision of a destination can't be changed while it is disabled")
    _keep(call, table, known, replace(known, status=DISABLED))
    told = {"ApproximateCreationDateTimePrecision": _precision(known)}
    return {"TableName": table.name, "StreamArn": stream_arn, "DestinationStatus": "DISABLING",
            "EnableKinesisStreamingConfiguration": told}


@dynamodb.operation
def update_kinesis_streaming_destination(
        call: Call, table_name: str, stream_arn: str,
        update_kinesis_streaming_configuration: _Given | None = None) -> dict[str, Any]:
    """Tell moments in another precision."""
    call, table = tables.described(call, table_name, "UpdateKinesisStreamingDestination")
    given = (update_kinesis_streaming_configuration or {}).get("ApproximateCreationDateTimePrecision")
    if given is None:
        raise ValidationException("Streaming destination cannot be updated with given parameters: "
                                  "UpdateKinesisStreamingConfiguration cannot be null or contain only null "
                                  "values")
    known = _found(table, stream_arn)
    if known is None:
        raise _wrong("enable", f"No streaming destination with streamArn: {stream_arn} found for table with "
                               f"tableName: {table.name}")
    if known.status != ACTIVE:
        raise _wrong("enable", "KinesisStreamingDestination must be ACTIVE to perform UPDATE operation.")
    if given == _precision(known):
        raise ValidationException("Invalid Request: Precision is already set to the desired value of "
                                  f"{given} for tableId: {table.id}, kinesisStreamArn: {stream_arn}")
    _keep(call, table, known, replace(known, micros=given == "MICROSECOND"))
    return {"TableName": table.name, "StreamArn": stream_arn, "DestinationStatus": "UPDATING",
            "UpdateKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": given}}


@dynamodb.operation
def describe_kinesis_streaming_destination(call: Call, table_name: str) -> dict[str, Any]:
    """Which Kinesis streams are told."""
    _, table = tables.described(call, table_name, "DescribeKinesisStreamingDestination")
    return {"TableName": table.name, "KinesisDataStreamDestinations": [
        {"StreamArn": one.arn, "DestinationStatus": one.status,
         "ApproximateCreationDateTimePrecision": _precision(one)} for one in table.destinations]}


def tell(call: Call, table: Table, before: "Row | None", after: "Row | None") -> None:
    """Let the table's Kinesis streams know what happened to an item, unless nothing did."""
    if before and after and before.item == after.item:
        return
    image = after or before
    assert image
    named = {name: image.item[name] for name in table.schema.names}
    body: dict[str, Any] = {"Keys": named}
    if after:
        body["NewImage"] = after.item
    if before:
        body["OldImage"] = before.item
    body["SizeBytes"] = size_of(named) + sum(row.size for row in (before, after) if row)
    expired = call.principal.kind == "service" and call.principal.arn == _SERVICE["principalId"]
    key = md5(keys.key_of(image.item, table.schema), usedforsecurity=False).hexdigest().upper()
    for one in table.destinations:
        if one.status != ACTIVE:
            continue
        moment = {"ApproximateCreationDateTime": call.now_ms * 1000 if one.micros else call.now_ms,
                  "ApproximateCreationDateTimePrecision": _precision(one)}
        id = call.ids.uuid()
        record = {
            "awsRegion": call.region, "eventID": id,
            "eventName": "MODIFY" if before and after else "INSERT" if after else "REMOVE",
            "userIdentity": _SERVICE if expired else None, "recordFormat": "application/json",
            "tableName": table.name, "dynamodb": moment | body, "eventSource": "aws:dynamodb"}
        delivery = Delivery(id, msgspec.json.encode(record), "dynamodb", tables.arn_of(call, table),
                            call.account, {"PartitionKey": key})
        send(call, Parcel(one.arn, delivery, _RETRIES))


def _check_stream(call: Call, arn: str) -> None:
    """A stream can be told that is there, in the table's account and region."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        parsed = None
    if parsed is None or parsed.service != "kinesis" or not parsed.resource.startswith("stream/"):
        raise ValidationException(f"Invalid StreamArn: {arn}")
    if (parsed.account, parsed.region) != (call.account, call.region):
        raise ValidationException("The Kinesis data stream must be in the same account and region as the "
                                  f"table: {arn}")
    try:
        call.invoke("kinesis", "DescribeStreamSummary", StreamARN=arn)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found") from None


def _wrong(verb: str, why: str) -> ValidationException:
    return ValidationException(f"Table is not in a valid state to {verb} Kinesis Streaming Destination: "
                               f"{why}")


def _found(table: Table, arn: str) -> Destination | None:
    return next((one for one in table.destinations if one.arn == arn), None)


def _keep(call: Call, table: Table, old: Destination, new: Destination) -> None:
    tables.save(call, replace(table, destinations=tuple(
        new if one is old else one for one in table.destinations)))


def _precision(one: Destination) -> str:
    return "MICROSECOND" if one.micros else "MILLISECOND"
