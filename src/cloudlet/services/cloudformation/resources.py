"""CloudFormation's own resource types: nested stacks, custom resources, handles to wait for."""

from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This, listed
from .changing import settled
from .errors import ResourceFailed
from .records import Stack, adopt, find
from .service import cloudformation


@cloudformation.resource("AWS::CDK::Metadata")
class Metadata(msgspec.Struct, rename="pascal"):
    """What the CDK notes about itself; nothing is made."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()
    analytics: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        return Physical(this.token)

    async def update(self, call: Conversation, this: This, old: "Metadata") -> Physical:
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """There is nothing."""


@cloudformation.resource("AWS::CloudFormation::Stack")
class NestedStack(
    msgspec.Struct,
    rename={
        "template_url": "TemplateURL",
        "parameters": "Parameters",
        "tags": "Tags",
        "notification_arns": "NotificationARNs",
    },
    forbid_unknown_fields=True,
):
    """A stack in a stack."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset()
    template_url: str
    parameters: dict[str, Any] = {}
    tags: list[Tag] = []
    notification_arns: list[str] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        name = this.name(call.ids, 128)
        found = await call.transact(lambda inner: find(inner, name)) if this.resumed else None
        stack_id = (
            found.id
            if found
            else (
                await call.invoke(
                    "cloudformation",
                    "CreateStack",
                    StackName=name,
                    OnFailure="DO_NOTHING",
                    **self._request(this),
                )
            )["StackId"]
        )
        this.physical_id = stack_id
        await call.transact(lambda inner: adopt(inner, stack_id, this.stack_id))
        return await self._outcome(call, stack_id, "CREATE_COMPLETE")

    async def update(self, call: Conversation, this: This, old: "NestedStack") -> Physical:
        try:
            await call.invoke(
                "cloudformation", "UpdateStack", StackName=this.physical_id, **self._request(this)
            )
        except Exception as error:
            if "No updates are to be performed" not in str(error):
                raise
        return await self._outcome(call, this.physical_id, "UPDATE_COMPLETE", "CREATE_COMPLETE")

    async def delete(self, call: Conversation, this: This) -> None:
        await call.invoke("cloudformation", "DeleteStack", StackName=this.physical_id)
        await self._outcome(call, this.physical_id, "DELETE_COMPLETE")

    def _request(self, this: This) -> dict[str, Any]:
        values = {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in self.parameters.items()
        }
        return {
            "TemplateURL": self.template_url,
            "NotificationARNs": self.notification_arns or [],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            "Tags": listed(this.all_tags(self.tags)),
        }

    async def _outcome(self, call: Conversation, stack_id: str, *wanted: str) -> Physical:
        """Wait for the nested stack; its outputs are the resource's attributes."""
        stack = await call.transact(lambda inner: find(inner, stack_id))
        if stack is None:
            return Physical(stack_id)
        rested: Stack | None = await settled(call, stack)
        if rested is None or rested.status not in wanted:
            raise ResourceFailed(
                f"Embedded stack {stack_id} was not successfully "
                f"{wanted[0].partition('_')[0].lower().rstrip('e')}ed: {rested.reason if rested else ''}"
            )
        return Physical(stack_id, {f"Outputs.{output.name}": output.value for output in rested.outputs})
