"""The tasks of Standard executions: brief ones in the transaction of their transition, others outside of any.

A task is a timer that is due now. ``perform`` does it, records what came of it and takes the execution on, in
the one transaction that removes the timer: exactly once. ``carry`` waits outside of any transaction; after a
crash it is started again, as AWS may run a task twice.
"""

from typing import Any, NamedTuple

import msgspec

from ...errors import AwsError
from ...identity import Principal, service_principal
from ...kernel import Call, Conversation
from ...telemetry import Trace
from ...workflow import records as flow
from ...workflow.intrinsics import json_text, json_value
from . import engine, integrations, performing, settings
from .compiled import ready
from .errors import StateMachineTypeNotSupported
from .executions import described
from .memory import Rows
from .naming import EXPRESS, execution_arn
from .parameters import taken
from .records import RUNNING, SUCCEEDED, Execution, Waiter, executions, find_execution
from .service import stepfunctions

Task = dict[str, Any]
_BEGUN = "begun"


class _Begun(NamedTuple):
    who: Principal | AwsError
    arn: str
    traced: bool
    trace: str


@stepfunctions.task
def perform(call: Call, *, machine: str, name: str, run: str, work: Task) -> None:
    """Do a task that is one ``def`` operation, and go on."""
    record, effect = engine.find(call, machine, name, run), msgspec.convert(work, type=flow.RunTask)
    if record is None or not engine.is_awaited(call, record, effect.strand, effect.ticket):
        return
    said = _outcome(call, record, effect)
    engine.drive(call, record, flow.Answer(effect.strand, effect.ticket, "started"), said)


def _outcome(call: Call, record: Execution, effect: flow.RunTask) -> performing.Result:
    one = integrations.of(call.kernel.services, effect.resource)
    arn = execution_arn(call, record.machine, record.name)
    before = len(call.seen)
    try:
        with call.tx.savepoint():
            role = ready(call, record.machine, record.revision).role_arn
            principal = settings.acting(call, role, arn)
            given = json_value(effect.parameters)
            if one.pattern.startswith("sync"):
                text = _nested(call, principal, record, effect, taken(one, call.kernel.services, given))
            else:
                text = performing.brief(call, principal, one, given, arn)
    except AwsError as error:
        del call.seen[before:]
        return performing.failed(one, effect, error, call.id, call.kernel.services)
    return performing.answered(one, effect, text)


def _nested(call: Call, principal: Principal, record: Execution, effect: flow.RunTask,
            params: dict[str, Any]) -> str:
    """Start the state machine whose end is waited for; it may be over by now."""
    answer = call.invoke("stepfunctions", "StartExecution", as_principal=principal, **params)
    arn = answer["executionArn"]
    if f":{EXPRESS}:" in arn:
        raise StateMachineTypeNotSupported
    child = find_execution(call, arn)
    child.waiter = Waiter(record.machine, record.name, record.id, effect.strand, effect.ticket,
                          effect.resource.rpartition(".")[2])
    executions.put(call, child.machine, child.name, record=child)
    engine.nest(call, record, effect, arn)
    if child.status != RUNNING:
        engine.tell_waiter(call, child)
    return json_text({"ExecutionArn": arn, "StartDate": round(answer["startDate"] * 1000)})


@stepfunctions.task
async def carry(call: Conversation, *, machine: str, name: str, run: str, work: Task) -> None:
    """Do a task that may wait."""
    effect = msgspec.convert(work, type=flow.RunTask)
    begun = await call.transact(lambda inner: _begin(inner, machine, name, run, effect))
    if begun is None:
        return
    call.trace = Trace.parse(begun.trace) or call.trace
    call.trace = msgspec.structs.replace(call.trace, given=begun.traced)
    said = await performing.outcome(call, begun.who, begun.arn, effect)
    await call.transact(lambda inner: _end(inner, machine, name, run, effect, said))


def _begin(call: Call, machine: str, name: str, run: str, effect: flow.RunTask) -> _Begun | None:
    record = engine.find(call, machine, name, run)
    if record is None or not engine.is_awaited(call, record, effect.strand, effect.ticket):
        return None
    rows = Rows(call, run)
    ticket = str(effect.ticket).encode()
    if rows.get((_BEGUN, effect.strand, 0)) != ticket:  # else a crash has interrupted it
        engine.drive(call, record, flow.Answer(effect.strand, effect.ticket, "started"))
        rows.put((_BEGUN, effect.strand, 0), ticket)
        rows.flush()
    chosen = ready(call, machine, record.revision)
    arn = execution_arn(call, machine, name)
    return _Begun(settings.session(call, chosen.role_arn, arn), arn, chosen.traced, record.trace)


def _end(call: Call, machine: str, name: str, run: str, effect: flow.RunTask,
         said: performing.Result) -> None:
    record = engine.find(call, machine, name, run)
    if record is None:
        return
    rows = Rows(call, run)
    rows.delete((_BEGUN, effect.strand, 0))
    rows.flush()
    engine.drive(call, record, said)


@stepfunctions.task
def sync_ended(call: Call, *, machine: str, name: str, run: str) -> None:
    """An execution has ended whose end a task of another waits for."""
    record = executions.get(call, machine, name)
    waiter = record.waiter if record and record.id == run else None
    parent = engine.find(call, waiter.machine, waiter.name, waiter.run) if waiter else None
    if record is None or waiter is None or parent is None:
        return
    told = _described(call, record, parsed=waiter.form == "sync:2")
    if record.status == SUCCEEDED:
        said: performing.Result = flow.Answer(waiter.strand, waiter.ticket, "done", told)
    else:
        said = flow.Failed(waiter.strand, waiter.ticket, "States.TaskFailed", told)
    engine.drive(call, parent, said)


def _described(call: Call, record: Execution, *, parsed: bool) -> str:
    """An execution as the task that waited for it gets it."""
    found: dict[str, Any] = {}
    for name, value in described(call, record).items():
        if name in ("redriveStatusReason", "redriveCount", "redriveStatus", "traceHeader"):
            continue
        if name in ("input", "output") and parsed:
            value = json_value(value)
        elif name.endswith("Date"):
            value = round(value * 1000)
        elif name.endswith("Details"):
            value = {"Included": True}
        found[name[0].upper() + name[1:]] = value
    return json_text(dict(sorted(found.items())))


@stepfunctions.task
def stop_nested(call: Call, *, arn: str) -> None:
    """Nobody waits any more for an execution that a task had started: it is stopped, as on AWS."""
    itself = service_principal("states", call.account)
    try:
        find_execution(call, arn)
        call.invoke("stepfunctions", "StopExecution", as_principal=itself, executionArn=arn)
    except AwsError:
        return
