"""Pausing and resuming an execution.

A pause takes effect where no invocation runs, or at the next checkpoint of the one that does: its updates are
kept, and it is given no further token. What happens outside goes on meanwhile, and is told after the pause.
"""

from typing import Any

from ....kernel import Call
from ..errors import InvalidParameterValueException, ResourceConflictException
from ..limits import DAY_MS, DURABLE_LONGEST_DAYS, DURABLE_TOKEN_MS
from ..service import lambda_
from .executions import PAUSED, PAUSING, RUNNING, Execution, Pause, enter, find, limit_time, save, wake
from .history import note, payload


@lambda_.operation
def pause_durable_execution(
    call: Call,
    durable_execution_arn: str,
    client_token: str | None = None,
    reason: str | None = None,
    execution_timeout_paused: bool = True,
) -> dict[str, Any]:
    """Let an execution rest."""
    record = find(call, durable_execution_arn)
    if _is_repeated(call, record, "pause", client_token, (reason, execution_timeout_paused)):
        return {}
    if record.status != RUNNING:
        raise ResourceConflictException(
            f"The durable execution is {record.status}: only a RUNNING one can be paused.")
    record.pause = Pause(call.now_ms, reason, execution_timeout_paused)
    enter(call, record, PAUSING)
    if not record.invocation:
        take_effect(call, record)
    save(call, record)
    return {}


@lambda_.operation
def resume_durable_execution(
    call: Call, durable_execution_arn: str, client_token: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Let a paused execution go on."""
    record = find(call, durable_execution_arn)
    if _is_repeated(call, record, "resume", client_token, (reason,)):
        return {}
    if record.status not in (PAUSING, PAUSED):
        raise ResourceConflictException(
            f"The durable execution is {record.status}: only a paused one can be resumed.")
    if record.status == PAUSED:
        note(call, record, "ExecutionResumed", ResumeRequestTimestamp=call.now_ms / 1000,
             Reason=payload(reason) if reason is not None else None)
        if record.pause and record.pause.stops_clock:
            limit_time(call, record, min(call.now_ms + record.pause.left_ms, _latest_ms(record)))
    enter(call, record, RUNNING)
    record.pause = None
    if record.owed or record.unseen:
        wake(call, record)
    save(call, record)
    return {}


def take_effect(call: Call, record: Execution) -> None:
    """From now on the execution rests. Who calls keeps it."""
    pause = record.pause
    assert pause is not None
    enter(call, record, PAUSED)
    if pause.stops_clock:
        pause.left_ms = max(record.deadline_ms - call.now_ms, 0)
        limit_time(call, record, _latest_ms(record))
    note(call, record, "ExecutionPaused", PauseRequestTimestamp=pause.requested_ms / 1000,
         Reason=payload(pause.reason) if pause.reason is not None else None,
         ExecutionTimeoutPaused=pause.stops_clock)


def _latest_ms(record: Execution) -> int:
    """When an execution times out at the latest, however long it was paused."""
    return record.started_ms + DURABLE_LONGEST_DAYS * DAY_MS


def _is_repeated(call: Call, record: Execution, verb: str, token: str | None, said: tuple[Any, ...]) -> bool:
    """Whether this request was served before; if not, it is remembered as one that is."""
    record.requests = {key: until_ms for key, until_ms in record.requests.items() if until_ms > call.now_ms}
    if token is None:
        return False
    key = f"{verb} {token}"
    mark = f"{key} {said!r}"
    if mark in record.requests:
        return True
    if any(known.startswith(f"{key} ") for known in record.requests):
        raise InvalidParameterValueException("The client token was used with other parameters before.")
    record.requests[mark] = call.now_ms + DURABLE_TOKEN_MS
    return False
