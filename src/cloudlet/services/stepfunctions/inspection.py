"""TestState: one state alone, with its task answered by the caller, and what became of the data on its way.

The state runs in the interpreter itself, in a memory that is thrown away; only where it would go on or wait
for somebody is it stopped and asked.
"""

from typing import Any

import msgspec

from ...workflow import fan, interpreter, tasks
from ...workflow.definition import Machine
from ...workflow.failures import Failure, check_size
from ...workflow.intrinsics import json_text, json_value
from ...workflow.records import Origin, Shelf, Strand, World
from ...workflow.run import Run

_REAL = frozenset(("Pass", "Choice", "Wait", "Succeed", "Fail"))


class Mock(msgspec.Struct, frozen=True):
    """What the state's task, branches or iterations would have answered."""

    result: str | None = None  # JSON
    error: str | None = None
    cause: str | None = None
    retries: int = 0  # that the retrier has made already
    failures: int = 0  # iterations that have failed


class Inspection(msgspec.Struct):
    """What became of a state."""

    status: str  # SUCCEEDED, FAILED, RETRIABLE or CAUGHT_ERROR
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    next: str | None = None
    data: dict[str, Any] = {}  # AWS's inspectionData, as values


def inspect(machine: Machine, name: str, text: str, origin: Origin, world: World, now_ms: int, *,
            context: dict[str, Any] | None = None, variables: dict[str, Any] | None = None,
            mock: Mock | None = None) -> Inspection:
    """Run the state ``name`` of ``machine`` alone; LookupError if it needs a mock and there is none."""
    run = Run(machine, Shelf(), world, now_ms)
    run.notes, run.given = {"input": json_value(text)}, context
    run.begin(origin, text)
    strand = run.add(name)
    run.unturn(strand)
    run.give(strand, json_value(text), text)
    if variables:
        run.notes["variables"] = variables
        run.assign(strand, variables)
    strand.entered_ms = now_ms
    if context is None:
        run.given = run.context(strand)
        del run.given["Execution"]["RedriveCount"]  # AWS shows none here
    found = Inspection("SUCCEEDED")
    try:
        _perform(run, strand, mock)
        found.output = run.text(strand)
        found.next = strand.state if ("enter", strand.id) in run.turns else None
    except Failure as failure:
        _failed(run, strand, failure, found, mock)
    found.data = run.notes
    return found


def _perform(run: Run, strand: Strand, mock: Mock | None) -> None:
    """Do the state's work, or what the mock says of it."""
    state = run.state(strand)
    if state.type in _REAL:
        interpreter.perform(run, strand)
        if state.type == "Wait":
            interpreter.hand_on(run, strand)
        return
    scene = run.scene(strand)
    if mock is None:
        raise LookupError(f"A {state.type} state needs a mock")
    if state.type == "Map":
        items = fan.prepare(run, strand, scene)
        assert strand.fan
        strand.fan.total = len(items)
    elif state.type == "Task" or state.arguments is None:
        tasks.inflow(run, scene, state)
    if state.type == "Parallel":
        run.notes = {name: value for name, value in (run.notes or {}).items() if name != "afterArguments"}
    if mock.failures and strand.fan and mock.result is not None and fan.exceeds(strand.fan, mock.failures):
        raise fan.threshold()
    if mock.result is None:
        raise Failure(mock.error, mock.cause)
    check_size(mock.result, state.name)
    tasks.complete(run, strand, json_value(mock.result))


def _failed(run: Run, strand: Strand, failure: Failure, found: Inspection, mock: Mock | None) -> None:
    """What retriers and catchers would do."""
    state, details = run.state(strand), dict[str, Any]()
    found.status, found.error, found.cause = "FAILED", failure.error, failure.cause
    retrier = failure.first(state.retry)
    done = mock.retries if mock else 0
    if retrier is not None:
        details["retryIndex"] = retrier
        if done < state.retry[retrier].attempts:
            found.status = "RETRIABLE"
            delay = interpreter.delay_s(state, retrier, done)
            details["retryBackoffIntervalSeconds"] = int(delay) if delay.is_integer() else delay
    if found.status == "FAILED" and state.catch:
        catcher = failure.first(state.catch)
        if catcher is not None and interpreter.caught(run, strand, failure):
            found.status, found.output, found.next = "CAUGHT_ERROR", run.text(strand), strand.state
            details = {"catchIndex": catcher}
    if details and run.notes is not None:
        run.notes["errorDetails"] = details


def shown(found: Inspection) -> dict[str, Any]:
    """AWS's inspectionData: values as JSON texts, but for numbers and what is an object of its own."""
    plain = ("maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage", "errorDetails")
    return {name: value if name in plain else json_text(value) for name, value in found.data.items()}
