"""How an execution starts, and how a caller waits for its end.

A name makes a start idempotent: the same name with the same payload is the same execution, for as long as it
is kept. An execution runs on one version from its start to its end.
"""

from functools import partial
from typing import Any

import msgspec

from ....functions import Outcome
from ....kernel import Call, Conversation
from ..errors import DurableExecutionAlreadyStartedException, InvalidParameterValueException
from ..limits import ASYNC_PAYLOAD, DURABLE_OUTPUT, TIMEOUT_S
from ..records import Name, Version
from .executions import (
    DELETING,
    RUNNING,
    SUCCEEDED,
    Execution,
    Output,
    bell_of,
    enter,
    execution_arn,
    executions,
    limit_time,
    new_id,
    outputs,
    save,
    wake,
)
from .history import note, payload
from .operations import Operation, keep, operations


class Start(msgspec.Struct):
    """What an execution starts with."""

    version: Version
    input: str | None
    name: str = ""
    event: str = ""  # the id of an asynchronous event
    qualifier: str = ""  # that it is for
    parent: str = ""  # the ARN of the execution that invokes it
    operation: int = 0
    client_context: str = ""
    tail: bool = False


def check(version: Version, qualifier: str, *, waits: bool) -> None:
    """What AWS asks of those who invoke a durable function."""
    if not qualifier:
        raise InvalidParameterValueException("You cannot invoke a durable function using an unqualified ARN.")
    if waits and version.durable["ExecutionTimeout"] > TIMEOUT_S:
        raise InvalidParameterValueException(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than "
            "15 minutes.")


def start(call: Call, wanted: Start) -> Execution:
    """Start an execution, or find the one of that name that was started with the same payload."""
    version = wanted.version
    if wanted.name:
        for _, known in executions.find(call, "name", version.name, wanted.name):
            same = known.version == version.version and _input(call, known) == wanted.input
            if not same or known.status == DELETING:
                raise DurableExecutionAlreadyStartedException(
                    f"Execution already started: {execution_arn(call, known)}")
            return known
    id, now = new_id(call), call.now_ms
    timeout_s = version.durable["ExecutionTimeout"]
    limit = ASYNC_PAYLOAD if wanted.event or wanted.parent else DURABLE_OUTPUT
    record = Execution(
        id, version.name, version.version, wanted.name or id, now, timeout_s,
        version.durable["RetentionPeriodInDays"], 0, limit, event=wanted.event, qualifier=wanted.qualifier,
        parent=wanted.parent, operation=wanted.operation, trace=call.trace.header(),
        client_context=wanted.client_context, tail=wanted.tail, stored=len(wanted.input or ""))
    keep(call, Operation(id, 0, id, "EXECUTION", now, name=record.name, result=wanted.input))
    note(call, record, "ExecutionStarted", Input=payload(wanted.input), ExecutionTimeout=timeout_s)
    enter(call, record, RUNNING)
    limit_time(call, record, now + timeout_s * 1000)
    wake(call, record)
    save(call, record)
    return record


def _input(call: Call, record: Execution) -> str | None:
    first = operations.get(call, record.id, 0)
    return first.result if first else None


def accept(call: Call, name: Name, version: Version, event: bytes, id: str, execution_name: str) -> str:
    """Start an execution that nobody waits for; its ARN comes back."""
    check(version, name.qualifier, waits=False)
    wanted = Start(version, text_of(event), execution_name, event=id, qualifier=name.qualifier)
    return execution_arn(call, start(call, wanted))


def refuse_name(name: str) -> None:
    """A function that is not durable has no executions to be named."""
    if name:
        raise InvalidParameterValueException(
            "DurableExecutionName can only be given to a function that is durable.")


def text_of(event: bytes) -> str | None:
    """An event as the input of an execution; none if there is none."""
    return event.decode() if event else None


async def run(call: Conversation, name: Name, version: Version, event: bytes, *, client_context: str,
              execution_name: str, tail: bool) -> Outcome:
    """Start an execution and wait for its end, as a synchronous caller does."""
    check(version, name.qualifier, waits=True)
    wanted = Start(version, text_of(event), execution_name, client_context=client_context, tail=tail)

    def begin(inner: Call) -> tuple[str, str]:
        record = start(inner, wanted)
        return record.id, execution_arn(inner, record)

    id, arn = await call.transact(begin)
    found = await call.until(partial(_ended, version.name, id), bell_of(call, id),
                             deadline_ms=call.now_ms + TIMEOUT_S * 1000)
    if found is None:
        late = {"ErrorType": "Sandbox.Timedout",
                "ErrorMessage": f"{call.id} Task timed out after {TIMEOUT_S:.2f} seconds"}
        return Outcome(function_error(late), "Sandbox.Timedout", execution=arn)
    record, output = found
    if record.status == SUCCEEDED:
        outcome = Outcome((output.result or "").encode(), execution=arn)
    else:
        outcome = Outcome(function_error(output.error), "Unhandled", execution=arn)
    outcome.log = [(0, line) for line in output.log.splitlines()]
    return outcome


def _ended(function: str, id: str, call: Call) -> tuple[Execution, Output] | None:
    record = executions.get(call, function, id)
    if record is None or record.is_open:
        return None
    return record, outputs.get(call, record.id) or Output()


def function_error(error: dict[str, Any] | None) -> bytes:
    """An error of an execution as a caller of a function gets it."""
    return msgspec.json.encode({key[0].lower() + key[1:]: value for key, value in (error or {}).items()})
