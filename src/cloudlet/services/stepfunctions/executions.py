"""Standard executions as those see them who look after them: one, many, stopped."""

import heapq
from collections.abc import Iterator
from typing import Any

from ...errors import ValidationException
from ...kernel import Call
from ...store.keys import Key
from ...workflow.records import Stop
from . import engine, history, redriving
from .errors import InvalidToken, ResourceNotFound, StateMachineTypeNotSupported
from .maps import map_runs
from .naming import MAP_RUN, execution_arn, machine_arn, read
from .paging import after, page
from .records import (
    EXPRESS,
    RUNNING,
    STATUSES,
    SUCCEEDED,
    Config,
    Execution,
    executions,
    find_execution,
    find_machine,
    listed,
)
from .service import stepfunctions

_ALL = "ALL_DATA"


@stepfunctions.operation
def describe_execution(call: Call, execution_arn: str, included_data: str = _ALL) -> Config:
    """An execution, with its input, and its output or error once it has ended."""
    record = find_execution(call, execution_arn)
    return described(call, record, data=included_data == _ALL)


def described(call: Call, record: Execution, *, data: bool = True) -> Config:
    """An execution as DescribeExecution has it."""
    found = summary(call, record) | {"redriveCount": record.redrives, **redriving.status(call, record)}
    found.pop("itemCount", None)
    if record.trace:
        found["traceHeader"] = record.trace
    if data:
        found |= {"input": (history.first(call, record).details or {}).get("input", "{}"),
                  "inputDetails": {"included": True}}
    if record.status not in (RUNNING, SUCCEEDED) and data:
        details = history.last(call, record).details or {}
        found |= {name: details[name] for name in ("error", "cause") if name in details}
    if record.status == SUCCEEDED and data:
        found |= {"output": (history.last(call, record).details or {}).get("output"),
                  "outputDetails": {"included": True}}
    return found


def summary(call: Call, record: Execution) -> Config:
    """An execution as lists have it."""
    found: Config = {
        "executionArn": execution_arn(call, record.machine, record.name), "name": record.name,
        "stateMachineArn": machine_arn(call, record.machine), "status": record.status,
        "startDate": record.started_ms / 1000}
    if record.stopped_ms:
        found["stopDate"] = record.stopped_ms / 1000
    for name, qualifier in (("stateMachineVersionArn", record.version),
                            ("stateMachineAliasArn", record.alias)):
        if qualifier:
            found[name] = machine_arn(call, record.machine, qualifier)
    if record.redrives:
        found |= {"redriveCount": record.redrives, "redriveDate": record.redriven_ms / 1000}
    if record.map_run:
        found |= {"mapRunArn": record.map_run, "itemCount": record.items}
    return found


@stepfunctions.operation
def list_executions(call: Call, state_machine_arn: str | None = None, status_filter: str | None = None,
                    max_results: int | None = None, next_token: str | None = None,
                    map_run_arn: str | None = None, redrive_filter: str | None = None) -> Config:
    """Executions of a state machine, a version, an alias or a Map Run, the newest first."""
    if (state_machine_arn is None) == (map_run_arn is None):
        raise ValidationException("Must specify exactly one of stateMachineArn and mapRunArn")
    place = _place(call, state_machine_arn, map_run_arn)
    wanted = STATUSES if status_filter is None else (status_filter,)

    def rows() -> Iterator[tuple[Key, Execution]]:
        for key in _entries(call, place, wanted, after(next_token)):
            entry = listed.get(call, place, *key)
            record = executions.get(call, entry.machine, entry.name) if entry else None
            if record and redrive_filter in (None, "REDRIVEN" if record.redrives else "NOT_REDRIVEN"):
                yield key, record

    return page("executions", rows(), max_results, lambda one: summary(call, one))


def _place(call: Call, machine: str | None, map_run: str | None) -> str:
    if map_run is not None:
        read(map_run, MAP_RUN)
        if map_runs.get(call, map_run) is None:
            raise ResourceNotFound(f"Resource not found: '{map_run}'", resourceName=map_run)
        return map_run
    found, named = find_machine(call, machine or "")
    if found.kind == EXPRESS:
        raise StateMachineTypeNotSupported
    return named.name + (f":{named.rest}" if named.rest else "")


def _entries(call: Call, place: str, statuses: tuple[str, ...], last: Key | None) -> Iterator[Key]:
    """Status, moment and id of the executions in a list, the newest first."""
    if last is not None and len(last) != 3:
        raise InvalidToken

    def of(status: str) -> Iterator[tuple[Any, Key]]:
        edge = None if last is None else (place, status, last[1], last[2])
        for key, _ in listed.items(call, place, status, after=edge):
            yield (key[2], key[3]), (status, key[2], key[3])

    streams = [of(status) for status in statuses if status in STATUSES]
    for _, key in heapq.merge(*streams, key=lambda one: one[0]):
        yield key


@stepfunctions.operation
def stop_execution(call: Call, execution_arn: str, error: str | None = None,
                   cause: str | None = None) -> Config:
    """Stop an execution; one that has ended stays as it is."""
    record = find_execution(call, execution_arn)
    if record.status == RUNNING:
        engine.drive(call, record, Stop(error, cause))
    return {"stopDate": record.stopped_ms / 1000}


