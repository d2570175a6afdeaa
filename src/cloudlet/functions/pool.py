"""The pool: warm workers by function, a new one when none is idle.

A worker runs one event at a time. It is retired when its function's code changes, when it has idled
for long, or when something happened to it; nothing waits for that but the process itself. An event that
finds no idle worker takes the first that is given back or started, whichever comes first.
"""

import asyncio
import logging
import os
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from ..clock import Clock
from ..ids import Ids
from .cgroups import Groups
from .kept import InitFailed, Kept
from .orders import blank_order, environment, order, stamp
from .runtimes import OWN, Runtimes
from .snapshots import Snapshot, SnapshotFailed
from .spec import Credentials, Invocation, Outcome, Spec, Trial
from .turns import Turns
from .worker import Origin, Worker
from .zygotes import Zygote

log = logging.getLogger(__name__)
T = TypeVar("T")
Lines = list[tuple[int, str]]
Sink = Callable[[Spec, str, Lines], None]
IDLE_S = 600.0  # a worker without work is ended after this
_PATIENCE_S = 5.0  # for workers to end when the pool does; for a turn to start one
_BLANK_MB = 512  # until its function says otherwise
CREDENTIALS_MS = 6 * 3_600_000  # a worker is replaced after this: its credentials last twice as long


class Pool:
    """Runs functions."""

    def __init__(self, clock: Clock, ids: Ids, runtimes: Runtimes) -> None:
        self._clock, self._ids, self.runtimes = clock, ids, runtimes
        self._groups = Groups()
        self._zygotes: dict[Path, Zygote] = {}
        self._workers: dict[str, Worker] = {}
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._born: dict[str, int] = {}
        self._blanks: dict[str, asyncio.Task[Worker]] = {}  # by runtime, for the next function that needs one
        # more cold starts at once than processors can work on would all miss their time limit
        self._starting = asyncio.Semaphore(2 * (os.cpu_count() or 1))
        self._waiting: dict[str, deque[asyncio.Future[Worker]]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._snapshots: dict[str, asyncio.Task[Snapshot]] = {}
        self.kept = Kept(self)
        self.trials: dict[str, Trial] = {}  # by the names of functions
        self._debugged: dict[str, asyncio.Lock] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self.turns = Turns()
        self.streaming: set[asyncio.Task[Any]] = set()  # invocations that those who asked may have left
        self.granted: dict[
            str, tuple[int, dict[str, str]]
        ] = {}  # credentials by role and name, and since when
        self.endpoint = ""
        self.sink: Sink = lambda spec, stream, lines: None

    async def run(self, spec: Spec, invocation: Invocation, credentials: Credentials) -> Outcome:
        """Run one event in a warm worker, or in one started now."""
        if spec.debug_port:
            async with self._debugged.setdefault(spec.key, asyncio.Lock()):  # one editor, one worker
                return await self._run(spec, invocation, credentials)
        return await self._run(spec, invocation, credentials)

    async def _run(self, spec: Spec, invocation: Invocation, credentials: Credentials) -> Outcome:
        worker = self._pick(spec) or await self._obtain(spec, credentials)
        deadline_ms = int(time.time() * 1000) + spec.timeout_ms
        outcome = await worker.run(invocation, deadline_ms)
        self._give_back(worker)
        return outcome

    async def prepare(self, spec: Spec, credentials: Credentials) -> None:
        """Start a worker for events to come; :class:`InitFailed` if the function can't be loaded."""
        async with self._turn_to_start():
            worker = await self._start(spec, credentials, "provisioned-concurrency")
        if worker.failure:
            worker.kill()
            raise InitFailed(worker.failure)
        worker.forget_init()
        self._give_back(worker)

    def attempt(self, function: str, trial: Trial) -> None:
        """Let a function run in another way from its next event on; an empty trial: as it is configured."""
        self.trials.pop(function, None)
        if trial != Trial():
            self.trials[function] = trial
        self.retire(lambda spec: spec.name == function and (spec.debug_port > 0 or spec.cpu_quota))

    def workers(self, key: str) -> list[Worker]:
        """Those of one function that take events or will."""
        return [one for one in self._workers.values() if one.spec.key == key and one.usable and one.stream]

    async def snapshot(self, spec: Spec, credentials: Credentials) -> Snapshot:
        """The initialised process that workers of ``spec`` are copied from, made now if there is none."""
        making = self._snapshots.get(spec.key)
        if making is None or (making.done() and not self._good(making)):
            if making:
                _retire(making)
            making = self._snapshots[spec.key] = self._begin(self._take(spec, credentials))
        return await asyncio.shield(making)

    @property
    def debugging(self) -> bool:
        """Whether somebody looks at a function, and nobody should be hurried."""
        return any(trial.debug_port for trial in self.trials.values())

    @property
    def holds_cpu(self) -> bool:
        """Whether processor time can be limited here."""
        return "cpu" in self._groups.controls

    def retire(self, concerns: Callable[[Spec], bool]) -> None:
        """Let no worker take another event whose function ``concerns`` says is concerned."""
        for worker in list(self._workers.values()):
            if concerns(worker.spec):
                worker.retired = True
                idle = self._idle.get(worker.spec.key, [])
                if worker in idle:
                    idle.remove(worker)
                    worker.kill()
        self.kept.forget(concerns)

    async def warm(self, runtime: str) -> None:
        """Start what a runtime needs before the first call asks for it."""
        served = self.runtimes.serving(runtime)
        if served not in self._blanks:
            self._blanks[served] = self._start_blank(served)

    async def stop(self) -> None:
        """End every worker."""
        if self._sweeper:
            self._sweeper.cancel()
        self.kept.forget(lambda spec: True)
        starting = list(self._tasks)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        workers = list(self._workers.values())
        for worker in workers:
            worker.kill()
        if workers:
            ends = [asyncio.ensure_future(worker.gone()) for worker in workers]
            await asyncio.wait(ends, timeout=_PATIENCE_S)
        for zygote in self._zygotes.values():
            await zygote.stop()
        self._groups.close()

    def _pick(self, spec: Spec) -> Worker | None:
        idle = self._idle.get(spec.key)
        while idle:
            worker = idle.pop()
            if self._fresh(worker):
                return worker
            worker.kill()
        return None

    def _fresh(self, worker: Worker) -> bool:
        """Whether it may take another event: it is well, its code the present one, its credentials last."""
        written = stamp(worker.spec) if worker.spec.watched else 0
        age_ms = self._clock.now_ms() - self._born[worker.id] if worker.usable else -1
        return worker.stamp == written and 0 <= age_ms < CREDENTIALS_MS

    def _give_back(self, worker: Worker) -> None:
        """Let the next event have it: one that waits already, or one to come."""
        if not worker.usable:
            worker.kill()
            return
        waiting = self._waiting.get(worker.spec.key)
        while waiting and self._fresh(worker):
            place = waiting.popleft()
            if not place.done():
                place.set_result(worker)
                return
        self._idle[worker.spec.key].append(worker)
        self._sweep_later()

    async def _obtain(self, spec: Spec, credentials: Credentials) -> Worker:
        """The first worker that somebody gives back or that has been started."""
        place: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting[spec.key].append(place)
        self._begin(self._start_for(place, spec, credentials))
        try:
            return await place
        finally:
            if not self._waiting[spec.key]:
                del self._waiting[spec.key]

    async def _start_for(self, place: asyncio.Future[Worker], spec: Spec, credentials: Credentials) -> None:
        """Start a worker, unless another was given back before its turn came."""
        try:
            async with self._turn_to_start():
                if place.done():
                    return
                worker = await self._start(spec, credentials)
        except BaseException as error:
            if not place.done():
                place.set_exception(error if isinstance(error, Exception) else RuntimeError("it stops"))
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        if place.done():
            worker.forget_init()
            self._give_back(worker)
        else:
            place.set_result(worker)

    @asynccontextmanager
    async def _turn_to_start(self) -> AsyncIterator[None]:
        """A few start at once. One that has waited for long goes ahead: those may be waiting for it."""
        try:
            await asyncio.wait_for(self._starting.acquire(), _PATIENCE_S)
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._starting.release()

    async def _start(self, spec: Spec, credentials: Credentials, how: str = "on-demand") -> Worker:
        """Let a process that waits for a function become a worker of this one."""
        if spec.snapshot:
            return await self._restore(spec, credentials)
        given, runtime = await credentials(spec), self.runtimes.serving(spec.runtime)
        worker = await self._blank(runtime)
        await self._adopt(worker, spec, given, how)
        await self.warm(runtime)  # the next one begins to wait, now that this one does not need the processor
        return worker

    async def _adopt(self, worker: Worker, spec: Spec, given: dict[str, str], how: str) -> None:
        worker.stamp = stamp(spec) if spec.watched else 0
        self._born[worker.id] = self._clock.now_ms()
        stream = self._stream(spec, worker.id)
        told = environment(spec, stream, self.endpoint)
        told["AWS_LAMBDA_INITIALIZATION_TYPE"] = how
        try:
            await worker.adopt(spec, stream, order(spec, told | given))
        except BaseException:
            worker.kill()
            raise

    def _stream(self, spec: Spec, id: str) -> str:
        day = time.strftime("%Y/%m/%d", time.gmtime(self._clock.now_ms() / 1000))
        return f"{day}/[{spec.version}]{id}"

    def _good(self, making: asyncio.Task[Snapshot]) -> bool:
        if making.cancelled() or making.exception():
            return False
        snapshot = making.result()
        return snapshot.usable and 0 <= self._clock.now_ms() - snapshot.taken_ms < CREDENTIALS_MS

    async def _take(self, spec: Spec, credentials: Credentials) -> Snapshot:
        """Initialise a function once, for all the workers to come."""
        given, runtime = await credentials(spec), self.runtimes.serving(spec.runtime)
        template = self._make(spec, self._zygote(self.runtimes.interpreter(runtime)))
        snapshot = Snapshot(template, self._ended, self._clock.now_ms())
        await template.start(blank_order(self.runtimes.interpreter(runtime), runtime), snapshot.theirs)
        await self._adopt(template, spec, given, "snap-start")
        template.forget_init()
        try:
            await snapshot.taken()
        except SnapshotFailed:
            template.kill()
            raise
        snapshot.spare = self._begin(self._copy(spec, snapshot))
        return snapshot

    async def _restore(self, spec: Spec, credentials: Credentials) -> Worker:
        """A copy of the initialised process; the next one is made when this one has begun."""
        snapshot = await self.snapshot(spec, credentials)
        spare, snapshot.spare = snapshot.spare, None
        worker = await (spare or self._copy(spec, snapshot))
        if not worker.usable:
            worker = await self._copy(spec, snapshot)
        worker.stream = self._stream(spec, worker.id)
        await worker.wake({"AWS_LAMBDA_LOG_STREAM_NAME": worker.stream})
        if snapshot.spare is None:
            snapshot.spare = self._begin(self._copy(spec, snapshot))
        return worker

    async def _copy(self, spec: Spec, snapshot: Snapshot) -> Worker:
        worker = self._make(spec, snapshot)
        try:
            await worker.start({"tmp_mb": spec.tmp_mb})
        except BaseException:
            self._forget(worker.id)
            worker.abandon()
            raise
        return worker

    def _make(self, spec: Spec, origin: Origin) -> Worker:
        id = self._ids.hex(32)
        group = self._groups.create(id, spec.memory_mb, spec.tmp_mb)
        worker = Worker(id, spec, origin, group, "", self._between, self._clock.now_ms)
        self._workers[id], self._born[id] = worker, self._clock.now_ms()
        return worker

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start what nobody may wait for; it ends with the pool at the latest."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _blank(self, runtime: str) -> Worker:
        """A process that has started and waits for its function."""
        worker = await (self._blanks.pop(runtime, None) or self._start_blank(runtime))
        return worker if worker.usable else await self._start_blank(runtime)

    def _start_blank(self, runtime: str) -> "asyncio.Task[Worker]":
        async def start() -> Worker:
            spec = Spec("", "", "", "", runtime, "", Path(), memory_mb=_BLANK_MB)
            worker = self._make(spec, self._zygote(self._fork_interpreter(runtime)))
            await worker.start(blank_order(self.runtimes.interpreter(runtime), runtime))
            return worker
        return self._begin(start())

    def _zygote(self, interpreter_path: Path) -> Zygote:
        zygote = self._zygotes.get(interpreter_path)
        if zygote is None:
            zygote = self._zygotes[interpreter_path] = Zygote(interpreter_path, self._ended, self._lost)
        return zygote

    def _fork_interpreter(self, runtime: str) -> Path:
        """The interpreter of the zygote for ``runtime``; Node's workers are started by our own."""
        return self.runtimes.interpreter(runtime if runtime.startswith("python") else OWN)

    def _ended(self, id: str, status: int) -> None:
        worker = self._forget(id)
        if worker:
            worker.ended(status)
            if self.kept.most(worker.spec.key):
                self._begin(self.kept.refill(worker.spec.key))

    def _forget(self, id: str) -> Worker | None:
        worker = self._workers.pop(id, None)
        self._born.pop(id, None)
        if worker and worker in self._idle.get(worker.spec.key, ()):
            self._idle[worker.spec.key].remove(worker)
        return worker

    def _lost(self, zygote: Zygote) -> None:
        """A zygote has died, and all its workers with it."""
        self._zygotes = {path: one for path, one in self._zygotes.items() if one is not zygote}
        for worker in [one for one in self._workers.values() if one.zygote is zygote]:
            self._forget(worker.id)
            worker.abandon()

    def _between(self, worker: Worker, lines: Lines) -> None:
        """A worker wrote something while it had no event."""
        self.sink(worker.spec, worker.stream, lines)

    def _sweep_later(self) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_S, self._sweep)

    def _sweep(self) -> None:
        """End the workers that have idled for long; look again only while there are others."""
        self._sweeper = None
        now = time.monotonic()
        for key, idle in list(self._idle.items()):
            old = [one for one in idle if now - one.idle_since >= IDLE_S]
            for worker in old[self.kept.most(key):]:
                idle.remove(worker)
                worker.kill()
            if not idle:
                del self._idle[key]
        for key, making in list(self._snapshots.items()):
            if making.done() and not (self._good(making) and now - making.result().used_at < IDLE_S):
                _retire(self._snapshots.pop(key))
        if self._idle or self._snapshots:
            self._sweep_later()


def _retire(making: asyncio.Task[Snapshot]) -> None:
    if not making.cancelled() and not making.exception():
        making.result().retire()
