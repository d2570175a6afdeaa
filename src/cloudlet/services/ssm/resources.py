"""Systems Manager's CloudFormation type."""

from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .errors import ParameterAlreadyExists, ParameterNotFound, ValidationException
from .service import ssm


@ssm.resource("AWS::SSM::Parameter")
class Parameter(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A parameter. As in AWS, templates can't make SecureStrings."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Type", "Value"})
    type: str
    value: str
    name: str | None = None
    description: str | None = None
    allowed_pattern: str | None = None
    tier: str | None = None
    data_type: str | None = None
    tags: dict[str, str] = {}

    async def create(self, call: Conversation, this: This) -> Physical:
        """Write the parameter."""
        name, tags = self.name or f"CFN-{this.name(call.ids)}", this.tags | self.tags
        try:
            await self._put(call, name, Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        except ParameterAlreadyExists:
            if not this.resumed:
                raise
        return self._physical(name)

    async def update(self, call: Conversation, this: This, old: "Parameter") -> Physical:
        """Write a new version."""
        name, tags = this.physical_id, this.tags | self.tags
        await self._put(call, name, Overwrite=True)
        where: dict[str, Any] = {"ResourceType": "Parameter", "ResourceId": name}
        gone = old.tags.keys() - tags.keys()
        if gone:
            await call.invoke("ssm", "RemoveTagsFromResource", **where, TagKeys=list(gone))
        if tags:
            given = [{"Key": key, "Value": value} for key, value in tags.items()]
            await call.invoke("ssm", "AddTagsToResource", **where, Tags=given)
        return self._physical(name)

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the parameter."""
        with suppress(ParameterNotFound):
            await call.invoke("ssm", "DeleteParameter", Name=this.physical_id)

    async def _put(self, call: Conversation, name: str, **more: Any) -> None:
        if self.type not in ("String", "StringList"):
            raise ValidationException("AWS::SSM::Parameter can be a String or a StringList")
        members: dict[str, Any] = {
            "Description": self.description,
            "AllowedPattern": self.allowed_pattern,
            "Tier": self.tier,
            "DataType": self.data_type,
        } | more
        given = {key: value for key, value in members.items() if value is not None}
        await call.invoke("ssm", "PutParameter", Name=name, Type=self.type, Value=self.value,
                          **given)

    def _physical(self, name: str) -> Physical:
        return Physical(name, {"Type": self.type, "Value": self.value})
