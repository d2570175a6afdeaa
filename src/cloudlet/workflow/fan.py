"""Parallel and Map: many strands at once.

The state keeps counters only. Items that wait and results that are there are records of their own, so an
iteration that starts or ends costs the same whether ten or ten thousand stand before or behind it. The
iterations of a distributed Map are executions of their own, which the outside starts and reports.
"""

import math
from typing import Any

import msgspec

from . import failures
from .definition import Field, Iteration, Port, State
from .failures import Failure, QueryFailure, RuntimeFailure, check_size
from .intrinsics import json_text, json_value
from .jsonata import kind_of
from .records import ChildEnded, Fan, ItemsRead, ReadItems, StartChild, Strand, WriteResults
from .run import Run
from .tasks import complete, inflow, look, not_valid, number, selected
from .templates import Scene

_CHUNK = 64  # items in one record
_AT_ONCE = 10  # children that one turn starts
_ABORTED = frozenset(("Task", "Wait", "Parallel", "Map"))
_chunk = msgspec.msgpack.Decoder(list[str])  # each the JSON of an item


def begin(run: Run, strand: Strand) -> None:
    """Start the children of a Parallel or Map state."""
    state, scene = run.state(strand), run.scene(strand)
    if strand.fan and state.iteration:
        _redrive(run, strand, strand.fan, state.iteration, scene)
        return
    strand.ticket += 1
    strand.waits = "children"
    if state.iteration:
        items = prepare(run, strand, scene)
        assert strand.fan
        if state.iteration.distributed:
            _distribute(run, strand, strand.fan, state.iteration, scene)
        _store(run, strand, strand.fan, [json_text(item) for item in items])
    else:
        inflow(run, scene, state)
        run.note(strand, "ParallelStateStarted")
        strand.fan = Fan(strand.last, total=len(state.branches), limit=len(state.branches))
    run.turn("fan", strand)


def prepare(run: Run, strand: Strand, scene: Scene) -> list[Any]:
    """Begin a Map state: its items and how its iterations are to be run."""
    state = run.state(strand)
    iteration = state.iteration
    assert iteration
    selected(run, scene, state)
    items = [] if iteration.reader else _items(run, state, iteration, scene)
    limit = number(iteration.concurrency, scene) or 0
    look(run, "maxConcurrency", limit)
    most = failures.CHILD_CONCURRENCY if iteration.distributed else failures.INLINE_CONCURRENCY
    run.note(strand, "MapStateStarted", {"length": len(items)})
    strand.fan = Fan(strand.last, limit=min(limit or most, most))
    _tolerance(run, strand.fan, iteration, scene)
    return items


def _items(run: Run, state: State, iteration: Iteration, scene: Scene) -> list[Any]:
    found = iteration.items(scene) if iteration.items else scene.value
    if not state.jsonata:
        look(run, "afterItemsPath", found)
    if isinstance(found, dict) and iteration.distributed:
        return [{"Key": key, "Value": value} for key, value in found.items()]
    if not isinstance(found, list):
        if state.jsonata:
            raise QueryFailure(f"Map state input must be an array but was: {json_text(found)}")
        raise RuntimeFailure(f"Reference path \"{iteration.shown}\" must point to array.")
    return found


def _tolerance(run: Run, fan: Fan, iteration: Iteration, scene: Scene) -> None:
    if field := iteration.tolerated_count:
        found = _tolerated(field, scene, "integer")
        if found < 0:
            raise RuntimeFailure("ToleratedFailureCount cannot be negative.")
        fan.tolerated = int(found)
        look(run, "toleratedFailureCount", int(found))
    if field := iteration.tolerated_percentage:
        fan.percentage = _tolerated(field, scene, "float")
        if not 0 <= fan.percentage <= 100:
            raise RuntimeFailure("ToleratedFailurePercentage must be between 0 and 100.")
        look(run, "toleratedFailurePercentage", fan.percentage)


def _tolerated(field: Field, scene: Scene, kind: str) -> float:
    value = field.value(scene)
    try:
        found = float(value) if kind_of(value) in ("number", "string") else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise not_valid(field, value, kind)
    return found


def _distribute(run: Run, strand: Strand, fan: Fan, iteration: Iteration, scene: Scene) -> None:
    """Record a Map Run, and have its items read if they are elsewhere."""
    if iteration.batched:
        fan.batch = number(iteration.batch_items, scene, least=1) or _CHUNK * _CHUNK
        fan.batch_bytes = number(iteration.batch_bytes, scene, least=1) or 0
    machine = run.origin.machine_arn.replace(":stateMachine:", ":mapRun:")
    fan.run = f"{machine}/{iteration.label or run.world.uuid()}:{run.world.uuid()}"
    run.note(strand, "MapRunStarted", {"mapRunArn": fan.run})
    if iteration.reader:
        fan.reading = True
        _ask(run, strand, iteration.reader, scene)


def _ask(run: Run, strand: Strand, reader: Port, scene: Scene) -> None:
    """Have items read that are elsewhere."""
    most = number(reader.max_items, scene, least=-(1 << 60))
    if most is not None and most < 0:
        raise Failure("States.ItemReaderFailed", "field MaxItems must be positive")
    strand.waits = "items"
    run.effects.append(ReadItems(strand.id, strand.ticket, reader.resource,
                                 json_text(reader.arguments(scene)), reader.config, most or None))


def _redrive(run: Run, strand: Strand, fan: Fan, iteration: Iteration, scene: Scene) -> None:
    """Go on with a Map Run that was not successful. The ticket stays: children may still be on their way."""
    fan.redrives += 1
    fan.redo, fan.running, fan.failed = (0 if fan.started else -1), 0, 0
    strand.waits = "children"
    run.note(strand, "MapRunRedriven", {"mapRunArn": fan.run, "redriveCount": fan.redrives})
    if iteration.reader and fan.reading:
        _ask(run, strand, iteration.reader, scene)
    run.turn("fan", strand)


def read(run: Run, strand: Strand, event: ItemsRead) -> None:
    """Take items that were read elsewhere."""
    assert strand.fan
    _store(run, strand, strand.fan, event.items)
    if event.last:
        strand.fan.reading, strand.waits = False, "children"
    run.turn("fan", strand)


def _store(run: Run, strand: Strand, fan: Fan, items: list[str]) -> None:
    """Append items to those that wait, a few dozen to a record."""
    while items:
        chunk, room = divmod(fan.total, _CHUNK)
        taken, items = items[: _CHUNK - room], items[_CHUNK - room :]
        key = ("items", strand.id, chunk)
        before = _chunk.decode(run.memory.get(key) or b"\x90") if room else []
        run.memory.put(key, msgspec.msgpack.encode([*before, *taken]))
        fan.total += len(taken)


def proceed(run: Run, strand: Strand) -> None:
    """Start what may be started now; join when all has ended."""
    state, fan = run.state(strand), strand.fan
    assert fan
    for _ in range(_AT_ONCE):
        if fan.running >= fan.limit or (fan.next >= fan.total and fan.redo < 0):
            break
        if state.iteration is None:
            given = inflow(run, run.scene(strand), state)
            _begin(run, strand, fan, state.branches[fan.next], given, fan.base)
        elif fan.redo >= 0:
            _redo(run, strand, fan, state.iteration)
        elif state.iteration.distributed:
            _child(run, strand, fan, state.iteration)
        else:
            _iterate(run, strand, fan, state.iteration)
    else:
        run.turn("fan", strand)
        return
    if strand.waits == "children" and fan.redo < 0 and fan.next >= fan.total and not fan.running:
        join(run, strand)


def _iterate(run: Run, strand: Strand, fan: Fan, iteration: Iteration) -> None:
    value, item = _item(run, strand, iteration, fan.next)
    last = run.record("MapIterationStarted", fan.base, {"index": fan.next, "name": strand.state})
    child = _begin(run, strand, fan, iteration.start, value, last)
    run.memory.put(("item", child.id, 0), json_text(item).encode())


def _begin(run: Run, strand: Strand, fan: Fan, start: str, given: Any, last: int) -> Strand:
    """A branch or an iteration, whose turn it is to begin."""
    child = run.add(start, parent=strand.id, index=fan.next, last=last)
    run.give(child, given, json_text(given))
    fan.children.append(child.id)
    _count(fan, 1)
    return child


def _count(fan: Fan, items: int) -> None:
    fan.next += items
    fan.started += 1
    fan.running += 1


def _item(run: Run, strand: Strand, iteration: Iteration, at: int) -> tuple[Any, dict[str, Any]]:
    """An item as its iteration gets it, and as the context object shows it."""
    known = run.memory.get(("items", strand.id, at // _CHUNK)) or b"\x90"
    if known != run.chunk[0]:
        run.chunk = known, _chunk.decode(known)
    value = json_value(run.chunk[1][at % _CHUNK])
    item: dict[str, Any] = {"Index": at, "Value": value}
    if not iteration.selector:
        return value, item
    state, scene = run.state(strand), run.scene(strand)
    plain = scene.context
    scene = Scene(scene.input, lambda: {**plain(), "Map": {"Item": item}}, scene.variables, scene.world,
                  run.now_ms)
    if state.input_path and not state.jsonata:
        scene.value = state.input_path(scene)
    return iteration.selector(scene), item


def _child(run: Run, strand: Strand, fan: Fan, iteration: Iteration) -> None:
    """Ask for a child execution with the next item, or the next batch of them."""
    items, size = list[Any](), 0
    while len(items) < max(min(fan.batch, fan.total - fan.next), 1):
        item, _ = _item(run, strand, iteration, fan.next + len(items))
        size += len(json_text(item).encode()) if fan.batch_bytes else 0
        if items and size > fan.batch_bytes:
            break
        items.append(item)
    value = {"Items": items} if fan.batch else items[0]
    if iteration.batch_input:
        value["BatchInput"] = iteration.batch_input(run.scene(strand))
    run.effects.append(StartChild(strand.id, strand.ticket, fan.started, iteration.start, json_text(value),
                                  len(items), iteration.express, fan.run))
    _count(fan, len(items))


def _redo(run: Run, strand: Strand, fan: Fan, iteration: Iteration) -> None:
    """Have the next child taken up again, unless it has succeeded."""
    if run.memory.get(("result", strand.id, fan.redo)) is None:
        run.effects.append(StartChild(strand.id, strand.ticket, fan.redo, iteration.start, "", 0,
                                      iteration.express, fan.run, again=True))
        fan.running += 1
    fan.redo = fan.redo + 1 if fan.redo + 1 < fan.started else -1


def ended(run: Run, child: Strand) -> None:
    """A branch or iteration has come to its end: keep its output."""
    strand = run.strand(child.parent)
    fan = strand.fan
    assert fan
    text = run.text(child)
    run.memory.put(("result", strand.id, child.index), text.encode())
    fan.base = strand.last = child.last
    if run.state(strand).iteration:
        strand.last = run.record("MapIterationSucceeded", child.last,
                                 {"index": child.index, "name": strand.state})
    fan.running -= 1
    fan.succeeded += 1
    fan.size += len(text)
    fan.children.remove(child.id)
    run.drop(child)
    run.turn("fan", strand)


def child_ended(run: Run, strand: Strand, event: ChildEnded) -> None:
    """A child execution of a distributed Map has ended."""
    fan = strand.fan
    assert fan
    if not 0 <= fan.redo <= event.index:  # else it is of before a redrive, and its turn is yet to come
        fan.running -= 1
    elif event.output is None:
        return
    if event.output is None:
        fan.failed += event.items
        if exceeds(fan, fan.failed):
            raise threshold()
    else:
        fan.succeeded += event.items
        fan.size += len(event.output)
        run.memory.put(("result", strand.id, event.index), event.output.encode())
    run.turn("fan", strand)


def exceeds(fan: Fan, failed: int) -> bool:
    """Whether so many failed items are more than a distributed Map puts up with."""
    counted = fan.tolerated >= 0 and failed > fan.tolerated
    share = fan.percentage >= 0 and failed * 100 > fan.percentage * fan.total
    return counted or share or (fan.tolerated < 0 and fan.percentage < 0 and failed > 0)


def threshold() -> Failure:
    """What a distributed Map fails with when too many items have."""
    return Failure("States.ExceedToleratedFailureThreshold",
                   "The specified tolerated failure threshold was exceeded")


def broken(run: Run, child: Strand) -> Strand:
    """A branch or iteration has failed: end the others, and give the strand whose state thereby fails."""
    strand = run.strand(child.parent)
    fan, last = strand.fan, child.last
    assert fan
    iterates = run.state(strand).iteration is not None
    for id in [child.id, *(one for one in fan.children if one != child.id)]:
        other = run.find(id)
        if other is None:
            continue
        if iterates:
            run.record("MapIterationFailed" if id == child.id else "MapIterationAborted", last,
                       {"index": other.index, "name": strand.state})
        kind = run.state(other).type
        entered = ("enter", id) not in run.turns
        if entered and kind in (_ABORTED if id != child.id else ("Task", "Wait")):
            run.record(f"{kind}StateAborted", last)
        quiet(run, other)
    run.unturn(strand)
    strand.last = last
    return strand


def quiet(run: Run, strand: Strand) -> None:
    """Stop a strand where it is, and all within it, so that it could be taken up again."""
    pending = ("enter", strand.id) in run.turns
    run.settle(strand)
    strand.waits = "enter" if pending else "stopped"
    run.unturn(strand)
    for id in strand.fan.children if strand.fan else ():
        if child := run.find(id):
            quiet(run, child)


def again(run: Run, strand: Strand) -> None:
    """Take up a strand that was stopped or has failed, where it stood."""
    strand.retries = []
    children = [child for id in (strand.fan.children if strand.fan else ()) if (child := run.find(id))]
    if children:
        strand.waits = "children"
        for child in children:
            child.last = max(child.last, strand.last)
            again(run, child)
    else:
        if strand.fan and not strand.fan.run:
            run.drop_children(strand)
        run.turn("enter" if strand.waits == "enter" else "again", strand)


def join(run: Run, strand: Strand) -> None:
    """All children have ended: put their results together and leave the state."""
    state = run.state(strand)
    iteration = state.iteration
    if iteration and iteration.writer and strand.fan:
        writer = iteration.writer
        arguments = json_text(writer.arguments(run.scene(strand)))
        strand.waits = "results"
        run.effects.append(WriteResults(strand.id, strand.ticket, writer.resource, arguments, writer.config,
                                        strand.fan.run))
        return
    if strand.fan and strand.fan.size > failures.PAYLOAD_BYTES:  # before all of them are in memory
        raise failures.OutputTooLarge(state.name)
    results = ",".join(value.decode() for _, value in run.memory.scan("result", strand.id))
    joined(run, strand, f"[{results}]")


def joined(run: Run, strand: Strand, text: str) -> None:
    """Leave the state with the result of its children."""
    state = run.state(strand)
    check_size(text, state.name)
    if state.iteration and state.iteration.distributed:
        run.note(strand, "MapRunSucceeded")
    run.record(f"{state.type}StateSucceeded", strand.last)
    complete(run, strand, json_value(text))
