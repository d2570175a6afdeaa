"""CloudFormation's types of buses and rules; those of archives and API destinations are in
:mod:`.destination_resources`.
"""

import json
from typing import Any, ClassVar

import msgspec

from ...errors import AwsError, ValidationException
from ...kernel import Call, Conversation
from ...stacks.resource import Physical, Tag, This, listed, unclaimed
from .errors import ResourceAlreadyExistsException, ResourceNotFoundException
from .service import events

Config = dict[str, Any]


class DeadLetterConfig(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where dead letters go."""

    arn: str | None = None


@events.resource("AWS::Events::EventBus")
class BusResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A bus; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "Name", "Policy"})
    name: str
    description: str | None = None
    dead_letter_config: DeadLetterConfig | None = None
    policy: Config | str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateEventBus, and its policy."""
        made = await once(call, this, "CreateEventBus", Name=self.name, Tags=listed(this.all_tags(self.tags)),
                          Description=self.description, DeadLetterConfig=plain(self.dead_letter_config))
        this.physical_id = self.name
        await self._set_policy(call)
        return self._physical(call, made.get("EventBusArn") or "")

    async def update(self, call: Conversation, this: This, old: "BusResource") -> Physical:
        """UpdateEventBus; what is gone from the template goes back to nothing."""
        made = await call.invoke("events", "UpdateEventBus", Name=self.name,
                                 Description=self.description or "",
                                 DeadLetterConfig=plain(self.dead_letter_config) or {})
        if self.policy != old.policy:
            await call.invoke("events", "RemovePermission", EventBusName=self.name, RemoveAllPermissions=True)
            await self._set_policy(call)
        await call.transact(lambda inner: _retag(inner, made["Arn"], this.all_tags(self.tags)))
        return self._physical(call, made["Arn"])

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteEventBus."""
        await gone(call, "DeleteEventBus", Name=this.physical_id)

    async def _set_policy(self, call: Conversation) -> None:
        if self.policy:
            await call.invoke("events", "PutPermission", EventBusName=self.name, Policy=text(self.policy))

    def _physical(self, call: Conversation, arn: str) -> Physical:
        arn = arn or call.elsewhere(service="events").arn(f"event-bus/{self.name}")
        return Physical(self.name, {"Arn": arn, "Name": self.name} | (
            {"Policy": text(self.policy)} if self.policy else {}))


class InputTransformer(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What a template makes of an event."""

    input_template: str
    input_paths_map: dict[str, str] | None = None


class RetryPolicy(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How long a delivery is tried."""

    maximum_event_age_in_seconds: int | None = None
    maximum_retry_attempts: int | None = None


class SqsParameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What a queue wants to know."""

    message_group_id: str


class KinesisParameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What a stream wants to know."""

    partition_key_path: str


class HttpParameters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What an API destination wants to know."""

    header_parameters: dict[str, str] | None = None
    path_parameter_values: list[str] | None = None
    query_string_parameters: dict[str, str] | None = None


class TargetProperty(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A target of a rule."""

    id: str
    arn: str
    role_arn: str | None = None
    input: str | None = None
    input_path: str | None = None
    input_transformer: InputTransformer | None = None
    dead_letter_config: DeadLetterConfig | None = None
    retry_policy: RetryPolicy | None = None
    sqs_parameters: SqsParameters | None = None
    kinesis_parameters: KinesisParameters | None = None
    http_parameters: HttpParameters | None = None


@events.resource("AWS::Events::Rule")
class RuleResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A rule and its targets; ``Ref`` is its name, on a bus of one's own with the bus before it."""

    REPLACED_BY: ClassVar = frozenset({"Name", "EventBusName"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})
    name: str | None = None
    description: str | None = None
    event_bus_name: str | None = None
    event_pattern: Config | str | None = None
    role_arn: str | None = None
    schedule_expression: str | None = None
    state: str | None = None
    targets: list[TargetProperty] = []
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """PutRule, PutTargets."""
        name = self.name or this.name(call.ids)
        await unclaimed(call, this, name, "events", "DescribeRule", Name=name,
                        EventBusName=self.event_bus_name)
        return await call.transact(lambda inner: self._put(inner, this, name, []))

    async def update(self, call: Conversation, this: This, old: "RuleResource") -> Physical:
        """PutRule again; targets that are gone are removed."""
        name = this.physical_id.rpartition("|")[2]
        left = {target.id for target in self.targets}
        return await call.transact(lambda inner: self._put(
            inner, this, name, [target.id for target in old.targets if target.id not in left]))

    async def delete(self, call: Conversation, this: This) -> None:
        """RemoveTargets, DeleteRule."""
        name = this.physical_id.rpartition("|")[2]
        where: Config = {"Rule": name, "EventBusName": self.event_bus_name}

        def work(inner: Call) -> None:
            try:
                listed = inner.invoke("events", "ListTargetsByRule", **where)["Targets"]
            except ResourceNotFoundException:
                return
            if listed:
                inner.invoke("events", "RemoveTargets", **where, Ids=[target["Id"] for target in listed])
            inner.invoke("events", "DeleteRule", Name=name, EventBusName=self.event_bus_name)

        await call.transact(work)

    def _put(self, call: Call, this: This, name: str, gone: list[str]) -> Physical:
        tags, bus = this.all_tags(self.tags), self.event_bus_name
        arn = call.invoke("events", "PutRule", Name=name, EventBusName=bus, State=self.state,
                          Description=self.description, RoleArn=self.role_arn, Tags=listed(tags),
                          EventPattern=text(self.event_pattern) if self.event_pattern else None,
                          ScheduleExpression=self.schedule_expression)["RuleArn"]
        _retag(call, arn, tags)
        if gone:
            call.invoke("events", "RemoveTargets", Rule=name, EventBusName=bus, Ids=gone)
        if self.targets:
            answer = call.invoke("events", "PutTargets", Rule=name, EventBusName=bus,
                                 Targets=[plain(target) for target in self.targets])
            for failed in answer["FailedEntries"]:
                raise ValidationException(f"{failed['ErrorCode']}: {failed['ErrorMessage']}")
        own = (bus or "default").rpartition("/")[2]
        return Physical(name if own == "default" else f"{own}|{name}", {"Arn": arn})


@events.resource("AWS::Events::EventBusPolicy")
class BusPolicyResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A statement of a bus's policy; ``Ref`` is its id."""

    REPLACED_BY: ClassVar = frozenset({"StatementId", "EventBusName"})
    statement_id: str
    event_bus_name: str | None = None
    statement: Config | str | None = None
    action: str | None = None
    principal: str | None = None
    condition: Config | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PutPermission."""
        await call.transact(self._put)
        return Physical(self.statement_id)

    async def update(self, call: Conversation, this: This, old: "BusPolicyResource") -> Physical:
        """PutPermission again."""
        return await self.create(call, this)

    async def delete(self, call: Conversation, this: This) -> None:
        """RemovePermission."""
        await gone(call, "RemovePermission", StatementId=this.physical_id, EventBusName=self.event_bus_name)

    def _put(self, call: Call) -> None:
        if self.statement is None:
            call.invoke("events", "PutPermission", EventBusName=self.event_bus_name,
                        StatementId=self.statement_id,
                        Action=self.action or "events:PutEvents", Principal=self.principal,
                        Condition=self.condition)
            return
        statement: Config = json.loads(text(self.statement))
        known = call.invoke("events", "DescribeEventBus", Name=self.event_bus_name).get("Policy")
        document: Config = json.loads(known) if known else {"Version": "2012-10-17", "Statement": []}
        others = [one for one in document["Statement"] if one.get("Sid") != self.statement_id]
        document["Statement"] = [*others, statement | {"Sid": self.statement_id}]
        call.invoke("events", "PutPermission", EventBusName=self.event_bus_name, Policy=json.dumps(document))


def plain(struct: msgspec.Struct | None) -> Config | None:
    """What the template says, as the API takes it: without what it doesn't say."""
    if struct is None:
        return None
    found: Config = _said(msgspec.to_builtins(struct))
    return found


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


def text(document: Config | str) -> str:
    """A document as JSON."""
    return document if isinstance(document, str) else json.dumps(document)


def _retag(call: Call, arn: str, wanted: dict[str, str]) -> None:
    """Let a resource have these tags and no others."""
    had = call.invoke("events", "ListTagsForResource", ResourceARN=arn)["Tags"]
    left = [tag["Key"] for tag in had if tag["Key"] not in wanted]
    if left:
        call.invoke("events", "UntagResource", ResourceARN=arn, TagKeys=left)
    if wanted:
        call.invoke("events", "TagResource", ResourceARN=arn, Tags=listed(wanted))


async def once(call: Conversation, this: This, operation: str, **params: Any) -> Config:
    """Create something, or find that a first attempt has."""
    try:
        return await call.invoke("events", operation, **params)
    except ResourceAlreadyExistsException:
        if not this.resumed:
            raise
        return {}


async def gone(call: Conversation, operation: str, **params: Any) -> None:
    """Delete something; it may be gone already."""
    try:
        await call.invoke("events", operation, **params)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
