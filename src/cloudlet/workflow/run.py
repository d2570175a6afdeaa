"""One step's work on an execution: the records it touches, the events it appends, the effects it asks for.

Values are decoded once in a step and written once at its end, however many states it went through.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from . import records
from .definition import Machine, State
from .failures import HISTORY_EVENTS, VARIABLE_BYTES, VARIABLES_BYTES, Failure, check_size
from .intrinsics import json_text, json_value
from .records import Effect, Head, Memory, Origin, Recorded, Strand, World
from .templates import Scene

_ALL = -1  # in place of a strand: the execution
_WHOLE = {"truncated": False}
_strand = msgspec.msgpack.Decoder(Strand)
_head = msgspec.msgpack.Decoder(Head)
_origin = msgspec.msgpack.Decoder(Origin)
_encode = msgspec.msgpack.Encoder().encode
_TURNS = ("enter", "end", "fan", "again")
_RETRIED = frozenset(("Task", "Map", "Parallel"))
_FINAL = frozenset(("ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"))


class HistoryFull(Exception):
    """The history has as many events as it may."""


class Run:
    """An execution while a step works on it."""

    def __init__(self, machine: Machine, memory: Memory, world: World, now_ms: int) -> None:
        self.machine, self.memory, self.world, self.now_ms = machine, memory, world, now_ms
        self.history: list[Recorded] = []
        self.effects: list[Effect] = []
        self.notes: dict[str, Any] | None = None  # what an inspection wants to know
        self.given: dict[str, Any] | None = None  # the context object of an inspection
        known = memory.get(("head", _ALL, 0))
        self.head = _head.decode(known) if known else Head()
        self.turns: OrderedDict[tuple[str, int], None] = OrderedDict.fromkeys(self.head.pending)
        self.head.pending = []
        self._strands: dict[int, Strand] = {}
        self._known: dict[int, bytes] = {}  # how strands were before the step
        self._texts: dict[int, str] = {}
        self._values: dict[int, Any] = {}
        self._changed: set[int] = set()  # strands whose input is new
        self._scopes: dict[int, dict[str, Any]] = {}
        self._origin: Origin | None = None
        self.chunk: tuple[bytes, list[str]] = (b"", [])  # of a Map's items, the last that was decoded

    # -- records

    @property
    def origin(self) -> Origin:
        """What the execution knows of itself."""
        if self._origin is None:
            self._origin = _origin.decode(self.memory.get(("origin", _ALL, 0)) or b"")
        return self._origin

    def begin(self, origin: Origin, text: str) -> None:
        """Remember where the execution comes from."""
        self._origin = origin
        self.memory.put(("origin", _ALL, 0), _encode(origin))
        self.memory.put(("input", _ALL, 0), text.encode())

    def find(self, id: int) -> Strand | None:
        """The strand, if it is still there."""
        if id not in self._strands:
            known = self.memory.get(("strand", id, 0))
            if known is None:
                return None
            self._strands[id] = _strand.decode(known)
            self._known[id] = known
        return self._strands[id]

    def strand(self, id: int) -> Strand:
        """The strand, which is there."""
        found = self.find(id)
        assert found is not None, id
        return found

    def state(self, strand: Strand) -> State:
        """The state the strand is in."""
        return self.machine.states[strand.state]

    def add(self, state: str, *, parent: int = -1, index: int = 0, last: int = 0) -> Strand:
        """A new strand, whose turn it is to enter ``state``."""
        id = self.head.strands if parent < 0 else self.head.strands + 1
        self.head.strands = id
        strand = self._strands[id] = Strand(id, state, parent, index, last=last)
        self.turn("enter", strand)
        return strand

    def turn(self, kind: str, strand: Strand) -> None:
        """Let the strand have such a turn, once."""
        self.turns[kind, strand.id] = None

    def unturn(self, strand: Strand) -> None:
        """Take all its turns from a strand."""
        for kind in _TURNS:
            self.turns.pop((kind, strand.id), None)

    def drop(self, strand: Strand) -> None:
        """Forget a strand and all that is its own."""
        self.settle(strand)
        for kind in ("strand", "input", "variables", "item"):
            self.memory.delete((kind, strand.id, 0))
        self.drop_children(strand)
        self._strands.pop(strand.id, None)
        self._changed.discard(strand.id)
        for cache in (self._texts, self._values, self._scopes):
            cache.pop(strand.id, None)
        self.unturn(strand)

    def drop_children(self, strand: Strand) -> None:
        """Forget the branches or iterations of a strand, their items and results."""
        if strand.fan is None:
            return
        for id in strand.fan.children:
            if child := self.find(id):
                self.drop(child)
        for kind in ("items", "result"):
            for key, _ in list(self.memory.scan(kind, strand.id)):
                self.memory.delete(key)
        strand.fan = None

    def value(self, strand: Strand) -> Any:
        """The input of the strand's state."""
        if strand.id not in self._values:
            self._values[strand.id] = json_value(self.text(strand))
        return self._values[strand.id]

    def text(self, strand: Strand) -> str:
        """The input of the strand's state, as JSON."""
        if strand.id not in self._texts:
            self._texts[strand.id] = (self.memory.get(("input", strand.id, 0)) or b"null").decode()
        return self._texts[strand.id]

    def give(self, strand: Strand, value: Any, text: str) -> None:
        """Let this be the input of the strand's next state."""
        self._values[strand.id], self._texts[strand.id] = value, text
        self._changed.add(strand.id)

    def flush(self) -> None:
        """Write what has changed."""
        put = self.memory.put
        for id, strand in self._strands.items():
            record = _encode(strand)
            if record != self._known.get(id):
                put(("strand", id, 0), record)
        for id in self._changed:
            put(("input", id, 0), self._texts[id].encode())
        put(("head", _ALL, 0), _encode(self.head))

    # -- events and effects

    def record(self, type: str, previous: int, details: dict[str, Any] | None = None) -> int:
        """Append an event to the history; its id."""
        if self.head.events >= HISTORY_EVENTS - 1 and type not in _FINAL and not self.origin.express:
            raise HistoryFull
        self.head.events += 1
        self.history.append(Recorded(self.head.events, previous, type, self.now_ms, details))
        return self.head.events

    def note(self, strand: Strand, type: str, details: dict[str, Any] | None = None) -> None:
        """Append an event that follows the strand's last."""
        strand.last = self.record(type, strand.last, details)

    def timer(self, strand: Strand, purpose: str, at_ms: int) -> None:
        """Ask to be woken."""
        strand.timers.append((purpose, at_ms))
        self.effects.append(records.SetTimer(strand.id, strand.ticket, purpose, at_ms))

    def untime(self, strand: Strand, purpose: str = "") -> None:
        """Cancel the strand's timers, or those of one purpose."""
        for name, at_ms in strand.timers:
            if purpose in ("", name):
                self.effects.append(records.CancelTimer(strand.id, strand.ticket, name, at_ms))
        strand.timers = [one for one in strand.timers if purpose not in ("", one[0])]

    def settle(self, strand: Strand, *, answered: bool = False) -> None:
        """End a wait: nobody is to answer it any more."""
        self.untime(strand)
        outside = strand.waits == "children" and strand.fan and strand.fan.run
        if not answered and (outside or strand.waits in ("task", "items", "results")):
            self.effects.append(records.Abandon(strand.id, strand.ticket))
        strand.waits = ""

    # -- what templates may know

    def scene(self, strand: Strand) -> Scene:
        """The strand's state as its templates see it."""
        return Scene(self.value(strand), lambda: self.context(strand), lambda: self.variables(strand),
                     self.world, self.now_ms)

    def variables(self, strand: Strand) -> Mapping[str, Any]:
        """The variables in the strand's scope: its own and those of the strands around it."""
        if strand.id not in self._scopes:
            outer = dict(self.variables(self.strand(strand.parent))) if strand.parent >= 0 else {}
            own = self.memory.get(("variables", strand.id, 0))
            self._scopes[strand.id] = {**outer, **(json_value(own) if own else {})}
        return self._scopes[strand.id]

    def assign(self, strand: Strand, values: dict[str, Any]) -> None:
        """Give variables of the strand's own scope new values."""
        texts = [json_text(value) for value in values.values()]
        known = self.memory.get(("variables", strand.id, 0))
        own = {**(json_value(known) if known else {}), **values}
        text = json_text(own).encode()
        if sum(len(one.encode()) for one in texts) > VARIABLE_BYTES or len(text) > VARIABLES_BYTES:
            raise Failure("States.DataLimitExceeded", "The size of the variables assigned in the state "
                          f"'{strand.state}' exceeds the maximum number of bytes service limit.")
        self.memory.put(("variables", strand.id, 0), text)
        self._scopes.pop(strand.id, None)

    def context(self, strand: Strand) -> dict[str, Any]:
        """The context object, as the strand's state sees it."""
        if self.given is not None:
            return self.given
        origin, state = self.origin, self.state(strand)
        found: dict[str, Any] = {
            "Execution": {"Id": origin.arn,
                          "Input": json_value(self.memory.get(("input", _ALL, 0)) or b"null"),
                          "StartTime": iso(origin.start_ms), "Name": origin.name, "RoleArn": origin.role_arn,
                          "RedriveCount": self.head.redrives},
            "StateMachine": {"Id": origin.machine_arn, "Name": origin.machine_name},
            "State": {"Name": strand.state, "EnteredTime": iso(strand.entered_ms)},
        }
        if state.type in _RETRIED:
            found["State"]["RetryCount"] = sum(strand.retries)
        if state.resource.endswith(".waitForTaskToken"):
            found["Task"] = {"Token": self.world.token(strand.id, strand.ticket)}
        around: Strand | None = strand
        while around is not None:
            if item := self.memory.get(("item", around.id, 0)):
                found["Map"] = {"Item": json_value(item)}
                break
            around = self.find(around.parent)
        return found

    # -- from state to state

    def leave(self, strand: Strand, output: Any, next: str, assigned: dict[str, Any] | None = None) -> None:
        """Exit the strand's state with ``output`` and go on to the next, or to the strand's end."""
        state = self.state(strand)
        same = output is self._values.get(strand.id)
        text = self.text(strand) if same else check_size(json_text(output), state.name)
        details = {"name": state.name, **data("output", text)}
        if assigned:
            self.assign(strand, assigned)
            details["assignedVariables"] = {name: json_text(value) for name, value in assigned.items()}
            details["assignedVariablesDetails"] = _WHOLE
        if not same:
            self.give(strand, output, text)
        self.settle(strand, answered=True)
        self.drop_children(strand)
        self.note(strand, f"{state.type}StateExited", details)
        strand.retries = []
        if next:
            strand.state = next
            self.turn("enter", strand)
        else:
            self.turn("end", strand)


def iso(at_ms: int) -> str:
    """A moment as the context object has it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def data(name: str, text: str) -> dict[str, Any]:
    """A payload among an event's details, with the note that nothing was cut off."""
    return {name: text, f"{name}Details": _WHOLE}
