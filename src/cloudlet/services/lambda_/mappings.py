"""Event source mappings: what is read from a source and given to a function, in batches."""

from datetime import datetime
from typing import Any

from ...fabric import checkpoints, standing
from ...fabric.sources import Queue, Stream
from ...kernel import Call
from . import broker_mapping, poller
from .errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from .mapping import (
    CREATING,
    DELETING,
    DISABLED,
    DISABLING,
    ENABLING,
    UPDATING,
    Mapping,
    mappings,
    remove,
    results,
    save,
    work_id,
)
from .mapping_checks import check, check_function, check_kind, check_position, check_source, source_of
from .records import Name, arn_of, name_of, offset_of
from .service import lambda_

Config = dict[str, Any]
_BATCH_OF_STREAM, _BATCH_OF_QUEUE = 100, 10


@lambda_.operation
def create_event_source_mapping(
        call: Call, function_name: str, event_source_arn: str | None = None, enabled: bool = True,
        batch_size: int | None = None, maximum_batching_window_in_seconds: int | None = None,
        filter_criteria: Config | None = None, scaling_config: Config | None = None,
        function_response_types: list[str] | None = None, tags: dict[str, str] | None = None,
        starting_position: str | None = None, starting_position_timestamp: datetime | None = None,
        parallelization_factor: int | None = None, destination_config: Config | None = None,
        maximum_record_age_in_seconds: int | None = None, maximum_retry_attempts: int | None = None,
        bisect_batch_on_function_error: bool | None = None,
        tumbling_window_in_seconds: int | None = None, topics: list[str] | None = None,
        queues: list[str] | None = None, source_access_configurations: list[Config] | None = None,
        self_managed_event_source: Config | None = None,
        self_managed_kafka_event_source_config: Config | None = None) -> Config:
    """Let a function be given what a source has."""
    if not (event_source_arn or self_managed_event_source):
        raise InvalidParameterValueException("Unrecognized event source.")
    name = name_of(call, function_name)
    check_function(call, name)
    settings: Config = {
        "BatchSize": batch_size, "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds,
        "FilterCriteria": filter_criteria, "ScalingConfig": scaling_config,
        "FunctionResponseTypes": function_response_types, "ParallelizationFactor": parallelization_factor,
        "DestinationConfig": destination_config, "MaximumRecordAgeInSeconds": maximum_record_age_in_seconds,
        "MaximumRetryAttempts": maximum_retry_attempts,
        "BisectBatchOnFunctionError": bisect_batch_on_function_error,
        "TumblingWindowInSeconds": tumbling_window_in_seconds,
        "SourceAccessConfigurations": source_access_configurations}
    at_ms = int(starting_position_timestamp.timestamp() * 1000) if starting_position_timestamp else None
    given = settings | {
        "StartingPosition": starting_position, "StartingPositionTimestamp": at_ms, "Topics": topics,
        "Queues": queues, "SelfManagedEventSource": self_managed_event_source,
        "SelfManagedKafkaEventSourceConfig": self_managed_kafka_event_source_config}
    if broker_mapping.is_broker(event_source_arn, given):
        record = broker_mapping.draft(call, name, event_source_arn, given)
        broker_mapping.refuse_second(call, record)
    else:
        record = _draft(call, name, event_source_arn or "", given)
    record.enabled, record.tags, record.state = enabled, tags or {}, CREATING if enabled else DISABLED
    _apply(record, settings)
    _check(call, record)
    save(call, record)
    if record.of_stream:
        checkpoints.begin(call, record.uuid, _stream_of(call, record), record.source, record.position,
                          record.position_ms)
    if enabled:
        standing.keep(call, poller.poll, id=work_id(record.uuid), uuid=record.uuid)
    return shown(call, record)


@lambda_.operation
def update_event_source_mapping(
        call: Call, uuid: str, function_name: str | None = None, enabled: bool | None = None,
        batch_size: int | None = None, maximum_batching_window_in_seconds: int | None = None,
        filter_criteria: Config | None = None, scaling_config: Config | None = None,
        function_response_types: list[str] | None = None, parallelization_factor: int | None = None,
        destination_config: Config | None = None, maximum_record_age_in_seconds: int | None = None,
        maximum_retry_attempts: int | None = None, bisect_batch_on_function_error: bool | None = None,
        tumbling_window_in_seconds: int | None = None,
        source_access_configurations: list[Config] | None = None) -> Config:
    """Change a mapping. What its poller has under way is finished as it was, then what is said holds."""
    record = _find(call, uuid)
    if record.state == DELETING:
        raise ResourceInUseException("Cannot update the event source mapping because it is in use.",
                                     Type="User")
    settings: Config = {
        "BatchSize": batch_size, "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds,
        "FilterCriteria": filter_criteria, "ScalingConfig": scaling_config,
        "FunctionResponseTypes": function_response_types, "ParallelizationFactor": parallelization_factor,
        "DestinationConfig": destination_config, "MaximumRecordAgeInSeconds": maximum_record_age_in_seconds,
        "MaximumRetryAttempts": maximum_retry_attempts,
        "BisectBatchOnFunctionError": bisect_batch_on_function_error,
        "TumblingWindowInSeconds": tumbling_window_in_seconds,
        "SourceAccessConfigurations": source_access_configurations}
    if record.kind:
        broker_mapping.check_given(record, settings)
    else:
        broker_mapping.is_broker(None, settings)
        check_kind(source_of(call, record.source), settings)
    if function_name:
        name = name_of(call, function_name)
        check_function(call, name)
        if not record.kind:
            check_source(call, source_of(call, record.source), record.source, name)
        record.function, record.qualifier = name.name, name.qualifier
    _apply(record, settings)
    _check(call, record)
    was, rests = record.enabled, record.state == DISABLED
    record.enabled = was if enabled is None else enabled
    state = UPDATING if record.enabled == was else ENABLING if record.enabled else DISABLING
    record.state = DISABLED if rests and not record.enabled else state  # nobody polls: it is true at once
    save(call, record)
    if record.enabled and rests:
        standing.keep(call, poller.poll, id=work_id(uuid), uuid=uuid)
    return shown(call, record, state)


@lambda_.operation
def get_event_source_mapping(call: Call, uuid: str) -> Config:
    """A mapping."""
    return shown(call, _find(call, uuid))


@lambda_.operation
def delete_event_source_mapping(call: Call, uuid: str) -> Config:
    """Read no more from the source for this function; what was taken is finished first."""
    record = _find(call, uuid)
    if record.state == DELETING:
        raise ResourceInUseException("Cannot delete the event source mapping because it is in use.",
                                     Type="User")
    rests, record.state = record.state == DISABLED, DELETING
    if rests:
        remove(call, uuid)
        checkpoints.forget(call, uuid)
    else:
        save(call, record)
    return shown(call, record)


@lambda_.operation
def list_event_source_mappings(call: Call, event_source_arn: str | None = None,
                               function_name: str | None = None, marker: str | None = None,
                               max_items: int = 100) -> Config:
    """The mappings, of one source or one function if asked."""
    if event_source_arn:
        records = [record for _, record in mappings.find(call, "by_source", event_source_arn)]
    elif function_name:
        records = [
            record for _, record in mappings.find(call, "by_function", name_of(call, function_name).name)
        ]
    else:
        records = [record for _, record in mappings.items(call)]
    if event_source_arn and function_name:
        wanted = name_of(call, function_name).name
        records = [record for record in records if record.function == wanted]
    if marker and not (marker.isascii() and marker.isdigit()):
        raise InvalidParameterValueException(f"The marker {marker!r} is none that was given out here.")
    start = offset_of(marker)
    found: Config = {
        "EventSourceMappings": [shown(call, record) for record in records[start : start + max_items]]
    }
    if start + max_items < len(records):
        found["NextMarker"] = str(start + max_items)
    return found


def shown(call: Call, record: Mapping, state: str = "") -> Config:
    """A mapping as AWS shows it."""
    found: Config = {
        "UUID": record.uuid,
        "FunctionArn": arn_of(call, record.function, record.qualifier),
        "BatchSize": record.batch_size,
        "LastModified": record.modified_ms / 1000,
        "State": state or record.state,
        "StateTransitionReason": "User action" if record.of_stream else "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if record.partial else [],
        "EventSourceMappingArn": call.arn(f"event-source-mapping:{record.uuid}"),
    }
    if record.window_s >= 0:
        found["MaximumBatchingWindowInSeconds"] = record.window_s
    if record.filters:
        found["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in record.filters]}
    if record.concurrency:
        found["ScalingConfig"] = {"MaximumConcurrency": record.concurrency}
    result = results.get(call, record.uuid)
    last = result.text if result else "No records processed"
    if record.kind:
        return found | broker_mapping.shown(record, last)
    found["EventSourceArn"] = record.source
    return found | _stream_shown(record, last) if record.of_stream else found


def _stream_shown(record: Mapping, last: str) -> Config:
    found: Config = {
        "StartingPosition": record.position,
        "ParallelizationFactor": record.lanes,
        "DestinationConfig": {"OnFailure": {"Destination": record.on_failure} if record.on_failure else {}},
        "MaximumRecordAgeInSeconds": record.age_s,
        "BisectBatchOnFunctionError": record.bisect,
        "MaximumRetryAttempts": record.retries,
        "TumblingWindowInSeconds": record.tumbling_s,
        "LastProcessingResult": last,
    }
    if record.position_ms:
        found["StartingPositionTimestamp"] = record.position_ms / 1000
    return found


def _draft(call: Call, name: Name, arn: str, given: Config) -> Mapping:
    """The mapping of a queue or a stream that is asked for, with what can't be changed later."""
    source = source_of(call, arn)
    check_kind(source, given)
    position, at_ms = given["StartingPosition"], given["StartingPositionTimestamp"]
    if isinstance(source, Stream):
        check_position(call, source, arn, position, at_ms)
    check_source(call, source, arn, name)
    _refuse_second(call, source, arn, name.name, name.qualifier)
    return Mapping(call.ids.uuid(), arn, name.name, name.qualifier, call.now_ms,
                   batch_size=_BATCH_OF_STREAM if isinstance(source, Stream) else _BATCH_OF_QUEUE,
                   position=position or "", position_ms=at_ms or 0)


def _check(call: Call, record: Mapping) -> None:
    if record.kind:
        broker_mapping.check(call, record)
    else:
        check(call, source_of(call, record.source), record)


def _stream_of(call: Call, record: Mapping) -> Stream:
    source = source_of(call, record.source)
    assert isinstance(source, Stream)
    return source


def _refuse_second(call: Call, source: Queue | Stream, arn: str, function: str, qualifier: str) -> None:
    """A function reads a source once."""
    for _, other in mappings.find(call, "by_source", arn):
        if (other.function, other.qualifier) != (function, qualifier) or other.state == DELETING:
            continue
        what = (f'An event source mapping with SQS arn (" {arn} ") and function (" {function} ")'
                if isinstance(source, Queue) else
                f'The event source arn (" {arn} ") and function (" {function} ") provided mapping')
        raise ResourceConflictException(
            f"{what} already exists. Please update or delete the existing mapping with UUID {other.uuid}",
            Type="User")


def _find(call: Call, uuid: str) -> Mapping:
    record = mappings.get(call, uuid)
    if record is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return record


def _apply(record: Mapping, settings: Config) -> None:
    """Set what is said; what is not stays as it is."""
    given = {key: value for key, value in settings.items() if value is not None}
    plain = {"BatchSize": "batch_size", "MaximumBatchingWindowInSeconds": "window_s",
             "ParallelizationFactor": "lanes", "MaximumRecordAgeInSeconds": "age_s",
             "MaximumRetryAttempts": "retries", "BisectBatchOnFunctionError": "bisect",
             "TumblingWindowInSeconds": "tumbling_s", "SourceAccessConfigurations": "access"}
    for member, field in plain.items():
        if member in given:
            setattr(record, field, given[member])
    if "FilterCriteria" in given:
        record.filters = [one.get("Pattern", "") for one in given["FilterCriteria"].get("Filters") or ()]
    if "ScalingConfig" in given:
        record.concurrency = given["ScalingConfig"].get("MaximumConcurrency")
    if "FunctionResponseTypes" in given:
        record.partial = "ReportBatchItemFailures" in given["FunctionResponseTypes"]
    if "DestinationConfig" in given:
        record.on_failure = (given["DestinationConfig"].get("OnFailure") or {}).get("Destination", "")
