"""CloudFormation's types of what calls functions: mappings, URLs, invoke configurations, layers."""

from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, This
from .code import LOCAL_BUCKET
from .resources import Tag, gone
from .service import lambda_

Config = dict[str, Any]


class Filter(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A pattern events must match."""

    pattern: str | None = None


class Filters(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Patterns, of which one must match."""

    filters: list[Filter] = []


class Scaling(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How many batches may run at once."""

    maximum_concurrency: int | None = None


@lambda_.resource("AWS::Lambda::EventSourceMapping")
class Mapping(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A mapping from a source to a function."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"EventSourceArn"})
    function_name: str
    event_source_arn: str | None = None
    enabled: bool | None = None
    batch_size: int | None = None
    maximum_batching_window_in_seconds: int | None = None
    filter_criteria: Filters | None = None
    scaling_config: Scaling | None = None
    function_response_types: list[str] | None = None
    tags: list[Tag] | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateEventSourceMapping."""
        tags: Config = {"Tags": {tag.key: tag.value for tag in self.tags}} if self.tags else {}
        made = await call.invoke("lambda", "CreateEventSourceMapping", EventSourceArn=self.event_source_arn,
                                 **tags, **self._settings())
        return Physical(
            made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]}
        )

    async def update(self, call: Conversation, this: This, old: "Mapping") -> Physical:
        """UpdateEventSourceMapping."""
        await call.invoke("lambda", "UpdateEventSourceMapping", UUID=this.physical_id, **self._settings())
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteEventSourceMapping."""
        await gone(call, "DeleteEventSourceMapping", UUID=this.physical_id)

    def _settings(self) -> Config:
        said: Config = {
            "FunctionName": self.function_name, "Enabled": self.enabled, "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.maximum_batching_window_in_seconds,
            "FunctionResponseTypes": self.function_response_types,
            "FilterCriteria": msgspec.to_builtins(self.filter_criteria) if self.filter_criteria else None,
            "ScalingConfig": {"MaximumConcurrency": self.scaling_config.maximum_concurrency}
            if self.scaling_config and self.scaling_config.maximum_concurrency else None}
        return {key: value for key, value in said.items() if value is not None}


class Cors(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Which pages may call a URL."""

    allow_credentials: bool | None = None
    allow_headers: list[str] | None = None
    allow_methods: list[str] | None = None
    allow_origins: list[str] | None = None
    expose_headers: list[str] | None = None
    max_age: int | None = None


@lambda_.resource("AWS::Lambda::Url")
class Url(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A function's URL."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"TargetFunctionArn", "Qualifier"})
    target_function_arn: str
    auth_type: str
    qualifier: str | None = None
    invoke_mode: str | None = None
    cors: Cors | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateFunctionUrlConfig."""
        made = await call.invoke("lambda", "CreateFunctionUrlConfig", **self._settings())
        return Physical(
            made["FunctionArn"], {"FunctionArn": made["FunctionArn"], "FunctionUrl": made["FunctionUrl"]}
        )

    async def update(self, call: Conversation, this: This, old: "Url") -> Physical:
        """UpdateFunctionUrlConfig."""
        await call.invoke("lambda", "UpdateFunctionUrlConfig", **self._settings())
        return Physical(this.physical_id, this.attributes)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunctionUrlConfig."""
        await gone(
            call, "DeleteFunctionUrlConfig", FunctionName=self.target_function_arn, Qualifier=self.qualifier
        )

    def _settings(self) -> Config:
        cors = msgspec.to_builtins(self.cors) if self.cors else {}
        return {
            "FunctionName": self.target_function_arn,
            "Qualifier": self.qualifier,
            "AuthType": self.auth_type,
            "InvokeMode": self.invoke_mode or "BUFFERED",
            "Cors": {key: value for key, value in cors.items() if value is not None},
        }


class Destination(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where an event goes."""

    destination: str


class Destinations(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where events go when all is over."""

    on_success: Destination | None = None
    on_failure: Destination | None = None


@lambda_.resource("AWS::Lambda::EventInvokeConfig")
class EventInvokeConfig(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How asynchronous events are handled."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset({"FunctionName", "Qualifier"})
    function_name: str
    qualifier: str
    destination_config: Destinations | None = None
    maximum_event_age_in_seconds: int | None = None
    maximum_retry_attempts: int | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PutFunctionEventInvokeConfig."""
        await self._put(call)
        return Physical(this.name(call.ids, 100))

    async def update(self, call: Conversation, this: This, old: "EventInvokeConfig") -> Physical:
        """PutFunctionEventInvokeConfig again."""
        await self._put(call)
        return Physical(this.physical_id)

    async def delete(self, call: Conversation, this: This) -> None:
        """DeleteFunctionEventInvokeConfig."""
        await gone(
            call, "DeleteFunctionEventInvokeConfig", FunctionName=self.function_name, Qualifier=self.qualifier
        )

    async def _put(self, call: Conversation) -> None:
        wanted = self.destination_config or Destinations()
        config = {
            key: {"Destination": one.destination}
            for key, one in (("OnSuccess", wanted.on_success), ("OnFailure", wanted.on_failure))
            if one
        }
        await call.invoke(
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName=self.function_name,
            Qualifier=self.qualifier,
            DestinationConfig=config,
            MaximumRetryAttempts=self.maximum_retry_attempts,
            MaximumEventAgeInSeconds=self.maximum_event_age_in_seconds,
        )


class Content(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where a layer's content is."""

    s3_bucket: str = msgspec.field(name="S3Bucket")
    s3_key: str = msgspec.field(name="S3Key")
    s3_object_version: str | None = msgspec.field(default=None, name="S3ObjectVersion")


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
    content: Content
    layer_name: str | None = None
    description: str | None = None
    compatible_runtimes: list[str] | None = None
    compatible_architectures: list[str] | None = None
    license_info: str | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """PublishLayerVersion."""
        content = {"S3Bucket": self.content.s3_bucket, "S3Key": self.content.s3_key}
        if self.content.s3_bucket == LOCAL_BUCKET and this.metadata.get("cloudlet:Dependencies"):
            content["S3Key"] = this.metadata["cloudlet:Dependencies"]
        elif self.content.s3_object_version:
            content["S3ObjectVersion"] = self.content.s3_object_version
        made = await call.invoke(
            "lambda",
            "PublishLayerVersion",
            LayerName=self.layer_name or this.name(call.ids, 64),
            Content=content,
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
