"""The composition root: the only place that builds objects and knows them all."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from .clock import Clock
from .fabric.timers import Timers
from .gateway.control import Control
from .gateway.gateway import Gateway
from .gateway.server import Server
from .ids import Ids
from .kernel import Kernel, Services
from .kernel.place import Place
from .store import Blobs, Store
from .store.sqlite import Durability, SqliteStore
from .telemetry import Tracer, tracing

log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True):
    """How a cloudlet is to run. ``data`` None keeps nothing once it stops."""

    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 4566
    durability: Durability = "process"
    postgres: str = ""


class Cloudlet:
    """A running cloudlet."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._scratch = None if options.data else Path(tempfile.mkdtemp(prefix="cloudlet-"))
        self.folder: Path = options.data or self._scratch  # type: ignore[assignment]
        self.store = _store(options)
        ids, self.clock = Ids(), Clock()
        self.tracer = Tracer(ids)
        self.kernel = Kernel(self.store, Services(), self.clock, ids, self.tracer)
        self.kernel.guards.append(tracing(self.tracer))
        self.kernel.provide(Blobs(self.folder / "blobs", fsync=options.durability == "power"))
        self._timers = Timers(self.kernel)
        self._tasks: list[asyncio.Task[None]] = []
        self._server: Server | None = None
        self.port = options.port

    async def start(self) -> None:
        """Open the door; when this returns, requests are answered."""
        control = Control(self.kernel, self.clock)
        await control.restore_clock()
        gateway = Gateway(self.kernel, control.handle)
        self._server = Server(gateway.handle, lambda error: log.error("a response broke off: %r", error))
        self.port = await self._server.start(self.options.host, self.options.port)
        self.kernel.provide(Place(self.options.host, self.port, self.folder))
        self._tasks.append(asyncio.create_task(self._timers.run()))

    async def stop(self) -> None:
        """Finish what is being answered, then close everything."""
        if self._server:
            await self._server.stop()
        for task in self._tasks:
            task.cancel()
        await self._timers.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.store.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Cloudlet]:
    """A cloudlet for as long as the block lasts."""
    cloudlet = Cloudlet(options)
    try:
        await cloudlet.start()
        yield cloudlet
    finally:
        await cloudlet.stop()


def _store(options: Options) -> Store:
    if options.postgres:
        from .store.postgres import PostgresStore  # an optional dependency: cloudlet[postgres]
        return PostgresStore(options.postgres)
    return SqliteStore(options.data, options.durability)
