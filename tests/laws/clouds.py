"""Operations on a store of either kind and nothing else: no sockets; the clock stands until it is moved."""

import asyncio
import gc
import os
import shutil
import tempfile
from pathlib import Path

from cloudlet.cli.fsck import _examined
from cloudlet.clock import Clock
from cloudlet.fabric import leftovers
from cloudlet.fabric.timers import Timers, _timers
from cloudlet.identity.principal import root
from cloudlet.ids import Ids
from cloudlet.kernel import Kernel, Services
from cloudlet.kernel.place import Place
from cloudlet.store import Blobs
from cloudlet.store.sqlite import SqliteStore
from cloudlet.telemetry import Tracer

ME = root("000000000000")
SERVICES = Services()
TIMES = float(os.environ.get("CLOUDLET_EXAMPLES", "1"))  # how many times the usual number of examples


def examples(number):
    """How many examples hypothesis tries: CLOUDLET_EXAMPLES times as many as usual."""
    return max(1, int(number * TIMES))


def empty_postgres(dsn):
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS map, layout")


def opened(dsn, folder):
    """A store: a PostgreSQL if ``dsn`` says which, else in the folder."""
    if not dsn:
        return SqliteStore(folder)
    from cloudlet.store.postgres import PostgresStore

    return PostgresStore(dsn, connections=6)


class Cloud:
    """A cloudlet without a door. Several may stand on one PostgreSQL and one folder."""

    def __init__(self, dsn, folder, service, clock=None):
        ids, self.clock, self.service = Ids(), clock or Clock(), service
        self.clock.freeze()
        self.store = opened(dsn, folder)
        self.kernel = Kernel(self.store, SERVICES, self.clock, ids, Tracer(ids))
        self.blobs = Blobs(folder / "blobs", shared=bool(dsn))
        self.blobs.lingers_ms = 0  # whoever looks here for what is left does so when nobody is at work
        self.kernel.provide(self.blobs)
        self.kernel.provide(Place("127.0.0.1", 1, folder))
        self.timers = Timers(self.kernel)

    async def __call__(self, operation, **params):
        return await self.kernel.invoke(ME, self.service, operation, params)

    async def inside(self, work):
        return await self.kernel.conversation(ME, self.service).transact(work)

    async def settle(self):
        """Do all that is due."""
        while due := await self.inside(self.timers._take):
            await asyncio.gather(*(self.timers._start(one) for one in due))

    async def moments(self):
        """When something will be due."""
        return await self.inside(lambda call: [due.at_ms for due in _timers.items(call)])

    async def check(self):
        """Nothing is wrong with what is kept, and nothing is left over."""
        await self.settle()
        gc.collect()  # who was refused may hold his body still: his error does
        await leftovers.sweep(self.kernel)

        def look(tx):
            return _examined(tx, self.blobs, SERVICES, deep=True, settled=True).findings

        found = await self.store.transact(look)
        assert not found, [(one.what, one.where) for one in found]


class Alone:
    """A cloud for a machine of hypothesis, which is no coroutine; empty, and gone at the end."""

    def __init__(self, dsn, service):
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp(prefix="law-"))
        if dsn:
            empty_postgres(dsn)

        async def start():
            return Cloud(dsn, self.folder, service)
        self.cloud = self.runner.run(start())
        self.clock = self.cloud.clock

    def __call__(self, operation, **params):
        return self.runner.run(self.cloud(operation, **params))

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def end(self):
        try:
            self.runner.run(self.cloud.check())
        finally:
            self.cloud.store.close()
            self.runner.close()
            shutil.rmtree(self.folder)
