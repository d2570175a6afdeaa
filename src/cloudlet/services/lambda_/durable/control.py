"""Executions as those see them who look after them: one, many, stopped, deleted."""

import heapq
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ....fabric import timers
from ....kernel import Call
from ..errors import InvalidParameterValueException, ResourceConflictException
from ..limits import DURABLE_PAGE
from ..records import arn_of, function, name_of, version
from ..service import lambda_
from .endings import close, forget_execution
from .executions import (
    DELETING,
    STATUSES,
    STOPPED,
    Execution,
    Output,
    by_status,
    enter,
    execution_arn,
    executions,
    find,
    id_before,
    is_id,
    outputs,
    save,
)
from .operations import check_error, operations

Config = dict[str, Any]


@lambda_.operation
def get_durable_execution(call: Call, durable_execution_arn: str,
                          include_execution_data: bool = True) -> Config:
    """One execution."""
    record = find(call, durable_execution_arn)
    found = _summary(call, record) | {
        "Version": record.version,
        "DurableConfig": {"ExecutionTimeout": record.timeout_s,
                          "RetentionPeriodInDays": record.retention_days},
        "TraceHeader": {"XAmznTraceId": record.trace},
        "ExecutionDataIncluded": include_execution_data,
    }
    if record.is_open:
        found["ExpectedExecutionTimeoutTimestamp"] = record.deadline_ms / 1000
    if record.pause:
        found["PauseDetails"] = {"PauseRequestTimestamp": record.pause.requested_ms / 1000,
                                 "ExecutionTimeoutPaused": record.pause.stops_clock}
    if include_execution_data:
        if record.pause and record.pause.reason is not None:
            found["PauseDetails"]["Reason"] = record.pause.reason
        output = outputs.get(call, record.id) or Output()
        first = operations.get(call, record.id, 0)
        data = {"InputPayload": first.result if first else None, "Result": output.result,
                "Error": output.error}
        found |= {key: value for key, value in data.items() if value is not None}
    return found


@lambda_.operation
def list_durable_executions_by_function(
    call: Call,
    function_name: str,
    qualifier: str | None = None,
    durable_execution_name: str | None = None,
    statuses: list[str] | None = None,
    started_after: datetime | None = None,
    started_before: datetime | None = None,
    reverse_order: bool = False,
    marker: str | None = None,
    max_items: int | None = None,
) -> Config:
    """The executions of a function, the newest first, or the oldest with ``reverse_order``."""
    name = name_of(call, function_name, qualifier)
    function(call, name.name)
    of_version = version(call, name.name, name.qualifier).version if name.qualifier else ""
    if marker and not is_id(marker):
        raise InvalidParameterValueException("Invalid Marker")
    limit = max_items or DURABLE_PAGE
    after_ms = None if started_after is None else round(started_after.timestamp() * 1000)
    before_ms = None if started_before is None else round(started_before.timestamp() * 1000)
    found: list[Execution] = []
    for id in _ids(call, name.name, statuses, durable_execution_name, after_ms, before_ms, marker,
                   reverse_order):
        record = executions.get(call, name.name, id)
        if record is None or (of_version and record.version != of_version):
            continue
        if after_ms is not None and record.started_ms <= after_ms:
            if reverse_order:
                continue
            break
        if before_ms is not None and record.started_ms >= before_ms:
            if reverse_order:
                break
            continue
        if len(found) == limit:
            return {"DurableExecutions": [_summary(call, one) for one in found], "NextMarker": found[-1].id}
        found.append(record)
    return {"DurableExecutions": [_summary(call, one) for one in found]}


def _ids(call: Call, function: str, statuses: list[str] | None, name: str | None, after_ms: int | None,
         before_ms: int | None, marker: str | None, oldest_first: bool) -> Iterator[str]:
    """The ids of a function's executions in order, from where a page begins."""
    wanted = set(statuses or STATUSES)
    if name is not None:
        named = sorted((record.id for _, record in executions.find(call, "name", function, name)
                        if record.status in wanted), reverse=not oldest_first)
        yield from (id for id in named if not marker or (id > marker if oldest_first else id < marker))
        return
    edges = [marker] if marker else []
    if oldest_first and after_ms is not None:
        edges.append(id_before(after_ms))
    if not oldest_first and before_ms is not None:
        edges.append(id_before(before_ms))
    edge = (max(edges) if oldest_first else min(edges)) if edges else None
    streams = [
        (str(key[2]) for key, _ in by_status.items(
            call, function, status, after=None if edge is None else (function, status, edge),
            reverse=not oldest_first))
        for status in STATUSES if status in wanted
    ]
    yield from heapq.merge(*streams, reverse=not oldest_first)


@lambda_.operation
def stop_durable_execution(call: Call, durable_execution_arn: str, error: Config | None = None) -> Config:
    """End an execution that has not ended; one that has stays as it is."""
    check_error(error)
    record = find(call, durable_execution_arn)
    if record.is_open:
        close(call, record, STOPPED, error=error or {})
    return {"StopTimestamp": record.ended_ms / 1000}


@lambda_.operation
def delete_durable_execution(call: Call, durable_execution_arn: str) -> Config:
    """Erase an execution that has ended."""
    record = find(call, durable_execution_arn)
    if record.is_open or record.status == DELETING:
        raise ResourceConflictException(
            f"The durable execution is {record.status}: only one that has ended can be deleted.")
    enter(call, record, DELETING)
    save(call, record)
    timers.schedule(call, forget_execution, at_ms=call.now_ms, id=f"lambda/durable/{record.id}/delete",
                    function=record.function, execution=record.id)
    return {"DeletionRequestTimestamp": call.now_ms / 1000}


def _summary(call: Call, record: Execution) -> Config:
    found: Config = {
        "DurableExecutionArn": execution_arn(call, record),
        "DurableExecutionName": record.name,
        "FunctionArn": arn_of(call, record.function, record.version),
        "Status": record.status,
        "StartTimestamp": record.started_ms / 1000,
    }
    if record.ended_ms:
        found["EndTimestamp"] = record.ended_ms / 1000
    return found
