"""``AWS::DynamoDB::Table`` in terms of this service's operations."""

from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from . import extras
from .properties import (
    AttributeDefinition,
    GlobalIndex,
    KeyElement,
    Kinesis,
    LocalIndex,
    OnDemand,
    Provisioned,
    Recovery,
    ResourcePolicy,
    StreamSpecification,
    TimeToLive,
    Warm,
)
from .service import dynamodb


@dynamodb.resource("AWS::DynamoDB::Table")
class TableResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """A table."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    key_schema: list[KeyElement]
    table_name: str | None = None
    attribute_definitions: list[AttributeDefinition] | None = None
    billing_mode: str | None = None
    provisioned_throughput: Provisioned | None = None
    on_demand_throughput: OnDemand | None = None
    global_secondary_indexes: list[GlobalIndex] | None = None
    local_secondary_indexes: list[LocalIndex] | None = None
    stream_specification: StreamSpecification | None = None
    time_to_live_specification: TimeToLive | None = None
    deletion_protection_enabled: bool | None = None
    table_class: str | None = None
    tags: list[Tag] | None = None
    point_in_time_recovery_specification: Recovery | None = None
    kinesis_stream_specification: Kinesis | None = None
    warm_throughput: Warm | None = None
    resource_policy: ResourcePolicy | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateTable, and what it can't say."""
        given = _plain(self)
        for name in ("TimeToLiveSpecification", "Tags", "StreamSpecification", "ResourcePolicy",
                     "PointInTimeRecoverySpecification", "KinesisStreamSpecification"):
            given.pop(name, None)
        name = given.setdefault("TableName", this.name(call.ids, 255))
        if tags := this.all_tags(self.tags):
            given["Tags"] = listed(tags)
        if self.stream_specification:
            given["StreamSpecification"] = self._stream()
        await call.invoke("dynamodb", "CreateTable", **given)
        if self.time_to_live_specification and self.time_to_live_specification.enabled:
            await call.invoke("dynamodb", "UpdateTimeToLive", TableName=name,
                              TimeToLiveSpecification=_plain(self.time_to_live_specification))
        physical = await self._physical(call, name)
        await extras.update(call, name, physical.attributes["Arn"], self, None)
        return physical

    async def update(self, call: Conversation, this: This, old: "TableResource") -> Physical:
        """UpdateTable, in as many steps as it takes."""
        name = this.physical_id
        settings = {key: value for key, value in self._settings(old).items() if value is not None}
        if settings:
            await call.invoke("dynamodb", "UpdateTable", TableName=name, **settings)
        if self.stream_specification != old.stream_specification:
            if old.stream_specification:
                await call.invoke("dynamodb", "UpdateTable", TableName=name,
                                  StreamSpecification={"StreamEnabled": False})
            if self.stream_specification:
                await call.invoke("dynamodb", "UpdateTable", TableName=name,
                                  StreamSpecification=self._stream())
        await self._update_indexes(call, name, old)
        await self._update_expiry(call, name, old)
        await self._update_tags(call, this)
        await extras.update(call, name, this.attributes["Arn"], self, old)
        return await self._physical(call, name)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteTable."""
        try:
            await call.invoke("dynamodb", "DeleteTable", TableName=this.physical_id)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise

    def _stream(self) -> dict[str, Any]:
        assert self.stream_specification
        return {"StreamEnabled": True, "StreamViewType": self.stream_specification.stream_view_type}

    def _settings(self, old: "TableResource") -> dict[str, Any]:
        """The members of UpdateTable that have changed."""
        found: dict[str, Any] = {}
        mode, before = self.billing_mode or "PROVISIONED", old.billing_mode or "PROVISIONED"
        if mode != before:
            found["BillingMode"] = mode
        if self.provisioned_throughput and (mode != before
                                            or self.provisioned_throughput != old.provisioned_throughput):
            found["ProvisionedThroughput"] = _plain(self.provisioned_throughput)
        if self.on_demand_throughput and self.on_demand_throughput != old.on_demand_throughput:
            found["OnDemandThroughput"] = _plain(self.on_demand_throughput)
        if self.warm_throughput and self.warm_throughput != old.warm_throughput:
            found["WarmThroughput"] = _plain(self.warm_throughput)
        if (self.table_class or "STANDARD") != (old.table_class or "STANDARD"):
            found["TableClass"] = self.table_class or "STANDARD"
        if bool(self.deletion_protection_enabled) != bool(old.deletion_protection_enabled):
            found["DeletionProtectionEnabled"] = bool(self.deletion_protection_enabled)
        return found

    async def _update_indexes(self, call: Conversation, name: str, old: "TableResource") -> None:
        now = {index.index_name: index for index in self.global_secondary_indexes or ()}
        before = {index.index_name: index for index in old.global_secondary_indexes or ()}
        steps: list[dict[str, Any]] = []
        for index_name, index in before.items():
            if index_name not in now or _shape(now[index_name]) != _shape(index):
                steps.append({"Delete": {"IndexName": index_name}})
        for index_name, index in now.items():
            was = before.get(index_name)
            if was is None or _shape(was) != _shape(index):
                steps.append({"Create": _plain(index)})
            elif was != index:
                changed = {key: value for key, value in _plain(index).items()
                           if key.endswith(("Name", "Throughput"))}
                steps.append({"Update": changed})
        for step in steps:
            await call.invoke("dynamodb", "UpdateTable", TableName=name, GlobalSecondaryIndexUpdates=[step],
                              AttributeDefinitions=[_plain(one) for one in self.attribute_definitions or ()])

    async def _update_expiry(self, call: Conversation, name: str, old: "TableResource") -> None:
        now, before = (one if one and one.enabled else None
                       for one in (self.time_to_live_specification, old.time_to_live_specification))
        if now == before:
            return
        for one, enabled in ((before, False), (now, True)):
            if one:
                await call.invoke("dynamodb", "UpdateTimeToLive", TableName=name,
                                  TimeToLiveSpecification={**_plain(one), "Enabled": enabled})

    async def _update_tags(self, call: Conversation, this: This) -> None:
        arn = this.attributes["Arn"]
        had = await call.invoke("dynamodb", "ListTagsOfResource", ResourceArn=arn)
        present, wanted = {tag["Key"]: tag["Value"] for tag in had["Tags"]}, this.all_tags(self.tags)
        if set(present) - set(wanted):
            await call.invoke("dynamodb", "UntagResource", ResourceArn=arn,
                              TagKeys=sorted(set(present) - set(wanted)))
        changed = {key: value for key, value in wanted.items() if present.get(key) != value}
        if changed:
            await call.invoke("dynamodb", "TagResource", ResourceArn=arn, Tags=listed(changed))

    async def _physical(self, call: Conversation, name: str) -> Physical:
        table = (await call.invoke("dynamodb", "DescribeTable", TableName=name))["Table"]
        attributes = {"Arn": table["TableArn"]}
        if self.stream_specification:
            attributes["StreamArn"] = table["LatestStreamArn"]
        return Physical(name, attributes)


def _shape(index: GlobalIndex) -> tuple[object, object]:
    """What of an index can't be changed."""
    return index.key_schema, index.projection


def _plain(one: msgspec.Struct) -> dict[str, Any]:
    """A property as the operations take it, without what was left out."""
    found: dict[str, Any] = msgspec.to_builtins(one)
    return found
