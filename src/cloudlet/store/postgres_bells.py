"""Connections to PostgreSQL: how they are made, and the one that listens for bells.

Bells are NOTIFY, so they are heard on every machine. Whoever listens also holds a share of a lock, by which
`cloudlet fsck` knows that the database is in use.
"""

import asyncio
import hashlib
from typing import Any

import psycopg

from .api import StoreError
from .bells import Belfry, Ear

Connection = psycopg.Connection[Any]
CHANNEL = "cloudlet"
AT_WORK = 0x636C6F76  # the lock that whoever has the database open holds a share of
_LONGEST_BELL = 1000  # bytes; PostgreSQL takes payloads under 8,000


class Ears:
    """One connection that listens, read by the event loop when something arrives: nothing polls."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._belfry = Belfry()
        self._connection = self._tune_in()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mending: asyncio.Task[None] | None = None

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._attach()
        return self._belfry.listen(*map(payload, bells))

    def close(self) -> None:
        """Listen no more."""
        if self._mending:
            self._mending.cancel()
        elif self._loop and not self._loop.is_closed():
            self._loop.remove_reader(self._connection.fileno())
        self._connection.close()

    def _tune_in(self) -> Connection:
        connection = connect(self._dsn)
        row = connection.execute("SELECT pg_try_advisory_lock_shared(%s)", (AT_WORK,)).fetchone()
        if not row or not row[0]:
            connection.close()
            raise StoreError("The database is being examined by `cloudlet fsck`. Start when that is over.")
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def _attach(self) -> None:
        assert self._loop
        self._loop.add_reader(self._connection.fileno(), self._hear, self._connection.fileno())
        self._hear(self._connection.fileno())

    def _hear(self, handle: int) -> None:
        line = self._connection.pgconn
        try:
            line.consume_input()
            while notice := line.notifies():
                self._belfry.ring([notice.extra.decode()])
        except psycopg.Error:
            assert self._loop
            self._loop.remove_reader(handle)
            self._mending = self._loop.create_task(self._mend())

    async def _mend(self) -> None:
        """Connect again; what rang meanwhile is unknown, so everybody is woken."""
        self._connection.close()
        pause_s = 0.05
        while True:
            try:
                self._connection = await asyncio.to_thread(self._tune_in)
                break
            except (StoreError, psycopg.Error):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 5.0)
        self._mending = None
        self._belfry.ring(tuple(self._belfry.ears))
        self._attach()


def connect(dsn: str) -> Connection:
    """A connection to the server, or a :class:`StoreError` that says why there is none."""
    try:
        return psycopg.connect(dsn, autocommit=True)
    except psycopg.OperationalError as error:
        raise StoreError(f"PostgreSQL can't be reached: {plain(error)}") from error


def payload(bell: str) -> str:
    """A bell as PostgreSQL can carry it: a short text without NULs."""
    if bell.isascii() and bell.isprintable() and 0 < len(bell) <= _LONGEST_BELL:
        return bell
    return "#" + hashlib.sha256(bell.encode("utf-8", "surrogatepass")).hexdigest()


def plain(error: psycopg.Error) -> str:
    """What went wrong, in one line."""
    return " ".join(str(error).split()).rstrip(".")
