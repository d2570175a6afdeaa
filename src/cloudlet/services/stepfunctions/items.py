"""The children of a distributed Map: started, ended, stopped; its items read and its results written.

Each child is started in a transaction of its own, so a Map of a million items never makes one long. Reading
resumes where a crash interrupted it: how many items the interpreter has is kept with them.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import timers
from ...kernel import Call, Conversation
from ...workflow import records as flow
from ...workflow.intrinsics import json_value
from . import engine, express, history, maps, readers, redriving, settings, starting, writers
from .compiled import ready
from .maps import Outcome, map_runs, outcomes
from .memory import Rows
from .naming import execution_arn
from .records import ABORTED, RUNNING, SUCCEEDED, Execution, Waiter, executions, listed
from .service import stepfunctions

_AT_ONCE = 500  # items handed over in one transaction
_AT_ONCE_BYTES = 1 << 20
_STOPPED = 50  # children in one transaction
_READ = "read"
Work = dict[str, Any]


@stepfunctions.task
def start_item(call: Call, *, machine: str, name: str, run: str, child: Work) -> None:
    """Start a Standard child."""
    effect = msgspec.convert(child, type=flow.StartChild)
    waiter = Waiter(machine, name, run, effect.strand, effect.ticket, "child", effect.index, effect.items)
    parent = engine.find(call, machine, name, run)
    if parent is None or not engine.is_awaited(call, parent, effect.strand, effect.ticket):
        _ended(call, effect.map_run, waiter, _never_started(call, effect))
        return
    record = Execution(starting.new_id(call), call.ids.uuid(), maps.label_of(effect.map_run), parent.revision,
                       call.now_ms, map_run=effect.map_run, waiter=waiter, items=effect.items)
    starting.run(call, record, effect.input, effect.start_at)


@stepfunctions.task
def item_ended(call: Call, *, machine: str, name: str, run: str) -> None:
    """A Standard child has ended: its parent hears of it."""
    record = executions.get(call, machine, name)
    if record is None or record.id != run or record.waiter is None or record.status == RUNNING:
        return
    first, last = history.first(call, record).details or {}, history.last(call, record).details or {}
    _ended(call, record.map_run, record.waiter, Outcome(
        execution_arn(call, machine, name), record.status, first["input"], record.started_ms,
        record.stopped_ms, record.items, last.get("output") if record.status == SUCCEEDED else None,
        last.get("error"), last.get("cause")))


@stepfunctions.task
def redrive_item(call: Call, *, machine: str, name: str, run: str, child: Work) -> None:
    """Take up a child that has failed; one that has not ended yet is left to itself."""
    effect = msgspec.convert(child, type=flow.StartChild)
    parent = engine.find(call, machine, name, run)
    outcome = outcomes.get(call, effect.map_run, effect.index)
    if parent is None or outcome is None or not engine.is_awaited(call, parent, effect.strand, effect.ticket):
        return
    record = executions.get(call, *outcome.arn.split(":")[6:]) if outcome.arn and not effect.express else None
    if outcome.status != SUCCEEDED and record is not None and redriving.has_room(call, record):
        maps.taken_up(call, effect, outcome)
        redriving.take_up(call, record)
    elif outcome.status != SUCCEEDED and (effect.express or not outcome.arn):
        maps.taken_up(call, effect, outcome)
        maps.order(call, parent, msgspec.structs.replace(effect, input=outcome.input, items=outcome.items,
                                                         again=False))
    else:
        if outcome.status != SUCCEEDED:
            maps.lost(call, effect, outcome)
        engine.drive(call, parent, flow.ChildEnded(effect.strand, effect.ticket, effect.index, outcome.output,
                                                   outcome.items))


def _never_started(call: Call, effect: flow.StartChild) -> Outcome:
    return Outcome("", ABORTED, effect.input, call.now_ms, call.now_ms, effect.items)


def _ended(call: Call, map_run: str, waiter: Waiter, outcome: Outcome) -> None:
    """A child has come to an end: it is counted and kept, and its parent goes on.

    Once: an Express child that a crash has interrupted runs, and ends, again.
    """
    if outcomes.get(call, map_run, waiter.index) is not None:
        return
    maps.ended(call, map_run, outcome.status, waiter.items)
    outcomes.put(call, map_run, waiter.index, record=outcome)
    parent = engine.find(call, waiter.machine, waiter.name, waiter.run)
    if parent is not None:
        engine.drive(call, parent, flow.ChildEnded(waiter.strand, waiter.ticket, waiter.index, outcome.output,
                                                   waiter.items))


@stepfunctions.task
async def run_item(call: Conversation, *, machine: str, name: str, run: str, child: Work) -> None:
    """Run an Express child."""
    effect = msgspec.convert(child, type=flow.StartChild)
    waiter = Waiter(machine, name, run, effect.strand, effect.ticket, "child", effect.index, effect.items)

    def prepare(inner: Call) -> express.Begun | None:
        parent = engine.find(inner, machine, name, run)
        if parent is None or not engine.is_awaited(inner, parent, effect.strand, effect.ticket):
            _ended(inner, effect.map_run, waiter, _never_started(inner, effect))
            return None
        return express.begun(inner, express.Order(
            maps.label_of(effect.map_run), parent.revision, inner.ids.uuid(), inner.ids.uuid(), effect.input,
            inner.now_ms, start_at=effect.start_at))

    begun = await call.transact(prepare)
    if begun is None:
        return
    finish = await express.execute(call, begun)
    await call.transact(lambda inner: _ended(inner, effect.map_run, waiter, Outcome(
        begun.arn, finish.status, effect.input, begun.order.started_ms, inner.now_ms, effect.items,
        finish.output, finish.error, finish.cause)))


@stepfunctions.task
def stop_items(call: Call, *, map_run: str) -> None:
    """Stop the children of a Map Run that still run, unless it has been redriven."""
    found = map_runs.get(call, map_run)
    if found is not None and found.status == RUNNING:
        return
    entries = [entry for _, entry in listed.items(call, map_run, RUNNING, limit=_STOPPED)]
    for entry in entries:
        record = executions.get(call, entry.machine, entry.name)
        if record is not None and record.status == RUNNING:
            engine.drive(call, record, flow.Stop())
    if len(entries) == _STOPPED:
        timers.schedule(call, stop_items, at_ms=call.now_ms, map_run=map_run,
                        id=f"states/stop/{map_run}/{call.ids.hex(16)}")


# -- what is read and written outside


@stepfunctions.task
async def read_items(call: Conversation, *, machine: str, name: str, run: str, work: Work) -> None:
    """Read the items of a distributed Map, and hand them over some hundred at a time."""
    effect = msgspec.convert(work, type=flow.ReadItems)

    def begin(inner: Call) -> tuple[Any, int] | None:
        record = engine.find(inner, machine, name, run)
        if record is None or not engine.is_awaited(inner, record, effect.strand, effect.ticket):
            return None
        role = ready(inner, machine, record.revision).role_arn
        principal = settings.acting(inner, role, execution_arn(inner, machine, name))
        known = Rows(inner, run).get((_READ, effect.strand, effect.ticket))
        return principal, int(known or b"0")

    try:
        begun = await call.transact(begin)
        if begun is None:
            return
        principal, done = begun
        source = readers.read(call, principal, effect.resource, json_value(effect.arguments), effect.config)
        with call.kernel.clock.holding(f"the reading of the items of {name}"):
            async for batch, last in _batches(source, done, effect.max_items):
                done += len(batch)
                said = flow.ItemsRead(effect.strand, effect.ticket, batch, last)
                if not await call.transact(
                    lambda inner, said=said, done=done: _hand_over(  # type: ignore[misc]
                        inner, machine, name, run, said, done
                    )
                ):
                    return
    except (AwsError, readers.Unreadable) as error:
        told = flow.Failed(effect.strand, effect.ticket, "States.ItemReaderFailed", str(error))
        await call.transact(lambda inner: _tell(inner, machine, name, run, told))


async def _batches(source: AsyncIterator[str], done: int,
                   most: int | None) -> AsyncIterator[tuple[list[str], bool]]:
    """Items from where the last attempt had come to, as many as one transaction should take."""
    batch: list[str] = []
    size, number = 0, 0
    async for item in source:
        number += 1
        if number > done:
            batch.append(item)
            size += len(item)
        if most is not None and number >= most:
            break
        if len(batch) == _AT_ONCE or size > _AT_ONCE_BYTES:
            yield batch, False
            batch, size = [], 0
    yield batch, True


def _hand_over(call: Call, machine: str, name: str, run: str, said: flow.ItemsRead, done: int) -> bool:
    """Give the interpreter items; False if it wants no more."""
    record = engine.find(call, machine, name, run)
    if record is None or not engine.is_awaited(call, record, said.strand, said.ticket):
        return False
    rows, key = Rows(call, run), (_READ, said.strand, said.ticket)
    if int(rows.get(key) or b"0") != done - len(said.items):  # another has come further: before a redrive
        return False
    rows.put(key, str(done).encode())
    rows.flush()
    engine.drive(call, record, said)
    return True


def _tell(call: Call, machine: str, name: str, run: str, event: flow.Event) -> None:
    record = engine.find(call, machine, name, run)
    if record is not None:
        engine.drive(call, record, event)


@stepfunctions.task
async def write_results(call: Conversation, *, machine: str, name: str, run: str, work: Work) -> None:
    """Write the results of a distributed Map."""
    effect = msgspec.convert(work, type=flow.WriteResults)

    def begin(inner: Call) -> Any:
        record = engine.find(inner, machine, name, run)
        if record is None or not engine.is_awaited(inner, record, effect.strand, effect.ticket):
            return None
        role = ready(inner, machine, record.revision).role_arn
        return settings.acting(inner, role, execution_arn(inner, machine, name))

    try:
        principal = await call.transact(begin)
        if principal is None:
            return
        with call.kernel.clock.holding(f"the writing of the results of {name}"):
            result = await writers.write(call, principal, effect)
        said: flow.Event = flow.Answer(effect.strand, effect.ticket, "written", result)
    except AwsError as error:
        said = flow.Failed(effect.strand, effect.ticket, "States.ResultWriterFailed", str(error))

    def end(inner: Call) -> None:
        found = map_runs.get(inner, effect.map_run)
        if found is not None and isinstance(said, flow.Answer):
            found.written = found.items.get(SUCCEEDED, 0)
            map_runs.put(inner, found.arn, record=found)
        _tell(inner, machine, name, run, said)

    await call.transact(end)
