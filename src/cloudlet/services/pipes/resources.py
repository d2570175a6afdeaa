"""CloudFormation's type of EventBridge Pipes, in terms of its operations."""

from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .errors import ConflictException, NotFoundException
from .service import pipes_

_WHOLE = ("BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
          "ParallelizationFactor")


@pipes_.resource("AWS::Pipes::Pipe")
class PipeResource(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A pipe; ``Ref`` is its name."""

    REPLACED_BY: ClassVar = frozenset({"Name", "Source"})
    ATTRIBUTES: ClassVar = frozenset({"Arn", "CreationTime", "CurrentState", "LastModifiedTime"})

    role_arn: str
    source: str
    target: str
    description: str | None = None
    desired_state: str | None = None
    enrichment: str | None = None
    enrichment_parameters: dict[str, Any] | None = None
    name: str | None = None
    source_parameters: dict[str, Any] | None = None
    tags: dict[str, str] = {}
    target_parameters: dict[str, Any] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """Make the pipe."""
        name = self.name or this.name(call.ids, 64)
        own = {key: value for key, value in this.tags.items() if not key.startswith("aws:")}
        try:
            await call.invoke(
                "pipes",
                "CreatePipe",
                Name=name,
                Source=self.source,
                Tags=(own | self.tags) or None,
                SourceParameters=_numbers(self.source_parameters),
                **self._said(),
            )
        except ConflictException:
            if not this.resumed:
                raise
        return await _physical(call, name)

    async def update(self, call: Conversation, this: This, old: "PipeResource") -> Physical:
        """Say it anew; what is gone goes back to nothing."""
        name = this.physical_id
        said: dict[str, Any] = {
            "Description": "", "Enrichment": "", "EnrichmentParameters": {}, "TargetParameters": {},
            "DesiredState": "RUNNING"}
        said |= {key: value for key, value in self._said().items() if value is not None}
        parameters = _numbers(self.source_parameters) or {}
        for key, value in parameters.items():
            if isinstance(value, dict):
                parameters[key] = {one: its for one, its in value.items() if not one.startswith("Starting")}
        await call.invoke("pipes", "UpdatePipe", Name=name, SourceParameters=parameters, **said)
        shown = await _physical(call, name)
        gone = [key for key in old.tags if key not in self.tags]
        if gone:
            await call.invoke("pipes", "UntagResource", resourceArn=shown.attributes["Arn"], tagKeys=gone)
        if self.tags:
            await call.invoke("pipes", "TagResource", resourceArn=shown.attributes["Arn"], tags=self.tags)
        return shown

    async def delete(self, call: Conversation, this: This) -> None:
        """Delete the pipe."""
        with suppress(NotFoundException):
            await call.invoke("pipes", "DeletePipe", Name=this.physical_id)

    def _said(self) -> dict[str, Any]:
        return {
            "RoleArn": self.role_arn,
            "Target": self.target,
            "Description": self.description,
            "DesiredState": self.desired_state,
            "Enrichment": self.enrichment,
            "EnrichmentParameters": self.enrichment_parameters,
            "TargetParameters": self.target_parameters,
        }


async def _physical(call: Conversation, name: str) -> Physical:
    found = await call.invoke("pipes", "DescribePipe", Name=name)
    shown = {key: str(found[key]) for key in ("Arn", "CreationTime", "CurrentState", "LastModifiedTime")}
    return Physical(name, shown)


def _numbers(parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Templates may write numbers as texts."""
    if parameters is None:
        return None
    return {name: {key: int(value) if key in _WHOLE else value for key, value in own.items()}
            if name.endswith("Parameters") else own for name, own in parameters.items()}
