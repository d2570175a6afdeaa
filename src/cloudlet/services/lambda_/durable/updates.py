"""The state machine of operations: what a checkpoint may ask of each type, and what comes of it.

Updates are applied one after another; one that is refused takes the whole checkpoint with it, because the
transaction ends there. AWS's words for a refusal are those of its own testing library.
"""

from collections.abc import Callable
from typing import Any

from ....kernel import Call
from ..errors import InvalidParameterValueException
from ..limits import (
    DURABLE_CHAINED_PAYLOAD,
    DURABLE_OPERATIONS,
    DURABLE_PAYLOAD,
    DURABLE_STORAGE,
)
from . import chains
from .callbacks import callback_id
from .endings import close
from .executions import FAILED, SUCCEEDED, Execution
from .history import note, outcome
from .operations import (
    CANCELLED,
    PENDING,
    READY,
    STARTED,
    Operation,
    alarm,
    by_id,
    check_error,
    hide_inside,
    keep,
    silence,
    size_of,
    tell,
)

Update = dict[str, Any]
Apply = Callable[[Call, Execution, Update, Operation | None], None]
_ACTIONS = {
    "EXECUTION": {"SUCCEED", "FAIL"},
    "CONTEXT": {"START", "SUCCEED", "FAIL"},
    "STEP": {"START", "SUCCEED", "FAIL", "RETRY"},
    "WAIT": {"START", "CANCEL"},
    "CALLBACK": {"START"},
    "CHAINED_INVOKE": {"START"},
}
_OPTIONS = {"CONTEXT": "ContextOptions", "STEP": "StepOptions", "WAIT": "WaitOptions",
            "CALLBACK": "CallbackOptions", "CHAINED_INVOKE": "ChainedInvokeOptions"}


def refused(message: str) -> InvalidParameterValueException:
    """An update that can't be applied."""
    return InvalidParameterValueException(message)


def apply(call: Call, execution: Execution, updates: list[Update]) -> None:
    """Apply the updates of one checkpoint. Who calls keeps the execution if it is still open."""
    _check_together(updates)
    for update in updates:
        _check(execution, update)
        if update["Type"] == "EXECUTION":
            _end_execution(call, execution, update)
            return
        known = by_id(call, execution, update["Id"])
        if known is not None:
            _check_same(known, update)
        if update.get("ParentId"):
            parent = by_id(call, execution, update["ParentId"])
            if parent is None or parent.type != "CONTEXT":
                raise refused("Invalid parent operation id.")
        _WAYS[update["Type"]](call, execution, update, known)


def _check_together(updates: list[Update]) -> None:
    """What is asked of the updates of one checkpoint as a whole."""
    kinds = [update["Type"] for update in updates]
    if kinds.count("EXECUTION") > 1:
        raise refused("Cannot checkpoint multiple EXECUTION updates.")
    if "EXECUTION" in kinds[:-1]:
        raise refused("EXECUTION checkpoint must be the last update.")
    seen: dict[str, Update] = {}
    for update in updates:
        before = seen.get(update["Id"])
        if before is not None and (before["Type"] not in ("STEP", "CONTEXT") or before["Action"] != "START"
                                   or update["Action"] == "START"):
            raise refused("Cannot checkpoint multiple operations with the same ID.")
        seen[update["Id"]] = update


def _check(execution: Execution, update: Update) -> None:
    """What is asked of any update."""
    kind, action = update["Type"], update["Action"]
    if action not in _ACTIONS[kind]:
        raise refused("Invalid action for the given operation type.")
    for other, option in _OPTIONS.items():
        if other != kind and update.get(option) is not None:
            raise refused(f"Invalid {option} for the given operation type.")
    payload, error = update.get("Payload"), update.get("Error")
    if action == "SUCCEED" and error is not None:
        raise refused("Cannot provide an Error for SUCCEED action.")
    if action == "FAIL" and payload is not None:
        raise refused("Cannot provide a Payload for FAIL action.")
    check_error(error)
    limit, what = DURABLE_PAYLOAD, kind
    if kind == "EXECUTION":
        limit, what = execution.output_limit, "Execution output"
    elif kind == "CHAINED_INVOKE":
        limit, what = DURABLE_CHAINED_PAYLOAD, "CHAINED_INVOKE input"
    if size_of(payload) > limit:
        raise refused(f"{what} payload size must be less than or equal to {limit} bytes.")
    execution.stored += size_of(payload, error)
    if execution.stored > DURABLE_STORAGE:
        raise refused(f"A durable execution can store at most {DURABLE_STORAGE} bytes.")


def _check_same(known: Operation, update: Update) -> None:
    """An operation stays what it was."""
    for member, value, what in (("Type", known.type, "type"), ("SubType", known.sub_type, "subtype"),
                                ("Name", known.name, "name"), ("ParentId", known.parent, "parent id")):
        if update.get(member) is not None and update[member] != value:
            said = "parent operation id" if member == "ParentId" else f"operation {what}"
            raise refused(f"Inconsistent {said}.")


def _count(execution: Execution) -> None:
    execution.operations += 1
    if execution.operations > DURABLE_OPERATIONS:
        raise refused(f"A durable execution can have at most {DURABLE_OPERATIONS} operations.")


def _create(call: Call, execution: Execution, update: Update) -> Operation:
    """A new operation; what starts inside a context that has ended is told no more."""
    _count(execution)
    record = Operation(
        execution.id, execution.operations, update["Id"], update["Type"], call.now_ms,
        parent=update.get("ParentId") or "",
        name=update.get("Name") or "", sub_type=update.get("SubType") or "")
    context = by_id(call, execution, record.parent) if record.parent else None
    record.hidden = bool(context and (context.hidden or (context.ended_ms and not context.replay)))
    return record


def _kept(call: Call, execution: Execution, record: Operation) -> None:
    keep(call, record)
    tell(execution, record)


def _end_execution(call: Call, execution: Execution, update: Update) -> None:
    if update["Action"] == "SUCCEED":
        close(call, execution, SUCCEEDED, result=update.get("Payload"))
    else:
        close(call, execution, FAILED, error=update.get("Error"))


def _context(call: Call, execution: Execution, update: Update, known: Operation | None) -> None:
    replay = (update.get("ContextOptions") or {}).get("ReplayChildren")
    if update["Action"] == "START":
        if known is not None:
            raise refused("Cannot start a CONTEXT that already exist.")
        record = _create(call, execution, update)
        record.replay = bool(replay)
        note(call, execution, "ContextStarted", record)
        _kept(call, execution, record)
        return
    if known is not None and known.status != STARTED:
        raise refused("Invalid current CONTEXT state to close.")
    record = known or _create(call, execution, update)
    failed = update["Action"] == "FAIL"
    record.status, record.ended_ms = FAILED if failed else SUCCEEDED, call.now_ms
    record.result, record.error = update.get("Payload"), update.get("Error")
    record.replay = record.replay if replay is None else replay
    note(call, execution, "ContextFailed" if failed else "ContextSucceeded", record,
         **outcome(record.result, record.error, failed=failed))
    _kept(call, execution, record)
    if not record.replay:
        hide_inside(call, record)


def _step(call: Call, execution: Execution, update: Update, known: Operation | None) -> None:
    action, options = update["Action"], update.get("StepOptions") or {}
    delay_s: int = options.get("NextAttemptDelaySeconds") or 0
    if (action == "RETRY") != bool(delay_s):
        raise refused("Invalid StepOptions for the given action.")
    if action == "START":
        if known is not None and known.status != READY:
            raise refused("Invalid current STEP state to start.")
        record = known or _create(call, execution, update)
        record.status = STARTED
        note(call, execution, "StepStarted", record)
        _kept(call, execution, record)
        return
    if known is not None and known.status not in (STARTED, READY):
        raise refused(f"Invalid current STEP state to {'re-attempt' if action == 'RETRY' else 'close'}.")
    if action == "RETRY" and update.get("Error") is not None and update.get("Payload") is not None:
        raise refused("Cannot provide both error and payload to RETRY a STEP.")
    record = known or _create(call, execution, update)
    record.attempt += 1
    record.result, record.error = update.get("Payload"), update.get("Error")
    failed = action == "FAIL" or (action == "RETRY" and record.error is not None)
    retry: Update = {"CurrentAttempt": record.attempt}
    if action == "RETRY":
        _count(execution)
        record.status, record.due_ms = PENDING, call.now_ms + delay_s * 1000
        retry["NextAttemptDelaySeconds"] = delay_s
        alarm(call, execution, record)
    else:
        record.status, record.ended_ms = FAILED if failed else SUCCEEDED, call.now_ms
    note(call, execution, "StepFailed" if failed else "StepSucceeded", record,
         **outcome(record.result, record.error, failed=failed), RetryDetails=retry)
    _kept(call, execution, record)


def _wait(call: Call, execution: Execution, update: Update, known: Operation | None) -> None:
    if update["Action"] == "CANCEL":
        if known is None or known.status != STARTED:
            raise refused("Cannot cancel a WAIT that does not exist or has already completed.")
        silence(call, known)
        known.status, known.ended_ms, known.error = CANCELLED, call.now_ms, update.get("Error")
        note(call, execution, "WaitCancelled", known, **outcome(None, known.error, failed=True))
        _kept(call, execution, known)
        return
    if known is not None:
        raise refused("Cannot start a WAIT that already exist.")
    seconds = (update.get("WaitOptions") or {}).get("WaitSeconds")
    if seconds is None:
        raise refused("Update for WAIT operation requires WaitOptions.")
    record = _create(call, execution, update)
    record.seconds, record.due_ms = seconds, call.now_ms + seconds * 1000
    note(call, execution, "WaitStarted", record, Duration=seconds, ScheduledEndTimestamp=record.due_ms / 1000)
    _kept(call, execution, record)
    alarm(call, execution, record)


def _callback(call: Call, execution: Execution, update: Update, known: Operation | None) -> None:
    if known is not None:
        raise refused("Cannot start a CALLBACK that already exist.")
    options = update.get("CallbackOptions") or {}
    timeout_s, heartbeat_s = options.get("TimeoutSeconds") or 0, options.get("HeartbeatTimeoutSeconds") or 0
    record = _create(call, execution, update)
    record.callback = callback_id(call, execution, record)
    record.due_ms = call.now_ms + timeout_s * 1000 if timeout_s else 0
    record.heartbeat_s = heartbeat_s
    record.heartbeat_ms = call.now_ms + heartbeat_s * 1000 if heartbeat_s else 0
    note(call, execution, "CallbackStarted", record, CallbackId=record.callback, Timeout=timeout_s or None,
         HeartbeatTimeout=heartbeat_s or None)
    _kept(call, execution, record)
    alarm(call, execution, record)


def _chained_invoke(call: Call, execution: Execution, update: Update, known: Operation | None) -> None:
    if known is not None:
        raise refused("Cannot start a CHAINED_INVOKE operation that already exists.")
    options = update.get("ChainedInvokeOptions")
    if options is None:
        raise refused("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")
    record = _create(call, execution, update)
    _kept(call, execution, record)
    chains.start(call, execution, record, options, update.get("Payload"))


_WAYS: dict[str, Apply] = {"CONTEXT": _context, "STEP": _step, "WAIT": _wait, "CALLBACK": _callback,
                           "CHAINED_INVOKE": _chained_invoke}
