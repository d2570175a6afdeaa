"""How operations and executions end: by the clock, from outside, or because the function said so.

What ends is written, told to whoever waits for it (a caller, the execution that invoked this one, a
destination) and followed by what comes next in one transaction, so a crash leaves none of it half done.
"""

from typing import Any

import msgspec

from ....fabric import timers
from ....kernel import Call
from ..asynchronous import conclude
from ..limits import DAY_MS
from ..records import Name
from ..service import lambda_
from .executions import (
    FAILED,
    STOPPED,
    SUCCEEDED,
    TIMED_OUT,
    Execution,
    Output,
    bell_of,
    by_status,
    enter,
    executions,
    limit_time,
    outputs,
    parts_of,
    save,
)
from .history import events, note, outcome
from .operations import PENDING, READY, STARTED, Operation, changed, operations, pending, silence, size_of
from .starting import function_error

Error = dict[str, Any]
_WORDS = {SUCCEEDED: "Succeeded", FAILED: "Failed", TIMED_OUT: "TimedOut", STOPPED: "Stopped"}
_NOUNS = {"CALLBACK": "Callback", "CHAINED_INVOKE": "ChainedInvoke"}


def settle(call: Call, execution: Execution, operation: Operation, status: str, *, result: str | None = None,
           error: Error | None = None) -> None:
    """End a callback or a chained invocation from outside. Who calls keeps the execution."""
    silence(call, operation)
    operation.status, operation.ended_ms = status, call.now_ms
    operation.result, operation.error = result, error
    execution.stored += size_of(result, error)
    note(call, execution, f"{_NOUNS[operation.type]}{_WORDS[status]}", operation,
         **outcome(result, error, failed=status != SUCCEEDED))
    changed(call, execution, operation)


def close(call: Call, execution: Execution, status: str, *, result: str | None = None,
          error: Error | None = None) -> None:
    """End an execution, and keep it."""
    for operation in pending(call, execution):
        silence(call, operation)
    limit_time(call, execution, 0)
    enter(call, execution, status)
    execution.ended_ms = call.now_ms
    execution.invocation, execution.unseen, execution.owed = "", [], False
    execution.pause = execution.answer = None
    known = outputs.get(call, execution.id)
    outputs.put(call, execution.id, record=Output(result, error, known.log if known else ""))
    note(call, execution, f"Execution{_WORDS[status]}", **outcome(result, error, failed=status != SUCCEEDED))
    timers.schedule(call, forget_execution, at_ms=_forgotten_ms(execution), id=_forgetting(execution),
                    function=execution.function, execution=execution.id)
    save(call, execution)
    call.tx.ring(bell_of(call, execution.id))
    _report(call, execution, result, error)


def _report(call: Call, execution: Execution, result: str | None, error: Error | None) -> None:
    """Tell those who wait for the end: the execution that invoked this one, or the event's destination."""
    if execution.parent:
        if execution.status == TIMED_OUT:
            error = {"ErrorType": "ChainedInvoke.Timeout",
                     "ErrorMessage": f"CHAINED_INVOKE timed out after {execution.timeout_s} seconds."}
        function, id = parts_of(execution.parent)
        settle_chained(call, function, id, execution.operation, execution.status, result, error)
    if execution.event:
        first = operations.get(call, execution.id, 0)
        name = Name(execution.function, execution.qualifier, call.account, call.region)
        event = (first.result if first else None) or ""
        failed = execution.status != SUCCEEDED
        answer = function_error(error) if failed else _as_json(result)
        conclude(call, name, event.encode(), execution.event, execution.version, answer, failed=failed)


def _as_json(result: str | None) -> bytes:
    """A result as a destination's envelope can hold it: one that is no JSON becomes a text."""
    try:
        msgspec.json.decode(result or "null")
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode(result)
    return (result or "null").encode()


def settle_chained(call: Call, function: str, execution: str, number: int, status: str, result: str | None,
                   error: Error | None) -> None:
    """A function that an execution invoked is done: end the operation, if anybody still waits for it."""
    parent = executions.get(call, function, execution)
    operation = operations.get(call, execution, number)
    if parent and parent.is_open and operation and operation.status == STARTED:
        settle(call, parent, operation, status, result=result, error=error)
        save(call, parent)


@lambda_.task
def fall_due(call: Call, *, function: str, execution: str, number: int) -> None:
    """The moment of an operation has come: a wait is over, a step is ready again, a callback is too late."""
    record, operation = executions.get(call, function, execution), operations.get(call, execution, number)
    if record is None or not record.is_open or operation is None or not operation.is_pending:
        return
    if operation.type == "WAIT":
        operation.status, operation.ended_ms = SUCCEEDED, call.now_ms
        note(call, record, "WaitSucceeded", operation, Duration=operation.seconds)
        changed(call, record, operation)
    elif operation.type == "STEP" and operation.status == PENDING:
        operation.status, operation.due_ms = READY, 0
        changed(call, record, operation)
    else:
        moments = [at_ms for at_ms in (operation.due_ms, operation.heartbeat_ms) if at_ms]
        if min(moments, default=0) > call.now_ms:
            return  # a heartbeat came at the last moment, and brought a timer of its own
        error = {"ErrorType": "Callback.Timeout", "ErrorMessage": "Callback timed out"}
        if operation.heartbeat_ms == min(moments, default=0):
            error = {"ErrorType": "Callback.Heartbeat", "ErrorMessage": "Callback timed out on heartbeat"}
        settle(call, record, operation, TIMED_OUT, error=error)
    save(call, record)


@lambda_.task
def time_out_execution(call: Call, *, function: str, execution: str) -> None:
    """An execution has had its time."""
    record = executions.get(call, function, execution)
    if record is not None and record.is_open:
        close(call, record, TIMED_OUT,
              error={"ErrorMessage": f"Execution timed out after {record.timeout_s} seconds."})


@lambda_.task
def forget_execution(call: Call, *, function: str, execution: str) -> None:
    """Erase an execution with all it remembers."""
    record = executions.get(call, function, execution)
    if record is None:
        return
    timers.cancel(call, at_ms=_forgotten_ms(record), id=_forgetting(record))
    for key, _ in list(operations.items(call, execution)):
        operations.delete(call, *key)
    for key, _ in list(events.items(call, execution)):
        events.delete(call, *key)
    outputs.delete(call, execution)
    by_status.delete(call, function, record.status, execution)
    executions.delete(call, function, execution)


def _forgotten_ms(execution: Execution) -> int:
    return execution.ended_ms + execution.retention_days * DAY_MS


def _forgetting(execution: Execution) -> str:
    return f"lambda/durable/{execution.id}/forget"

