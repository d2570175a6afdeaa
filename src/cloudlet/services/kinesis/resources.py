"""CloudFormation's types of Kinesis, in terms of its operations."""

import json
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This
from .errors import ResourceInUseException, ResourceNotFoundException
from .limits import KEPT_HOURS, RECORD_KIB
from .service import kinesis


class Mode(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How a stream has its shards."""

    stream_mode: str


@kinesis.resource("AWS::Kinesis::Stream")
class StreamResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A stream; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    name: str | None = None
    shard_count: int | None = None
    retention_period_hours: int | None = None
    stream_mode_details: Mode | None = None
    max_record_size_in_kib: int | None = msgspec.field(default=None, name="MaxRecordSizeInKiB")
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Create the stream, with so many shards as said; one, if nothing is."""
        name = self.name or this.name(call.ids, 128)
        given: dict[str, Any] = {"StreamName": name, "StreamModeDetails": {"StreamMode": self._mode},
                                 "MaxRecordSizeInKiB": self._size, "Tags": this.all_tags(self.tags) or None}
        if self._mode == "PROVISIONED":
            given["ShardCount"] = self.shard_count or 1
        try:
            await call.invoke("kinesis", "CreateStream", **given)
        except ResourceInUseException:
            if not this.resumed:
                raise
        this.physical_id = name
        await _keep(call, name, KEPT_HOURS[0], self._hours)
        return _physical(call, name)

    async def update(self, call: Conversation, this: This, old: "StreamResource") -> Physical:
        """Change what changed; what is said no more goes back to AWS's default."""
        name = this.physical_id
        arn = _physical(call, name).attributes["Arn"]
        if self._mode != old._mode:
            await call.invoke("kinesis", "UpdateStreamMode", StreamARN=arn,
                              StreamModeDetails={"StreamMode": self._mode})
        if self._mode == "PROVISIONED":
            await _resize(call, name, self.shard_count or 1)
        await _keep(call, name, old._hours, self._hours)
        if self._size != old._size:
            await call.invoke("kinesis", "UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=self._size)
        await _retag(call, arn, this.all_tags(self.tags))
        return _physical(call, name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the stream, and its consumers with it."""
        try:
            await call.invoke("kinesis", "DeleteStream", StreamName=this.physical_id,
                              EnforceConsumerDeletion=True)
        except ResourceNotFoundException:
            return

    @property
    def _mode(self) -> str:
        return self.stream_mode_details.stream_mode if self.stream_mode_details else "PROVISIONED"

    @property
    def _hours(self) -> int:
        return self.retention_period_hours or KEPT_HOURS[0]

    @property
    def _size(self) -> int:
        return self.max_record_size_in_kib or RECORD_KIB[0]


@kinesis.resource("AWS::Kinesis::StreamConsumer")
class ConsumerResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A consumer of a stream; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"ConsumerName", "StreamARN"})
    ATTRIBUTES: ClassVar = frozenset({
        "ConsumerARN", "ConsumerCreationTimestamp", "ConsumerName", "ConsumerStatus", "StreamARN"})

    consumer_name: str
    stream_arn: str = msgspec.field(name="StreamARN")
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Register the consumer."""
        try:
            await call.invoke("kinesis", "RegisterStreamConsumer", StreamARN=self.stream_arn,
                              ConsumerName=self.consumer_name, Tags=this.all_tags(self.tags) or None)
        except ResourceInUseException:
            if not this.resumed:
                raise
        found = await call.invoke("kinesis", "DescribeStreamConsumer", StreamARN=self.stream_arn,
                                  ConsumerName=self.consumer_name)
        about = found["ConsumerDescription"]
        made = datetime.fromtimestamp(about["ConsumerCreationTimestamp"], UTC)
        return Physical(about["ConsumerARN"], about | {"ConsumerCreationTimestamp": made.isoformat()})

    async def update(self, call: Conversation, this: This, old: "ConsumerResource") -> Physical:
        """Give the consumer its tags."""
        await _retag(call, this.physical_id, this.all_tags(self.tags))
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """Deregister the consumer."""
        try:
            await call.invoke("kinesis", "DeregisterStreamConsumer", ConsumerARN=this.physical_id)
        except ResourceNotFoundException:
            return


@kinesis.resource("AWS::Kinesis::ResourcePolicy")
class PolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """The policy of a stream or consumer; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"ResourceArn"})

    resource_arn: str
    resource_policy: dict[str, Any]

    async def create(self, call: Conversation, this: This) -> Physical:
        """Give the stream or consumer its policy."""
        await call.invoke("kinesis", "PutResourcePolicy", ResourceARN=self.resource_arn,
                          Policy=json.dumps(self.resource_policy))
        return Physical(self.resource_arn)

    async def update(self, call: Conversation, this: This, old: "PolicyResource") -> Physical:
        """Give it its new policy."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Take the policy away."""
        try:
            await call.invoke("kinesis", "DeleteResourcePolicy", ResourceARN=self.resource_arn)
        except ResourceNotFoundException:
            return


async def _keep(call: Conversation, name: str, before: int, hours: int) -> None:
    """Change the retention."""
    if hours != before:
        verb = "Increase" if hours > before else "Decrease"
        await call.invoke("kinesis", f"{verb}StreamRetentionPeriod", StreamName=name,
                          RetentionPeriodHours=hours)


async def _resize(call: Conversation, name: str, shards: int) -> None:
    """Let the stream have so many shards; AWS's rule of at most double and at least half holds."""
    found = await call.invoke("kinesis", "DescribeStreamSummary", StreamName=name)
    if found["StreamDescriptionSummary"]["OpenShardCount"] != shards:
        await call.invoke("kinesis", "UpdateShardCount", StreamName=name, TargetShardCount=shards,
                          ScalingType="UNIFORM_SCALING")


async def _retag(call: Conversation, arn: str, tags: dict[str, str]) -> None:
    listed = (await call.invoke("kinesis", "ListTagsForResource", ResourceARN=arn))["Tags"]
    had = {tag["Key"]: tag["Value"] for tag in listed}
    gone = [key for key in had if key not in tags]
    if gone:
        await call.invoke("kinesis", "UntagResource", ResourceARN=arn, TagKeys=gone)
    if had != tags and tags:
        await call.invoke("kinesis", "TagResource", ResourceARN=arn, Tags=tags)


def _physical(call: Conversation, name: str) -> Physical:
    return Physical(name, {"Arn": call.arn(f"stream/{name}", "kinesis")})
