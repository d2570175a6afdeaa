"""The pool: warm workers by function, a new one when none is idle.

A worker runs one event at a time. It is retired when its function's code changes, when it has idled
for long, or when something happened to it; nothing waits for that but the process itself. An event that
finds no idle worker takes the first that is given back or started, whichever comes first.
"""

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from ..clock import Clock
from ..ids import Ids
from . import inits
from .cgroups import Groups
from .doors import Doors
from .kept import InitFailed, Kept
from .orders import blank_order, environment, order, stamp
from .runtimes import CUSTOM, OWN, Runtimes
from .snapshots import Snapshots
from .spec import Credentials, Invocation, Outcome, Spec, Trial
from .starts import Starts
from .turns import Turns
from .worker import Worker
from .zygotes import Origin, Zygote

log = logging.getLogger(__name__)
T = TypeVar("T")
Lines = list[tuple[int, str]]
Sink = Callable[[Spec, str, Lines], None]
IDLE_S = 600.0  # a worker without work is ended after this
_PATIENCE_S = 5.0  # for workers to end when the pool does
_BLANK_MB = 512  # until its function says otherwise
CREDENTIALS_MS = 6 * 3_600_000  # a worker is replaced after this: its credentials last twice as long


class Pool:
    """Runs functions."""

    def __init__(self, clock: Clock, ids: Ids, runtimes: Runtimes) -> None:
        self.clock, self._ids, self.runtimes = clock, ids, runtimes
        self._groups = Groups()
        self._zygotes: dict[Path, Zygote] = {}
        self._workers: dict[str, Worker] = {}
        self._idle: dict[str, list[Worker]] = defaultdict(list)
        self._born: dict[str, int] = {}
        self._blanks: dict[str, asyncio.Task[Worker]] = {}  # by runtime, for the next function that needs one
        self._starts = Starts(self.begin)
        self._waiting: dict[str, deque[asyncio.Future[Worker]]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.snapshots = Snapshots(self)
        self.kept = Kept(self)
        self.trials: dict[str, Trial] = {}  # by the names of functions
        self._debugged: dict[str, asyncio.Lock] = {}
        self._with_init: set[str] = set()  # keys of plain functions whose code wants the Runtime API
        self._sweeper: asyncio.TimerHandle | None = None
        self.turns = Turns()
        self.streaming: set[asyncio.Task[Any]] = set()  # invocations that those who asked may have left
        self.granted: dict[
            str, tuple[int, dict[str, str]]
        ] = {}  # credentials by role and name, and since when
        self.endpoint = ""
        self.doors: Doors | None = None  # where workers have a network of their own
        self.private = ""  # the folder that no function may see, even where it lies in its own
        self.sink: Sink = lambda spec, stream, lines: None

    async def run(self, spec: Spec, invocation: Invocation, credentials: Credentials) -> Outcome:
        """Run one event in a warm worker, or in one started now."""
        with self.clock.holding(f"the function {spec.name}"):
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
        with self.clock.holding(f"the initialisation of {spec.name}"):
            place: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
            self._starts.want(
                place, lambda: self._start_for(place, spec, credentials, "provisioned-concurrency"))
            worker = await place
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

    def abandon(self) -> None:
        """End every worker that is some function's, whatever it does; processes that wait for one stay."""
        self.retire(lambda spec: bool(spec.name))
        for worker in [one for one in self._workers.values() if one.spec.name]:
            worker.kill()
        self.granted.clear()

    async def warm(self, runtime: str) -> None:
        """Start what a runtime needs before the first call asks for it."""
        served = runtime if runtime.startswith(inits.KIND) else self.runtimes.serving(runtime)
        if served in CUSTOM:
            served = inits.kind_of(served)
        if served not in self._blanks:
            self._blanks[served] = self._start_blank(served)

    def inherit(self, former: "Pool") -> None:
        """Take over the interpreters that a pool, which has stopped, has left warm."""
        for path, zygote in former._zygotes.items():
            zygote.serve(self.ended, self._lost, self.private)
            self._zygotes[path] = zygote

    async def stop(self, *, leave_warm: bool = False) -> None:
        """End every worker, and the interpreters too unless another pool is to inherit them."""
        if self._sweeper:
            self._sweeper.cancel()
        self.kept.forget(lambda spec: True)
        self._starts.close()
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
        self.snapshots.close()
        for zygote in () if leave_warm else self._zygotes.values():
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
        age_ms = self.clock.now_ms() - self._born[worker.id] if worker.usable else -1
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
        self._starts.want(place, lambda: self._start_for(place, spec, credentials))
        try:
            return await place
        finally:
            if not self._waiting[spec.key]:
                del self._waiting[spec.key]

    async def _start_for(self, place: asyncio.Future[Worker], spec: Spec, credentials: Credentials,
                         how: str = "on-demand") -> None:
        """Start a worker for one who waits; if another was given back to them meanwhile, for all."""
        try:
            worker = await self._start(spec, credentials, how)
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

    async def _start(self, spec: Spec, credentials: Credentials, how: str = "on-demand") -> Worker:
        """Let a process that waits for a function become a worker of this one."""
        if spec.snapshot:
            return await self.snapshots.restore(spec, credentials)
        given, runtime = await credentials(spec), self.runtimes.serving(spec.runtime)
        has_init = spec.key in self._with_init or inits.wanted(spec)
        blank = inits.kind_of(runtime) if has_init else runtime
        if inits.has_extensions(spec):  # the ports on which they listen must be free again
            former = [one for one in self._workers.values() if one.ending and one.spec.arn == spec.arn]
            await asyncio.gather(*(one.gone() for one in former))
        worker = await self._blank(blank)
        knocked = await self.adopt(worker, spec, given, how, init_for=runtime if has_init else "")
        if knocked:
            self._with_init.add(spec.key)
            await self.warm(runtime)
            return await self._start(spec, credentials, how)
        await self.warm(blank)  # the next one begins to wait, now that this one does not need the processor
        return worker

    async def adopt(self, worker: Worker, spec: Spec, given: dict[str, str], how: str, *,
                     init_for: str = "") -> bool:
        """Let a process load a function; True if its code has asked for what only an init can give."""
        if self.doors:
            self.doors.name(worker.id, given["AWS_ACCESS_KEY_ID"])
        worker.stamp = stamp(spec) if spec.watched else 0
        self._born[worker.id] = self.clock.now_ms()
        stream = self.stream_name(spec, worker.id)
        told = environment(spec, stream, self.endpoint) | {"AWS_LAMBDA_INITIALIZATION_TYPE": how} | given
        wanted, door = order(spec, told), None
        if init_for:
            interpreter = self.runtimes.interpreter(init_for)
            wanted["setup"] = inits.setup(spec, stream, told, init_for, interpreter)
        elif not spec.snapshot:
            door = inits.Door(lambda: worker.kill("knocked"))
            told["AWS_LAMBDA_RUNTIME_API"] = door.address
        try:
            await worker.adopt(spec, stream, wanted)
        except BaseException:
            worker.kill()
            raise
        finally:
            if door:
                door.close()
        return bool(door and door.knocked)

    def stream_name(self, spec: Spec, id: str) -> str:
        """The name of a worker's log stream."""
        day = time.strftime("%Y/%m/%d", time.gmtime(self.clock.now_ms() / 1000))
        return f"{day}/[{spec.version}]{id}"

    def make(self, spec: Spec, origin: Origin) -> Worker:
        """A worker that is not started yet, in a control group of its own."""
        id = self._ids.hex(32)
        group = self._groups.create(id, spec.memory_mb, spec.tmp_mb)
        worker = Worker(id, spec, origin, group, "", self._between, self.clock.now_ms)
        self._workers[id], self._born[id] = worker, self.clock.now_ms()
        return worker

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
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
            zygote = self.zygote(self._interpreter(runtime if "python" in runtime else OWN))
            worker = self.make(spec, zygote)
            await worker.start(blank_order(self._interpreter(runtime), runtime))
            return worker
        return self.begin(start())

    def zygote(self, interpreter_path: Path) -> Zygote:
        """The zygote of an interpreter, started now if it does not run."""
        zygote = self._zygotes.get(interpreter_path)
        if zygote is None:
            zygote = Zygote(interpreter_path, self.ended, self._lost, self.doors, self.private)
            self._zygotes[interpreter_path] = zygote
        return zygote

    def _interpreter(self, blank: str) -> Path:
        """What a kind of blank worker runs on; Node.js's are started by a zygote of our own."""
        return self.runtimes.interpreter(blank.removeprefix(inits.KIND))

    def ended(self, id: str, status: int) -> None:
        """A worker's process has ended."""
        worker = self.forget(id)
        if worker:
            worker.ended(status)
            if self.kept.most(worker.spec.key):
                self.begin(self.kept.refill(worker.spec.key))

    def forget(self, id: str) -> Worker | None:
        """A worker is no more; it comes back, if it was known."""
        worker = self._workers.pop(id, None)
        self._born.pop(id, None)
        if self.doors:
            self.doors.close(id)
        if worker and worker in self._idle.get(worker.spec.key, ()):
            self._idle[worker.spec.key].remove(worker)
        return worker

    def _lost(self, zygote: Zygote) -> None:
        """A zygote has died, and all its workers with it."""
        self._zygotes = {path: one for path, one in self._zygotes.items() if one is not zygote}
        for worker in [one for one in self._workers.values() if one.zygote is zygote]:
            self.forget(worker.id)
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
        self.snapshots.sweep(now, IDLE_S)
        if self._idle or self.snapshots:
            self._sweep_later()
