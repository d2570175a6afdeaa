"""Event source mappings: what is read from a source and given to a function, in batches."""

from typing import Any

import msgspec

from ...errors import NotHonoured
from ...fabric import standing
from ...kernel import Call
from ...store import Table
from . import poller, sources
from .errors import InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
from .limits import MAPPING_CONCURRENCY, SQS_BATCH, SQS_BATCH_WITHOUT_WINDOW
from .records import arn_of, name_of, offset_of, version
from .service import lambda_

Config = dict[str, Any]


class Mapping(msgspec.Struct):
    """A mapping from a source to a function."""

    uuid: str
    source: str
    function: str
    qualifier: str
    modified_ms: int
    enabled: bool = True
    batch_size: int = 10
    window_s: int = 0
    filters: list[str] = []
    concurrency: int | None = None
    partial: bool = False  # ReportBatchItemFailures
    tags: dict[str, str] = {}


mappings = Table(
    "lambda.mappings",
    Mapping,
    indexes={"by_function": lambda m: (m.function,), "by_source": lambda m: (m.source,)},
)


@lambda_.operation
def create_event_source_mapping(
        call: Call, function_name: str, event_source_arn: str | None = None, enabled: bool = True,
        batch_size: int | None = None, maximum_batching_window_in_seconds: int = 0,
        filter_criteria: Config | None = None, scaling_config: Config | None = None,
        function_response_types: list[str] | None = None, tags: dict[str, str] | None = None) -> Config:
    """Let a function be given what a source has."""
    name = name_of(call, function_name)
    version(call, name.name, name.qualifier)
    if not event_source_arn:
        raise InvalidParameterValueException("Unrecognized event source.")
    sources.source_of(call, event_source_arn).check(call, event_source_arn)
    for _, other in mappings.find(call, "by_source", event_source_arn):
        if (other.function, other.qualifier) == (name.name, name.qualifier):
            raise ResourceConflictException(
                f'An event source mapping with event source arn ("{event_source_arn}") '
                f'and function ("{function_name}") '
                f"already exists. Please update or delete the existing mapping with UUID {other.uuid}",
            )
    record = Mapping(
        call.ids.uuid(),
        event_source_arn,
        name.name,
        name.qualifier,
        call.now_ms,
        enabled,
        batch_size or 10,
        maximum_batching_window_in_seconds,
        _filters(filter_criteria),
        (scaling_config or {}).get("MaximumConcurrency"),
        _partial(function_response_types),
        tags or {},
    )
    _check(record)
    _save(call, record)
    return shown(call, record, "Creating" if enabled else "Disabled")


@lambda_.operation
def update_event_source_mapping(
    call: Call,
    uuid: str,
    function_name: str | None = None,
    enabled: bool | None = None,
    batch_size: int | None = None,
    maximum_batching_window_in_seconds: int | None = None,
    filter_criteria: Config | None = None,
    scaling_config: Config | None = None,
    function_response_types: list[str] | None = None,
) -> Config:
    """Change a mapping; its poller starts anew with what is said."""
    record = _find(call, uuid)
    if function_name:
        name = name_of(call, function_name)
        version(call, name.name, name.qualifier)
        record.function, record.qualifier = name.name, name.qualifier
    record.enabled = record.enabled if enabled is None else enabled
    record.batch_size = batch_size or record.batch_size
    if maximum_batching_window_in_seconds is not None:
        record.window_s = maximum_batching_window_in_seconds
    if filter_criteria is not None:
        record.filters = _filters(filter_criteria)
    if scaling_config is not None:
        record.concurrency = scaling_config.get("MaximumConcurrency")
    if function_response_types is not None:
        record.partial = _partial(function_response_types)
    _check(record)
    record.modified_ms = call.now_ms
    _save(call, record)
    return shown(call, record, "Updating")


@lambda_.operation
def get_event_source_mapping(call: Call, uuid: str) -> Config:
    """A mapping."""
    return shown(call, _find(call, uuid))


@lambda_.operation
def delete_event_source_mapping(call: Call, uuid: str) -> Config:
    """Read no more from the source for this function."""
    record = _find(call, uuid)
    mappings.delete(call, uuid)
    standing.drop(call, id=_work_id(record))
    return shown(call, record, "Deleting")


@lambda_.operation
def list_event_source_mappings(
    call: Call,
    event_source_arn: str | None = None,
    function_name: str | None = None,
    marker: str | None = None,
    max_items: int = 100,
) -> Config:
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
        "EventSourceArn": record.source,
        "FunctionArn": arn_of(call, record.function, record.qualifier),
        "BatchSize": record.batch_size,
        "MaximumBatchingWindowInSeconds": record.window_s,
        "LastModified": record.modified_ms / 1000,
        "State": state or ("Enabled" if record.enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": ["ReportBatchItemFailures"] if record.partial else [],
        "EventSourceMappingArn": call.arn(f"event-source-mapping:{record.uuid}"),
    }
    if record.filters:
        found["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in record.filters]}
    if record.concurrency:
        found["ScalingConfig"] = {"MaximumConcurrency": record.concurrency}
    return found


def _find(call: Call, uuid: str) -> Mapping:
    record = mappings.get(call, uuid)
    if record is None:
        raise ResourceNotFoundException("The resource you requested does not exist.")
    return record


def _save(call: Call, record: Mapping) -> None:
    mappings.put(call, record.uuid, record=record)
    if not record.enabled:
        standing.drop(call, id=_work_id(record))
        return
    standing.keep(call, poller.poll, id=_work_id(record), source=record.source, function=record.function,
                  qualifier=record.qualifier, batch_size=record.batch_size, window_s=record.window_s,
                  filters=record.filters, concurrency=record.concurrency or 0, partial=record.partial)


def _work_id(record: Mapping) -> str:
    return f"lambda/{record.uuid}"


def _filters(criteria: Config | None) -> list[str]:
    return [one["Pattern"] for one in (criteria or {}).get("Filters", []) if "Pattern" in one]


def _partial(types: list[str] | None) -> bool:
    return "ReportBatchItemFailures" in (types or [])


def _check(record: Mapping) -> None:
    """The rules that hold between a mapping's settings. Those of a queue, the source there is."""
    if record.filters:
        raise NotHonoured("cloudlet does not filter the events of mappings yet: leave FilterCriteria out.")
    fifo = record.source.endswith(".fifo")
    limit = SQS_BATCH_WITHOUT_WINDOW if fifo or not record.window_s else SQS_BATCH
    if record.batch_size > limit:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
            if not fifo
            else "Batch size must be between 1 and 10 for FIFO queues."
        )
    if fifo and record.window_s:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues")
    if record.concurrency and not MAPPING_CONCURRENCY[0] <= record.concurrency <= MAPPING_CONCURRENCY[1]:
        raise InvalidParameterValueException(
            f"MaximumConcurrency must be between {MAPPING_CONCURRENCY[0]} and {MAPPING_CONCURRENCY[1]}."
        )
