"""Timers: everything that will happen later is a row, and one loop sleeps until the earliest.

A service registers what the clock may start (``@sqs.task``) and asks for it with ``schedule``, in
its own transaction. A ``def`` task runs in the transaction that removes its row: exactly once. An
``async def`` task is leased while it runs and removed when it is done: at least once, also after a
crash.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..identity import service_principal
from ..kernel import Call, Conversation, Kernel
from ..store import Agenda, Due, Scope, StoreError
from ..telemetry import Trace

log = logging.getLogger(__name__)
BELL = "timers"
LEASE_MS = 15 * 60_000  # how long an async task may run before another may start it again
TASKS: dict[str, Callable[..., Any]] = {}  # the fabric's own, which belong to no service
_BATCH = 64
_RETRY_MS = 30_000
_BREATH_S = 1.0


class Timer(msgspec.Struct):
    """What to run, and where."""

    service: str
    task: str
    account: str
    region: str
    arguments: dict[str, Any]
    trace: str = ""


_timers = Agenda("timers", Timer, reach="global")
_leases = Agenda("timers.leases", Timer, reach="global")  # async tasks that run, by when they count as lost


def schedule(call: Call, task: Callable[..., Any] | str, *, at_ms: int, id: str, **arguments: Any) -> None:
    """Run ``task`` (of the calling service) at ``at_ms`` with ``arguments``; ``id`` names it for ``cancel``.

    The task may be given by its name. Arguments are what MessagePack can say: texts, numbers, bytes, lists,
    mappings.
    """
    name = task if isinstance(task, str) else task.__name__
    service = "" if name in TASKS else call.service
    timer = Timer(service, name, call.account, call.region, arguments, call.trace.header())
    _timers.add(call, at_ms=at_ms, id=id, work=timer)
    call.tx.ring(BELL)


def cancel(call: Call, *, at_ms: int, id: str) -> None:
    """Forget what was scheduled for that moment under that name; no error if it ran already."""
    _timers.remove(call, at_ms=at_ms, id=id)


def pending(scope: Scope) -> Iterator[Timer]:
    """Everything the clock will start, and what it has started and not seen the end of."""
    for agenda in (_timers, _leases):
        for due in agenda.items(scope):
            yield due.work


class Timers:
    """The loop."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._running: set[asyncio.Task[None]] = set()
        self._leased: dict[str, int] = {}  # until when, of what runs here

    async def recover(self) -> None:
        """Start again what a cloudlet that ended had running; only when no other has this store open."""
        call = self._kernel.conversation(_PRINCIPAL, "timers")
        await call.transact(lambda inner: self._give_back(inner, list(_leases.items(inner))))

    async def run(self) -> None:
        """Start what falls due, for ever."""
        while True:
            call = self._kernel.conversation(_PRINCIPAL, "timers")
            try:
                due = await call.until(self._take, BELL, deadline_ms=1 << 62, next_ms=self._next_ms)
            except StoreError as error:
                await _outlast(error)
                continue
            for one in due or ():
                task = asyncio.create_task(self._start(one))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Break off what runs; it will be started again."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _take(self, call: Call) -> list[Due[Timer]] | None:
        """What is due now, moved to the leases."""
        now = call.now_ms
        lapsed = _leases.due(call, now_ms=now, limit=_BATCH)
        self._give_back(call, [due for due in lapsed if due.id not in self._leased])
        for due in lapsed:
            if due.id in self._leased:  # it runs here, however far somebody has moved the clock
                _leases.remove(call, at_ms=due.at_ms, id=due.id)
                _leases.add(call, at_ms=now + LEASE_MS, id=due.id, work=due.work)
                self._leased[due.id] = now + LEASE_MS
        taken = []
        for due in _timers.due(call, now_ms=now, limit=_BATCH):
            _timers.remove(call, at_ms=due.at_ms, id=due.id)
            _leases.add(call, at_ms=now + LEASE_MS, id=due.id, work=due.work)
            taken.append(Due(now + LEASE_MS, due.id, due.work))
        return taken or None

    def _next_ms(self, call: Call) -> int | None:
        moments = [at for at in (_timers.earliest_ms(call), _leases.earliest_ms(call)) if at is not None]
        return min(moments, default=None)

    def _give_back(self, call: Call, leases: list[Due[Timer]]) -> None:
        for due in leases:
            _leases.remove(call, at_ms=due.at_ms, id=due.id)
            _timers.add(call, at_ms=call.now_ms, id=due.id, work=due.work)

    async def _start(self, due: Due[Timer]) -> None:
        timer = due.work
        tasks = self._kernel.services[timer.service].tasks if timer.service else TASKS
        function = tasks[timer.task]
        principal = service_principal(timer.service, timer.account)
        call = self._kernel.conversation(principal, timer.service, account=timer.account, region=timer.region,
                                         trace=Trace.parse(timer.trace))

        self._leased[due.id] = due.at_ms

        def done(inner: Call) -> bool:
            """Close the lease; False if somebody else has the task by now."""
            until_ms = self._leased.get(due.id, due.at_ms)
            mine = _leases.get(inner, at_ms=until_ms, id=due.id) is not None
            _leases.remove(inner, at_ms=until_ms, id=due.id)
            return mine

        try:
            if inspect.iscoroutinefunction(function):
                await function(call, **timer.arguments)
                await call.transact(done)
            else:
                await call.transact(lambda inner: function(inner, **timer.arguments) if done(inner) else None)
        except Exception:
            log.exception("the task %s of %s failed; it will be tried again", timer.task, timer.service)
            await self._put_off(call, due, done)
        finally:
            self._leased.pop(due.id, None)

    async def _put_off(self, call: Conversation, due: Due[Timer], done: Callable[[Call], bool]) -> None:
        """Let a task that failed be tried again, as soon as the store can say so."""
        while True:
            try:
                await call.transact(lambda inner: self._postpone(inner, due) if done(inner) else None)
                return
            except StoreError as error:
                await _outlast(error)

    def _postpone(self, call: Call, due: Due[Timer]) -> None:
        _timers.add(call, at_ms=call.now_ms + _RETRY_MS, id=due.id, work=due.work)
        call.tx.ring(BELL)


async def _outlast(error: StoreError) -> None:
    """The disk may be full for a while: that is a matter of the machine, and of its time."""
    log.warning("the clock's work waits: %s", error)
    await asyncio.sleep(_BREATH_S)


_PRINCIPAL = service_principal("cloudlet", "")
__all__ = ["Timers", "cancel", "schedule"]
