"""CloudFormation's types of Lambda, in terms of its operations."""


import io
import re
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from ...errors import AwsError
from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This
from .code import LOCAL_BUCKET
from .errors import InvalidParameterValueException
from .limits import DURABLE_RETENTION_DAYS
from .service import lambda_

Config = dict[str, Any]
_NAME_LENGTH = 64
# What CloudFormation looks for; other ways to import it get no module, there as here.
_IMPORTS_RESPONSE = re.compile(r"^\s*import cfnresponse\b", re.MULTILINE)
_REQUIRES_RESPONSE = re.compile(r"""require\(\s*['"]cfn-response['"]\s*\)""")


class Code(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where a function's code is."""

    zip_file: str | None = None
    s3_bucket: str | None = msgspec.field(default=None, name="S3Bucket")
    s3_key: str | None = msgspec.field(default=None, name="S3Key")
    s3_object_version: str | None = msgspec.field(default=None, name="S3ObjectVersion")
    s3_object_storage_mode: str | None = msgspec.field(default=None, name="S3ObjectStorageMode")

    def source(self, runtime: str, metadata: Config) -> Config:
        """As ``CreateFunction`` takes it; inline code becomes a zip file of one ``index``."""
        if self.zip_file is not None:
            return {"ZipFile": _inline(self.zip_file, runtime)}
        found = {"S3Bucket": self.s3_bucket, "S3Key": self.s3_key, "S3ObjectVersion": self.s3_object_version,
                 "S3ObjectStorageMode": self.s3_object_storage_mode}
        if self.s3_bucket == LOCAL_BUCKET and metadata.get("cloudlet:Dependencies"):
            found["S3ObjectVersion"] = metadata["cloudlet:Dependencies"]
        return {key: value for key, value in found.items() if value is not None}


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
    """Whether every call is sampled, or those of callers who ask for it."""

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


class SnapStart(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Whether published versions start from a snapshot."""

    apply_on: str


class RuntimeManagement(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """When the function gets a newer build of its runtime."""

    update_runtime_on: str
    runtime_version_arn: str | None = None


@lambda_.resource("AWS::Lambda::Function")
class Function(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A function."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "PackageType"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})
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
    snap_start: SnapStart | None = None
    runtime_management_config: RuntimeManagement | None = None
    recursive_loop: str | None = None
    reserved_concurrent_executions: int | None = None
    durable_config: Durable | None = None
    tags: list[Tag] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateFunction, and what has operations of its own."""
        name = self.function_name or this.name(call.ids, _NAME_LENGTH)
        try:
            made = await call.invoke(
                "lambda", "CreateFunction", FunctionName=name, Tags=this.all_tags(self.tags),
                Code=self.code.source(self.runtime or "", this.metadata), Architectures=self.architectures,
                PackageType=self.package_type, **self._settings())
        except AwsError as error:
            if not this.resumed or error.code != "ResourceConflictException":
                raise
            made = await call.invoke("lambda", "GetFunctionConfiguration", FunctionName=name)
        this.physical_id = name  # what follows may fail, and then there is something to delete
        await self._accompany(call, name, None)
        return Physical(name, {"Arn": made["FunctionArn"]})

    async def update(self, call: Conversation, this: This, old: "Function") -> Physical:
        """What has changed of settings and code, and what has operations of its own."""
        name = this.physical_id
        if old.durable_config and not self.durable_config:
            raise InvalidParameterValueException(
                "Durable execution cannot be switched off: give the function another logical id.")
        if self._settings(name) != old._settings(name):
            await call.invoke(
                "lambda", "UpdateFunctionConfiguration", FunctionName=name, **self._settings(name))
        local = self.code.s3_bucket == LOCAL_BUCKET  # its dependencies are said elsewhere
        if local or (self.code, self.architectures) != (old.code, old.architectures):
            await call.invoke("lambda", "UpdateFunctionCode", FunctionName=name,
                              Architectures=self.architectures or ["x86_64"],
                              **self.code.source(self.runtime or "", this.metadata))
        await self._accompany(call, name, old)
        made = await call.invoke("lambda", "GetFunctionConfiguration", FunctionName=name)
        await retag(call, made["FunctionArn"], this.all_tags(self.tags))
        return Physical(name, {"Arn": made["FunctionArn"]})

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunction."""
        await gone(call, "DeleteFunction", FunctionName=this.physical_id)

    async def _accompany(self, call: Conversation, name: str, old: "Function | None") -> None:
        """What is said by operations of their own: concurrency, recursion, the runtime's builds."""
        if self.reserved_concurrent_executions is not None:
            await call.invoke("lambda", "PutFunctionConcurrency", FunctionName=name,
                              ReservedConcurrentExecutions=self.reserved_concurrent_executions)
        elif old and old.reserved_concurrent_executions is not None:
            await call.invoke("lambda", "DeleteFunctionConcurrency", FunctionName=name)
        if self.recursive_loop or (old and old.recursive_loop):
            await call.invoke("lambda", "PutFunctionRecursionConfig", FunctionName=name,
                              RecursiveLoop=self.recursive_loop or "Terminate")
        if self.runtime_management_config:
            await call.invoke("lambda", "PutRuntimeManagementConfig", FunctionName=name,
                              UpdateRuntimeOn=self.runtime_management_config.update_runtime_on,
                              RuntimeVersionArn=self.runtime_management_config.runtime_version_arn)

    def _settings(self, name: str = "") -> Config:
        """The settings as the operations take them; for a function that is there, also what is not said."""
        default: Config = {
            "Description": "", "Timeout": 3, "MemorySize": 128, "Layers": [],
            "Environment": {"Variables": {}}, "DeadLetterConfig": {"TargetArn": ""},
            "EphemeralStorage": {"Size": 512}, "TracingConfig": {"Mode": "PassThrough"},
            "SnapStart": {"ApplyOn": "None"}, "LoggingConfig": _logging(name, {})} if name else {}
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
            "TracingConfig": {"Mode": self.tracing_config.mode} if self.tracing_config else None,
            "SnapStart": {"ApplyOn": self.snap_start.apply_on} if self.snap_start else None,
            "LoggingConfig": _logging(name, said_of(self.logging_config)) if self.logging_config else None,
            "DurableConfig": self.durable_config.settings() if self.durable_config else None,
        }
        return default | {key: value for key, value in said.items() if value is not None}


def _logging(name: str, said: Config) -> Config:
    """How a function logs; of one that is there, all of it, since an update changes what it says only."""
    if not name:
        return said
    found = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"} | said
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    return levels | found if found["LogFormat"] == "JSON" else found


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
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})
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
    node = runtime.startswith("nodejs")
    files = {"index.js" if node else "index.py": text}
    if (_REQUIRES_RESPONSE if node else _IMPORTS_RESPONSE).search(text):
        name = "cfn-response.js" if node else "cfnresponse.py"
        files[f"node_modules/{name}" if node else name] = (Path(__file__).parent / name).read_text()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue()


async def gone(call: Conversation, operation: str, **params: Any) -> None:
    """Delete something that may be gone already."""
    try:
        await call.invoke("lambda", operation, **params)
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise


async def retag(call: Conversation, arn: str, tags: dict[str, str]) -> None:
    """Give a function or a mapping these tags, and take all others away."""
    had = (await call.invoke("lambda", "ListTags", Resource=arn)).get("Tags") or {}
    lost = [key for key in had if key not in tags]
    if lost:
        await call.invoke("lambda", "UntagResource", Resource=arn, TagKeys=lost)
    if tags and had != tags:
        await call.invoke("lambda", "TagResource", Resource=arn, Tags=tags)


def said_of(struct: msgspec.Struct) -> Config:
    """What a property says, without what it leaves open."""
    return {key: value for key, value in msgspec.to_builtins(struct).items() if value is not None}
