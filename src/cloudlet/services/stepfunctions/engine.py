"""Where an execution goes on: one event, and all that follows from it, in one transaction.

The event comes from a start, a timer, a task or whoever stops it. The step's history, what it remembers, the
timers and tasks it asks for, and the removal of what brought the event are one commit: after a crash the
execution stands where it stood, and nothing is lost or done twice. Whatever is to be done is a timer that is
due now, so an execution that waits is a few rows and nothing in memory.
"""

from typing import Any

import msgspec

from ... import workflow
from ...fabric import timers
from ...kernel import Call
from ...workflow import records as flow
from . import history, integrations, journal, maps, queues, reporting
from .compiled import ready
from .limits import KEPT_MS
from .memory import Rows
from .records import RUNNING, SUCCEEDED, Execution, bell_of, enter, executions, listed
from .service import stepfunctions
from .tokens import token_of

_NESTED = "nested"
_strand = msgspec.msgpack.Decoder(flow.Strand)


class World:
    """What a step may ask, answered by the call it runs in."""

    def __init__(self, call: Call, record: Execution) -> None:
        self._call, self._record = call, record

    def uuid(self) -> str:
        """A random id."""
        return self._call.ids.uuid()

    def random(self) -> float:
        """A number from 0 to 1."""
        return int.from_bytes(self._call.ids.bytes(6), "big") / (1 << 48)

    def token(self, strand: int, ticket: int, /) -> str:
        """The task token of a wait."""
        return token_of(self._call, self._record, strand, ticket)

    def refusal(self, resource: str, parameters: Any, /) -> str:
        """Why a task can't be scheduled."""
        return queues.refusal(self._call, resource)


def drive(call: Call, record: Execution, *events: flow.Event) -> None:
    """Let events have their consequences, one after another."""
    chosen = ready(call, record.machine, record.revision)
    rows, world = Rows(call, record.id), World(call, record)
    for event in events:
        step = workflow.step(chosen.machine, rows, event, world, call.now_ms)
        if step.history:
            history.append(call, record.id, step.history)
            if chosen.logging:
                journal.write(call, record, chosen, step.history)
        maps.follow(call, record, rows, event, step)
        for effect in step.effects:
            _effect(call, record, rows, effect)
    if record.status == SUCCEEDED:
        rows.clear()
    else:
        rows.flush()


def find(call: Call, machine: str, name: str, run: str) -> Execution | None:
    """The execution that a timer is about, unless it is over or gone."""
    record = executions.get(call, machine, name)
    return record if record and record.id == run and record.status == RUNNING else None


def is_awaited(call: Call, record: Execution, strand: int, ticket: int) -> bool:
    """Whether a strand still waits for the answer with that ticket."""
    known = Rows(call, record.id).get(("strand", strand, 0))
    if record.status != RUNNING or known is None:
        return False
    found = _strand.decode(known)
    return found.ticket == ticket and bool(found.waits)


def address(record: Execution) -> dict[str, str]:
    """How a timer names an execution."""
    return {"machine": record.machine, "name": record.name, "run": record.id}


def announce(call: Call, record: Execution, event: flow.Event, id: str, at_ms: int = 0) -> None:
    """Let an event have its consequences in a transaction of its own."""
    timers.schedule(call, "tell", at_ms=at_ms or call.now_ms, id=f"states/{record.id}/{id}",
                    event=msgspec.to_builtins(event), **address(record))


@stepfunctions.task
def tell(call: Call, *, machine: str, name: str, run: str, event: dict[str, Any]) -> None:
    """An event that was announced, or a timer that is due."""
    record = find(call, machine, name, run)
    if record:
        drive(call, record, msgspec.convert(event, type=flow.Event))


# -- effects


def _effect(call: Call, record: Execution, rows: Rows, effect: flow.Effect) -> None:
    match effect:
        case flow.RunTask():
            _task(call, record, effect)
        case flow.SetTimer():
            woke = flow.Woke(effect.strand, effect.ticket, effect.purpose)
            announce(call, record, woke, _timer(effect), effect.at_ms)
        case flow.CancelTimer():
            timers.cancel(call, at_ms=effect.at_ms, id=f"states/{record.id}/{_timer(effect)}")
        case flow.More():
            announce(call, record, flow.Continue(), f"more/{call.ids.hex(16)}")
        case flow.Abandon():
            queues.abandon(call, record.id, effect)
            maps.abandon(call, record, rows, effect)
            _stop_nested(call, rows, effect)
        case flow.Finish():
            _finish(call, record, rows, effect)
        case flow.ReadItems():
            timers.schedule(call, "read_items", at_ms=call.now_ms, work=msgspec.to_builtins(effect),
                            id=f"states/{record.id}/{effect.strand}/{effect.ticket}/read", **address(record))
        case flow.WriteResults():
            timers.schedule(call, "write_results", at_ms=call.now_ms, work=msgspec.to_builtins(effect),
                            id=f"states/{record.id}/{effect.strand}/{effect.ticket}/write", **address(record))


def _timer(effect: flow.SetTimer | flow.CancelTimer) -> str:
    return f"{effect.strand}/{effect.purpose}"


def _task(call: Call, record: Execution, effect: flow.RunTask) -> None:
    """Have a task done: brief ones in the transaction of the answer, others by a task that may wait."""
    one = integrations.of(call.kernel.services, effect.resource)
    if one.kind == "activity":
        queues.offer(call, record, effect)
        return
    task = "perform" if integrations.is_brief(call.kernel.services, one) else "carry"
    timers.schedule(call, task, at_ms=call.now_ms, work=msgspec.to_builtins(effect),
                    id=f"states/{record.id}/{effect.strand}/{effect.ticket}/task", **address(record))


def nest(call: Call, record: Execution, effect: flow.RunTask, arn: str) -> None:
    """Remember the execution that a task has started and waits for."""
    rows = Rows(call, record.id)
    rows.put((_NESTED, effect.strand, effect.ticket), arn.encode())
    rows.flush()


def _stop_nested(call: Call, rows: Rows, effect: flow.Abandon) -> None:
    """Nobody waits for it any more: stop it."""
    known = rows.get((_NESTED, effect.strand, effect.ticket))
    if known is not None:
        rows.delete((_NESTED, effect.strand, effect.ticket))
        timers.schedule(call, "stop_nested", at_ms=call.now_ms, id=f"states/stop/{known.decode()}",
                        arn=known.decode())


def _finish(call: Call, record: Execution, rows: Rows, effect: flow.Finish) -> None:
    record.stopped_ms = call.now_ms
    enter(call, record, effect.status)
    call.tx.ring(bell_of(call, record))
    timers.schedule(call, "forget", at_ms=call.now_ms + KEPT_MS, id=_forgetting(record), **address(record))
    tell_waiter(call, record)
    reporting.changed(call, record, (rows.get(("input", -1, 0)) or b"").decode(), effect)


def tell_waiter(call: Call, record: Execution) -> None:
    """An execution has ended: let the one hear of it that waits for that."""
    if record.waiter:
        task = "item_ended" if record.waiter.form == "child" else "sync_ended"
        timers.schedule(call, task, at_ms=call.now_ms, id=f"states/{record.id}/ended", **address(record))


def keep_on(call: Call, record: Execution) -> None:
    """An execution that had ended runs again: it is not to be forgotten."""
    timers.cancel(call, at_ms=record.stopped_ms + KEPT_MS, id=_forgetting(record))


def _forgetting(record: Execution) -> str:
    return f"states/{record.id}/forget"


@stepfunctions.task
def forget(call: Call, *, machine: str, name: str, run: str) -> None:
    """Forget an execution that ended long ago."""
    record = executions.get(call, machine, name)
    if record and record.id == run and record.status != RUNNING:
        erase(call, record)


def erase(call: Call, record: Execution) -> None:
    """Forget an execution and all that belongs to it."""
    for place in record.places:
        listed.delete(call, place, record.status, -record.started_ms, record.id)
    executions.delete(call, record.machine, record.name)
    history.forget(call, record.id)
    maps.forget(call, record)
    Rows(call, record.id).clear()

