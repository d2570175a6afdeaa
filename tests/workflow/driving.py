"""A tiny driver for the interpreter: memory in a dict, a clock of its own, tasks answered by a function."""

import itertools
import json
from collections import deque

import msgspec

from cloudlet.workflow import definition, interpreter, records

ARN = "arn:aws:states:us-east-1:000000000000:execution:machine:name"


class World:
    def __init__(self):
        self.tickets = itertools.count(1)
        self.refused = ""

    def uuid(self):
        return f"00000000-0000-4000-8000-{next(self.tickets):012d}"

    def random(self):
        return 0.5

    def token(self, strand, ticket):
        return f"token-{strand}-{ticket}"

    def refusal(self, resource, parameters):
        return self.refused


class Execution:
    """Drives one execution to its end, or to where nobody answers."""

    def __init__(self, machine, input=None, *, task=None, reader=None, writer=None, name="name", start_at="",
                 now_ms=1_700_000_000_000, states=100, text=None):
        self.machine = definition.compile_machine(machine) if isinstance(machine, dict | str) else machine
        self.memory, self.world, self.now_ms, self.states = records.Shelf(), World(), now_ms, states
        self.task, self.reader, self.writer = task, reader, writer
        self.history, self.effects, self.timers, self.finish, self.steps = [], [], {}, None, 0
        self.children = []
        origin = records.Origin(
            ARN, name, "arn:aws:iam::000000000000:role/sfn",
            "arn:aws:states:us-east-1:000000000000:stateMachine:machine", "machine", now_ms, start_at)
        text = msgspec.json.encode({} if input is None else input).decode() if text is None else text
        self.tell(records.Start(origin, text))

    def tell(self, event):
        """One event, and all that follows from it at once."""
        events = deque([event])
        while events:
            step = interpreter.step(self.machine, self.memory, events.popleft(), self.world, self.now_ms,
                                    states=self.states)
            self.steps += 1
            self.history += step.history
            self.effects += step.effects
            for effect in step.effects:
                events.extend(self.answer(effect))

    def answer(self, effect):
        match effect:
            case records.Finish():
                self.finish = effect
            case records.More():
                yield records.Continue()
            case records.SetTimer():
                self.timers[effect.strand, effect.purpose] = effect
            case records.CancelTimer():
                assert self.timers.pop((effect.strand, effect.purpose)).at_ms == effect.at_ms
            case records.RunTask() if self.task:
                yield records.Answer(effect.strand, effect.ticket, "started")
                yield self.done(effect)
            case records.ReadItems() if self.reader:
                items = self.reader(effect)
                yield records.ItemsRead(effect.strand, effect.ticket,
                                        [json.dumps(item) for item in items])
            case records.StartChild():
                child = Execution(self.machine, text=effect.input, start_at=effect.start_at, task=self.task,
                                  now_ms=self.now_ms, name=f"child-{effect.index}")
                child.run()
                self.children.append(child)
                yield records.ChildEnded(effect.strand, effect.ticket, effect.index,
                                         child.finish.output, effect.items)
            case records.WriteResults() if self.writer:
                yield records.Answer(effect.strand, effect.ticket, "written", json.dumps(self.writer(effect)))

    def done(self, effect):
        try:
            result = self.task(effect, json.loads(effect.parameters))
        except TaskError as error:
            return records.Failed(effect.strand, effect.ticket, error.error, error.cause)
        return records.Answer(effect.strand, effect.ticket, "done", msgspec.json.encode(result).decode())

    def run(self):
        """Move the clock from timer to timer until the execution has ended."""
        while self.finish is None and self.timers:
            self.wake()
        return self

    def wake(self):
        """Move the clock to the next timer."""
        key, timer = min(self.timers.items(), key=lambda one: one[1].at_ms)
        del self.timers[key]
        self.now_ms = max(self.now_ms, timer.at_ms)
        self.tell(records.Woke(timer.strand, timer.ticket, timer.purpose))

    @property
    def output(self):
        assert self.finish.status == "SUCCEEDED", self.finish
        return json.loads(self.finish.output)

    @property
    def types(self):
        return [event.type for event in self.history]

    def events(self):
        """The history as the API has it."""
        return [{"id": one.id, "previousEventId": one.previous, "type": one.type, "timestamp": one.at_ms,
                 **({one.member: one.details} if one.details is not None else {})} for one in self.history]


class TaskError(Exception):
    def __init__(self, error, cause=None):
        self.error, self.cause = error, cause


def run(machine, input=None, **options):
    """An execution that has come as far as its timers took it."""
    return Execution(machine, input, **options).run()


def state(body, *, jsonata=False, **others):
    """A machine with one state, named S, that ends it."""
    body = body if "Next" in body or body["Type"] in ("Choice", "Succeed", "Fail") else {**body, "End": True}
    machine = {"StartAt": "S", "States": {"S": body, **others}}
    return {**machine, "QueryLanguage": "JSONata"} if jsonata else machine
