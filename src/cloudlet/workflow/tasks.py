"""Task states, and how data flows into a state that has work done and out of it again."""

from typing import Any

from .definition import Field, State
from .failures import WAIT_S, Failure, OutputTooLarge, QueryFailure, RuntimeFailure, check_size
from .intrinsics import json_text, json_value, plain
from .records import Failed, RunTask, Strand
from .run import Run, data
from .templates import Scene, place, whole_number

_PHASES = {"run": "Failed", "start": "StartFailed", "submit": "SubmitFailed"}
_KINDS = {"activity": "Activity", "function": "LambdaFunction"}


def schedule(run: Run, strand: Strand) -> None:
    """Ask for the task of the strand's state."""
    state = run.state(strand)
    strand.ticket += 1  # first: a task token among the arguments names it
    scene = run.scene(strand)
    arguments = inflow(run, scene, state)
    credentials = state.credentials(scene) if state.credentials else None
    timeout = number(state.timeout, scene, least=1, most=WAIT_S)
    heartbeat = number(state.heartbeat, scene, least=1, most=WAIT_S)
    if refusal := run.world.refusal(state.resource, arguments):
        raise RuntimeFailure(refusal)
    text = json_text(arguments)
    kind, names = kind_of(state.resource)
    details: dict[str, Any] = {"resource": state.resource, **data("input", text)} if not names else {
        "parameters": text, "region": run.origin.arn.split(":")[3], **names}
    limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat}
    details |= {name: value for name, value in limits.items() if value is not None}
    if credentials:
        details["taskCredentials"] = {"roleArn": credentials.get("RoleArn")}
    run.note(strand, f"{kind}Scheduled", details)
    strand.waits = "task"
    run.effects.append(RunTask(strand.id, strand.ticket, state.name, state.resource, text, credentials,
                               heartbeat, timeout))
    for purpose, seconds in (("timeout", timeout), ("heartbeat", heartbeat)):
        if seconds is not None:
            run.timer(strand, purpose, run.now_ms + seconds * 1000)


def kind_of(resource: str) -> tuple[str, dict[str, str]]:
    """How a task's events are called, and what they name beside; functions and activities name nothing."""
    parts = resource.split(":")
    if len(parts) > 6 and parts[5] in _KINDS:
        return _KINDS[parts[5]], {}
    return "Task", {"resource": parts[-1], "resourceType": ":".join(parts[5:-1])}


def started(run: Run, strand: Strand, worker: str) -> None:
    """Record that somebody has begun."""
    kind, names = kind_of(run.state(strand).resource)
    details = {"workerName": worker} if worker else {}
    run.note(strand, f"{kind}Started", details if kind == "Activity" else names or None)


def submitted(run: Run, strand: Strand, output: str) -> None:
    """Record that the task was accepted; its result comes later."""
    _, names = kind_of(run.state(strand).resource)
    run.note(strand, "TaskSubmitted", {**data("output", output), **names})


def alive(run: Run, strand: Strand, _: str = "") -> None:
    """Start the time for the next heartbeat anew."""
    run.untime(strand, "heartbeat")
    seconds = number(run.state(strand).heartbeat, run.scene(strand), least=1)
    if seconds is not None:
        run.timer(strand, "heartbeat", run.now_ms + seconds * 1000)


def succeeded(run: Run, strand: Strand, output: str) -> None:
    """Take a task's result and leave the state."""
    state = run.state(strand)
    kind, names = kind_of(state.resource)
    run.settle(strand, answered=True)
    try:
        check_size(output, names.get("resourceType", state.resource))
    except OutputTooLarge as large:
        run.note(strand, f"{kind}Failed", {"error": large.error, "cause": large.cause, **names})
        raise
    run.note(strand, f"{kind}Succeeded", {**data("output", output), **names})
    complete(run, strand, json_value(output))


ANSWERS = {"started": started, "submitted": submitted, "done": succeeded, "alive": alive}


def failed(run: Run, strand: Strand, event: Failed) -> None:
    """Record a task's error and raise it."""
    kind, names = kind_of(run.state(strand).resource)
    run.settle(strand, answered=True)
    if event.fatal:
        raise RuntimeFailure(event.cause or "")
    run.note(strand, f"{kind}{_PHASES[event.phase]}", {**told(event.error, event.cause), **names})
    raise Failure(event.error, event.cause)


def timed_out(run: Run, strand: Strand, purpose: str) -> None:
    """Give a task up, for it has taken too long or shown no sign of life."""
    kind, names = kind_of(run.state(strand).resource)
    run.settle(strand)
    run.note(strand, f"{kind}TimedOut", {"error": "States.Timeout", **names})
    raise Failure("States.Timeout", aliases=("States.HeartbeatTimeout",) if purpose == "heartbeat" else ())


def told(error: str | None, cause: str | None) -> dict[str, str]:
    """Error and cause among an event's details, as far as there are any."""
    return {name: value for name, value in (("error", error), ("cause", cause)) if value is not None}


# -- how data flows


def look(run: Run, name: str, value: Any) -> None:
    """Keep a value for whoever inspects the state."""
    if run.notes is not None:
        run.notes[name] = value


def selected(run: Run, scene: Scene, state: State) -> Any:
    """The input after InputPath."""
    if not state.jsonata:
        if state.input_path:
            scene.value = state.input_path(scene)
        look(run, "afterInputPath", scene.value)
    return scene.value


def inflow(run: Run, scene: Scene, state: State) -> Any:
    """What a state's work is given."""
    selected(run, scene, state)
    arguments = state.arguments(scene) if state.arguments else scene.value
    if not state.jsonata:
        look(run, "afterParameters", arguments)
    elif state.arguments:
        look(run, "afterArguments", arguments)
    return arguments


def complete(run: Run, strand: Strand, result: Any) -> None:
    """Leave a Task, Parallel or Map state with its result."""
    state, scene = run.state(strand), run.scene(strand)
    if state.type == "Task":
        look(run, "result", result)
    scene.result = result
    if state.jsonata:
        output = state.output(scene) if state.output else result
        run.leave(strand, output, state.next, state.assign(scene) if state.assign else None)
        return
    scene.value = result
    assigned = state.assign(scene) if state.assign else None
    merged = state.selector(scene) if state.selector else result
    run.leave(strand, outflow(run, scene, state, merged), state.next, assigned)


def outflow(run: Run, scene: Scene, state: State, result: Any) -> Any:
    """A result after ResultPath and OutputPath."""
    look(run, "afterResultSelector", result)
    scene.value = scene.input
    if state.result_path is not None:
        scene.value = place(scene.input, state.result_path, result, state.shown_path)
    look(run, "afterResultPath", scene.value)
    return state.output_path(scene) if state.output_path else scene.value


def number(field: Field | None, scene: Scene, *, least: int = 0, most: int = 1 << 53) -> int | None:
    """A whole number that a field gives."""
    if field is None:
        return None
    value = field.value(scene)
    found = whole_number(value, least=least)
    if found is None or found > most:
        if field.path:
            raise not_valid(field, value, "integer")
        raise QueryFailure(f"The value of the field '{field.name}' must be an integer of at least {least} "
                           f"but was: {plain(value)}", field.name, late=True)
    return found


def not_valid(field: Field, value: Any, kind: str) -> RuntimeFailure:
    """What a field fails with when its path leads to something else than a number."""
    return RuntimeFailure(f'The {field.name} field refers to value "{plain(value)}" which is not a valid '
                          f"{kind}: {field.path}")
