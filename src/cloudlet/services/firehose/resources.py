"""Firehose's CloudFormation type."""

from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from .errors import ResourceInUseException, ResourceNotFoundException
from .service import firehose
from .streams import DESTINATION_ID

_UPDATES = {"S3BackupConfiguration": "S3BackupUpdate", "S3Configuration": "S3Update"}
_NUMBERS = frozenset(("SizeInMBs", "IntervalInSeconds", "DurationInSeconds"))
_FLAGS = frozenset(("Enabled",))


@firehose.resource("AWS::KinesisFirehose::DeliveryStream")
class DeliveryStream(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A delivery stream; ``Ref`` is its name. What a destination may say is checked by the operations."""

    REPLACED_BY: ClassVar = frozenset({
        "DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})
    delivery_stream_name: str | None = None
    delivery_stream_type: str | None = None
    kinesis_stream_source_configuration: dict[str, Any] | None = None
    direct_put_source_configuration: dict[str, Any] | None = None
    s3_destination_configuration: dict[str, Any] | None = msgspec.field(
        name="S3DestinationConfiguration", default=None)
    extended_s3_destination_configuration: dict[str, Any] | None = msgspec.field(
        name="ExtendedS3DestinationConfiguration", default=None)
    http_endpoint_destination_configuration: dict[str, Any] | None = None
    tags: list[dict[str, str]] = []  # a value may be left out

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the stream."""
        name = self.delivery_stream_name or this.name(call.ids, 64)
        given: dict[str, Any] = {
            "DeliveryStreamName": name, "DeliveryStreamType": self.delivery_stream_type,
            "Tags": listed(self._tags(this)),
            "KinesisStreamSourceConfiguration": self.kinesis_stream_source_configuration,
            "DirectPutSourceConfiguration": self.direct_put_source_configuration,
            **{f"{kind}Configuration": value for kind, value in self._destination().items()}}
        try:
            await call.invoke("firehose", "CreateDeliveryStream", **_present(given))
        except ResourceInUseException:
            if not this.resumed:
                raise
        return self._physical(call, name)

    async def update(self, call: Conversation, this: This, old: "DeliveryStream") -> Physical:
        """Change the destination and the tags."""
        name = this.physical_id
        wanted = self._destination()
        if wanted != old._destination():
            found = await call.invoke("firehose", "DescribeDeliveryStream", DeliveryStreamName=name)
            version = found["DeliveryStreamDescription"]["VersionId"]
            updates: dict[str, Any] = {
                f"{kind}Update": {_UPDATES.get(key, key): value for key, value in given.items()}
                for kind, given in wanted.items()}
            await call.invoke("firehose", "UpdateDestination", DeliveryStreamName=name,
                              CurrentDeliveryStreamVersionId=version, DestinationId=DESTINATION_ID, **updates)
        tags = self._tags(this)
        had = await call.invoke("firehose", "ListTagsForDeliveryStream", DeliveryStreamName=name)
        gone = [one["Key"] for one in had["Tags"] if one["Key"] not in tags]
        if gone:
            await call.invoke("firehose", "UntagDeliveryStream", DeliveryStreamName=name, TagKeys=gone)
        if tags:
            await call.invoke("firehose", "TagDeliveryStream", DeliveryStreamName=name, Tags=listed(tags))
        return self._physical(call, name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the stream."""
        with suppress(ResourceNotFoundException):
            await call.invoke("firehose", "DeleteDeliveryStream", DeliveryStreamName=this.physical_id)

    def _destination(self) -> dict[str, Any]:
        found = {"S3Destination": self.s3_destination_configuration,
                 "ExtendedS3Destination": self.extended_s3_destination_configuration,
                 "HttpEndpointDestination": self.http_endpoint_destination_configuration}
        return {kind: _typed(given) for kind, given in found.items() if given is not None}

    def _physical(self, call: Conversation, name: str) -> Physical:
        return Physical(name, {"Arn": call.arn(f"deliverystream/{name}", "firehose")})

    def _tags(self, this: This) -> dict[str, str]:
        return this.all_tags(Tag(tag["Key"], tag.get("Value", "")) for tag in self.tags)


def _typed(value: Any, name: str = "") -> Any:
    """Numbers and flags as such; a template may write them as texts."""
    if isinstance(value, dict):
        return {key: _typed(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed(one) for one in value]
    if name in _NUMBERS and isinstance(value, str) and value.isdigit():
        return int(value)
    if name in _FLAGS and isinstance(value, str):
        return value.lower() == "true"
    return str(value) if name == "ParameterValue" else value


def _present(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value}
