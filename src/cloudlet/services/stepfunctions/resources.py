"""CloudFormation's types of state machines and activities, in terms of their operations."""

import json
import re
from typing import Any, ClassVar

import msgspec

from ...errors import ValidationException
from ...kernel import Conversation
from ...stacks.document import load
from ...stacks.resource import Physical, This, unclaimed
from .errors import ResourceNotFound, StateMachineDoesNotExist
from .service import stepfunctions

Config = dict[str, Any]
_PLACE = re.compile(r"\$\{([a-zA-Z0-9_\-]+)\}")


class Tag(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A tag of a resource."""

    key: str
    value: str


class LogGroup(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A log group."""

    log_group_arn: str


class Destination(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where a log goes."""

    cloud_watch_logs_log_group: LogGroup


class Logging(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What is logged, and where."""

    destinations: list[Destination] = []
    include_execution_data: bool = False
    level: str = "OFF"


class Tracing(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Whether executions are traced."""

    enabled: bool = False


class Encryption(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """With which key what is kept is encrypted."""

    type: str
    kms_key_id: str | None = None
    kms_data_key_reuse_period_seconds: int | None = None


class Location(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An object in S3."""

    bucket: str
    key: str
    version: str | None = None


@stepfunctions.resource("AWS::StepFunctions::StateMachine")
class StateMachine(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A state machine; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"StateMachineName", "StateMachineType"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "Name", "StateMachineRevisionId"})

    role_arn: str
    definition: dict[str, Any] | None = None
    definition_string: str | None = None
    definition_s3_location: Location | None = msgspec.field(default=None, name="DefinitionS3Location")
    definition_substitutions: dict[str, Any] = {}
    encryption_configuration: Encryption | None = None
    logging_configuration: Logging | None = None
    state_machine_name: str | None = None
    state_machine_type: str | None = None
    tags: list[Tag] = []
    tracing_configuration: Tracing | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateStateMachine."""
        name = self.state_machine_name or this.name(call.ids, 80)
        await unclaimed(call, this, name, "stepfunctions", "DescribeStateMachine",
                        stateMachineArn=call.arn(f"stateMachine:{name}", "states"))
        own = {key: value for key, value in this.tags.items() if not key.startswith("aws:")}
        tags = own | {tag.key: tag.value for tag in self.tags}
        made = await call.invoke(
            "stepfunctions", "CreateStateMachine", name=name, type=self.state_machine_type or "STANDARD",
            tags=[{"key": key, "value": value} for key, value in tags.items()], **await self._settings(call))
        return await _physical(call, made["stateMachineArn"])

    async def update(self, call: Conversation, this: This, old: "StateMachine") -> Physical:
        """UpdateStateMachine, and its tags."""
        arn = this.physical_id
        settings, before = await self._settings(call), await old._settings(call)
        changed = {name: value for name, value in settings.items() if value != before.get(name)}
        if changed:
            await call.invoke("stepfunctions", "UpdateStateMachine", stateMachineArn=arn, **changed)
        await _retag(call, arn, self.tags, old.tags)
        return await _physical(call, arn)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteStateMachine."""
        await call.invoke("stepfunctions", "DeleteStateMachine", stateMachineArn=this.physical_id)

    async def _settings(self, call: Conversation) -> Config:
        found: Config = {"definition": await self._definition(call), "roleArn": self.role_arn,
                         "loggingConfiguration": _camel(self.logging_configuration or Logging()),
                         "tracingConfiguration": _camel(self.tracing_configuration or Tracing())}
        if self.encryption_configuration:
            found["encryptionConfiguration"] = _camel(self.encryption_configuration)
        return found

    async def _definition(self, call: Conversation) -> str:
        """The definition, wherever it stands, with what is to be put in."""
        given = [self.definition, self.definition_string, self.definition_s3_location]
        if sum(one is not None for one in given) != 1:
            raise ValidationException("A state machine needs exactly one of Definition, DefinitionString and "
                                      "DefinitionS3Location.")
        text = self.definition_string
        if self.definition is not None:
            text = json.dumps(self.definition)
        elif self.definition_s3_location is not None:
            text = json.dumps(load(await _fetched(call, self.definition_s3_location)).body)
        return _PLACE.sub(self._substitute, text or "")

    def _substitute(self, match: re.Match[str]) -> str:
        value = self.definition_substitutions.get(match[1], match[0])
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text)[1:-1] if isinstance(value, str) else text


@stepfunctions.resource("AWS::StepFunctions::Activity")
class Activity(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """An activity; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"Name", "EncryptionConfiguration"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "Name"})

    name: str
    tags: list[Tag] = []
    encryption_configuration: Encryption | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateActivity."""
        await unclaimed(call, this, self.name, "stepfunctions", "DescribeActivity",
                        activityArn=call.arn(f"activity:{self.name}", "states"))
        more: Config = {}
        if self.encryption_configuration:
            more["encryptionConfiguration"] = _camel(self.encryption_configuration)
        made = await call.invoke("stepfunctions", "CreateActivity", name=self.name, **more,
                                 tags=[{"key": tag.key, "value": tag.value} for tag in self.tags])
        return Physical(made["activityArn"], {"Arn": made["activityArn"], "Name": self.name})

    async def update(self, call: Conversation, this: This, old: "Activity") -> Physical:
        """Its tags."""
        await _retag(call, this.physical_id, self.tags, old.tags)
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteActivity."""
        await call.invoke("stepfunctions", "DeleteActivity", activityArn=this.physical_id)


@stepfunctions.resource("AWS::StepFunctions::StateMachineVersion")
class Version(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A version; another one is made when the revision it is of changes."""

    REPLACED_BY: ClassVar = frozenset({"StateMachineArn", "StateMachineRevisionId", "Description"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    state_machine_arn: str
    state_machine_revision_id: str | None = None
    description: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PublishStateMachineVersion."""
        made = await call.invoke("stepfunctions", "PublishStateMachineVersion",
                                 stateMachineArn=self.state_machine_arn, description=self.description,
                                 revisionId=self.state_machine_revision_id)
        arn = made["stateMachineVersionArn"]
        return Physical(arn, {"Arn": arn})

    async def update(self, call: Conversation, this: This, old: "Version") -> Physical:
        """Nothing of a version can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteStateMachineVersion."""
        await call.invoke("stepfunctions", "DeleteStateMachineVersion",
                          stateMachineVersionArn=this.physical_id)


class Route(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A version's share of the executions."""

    state_machine_version_arn: str
    weight: int


class Preference(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How an alias comes to another version; only all at once."""

    state_machine_version_arn: str
    type: str


@stepfunctions.resource("AWS::StepFunctions::StateMachineAlias")
class Alias(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A name for one or two versions; ``Ref`` is its ARN."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    name: str
    description: str | None = None
    routing_configuration: list[Route] = []
    deployment_preference: Preference | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateStateMachineAlias."""
        made = await call.invoke("stepfunctions", "CreateStateMachineAlias", name=self.name,
                                 description=self.description, routingConfiguration=self._routes())
        arn = made["stateMachineAliasArn"]
        return Physical(arn, {"Arn": arn})

    async def update(self, call: Conversation, this: This, old: "Alias") -> Physical:
        """UpdateStateMachineAlias."""
        await call.invoke("stepfunctions", "UpdateStateMachineAlias", stateMachineAliasArn=this.physical_id,
                          description=self.description or "", routingConfiguration=self._routes())
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteStateMachineAlias."""
        await _gone(call, "DeleteStateMachineAlias", stateMachineAliasArn=this.physical_id)

    def _routes(self) -> list[Config]:
        preference = self.deployment_preference
        if (preference is None) == (not self.routing_configuration):
            raise ValidationException("An alias needs either RoutingConfiguration or DeploymentPreference.")
        if preference is not None:
            if preference.type != "ALL_AT_ONCE":
                raise ValidationException(
                    f"cloudlet does not shift traffic by {preference.type}: the Type of "
                    "a DeploymentPreference can be ALL_AT_ONCE."
                )
            return [{"stateMachineVersionArn": preference.state_machine_version_arn, "weight": 100}]
        return [{"stateMachineVersionArn": route.state_machine_version_arn, "weight": route.weight}
                for route in self.routing_configuration]


async def _gone(call: Conversation, operation: str, **params: Any) -> None:
    """Delete what may be gone already."""
    try:
        await call.invoke("stepfunctions", operation, **params)
    except (ResourceNotFound, StateMachineDoesNotExist):
        return


async def _physical(call: Conversation, arn: str) -> Physical:
    found = await call.invoke("stepfunctions", "DescribeStateMachine", stateMachineArn=arn)
    return Physical(arn, {"Arn": arn, "Name": found["name"],
                          "StateMachineRevisionId": found.get("revisionId", "INITIAL")})


async def _retag(call: Conversation, arn: str, tags: list[Tag], old: list[Tag]) -> None:
    """Give a resource the tags it is to have now."""
    wanted, had = {tag.key: tag.value for tag in tags}, {tag.key: tag.value for tag in old}
    if gone := [key for key in had if key not in wanted]:
        await call.invoke("stepfunctions", "UntagResource", resourceArn=arn, tagKeys=gone)
    if more := [{"key": key, "value": value} for key, value in wanted.items() if had.get(key) != value]:
        await call.invoke("stepfunctions", "TagResource", resourceArn=arn, tags=more)


async def _fetched(call: Conversation, place: Location) -> str:
    version: Config = {"VersionId": place.version} if place.version else {}
    answer = await call.invoke("s3", "GetObject", Bucket=place.bucket, Key=place.key, **version)
    body = answer["Body"]
    return (body if isinstance(body, bytes) else b"".join([piece async for piece in body])).decode()


def _camel(given: Any) -> Any:
    """Settings as the operations have them: their names begin small."""
    plain = msgspec.to_builtins(given)

    def small(value: Any) -> Any:
        if isinstance(value, dict):
            return {key[0].lower() + key[1:]: small(one) for key, one in value.items() if one is not None}
        return [small(one) for one in value] if isinstance(value, list) else value

    return small(plain)
