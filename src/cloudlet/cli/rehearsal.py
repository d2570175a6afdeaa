"""A state machine run here and now: nothing is deployed, no time passes, and tasks are mocked.

The interpreter is the one that executions run in. Its clock is moved from one thing that is due to the next.
Mocks have the format of AWS's Step Functions Local; what has none is asked of a running cloudlet, through
TestState, so it goes the same way as in an execution.
"""

import heapq
import itertools
import json
import random
import re
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

from ..workflow import Machine, records, step
from . import paper
from .remote import Remote

Body = dict[str, Any]
Performed = Callable[[records.RunTask], records.Event]
_PLACE = "arn:aws:states:us-east-1:000000000000"
_ROLE = "arn:aws:iam::000000000000:role/rehearsal"
_TIMES = re.compile(r"(\d+)(?:-(\d+))?")


class Mocks:
    """What tasks answer, by state and by how often they have been asked."""

    def __init__(self, document: Body, machine: str, case: str) -> None:
        machines = _part(document, "StateMachines")
        only = machine if machine in machines else ""  # a file may have another name than its machine
        cases = _part(_chosen(machines, only, "state machine"), "TestCases")
        self._states = _chosen(cases, case, "test case")
        self._responses = _part(document, "MockedResponses")
        self._asked: Counter[str] = Counter()

    def has(self, state: str) -> bool:
        """Whether the state is mocked."""
        return state in self._states

    def answer(self, task: records.RunTask) -> records.Event:
        """What the mock says this time."""
        name, count = self._states[task.state], self._asked[task.state]
        self._asked[task.state] += 1
        if name not in self._responses:
            raise paper.fail(f"The mocks have no response {name!r}, which {task.state} is to give.")
        for times, response in self._responses[name].items():
            match = _TIMES.fullmatch(times)
            if match is None:
                raise paper.fail(f"{name}: {times!r} is no number of an invocation, such as 0 or 1-3.")
            if int(match[1]) <= count <= int(match[2] or match[1]):
                return _event(task, response, f"{name} {times}")
        raise paper.fail(f"{task.state} runs for the {count + 1}. time, and the mock {name!r} does not say "
                         "what it answers then.")


def _part(document: Body, name: str) -> Body:
    found = document.get(name)
    if not isinstance(found, dict):
        raise paper.fail(f"The mocks have no {name}.", "The format is that of Step Functions Local's "
                         "MockConfigFile: StateMachines with TestCases, and MockedResponses.")
    return found


def _chosen(among: Body, name: str, what: str) -> Body:
    if name in among:
        return dict(among[name])
    if name or len(among) != 1:
        told = ", ".join(sorted(among)) or "none"
        raise paper.fail(f"The mocks have no {what} {name!r}; they have {told}." if name else
                         f"Which {what}? The mocks have {told}.")
    return dict(next(iter(among.values())))


def _event(task: records.RunTask, response: Body, where: str) -> records.Event:
    if "Return" in response:
        return records.Answer(task.strand, task.ticket, "done", json.dumps(response["Return"]))
    thrown = response.get("Throw")
    if not isinstance(thrown, dict):
        raise paper.fail(f"The mock {where} has neither Return nor Throw.")
    return records.Failed(task.strand, task.ticket, thrown.get("Error"), thrown.get("Cause"))


class _World:
    def __init__(self) -> None:
        self.random = random.random

    def uuid(self) -> str:
        return str(uuid.uuid4())

    def token(self, strand: int, ticket: int, /) -> str:
        return f"token-{strand}-{ticket}"

    def refusal(self, resource: str, parameters: Any, /) -> str:
        return ""


class Rehearsal:
    """One execution, from its start to its end."""

    def __init__(self, machine: Machine, text: str, perform: Performed, now_ms: int, *,
                 start_at: str = "") -> None:
        self._machine, self._perform, self.now_ms = machine, perform, now_ms
        self._memory, self._world = records.Shelf(), _World()
        self._timers: list[tuple[int, int, records.SetTimer]] = []
        self._order = itertools.count()
        self.history: list[records.Recorded] = []
        self.end: records.Finish | None = None
        origin = records.Origin(f"{_PLACE}:execution:rehearsal:run", "run", _ROLE,
                                f"{_PLACE}:stateMachine:rehearsal", "rehearsal", now_ms, start_at)
        self._first = records.Start(origin, text)

    def run(self) -> records.Finish:
        """Go on until the execution has ended."""
        self._tell(self._first)
        while self.end is None:
            if not self._timers:
                raise paper.fail("The execution waits for something that nothing here will bring.")
            at_ms, _, timer = heapq.heappop(self._timers)
            self.now_ms = max(self.now_ms, at_ms)
            self._tell(records.Woke(timer.strand, timer.ticket, timer.purpose))
        return self.end

    def _tell(self, event: records.Event) -> None:
        """An event, and all that follows from it at once."""
        events = deque([event])
        while events and self.end is None:
            done = step(self._machine, self._memory, events.popleft(), self._world, self.now_ms)
            self.history += done.history
            for effect in done.effects:
                events.extend(self._follow(effect))

    def _follow(self, effect: records.Effect) -> Iterator[records.Event]:
        match effect:
            case records.Finish():
                self.end = effect
            case records.More():
                yield records.Continue()
            case records.SetTimer():  # one that is cancelled comes too late, and has no consequence
                heapq.heappush(self._timers, (effect.at_ms, next(self._order), effect))
            case records.RunTask():
                yield records.Answer(effect.strand, effect.ticket, "started")
                began = time.monotonic()
                yield self._perform(effect)
                self.now_ms += round((time.monotonic() - began) * 1000)
            case records.StartChild():
                child = Rehearsal(self._machine, effect.input, self._perform, self.now_ms,
                                  start_at=effect.start_at)
                ended = child.run()
                self.now_ms = max(self.now_ms, child.now_ms)
                yield records.ChildEnded(effect.strand, effect.ticket, effect.index, ended.output,
                                         effect.items)
            case records.ReadItems() | records.WriteResults():
                raise paper.fail("What a distributed Map reads from S3 or writes there can't be mocked.",
                                 "Deploy the application, and start an execution of it.")

    def events(self) -> list[dict[str, Any]]:
        """The history as the API has it."""
        return [{"id": one.id, "previousEventId": one.previous, "type": one.type,
                 "timestamp": one.at_ms / 1000,
                 **({one.member: one.details} if one.details is not None else {})} for one in self.history]


def performed(mocks: Mocks | None, remote: Remote | None) -> Performed:
    """How tasks are done: as their mock says, else by the running cloudlet."""
    def perform(task: records.RunTask) -> records.Event:
        if mocks and mocks.has(task.state):
            return mocks.answer(task)
        if remote is None:
            raise paper.fail(f"{task.state} has no mock, and no cloudlet runs that could do it.",
                             "Give mocks with --mock, or start a cloudlet with `cloudlet up`.")
        if task.resource.endswith((".sync", ".sync:2", ".waitForTaskToken")) or ":activity:" in task.resource:
            raise paper.fail(f"{task.state} waits for somebody outside, so it needs a mock.",
                             "Name it in the test case of --mock.")
        return _asked(remote, task)

    return perform


def _asked(remote: Remote, task: records.RunTask) -> records.Event:
    """What the running cloudlet says of a task."""
    body = {"Type": "Task", "QueryLanguage": "JSONata", "Resource": task.resource, "End": True,
            "Arguments": json.loads(task.parameters)}
    answer = remote.json("states", "TestState", definition=json.dumps(body), input="{}", roleArn=_ROLE)
    if answer["status"] == "SUCCEEDED":
        return records.Answer(task.strand, task.ticket, "done", answer["output"])
    return records.Failed(task.strand, task.ticket, answer.get("error"), answer.get("cause"))

