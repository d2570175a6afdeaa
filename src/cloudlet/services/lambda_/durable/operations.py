"""Operations: what an execution remembers, each a row in the order in which they started.

Number 0 is the execution itself and holds its input. Of a context that has ended, what happened inside is not
told to the function any more (it is ``hidden``), unless the context asked for that.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ....fabric import timers
from ....kernel import Call
from ....store import Table
from ..errors import InvalidParameterValueException
from ..limits import DURABLE_ERROR
from .executions import Execution, wake

STARTED, PENDING, READY, CANCELLED = "STARTED", "PENDING", "READY", "CANCELLED"
_ROW = 300  # bytes of an operation without its payload, about
Shown = dict[str, Any]


class Operation(msgspec.Struct):
    """One operation. ``result`` of number 0 is the execution's input."""

    execution: str
    number: int
    id: str
    type: str
    started_ms: int
    status: str = STARTED
    ended_ms: int = 0
    parent: str = ""
    name: str = ""
    sub_type: str = ""
    result: str | None = None
    error: Shown | None = None
    attempt: int = 0  # of a step, those that are over
    seconds: int = 0  # of a wait
    due_ms: int = 0  # when a wait ends, a step is tried again, a callback times out
    heartbeat_s: int = 0
    heartbeat_ms: int = 0  # when a callback times out for want of a heartbeat
    callback: str = ""
    replay: bool = False  # what happened inside a context is told, also once it has ended
    hidden: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether something outside the function will end it."""
        if self.type == "STEP":
            return self.status == PENDING
        return self.status == STARTED and self.type in ("WAIT", "CALLBACK", "CHAINED_INVOKE")

    @property
    def size(self) -> int:
        """Its bytes in a page, about."""
        return _ROW + len(self.result or "") + (len(str(self.error)) if self.error else 0)


operations = Table("lambda.execution-operations", Operation, indexes={
    "id": lambda record: (record.execution, record.id),
    "pending": lambda record: (record.execution,) if record.is_pending else None,
    "parent": lambda record: (record.execution, record.parent) if record.parent else None,
})


def by_id(call: Call, execution: Execution, id: str) -> Operation | None:
    """The operation of that id, or None."""
    return next((record for _, record in operations.find(call, "id", execution.id, id)), None)


def keep(call: Call, record: Operation) -> None:
    """Keep an operation as it is now."""
    operations.put(call, record.execution, record.number, record=record)


def pending(call: Call, execution: Execution) -> list[Operation]:
    """The operations that something outside the function will end."""
    return [record for _, record in operations.find(call, "pending", execution.id)]


def has_pending(call: Call, execution: Execution) -> bool:
    """Whether there is one."""
    return any(operations.find(call, "pending", execution.id, limit=1))


def tell(execution: Execution, record: Operation) -> None:
    """Remember that the function must be told of this operation as it is now."""
    if not record.hidden and record.number not in execution.unseen:
        execution.unseen.append(record.number)


def changed(call: Call, execution: Execution, record: Operation) -> None:
    """Keep what happened to an operation from outside, and let the function learn of it."""
    keep(call, record)
    tell(execution, record)
    if not record.hidden:
        wake(call, execution)


def hide_inside(call: Call, context: Operation) -> None:
    """Tell no more of what happened inside a context."""
    outer = [context.id]
    while outer:
        for _, record in list(operations.find(call, "parent", context.execution, outer.pop())):
            if not record.hidden:
                record.hidden = True
                keep(call, record)
                outer.append(record.id)


def alarm(call: Call, execution: Execution, record: Operation) -> None:
    """Let the clock end a wait, make a step ready or time a callback out."""
    for at_ms, kind in ((record.due_ms, "due"), (record.heartbeat_ms, "heartbeat")):
        if at_ms:
            timers.schedule(call, "fall_due", at_ms=at_ms, id=_timer(record, kind),
                            function=execution.function, execution=execution.id, number=record.number)


def silence(call: Call, record: Operation) -> None:
    """Forget what the clock was to do."""
    timers.cancel(call, at_ms=record.due_ms, id=_timer(record, "due"))
    timers.cancel(call, at_ms=record.heartbeat_ms, id=_timer(record, "heartbeat"))


def _timer(record: Operation, kind: str) -> str:
    return f"lambda/durable/{record.execution}/{record.number}/{kind}"


def page(
    call: Call, execution: Execution, *, after: int | None, limit: int, size: int
) -> tuple[list[Operation], str]:
    """The operations after a number that the function must know, and the marker of the next page."""
    found: list[Operation] = []
    edge = None if after is None else (execution.id, after)
    for _, record in operations.items(call, execution.id, after=edge):
        if record.hidden:
            continue
        size -= record.size
        if found and (size < 0 or len(found) == limit):
            return found, str(found[-1].number)
        found.append(record)
    return found, ""


def after_of(marker: str | None) -> int | None:
    """The number that a page's marker says."""
    if not marker:
        return None
    if not (marker.isascii() and marker.isdigit() and len(marker) < 10):
        raise InvalidParameterValueException("Invalid Marker")
    return int(marker)


def told(call: Call, execution: Execution, numbers: list[int]) -> Iterator[Operation]:
    """The operations of these numbers, in order."""
    for number in sorted(numbers):
        record = operations.get(call, execution.id, number)
        if record is not None:
            yield record


def size_of(payload: str | None, error: Shown | None = None) -> int:
    """The bytes of a payload and an error."""
    return (0 if payload is None else len(payload.encode())) + (
        0 if error is None else len(msgspec.json.encode(error)))


def check_error(error: Shown | None) -> None:
    """Refuse an error that is too large."""
    if size_of(None, error) >= DURABLE_ERROR:
        raise InvalidParameterValueException(f"Error object size must be less than {DURABLE_ERROR} bytes.")


def error_object(said: Shown) -> Shown:
    """An error as an execution keeps it, of what a function said, in the API's spelling or its own."""
    found: Shown = {}
    for key in ("ErrorMessage", "ErrorType", "ErrorData"):
        value = said.get(key, said.get(f"e{key[1:]}"))
        if value is not None:
            found[key] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    trace = said.get("StackTrace", said.get("stackTrace"))
    if isinstance(trace, list):
        found["StackTrace"] = [str(line) for line in trace]
    return found


def seconds(at_ms: int) -> float:
    """A moment as the API says it."""
    return at_ms / 1000


def milliseconds(at_ms: int) -> int:
    """A moment as the function's event says it."""
    return at_ms


def shown(record: Operation, moment: Callable[[int], float] = seconds) -> Shown:
    """An operation as the function sees it."""
    found: Shown = {"Id": record.id, "Type": record.type, "Status": record.status,
                    "StartTimestamp": moment(record.started_ms)}
    for key, value in (("ParentId", record.parent), ("Name", record.name), ("SubType", record.sub_type)):
        if value:
            found[key] = value
    if record.ended_ms:
        found["EndTimestamp"] = moment(record.ended_ms)
    outcome: Shown = {key: value for key, value in (("Result", record.result), ("Error", record.error))
                      if value is not None}
    match record.type:
        case "EXECUTION":
            found["ExecutionDetails"] = {} if record.result is None else {"InputPayload": record.result}
        case "CONTEXT":
            found["ContextDetails"] = outcome | ({"ReplayChildren": True} if record.replay else {})
        case "STEP":
            found["StepDetails"] = {"Attempt": record.attempt} | outcome
            if record.status == PENDING:
                found["StepDetails"]["NextAttemptTimestamp"] = moment(record.due_ms)
        case "WAIT":
            found["WaitDetails"] = {"ScheduledEndTimestamp": moment(record.due_ms)}
        case "CALLBACK":
            found["CallbackDetails"] = {"CallbackId": record.callback} | outcome
        case "CHAINED_INVOKE":
            found["ChainedInvokeDetails"] = outcome
    return found
