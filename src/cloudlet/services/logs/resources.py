"""CloudWatch Logs' CloudFormation types."""

from contextlib import suppress
from typing import ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This
from .errors import ResourceAlreadyExistsException, ResourceNotFoundException
from .service import logs


@logs.resource("AWS::Logs::LogGroup")
class LogGroup(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A log group."""

    REPLACED_BY: ClassVar = frozenset({"LogGroupName"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})
    log_group_name: str | None = None
    retention_in_days: int | None = None
    tags: list[Tag] = []
    log_group_class: str = "STANDARD"
    deletion_protection_enabled: bool = False

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the group."""
        name = self.log_group_name or this.name(call.ids, 512)
        try:
            await call.invoke("logs", "CreateLogGroup", logGroupName=name, logGroupClass=self.log_group_class,
                              tags=this.all_tags(self.tags) or None,
                              deletionProtectionEnabled=self.deletion_protection_enabled)
        except ResourceAlreadyExistsException:
            if not this.resumed:
                raise
        if self.retention_in_days:
            await call.invoke("logs", "PutRetentionPolicy", logGroupName=name,
                              retentionInDays=self.retention_in_days)
        return Physical(name, {"Arn": call.arn(f"log-group:{name}:*", "logs")})

    async def update(self, call: Conversation, this: This, old: "LogGroup") -> Physical:
        """Change retention, protection and tags."""
        name = this.physical_id
        if self.retention_in_days:
            await call.invoke("logs", "PutRetentionPolicy", logGroupName=name,
                              retentionInDays=self.retention_in_days)
        else:
            await call.invoke("logs", "DeleteRetentionPolicy", logGroupName=name)
        if self.deletion_protection_enabled != old.deletion_protection_enabled:
            await call.invoke("logs", "PutLogGroupDeletionProtection", logGroupIdentifier=name,
                              deletionProtectionEnabled=self.deletion_protection_enabled)
        arn, tags = call.arn(f"log-group:{name}", "logs"), this.all_tags(self.tags)
        before = await call.invoke("logs", "ListTagsForResource", resourceArn=arn)
        gone = before["tags"].keys() - tags.keys()
        if gone:
            await call.invoke("logs", "UntagResource", resourceArn=arn, tagKeys=list(gone))
        if tags:
            await call.invoke("logs", "TagResource", resourceArn=arn, tags=tags)
        return Physical(name, {"Arn": f"{arn}:*"})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the group."""
        with suppress(ResourceNotFoundException):
            await call.invoke("logs", "DeleteLogGroup", logGroupName=this.physical_id)


@logs.resource("AWS::Logs::LogStream")
class LogStream(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A log stream."""

    REPLACED_BY: ClassVar = frozenset({"LogGroupName", "LogStreamName"})
    log_group_name: str
    log_stream_name: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the stream."""
        name = self.log_stream_name or this.name(call.ids, 512)
        try:
            await call.invoke("logs", "CreateLogStream", logGroupName=self.log_group_name, logStreamName=name)
        except ResourceAlreadyExistsException:
            if not this.resumed:
                raise
        return Physical(name)

    async def update(self, call: Conversation, this: This, old: "LogStream") -> Physical:
        """Nothing of a stream can change."""
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the stream."""
        with suppress(ResourceNotFoundException):
            await call.invoke("logs", "DeleteLogStream", logGroupName=self.log_group_name,
                              logStreamName=this.physical_id)


@logs.resource("AWS::Logs::SubscriptionFilter")
class SubscriptionFilter(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A subscription filter; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"FilterName", "LogGroupName"})
    destination_arn: str
    filter_pattern: str
    log_group_name: str
    filter_name: str | None = None
    role_arn: str | None = None
    distribution: str | None = None
    apply_on_transformed_logs: bool | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Send events on."""
        name = self.filter_name or this.name(call.ids, 512)
        await self._put(call, name)
        return Physical(name)

    async def update(self, call: Conversation, this: This, old: "SubscriptionFilter") -> Physical:
        """Send others, or elsewhere."""
        await self._put(call, this.physical_id)
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Send no more."""
        with suppress(ResourceNotFoundException):
            await call.invoke("logs", "DeleteSubscriptionFilter", logGroupName=self.log_group_name,
                              filterName=this.physical_id)

    async def _put(self, call: Conversation, name: str) -> None:
        await call.invoke(
            "logs", "PutSubscriptionFilter", logGroupName=self.log_group_name, filterName=name,
            filterPattern=self.filter_pattern, destinationArn=self.destination_arn, roleArn=self.role_arn,
            distribution=self.distribution, applyOnTransformedLogs=self.apply_on_transformed_logs)


@logs.resource("AWS::Logs::Destination")
class DestinationResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A destination for other accounts; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"DestinationName"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})
    destination_name: str
    role_arn: str
    target_arn: str
    destination_policy: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the destination, and say who may subscribe."""
        made = await call.invoke("logs", "PutDestination", destinationName=self.destination_name,
                                 targetArn=self.target_arn, roleArn=self.role_arn)
        if self.destination_policy:
            await call.invoke("logs", "PutDestinationPolicy", destinationName=self.destination_name,
                              accessPolicy=self.destination_policy)
        return Physical(self.destination_name, {"Arn": made["destination"]["arn"]})

    async def update(self, call: Conversation, this: This, old: "DestinationResource") -> Physical:
        """Change what stands behind it, or who may subscribe; AWS, too, keeps a policy that is taken out."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the destination."""
        with suppress(ResourceNotFoundException):
            await call.invoke("logs", "DeleteDestination", destinationName=this.physical_id)
