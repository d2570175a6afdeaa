"""The pool: warm workers by function, a new one when none is idle.

A worker runs one event at a time. It is retired when its function's code changes, when it has idled
for long, or when something happened to it; nothing waits for that but the process itself.
"""

import asyncio
import logging
import os
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..ids import Ids
from .cgroups import Groups
from .isolation import can_isolate
from .runtimes import OWN, Runtimes
from .spec import Invocation, Outcome, Spec
from .worker import Worker
from .zygotes import Zygote

log = logging.getLogger(__name__)
Lines = list[tuple[int, str]]
Credentials = Callable[[Spec], Awaitable[dict[str, str]]]
Sink = Callable[[Spec, str, Lines], None]
IDLE_S = 600.0  # a worker without work is ended after this
_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/bin"
_PATIENCE_S = 5.0  # for workers to end when the pool does
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
        self._sweeper: asyncio.TimerHandle | None = None
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.running: Counter[str] = Counter()  # invocations, by whatever those who count call them
        self.granted: dict[
            str, tuple[int, dict[str, str]]
        ] = {}  # credentials by role and name, and since when
        self.endpoint = ""
        self.sink: Sink = lambda spec, stream, lines: None

    async def run(self, spec: Spec, invocation: Invocation, credentials: Credentials) -> Outcome:
        """Run one event in a warm worker, or in one started now."""
        worker = self._pick(spec)
        if worker is None:
            async with self._starting:
                worker = self._pick(spec) or await self._start(spec, credentials)
        deadline_ms = int(time.time() * 1000) + spec.timeout_ms
        outcome = await worker.run(invocation, deadline_ms)
        if worker.usable:
            self._idle[spec.key].append(worker)
            self._sweep_later()
        else:
            worker.kill()
        return outcome

    def retire(self, concerns: Callable[[Spec], bool]) -> None:
        """Let no worker take another event whose function ``concerns`` says is concerned."""
        for worker in list(self._workers.values()):
            if concerns(worker.spec):
                worker.retired = True
                idle = self._idle.get(worker.spec.key, [])
                if worker in idle:
                    idle.remove(worker)
                    worker.kill()

    async def turn(self, key: str) -> None:
        """Until an invocation counted under ``key`` is over; those who wait take turns."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(place)
        await place

    def leave(self, key: str) -> None:
        """An invocation counted under ``key`` is over: count it off, and let one who waits go on."""
        self.running[key] -= 1
        if not self.running[key]:
            del self.running[key]
        queue = self._queues.get(key)
        while queue:
            place = queue.popleft()
            if not place.done():
                place.set_result(None)
                break
        if not queue:
            self._queues.pop(key, None)

    def count(self) -> dict[str, int]:
        """How many workers there are, by function."""
        found: dict[str, int] = defaultdict(int)
        for worker in self._workers.values():
            found[worker.spec.arn] += 1
        return dict(found)

    async def warm(self, runtime: str) -> None:
        """Start what a runtime needs before the first call asks for it."""
        served = self.runtimes.serving(runtime)
        if served not in self._blanks:
            self._blanks[served] = self._start_blank(served)

    async def stop(self) -> None:
        """End every worker."""
        if self._sweeper:
            self._sweeper.cancel()
        for blank in self._blanks.values():
            blank.cancel()
        await asyncio.gather(*self._blanks.values(), return_exceptions=True)
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
        stamp = _stamp(spec) if spec.watched else 0
        while idle:
            worker = idle.pop()
            if (
                worker.usable
                and worker.stamp == stamp
                and 0 <= self._clock.now_ms() - self._born[worker.id] < CREDENTIALS_MS
            ):
                return worker
            worker.kill()
        return None

    async def _start(self, spec: Spec, credentials: Credentials) -> Worker:
        """Let a process that waits for a function become a worker of this one."""
        given, runtime = await credentials(spec), self.runtimes.serving(spec.runtime)
        worker = await self._blank(runtime)
        worker.stamp = _stamp(spec) if spec.watched else 0
        self._born[worker.id] = self._clock.now_ms()
        day = time.strftime("%Y/%m/%d", time.gmtime(self._clock.now_ms() / 1000))
        stream = f"{day}/[{spec.version}]{worker.id}"
        try:
            await worker.adopt(spec, stream, _order(spec, _environment(spec, stream, self.endpoint) | given))
        except BaseException:
            worker.kill()
            raise
        await self.warm(runtime)  # the next one begins to wait, now that this one does not need the processor
        return worker

    async def _blank(self, runtime: str) -> Worker:
        """A process that has started and waits for its function."""
        worker = await (self._blanks.pop(runtime, None) or self._start_blank(runtime))
        return worker if worker.usable else await self._start_blank(runtime)

    def _start_blank(self, runtime: str) -> "asyncio.Task[Worker]":
        async def start() -> Worker:
            id = self._ids.hex(32)
            spec = Spec("", "", "", "", runtime, "", Path(), memory_mb=_BLANK_MB)
            group = self._groups.create(id, spec.memory_mb, spec.tmp_mb)
            zygote = self._zygote(self._fork_interpreter(runtime))
            worker = Worker(id, spec, zygote, group, "", self._between, self._clock.now_ms)
            self._workers[id], self._born[id] = worker, self._clock.now_ms()
            await worker.start(_blank_order(self.runtimes.interpreter(runtime), runtime))
            return worker
        return asyncio.get_running_loop().create_task(start())

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
            for worker in [one for one in idle if now - one.idle_since >= IDLE_S]:
                idle.remove(worker)
                worker.kill()
            if not idle:
                del self._idle[key]
        if self._idle:
            self._sweep_later()


def _order(spec: Spec, environment: dict[str, str]) -> dict[str, Any]:
    """What a waiting process must be told and shown."""
    return {"task": str(spec.code), "layers": [str(layer) for layer in spec.layers],
            "dependencies": str(spec.dependencies or ""), "tmp_mb": spec.tmp_mb, "environment": environment}


def _blank_order(interpreter: Path, runtime: str) -> dict[str, Any]:
    """What the zygote must know to start a process for any function; Python's are forks of its own."""
    guest = "/var/runtime/cloudlet" if can_isolate() else str(Path(__file__).parent / "guest")
    argv = [] if runtime.startswith("python") else [str(interpreter), f"{guest}/node_worker.mjs"]
    return {"tmp_mb": 512, "argv": argv,
            "environment": {"PATH": _PATH, "HOME": "/tmp", "LANG": "en_US.UTF-8", "TZ": ":UTC"}}


def _environment(spec: Spec, stream: str, endpoint: str) -> dict[str, str]:
    """The environment AWS documents, the function's own on top, and where SDKs find the cloudlet."""
    isolated = can_isolate()
    task, deps = ("/var/task", "/var/deps") if isolated else (str(spec.code), str(spec.dependencies or ""))
    layers = ["/opt"] if isolated else [str(layer) for layer in reversed(spec.layers)]
    minor = spec.runtime.removeprefix("python")
    path = [
        task,
        *(
            f"{layer}/{sub}"
            for layer in layers
            for sub in ("python", f"python/lib/python{minor}/site-packages")
        ),
    ]
    node = [f"{layer}/nodejs/node_modules" for layer in layers]
    node += [f"{deps}/node_modules"] if deps else []
    base = {
        "LANG": "en_US.UTF-8", "TZ": ":UTC", "PATH": _PATH, "HOME": "/tmp",
        "LD_LIBRARY_PATH": "/var/task:/var/task/lib:/opt/lib", "LAMBDA_TASK_ROOT": task,
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name, "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb), "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream, "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": spec.region, "AWS_DEFAULT_REGION": spec.region, "AWS_ENDPOINT_URL": endpoint,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR", "_HANDLER": spec.handler,
        "_CLOUDLET_PATH": ":".join(path + ([deps] if deps else [])), "NODE_PATH": ":".join(node),
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT": "regional", "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    return base | dict(spec.environment)


def _stamp(spec: Spec) -> int:
    """When the handler's file was last written: a saved file is live on the very next call."""
    module = spec.handler.rpartition(".")[0]
    for suffix in (".py", ".js", ".mjs", ".cjs"):
        try:
            return (spec.code / f"{module.replace('.', '/')}{suffix}").stat().st_mtime_ns
        except OSError:
            continue
    return 0
