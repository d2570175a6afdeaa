"""How executions start: which revision they get, what their name promises, and what they know of themselves.

A Standard execution's name makes a start idempotent: with the same input it is the same execution for as long
as that runs, else it exists already, for 90 days after its end. An Express execution that nobody waits for is
a timer before it is answered: it survives a crash, after which it begins anew, as AWS's may.
"""

from typing import NamedTuple

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...workflow import records as flow
from . import engine, express, history, limits, reporting
from .aliases import chosen
from .compiled import ready
from .errors import (
    ExecutionAlreadyExists,
    InvalidExecutionInput,
    StateMachineDeleting,
)
from .naming import EXPRESS as EXPRESS_ARN
from .naming import check, execution_arn, machine_arn
from .records import (
    EXPRESS,
    RUNNING,
    Config,
    Execution,
    Machine,
    aliases,
    enter,
    executions,
    find_machine,
    no_machine,
    versions,
)
from .service import stepfunctions


class Chosen(NamedTuple):
    """What a new execution runs."""

    machine: Machine
    revision: str
    version: str = ""
    alias: str = ""


@stepfunctions.operation
def start_execution(call: Call, state_machine_arn: str, name: str | None = None, input: str | None = None,
                    trace_header: str | None = None) -> Config:
    """Start an execution."""
    return begin(call, state_machine_arn, name, input, trace_header)


def begin(call: Call, arn: str, name: str | None, text: str | None, trace: str | None = None) -> Config:
    """Start an execution of whatever kind its state machine is."""
    found = choose(call, arn)
    text = checked(text)
    name = check(name) if name is not None else call.ids.uuid()
    if found.machine.kind == EXPRESS:
        return _begin_express(call, found, name, text, trace)
    known = executions.get(call, found.machine.name, name)
    if known is not None:
        details = history.first(call, known).details or {}
        if known.status != RUNNING or details.get("input") != text:
            raise ExecutionAlreadyExists(
                f"Execution Already Exists: '{execution_arn(call, known.machine, name)}'")
        return _answer(call, known)
    record = Execution(new_id(call), name, found.machine.name, found.revision, call.now_ms,
                       version=found.version, alias=found.alias, trace=trace or "")
    run(call, record, text)
    return _answer(call, record)


def run(call: Call, record: Execution, text: str, start_at: str = "") -> None:
    """Let a new execution begin, in this transaction."""
    enter(call, record, RUNNING)
    reporting.changed(call, record, text)
    arn = execution_arn(call, record.machine, record.name)
    engine.drive(call, record, flow.Start(origin(call, record, arn, start_at), text))


def origin(call: Call, record: Execution, arn: str, start_at: str = "") -> flow.Origin:
    """What an execution knows of itself."""
    role = ready(call, record.machine, record.revision).role_arn
    return flow.Origin(arn, record.name, role, machine_arn(call, record.machine), record.machine,
                       record.started_ms, start_at)


def choose(call: Call, arn: str) -> Chosen:
    """What an ARN stands for: a state machine as it is now, a version, or the version an alias chooses."""
    machine, named = find_machine(call, arn)
    if machine.deleting:
        raise StateMachineDeleting(f"State Machine is being deleted: '{arn}'")
    if not named.rest:
        return Chosen(machine, machine.revision)
    alias = None if named.rest.isdigit() else aliases.get(call, machine.name, named.rest)
    number = chosen(call, alias) if alias else int(named.rest) if named.rest.isdigit() else 0
    version = versions.get(call, machine.name, number)
    if version is None:
        raise no_machine(arn)
    return Chosen(machine, version.revision, str(number), alias.name if alias else "")


def checked(text: str | None) -> str:
    """An input, if it can be one."""
    text = "{}" if text is None else text
    if len(text.encode("utf-8", "surrogatepass")) > limits.INPUT_BYTES:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: it has more than "
                                    f"{limits.INPUT_BYTES} bytes")
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidExecutionInput(f"Invalid State Machine Execution Input: '{error}'") from None
    return text


def _begin_express(call: Call, found: Chosen, name: str, text: str, trace: str | None) -> Config:
    order = express.Order(found.machine.name, found.revision, name, call.ids.uuid(), text, call.now_ms,
                          trace or "")
    timers.schedule(call, "run_express", at_ms=call.now_ms, id=f"states/express/{order.run}",
                    order=msgspec.to_builtins(order))
    return {"executionArn": call.arn(f"{EXPRESS_ARN}:{order.machine}:{name}:{order.run}", "states"),
            "startDate": call.now_ms / 1000}


def new_id(call: Call) -> str:
    """An id that begins with the moment, so that what is newest stands beside what is newest."""
    return f"{call.now_ms:011x}{call.ids.hex(21)}"


def _answer(call: Call, record: Execution) -> Config:
    return {"executionArn": execution_arn(call, record.machine, record.name),
            "startDate": record.started_ms / 1000}


