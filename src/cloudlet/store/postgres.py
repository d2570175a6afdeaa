"""The shared store: one PostgreSQL table, any number of machines.

Each transaction sees a snapshot; two that write one key collide, and one tries again. REPEATABLE
READ is measured, not guessed: SERIALIZABLE makes competing takers abort one another (2,045
messages a second with one taker, 349 with eight), and READ COMMITTED loses updates. What two transactions
may only read and both rely on, they read with ``steady`` and ``alone``.

PostgreSQL's indexes take 2,704 bytes and DynamoDB's keys alone may have 3,072. So a key is kept in
two parts: a head that is indexed, and a rest, empty but for very long keys, that a digest stands for.
"""

import asyncio
import hashlib
import queue
import random
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from .api import VERSION, Newer, Pair, StoreError, Transaction, Unsettled
from .bells import Ear
from .postgres_bells import AT_WORK, CHANNEL, Connection, Ears, connect, payload, plain

T = TypeVar("T")

_OPEN = """
CREATE TABLE IF NOT EXISTS map (
    head BYTEA, digest BYTEA, rest BYTEA NOT NULL, value BYTEA NOT NULL, PRIMARY KEY (head, digest));
CREATE TABLE IF NOT EXISTS layout (version INTEGER NOT NULL)
"""
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"
_HEAD = 2400  # bytes of a key that are indexed; with the digest of its rest they fit
_GET = "SELECT value FROM map WHERE head = %s AND digest = %s"
# An upsert alone would not collide with who has deleted the row since: it would put it back as it was read.
_PUT = """WITH changed AS (UPDATE map SET value = %(value)s WHERE head = %(head)s AND digest = %(digest)s
    RETURNING 1)
    INSERT INTO map SELECT %(head)s, %(digest)s, %(rest)s, %(value)s WHERE NOT EXISTS (SELECT FROM changed)
    ON CONFLICT (head, digest) DO UPDATE SET value = excluded.value"""
_DELETE = "DELETE FROM map WHERE head = %s AND digest = %s"
_STEADY = """SELECT value FROM map, (SELECT pg_advisory_xact_lock_shared(%s) OFFSET 0) AS turn
    WHERE head = %s AND digest = %s FOR SHARE OF map"""
_RANGE = """SELECT CASE WHEN rest = '' THEN head ELSE head || rest END, value FROM map
    WHERE (head, rest) >= (%s, %s) AND (head, rest) < (%s, %s) ORDER BY """
_SCAN = {False: _RANGE + "head, rest LIMIT %s", True: _RANGE + "head DESC, rest DESC LIMIT %s"}
_CLAIM = _SCAN[False] + " FOR UPDATE SKIP LOCKED"
_ATTEMPTS = 40
_PATIENT_AFTER = 3  # collisions; from then on a transaction lets others pass first
_PAGE = 256  # rows of a scan fetched at once
_CLOSED = "The store is closed: the cloudlet is stopping. Nothing of the request was kept."
_Values = tuple[Any, ...] | dict[str, Any]


class PostgresStore:
    """A pool of connections, each used by one transaction at a time, in a thread."""

    def __init__(self, dsn: str, connections: int = 8) -> None:
        self._dsn = dsn
        self._ears = Ears(dsn)
        try:
            first = connect(dsn)
            _prepare(first)
        except StoreError:
            self._ears.close()
            raise
        # As many places as threads; a connection is made when its place is first used, or after it broke.
        self._places: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        self._places.put(first)
        for _ in range(connections - 1):
            self._places.put(None)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="store")
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
        connection, alone = self._places.get(), set[int]()
        try:
            for attempt in range(_ATTEMPTS):
                fresh = connection is None or connection.closed
                if connection is None or connection.closed:
                    connection = connect(self._dsn)
                try:
                    return _once(connection, work, alone)
                except _Alone as wish:
                    alone.add(wish.turn)
                except (errors.SerializationFailure, errors.DeadlockDetected):
                    if attempt >= _PATIENT_AFTER:
                        time.sleep(random.random() * 0.002 * attempt)
                except psycopg.OperationalError as error:  # nothing is committed yet: the server may be back
                    if _is_over(connection, error):
                        connection.close()
                    if fresh or not connection.closed:
                        raise _refusal(error) from error
            raise StoreError("Too many others write the same data; try again.")
        except psycopg.Error as error:
            raise _refusal(error) from error
        finally:
            self._places.put(connection)


class _Alone(psycopg.Error):
    """The transaction must have a key to itself from before it begins."""

    def __init__(self, turn: int) -> None:
        super().__init__("begins again")
        self.turn = turn


class _PostgresTransaction:
    """The verbs. The first failure is remembered: what follows it would be rolled back without a word."""

    def __init__(self, connection: Connection, alone: Set[int] = frozenset()) -> None:
        self._connection, self._alone = connection, alone
        self._open: list[bool] = []  # the savepoints we are in: whether the server has been told
        self.failure: psycopg.Error | None = None

    def get(self, key: bytes) -> bytes | None:
        rows = self._execute(_GET, _place(key)).fetchall()
        return rows[0][0] if rows else None

    def steady(self, key: bytes) -> bytes | None:
        rows = self._execute(_STEADY, (_turn(key), *_place(key))).fetchall()
        if rows:
            found: bytes = rows[0][0]
            return found
        self.put(key, b"")  # who would put it waits for this transaction
        self.delete(key)
        return None

    def alone(self, key: bytes) -> bytes | None:
        if _turn(key) not in self._alone:
            self.failure = self.failure or _Alone(_turn(key))
            raise self.failure
        return self.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        head, digest = _place(key)
        self._write(_PUT, {"head": head, "digest": digest, "rest": key[_HEAD:], "value": value})

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
        self._write("SELECT pg_notify(%s, %s)", (CHANNEL, payload(bell)))

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

    def _write(self, statement: str, values: _Values) -> None:
        """Execute, once the server knows of every savepoint we are in."""
        for depth, told in enumerate(self._open):
            if not told:
                self._execute(f"SAVEPOINT inner{depth}")
                self._open[depth] = True
        self._execute(statement, values)

    def _execute(self, statement: str, values: _Values = ()) -> psycopg.Cursor[Any]:
        try:
            return self._connection.execute(statement, values, binary=True)
        except psycopg.Error as error:
            self.failure = self.failure or error
            raise self.failure from None


@contextmanager
def reading(dsn: str) -> Iterator[Transaction]:
    """The store as it is at one moment, for as long as the block lasts; it may be in use."""
    with closing(connect(dsn)) as connection:
        connection.execute(f"{_BEGIN} READ ONLY")
        yield _PostgresTransaction(connection)


@contextmanager
def quiet(dsn: str) -> Iterator[bool]:
    """Whether no cloudlet has the database open; none opens it while the block lasts, then."""
    with closing(connect(dsn)) as connection:
        _prepare(connection)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (AT_WORK,)).fetchone()
        yield bool(row and row[0])


def change(dsn: str, work: Callable[[Transaction], T]) -> T:
    """Run ``work`` in one transaction of a database that no cloudlet has open."""
    with closing(connect(dsn)) as connection:
        return _once(connection, work)


def _once(connection: Connection, work: Callable[[Transaction], T], alone: Set[int] = frozenset()) -> T:
    """Run ``work`` in one transaction; whatever it raises, nothing of it is kept."""
    for turn in sorted(alone):  # before the transaction sees anything
        connection.execute("SELECT pg_advisory_lock(%s)", (turn,))
    try:
        return _attempt(connection, work, alone)
    finally:
        if alone and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock_all()")


def _attempt(connection: Connection, work: Callable[[Transaction], T], alone: Set[int]) -> T:
    connection.execute(_BEGIN)
    tx = _PostgresTransaction(connection, alone)
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
        if _is_over(connection, error):
            connection.close()
            raise Unsettled(f"PostgreSQL went away during a commit ({plain(error)}); "
                            "whether the request was kept is not known.") from error
        raise
    return result


def _is_over(connection: Connection, error: psycopg.Error) -> bool:
    """Whether the connection is done for; the server may have said so before it is seen to be closed."""
    return connection.closed or error.diag.severity_nonlocalized in ("FATAL", "PANIC")


def _parts(key: bytes) -> tuple[bytes, bytes]:
    return key[:_HEAD], key[_HEAD:]


def _place(key: bytes) -> tuple[bytes, bytes]:
    """What the index knows a key by."""
    return key[:_HEAD], hashlib.sha256(key[_HEAD:]).digest() if len(key) > _HEAD else b""


def _turn(key: bytes) -> int:
    """The number of a key among PostgreSQL's advisory locks; two keys may share one, and take turns then."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big", signed=True)


def _prepare(connection: Connection) -> None:
    """Make the tables if they are not there; several machines may start at once."""
    try:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (0x636C6F75,))
            connection.execute(_OPEN)
            row = connection.execute("SELECT max(version) FROM layout").fetchone()
            known = row[0] or 0 if row else 0
            if known < VERSION:
                connection.execute("INSERT INTO layout VALUES (%s)", (VERSION,))
            elif known > VERSION:
                raise Newer(
                    f"The database was written by a newer cloudlet (layout {known}, this one knows "
                    f"{VERSION}). Start that one, or name another database."
                )
    except (Newer, psycopg.Error) as error:
        connection.close()
        if isinstance(error, Newer):
            raise
        raise StoreError(f"The database can't be used: {plain(error)}") from error


def _refusal(error: psycopg.Error) -> StoreError:
    return StoreError(f"PostgreSQL refused: {plain(error)}. Nothing of the request was kept.")
