"""Express executions: as fast as memory, at least once, five minutes at most.

The interpreter works in a memory of the process; what it asks for is done by tasks of the event loop, and its
timers are the cloudlet's clock. Nothing is written but logs, if they are wanted.
"""

import asyncio
import logging
from collections import deque
from typing import Any, NamedTuple

import msgspec

from ... import workflow
from ...errors import AwsError
from ...identity import Principal
from ...kernel import Call, Conversation
from ...telemetry import Trace
from ...workflow import records as flow
from . import journal, performing, settings
from .compiled import Ready, ready
from .limits import EXPRESS_MS
from .naming import EXPRESS as EXPRESS_ARN
from .naming import machine_arn
from .records import Execution
from .service import stepfunctions

log = logging.getLogger(__name__)
_BREATH = 2  # steps after which others have their turn


class Order(msgspec.Struct, frozen=True):
    """An execution that is to be run."""

    machine: str
    revision: str
    name: str
    run: str
    input: str
    started_ms: int
    trace: str = ""
    start_at: str = ""


class Begun(NamedTuple):
    """An execution that may begin: what it runs, its ARN, and as whom (or why not) its tasks are done."""

    order: Order
    chosen: Ready
    arn: str
    who: Principal | AwsError


class _World:
    """What a step may ask."""

    def __init__(self, call: Conversation) -> None:
        self._call = call
        self.uuid = call.ids.uuid

    def random(self) -> float:
        return int.from_bytes(self._call.ids.bytes(6), "big") / (1 << 48)

    def token(self, strand: int, ticket: int, /) -> str:
        return ""  # validation refuses whatever would wait for one

    def refusal(self, resource: str, parameters: Any, /) -> str:
        return ""


class Live:
    """One execution that runs in memory."""

    def __init__(self, call: Conversation, begun: Begun) -> None:
        self._call, self._begun = call, begun
        self._events: deque[flow.Event] = deque()
        self._news: asyncio.Future[None] | None = None  # resolved when there are events again
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._timers: dict[tuple[int, str], flow.SetTimer] = {}
        self._finish: flow.Finish | None = None

    async def run(self) -> flow.Finish:
        """Run to the end."""
        order, chosen, arn, _ = self._begun
        origin = flow.Origin(arn, order.name, chosen.role_arn, machine_arn(self._call, order.machine),
                             order.machine, order.started_ms, order.start_at, express=True)
        self._events.append(flow.Start(origin, order.input))
        shelf, world = flow.Shelf(), _World(self._call)
        steps = 0
        try:
            while True:
                while self._events and self._finish is None:
                    step = workflow.step(chosen.machine, shelf, self._events.popleft(), world,
                                         self._call.now_ms)
                    if chosen.logging and step.history:
                        await self._log(step.history)
                    for effect in step.effects:
                        self._effect(effect)
                    steps += 1
                    if self._events and steps % _BREATH == 0:
                        await asyncio.sleep(0)  # a long execution lets others have their turn
                if self._finish is not None:
                    return self._finish
                await self._rest()
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _effect(self, effect: flow.Effect) -> None:
        match effect:
            case flow.RunTask():
                self._tasks[effect.strand, effect.ticket] = asyncio.ensure_future(self._perform(effect))
                self._events.append(flow.Answer(effect.strand, effect.ticket, "started"))
            case flow.SetTimer():
                self._timers[effect.strand, effect.purpose] = effect
            case flow.CancelTimer():
                self._timers.pop((effect.strand, effect.purpose), None)
            case flow.Abandon():
                if (effect.strand, effect.ticket) in self._tasks:
                    self._tasks.pop((effect.strand, effect.ticket)).cancel()
            case flow.More():
                self._events.append(flow.Continue())
            case flow.Finish():
                self._finish = effect

    async def _perform(self, effect: flow.RunTask) -> None:
        try:
            said = await performing.outcome(self._call, self._begun.who, self._begun.arn, effect)
        except Exception:  # nobody else would hear of it, and the execution would wait in vain
            log.exception("a task of %s failed unexpectedly", self._begun.arn)
            said = flow.Failed(effect.strand, effect.ticket, "States.Runtime",
                               "The task failed unexpectedly; the cloudlet's log says why.", fatal=True)
        self._events.append(said)
        self._tasks.pop((effect.strand, effect.ticket), None)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def _rest(self) -> None:
        """Until a task has something to say, or a timer is due."""
        deadline_ms = self._begun.order.started_ms + EXPRESS_MS
        timer = min(self._timers.values(), key=lambda one: one.at_ms, default=None)
        at_ms = deadline_ms if timer is None else min(timer.at_ms, deadline_ms)
        if at_ms > self._call.now_ms:
            self._news = asyncio.get_running_loop().create_future()
            await self._call.kernel.clock.wait(self._news, at_ms)
        if self._events or self._call.now_ms < at_ms:
            return
        if timer is not None and timer.at_ms <= self._call.now_ms:
            del self._timers[timer.strand, timer.purpose]
            self._events.append(flow.Woke(timer.strand, timer.ticket, timer.purpose))
        else:
            self._events.append(flow.Woke(-1, 0, "execution"))

    async def _log(self, events: list[flow.Recorded]) -> None:
        order, chosen, arn, _ = self._begun
        if journal.wanted(chosen.logging, events):
            record = Execution(order.run, order.name, order.machine, order.revision, order.started_ms)
            await self._call.transact(
                lambda inner: journal.write(inner, record, chosen, events, arn))


def begun(call: Call, order: Order) -> Begun:
    """An order with all that running it takes; the role is assumed once, for the whole execution."""
    arn = call.arn(f"{EXPRESS_ARN}:{order.machine}:{order.name}:{order.run}", "states")
    chosen = ready(call, order.machine, order.revision)
    return Begun(order, chosen, arn, settings.session(call, chosen.role_arn, arn))


async def execute(call: Conversation, begun: Begun) -> flow.Finish:
    """Run an Express execution; how it ended."""
    trace = Trace.parse(begun.order.trace) or call.trace
    call.trace = msgspec.structs.replace(trace, given=begun.chosen.traced)
    return await Live(call, begun).run()


@stepfunctions.task
async def run_express(call: Conversation, *, order: dict[str, Any]) -> None:
    """Run an execution that nobody waits for."""
    found = msgspec.structs.replace(msgspec.convert(order, type=Order), started_ms=call.now_ms)
    await execute(call, await call.transact(lambda inner: begun(inner, found)))
