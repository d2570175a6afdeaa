"""The embedded store: one SQLite file, one table, one writer.

Group commit: transactions that arrive in one turn of the event loop run one after another inside
one SQLite transaction, each undone alone if it fails, and nobody is answered before the commit.
With durability ``process`` a commit is in the kernel's hands (it survives ``kill -9``); with
``power`` it is on the disk, and the fsync happens in a thread while the next group gathers.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from .api import VERSION, Newer, Pair, StoreError, Transaction
from .bells import Belfry, Ear

T = TypeVar("T")
Durability = Literal["process", "power"]

_OPEN = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = {synchronous};
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
PRAGMA wal_autocheckpoint = 4000;
CREATE TABLE IF NOT EXISTS map (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_SCAN = {False: "SELECT key, value FROM map WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
         True: "SELECT key, value FROM map WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?"}


class SqliteStore:
    """Serialisable because writers take turns: transactions run one at a time, on the event loop."""

    def __init__(self, folder: Path | None, durability: Durability = "process") -> None:
        """Open (or begin) the store in ``folder``; None keeps everything in memory."""
        self._lock = _lock(folder) if folder else None
        self._power = durability == "power" and folder is not None
        try:
            self._connection = _open(folder, "FULL" if self._power else "NORMAL")
        except BaseException:
            if self._lock is not None:
                os.close(self._lock)
            raise
        self._belfry = Belfry()
        self._waiting: list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]] = []
        self._busy = False

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` with whatever else arrives now, and give its result once it is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_group)
        return await future

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on."""
        return self._belfry.listen(*bells)

    def close(self) -> None:
        """Fold the journal into the file and let go of it."""
        if self._connection.in_transaction:
            self._connection.rollback()
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)

    def _run_group(self) -> None:
        group, self._waiting = self._waiting, []
        tx = _SqliteTransaction(self._connection)
        outcomes: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN")
            for work, future in group:
                if not future.cancelled():
                    outcomes.append((future, *tx.attempt(work)))
        except sqlite3.Error as error:
            self._fail(group, error)
            return
        if self._power and tx.wrote:
            commit = asyncio.get_running_loop().run_in_executor(None, self._connection.execute, "COMMIT")
            commit.add_done_callback(lambda done: self._settle(group, outcomes, tx, done.exception()))
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._settle(group, outcomes, tx, error)
        else:
            self._settle(group, outcomes, tx, None)

    def _settle(self, group: list[Any], outcomes: list[Any], tx: "_SqliteTransaction",
                error: BaseException | None) -> None:
        """Answer the group, now that its commit is through, and begin the next."""
        if error is not None:
            self._fail(group, error)
            return
        for future, result, refusal in outcomes:
            if future.cancelled():
                continue
            if refusal is None:
                future.set_result(result)
            else:
                future.set_exception(refusal)
        self._belfry.ring(tx.bells)
        self._next()

    def _fail(self, group: list[Any], error: BaseException) -> None:
        """Nothing of the group happened: say so to everyone in it."""
        if self._connection.in_transaction:
            self._connection.rollback()
        reason = StoreError(f"The store could not be written: {error}. Nothing of the request was kept.")
        for _, future in group:
            if not future.done():
                future.set_exception(reason)
        self._next()

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._run_group)


class _SqliteTransaction:
    """The verbs. A savepoint is only set when a transaction first writes: many never do."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._execute = connection, connection.execute
        self.bells: set[str] = set()
        self.wrote = self._dirty = False
        self._ringing: list[str] = []

    def attempt(self, work: Callable[[Transaction], Any]) -> tuple[Any, BaseException | None]:
        """Run one transaction of the group; what it did is undone if it fails."""
        self._dirty = False
        self._ringing = []
        try:
            result = work(self)
        except Exception as error:
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError(str(error)) from error  # SQLite gave the whole group up
            if self._dirty:
                self._execute("ROLLBACK TO one")
                self._execute("RELEASE one")
            if isinstance(error, sqlite3.Error):
                return None, StoreError(f"The store could not be written: {error}. Nothing of the request was kept.")
            return None, error
        if self._dirty:
            self._execute("RELEASE one")
        self.bells.update(self._ringing)
        return result, None

    def get(self, key: bytes) -> bytes | None:
        row = self._execute("SELECT value FROM map WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def put(self, key: bytes, value: bytes) -> None:
        self._touch()
        self._execute("INSERT OR REPLACE INTO map VALUES (?, ?)", (key, value))

    def delete(self, key: bytes) -> None:
        self._touch()
        self._execute("DELETE FROM map WHERE key = ?", (key,))

    def scan(self, start: bytes, stop: bytes, *, limit: int = -1, reverse: bool = False) -> Iterator[Pair]:
        return self._execute(_SCAN[reverse], (start, stop, limit))

    def claim(self, start: bytes, stop: bytes, *, limit: int) -> list[Pair]:
        return self._execute(_SCAN[False], (start, stop, limit)).fetchall()

    def ring(self, bell: str) -> None:
        self._ringing.append(bell)

    def _touch(self) -> None:
        if not self._dirty:
            self._execute("SAVEPOINT one")
            self._dirty = self.wrote = True


def _open(folder: Path | None, synchronous: str) -> sqlite3.Connection:
    where = str(folder / "store.sqlite") if folder else ":memory:"
    try:
        connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False, cached_statements=64)
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            connection.close()
            raise Newer(f"The data in {folder} was written by a newer cloudlet (layout {found}, this one knows "
                        f"{VERSION}). Start that one, or give another folder with --data.")
        connection.executescript(_OPEN.format(synchronous=synchronous))
        if found != VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as error:
        raise StoreError(f"The store {where} can't be opened: {error}. "
                         "Check the folder's permissions and free space, or give another with --data.") from error
    return connection


def _lock(folder: Path) -> int:
    """Hold the folder for this process; the kernel lets go of it even after ``kill -9``."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"The data folder {folder} can't be written: {error.strerror}. "
                         "Check its permissions, or give another with --data.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise StoreError(f"The data folder {folder} is in use by another cloudlet (process {holder or 'unknown'}). "
                         "Stop that one, or give another folder with --data.") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle
