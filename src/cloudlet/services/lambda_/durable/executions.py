"""Executions: the record of each, where it is found, and how its function comes to be invoked.

An execution is one small record, rewritten at every step; what is large or many (operations, events, the
result) are rows of their own. Its id begins with the moment it started, so keys are in the order of time. At
most one task of the clock is out to invoke its function: ``run`` names it, so that one that a crash has left
behind is told from the one that counts.
"""

import base64
import re
from typing import Any

import msgspec

from ....fabric import timers
from ....kernel import Call, Conversation
from ....store import Table
from ..errors import InvalidParameterValueException, ResourceNotFoundException
from ..records import arn_of

RUNNING, PAUSING, PAUSED = "RUNNING", "PAUSING", "PAUSED"
SUCCEEDED, FAILED, TIMED_OUT, STOPPED = "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"
DELETING = "DELETING"
STATUSES = (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, STOPPED, DELETING, PAUSING, PAUSED)
OPEN = frozenset({RUNNING, PAUSING, PAUSED})
_ARN = re.compile(
    r"arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:function:(?P<function>[a-zA-Z0-9_-]+):(\$LATEST|[0-9]+)"
    r"/durable-execution/[a-zA-Z0-9_-]+/(?P<id>[a-zA-Z0-9_-]+)"
)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Pause(msgspec.Struct):
    """A pause that was asked for."""

    requested_ms: int
    reason: str | None
    stops_clock: bool  # the execution's timeout is paused, too
    left_ms: int = 0  # of the timeout, since the pause took effect


class Answer(msgspec.Struct):
    """What a checkpoint was answered, for a client that asks once more."""

    client_token: str
    token: str  # that was consumed
    numbers: list[int]  # of the operations that were told


class Execution(msgspec.Struct):
    """One execution of a durable function. ``unseen`` are the operations its function must be told of."""

    id: str
    function: str
    version: str
    name: str
    started_ms: int
    timeout_s: int
    retention_days: int
    deadline_ms: int
    output_limit: int  # bytes of its result
    status: str = RUNNING
    ended_ms: int = 0
    event: str = ""  # the id of the asynchronous event that started it
    qualifier: str = ""  # that the event was for
    parent: str = ""  # the ARN of the execution that invoked it
    operation: int = 0  # the number of the parent's operation
    trace: str = ""
    client_context: str = ""
    tail: bool = False  # the end of the log is wanted
    operations: int = 1
    stored: int = 0  # bytes of payloads and errors
    events: int = 0
    run: str = ""
    invocation: str = ""  # the one that may checkpoint
    tokens: int = 0  # given to this invocation so far
    failures: int = 0  # of invocations, one after another
    owed: bool = False  # an invocation that a pause has held back
    unseen: list[int] = []
    pause: Pause | None = None
    answer: Answer | None = None
    requests: dict[str, int] = {}  # to pause and to resume, by client token: until when they are remembered

    @property
    def is_open(self) -> bool:
        """Whether it can still change."""
        return self.status in OPEN


class Output(msgspec.Struct):
    """How an execution ended."""

    result: str | None = None
    error: dict[str, Any] | None = None
    log: str = ""  # the end of the last invocation's


class Entry(msgspec.Struct):
    """That an execution has a status."""


executions = Table("lambda.executions", Execution,
                   indexes={"name": lambda record: (record.function, record.name)})
outputs = Table("lambda.execution-outputs", Output)
by_status = Table("lambda.executions-by-status", Entry)  # function, status, id


def execution_arn(call: Call | Conversation, record: Execution) -> str:
    """The ARN of an execution."""
    return f"{arn_of(call, record.function, record.version)}/durable-execution/{record.name}/{record.id}"


def find(call: Call, arn: str) -> Execution:
    """The execution that ``arn`` names, or the error AWS gives."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise InvalidParameterValueException("Invalid Durable Execution ARN")
    record = executions.get(call, match["function"], match["id"])
    if record is None or execution_arn(call, record) != arn:
        raise ResourceNotFoundException("Durable Execution does not exist")
    return record


def parts_of(arn: str) -> tuple[str, str]:
    """The function and the id in an execution's ARN."""
    match = _ARN.fullmatch(arn)
    return (match["function"], match["id"]) if match else ("", "")


def save(call: Call, record: Execution) -> None:
    """Keep an execution as it is now."""
    executions.put(call, record.function, record.id, record=record)


def enter(call: Call, record: Execution, status: str) -> None:
    """Let an execution have that status; what lists by status knows."""
    by_status.delete(call, record.function, record.status, record.id)
    record.status = status
    by_status.put(call, record.function, status, record.id, record=Entry())


def new_id(call: Call) -> str:
    """A UUID of version 7: it begins with the moment, in milliseconds."""
    raw = bytearray(id_floor(call.now_ms) + call.ids.bytes(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return _text(raw)


def id_floor(at_ms: int) -> bytes:
    """The bytes that an id of that moment begins with."""
    return min(max(at_ms, 0), (1 << 48) - 1).to_bytes(6, "big")


def id_before(at_ms: int) -> str:
    """A text that sorts before the id of every execution that starts then or later."""
    return _text(id_floor(at_ms))


def is_id(text: str) -> bool:
    """Whether this could be the id of an execution."""
    return _ID.fullmatch(text) is not None


def _text(raw: bytes | bytearray) -> str:
    text = raw.hex()
    return "-".join(part for part in (text[:8], text[8:12], text[12:16], text[16:20], text[20:]) if part)


def wake(call: Call, record: Execution, *, at_ms: int = 0, pauses: int = 0) -> None:
    """See to it that the function is invoked, unless that is under way or a pause forbids it."""
    if record.run or record.status != RUNNING:
        return
    record.run = call.ids.hex(16)
    timers.schedule(call, "advance_execution", at_ms=at_ms or call.now_ms,
                    id=f"lambda/durable/{record.id}/{record.run}", function=record.function,
                    execution=record.id, run=record.run, pauses=pauses)


def limit_time(call: Call, record: Execution, deadline_ms: int) -> None:
    """Let the execution time out at another moment than now scheduled."""
    name = f"lambda/durable/{record.id}/timeout"
    timers.cancel(call, at_ms=record.deadline_ms, id=name)
    record.deadline_ms = deadline_ms
    if deadline_ms:
        timers.schedule(call, "time_out_execution", at_ms=deadline_ms, id=name, function=record.function,
                        execution=record.id)


def bell_of(call: Call | Conversation, id: str) -> str:
    """What rings when an execution ends."""
    return f"lambda/durable/{call.account}/{call.region}/{id}"


def token_of(record: Execution) -> str:
    """What the present invocation must show with its next checkpoint."""
    raw = msgspec.msgpack.encode((record.function, record.id, record.invocation, record.tokens))
    return base64.b64encode(raw).decode()


def holder(call: Call, arn: str, token: str) -> Execution:
    """The execution whose current token this is; stale and foreign ones are refused."""
    function, id = parts_of(arn)
    record = executions.get(call, function, id) if id else None
    if record is None or not record.invocation or token_of(record) != token:
        raise InvalidParameterValueException("Invalid checkpoint token")
    return record
