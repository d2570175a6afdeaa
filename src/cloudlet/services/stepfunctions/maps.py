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
    executions: dict[str, int] = {}
    items: dict[str, int] = {}
    redrives: int = 0
    redriven_ms: int = 0
    waiting: tuple[int, int] = (0, 0)  # children, and their items, that are yet to be redriven
    lost: tuple[int, int] = (0, 0)  # those that can't be


class Outcome(msgspec.Struct):
    """How it ended with a child. One without an ARN was never started: its Map had failed before."""

    arn: str
    status: str
    input: str
    started_ms: int
    stopped_ms: int
    items: int = 1
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
        if one.type in ("MapRunStarted", "MapRunRedriven"):
            _begin(call, record, rows, str((one.details or {})["mapRunArn"]), step)
        elif run := _of(call, rows, getattr(event, "strand", -1)):
            close(call, run, FAILED if one.type == "MapRunFailed" else SUCCEEDED)
    for effect in step.effects:
        if isinstance(effect, flow.StartChild):
            _start_child(call, record, effect)


def _begin(call: Call, record: Execution, rows: Rows, arn: str, step: flow.Step) -> None:
    """A Map Run begins, or goes on."""
    run = map_runs.get(call, arn)
    if run is None:
        run = MapRun(arn, record.machine, record.name, record.id, call.now_ms)
        runs_of.put(call, record.id, call.now_ms, arn, record=Entry(arn))
    else:
        _reopen(call, run)
    place = _place(rows, arn, step)
    if place is None:  # it had nothing to do, or could not
        failed = any(one.type == "MapRunFailed" for one in step.history)
        close(call, run, FAILED if failed else SUCCEEDED)
        return
    run.strand, fan = place
    run.limit, run.total = fan.limit, fan.total
    run.tolerated, run.percentage = max(int(fan.tolerated), 0), max(fan.percentage, 0)
    rows.put((_KIND, run.strand, 0), arn.encode())
    map_runs.put(call, arn, record=run)


def _reopen(call: Call, run: MapRun) -> None:
    run.status, run.stopped_ms, run.lost = RUNNING, 0, (0, 0)
    run.redrives, run.redriven_ms = run.redrives + 1, call.now_ms
    children, items = (sum(one.values()) - one.get(SUCCEEDED, 0) for one in (run.executions, run.items))
    run.waiting = (children, items)


def _place(rows: Rows, arn: str, step: flow.Step) -> tuple[int, flow.Fan] | None:
    """The strand of a Map Run, which a step has begun, and what is counted there."""
    work = flow.StartChild | flow.ReadItems | flow.WriteResults
    candidates = [one.strand for one in step.effects if isinstance(one, work)]
    candidates += [id for _, id in _head(rows.get(("head", -1, 0)) or b"\x90").pending]
    for id in dict.fromkeys(candidates):
        known = rows.get(("strand", id, 0))
        fan = _strand(known).fan if known else None
        if fan and fan.run == arn:
            return id, fan
    return None


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
    if not effect.again:
        run.begun, run.taken = run.begun + 1, run.taken + effect.items
        map_runs.put(call, run.arn, record=run)
    order(call, record, effect)


def order(call: Call, record: Execution, effect: flow.StartChild) -> None:
    """Have a child started, or taken up again, in a transaction of its own."""
    task = "redrive_item" if effect.again else "run_item" if effect.express else "start_item"
    timers.schedule(
        call,
        task,
        at_ms=call.now_ms,
        id=f"states/{record.id}/{effect.strand}/{effect.ticket}/{task}/{effect.index}",
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


def taken_up(call: Call, effect: flow.StartChild, outcome: Outcome) -> None:
    """A child that had failed is redriven: it doesn't count as failed any more."""
    outcomes.delete(call, effect.map_run, effect.index)
    run = map_runs.get(call, effect.map_run)
    if run is not None:
        run.executions = dict(Counter(run.executions) - Counter({outcome.status: 1}))
        run.items = dict(Counter(run.items) - Counter({outcome.status: outcome.items}))
        _waits_no_more(run, outcome)
        map_runs.put(call, run.arn, record=run)


def lost(call: Call, effect: flow.StartChild, outcome: Outcome) -> None:
    """A child that had failed can't be redriven."""
    run = map_runs.get(call, effect.map_run)
    if run is not None:
        run.lost = (run.lost[0] + 1, run.lost[1] + outcome.items)
        _waits_no_more(run, outcome)
        map_runs.put(call, run.arn, record=run)


def _waits_no_more(run: MapRun, outcome: Outcome) -> None:
    run.waiting = (max(run.waiting[0] - 1, 0), max(run.waiting[1] - outcome.items, 0))


def forget(call: Call, record: Execution) -> None:
    """Forget the Map Runs of an execution; their children are executions, and are forgotten as those are."""
    for key, entry in list(runs_of.items(call, record.id)):
        for outcome, _ in list(outcomes.items(call, entry.arn)):
            outcomes.delete(call, *outcome)
        map_runs.delete(call, entry.arn)
        runs_of.delete(call, *key)
