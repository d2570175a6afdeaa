"""Timers: everything that will happen later is a row, and one loop sleeps until the earliest.

A service registers what the clock may start (``@sqs.task``) and asks for it with ``schedule``, in
its own transaction. A ``def`` task runs in the transaction that removes its row: exactly once. An
``async def`` task is leased while it runs and removed when it is done: at least once, also after a
crash.
"""

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from ..identity import service_principal
from ..kernel import Call, Kernel
from ..store import Agenda, Due, Transaction
from ..telemetry import Trace

log = logging.getLogger(__name__)
BELL = "timers"
LEASE_MS = 15 * 60_000  # how long an async task may run before another may start it again
_BATCH = 64
_RETRY_MS = 30_000


class Timer(msgspec.Struct):
    """What to run, and where."""

    service: str
    task: str
    account: str
    region: str
    arguments: dict[str, Any]
    trace: str = ""


_timers = Agenda("timers", Timer, reach="global")


def schedule(call: Call, task: Callable[..., Any], *, at_ms: int, id: str, **arguments: Any) -> None:
    """Run ``task`` (of the calling service) at ``at_ms`` with ``arguments``; ``id`` names it for ``cancel``.

    Arguments are what MessagePack can say: texts, numbers, bytes, lists, mappings.
    """
    timer = Timer(call.service, task.__name__, call.account, call.region, arguments, call.trace.header())
    _timers.add(call, at_ms=at_ms, id=id, work=timer)
    call.tx.ring(BELL)


def cancel(call: Call, *, at_ms: int, id: str) -> None:
    """Forget what was scheduled for that moment under that name; no error if it ran already."""
    _timers.remove(call, at_ms=at_ms, id=id)


class Timers:
    """The loop."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start what falls due, for ever."""
        principal = service_principal("cloudlet", "")
        while True:
            call = self._kernel.conversation(principal, "timers")
            due = await call.until(self._take, BELL, deadline_ms=1 << 62, next_ms=_timers.earliest_ms)
            for one in due or ():
                task = asyncio.create_task(self._start(one))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Let what runs be; its lease will lapse and it will be run again."""
        for task in self._running:
            task.cancel()

    def _take(self, call: Call) -> list[Due[Timer]] | None:
        now = call.now_ms
        return _timers.take(call, now_ms=now, limit=_BATCH, until_ms=now + LEASE_MS) or None

    async def _start(self, due: Due[Timer]) -> None:
        timer = due.work
        function = self._kernel.services[timer.service].tasks[timer.task]
        principal = service_principal(timer.service, timer.account)
        call = self._kernel.conversation(principal, timer.service, account=timer.account, region=timer.region,
                                         trace=Trace.parse(timer.trace))

        def once(inner: Call) -> None:
            if _timers.get(inner, at_ms=due.at_ms, id=due.id) is not None:
                _timers.remove(inner, at_ms=due.at_ms, id=due.id)
                function(inner, **timer.arguments)

        def done(inner: Call) -> None:
            _timers.remove(inner, at_ms=due.at_ms, id=due.id)

        try:
            if inspect.iscoroutinefunction(function):
                await function(call, **timer.arguments)
                await call.transact(done)
            else:
                await call.transact(once)
        except Exception:
            log.exception("the task %s of %s failed; it will be tried again", timer.task, timer.service)
            await call.transact(lambda inner: self._postpone(inner, due))

    def _postpone(self, call: Call, due: Due[Timer]) -> None:
        _timers.remove(call, at_ms=due.at_ms, id=due.id)
        _timers.add(call, at_ms=call.now_ms + _RETRY_MS, id=due.id, work=due.work)
        call.tx.ring(BELL)


__all__ = ["Timers", "Transaction", "cancel", "schedule"]
