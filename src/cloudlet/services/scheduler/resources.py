"""CloudFormation's types of EventBridge Scheduler, in terms of its operations."""

import hashlib
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from ...errors import ValidationException
from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from .errors import ConflictException, ResourceNotFoundException
from .service import scheduler


class Window(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """A flexible time window."""

    mode: str
    maximum_window_in_minutes: int | None = None


class DeadLetters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """Where failures go."""

    arn: str | None = None


class Retrying(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """How often a target is tried again, and how long."""

    maximum_event_age_in_seconds: int | None = None
    maximum_retry_attempts: int | None = None


class Target(msgspec.Struct, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """What a schedule calls."""

    arn: str
    role_arn: str
    dead_letter_config: DeadLetters | None = None
    event_bridge_parameters: dict[str, str] | None = None
    input: str | None = None
    kinesis_parameters: dict[str, str] | None = None
    retry_policy: Retrying | None = None
    sqs_parameters: dict[str, str] | None = None


@scheduler.resource("AWS::Scheduler::Schedule")
class ScheduleResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A schedule; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name", "GroupName"})
    ATTRIBUTES: ClassVar = frozenset({"Arn"})

    flexible_time_window: Window
    schedule_expression: str
    target: Target
    description: str | None = None
    end_date: str | None = None
    group_name: str | None = None
    name: str | None = None
    schedule_expression_timezone: str | None = None
    start_date: str | None = None
    state: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the schedule."""
        name = self.name or this.name(call.ids, 64)
        made = await call.invoke("scheduler", "CreateSchedule", ClientToken=_token(this), **self._said(name))
        return Physical(name, {"Arn": made["ScheduleArn"]})

    async def update(self, call: Conversation, this: This, old: "ScheduleResource") -> Physical:
        """Say it anew."""
        made = await call.invoke("scheduler", "UpdateSchedule", **self._said(this.physical_id))
        return Physical(this.physical_id, {"Arn": made["ScheduleArn"]})

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the schedule."""
        with suppress(ResourceNotFoundException):
            await call.invoke("scheduler", "DeleteSchedule", Name=this.physical_id, GroupName=self.group_name)

    def _said(self, name: str) -> dict[str, Any]:
        return {"Name": name, "GroupName": self.group_name, "ScheduleExpression": self.schedule_expression,
                "ScheduleExpressionTimezone": self.schedule_expression_timezone, "State": self.state,
                "StartDate": _date("StartDate", self.start_date), "EndDate": _date("EndDate", self.end_date),
                "Description": self.description, "Target": msgspec.to_builtins(self.target),
                "FlexibleTimeWindow": msgspec.to_builtins(self.flexible_time_window)}


@scheduler.resource("AWS::Scheduler::ScheduleGroup")
class ScheduleGroup(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A schedule group; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "CreationDate", "LastModificationDate", "State"})

    name: str | None = None
    tags: list[Tag] = []

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the group."""
        name = self.name or this.name(call.ids, 64)
        try:
            await call.invoke("scheduler", "CreateScheduleGroup", Name=name, ClientToken=_token(this),
                              Tags=listed(this.all_tags(self.tags)))
        except ConflictException:
            if not this.resumed:
                raise
        return await self._physical(call, name)

    async def update(self, call: Conversation, this: This, old: "ScheduleGroup") -> Physical:
        """Change the tags."""
        arn, tags = this.attributes["Arn"], this.all_tags(self.tags)
        had = await call.invoke("scheduler", "ListTagsForResource", ResourceArn=arn)
        gone = [tag["Key"] for tag in had["Tags"] if tag["Key"] not in tags]
        if gone:
            await call.invoke("scheduler", "UntagResource", ResourceArn=arn, TagKeys=gone)
        if tags:
            await call.invoke("scheduler", "TagResource", ResourceArn=arn, Tags=listed(tags))
        return await self._physical(call, this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the group, and what is in it."""
        with suppress(ResourceNotFoundException):
            await call.invoke("scheduler", "DeleteScheduleGroup", Name=this.physical_id)

    async def _physical(self, call: Conversation, name: str) -> Physical:
        found = await call.invoke("scheduler", "GetScheduleGroup", Name=name)
        shown = {key: str(found[key]) for key in ("Arn", "CreationDate", "LastModificationDate", "State")}
        return Physical(name, shown)


def _token(this: This) -> str:
    """One creation asks with one token, also when a crash makes it run twice."""
    return hashlib.sha256(f"{this.stack_id}/{this.logical_id}/{this.token}".encode()).hexdigest()


def _date(name: str, text: str | None) -> datetime | None:
    """Source: the type's documentation, which gives the format that it insists on."""
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        raise ValidationException(
            f"Invalid request provided: {name} needs to follow the format yyyy-MM-ddTHH:mm:ss.SSSZ") from None
