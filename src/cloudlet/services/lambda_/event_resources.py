"""CloudFormation's types of what calls functions: mappings, URLs, invoke configurations."""

from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from ...kernel import Conversation
from ...stacks.resource import Physical, Tag, This
from .resources import gone, retag, said_of
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


class Metrics(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """What is counted."""

    metrics: list[str] = []


class Destination(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where an event goes."""

    destination: str


class Destinations(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where events go when all is over."""

    on_success: Destination | None = None
    on_failure: Destination | None = None

    def said(self) -> Config:
        """As the operations take them."""
        both = (("OnSuccess", self.on_success), ("OnFailure", self.on_failure))
        return {key: {"Destination": one.destination} for key, one in both if one}


class Access(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """How to get into a broker."""

    type: str
    uri: str = msgspec.field(name="URI")


class Endpoints(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """Where Kafka is; CloudFormation has a name of its own for it."""

    kafka_bootstrap_servers: list[str] | None = None


class Cluster(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A Kafka cluster of one's own."""

    endpoints: Endpoints

    def said(self) -> Config:
        """As the operations take it."""
        return {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": self.endpoints.kafka_bootstrap_servers}}


class Group(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """As what Kafka is read."""

    consumer_group_id: str | None = None
    consumption_mode: str | None = None


@lambda_.resource("AWS::Lambda::EventSourceMapping")
class Mapping(msgspec.Struct, rename="pascal", forbid_unknown_fields=True):
    """A mapping from a source to a function."""

    REPLACED_BY: ClassVar[frozenset[str]] = frozenset(
        {"EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "SelfManagedEventSource",
         "Topics", "Queues", "SelfManagedKafkaEventSourceConfig"})
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id", "EventSourceMappingArn"})
    function_name: str
    event_source_arn: str | None = None
    enabled: bool | None = None
    batch_size: int | None = None
    maximum_batching_window_in_seconds: int | None = None
    filter_criteria: Filters | None = None
    scaling_config: Scaling | None = None
    function_response_types: list[str] | None = None
    starting_position: str | None = None
    starting_position_timestamp: float | None = None
    parallelization_factor: int | None = None
    bisect_batch_on_function_error: bool | None = None
    maximum_record_age_in_seconds: int | None = None
    maximum_retry_attempts: int | None = None
    tumbling_window_in_seconds: int | None = None
    destination_config: Destinations | None = None
    metrics_config: Metrics | None = None
    tags: list[Tag] | None = None
    topics: list[str] | None = None
    queues: list[str] | None = None
    source_access_configurations: list[Access] | None = None
    self_managed_event_source: Cluster | None = None
    self_managed_kafka_event_source_config: Group | None = None

    async def create(self, call: Conversation, this: This) -> Physical:
        """CreateEventSourceMapping."""
        tags = this.all_tags(self.tags)
        at_s, cluster = self.starting_position_timestamp, self.self_managed_event_source
        group = self.self_managed_kafka_event_source_config
        optional: Config = {
            "StartingPosition": self.starting_position, "Tags": tags or None, "Topics": self.topics,
            "Queues": self.queues, "SelfManagedEventSource": cluster.said() if cluster else None,
            "SelfManagedKafkaEventSourceConfig": said_of(group) if group else None,
            "StartingPositionTimestamp": datetime.fromtimestamp(at_s, UTC) if at_s is not None else None}
        made = await call.invoke("lambda", "CreateEventSourceMapping", EventSourceArn=self.event_source_arn,
                                 **optional, **self._settings())
        return Physical(
            made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": made["EventSourceMappingArn"]}
        )

    async def update(self, call: Conversation, this: This, old: "Mapping") -> Physical:
        """UpdateEventSourceMapping; what is no longer said goes back to nothing."""
        settings, before = self._settings(), old._settings()
        cleared = {key: value for key, value in _CLEARED.items() if key in before and key not in settings}
        if "BatchSize" in before and "BatchSize" not in settings:
            cleared["BatchSize"] = 100 if self.starting_position or self.queues else 10
        if settings != before:
            await call.invoke("lambda", "UpdateEventSourceMapping", UUID=this.physical_id,
                              **cleared, **settings)
        await retag(call, str(this.attributes["EventSourceMappingArn"]), this.all_tags(self.tags))
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
            if self.scaling_config and self.scaling_config.maximum_concurrency else None,
            "ParallelizationFactor": self.parallelization_factor,
            "BisectBatchOnFunctionError": self.bisect_batch_on_function_error,
            "MaximumRecordAgeInSeconds": self.maximum_record_age_in_seconds,
            "MaximumRetryAttempts": self.maximum_retry_attempts,
            "TumblingWindowInSeconds": self.tumbling_window_in_seconds,
            "DestinationConfig": self.destination_config.said() if self.destination_config else None,
            "SourceAccessConfigurations": [said_of(one) for one in self.source_access_configurations]
            if self.source_access_configurations else None,
            "MetricsConfig": said_of(self.metrics_config) if self.metrics_config else None}
        return {key: value for key, value in said.items() if value is not None}


# what a property that is taken out of a template goes back to
_CLEARED: Config = {
    "Enabled": True, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [], "ScalingConfig": {},
    "FilterCriteria": {"Filters": []}, "ParallelizationFactor": 1, "BisectBatchOnFunctionError": False,
    "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0,
    "DestinationConfig": {"OnFailure": {}}, "MetricsConfig": {"Metrics": []},
    "SourceAccessConfigurations": []}


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
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"FunctionArn", "FunctionUrl"})
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
        """All of it anew; who says nothing gets what holds without it."""
        await call.invoke(
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName=self.function_name,
            Qualifier=self.qualifier,
            DestinationConfig=(self.destination_config or Destinations()).said(),
            MaximumRetryAttempts=self.maximum_retry_attempts,
            MaximumEventAgeInSeconds=self.maximum_event_age_in_seconds,
        )
