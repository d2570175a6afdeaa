"""SnapStart: which functions are initialised once, and the copies that are made of them."""

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakSet

from . import inits
from .orders import blank_order
from .snapshot import Snapshot, SnapshotFailed
from .spec import Credentials, Spec
from .worker import Worker

if TYPE_CHECKING:
    from .pool import Pool

LASTS_MS = 6 * 3_600_000  # a snapshot is taken again after this: its credentials last twice as long


class Snapshots:
    """The snapshots that there are, by what the pool knows functions by."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._taken: dict[str, asyncio.Task[Snapshot]] = {}
        self._open: WeakSet[Snapshot] = WeakSet()

    def __len__(self) -> int:
        return len(self._taken)

    async def of(self, spec: Spec, credentials: Credentials) -> Snapshot:
        """The initialised process that workers of ``spec`` are copied from, made now if there is none.

        :class:`SnapshotFailed` if the function can't be initialised.
        """
        taking = self._taken.get(spec.key)
        if taking is None or (taking.done() and not self._good(taking)):
            if taking:
                _retire(taking)
            taking = self._taken[spec.key] = self._pool.begin(self._take(spec, credentials))
        with self._pool.clock.holding(f"the initialisation of {spec.name}"):
            return await asyncio.shield(taking)

    async def restore(self, spec: Spec, credentials: Credentials) -> Worker:
        """A copy of the initialised process; the next one is made when this one has begun."""
        snapshot = await self.of(spec, credentials)
        spare, snapshot.spare = snapshot.spare, None
        worker = await (spare or self._copy(spec, snapshot))
        if not worker.usable:
            worker = await self._copy(spec, snapshot)
        worker.stream = self._pool.stream_name(spec, worker.id)
        await worker.wake({"AWS_LAMBDA_LOG_STREAM_NAME": worker.stream})
        if snapshot.spare is None:
            snapshot.spare = self._pool.begin(self._copy(spec, snapshot))
        return worker

    def close(self) -> None:
        """Listen to none any more; their processes have ended."""
        for snapshot in self._open:
            snapshot.close()

    def sweep(self, now: float, idle_s: float) -> None:
        """Let those go that nobody has used for long."""
        for key, taking in list(self._taken.items()):
            if taking.done() and not (self._good(taking) and now - taking.result().used_at < idle_s):
                _retire(self._taken.pop(key))

    def _good(self, taking: asyncio.Task[Snapshot]) -> bool:
        if taking.cancelled() or taking.exception():
            return False
        snapshot = taking.result()
        return snapshot.usable and 0 <= self._pool.clock.now_ms() - snapshot.taken_ms < LASTS_MS

    async def _take(self, spec: Spec, credentials: Credentials) -> Snapshot:
        """Initialise a function once, for all the workers to come."""
        if inits.wanted(spec):
            raise SnapshotFailed("cloudlet takes no snapshots of functions with extensions or a wrapper: "
                                 "leave SnapStart out, or the layer that brings them.")
        pool = self._pool
        given, runtime = await credentials(spec), pool.runtimes.serving(spec.runtime)
        interpreter = pool.runtimes.interpreter(runtime)
        template = pool.make(spec, pool.zygote(interpreter))
        snapshot = Snapshot(template, pool.ended, pool.clock.now_ms())
        self._open.add(snapshot)
        try:
            await template.start(blank_order(interpreter, runtime), snapshot.theirs)
            await pool.adopt(template, spec, given, "snap-start")
            template.forget_init()
            await snapshot.taken()
        except BaseException:
            template.kill()
            raise
        snapshot.spare = pool.begin(self._copy(spec, snapshot))
        return snapshot

    async def _copy(self, spec: Spec, snapshot: Snapshot) -> Worker:
        worker = self._pool.make(spec, snapshot)
        try:
            await worker.start({"tmp_mb": spec.tmp_mb})
        except BaseException:
            self._pool.forget(worker.id)
            worker.abandon()
            raise
        return worker


def _retire(taking: asyncio.Task[Snapshot]) -> None:
    if not taking.cancelled() and not taking.exception():
        taking.result().retire()
