"""Express executions: as fast as memory, at least once, five minutes at most.

The interpreter works in a memory of the process; what it asks for is done by tasks of the event loop, and its
timers are the cloudlet's clock. Nothing is written but logs, if they are wanted.
"""

import asyncio
import logging
from collections import deque
from typing import Any

import msgspec

from ... import workflow
from ...kernel import Conversation
from ...telemetry import Trace
from ...workflow import records as flow
from . import journal, performing
from .compiled import Ready, ready
from .limits import EXPRESS_MS
from .naming import EXPRESS as EXPRESS_ARN
from .naming import machine_arn
from .records import Execution
from .service import stepfunctions

log = logging.getLogger(__name__)


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

    def __init__(self, call: Conversation, chosen: Ready, order: Order, arn: str) -> None:
        self._call, self._chosen, self._order, self.arn = call, chosen, order, arn
        self._events: deque[flow.Event] = deque()
        self._wake = asyncio.Event()
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._timers: dict[tuple[int, str], flow.SetTimer] = {}
        self._finish: flow.Finish | None = None

    async def run(self) -> flow.Finish:
        """Run to the end."""
        order, chosen = self._order, self._chosen
        origin = flow.Origin(self.arn, order.name, chosen.role_arn, machine_arn(self._call, order.machine),
                             order.machine, order.started_ms, order.start_at, express=True)
        self._events.append(flow.Start(origin, order.input))
        shelf, world = flow.Shelf(), _World(self._call)
        try:
            while True:
                while self._events and self._finish is None:
                    step = workflow.step(chosen.machine, shelf, self._events.popleft(), world,
                                         self._call.now_ms)
                    if chosen.logging and step.history:
                        await self._log(step.history)
                    for effect in step.effects:
                        self._effect(effect)
                    if self._events:
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
        started = flow.Answer(effect.strand, effect.ticket, "started")
        try:
            said = await performing.outcome(self._call, self._chosen.role_arn, self.arn, effect)
        except Exception:  # nobody else would hear of it, and the execution would wait in vain
            log.exception("a task of %s failed unexpectedly", self.arn)
            said = flow.Failed(effect.strand, effect.ticket, "States.Runtime",
                               "The task failed unexpectedly; the cloudlet's log says why.", fatal=True)
        self._events += [started, said]
        self._tasks.pop((effect.strand, effect.ticket), None)
        self._wake.set()

    async def _rest(self) -> None:
        """Until a task has something to say, or a timer is due."""
        deadline_ms = self._order.started_ms + EXPRESS_MS
        timer = min(self._timers.values(), key=lambda one: one.at_ms, default=None)
        at_ms = deadline_ms if timer is None else min(timer.at_ms, deadline_ms)
        if at_ms > self._call.now_ms:
            sleep = asyncio.ensure_future(self._call.kernel.clock.sleep_until(at_ms))
            wake = asyncio.ensure_future(self._wake.wait())
            try:
                await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleep.cancel()
                wake.cancel()
        self._wake.clear()
        if self._events or self._call.now_ms < at_ms:
            return
        if timer is not None and timer.at_ms <= self._call.now_ms:
            del self._timers[timer.strand, timer.purpose]
            self._events.append(flow.Woke(timer.strand, timer.ticket, timer.purpose))
        else:
            self._events.append(flow.Woke(-1, 0, "execution"))

    async def _log(self, events: list[flow.Recorded]) -> None:
        if journal.wanted(self._chosen.logging, events):
            order = self._order
            record = Execution(order.run, order.name, order.machine, order.revision, order.started_ms)
            await self._call.transact(
                lambda inner: journal.write(inner, record, self._chosen, events, self.arn))


async def execute(call: Conversation, order: Order) -> tuple[flow.Finish, str]:
    """Run an Express execution; how it ended, and its ARN."""
    arn = call.arn(f"{EXPRESS_ARN}:{order.machine}:{order.name}:{order.run}", "states")
    chosen = await call.transact(lambda inner: ready(inner, order.machine, order.revision))
    call.trace = msgspec.structs.replace(Trace.parse(order.trace) or call.trace, given=chosen.traced)
    return await Live(call, chosen, order, arn).run(), arn


@stepfunctions.task
async def run_express(call: Conversation, *, order: dict[str, Any]) -> None:
    """Run an execution that nobody waits for."""
    found = msgspec.convert(order, type=Order)
    await execute(call, msgspec.structs.replace(found, started_ms=call.now_ms))
