"""What an execution's history says of its states: when each ran, for how long, and how it went.

A history is a list of events, each with the id of the one before it in its own line of control. The visit
that an event belongs to is thus that of the event before it; a state inside a Parallel or Map begins at an
event of the state around it.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from . import paper

Event = dict[str, Any]
_BAR, _ROWS = 28, 200
_BROKE = ("Failed", "TimedOut", "StartFailed", "SubmitFailed", "Aborted")
_MARKS: dict[str, Callable[[str], str]] = {
    "succeeded": paper.good, "failed": paper.bad, "caught": paper.warning, "aborted": paper.faint,
    "running": str}


class Visit(msgspec.Struct, rename="camel"):
    """A state that an execution was in, once."""

    state: str
    type: str
    began_s: float
    ended_s: float | None = None
    depth: int = 0
    index: int | None = None  # of a Map's iteration
    outcome: str = "running"
    retries: int = 0
    error: str = ""
    cause: str = ""
    attempts: int = 0
    broke: bool = False  # at its last attempt
    around: int = -1  # the visit this one is within


class Lane(msgspec.Struct):
    """All visits of one state."""

    visits: int
    retries: int
    took_s: float
    outcome: str
    error: str


class Timeline(msgspec.Struct, rename="camel"):
    """An execution as its history shows it."""

    visits: list[Visit]
    status: str
    took_s: float
    output: str | None = None
    error: str = ""
    cause: str = ""


def read(history: Sequence[Event]) -> Timeline:
    """The visits of a history, oldest first; its moments are in seconds."""
    visits: list[Visit] = []
    owner: dict[int, int] = {0: -1}  # event → visit
    indexes: dict[int, int] = {}  # event → which iteration it began
    found = Timeline(visits, "RUNNING", 0.0)
    start_s = history[0]["timestamp"] if history else 0.0
    for event in history:
        kind, id, before, at_s = event["type"], event["id"], event["previousEventId"], event["timestamp"]
        details: Event = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        at = owner.get(before, -1)
        found.took_s = at_s - start_s
        if kind.endswith("StateEntered"):
            around = _around(visits, at)
            index = indexes.get(before)
            owner[id] = len(visits)
            depth = visits[around].depth + 1 if around >= 0 else 0
            visits.append(Visit(details["name"], kind.removesuffix("StateEntered"), at_s - start_s,
                                depth=depth, index=index, around=around))
        elif kind.endswith("StateExited"):
            while at >= 0 and (visits[at].state != details["name"] or visits[at].ended_s is not None):
                at = visits[at].around
            owner[id] = at
            if at >= 0:
                _leave(visits, at, at_s - start_s, details.get("output"))
        else:
            owner[id] = at
            if kind == "MapIterationStarted":
                indexes[id] = details["index"]
            _happen(visits, at, kind, details)
            _close(found, at, kind, details)
    return found


def _around(visits: list[Visit], at: int) -> int:
    """The Parallel or Map that a state entered after a visit is within."""
    if at >= 0 and (visits[at].ended_s is not None or visits[at].type not in ("Parallel", "Map")):
        return visits[at].around
    return at


def _leave(visits: list[Visit], at: int, at_s: float, output: str | None) -> None:
    visit = visits[at]
    visit.ended_s = at_s
    visit.outcome = "caught" if visit.broke else "succeeded"
    if visit.broke and not visit.error:  # no event says it where a Fail state within was the reason
        visit.error, visit.cause = _caught(output)
    for one in visits[at + 1 :]:  # what was stopped with it
        if one.ended_s is None and one.depth > visit.depth and _is_within(visits, one, at):
            one.ended_s, one.outcome = at_s, _unfinished(one)
            if one.type == "Fail" and not one.error:
                one.error, one.cause = visit.error, visit.cause


def _caught(output: str | None) -> tuple[str, str]:
    """The error and cause that a state's output tells, if a catcher has put nothing else into it."""
    try:
        found = json.loads(output or "")
    except ValueError:
        return "", ""
    if not isinstance(found, dict) or found.keys() != {"Error", "Cause"}:
        return "", ""
    return str(found["Error"] or ""), str(found["Cause"] or "")


def _is_within(visits: list[Visit], one: Visit, at: int) -> bool:
    while one.around >= 0:
        if one.around == at:
            return True
        one = visits[one.around]
    return False


def _happen(visits: list[Visit], at: int, kind: str, details: Event) -> None:
    """An event within a visit."""
    if at < 0:
        return
    if kind in ("MapStateStarted", "ParallelStateStarted", "MapStateFailed", "ParallelStateFailed"):
        while visits[at].around >= 0 and visits[at].type != kind.partition("State")[0]:
            at = visits[at].around
    visit = visits[at]
    if kind.endswith("Scheduled") or kind in ("MapStateStarted", "ParallelStateStarted"):
        visit.attempts += 1
        visit.retries, visit.broke, visit.error, visit.cause = visit.attempts - 1, False, "", ""
    elif kind in ("MapStateFailed", "ParallelStateFailed"):
        inner = [one for one in visits if one.error and _is_within(visits, one, at)]
        visit.broke = True
        visit.error, visit.cause = (inner[-1].error, inner[-1].cause) if inner else ("", "")
    elif kind == "EvaluationFailed" or (kind.endswith(_BROKE) and not kind.startswith(
            ("Execution", "MapIteration", "MapRun"))):
        visit.broke = True
        visit.error, visit.cause = details.get("error", visit.error), details.get("cause", visit.cause)


def _unfinished(visit: Visit) -> str:
    """The outcome of a state that was never left."""
    return "failed" if visit.broke or visit.type == "Fail" else "aborted"


def _close(found: Timeline, at: int, kind: str, details: Event) -> None:
    """The end of the execution."""
    if not kind.startswith("Execution") or kind in ("ExecutionStarted", "ExecutionRedriven"):
        found.status = "RUNNING" if kind == "ExecutionRedriven" else found.status
        return
    found.status = {"TimedOut": "TIMED_OUT"}.get(kind[9:], kind[9:].upper())
    found.output = details.get("output")
    found.error, found.cause = details.get("error", ""), details.get("cause", "")
    lost = set()
    while at >= 0 and kind == "ExecutionFailed":
        lost.add(at)
        at = found.visits[at].around
    for place, visit in enumerate(found.visits):
        if visit.ended_s is None:
            visit.ended_s = found.took_s
            visit.outcome = "failed" if place in lost else _unfinished(visit)
            if place in lost:
                visit.error, visit.cause = visit.error or found.error, visit.cause or found.cause


def lanes(timeline: Timeline) -> dict[str, Lane]:
    """What became of each state, its visits taken together."""
    found: dict[str, Lane] = {}
    weights = ["succeeded", "aborted", "running", "caught", "failed"]
    for visit in timeline.visits:
        took_s = (timeline.took_s if visit.ended_s is None else visit.ended_s) - visit.began_s
        lane = found.setdefault(visit.state, Lane(0, 0, 0.0, "succeeded", ""))
        lane.visits += 1
        lane.retries += visit.retries
        lane.took_s += took_s
        lane.outcome = max(lane.outcome, visit.outcome, key=weights.index)
        lane.error = visit.error or lane.error
    return found


def show(timeline: Timeline) -> None:
    """The visits as a table, and how the execution ended."""
    whole = timeline.took_s or 1.0
    paper.table(("state", "start", "", "took", "outcome", "error"),
                (_row(visit, timeline.took_s, whole) for visit in timeline.visits[:_ROWS]))
    if len(timeline.visits) > _ROWS:
        paper.say(f"  and {len(timeline.visits) - _ROWS:,} more, which --json shows", dim=True)
    mark = _MARKS[{"SUCCEEDED": "succeeded", "RUNNING": "running"}.get(timeline.status, "failed")]
    told = " ".join(one for one in (timeline.error, _short(timeline.cause, 300)) if one)
    paper.say(f"  {mark(timeline.status)} after {lasted(timeline.took_s) or '0 s'}"
              f"{': ' + told if told else ''}")


def _row(visit: Visit, now_s: float, whole: float) -> tuple[str, ...]:
    took_s = (now_s if visit.ended_s is None else visit.ended_s) - visit.began_s
    first = min(int(visit.began_s / whole * _BAR), _BAR - 1)
    bar = " " * first + "█" * max(round(took_s / whole * _BAR), 1)
    index = f" [{visit.index}]" if visit.index is not None else ""
    retried = f", retried {visit.retries}×" if visit.retries else ""
    return (f"{'  ' * visit.depth}{visit.state}{index}", f"+{lasted(visit.began_s) or '0 s'}",
            _MARKS[visit.outcome](bar[:_BAR].ljust(_BAR)), lasted(took_s),
            _MARKS[visit.outcome](visit.outcome) + retried,
            " ".join(one for one in (visit.error, _short(visit.cause, 80)) if one))


def _short(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def lasted(seconds: float) -> str:
    """A duration in the largest unit that fits, two units from a minute on; "" if it is none.

    >>> [lasted(one) for one in (0.0042, 1.5, 90, 3600, 200_000)]
    ['4 ms', '1.5 s', '1 min 30 s', '1 h', '2 d 7 h']
    """
    if seconds < 0.0005:
        return ""
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return _units(round(seconds), (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)))


def _units(seconds: int, units: Iterable[tuple[str, int]]) -> str:
    parts: list[tuple[int, str]] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)
