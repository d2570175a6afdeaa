"""Deleting a state machine: what runs is stopped, and its executions are forgotten with it.

Most are gone in the transaction that deletes them. One with many executions is ``DELETING`` for a while.
"""

from ...fabric import timers
from ...kernel import Call
from ...workflow.records import Stop
from . import engine
from .limits import KEPT_MS
from .records import (
    RUNNING,
    STATUSES,
    Machine,
    aliases,
    executions,
    listed,
    machines,
    revisions,
    versions,
)
from .service import stepfunctions

_AT_ONCE = 50  # executions in one transaction


def begin(call: Call, machine: Machine) -> None:
    """Delete a state machine, or begin to."""
    machine.deleting = True
    machines.put(call, machine.name, record=machine)
    bury(call, machine=machine.name)


@stepfunctions.task
def bury(call: Call, *, machine: str) -> None:
    """Stop and forget some executions of a state machine that is being deleted; the last time, it goes."""
    left = _AT_ONCE
    for status in STATUSES:
        for _, entry in list(listed.items(call, machine, status, limit=left)):
            record = executions.get(call, entry.machine, entry.name)
            if record is None:
                continue
            if status == RUNNING:
                engine.drive(call, record, Stop())
            engine.keep_on(call, record)
            engine.erase(call, record)
            left -= 1
        if not left:
            timers.schedule(call, bury, at_ms=call.now_ms, id=f"states/bury/{machine}/{call.ids.hex(16)}",
                            machine=machine)
            return
    for table in (versions, aliases):
        for key, _ in list(table.items(call, machine)):
            table.delete(call, *key)
    ids = [str(key[1]) for key, _ in revisions.items(call, machine)]
    timers.schedule(call, forget_revisions, at_ms=call.now_ms + KEPT_MS, machine=machine, ids=ids,
                    id=f"states/bury/{machine}/{call.ids.hex(16)}")
    machines.delete(call, machine)


@stepfunctions.task
def forget_revisions(call: Call, *, machine: str, ids: list[str]) -> None:
    """Forget what the children of the state machine's Map Runs may still have needed to be stopped."""
    for id in ids:
        revisions.delete(call, machine, id)
