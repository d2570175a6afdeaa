"""``AWS::DynamoDB::GlobalTable``, which CDK's TableV2 is: a table of the stack's region, and its replicas.

What it says of the replica in the stack's own region is what a table says of itself.
"""

from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...stacks.resource import Physical, Tag, This
from . import extras, replicas, tables
from .properties import (
    AttributeDefinition,
    GlobalIndex,
    KeyElement,
    Kinesis,
    LocalIndex,
    OnDemand,
    Property,
    Recovery,
    ResourcePolicy,
    StreamSpecification,
    TimeToLive,
    Warm,
)
from .resources import TableResource
from .service import dynamodb
from .tables import ACTIVE

_PATIENCE_MS = 24 * 3_600_000  # for a replica to be filled


class ReplicaSpecification(Property):
    """One of Replicas."""

    region: str
    deletion_protection_enabled: bool | None = None
    point_in_time_recovery_specification: Recovery | None = None
    kinesis_stream_specification: Kinesis | None = None
    resource_policy: ResourcePolicy | None = None
    table_class: str | None = None
    tags: list[Tag] | None = None


class WriteOnDemand(Property):
    """WriteOnDemandThroughputSettings."""

    max_write_request_units: int


@dynamodb.resource("AWS::DynamoDB::GlobalTable")
class GlobalTableResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """A table with its replicas."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    key_schema: list[KeyElement]
    attribute_definitions: list[AttributeDefinition]
    replicas: list[ReplicaSpecification]
    table_name: str | None = None
    billing_mode: str | None = None
    global_secondary_indexes: list[GlobalIndex] | None = None
    local_secondary_indexes: list[LocalIndex] | None = None
    stream_specification: StreamSpecification | None = None
    time_to_live_specification: TimeToLive | None = None
    warm_throughput: Warm | None = None
    write_on_demand_throughput_settings: WriteOnDemand | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateTable, then UpdateTable for each replica elsewhere."""
        made = await self._own(call).create(call, this)
        this.physical_id = made.id
        for one in self._elsewhere(call):
            await _replicate(call, made.id, one)
            await _settle(call, made.id, one, None)
        return await self._physical(call, made.id)

    async def update(self, call: Conversation, this: This, old: "GlobalTableResource") -> Physical:
        """UpdateTable, in as many steps as it takes."""
        name = this.physical_id
        wanted, were = ({one.region: one for one in each} for each in (self._elsewhere(call),
                                                                       old._elsewhere(call)))
        for region in were.keys() - wanted.keys():
            await _remove(call, name, region)
        await self._own(call).update(call, this, old._own(call))
        for region, one in wanted.items():
            if region not in were:
                await _replicate(call, name, one)
            await _settle(call, name, one, were.get(region))
        return await self._physical(call, name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the replicas, then the table."""
        for one in self._elsewhere(call):
            await _remove(call, this.physical_id, one.region)
        await self._own(call).delete(call, this)

    def _own(self, call: Conversation) -> TableResource:
        """The table in the stack's region."""
        own = next((one for one in self.replicas if one.region == call.region), None)
        if own is None:
            raise AwsError(f"One of Replicas must be in the region of the stack, which is {call.region}.")
        units = self.write_on_demand_throughput_settings
        return TableResource(
            self.key_schema, self.table_name, self.attribute_definitions, self.billing_mode,
            on_demand_throughput=None if units is None else OnDemand(
                max_write_request_units=units.max_write_request_units),
            global_secondary_indexes=self.global_secondary_indexes,
            local_secondary_indexes=self.local_secondary_indexes,
            stream_specification=self.stream_specification,
            time_to_live_specification=self.time_to_live_specification,
            deletion_protection_enabled=own.deletion_protection_enabled, table_class=own.table_class,
            tags=own.tags, point_in_time_recovery_specification=own.point_in_time_recovery_specification,
            kinesis_stream_specification=own.kinesis_stream_specification,
            warm_throughput=self.warm_throughput, resource_policy=own.resource_policy)

    def _elsewhere(self, call: Conversation) -> list[ReplicaSpecification]:
        return [one for one in self.replicas if one.region != call.region]

    async def _physical(self, call: Conversation, name: str) -> Physical:
        table = (await call.invoke("dynamodb", "DescribeTable", TableName=name))["Table"]
        attributes = {"Arn": table["TableArn"], "TableId": table["TableId"]}
        if "LatestStreamArn" in table:
            attributes["StreamArn"] = table["LatestStreamArn"]
        return Physical(name, attributes)


async def _replicate(call: Conversation, name: str, one: ReplicaSpecification) -> None:
    """Make a replica, and wait until it is filled."""
    given: dict[str, Any] = {"RegionName": one.region}
    if one.table_class is not None:
        given["TableClassOverride"] = one.table_class
    await call.invoke("dynamodb", "UpdateTable", TableName=name, ReplicaUpdates=[{"Create": given}])

    def filled(inner: Call) -> bool | None:
        found = tables.find(inner.elsewhere(region=one.region), name)
        return True if found is None or found.status == ACTIVE else None

    await call.until(filled, replicas.BELL, deadline_ms=call.now_ms + _PATIENCE_MS)


async def _settle(call: Conversation, name: str, now: ReplicaSpecification, old: ReplicaSpecification | None
                  ) -> None:
    """Give a replica the settings of its own."""
    there = call.elsewhere(region=now.region)
    arn = there.arn(f"table/{name}", "dynamodb")
    settings: dict[str, Any] = {}
    if bool(now.deletion_protection_enabled) != bool(old and old.deletion_protection_enabled):
        settings["DeletionProtectionEnabled"] = bool(now.deletion_protection_enabled)
    if old is not None and (now.table_class or "STANDARD") != (old.table_class or "STANDARD"):
        settings["TableClass"] = now.table_class or "STANDARD"
    if settings:
        await there.invoke("dynamodb", "UpdateTable", TableName=name, **settings)
    wanted, were = ({tag.key: tag.value for tag in (one.tags if one else None) or ()} for one in (now, old))
    if were.keys() - wanted.keys():
        await there.invoke("dynamodb", "UntagResource", ResourceArn=arn,
                           TagKeys=sorted(were.keys() - wanted.keys()))
    if wanted and wanted != were:
        await there.invoke("dynamodb", "TagResource", ResourceArn=arn,
                           Tags=[{"Key": key, "Value": value} for key, value in wanted.items()])
    await extras.update(there, name, arn, now, old)


async def _remove(call: Conversation, name: str, region: str) -> None:
    try:
        await call.invoke("dynamodb", "UpdateTable", TableName=name,
                          ReplicaUpdates=[{"Delete": {"RegionName": region}}])
    except AwsError as error:
        if error.code not in ("ResourceNotFoundException", "ValidationException"):
            raise
