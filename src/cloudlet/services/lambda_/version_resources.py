"""CloudFormation's types of versions: numbered ones, aliases, and those of layers."""

from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .code import LOCAL_BUCKET
from .resources import RuntimeManagement, gone
from .service import lambda_

Config = dict[str, Any]


class Provisioned(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How many workers are to stand ready."""

    provisioned_concurrent_executions: int


async def provision(call: Conversation, function: str, qualifier: str, now: Provisioned | None,
                    before: Provisioned | None = None) -> None:
    """Have workers stand ready for a version or an alias, or no longer."""
    which: Config = {"FunctionName": function, "Qualifier": qualifier}
    if now and now != before:
        await call.invoke("lambda", "PutProvisionedConcurrencyConfig", **which,
                          ProvisionedConcurrentExecutions=now.provisioned_concurrent_executions)
    elif before and not now:
        await call.invoke("lambda", "DeleteProvisionedConcurrencyConfig", **which)


@lambda_.resource("AWS::Lambda::Version")
class Version(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A published version; CloudFormation makes another one only when its properties change."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "CodeSha256", "Description"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Version", "FunctionArn"})
    function_name: str
    code_sha256: str | None = msgspec.field(default=None, name="CodeSha256")
    description: str | None = None
    provisioned_concurrency_config: Provisioned | None = None
    runtime_policy: RuntimeManagement | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PublishVersion."""
        made = await call.invoke(
            "lambda",
            "PublishVersion",
            FunctionName=self.function_name,
            CodeSha256=self.code_sha256,
            Description=self.description or "",
        )
        this.physical_id = made["FunctionArn"]
        await self._accompany(call, made["Version"], None)
        return Physical(made["FunctionArn"], {"Version": made["Version"], "FunctionArn": made["FunctionArn"]})

    async def update(self, call: Conversation, this: This, old: "Version") -> Physical:
        """Nothing of a version can change but how it is run."""
        await self._accompany(call, str(this.attributes["Version"]), old)
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunction, of the version alone."""
        arn, _, number = this.physical_id.rpartition(":")
        await gone(call, "DeleteFunction", FunctionName=arn, Qualifier=number)

    async def _accompany(self, call: Conversation, number: str, old: "Version | None") -> None:
        await provision(call, self.function_name, number, self.provisioned_concurrency_config,
                        old.provisioned_concurrency_config if old else None)
        if self.runtime_policy:
            await call.invoke("lambda", "PutRuntimeManagementConfig", FunctionName=self.function_name,
                              Qualifier=number, UpdateRuntimeOn=self.runtime_policy.update_runtime_on,
                              RuntimeVersionArn=self.runtime_policy.runtime_version_arn)


class Weight(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A version's share of the calls."""

    function_version: str
    function_weight: float


class Routing(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How an alias splits its calls."""

    additional_version_weights: list[Weight] = []


@lambda_.resource("AWS::Lambda::Alias")
class Alias(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A name for a version."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "Name"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"AliasArn"})
    function_name: str
    function_version: str
    name: str
    description: str | None = None
    routing_config: Routing | None = None
    provisioned_concurrency_config: Provisioned | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateAlias."""
        made = await call.invoke("lambda", "CreateAlias", Name=self.name, **self._settings())
        this.physical_id = made["AliasArn"]
        await provision(call, self.function_name, self.name, self.provisioned_concurrency_config)
        return Physical(made["AliasArn"], {"AliasArn": made["AliasArn"]})

    async def update(self, call: Conversation, this: This, old: "Alias") -> Physical:
        """UpdateAlias."""
        made = await call.invoke("lambda", "UpdateAlias", Name=self.name, **self._settings())
        await provision(call, self.function_name, self.name, self.provisioned_concurrency_config,
                        old.provisioned_concurrency_config)
        return Physical(made["AliasArn"], {"AliasArn": made["AliasArn"]})

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteAlias."""
        await gone(call, "DeleteAlias", FunctionName=self.function_name, Name=self.name)

    def _settings(self) -> Config:
        weights = self.routing_config.additional_version_weights if self.routing_config else []
        return {
            "FunctionName": self.function_name,
            "FunctionVersion": self.function_version,
            "Description": self.description or "",
            "RoutingConfig": {
                "AdditionalVersionWeights": {one.function_version: one.function_weight for one in weights}
            },
        }


class Content(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where a layer's content is."""

    s3_bucket: str = msgspec.field(name="S3Bucket")
    s3_key: str = msgspec.field(name="S3Key")
    s3_object_version: str | None = msgspec.field(default=None, name="S3ObjectVersion")
    s3_object_storage_mode: str | None = msgspec.field(default=None, name="S3ObjectStorageMode")


@lambda_.resource("AWS::Lambda::LayerVersion")
class LayerVersion(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A version of a layer."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset(
        {
            "LayerName",
            "Content",
            "Description",
            "CompatibleRuntimes",
            "CompatibleArchitectures",
            "LicenseInfo",
        }
    )
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"LayerVersionArn"})
    content: Content
    layer_name: str | None = None
    description: str | None = None
    compatible_runtimes: list[str] | None = None
    compatible_architectures: list[str] | None = None
    license_info: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PublishLayerVersion."""
        content = {"S3Bucket": self.content.s3_bucket, "S3Key": self.content.s3_key,
                   "S3ObjectVersion": self.content.s3_object_version,
                   "S3ObjectStorageMode": self.content.s3_object_storage_mode}
        if self.content.s3_bucket == LOCAL_BUCKET:
            content["S3Key"] = this.metadata.get("cloudlet:Dependencies") or self.content.s3_key
        made = await call.invoke(
            "lambda",
            "PublishLayerVersion",
            LayerName=self.layer_name or this.name(call.ids, 64),
            Content={key: value for key, value in content.items() if value is not None},
            Description=self.description or "",
            CompatibleRuntimes=self.compatible_runtimes or [],
            CompatibleArchitectures=self.compatible_architectures or [],
            LicenseInfo=self.license_info or "",
        )
        return Physical(made["LayerVersionArn"], {"LayerVersionArn": made["LayerVersionArn"]})

    async def update(self, call: Conversation, this: This, old: "LayerVersion") -> Physical:
        """Nothing of a version can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteLayerVersion."""
        name, _, number = this.physical_id.rpartition(":")
        await gone(call, "DeleteLayerVersion", LayerName=name.rpartition(":")[2], VersionNumber=int(number))


@lambda_.resource("AWS::Lambda::LayerVersionPermission")
class LayerVersionPermission(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A statement of the policy of a layer's version; ``Ref`` is the version and the statement."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset(
        {"Action", "LayerVersionArn", "OrganizationId", "Principal"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})
    action: str
    layer_version_arn: str
    principal: str
    organization_id: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """AddLayerVersionPermission."""
        statement = this.name(call.ids, 100)
        await call.invoke(
            "lambda", "AddLayerVersionPermission", StatementId=statement, Action=self.action,
            Principal=self.principal, OrganizationId=self.organization_id,
            **_version_of(self.layer_version_arn))
        id = f"{self.layer_version_arn}#{statement}"
        return Physical(id, {"Id": id})

    async def update(self, call: Conversation, this: This, old: "LayerVersionPermission") -> Physical:
        """Nothing of a statement can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """RemoveLayerVersionPermission."""
        arn, _, statement = this.physical_id.partition("#")
        await gone(call, "RemoveLayerVersionPermission", StatementId=statement, **_version_of(arn))


def _version_of(arn: str) -> Config:
    layer, _, number = arn.rpartition(":")
    return {"LayerName": layer, "VersionNumber": int(number)}
