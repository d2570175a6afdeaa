"""CloudFormation's types of the schema registry, in terms of its operations."""

from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This
from .service import schemas

Config = dict[str, Any]


@schemas.resource("AWS::EventSchemas::Registry")
class RegistryResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A registry; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"RegistryName"})
    ATTRIBUTES: ClassVar = frozenset({"RegistryArn", "RegistryName"})
    registry_name: str | None = None
    description: str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateRegistry."""
        name = self.registry_name or this.name(call.ids)
        made = await _once(call, this, "CreateRegistry", "DescribeRegistry", {"RegistryName": name},
                           Description=self.description or "", Tags=_tags(self.tags))
        return Physical(made["RegistryArn"], {"RegistryArn": made["RegistryArn"], "RegistryName": name})

    async def update(self, call: Conversation, this: This, old: "RegistryResource") -> Physical:
        """UpdateRegistry."""
        await call.invoke("schemas", "UpdateRegistry", RegistryName=this.attributes["RegistryName"],
                          Description=self.description or "")
        await _retag(call, this.physical_id, old.tags, self.tags)
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteRegistry."""
        await _gone(call, "DeleteRegistry", RegistryName=this.physical_id.rpartition("/")[2])


@schemas.resource("AWS::EventSchemas::Schema")
class SchemaResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A schema; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"RegistryName", "SchemaName"})
    ATTRIBUTES: ClassVar = frozenset({"SchemaArn", "SchemaName", "SchemaVersion"})
    content: str
    registry_name: str
    type: str
    schema_name: str | None = None
    description: str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateSchema."""
        where = {"RegistryName": self.registry_name, "SchemaName": self.schema_name or this.name(call.ids)}
        made = await _once(call, this, "CreateSchema", "DescribeSchema", where, Content=self.content,
                           Type=self.type,
                           Description=self.description or "", Tags=_tags(self.tags))
        return _schema(made)

    async def update(self, call: Conversation, this: This, old: "SchemaResource") -> Physical:
        """UpdateSchema."""
        made = await call.invoke("schemas", "UpdateSchema", RegistryName=self.registry_name,
                                 SchemaName=this.attributes["SchemaName"], Content=self.content,
                                 Type=self.type,
                                 Description=self.description or "")
        await _retag(call, this.physical_id, old.tags, self.tags)
        return _schema(made)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteSchema."""
        await _gone(call, "DeleteSchema", RegistryName=self.registry_name,
                    SchemaName=this.physical_id.rpartition("/")[2])


@schemas.resource("AWS::EventSchemas::Discoverer")
class DiscovererResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A discoverer; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"SourceArn"})
    ATTRIBUTES: ClassVar = frozenset({"DiscovererArn", "DiscovererId", "State", "CrossAccount"})
    source_arn: str
    description: str | None = None
    cross_account: bool | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateDiscoverer."""
        made = await _once(call, this, "CreateDiscoverer", "DescribeDiscoverer", {},
                           SourceArn=self.source_arn,
                           Description=self.description or "", CrossAccount=self.cross_account,
                           Tags=_tags(self.tags))
        return _discoverer(made)

    async def update(self, call: Conversation, this: This, old: "DiscovererResource") -> Physical:
        """UpdateDiscoverer."""
        made = await call.invoke("schemas", "UpdateDiscoverer", DiscovererId=this.attributes["DiscovererId"],
                                 Description=self.description or "",
                                 CrossAccount=True if self.cross_account is None else self.cross_account)
        await _retag(call, this.physical_id, old.tags, self.tags)
        return _discoverer(made)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteDiscoverer."""
        await _gone(call, "DeleteDiscoverer", DiscovererId=this.physical_id.rpartition("/")[2])


async def _once(call: Conversation, this: This, create: str, describe: str, where: Config,
                **params: Any) -> Config:
    """Create something, or find what a first attempt has made."""
    try:
        return await call.invoke("schemas", create, **where, **params)
    except AwsError as error:
        if error.code != "ConflictException" or not this.resumed:
            raise
        bus = params.get("SourceArn", "").rpartition("/")[2]
        where = where or {"DiscovererId": f"events-event-bus-{bus}"}
        return await call.invoke("schemas", describe, **where)


async def _retag(call: Conversation, arn: str, old: list[Tag], new: list[Tag]) -> None:
    left = [key for key in _tags(old) if key not in _tags(new)]
    if left:
        await call.invoke("schemas", "UntagResource", ResourceArn=arn, TagKeys=left)
    if new:
        await call.invoke("schemas", "TagResource", ResourceArn=arn, Tags=_tags(new))


async def _gone(call: Conversation, operation: str, **params: Any) -> None:
    try:
        await call.invoke("schemas", operation, **params)
    except AwsError as error:
        if error.code != "NotFoundException":
            raise


def _tags(tags: list[Tag]) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags}


def _schema(made: Config) -> Physical:
    return Physical(made["SchemaArn"], {
        "SchemaArn": made["SchemaArn"], "SchemaName": made["SchemaName"],
        "SchemaVersion": made["SchemaVersion"]})


def _discoverer(made: Config) -> Physical:
    return Physical(made["DiscovererArn"], {
        "DiscovererArn": made["DiscovererArn"], "DiscovererId": made["DiscovererId"], "State": made["State"],
        "CrossAccount": made["CrossAccount"]})
