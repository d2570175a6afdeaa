"""The shared store: one PostgreSQL table, any number of machines.

Each transaction sees a snapshot; two that write one key collide, and one tries again. REPEATABLE
READ is measured, not guessed: SERIALIZABLE makes competing takers abort one another (2,045
messages a second with one taker, 349 with eight), and READ COMMITTED loses updates.

PostgreSQL's indexes take 2,704 bytes and DynamoDB's keys alone may have 3,072. So a key is kept in
two parts: a head that is indexed, and a rest, empty but for very long keys, that a digest stands for.
"""

import asyncio
import hashlib
import queue
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from .api import VERSION, Newer, Pair, StoreError, Transaction
from .bells import Belfry, Ear

T = TypeVar("T")

_OPEN = """
CREATE TABLE IF NOT EXISTS map (
    head BYTEA, digest BYTEA, rest BYTEA NOT NULL, value BYTEA NOT NULL, PRIMARY KEY (head, digest));
CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)
"""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
_HEAD = 2400  # bytes of a key that are indexed; with the digest of its rest they fit
_GET = "SELECT value FROM map WHERE head = %s AND digest = %s"
_PUT = (
    "INSERT INTO map VALUES (%s, %s, %s, %s) ON CONFLICT (head, digest) DO UPDATE SET value = excluded.value"
)
_DELETE = "DELETE FROM map WHERE head = %s AND digest = %s"
_RANGE = """SELECT CASE WHEN rest = '' THEN head ELSE head || rest END, value FROM map
    WHERE (head, rest) >= (%s, %s) AND (head, rest) < (%s, %s) ORDER BY """
_SCAN = {False: _RANGE + "head, rest LIMIT %s", True: _RANGE + "head DESC, rest DESC LIMIT %s"}
_CLAIM = _SCAN[False] + " FOR UPDATE SKIP LOCKED"
_ATTEMPTS = 40
_PATIENT_AFTER = 3  # collisions; from then on a transaction lets others pass first
_PAGE = 256  # rows of a scan fetched at once
_CHANNEL = "cloudlet"
_LONGEST_BELL = 1000  # bytes; PostgreSQL takes payloads under 8,000
_CLOSED = "The store is closed: the cloudlet is stopping. Nothing of the request was kept."
_Connection = psycopg.Connection[Any]


class PostgresStore:
    """A pool of connections, each used by one transaction at a time, in a thread."""

    def __init__(self, dsn: str, connections: int = 8) -> None:
        self._dsn = dsn
        first = _connect(dsn)
        _prepare(first)
        # As many places as threads; a connection is made when its place is first used, or after it broke.
        self._places: queue.SimpleQueue[_Connection | None] = queue.SimpleQueue()
        self._places.put(first)
        for _ in range(connections - 1):
            self._places.put(None)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="store")
        self._ears = _Ears(dsn)
        self._closed = False

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a thread, again and again while it collides with others'."""
        if self._closed:
            raise StoreError(_CLOSED)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on, whichever machine rings them."""
        return self._ears.listen(*bells)

    def close(self) -> None:
        """Finish what is under way, refuse what still waits, and give every connection back."""
        if self._closed:
            return
        self._closed = True
        self._ears.close()
        self._threads.shutdown()
        while not self._places.empty():
            connection = self._places.get()
            if connection:
                connection.close()

    def _transact(self, work: Callable[[Transaction], T]) -> T:
        if self._closed:
            raise StoreError(_CLOSED)
        connection = self._places.get()
        try:
            for attempt in range(_ATTEMPTS):
                fresh = connection is None or connection.closed
                if connection is None or connection.closed:
                    connection = _connect(self._dsn)
                try:
                    return _once(connection, work)
                except (errors.SerializationFailure, errors.DeadlockDetected):
                    if attempt >= _PATIENT_AFTER:
                        time.sleep(random.random() * 0.002 * attempt)
                except psycopg.OperationalError as error:  # nothing is committed yet: the server may be back
                    if fresh or not connection.closed:
                        raise _refusal(error) from error
            raise StoreError("Too many others write the same data; try again.")
        except psycopg.Error as error:
            raise _refusal(error) from error
        finally:
            self._places.put(connection)


class _PostgresTransaction:
    """The verbs. The first failure is remembered: what follows it would be rolled back without a word."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._open: list[bool] = []  # the savepoints we are in: whether the server has been told
        self.failure: psycopg.Error | None = None

    def get(self, key: bytes) -> bytes | None:
        rows = self._execute(_GET, _place(key)).fetchall()
        return rows[0][0] if rows else None

    def put(self, key: bytes, value: bytes) -> None:
        self._write(_PUT, (*_place(key), key[_HEAD:], value))

    def delete(self, key: bytes) -> None:
        self._write(_DELETE, _place(key))

    def scan(self, start: bytes, stop: bytes, *, limit: int = -1, reverse: bool = False) -> Iterator[Pair]:
        size = _PAGE if limit < 0 else min(limit, _PAGE)
        first = self._page(start, stop, size, reverse)
        if len(first) < size or size == limit:
            return iter(first)
        return self._pages(first, start, stop, limit, reverse)

    def claim(self, start: bytes, stop: bytes, *, limit: int) -> list[Pair]:
        return self._execute(_CLAIM, (*_parts(start), *_parts(stop), None if limit < 0 else limit)).fetchall()

    def ring(self, bell: str) -> None:
        self._write("SELECT pg_notify(%s, %s)", (_CHANNEL, _payload(bell)))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        depth = len(self._open)
        self._open.append(False)
        try:
            yield
        except BaseException:
            if self._open.pop() and self.failure is None:
                self._execute(f"ROLLBACK TO inner{depth}")
                self._execute(f"RELEASE inner{depth}")
            raise
        if self._open.pop() and self.failure is None:
            self._execute(f"RELEASE inner{depth}")

    def _page(self, start: bytes, stop: bytes, size: int, reverse: bool) -> list[Pair]:
        return self._execute(_SCAN[reverse], (*_parts(start), *_parts(stop), size)).fetchall()

    def _pages(
        self, page: list[Pair], start: bytes, stop: bytes, limit: int, reverse: bool
    ) -> Iterator[Pair]:
        """A long scan, page by page: who breaks off early has not fetched the rest."""
        left = limit
        while page:
            yield from page
            last = page[-1][0]
            start, stop = (start, last) if reverse else (last + b"\0", stop)
            left -= len(page)
            size = _PAGE if limit < 0 else min(left, _PAGE)
            page = self._page(start, stop, size, reverse) if size else []

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        """Execute, once the server knows of every savepoint we are in."""
        for depth, told in enumerate(self._open):
            if not told:
                self._execute(f"SAVEPOINT inner{depth}")
                self._open[depth] = True
        self._execute(statement, values)

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement, values, binary=True)
        except psycopg.Error as error:
            self.failure = self.failure or error
            raise self.failure from None


class _Ears:
    """One connection that listens, read by the event loop when something arrives: nothing polls."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._belfry = Belfry()
        self._connection = self._tune_in()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mending: asyncio.Task[None] | None = None

    def listen(self, *bells: str) -> Ear:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._attach()
        return self._belfry.listen(*map(_payload, bells))

    def close(self) -> None:
        if self._mending:
            self._mending.cancel()
        elif self._loop and not self._loop.is_closed():
            self._loop.remove_reader(self._connection.fileno())
        self._connection.close()

    def _tune_in(self) -> _Connection:
        connection = _connect(self._dsn)
        connection.execute(f"LISTEN {_CHANNEL}")
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


def _once(connection: _Connection, work: Callable[[Transaction], T]) -> T:
    """Run ``work`` in one transaction; whatever it raises, nothing of it is kept."""
    connection.execute(_BEGIN)
    tx = _PostgresTransaction(connection)
    try:
        result = work(tx)
    except BaseException as error:
        if not connection.closed:
            connection.execute("ROLLBACK")
        if tx.failure is not None:
            raise tx.failure from None
        if isinstance(error, StopIteration):  # a future can't carry it
            raise RuntimeError(f"A transaction let {error!r} escape") from error
        raise
    if tx.failure is not None:  # ``work`` passed over it; half of what it meant would be kept
        if not connection.closed:
            connection.execute("ROLLBACK")
        raise tx.failure
    try:
        connection.execute("COMMIT")
    except psycopg.OperationalError as error:
        if connection.closed:
            raise StoreError(
                f"PostgreSQL went away during a commit ({_plain(error)}); "
                "whether the request was kept is not known."
            ) from error
        raise
    return result


def _parts(key: bytes) -> tuple[bytes, bytes]:
    return key[:_HEAD], key[_HEAD:]


def _place(key: bytes) -> tuple[bytes, bytes]:
    """What the index knows a key by."""
    return key[:_HEAD], hashlib.sha256(key[_HEAD:]).digest() if len(key) > _HEAD else b""


def _connect(dsn: str) -> _Connection:
    try:
        return psycopg.connect(dsn, autocommit=True)
    except psycopg.OperationalError as error:
        raise StoreError(f"PostgreSQL can't be reached: {_plain(error)}") from error


def _prepare(connection: _Connection) -> None:
    """Make the tables if they are not there; several machines may start at once."""
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (0x636C6F75,))
            connection.execute(_OPEN)
            row = connection.execute("SELECT max(version) FROM layout").fetchone()
            if row is None or row[0] is None:
                connection.execute("INSERT INTO layout VALUES (%s)", (VERSION,))
            elif row[0] > VERSION:
                raise Newer(
                    f"The database was written by a newer cloudlet (layout {row[0]}, this one knows "
                    f"{VERSION}). Start that one, or name another database."
                )
    except (Newer, psycopg.Error) as error:
        connection.close()
        if isinstance(error, Newer):
            raise
        raise StoreError(f"The database can't be used: {_plain(error)}") from error


def _payload(bell: str) -> str:
    """A bell as PostgreSQL can carry it: a short text without NULs."""
    if bell.isascii() and bell.isprintable() and 0 < len(bell) <= _LONGEST_BELL:
        return bell
    return "#" + hashlib.sha256(bell.encode("utf-8", "surrogatepass")).hexdigest()


def _refusal(error: psycopg.Error) -> StoreError:
    return StoreError(f"PostgreSQL refused: {_plain(error)}. Nothing of the request was kept.")


def _plain(error: psycopg.Error) -> str:
    return " ".join(str(error).split()).rstrip(".")
