"""CloudFormation's types of Lambda, in terms of its operations."""


import io
import zipfile
from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .code import LOCAL_BUCKET
from .errors import InvalidParameterValueException
from .limits import DURABLE_RETENTION_DAYS
from .service import lambda_

Config = dict[str, Any]
_NAME_LENGTH = 64


class Code(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where a function's code is."""

    zip_file: str | None = None
    s3_bucket: str | None = msgspec.field(default=None, name="S3Bucket")
    s3_key: str | None = msgspec.field(default=None, name="S3Key")
    s3_object_version: str | None = msgspec.field(default=None, name="S3ObjectVersion")

    def source(self, runtime: str, metadata: Config) -> Config:
        """As ``CreateFunction`` takes it; inline code becomes a zip file of one ``index``."""
        if self.zip_file is not None:
            return {"ZipFile": _inline(self.zip_file, runtime)}
        found = {"S3Bucket": self.s3_bucket, "S3Key": self.s3_key, "S3ObjectVersion": self.s3_object_version}
        if self.s3_bucket == LOCAL_BUCKET and metadata.get("cloudlet:Dependencies"):
            found["S3ObjectVersion"] = metadata["cloudlet:Dependencies"]
        return {key: value for key, value in found.items() if value is not None}


class Tag(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A key and its value."""

    key: str
    value: str


class Variables(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Environment variables."""

    variables: dict[str, str] = {}


class DeadLetter(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where events go that could not be handled."""

    target_arn: str | None = None


class Storage(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """The size of ``/tmp``."""

    size: int


class Tracing(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Whether AWS X-Ray samples; everything is traced here."""

    mode: str


class Logging(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How and where the function logs."""

    log_format: str | None = None
    log_group: str | None = None
    application_log_level: str | None = None
    system_log_level: str | None = None


class Durable(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What makes a function durable."""

    execution_timeout: int
    retention_period_in_days: int = DURABLE_RETENTION_DAYS

    def settings(self) -> dict[str, int]:
        """As ``CreateFunction`` takes them."""
        return {"ExecutionTimeout": self.execution_timeout,
                "RetentionPeriodInDays": self.retention_period_in_days}


@lambda_.resource("AWS::Lambda::Function")
class Function(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A function."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "PackageType"})
    code: Code
    role: str
    function_name: str | None = None
    runtime: str | None = None
    handler: str | None = None
    description: str | None = None
    timeout: int | None = None
    memory_size: int | None = None
    package_type: str | None = None
    environment: Variables | None = None
    layers: list[str] | None = None
    architectures: list[str] | None = None
    dead_letter_config: DeadLetter | None = None
    ephemeral_storage: Storage | None = None
    tracing_config: Tracing | None = None
    logging_config: Logging | None = None
    reserved_concurrent_executions: int | None = None
    durable_config: Durable | None = None
    tags: list[Tag] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateFunction, and the concurrency it reserves."""
        name = self.function_name or this.name(call.ids, _NAME_LENGTH)
        tags = this.tags | {tag.key: tag.value for tag in self.tags or ()}
        source = self.code.source(self.runtime or "", this.metadata)
        try:
            made = await call.invoke(
                "lambda",
                "CreateFunction",
                FunctionName=name,
                Code=source,
                Tags=tags,
                Architectures=self.architectures,
                PackageType=self.package_type,
                **self._settings(),
            )
        except AwsError as error:
            if not this.resumed or error.code != "ResourceConflictException":
                raise
            made = await call.invoke("lambda", "GetFunctionConfiguration", FunctionName=name)
        if self.reserved_concurrent_executions is not None:
            await call.invoke("lambda", "PutFunctionConcurrency", FunctionName=name,
                              ReservedConcurrentExecutions=self.reserved_concurrent_executions)
        return Physical(name, {"Arn": made["FunctionArn"]})

    async def update(self, call: Conversation, this: This, old: "Function") -> Physical:
        """What has changed: configuration, code, concurrency, tags."""
        name = this.physical_id
        if old.durable_config and not self.durable_config:
            raise InvalidParameterValueException(
                "Durable execution cannot be switched off: give the function another logical id.")
        await call.invoke(
            "lambda", "UpdateFunctionConfiguration", FunctionName=name, **self._settings(cleared=True)
        )
        source = self.code.source(self.runtime or "", this.metadata)
        made = await call.invoke(
            "lambda", "UpdateFunctionCode", FunctionName=name, Architectures=self.architectures, **source
        )
        if self.reserved_concurrent_executions is not None:
            await call.invoke("lambda", "PutFunctionConcurrency", FunctionName=name,
                              ReservedConcurrentExecutions=self.reserved_concurrent_executions)
        elif old.reserved_concurrent_executions is not None:
            await call.invoke("lambda", "DeleteFunctionConcurrency", FunctionName=name)
        now, before = ({tag.key: tag.value for tag in one.tags or ()} for one in (self, old))
        gone = sorted(before.keys() - now.keys())
        if gone:
            await call.invoke("lambda", "UntagResource", Resource=made["FunctionArn"], TagKeys=gone)
        if now:
            await call.invoke("lambda", "TagResource", Resource=made["FunctionArn"], Tags=now)
        return Physical(name, {"Arn": made["FunctionArn"]})

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunction."""
        await gone(call, "DeleteFunction", FunctionName=this.physical_id)

    def _settings(self, *, cleared: bool = False) -> Config:
        """The configuration as the operations take it; with ``cleared``, defaults for what is not said."""
        logging = msgspec.to_builtins(self.logging_config) if self.logging_config else {} if cleared else None
        default: Config = (
            {
                "Description": "",
                "Timeout": 3,
                "MemorySize": 128,
                "Layers": [],
                "Environment": {"Variables": {}},
                "DeadLetterConfig": {"TargetArn": ""},
                "EphemeralStorage": {"Size": 512},
            }
            if cleared
            else {}
        )
        said: Config = {
            "Role": self.role,
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Description": self.description,
            "Timeout": self.timeout,
            "MemorySize": self.memory_size,
            "Layers": self.layers,
            "Environment": {"Variables": self.environment.variables} if self.environment else None,
            "DeadLetterConfig": {"TargetArn": self.dead_letter_config.target_arn}
            if self.dead_letter_config and self.dead_letter_config.target_arn
            else None,
            "EphemeralStorage": {"Size": self.ephemeral_storage.size} if self.ephemeral_storage else None,
            "LoggingConfig": {key: value for key, value in logging.items() if value is not None}
            if logging is not None
            else None,
            "DurableConfig": self.durable_config.settings() if self.durable_config else None,
        }
        return default | {key: value for key, value in said.items() if value is not None}


@lambda_.resource("AWS::Lambda::Version")
class Version(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A published version; CloudFormation makes another one only when its properties change."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "CodeSha256", "Description"})
    function_name: str
    code_sha256: str | None = msgspec.field(default=None, name="CodeSha256")
    description: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PublishVersion."""
        made = await call.invoke(
            "lambda",
            "PublishVersion",
            FunctionName=self.function_name,
            CodeSha256=self.code_sha256,
            Description=self.description or "",
        )
        return Physical(made["FunctionArn"], {"Version": made["Version"], "FunctionArn": made["FunctionArn"]})

    async def update(self, call: Conversation, this: This, old: "Version") -> Physical:
        """Nothing of a version can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunction, of the version alone."""
        arn, _, number = this.physical_id.rpartition(":")
        await gone(call, "DeleteFunction", FunctionName=arn, Qualifier=number)


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
    function_name: str
    function_version: str
    name: str
    description: str | None = None
    routing_config: Routing | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateAlias."""
        made = await call.invoke("lambda", "CreateAlias", Name=self.name, **self._settings())
        return Physical(made["AliasArn"], {"AliasArn": made["AliasArn"]})

    async def update(self, call: Conversation, this: This, old: "Alias") -> Physical:
        """UpdateAlias."""
        made = await call.invoke("lambda", "UpdateAlias", Name=self.name, **self._settings())
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


@lambda_.resource("AWS::Lambda::Permission")
class Permission(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A statement of a function's policy."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset(
        {
            "FunctionName",
            "Action",
            "Principal",
            "SourceArn",
            "SourceAccount",
            "EventSourceToken",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "PrincipalOrgID",
        }
    )
    action: str
    function_name: str
    principal: str
    source_arn: str | None = None
    source_account: str | None = None
    event_source_token: str | None = None
    function_url_auth_type: str | None = None
    invoked_via_function_url: bool | None = None
    principal_org_id: str | None = msgspec.field(default=None, name="PrincipalOrgID")

    async def create(self, call: Conversation, this: This) -> Physical:
        """AddPermission."""
        id = this.name(call.ids, 100)
        optional: Config = {
            "SourceArn": self.source_arn,
            "SourceAccount": self.source_account,
            "EventSourceToken": self.event_source_token,
            "FunctionUrlAuthType": self.function_url_auth_type,
            "InvokedViaFunctionUrl": self.invoked_via_function_url,
            "PrincipalOrgID": self.principal_org_id,
        }
        await call.invoke(
            "lambda",
            "AddPermission",
            FunctionName=self.function_name,
            StatementId=id,
            Action=self.action,
            Principal=self.principal,
            **{key: value for key, value in optional.items() if value is not None},
        )
        return Physical(id, {"Id": id})

    async def update(self, call: Conversation, this: This, old: "Permission") -> Physical:
        """Nothing of a statement can change."""
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """RemovePermission."""
        await gone(call, "RemovePermission", FunctionName=self.function_name, StatementId=this.physical_id)


def _inline(text: str, runtime: str) -> bytes:
    """Inline code as a package. Source: the ZipFile property of AWS::Lambda::Function Code."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("index.js" if runtime.startswith("nodejs") else "index.py")
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, text)
    return packed.getvalue()


async def gone(call: Conversation, operation: str, **params: Any) -> None:
    """Delete something that may be gone already."""
    try:
        await call.invoke("lambda", operation, **params)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise


