"""What goes into a step and what comes out of it, and what an execution remembers between two steps.

Everything remembered is a small record under a key of its own, so a step reads and writes what it is about
and nothing else: how long the history is and how many branches there are does not matter.
"""

from collections.abc import Iterator
from typing import Any, Literal, Protocol

import msgspec

Key = tuple[str, int, int]  # a kind of record, a strand, an index


class Memory(Protocol):
    """Where an execution's records are: a sorted map that belongs to it alone.

    ``scan`` gives the records of one kind of one strand, by their index; ``delete`` minds no absence.
    """

    def get(self, key: Key, /) -> bytes | None: ...
    def put(self, key: Key, value: bytes, /) -> None: ...
    def delete(self, key: Key, /) -> None: ...
    def scan(self, kind: str, strand: int, /) -> Iterator[tuple[Key, bytes]]: ...


class Shelf:
    """Memory that lasts as long as the process: for Express executions, inspections and tests."""

    def __init__(self, rows: dict[Key, bytes] | None = None) -> None:
        self.rows = rows or {}
        self.get = self.rows.get

    def put(self, key: Key, value: bytes, /) -> None:
        """Keep a record."""
        self.rows[key] = value

    def delete(self, key: Key, /) -> None:
        """Forget a record, if it is there."""
        self.rows.pop(key, None)

    def scan(self, kind: str, strand: int, /) -> Iterator[tuple[Key, bytes]]:
        """The records of one kind of one strand, by their index."""
        return iter([(key, self.rows[key]) for key in sorted(self.rows) if key[:2] == (kind, strand)])


class World(Protocol):
    """What a step may ask that isn't in its arguments.

    ``token`` is the task token by which somebody outside may answer for a strand; ``refusal`` is why a task
    can't even be scheduled with these parameters, "" if it can.
    """

    def uuid(self) -> str: ...
    def random(self) -> float: ...  # at least 0 and less than 1
    def token(self, strand: int, ticket: int, /) -> str: ...
    def refusal(self, resource: str, parameters: Any, /) -> str: ...


# -- what is remembered


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an execution knows of itself. Written once."""

    arn: str
    name: str
    role_arn: str
    machine_arn: str
    machine_name: str
    start_ms: int
    start_at: str = ""  # the state it starts at, if not the machine's; for the children of a distributed Map
    express: bool = False  # its history may have any number of events


class Head(msgspec.Struct, array_like=True):
    """What is counted over the whole execution."""

    events: int = 0  # the id of the last event
    strands: int = 0  # the id of the last strand
    redrives: int = 0
    status: str = "RUNNING"
    deadline_ms: int = 0  # of the execution; 0: none
    pending: list[tuple[str, int]] = []  # turns that the last step left to the next


class Fan(msgspec.Struct, array_like=True):
    """The children of a Parallel or Map state that runs."""

    base: int  # the id of the event that the first children follow
    total: int = 0  # items, or branches
    next: int = 0  # the item or branch to start next
    started: int = 0  # children
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    limit: int = 0  # children at once
    size: int = 0  # bytes of all results
    reading: bool = False  # more items may come
    tolerated: float = -1  # failed items; -1: none
    percentage: float = -1
    batch: int = 0  # items in one child; 0: the item itself is its input
    batch_bytes: int = 0
    run: str = ""  # the ARN of a distributed Map's run
    children: list[int] = []  # strands that run or have failed; not those of a distributed Map
    redrives: int = 0
    redo: int = -1  # the next child to look at, in case it has not succeeded; -1: none


class Strand(msgspec.Struct, array_like=True):
    """One line of control: the execution itself (0), a branch, or an iteration."""

    id: int
    state: str
    parent: int = -1
    index: int = 0  # which branch or item of the parent
    entered: int = 0  # the id of the event by which the state was entered
    entered_ms: int = 0
    last: int = 0  # the id that the next event calls its previous
    before: int = 0  # what ``last`` was before the state was entered
    waits: str = ""  # for what: task, wait, retry, children, items, results; empty: its turn
    ticket: int = 0  # of this waiting; an answer with another is late
    retries: list[int] = []  # per retrier
    timers: list[tuple[str, int]] = []  # purpose and moment of those that are set
    fan: Fan | None = None


# -- what happens


class Start(msgspec.Struct, frozen=True, tag=True):
    """The execution begins."""

    origin: Origin
    input: str


class Woke(msgspec.Struct, frozen=True, tag=True):
    """A timer is due."""

    strand: int
    ticket: int
    purpose: str


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What somebody outside says of what a strand waits for.

    ``text`` is the worker of what is started, and the JSON of what is submitted, done or written (results).
    """

    strand: int
    ticket: int
    kind: Literal["started", "submitted", "done", "alive", "written"]
    text: str = ""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """What a strand waits for has failed: its task, reading its items or writing its results.

    ``phase`` says how far a task came; ``fatal`` that no retrier may look at it.
    """

    strand: int
    ticket: int
    error: str | None
    cause: str | None
    phase: Literal["run", "start", "submit"] = "run"
    fatal: bool = False


class ItemsRead(msgspec.Struct, frozen=True, tag=True):
    """Items of a distributed Map, as JSON; ``last`` if no more will come."""

    strand: int
    ticket: int
    items: list[str]
    last: bool = True


class ChildEnded(msgspec.Struct, frozen=True, tag=True):
    """A child execution of a distributed Map has ended; with an output it has succeeded."""

    strand: int
    ticket: int
    index: int
    output: str | None = None
    items: int = 1  # that it had in its batch


class Continue(msgspec.Struct, frozen=True, tag=True):
    """Go on where the last step left off."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Somebody stops the execution."""

    error: str | None = None
    cause: str | None = None


class Redrive(msgspec.Struct, frozen=True, tag=True):
    """Somebody tries again what failed."""


Event = Start | Woke | Answer | Failed | ItemsRead | ChildEnded | Continue | Stop | Redrive


# -- what is to be done


class RunTask(msgspec.Struct, frozen=True, tag=True):
    """Do a task, and answer "done" or Failed."""

    strand: int
    ticket: int
    state: str
    resource: str
    parameters: str  # JSON
    credentials: Any = None
    heartbeat_s: int | None = None
    timeout_s: int | None = None


class SetTimer(msgspec.Struct, frozen=True, tag=True):
    """Answer with Woke at that moment. Strand -1 is the execution."""

    strand: int
    ticket: int
    purpose: str
    at_ms: int


class CancelTimer(msgspec.Struct, frozen=True, tag=True):
    """That timer isn't needed any more."""

    strand: int
    ticket: int
    purpose: str
    at_ms: int


class Abandon(msgspec.Struct, frozen=True, tag=True):
    """Nobody waits for that strand's task or children any more."""

    strand: int
    ticket: int


class ReadItems(msgspec.Struct, frozen=True, tag=True):
    """Read what a distributed Map goes over and answer with ItemsRead."""

    strand: int
    ticket: int
    resource: str
    arguments: str  # JSON
    config: dict[str, Any]
    max_items: int | None = None


class StartChild(msgspec.Struct, frozen=True, tag=True):
    """Start a child execution at that state and answer with ChildEnded."""

    strand: int
    ticket: int
    index: int
    start_at: str
    input: str
    items: int
    express: bool
    map_run: str  # its ARN
    again: bool = False  # the child has been started before, and is taken up again if it has failed


class WriteResults(msgspec.Struct, frozen=True, tag=True):
    """Write the results of the children and answer "written"."""

    strand: int
    ticket: int
    resource: str
    arguments: str  # JSON
    config: dict[str, Any]
    map_run: str


class More(msgspec.Struct, frozen=True, tag=True):
    """There is more to do than one step should: answer with Continue."""


class Finish(msgspec.Struct, frozen=True, tag=True):
    """The execution has ended."""

    status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    output: str | None = None
    error: str | None = None
    cause: str | None = None


Effect = (RunTask | SetTimer | CancelTimer | Abandon | ReadItems | StartChild | WriteResults | More | Finish)


class Recorded(msgspec.Struct, frozen=True):
    """An event of the history, with its details under AWS's name, ready for the API."""

    id: int
    previous: int
    type: str
    at_ms: int
    details: dict[str, Any] | None = None

    @property
    def member(self) -> str:
        """The member of the API's event that holds the details."""
        kind = ("State" + self.type.rpartition("State")[2]
                if self.type.endswith(("StateEntered", "StateExited")) else self.type)
        return f"{kind[0].lower()}{kind[1:]}EventDetails"


class Step(msgspec.Struct, frozen=True):
    """What came out of a step: events to append to the history, and effects, in their order."""

    history: list[Recorded]
    effects: list[Effect]
