"""Standing work: what runs for as long as a record says so, such as a poller of a queue.

A service registers the work (``@lambda_.task``) and says ``keep`` or ``drop`` in its own transactions.
One supervisor runs each as a task that waits on bells, starts them again after a restart, and replaces
one that is kept again with other arguments.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from ..identity import service_principal
from ..kernel import Call, Kernel
from ..store import StoreError, Table

log = logging.getLogger(__name__)
BELL = "standing"
_RETRY_MS = 5_000
_BREATH_S = 1.0


class Work(msgspec.Struct):
    """What to run, and where. ``generation`` tells one ``keep`` from the next."""

    service: str
    task: str
    account: str
    region: str
    arguments: dict[str, Any]
    generation: str


_work = Table("standing", Work, reach="global")


def keep(call: Call, task: Callable[..., Any], *, id: str, **arguments: Any) -> None:
    """Let ``task`` (of the calling service) run until ``drop``; again under the same ``id``, anew."""
    record = Work(call.service, task.__name__, call.account, call.region, arguments, call.ids.hex(16))
    _work.put(call, id, record=record)
    call.tx.ring(BELL)


def drop(call: Call, *, id: str) -> None:
    """Let it end; no error if it does not run."""
    _work.delete(call, id)
    call.tx.ring(BELL)


class Supervisor:
    """Runs what is kept."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._running: dict[str, tuple[str, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Hold what runs against what is kept, whenever that changes."""
        ear = self._kernel.store.listen(BELL)
        try:
            while True:
                call = self._kernel.conversation(service_principal("cloudlet", ""), "standing")
                try:
                    kept = await call.transact(
                        lambda inner: {str(key[0]): work for key, work in _work.items(inner)}
                    )
                except StoreError as error:  # the disk is full: a matter of the machine, and of its time
                    log.warning("what is to run can't be read: %s", error)
                    await asyncio.sleep(_BREATH_S)
                    continue
                await self._hold_against(kept)
                await ear.wait()
        finally:
            ear.close()

    async def stop(self) -> None:
        """End everything that runs."""
        await self._hold_against({})

    async def _hold_against(self, kept: dict[str, Work]) -> None:
        stale = [id for id, (generation, _) in self._running.items()
                 if id not in kept or kept[id].generation != generation]
        ending = [self._running.pop(id)[1] for id in stale]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for id, work in kept.items():
            if id not in self._running:
                self._running[id] = (work.generation, asyncio.create_task(self._keep_running(work)))

    async def _keep_running(self, work: Work) -> None:
        """Run the task; one that fails is tried again a little later."""
        function = self._kernel.services[work.service].tasks[work.task]
        while True:
            call = self._kernel.conversation(service_principal(work.service, work.account), work.service,
                                             account=work.account, region=work.region)
            try:
                await function(call, **work.arguments)
                return
            except Exception:
                log.exception("%s of %s failed; it will be tried again", work.task, work.service)
                await self._kernel.clock.sleep_until(call.now_ms + _RETRY_MS)
