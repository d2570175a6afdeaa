"""The composition root: the only place that builds objects and knows them all."""

import asyncio
import gc
import logging
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from .clock import Clock
from .errors import AwsError
from .fabric import leftovers
from .fabric.brokers import Brokers
from .fabric.standing import Supervisor
from .fabric.timers import Timers
from .functions import Pool, Spec
from .functions.doors import Doors
from .functions.isolation import Isolation, Network, require
from .functions.journal import Journal, Stream
from .functions.runtimes import Runtimes
from .gateway.control import Control
from .gateway.gateway import Gateway
from .gateway.keeper import Keeper
from .gateway.server import Server
from .gateway.snapshots import Snapshots
from .identity import service_principal
from .ids import Ids
from .kernel import Kernel, Services, strangers
from .kernel.place import Place
from .scratch import Scratch
from .store import Blobs, Store, StoreError, snapshots
from .store.sqlite import Durability, SqliteStore
from .telemetry import Tracer, tracing

log = logging.getLogger(__name__)
_YOUNG = 10_000  # objects; Python's own 700 are fewer than a few dozen requests at once have


class Options(msgspec.Struct, frozen=True):
    """How a cloudlet is to run. ``data`` None keeps nothing once it stops."""

    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 4566
    mqtt: int | None = None  # the port of MQTT over TCP, 0 for a free one; None: over WebSocket only
    durability: Durability = "process"
    postgres: str = ""
    nearest_runtime: bool = False  # may an installed interpreter stand in for one that is not?
    network: Network = "host"  # of functions: the machine's, or each its own with nothing but the cloudlet
    isolation: Isolation = "available"  # "strict" starts only where functions are held by every wall
    dynamodb_throughput: Literal["report", "enforce"] = "report"  # whether tables throttle
    credentials: strangers.Credentials = "any"  # whose keys are believed: anybody's, or those made here
    token: str = ""  # who shows it may use the cloudlet's own API; empty: one is made up
    brokers: dict[str, str] = {}  # where those of Amazon MQ are: amqp://… by ARN or name


class Cloudlet:
    """A running cloudlet."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._scratch = None if options.data else Scratch("data")
        self.folder: Path = self._scratch.path if self._scratch else options.data  # type: ignore[assignment]
        self.store = _store(options)
        ids, self.clock = Ids(), Clock()
        self.tracer = Tracer(ids)
        self.kernel = Kernel(self.store, Services(), self.clock, ids, self.tracer)
        self.kernel.wishes["dynamodb-throughput"] = options.dynamodb_throughput
        self.kernel.wishes[strangers.OPTION] = options.credentials
        self.kernel.guards += [tracing(self.tracer), self.kernel.faults]
        self.kernel.provide(Blobs(self.folder / "blobs", fsync=options.durability == "power",
                                  shared=not isinstance(self.store, SqliteStore)))
        self._timers, self._supervisor = Timers(self.kernel), Supervisor(self.kernel)
        self.pool = Pool(self.clock, ids, Runtimes(nearest=options.nearest_runtime))
        self.journal = Journal(partial(write_log, self.kernel))
        self.pool.sink = self._between
        self.kernel.provide(self.pool)
        self.kernel.provide(self.journal)
        self.kernel.provide(Brokers(options.brokers))
        self.control = Control(self.kernel, self.clock)
        self.snapshots = self.folder / snapshots.FOLDER
        self.control.more |= Snapshots(self.save, self.restore, self.snapshots).answers
        self._copying = asyncio.Lock()
        self.token = options.token or secrets.token_hex(32)
        self._tasks: list[asyncio.Task[None]] = []
        self._server: Server | None = None
        self.port, self.mqtt_port = options.port, 0

    async def start(self, *, door: socket.socket | None = None, former: Pool | None = None) -> None:
        """Open the door, or one that others hold open; when this returns, requests are answered.

        What a ``former`` pool has left warm is taken over.
        """
        if self.options.isolation == "strict" or self.options.network == "isolated":
            await asyncio.to_thread(require, self.options.isolation, self.options.network)
        await self.control.restore_clock()
        gateway = Gateway(self.kernel, Keeper(self.control.handle, self.token).handle)
        self._server = Server(gateway.handle, lambda error: log.error("a response broke off: %r", error))
        self.port = await self._server.start(self.options.host, self.options.port, door)
        if self.options.mqtt is not None:
            talk = gateway.lines.talk("mqtt")
            self.mqtt_port = await self._server.open(self.options.host, self.options.mqtt, talk)
        place = Place(self.options.host, self.port, self.folder)
        self.kernel.provide(place)
        self.pool.endpoint, self.pool.private = place.endpoint, str(self.folder.resolve())
        if former:
            self.pool.inherit(former)
        if self.options.network == "isolated":
            self.pool.doors = Doors(place.endpoint, self._server.admit)
        await self._begin()

    async def _begin(self) -> None:
        """Go on with what the store says is under way."""
        if isinstance(self.store, SqliteStore):  # nobody else has it open: what runs, runs here
            await self._timers.recover()
        self._tasks += [asyncio.create_task(self._timers.run()), asyncio.create_task(self._supervisor.run()),
                        asyncio.create_task(self._sweep())]

    async def stop(self, *, leave_warm: bool = False) -> None:
        """Finish what is being answered, then close everything; the interpreters of functions may stay, for
        the pool of the next to inherit."""
        self.kernel.sightings.close()
        if self._server:
            await self._server.stop()
        await self._break_off()
        await self.pool.stop(leave_warm=leave_warm)
        self.store.close()
        if self._scratch:
            self._scratch.remove()

    async def _break_off(self) -> None:
        """End what runs by itself; whoever goes on from this state begins it again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._supervisor.stop()
        await self._timers.stop()
        await self.journal.flush()

    async def save(self, name: str) -> snapshots.Snapshot:
        """Keep the present state under a name; all goes on meanwhile."""
        store = self._embedded()
        async with self._copying:
            await self.control.keep_clock()
            return await snapshots.save(store, self.kernel.use(Blobs), self.snapshots, name)

    async def restore(self, name: str) -> snapshots.Snapshot:
        """Go back to a state that was kept: what runs is broken off, and all begins as after a restart."""
        store = self._embedded()
        async with self._copying:
            snapshots.find(self.snapshots, name)
            await self._break_off()
            try:
                found = await snapshots.restore(store, self.kernel.use(Blobs), self.snapshots, name)
                self.kernel.generation += 1
                self.pool.abandon()
                await self.control.restore_clock()
            finally:
                await self._begin()
            return found

    def _embedded(self) -> SqliteStore:
        if isinstance(self.store, SqliteStore):
            return self.store
        raise StoreError(snapshots.NOT_OF_POSTGRES)

    async def _sweep(self) -> None:
        """Remove what a crash has left of bodies; others may be writing into a folder that is shared."""
        await leftovers.sweep(self.kernel, older_than_s=self.kernel.use(Blobs).lingers_ms / 1000)

    def _between(self, spec: Spec, stream: str, lines: list[tuple[int, str]]) -> None:
        """What a function writes while it has no event goes to its log all the same."""
        self.journal.add(Stream(spec.account, spec.region, spec.log_group, stream), lines)


async def write_log(kernel: Kernel, stream: Stream, lines: list[tuple[int, str]]) -> None:
    """Put lines into CloudWatch Logs; the group and the stream are made if they are not there."""
    principal = service_principal("lambda", stream.account)
    where: dict[str, str] = {"logGroupName": stream.group, "logStreamName": stream.name}
    events = [{"timestamp": at_ms, "message": text or " "} for at_ms, text in lines]

    async def put() -> None:
        await kernel.invoke(
            principal, "logs", "PutLogEvents", {**where, "logEvents": events}, region=stream.region,
            spared=True
        )

    try:
        await put()
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        for operation, params in (
            ("CreateLogGroup", {"logGroupName": stream.group}),
            ("CreateLogStream", where),
        ):
            with suppress(AwsError):  # another stream's lines may have made the group
                await kernel.invoke(principal, "logs", operation, dict(params), region=stream.region,
                                    spared=True)
        await put()


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Cloudlet]:
    """A cloudlet for as long as the block lasts."""
    cloudlet = Cloudlet(options)
    try:
        await cloudlet.start()
        yield cloudlet
    finally:
        await cloudlet.stop()


def collect_rarely() -> None:
    """Let Python look for lost objects less often, in a process that is nothing but a cloudlet.

    What requests under way hold looks to the collector as if it stayed, so under load it went through all
    there is several times a second: 25 ms each, a tenth of the processor's time. Hardly anything here is lost
    in a circle; the rest is given back at once, as ever.
    """
    gc.set_threshold(_YOUNG)


def _store(options: Options) -> Store:
    if options.postgres:
        from .store.postgres import PostgresStore  # an optional dependency: cloudlet[postgres]
        return PostgresStore(options.postgres)
    return SqliteStore(options.data, options.durability)
