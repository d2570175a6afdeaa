"""The interpreter: one event in, the history's next events and what is to be done out.

A step takes an execution as far as it comes without the outside, but no further than a fixed number of
states: then it asks to be continued, so that no loop and no Map makes a transaction long.
"""

from collections.abc import Callable
from functools import partial

from . import fan, records, tasks
from .choices import moment
from .definition import Machine, State
from .failures import WAIT_AHEAD_MS, WAIT_S, Failure, QueryFailure, RuntimeFailure
from .intrinsics import json_value, plain
from .records import Event, Memory, Step, Strand, World
from .run import HistoryFull, Run, data
from .tasks import look, outflow, selected, told
from .templates import Scene, place

_EXECUTION = -1  # in place of a strand


def step(machine: Machine, memory: Memory, event: Event, world: World, now_ms: int, *,
         states: int = 100) -> Step:
    """What follows from ``event``, at most ``states`` states far. Late answers have no consequence."""
    run = Run(machine, memory, world, now_ms)
    try:
        _take(run, event)
        _work(run, states)
    except HistoryFull:
        _end(run, "FAILED", run.head.events, "States.Runtime",
             "The execution reached the maximum number of history events (25000).")
    run.flush()
    return Step(run.history, run.effects)


def _take(run: Run, event: Event) -> None:
    """Let the event have its consequence for the strand it is about."""
    match event:
        case records.Start():
            if not run.head.events:
                _start(run, event)
        case records.Redrive():
            if run.head.status in _ENDS:
                _redrive(run)
        case _ if run.head.status != "RUNNING" or isinstance(event, records.Continue):
            pass
        case records.Stop():
            _end(run, "ABORTED", 0, event.error, event.cause)
        case records.Woke(strand=-1):
            run.head.deadline_ms = 0
            _end(run, "TIMED_OUT", 0, "States.Timeout")
        case _:
            strand = run.find(event.strand)
            if strand and strand.ticket == event.ticket and strand.waits:
                if isinstance(event, records.Woke):
                    strand.timers = [one for one in strand.timers if one[0] != event.purpose]
                attempt(run, strand, partial(_answer, run, strand, event))


def _start(run: Run, event: records.Start) -> None:
    origin = event.origin
    run.begin(origin, event.input)
    run.record("ExecutionStarted", 0, {**data("input", event.input), "roleArn": origin.role_arn})
    strand = run.add(origin.start_at or run.machine.start)
    run.give(strand, json_value(event.input), event.input)
    _limit(run)


def _limit(run: Run) -> None:
    """Let the execution's time begin, if it is limited."""
    if run.machine.timeout_s and not run.origin.start_at:
        run.head.deadline_ms = run.now_ms + run.machine.timeout_s * 1000
        run.effects.append(records.SetTimer(_EXECUTION, 0, "execution", run.head.deadline_ms))


def _answer(run: Run, strand: Strand, event: Event) -> None:
    """What a strand has waited for."""
    match event, strand.waits:
        case records.Woke(purpose="wait"), "wait":
            hand_on(run, strand)
        case records.Woke(purpose="retry"), "retry":
            run.settle(strand)
            run.turn("again", strand)
        case records.Woke(purpose=purpose), "task":
            tasks.timed_out(run, strand, purpose)
        case records.Answer(kind=kind, text=text), "task" if kind in tasks.ANSWERS:
            tasks.ANSWERS[kind](run, strand, text)
        case records.Answer(kind="written", text=text), "results":
            fan.joined(run, strand, text)
        case records.Failed(), "task":
            tasks.failed(run, strand, event)
        case records.Failed(cause=cause), ("items" | "results" as waits):
            raise Failure(f"States.{'ItemReader' if waits == 'items' else 'ResultWriter'}Failed", cause)
        case records.ItemsRead(), "items":
            fan.read(run, strand, event)
        case records.ChildEnded(), ("children" | "items"):
            fan.child_ended(run, strand, event)


def _work(run: Run, states: int) -> None:
    """Take turns, until nothing can be done any more or this was enough."""
    while run.turns and run.head.status == "RUNNING":
        kind, id = next(iter(run.turns))
        if kind in ("enter", "fan"):
            if not states:
                run.head.pending = list(run.turns)
                run.effects.append(records.More())
                return
            states -= 1
        run.turns.popitem(last=False)
        strand = run.find(id)
        if strand is not None:
            attempt(run, strand, partial(_TURNS[kind], run, strand))


def attempt(run: Run, strand: Strand, work: Callable[[], None]) -> None:
    """Do the work; if it fails, the strand's state fails."""
    try:
        work()
    except Failure as failure:
        fail(run, strand, failure)


# -- states


def enter(run: Run, strand: Strand) -> None:
    """Enter the state whose turn it is, and do what it says."""
    state = run.state(strand)
    strand.before, strand.entered_ms, strand.waits = strand.last, run.now_ms, ""
    details = {"name": state.name, **data("input", run.text(strand))}
    strand.entered = strand.last = run.record(f"{state.type}StateEntered", strand.last, details)
    perform(run, strand)


def perform(run: Run, strand: Strand) -> None:
    """Do the work of a state that was entered, be it again."""
    _STATES[run.state(strand).type](run, strand)


def _end_of_strand(run: Run, strand: Strand) -> None:
    if strand.parent >= 0:
        fan.ended(run, strand)
    else:
        run.record("ExecutionSucceeded", strand.last, data("output", run.text(strand)))
        _finish(run, records.Finish("SUCCEEDED", run.text(strand)))


def hand_on(run: Run, strand: Strand) -> None:
    """Leave a state that has no result, with its input or what is made of it."""
    state, scene = run.state(strand), run.scene(strand)
    selected(run, scene, state)
    assigned = state.assign(scene) if state.assign else None
    output = state.output or state.output_path
    run.leave(strand, output(scene) if output else scene.value, state.next, assigned)


def _pass(run: Run, strand: Strand) -> None:
    state, scene = run.state(strand), run.scene(strand)
    if state.jsonata:
        hand_on(run, strand)
        return
    if state.result:
        result = state.result(scene)
        if state.input_path:
            scene.value = state.input_path(scene)
        look(run, "result", result)
    else:
        result = tasks.inflow(run, scene, state)
    assigned = state.assign(scene) if state.assign else None
    run.leave(strand, outflow(run, scene, state, result), state.next, assigned)


def _choice(run: Run, strand: Strand) -> None:
    state, scene = run.state(strand), run.scene(strand)
    selected(run, scene, state)
    rule = next((rule for rule in state.rules if rule.test(scene)), None)
    if rule is None and not state.default:
        raise Failure("States.NoChoiceMatched", "Failed to transition out of the state. The state's choices "
                      "do not match the input, and it has no default.", situated=True)
    assign, output = (rule.assign, rule.output) if rule else (state.assign, state.output)
    assigned = assign(scene) if assign else None
    value = output(scene) if output else scene.value
    if not state.jsonata and state.output_path:
        value = state.output_path(scene)
    run.leave(strand, value, rule.next if rule else state.default, assigned)


def _wait(run: Run, strand: Strand) -> None:
    state, scene = run.state(strand), run.scene(strand)
    selected(run, scene, state)
    assert state.wait
    at_ms = _due_ms(run, state, scene)
    if at_ms - run.now_ms > WAIT_AHEAD_MS:
        raise RuntimeFailure("Wait state delay is too long.")
    strand.ticket += 1
    strand.waits = "wait"
    run.timer(strand, "wait", max(at_ms, run.now_ms))


def _due_ms(run: Run, state: State, scene: Scene) -> int:
    """The moment that a Wait state waits for."""
    field = state.wait
    assert field
    try:
        value = field.value(scene)
    except RuntimeFailure:
        if not field.path:
            raise
        raise RuntimeFailure(f"The {field.name} parameter does not reference an input value: "
                             f"{field.path}") from None
    shown = f"{field.path} == {plain(value)}"
    if field.name.startswith("Timestamp"):
        found = moment(value)
        if found:
            return int(found.timestamp() * 1000)
        if field.path:
            raise RuntimeFailure("The TimestampPath parameter does not reference a valid ISO-8601 extended "
                                 f"offset date-time format string: {shown}")
        raise QueryFailure("The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time "
                           f"format string: {value}", late=True)
    if not field.path:
        return run.now_ms + (tasks.number(field, scene) or 0) * 1000
    if not isinstance(value, int) or isinstance(value, bool):
        raise RuntimeFailure(f"The SecondsPath parameter cannot be parsed as a long value: {shown}")
    if value < 0:
        raise RuntimeFailure(f"The SecondsPath parameter references a negative value: {shown}")
    return run.now_ms + value * 1000


def _fail(run: Run, strand: Strand) -> None:
    state, scene = run.state(strand), run.scene(strand)
    selected(run, scene, state)
    raise Failure(*(field.value(scene) if field else None for field in (state.error, state.cause)))


# -- failing


def fail(run: Run, strand: Strand, failure: Failure) -> None:
    """The strand's state fails: try it again, catch it, or let it fail what is around it."""
    while True:
        state = run.state(strand)
        _situate(run, strand, failure)
        run.settle(strand)
        if _retried(run, strand, failure):
            return
        if state.type in ("Map", "Parallel") and not (failure.fatal and failure.strand == strand.id):
            if strand.fan and strand.fan.run:
                run.note(strand, "MapRunFailed", told(failure.error, failure.cause))
            run.note(strand, f"{state.type}StateFailed")
        try:
            if caught(run, strand, failure):
                return
        except Failure as worse:
            failure = worse
            _situate(run, strand, failure)
        if strand.parent < 0:
            _end(run, "FAILED", strand.last, failure.error, failure.cause)
            return
        strand = fan.broken(run, strand)


def _situate(run: Run, strand: Strand, failure: Failure) -> None:
    """Say where it happened, once."""
    if failure.strand >= 0:
        return
    failure.strand = strand.id
    if failure.situated and run.notes is None:
        failure.cause = (f"An error occurred while executing the state '{strand.state}' (entered at the "
                         f"event id #{strand.entered}). {failure.cause}")
    if isinstance(failure, QueryFailure):
        early = strand.last == strand.entered and not failure.late
        location = {"location": failure.location} if failure.location else {}
        strand.last = run.record("EvaluationFailed", strand.before if early else strand.last, {
            **told(failure.error, failure.cause), **location, "state": strand.state})


def delay_s(state: State, retrier: int, done: int) -> float:
    """How long that retrier waits after ``done`` retries, without jitter."""
    one = state.retry[retrier]
    try:
        delay = float(one.interval_s) * float(one.rate) ** done
    except OverflowError:
        delay = float(WAIT_S)
    return min(delay, WAIT_S if one.max_delay_s is None else one.max_delay_s)


def _retried(run: Run, strand: Strand, failure: Failure) -> bool:
    state = run.state(strand)
    which = failure.first(state.retry)
    if which is None:
        return False
    strand.retries = strand.retries or [0] * len(state.retry)
    if strand.retries[which] >= state.retry[which].attempts:
        return False
    delay = delay_s(state, which, strand.retries[which])
    delay *= run.world.random() if state.retry[which].jitter else 1
    strand.retries[which] += 1
    run.drop_children(strand)
    strand.ticket += 1
    strand.waits = "retry"
    run.timer(strand, "retry", run.now_ms + int(delay * 1000))
    return True


def caught(run: Run, strand: Strand, failure: Failure) -> bool:
    """Whether a catcher of the state takes the failure; then the state is left."""
    state = run.state(strand)
    which = failure.first(state.catch)
    if which is None:
        return False
    catcher, scene = state.catch[which], run.scene(strand)
    output = scene.error = scene.value = failure.output()
    assigned = catcher.assign(scene) if catcher.assign else None
    if catcher.output:
        output = catcher.output(scene)
    elif not state.jsonata:
        output = scene.input if catcher.result_path is None else place(
            scene.input, catcher.result_path, output, catcher.shown_path)
    run.leave(strand, output, catcher.next, assigned)
    return True


# -- the end


_ENDS = {"FAILED": "ExecutionFailed", "ABORTED": "ExecutionAborted", "TIMED_OUT": "ExecutionTimedOut"}


def _end(run: Run, status: str, previous: int, error: str | None, cause: str | None = None) -> None:
    """End the execution without an output."""
    root = run.find(0)
    if root:
        fan.quiet(run, root)
    run.record(_ENDS[status], previous, told(error, cause))
    _finish(run, records.Finish(status, error=error, cause=cause))  # type: ignore[arg-type]


def _finish(run: Run, finish: records.Finish) -> None:
    run.head.status = finish.status
    run.turns.clear()
    if run.head.deadline_ms:
        run.effects.append(records.CancelTimer(_EXECUTION, 0, "execution", run.head.deadline_ms))
    run.effects.append(finish)


def _redrive(run: Run) -> None:
    """Take up a failed execution where it stopped; what had succeeded stays as it is."""
    run.head.status = "RUNNING"
    run.head.redrives += 1
    root = run.strand(0)
    root.last = run.record("ExecutionRedriven", run.head.events, {"redriveCount": run.head.redrives})
    _limit(run)
    fan.again(run, root)


_STATES: dict[str, Callable[[Run, Strand], None]] = {
    "Pass": _pass, "Choice": _choice, "Wait": _wait, "Succeed": hand_on, "Fail": _fail,
    "Task": tasks.schedule, "Parallel": fan.begin, "Map": fan.begin}
_TURNS: dict[str, Callable[[Run, Strand], None]] = {
    "enter": enter, "end": _end_of_strand, "fan": fan.proceed,
    "again": perform}
