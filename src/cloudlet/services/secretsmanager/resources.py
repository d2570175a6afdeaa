"""Secrets Manager's CloudFormation type."""

import json
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from .errors import InvalidRequestException, ResourceExistsException, ResourceNotFoundException
from .service import secretsmanager

_NAME = "secretsmanager"


class Generated(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A password that is made up, alone or as one key of a JSON object."""

    secret_string_template: str | None = None
    generate_string_key: str | None = None
    password_length: int | None = None
    exclude_characters: str | None = None
    exclude_numbers: bool | None = None
    exclude_punctuation: bool | None = None
    exclude_uppercase: bool | None = None
    exclude_lowercase: bool | None = None
    include_space: bool | None = None
    require_each_included_type: bool | None = None

    async def value(self, call: Conversation) -> str:
        """The secret's text."""
        wishes = {name: value for name, value in msgspec.to_builtins(self).items()
                  if value is not None and name not in ("SecretStringTemplate", "GenerateStringKey")}
        password = (await call.invoke(_NAME, "GetRandomPassword", **wishes))["RandomPassword"]
        if self.secret_string_template is None or self.generate_string_key is None:
            return str(password)
        try:
            template = json.loads(self.secret_string_template)
            return json.dumps(template | {self.generate_string_key: password})
        except (ValueError, TypeError):
            raise InvalidRequestException("SecretStringTemplate must be a JSON object.") from None


@secretsmanager.resource("AWS::SecretsManager::Secret")
class Secret(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A secret, with a value that is given or made up."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Id"})
    name: str | None = None
    description: str | None = None
    secret_string: str | None = None
    generate_secret_string: Generated | None = None
    kms_key_id: str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the secret."""
        name = self.name or this.name(call.ids)
        given: dict[str, Any] = {"Description": self.description, "KmsKeyId": self.kms_key_id,
                                 "SecretString": await self._value(call)}
        members = {key: value for key, value in given.items() if value is not None}
        try:
            made = await call.invoke(_NAME, "CreateSecret", Name=name, **members,
                                     Tags=listed(this.all_tags(self.tags)))
        except ResourceExistsException:
            if not this.resumed:
                raise
            made = await call.invoke(_NAME, "DescribeSecret", SecretId=name)
        return Physical(made["ARN"], {"Id": made["ARN"]})

    async def update(self, call: Conversation, this: This, old: "Secret") -> Physical:
        """Change the secret; a new value is only made up if how it is made has changed."""
        where: dict[str, Any] = {"SecretId": this.physical_id}
        members: dict[str, Any] = {"Description": self.description or "", "KmsKeyId": self.kms_key_id}
        if (self.secret_string, self.generate_secret_string) != (
            old.secret_string,
            old.generate_secret_string,
        ):
            members["SecretString"] = await self._value(call)
        await call.invoke(_NAME, "UpdateSecret", **where,
                          **{key: value for key, value in members.items() if value is not None})
        tags = this.all_tags(self.tags)
        had = (await call.invoke(_NAME, "DescribeSecret", **where)).get("Tags", [])
        gone = [tag["Key"] for tag in had if tag["Key"] not in tags]
        if gone:
            await call.invoke(_NAME, "UntagResource", **where, TagKeys=gone)
        if tags:
            await call.invoke(_NAME, "TagResource", **where, Tags=listed(tags))
        return Physical(this.physical_id, {"Id": this.physical_id})

    async def delete(self, call: Conversation, this: This) -> None:
        """Remove the secret at once, as CloudFormation does."""
        with suppress(ResourceNotFoundException):
            await call.invoke(
                _NAME, "DeleteSecret", SecretId=this.physical_id, ForceDeleteWithoutRecovery=True
            )

    async def _value(self, call: Conversation) -> str | None:
        if self.generate_secret_string is None:
            return self.secret_string
        if self.secret_string is not None:
            raise InvalidRequestException("You can't specify both SecretString and GenerateSecretString.")
        return await self.generate_secret_string.value(call)
