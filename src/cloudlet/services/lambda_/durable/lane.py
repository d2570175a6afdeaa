"""The lane: the function of an execution is invoked, one invocation after another, never two at once.

Each invocation begins with all that the execution remembers and a token to go on with. One that a crash of
the cloudlet interrupts is run again, because its task is; one that fails or takes too long is tried again a
few times; and one that ends while something is still to be told is followed by the next.
"""

from functools import partial
from typing import Any, NamedTuple

import msgspec

from ....errors import AwsError
from ....functions import Outcome, Pool
from ....kernel import Call, Conversation
from ....telemetry import Trace
from ..errors import ResourceNotFoundException, TooManyRequestsException
from ..limits import DURABLE_ATTEMPTS, DURABLE_PAGE_BYTES, DURABLE_PENDING_ATTEMPTS, DURABLE_RETRY_MS
from ..records import Name
from ..runner import choose, counted_as, run_version
from ..service import lambda_
from .chains import error_of
from .endings import close
from .executions import (
    FAILED,
    PAUSING,
    RUNNING,
    SUCCEEDED,
    Execution,
    Output,
    execution_arn,
    executions,
    outputs,
    save,
    token_of,
    wake,
)
from .history import invoked
from .operations import error_object, has_pending, milliseconds, page, shown, told
from .pausing import take_effect

Error = dict[str, Any]
_LONGEST_PAUSE_MS = 300_000
_LOG_TAIL = 4_096  # characters of the log that Invoke may show


class Begun(NamedTuple):
    """An invocation that is about to run."""

    invocation: str
    version: str
    event: bytes
    trace: str
    client_context: str


@lambda_.task
async def advance_execution(call: Conversation, *, function: str, execution: str, run: str,
                            pauses: int) -> None:
    """Invoke the function of an execution once."""
    begun = await call.transact(partial(_begin, function, execution, run))
    if begun is None:
        return
    call.trace = Trace.parse(begun.trace) or call.trace
    started_ms = call.now_ms
    try:
        outcome = await _invoke(call, Name(function, begun.version, call.account, call.region), begun)
    except TooManyRequestsException:
        await call.transact(partial(_postpone, function, execution, run, pauses))
        return
    except AwsError as error:
        refusal = {"ErrorType": error.code, "ErrorMessage": str(error)}
        gone = isinstance(error, ResourceNotFoundException)
        await call.transact(partial(_refused, function, execution, run, started_ms, refusal, gone))
        return
    await call.transact(partial(_finish, function, execution, run, begun.invocation, started_ms, outcome))


def _begin(function: str, id: str, run: str, call: Call) -> Begun | None:
    """The event for the next invocation; None if there is none to be made."""
    record = executions.get(call, function, id)
    if record is None or not record.is_open or record.run != run:
        return None
    if record.status != RUNNING:  # paused before it began
        record.run, record.owed = "", True
        save(call, record)
        return None
    record.invocation, record.tokens, record.owed, record.answer = call.ids.hex(32), 0, False, None
    first, marker = page(call, record, after=None, limit=-1, size=DURABLE_PAGE_BYTES)
    event = {
        "DurableExecutionArn": execution_arn(call, record),
        "CheckpointToken": token_of(record),
        "InitialExecutionState": {"Operations": [shown(one, milliseconds) for one in first],
                                  "NextMarker": marker},
        "UpdatedOperationIds": [one.id for one in told(call, record, record.unseen)],
    }
    record.unseen = []
    save(call, record)
    return Begun(record.invocation, record.version, msgspec.json.encode(event), record.trace,
                 record.client_context)


async def _invoke(call: Conversation, name: Name, begun: Begun) -> Outcome:
    """Run the version as soon as its function has a place; one that has none at all throttles it."""
    pool, key = call.use(Pool), counted_as(call, name.name)
    chosen = await call.transact(lambda inner: choose(inner, name, 0.0))
    while True:
        try:
            return await run_version(call, name, chosen, begun.event, client_context=begun.client_context,
                                     request_id=call.id)
        except TooManyRequestsException:
            if not pool.turns.running[key]:
                raise
        await pool.turns.wait(key)


def _mine(call: Call, function: str, id: str, run: str) -> Execution | None:
    """The execution, with its lane free again; None if another has taken the lane over."""
    record = executions.get(call, function, id)
    if record is None or record.run != run:
        return None
    record.run = ""
    return record


def _postpone(function: str, id: str, run: str, pauses: int, call: Call) -> None:
    """The function was throttled: come again a while later."""
    record = _mine(call, function, id, run)
    if record is None:
        return
    record.invocation = ""
    if record.status == PAUSING:
        take_effect(call, record)
    record.owed = record.is_open
    wake(call, record, at_ms=call.now_ms + min(1000 * 2**pauses, _LONGEST_PAUSE_MS), pauses=pauses + 1)
    save(call, record)


def _refused(function: str, id: str, run: str, started_ms: int, error: Error, gone: bool, call: Call) -> None:
    """The function could not be invoked at all: it is gone, or its role can't be assumed."""
    record = _mine(call, function, id, run)
    if record is None or not record.is_open:
        return
    record.invocation = ""
    if gone:
        invoked(call, record, started_ms, call.id, error)
        close(call, record, FAILED, error=error)
    else:
        _again(call, record, started_ms, error, DURABLE_ATTEMPTS)


def _finish(function: str, id: str, run: str, invocation: str, started_ms: int, outcome: Outcome,
            call: Call) -> None:
    """An invocation is over: take what it says, unless it has lost the right to say anything."""
    record = _mine(call, function, id, run)
    if record is None:
        return
    if record.tail:
        known = outputs.get(call, id) or Output()
        log = "\n".join(line for _, line in outcome.log)[-_LOG_TAIL:]
        outputs.put(call, id, record=msgspec.structs.replace(known, log=log))
    if not record.is_open or record.invocation != invocation:  # ended, or paused in the midst of it
        invoked(call, record, started_ms, call.id, None)
        _go_on(call, record)
        return
    record.invocation = ""
    if outcome.error:
        _again(call, record, started_ms, error_of(outcome.payload), DURABLE_ATTEMPTS)
        return
    status, result, error, wrong = _read(outcome.payload, record)
    if wrong is None and status == "PENDING" and not (record.unseen or has_pending(call, record)):
        wrong = "Cannot return PENDING status with no pending operations."
    if wrong is not None:
        refusal = {"ErrorType": "InvalidParameterValueException", "ErrorMessage": wrong}
        attempts = DURABLE_PENDING_ATTEMPTS if status == "PENDING" else 1
        _again(call, record, started_ms, refusal, attempts)
        return
    record.failures = 0
    invoked(call, record, started_ms, call.id, error)
    if status == SUCCEEDED:
        close(call, record, SUCCEEDED, result=result)
    elif status == FAILED:
        close(call, record, FAILED, error=error)
    else:
        if record.status == PAUSING:
            take_effect(call, record)
        _go_on(call, record)


def _go_on(call: Call, record: Execution) -> None:
    """Invoke once more what has something to learn."""
    if record.is_open and (record.owed or record.unseen):
        wake(call, record)
    save(call, record)


def _again(call: Call, record: Execution, started_ms: int, error: Error, attempts: int) -> None:
    """An invocation failed: try again after a pause that grows, or give the execution up."""
    invoked(call, record, started_ms, call.id, error)
    record.failures += 1
    if record.failures >= attempts:
        close(call, record, FAILED, error=error)
        return
    if record.status == PAUSING:
        take_effect(call, record)
    record.owed = True
    wake(call, record, at_ms=call.now_ms + DURABLE_RETRY_MS[record.failures - 1])
    save(call, record)


def _read(body: bytes, record: Execution) -> tuple[str, str | None, Error | None, str | None]:
    """Status, result and error that a function answers, and what is wrong with the answer."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    status = said.get("Status") if isinstance(said, dict) else None
    if not isinstance(said, dict) or status not in (SUCCEEDED, FAILED, "PENDING"):
        return "", None, None, "Invalid Status in invocation output."
    result, error = said.get("Result"), said.get("Error")
    wrong = None
    if not (result is None or isinstance(result, str)) or not (error is None or isinstance(error, dict)):
        wrong = "Invalid invocation output."
    elif status == SUCCEEDED and error is not None:
        wrong = "Cannot provide an Error for SUCCEEDED status."
    elif status == FAILED and result is not None:
        wrong = "Cannot provide a Result for FAILED status."
    elif len((result or "").encode()) > record.output_limit:
        wrong = f"Execution output payload size must be less than or equal to {record.output_limit} bytes."
    return status, result, None if error is None or wrong else error_object(error), wrong
