"""Map Runs: what is counted and kept of a distributed Map while its children run.

The interpreter knows only that children are to be started and have ended; that they are executions, and which
of them have come to what end, is kept here, in the transactions in which it happens.
"""

from collections import Counter

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Table
from ...workflow import records as flow
from .memory import Rows
from .naming import MAP_RUN, read
from .records import ABORTED, FAILED, RUNNING, SUCCEEDED, Execution

_KIND = "maprun"
_strand = msgspec.msgpack.Decoder(flow.Strand).decode
_head = msgspec.msgpack.Decoder(flow.Head).decode


class MapRun(msgspec.Struct):
    """The run of one distributed Map. ``executions`` and ``items`` count by how it ended with them."""

    arn: str
    machine: str
    name: str
    run: str  # the execution's id
    started_ms: int
    strand: int = -1
    status: str = RUNNING
    stopped_ms: int = 0
    limit: int = 0
    tolerated: int = 0
    percentage: float = 0
    total: int = 0  # items
    begun: int = 0  # children
    taken: int = 0  # items that children got
    written: int = 0
    before: str = ""  # the Map Run that failed, of which this is the redriven one
    executions: dict[str, int] = {}
    items: dict[str, int] = {}


class Outcome(msgspec.Struct):
    """How it ended with a child."""

    arn: str
    status: str
    input: str
    started_ms: int
    stopped_ms: int
    output: str | None = None
    error: str | None = None
    cause: str | None = None


class Entry(msgspec.Struct):
    """That an execution has had a Map Run."""

    arn: str


map_runs = Table("states.map-runs", MapRun)
runs_of = Table("states.map-runs-by-execution", Entry)  # execution, when it started
outcomes = Table("states.map-outcomes", Outcome)  # the Map Run, the child's number


def follow(call: Call, record: Execution, rows: Rows, event: flow.Event, step: flow.Step) -> None:
    """Keep what a step says of Map Runs."""
    told = [one for one in step.history if one.type.startswith("MapRun")]
    if isinstance(event, flow.ItemsRead) and (run := _of(call, rows, event.strand)):
        run.total += len(event.items)
        map_runs.put(call, run.arn, record=run)
    for one in told:
        if one.type == "MapRunStarted":
            _begin(call, record, rows, str((one.details or {})["mapRunArn"]), step)
        elif run := _of(call, rows, getattr(event, "strand", -1)):
            close(call, run, FAILED if one.type == "MapRunFailed" else SUCCEEDED)
    for effect in step.effects:
        if isinstance(effect, flow.StartChild):
            _start_child(call, record, effect)


def _begin(call: Call, record: Execution, rows: Rows, arn: str, step: flow.Step) -> None:
    run = MapRun(arn, record.machine, record.name, record.id, call.now_ms)
    candidates = [one.strand for one in step.effects if isinstance(one, flow.StartChild | flow.ReadItems)]
    candidates += [id for _, id in _head(rows.get(("head", -1, 0)) or b"\x90").pending]
    for id in dict.fromkeys(candidates):
        known = rows.get(("strand", id, 0))
        fan = _strand(known).fan if known else None
        if fan and fan.run == arn:
            run.strand, run.limit, run.total = id, fan.limit, fan.total
            run.tolerated, run.percentage = max(int(fan.tolerated), 0), max(fan.percentage, 0)
            run.before = _failed(call, record, id) if record.redrives else ""
            rows.put((_KIND, id, 0), arn.encode())
    map_runs.put(call, arn, record=run)
    runs_of.put(call, record.id, call.now_ms, arn, record=Entry(arn))
    if run.strand < 0:  # it had nothing to do
        close(call, run, SUCCEEDED)


def _of(call: Call, rows: Rows, strand: int) -> MapRun | None:
    known = rows.get((_KIND, strand, 0)) if strand >= 0 else None
    run = map_runs.get(call, known.decode()) if known else None
    return run if run and run.status == RUNNING else None


def close(call: Call, run: MapRun, status: str) -> None:
    """A Map Run is over."""
    run.status, run.stopped_ms = status, call.now_ms
    map_runs.put(call, run.arn, record=run)


def _start_child(call: Call, record: Execution, effect: flow.StartChild) -> None:
    run = map_runs.get(call, effect.map_run)
    if run is None:
        return
    run.begun, run.taken = run.begun + 1, run.taken + effect.items
    map_runs.put(call, run.arn, record=run)
    timers.schedule(
        call,
        "run_item" if effect.express else "start_item",
        at_ms=call.now_ms,
        id=f"states/{record.id}/{effect.strand}/{effect.ticket}/child/{effect.index}",
        machine=record.machine,
        name=record.name,
        run=record.id,
        child=msgspec.to_builtins(effect),
    )


def abandon(call: Call, record: Execution, rows: Rows, effect: flow.Abandon) -> None:
    """Nobody waits for the children of a strand any more: those that run are stopped."""
    known = rows.get((_KIND, effect.strand, 0))
    if known is None:
        return
    rows.delete((_KIND, effect.strand, 0))
    run = map_runs.get(call, known.decode())
    if run is None:
        return
    if run.status == RUNNING:
        close(call, run, ABORTED)
    timers.schedule(call, "stop_items", at_ms=call.now_ms, map_run=run.arn,
                    id=f"states/{record.id}/{effect.strand}/{effect.ticket}/stop")


def ended(call: Call, arn: str, status: str, items: int) -> MapRun | None:
    """A child has ended: count it."""
    run = map_runs.get(call, arn)
    if run is not None:
        run.executions = dict(Counter(run.executions) + Counter({status: 1}))
        run.items = dict(Counter(run.items) + Counter({status: items}))
        map_runs.put(call, arn, record=run)
    return run


def label_of(arn: str) -> str:
    """What the children's state machine is called: the state machine's name, and the Map's label."""
    return read(arn, MAP_RUN).name


def _failed(call: Call, record: Execution, strand: int) -> str:
    """The last Map Run of a strand, whose state is run again."""
    for _, entry in runs_of.items(call, record.id, reverse=True):
        run = map_runs.get(call, entry.arn)
        if run is not None and run.strand == strand and run.status in (FAILED, ABORTED):
            return run.arn
    return ""


def done_before(call: Call, effect: flow.StartChild) -> Outcome | None:
    """What a child came to that had succeeded with the same input before its Map was redriven."""
    run = map_runs.get(call, effect.map_run)
    found = outcomes.get(call, run.before, effect.index) if run and run.before else None
    return found if found and found.status == SUCCEEDED and found.input == effect.input else None


def forget(call: Call, record: Execution) -> None:
    """Forget the Map Runs of an execution; their children are executions, and are forgotten as those are."""
    for key, entry in list(runs_of.items(call, record.id)):
        for outcome, _ in list(outcomes.items(call, entry.arn)):
            outcomes.delete(call, *outcome)
        map_runs.delete(call, entry.arn)
        runs_of.delete(call, *key)
