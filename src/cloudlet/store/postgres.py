"""The shared store: one PostgreSQL table, any number of machines.

Each transaction sees a snapshot; two that write one key collide, and one tries again. REPEATABLE
READ is measured, not guessed: SERIALIZABLE makes competing takers abort one another (2,045
messages a second with one taker, 349 with eight), and READ COMMITTED loses updates.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from .api import VERSION, Newer, Pair, StoreError, Transaction
from .bells import Belfry, Ear

T = TypeVar("T")

_OPEN = """
CREATE TABLE IF NOT EXISTS map (key BYTEA PRIMARY KEY, value BYTEA NOT NULL);
CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)
"""
_ATTEMPTS = 40
_CHANNEL = "cloudlet"
_Connection = psycopg.Connection[Any]


class PostgresStore:
    """A pool of connections, each used by one transaction at a time, in a thread."""

    def __init__(self, dsn: str, connections: int = 8) -> None:
        self._dsn = dsn
        self._idle: queue.SimpleQueue[_Connection] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="store")
        self._belfry = Belfry()
        self._ears = self._connect()
        _prepare(self._ears)
        self._ears.execute(f"LISTEN {_CHANNEL}")
        self._listener: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for _ in range(connections):
            self._idle.put(self._connect())

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a thread, again and again while it collides with others'."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on, whichever machine rings them."""
        if self._listener is None:
            self._loop = asyncio.get_running_loop()
            self._listener = threading.Thread(target=self._hear, name="bells", daemon=True)
            self._listener.start()
        return self._belfry.listen(*bells)

    def close(self) -> None:
        """Give every connection back."""
        self._threads.shutdown(wait=True)
        while not self._idle.empty():
            self._idle.get().close()
        self._ears.cancel_safe()
        self._ears.close()
        if self._listener:
            self._listener.join()

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        connection = self._idle.get()
        try:
            for attempt in range(_ATTEMPTS):
                try:
                    with connection.transaction():
                        return work(_PostgresTransaction(connection))
                except (errors.SerializationFailure, errors.DeadlockDetected):
                    if attempt == _ATTEMPTS - 1:
                        raise StoreError("Too many others write the same data; try again.") from None
            raise AssertionError("unreachable")
        except psycopg.OperationalError as error:
            raise StoreError(f"PostgreSQL does not answer: {error}") from error
        finally:
            self._idle.put(self._connect() if connection.closed else connection)

    def _connect(self) -> _Connection:
        try:
            connection = psycopg.connect(self._dsn, autocommit=True)
        except psycopg.OperationalError as error:
            raise StoreError(f"PostgreSQL can't be reached: {error}") from error
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return connection

    def _hear(self) -> None:
        try:
            for notice in self._ears.notifies():
                assert self._loop
                self._loop.call_soon_threadsafe(self._belfry.ring, [notice.payload])
        except (psycopg.Error, RuntimeError):
            return  # the connection or the loop is closed: nobody listens any more


class _PostgresTransaction:
    def __init__(self, connection: _Connection) -> None:
        self._execute = connection.execute

    def get(self, key: bytes) -> bytes | None:
        row = self._execute("SELECT value FROM map WHERE key = %s", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def put(self, key: bytes, value: bytes) -> None:
        self._execute(
            "INSERT INTO map VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, value))

    def delete(self, key: bytes) -> None:
        self._execute("DELETE FROM map WHERE key = %s", (key,))

    def scan(self, start: bytes, stop: bytes, *, limit: int = -1, reverse: bool = False) -> Iterator[Pair]:
        order = "DESC" if reverse else "ASC"
        rows = self._execute(
            f"SELECT key, value FROM map WHERE key >= %s AND key < %s ORDER BY key {order} LIMIT %s",
            (start, stop, None if limit < 0 else limit))
        return ((bytes(key), bytes(value)) for key, value in rows)

    def claim(self, start: bytes, stop: bytes, *, limit: int) -> list[Pair]:
        rows = self._execute(
            "SELECT key, value FROM map WHERE key >= %s AND key < %s ORDER BY key LIMIT %s"
            " FOR UPDATE SKIP LOCKED", (start, stop, limit))
        return [(bytes(key), bytes(value)) for key, value in rows]

    def ring(self, bell: str) -> None:
        self._execute("SELECT pg_notify(%s, %s)", (_CHANNEL, bell))


def _prepare(connection: _Connection) -> None:
    """Make the tables if they are not there; several machines may start at once."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (0x636C6F75,))
        connection.execute(_OPEN)
        row = connection.execute("SELECT max(version) FROM layout").fetchone()
        if row is None or row[0] is None:
            connection.execute("INSERT INTO layout VALUES (%s)", (VERSION,))
        elif row[0] > VERSION:
            raise Newer(f"The database was written by a newer cloudlet (layout {row[0]}, this one knows {VERSION}).")
