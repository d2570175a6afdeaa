"""CloudFormation's type of a layer's permission."""

from typing import ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .resources import gone
from .service import lambda_


@lambda_.resource("AWS::Lambda::LayerVersionPermission")
class LayerVersionPermission(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A statement of the policy of a layer's version."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset(
        {"Action", "LayerVersionArn", "OrganizationId", "Principal"})
    action: str
    layer_version_arn: str
    principal: str
    organization_id: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """AddLayerVersionPermission."""
        layer, _, number = self.layer_version_arn.rpartition(":")
        id = this.name(call.ids, 100)
        await call.invoke(
            "lambda", "AddLayerVersionPermission", LayerName=layer, VersionNumber=int(number), StatementId=id,
            Action=self.action, Principal=self.principal, OrganizationId=self.organization_id)
        physical = f"{self.layer_version_arn}#{id}"
        return Physical(physical, {"Id": physical})

    async def update(self, call: Conversation, this: This, old: "LayerVersionPermission") -> Physical:
        """Nothing of a statement can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """RemoveLayerVersionPermission."""
        arn, _, id = this.physical_id.partition("#")
        layer, _, number = arn.rpartition(":")
        await gone(call, "RemoveLayerVersionPermission", LayerName=layer, VersionNumber=int(number),
                   StatementId=id)
