"""Logging: what of a history a state machine wants in CloudWatch Logs, as AWS writes it there.

The events are written in the transaction in which they happen. A log group that is gone, or doesn't let them
in, is no reason for an execution to stop.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...identity import service_principal
from ...kernel import Call
from ...workflow.records import Recorded
from .compiled import Ready
from .limits import LOG_BYTES
from .naming import execution_arn
from .records import Config, Execution

_FATAL = frozenset(("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"))
_BATCH_BYTES, _OVERHEAD = 1_048_576, 26  # of a request, and of each event in it
_ERRORS = ("Failed", "TimedOut", "Aborted")
_DATA = frozenset(("input", "output", "inputDetails", "outputDetails", "parameters", "assignedVariables",
                   "assignedVariablesDetails"))


def wanted(logging: Config, events: list[Recorded]) -> list[Recorded]:
    """Those of the events that are to be logged."""
    match logging.get("level"):
        case "ALL":
            return events
        case "ERROR":
            return [one for one in events if one.type.endswith(_ERRORS) or one.type == "FailStateEntered"]
        case "FATAL":
            return [one for one in events if one.type in _FATAL]
    return []


def write(call: Call, record: Execution, chosen: Ready, events: list[Recorded], arn: str = "") -> None:
    """Log what of these events is to be logged."""
    told = wanted(chosen.logging, events)
    if not told:
        return
    arn = arn or execution_arn(call, record.machine, record.name)
    data = bool(chosen.logging.get("includeExecutionData"))
    lines = [{"timestamp": one.at_ms, "message": _line(one, arn, record.redrives, data)} for one in told]
    for destination in chosen.logging.get("destinations", ()):
        group = Arn.parse(destination["cloudWatchLogsLogGroup"]["logGroupArn"]).resource
        _put(call, group.removeprefix("log-group:").removesuffix(":*"), _stream(record), lines)


def _stream(record: Execution) -> str:
    day = datetime.fromtimestamp(record.started_ms / 1000, UTC).strftime("%Y-%m-%d-%H-%M")
    return f"states/{record.machine}/{day}/{record.revision[:8]}"


def _line(event: Recorded, arn: str, redrives: int, data: bool) -> str:
    details = {name: value for name, value in (event.details or {}).items() if data or name not in _DATA}
    text = msgspec.json.encode({
        "id": str(event.id), "type": event.type, "details": details,
        "redrive_count": str(redrives), "previous_event_id": str(event.previous),
        "event_timestamp": str(event.at_ms), "execution_arn": arn})
    return text[:LOG_BYTES].decode("utf-8", "ignore")


def _put(call: Call, group: str, stream: str, lines: list[dict[str, Any]]) -> None:
    itself = service_principal("delivery.logs", call.account)

    def say(operation: str, **more: Any) -> str:
        try:
            with call.tx.savepoint():
                call.invoke("logs", operation, as_principal=itself, logGroupName=group, logStreamName=stream,
                            **more)
        except AwsError as error:
            return error.code
        return ""

    for batch in _batches(lines):
        if say("PutLogEvents", logEvents=batch) == "ResourceNotFoundException" and not say("CreateLogStream"):
            say("PutLogEvents", logEvents=batch)


def _batches(lines: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As much as one request may carry."""
    batch: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        room = len(line["message"].encode()) + _OVERHEAD
        if batch and size + room > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += room
    yield batch
