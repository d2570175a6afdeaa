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
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from .api import FREE_SPACE, VERSION, Newer, Pair, StoreError, Transaction
from .bells import Belfry, Ear
from .sqlite_copies import FILE, copy, opened, save
from .written import Written

T = TypeVar("T")
Durability = Literal["process", "power"]
_Group = list[tuple[Callable[[Transaction], Any], asyncio.Future[Any]]]
_Outcomes = list[tuple[asyncio.Future[Any], Any, BaseException | None]]

_FOLDED_AT = 4000  # pages of the journal
_PATIENCE_MS = 5000  # with another who has the file locked
_OPEN = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = {synchronous};
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -8192;
PRAGMA wal_autocheckpoint = {folded_at};
CREATE TABLE IF NOT EXISTS map (key BLOB PRIMARY KEY, value BLOB NOT NULL);
"""
_CLOSED = "The store is closed: the cloudlet is stopping. Nothing of the request was kept."
_NO_ROOM = ("full", "disk I/O error")  # SQLite says the second of a file that may not grow
_REPLACED = "The state was replaced by another. Nothing of the request was kept; send it again."
_PUT = "INSERT INTO map (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_SCAN = {
    False: "SELECT key, value FROM map WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
    True: "SELECT key, value FROM map WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?",
}


class SqliteStore:
    """Serialisable because writers take turns: transactions run one at a time, on the event loop."""

    def __init__(self, folder: Path | None, durability: Durability = "process") -> None:
        """Open (or begin) the store in ``folder``; None keeps everything in memory."""
        self._lock = _lock(folder) if folder else None
        self._power = durability == "power" and folder is not None
        self._file = folder / FILE if folder else None
        try:
            self._connection = _open(folder, "FULL" if self._power else "NORMAL")
        except BaseException:
            if self._lock is not None:
                os.close(self._lock)
            raise
        self._committer = ThreadPoolExecutor(1, "commit") if self._power else None
        self._belfry = Belfry()
        self._waiting: _Group = []
        self._busy = False
        self._closed = ""  # why nothing is taken any more

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` with whatever else arrives now, and give its result once it is durable."""
        if self._closed:
            raise StoreError(self._closed)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((work, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._run_group)
        return await future

    async def save(self, path: Path) -> None:
        """Write all that is committed at one moment into a file of its own; others go on meanwhile."""
        if self._file is None:
            copy(self._connection, path)  # in memory, between two groups: nothing is open
            return
        folded = self._committer is None and self._fold()  # else another thread may have the connection
        try:
            await asyncio.to_thread(save, self._file, path, folded=folded, fsync=self._power)
        finally:
            if self._committer is None and not self._closed:
                self._connection.execute(f"PRAGMA wal_autocheckpoint = {_FOLDED_AT}")

    def _fold(self) -> bool:
        """Fold the whole journal into the file, which nobody touches from then on; False if it can't be."""
        try:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._connection.execute("PRAGMA busy_timeout = 0")  # who reads an older moment is not waited for
            busy, left, _ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:  # the disk is full, say
            return False
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        return not busy and not left

    async def replace(self, path: Path) -> None:
        """Hold what the file at ``path`` holds, which is used up; what waits to be written is refused.

        A crash leaves either the former state or the new one. Every bell rings.
        """
        if self._closed:
            raise StoreError(self._closed)
        self._closed = _REPLACED
        try:
            if self._committer:  # a commit that is under way is let through
                await asyncio.get_running_loop().run_in_executor(self._committer, _nothing)
            await asyncio.sleep(0)  # a group that was about to run finds the store closed
            waiting, self._waiting, self._busy = self._waiting, [], False
            _refuse(waiting, StoreError(_REPLACED))
            self._take_over(path)
        finally:
            self._closed = ""
        self._belfry.ring(tuple(self._belfry.ears))

    def _take_over(self, path: Path) -> None:
        if self._file is None:
            with closing(opened(path, immutable=True)) as source:
                source.backup(self._connection)
            path.unlink()
            return
        self._connection.close()  # folds the journal into the file
        try:
            journal = self._file.with_name(f"{FILE}-wal")
            if journal.exists() and journal.stat().st_size:
                raise StoreError(f"{self._file} is open elsewhere, and was left as it is. "
                                 "Close what reads it.")
            path.replace(self._file)
        finally:
            self._connection = _open(self._file.parent, "FULL" if self._power else "NORMAL")

    def listen(self, *bells: str) -> Ear:
        """Hear ``bells`` from now on."""
        return self._belfry.listen(*bells)

    def close(self) -> None:
        """Refuse what still waits, fold the journal into the file and let go of it."""
        if self._closed:
            return
        self._closed = _CLOSED
        if self._committer:
            self._committer.shutdown()  # a commit that is under way is let through
        self._roll_back()
        self._connection.close()
        if self._lock is not None:
            os.close(self._lock)
        _refuse(self._waiting, StoreError(_CLOSED))

    def _run_group(self) -> None:
        if self._closed:
            return
        group, self._waiting = self._waiting, []
        tx = _SqliteTransaction(self._connection)
        outcomes: _Outcomes = []
        try:
            self._connection.execute("BEGIN")
            for work, future in group:
                if not future.cancelled():
                    outcomes.append((future, *tx.attempt(work)))
        except BaseException as error:  # SQLite gave the group up, or the program is being stopped
            self._fail(group, error)
            if not isinstance(error, sqlite3.Error):
                raise
            return
        if self._committer and tx.wrote:
            commit = asyncio.get_running_loop().run_in_executor(
                self._committer, self._connection.execute, "COMMIT"
            )
            commit.add_done_callback(lambda done: self._settle(group, outcomes, tx, done.exception()))
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._settle(group, outcomes, tx, error)
        else:
            self._settle(group, outcomes, tx, None)

    def _settle(
        self, group: _Group, outcomes: _Outcomes, tx: "_SqliteTransaction", error: BaseException | None
    ) -> None:
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

    def _fail(self, group: _Group, error: BaseException) -> None:
        """Nothing of the group happened: say so to everyone in it."""
        self._roll_back()
        _refuse(group, _unwritten(error))
        self._next()

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # the next BEGIN says what is the matter, if anything still is
            if self._connection.in_transaction:
                self._connection.rollback()

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._run_group)


class _SqliteTransaction:
    """The verbs. SQLite gets what is written once the work is done, in one go: what fails leaves nothing to
    undo there, and a savepoint costs next to nothing.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._execute = connection, connection.execute
        self.bells: set[str] = set()
        self.wrote = False
        self._written = Written()
        self._ringing: list[str] = []
        self._half = False  # whether SQLite may have a part of what was written

    def attempt(self, work: Callable[[Transaction], Any]) -> tuple[Any, BaseException | None]:
        """Run one transaction of the group; nothing of it is kept if it fails."""
        self._written, self._ringing, self._half = Written(), [], False
        error: Exception
        try:
            result = work(self)
            if self._written:
                self._hand_over()
            self.bells.update(self._ringing)
            return result, None
        except StopIteration as stray:  # a future can't carry it
            error = RuntimeError(f"A transaction let {stray!r} escape")
        except Exception as own:
            error = own
        if not self._connection.in_transaction:  # SQLite gave the group up, as it may on a full disk
            raise sqlite3.OperationalError(str(error)) from error
        if self._half:
            self._undo()
        return None, _unwritten(error) if isinstance(error, sqlite3.Error) else error

    def get(self, key: bytes) -> bytes | None:
        if key in self._written.values:
            return self._written.values[key]
        row = self._execute("SELECT value FROM map WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def steady(self, key: bytes) -> bytes | None:
        return self.get(key)  # others wait for their turn anyway

    def alone(self, key: bytes) -> bytes | None:
        return self.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._written.set(key, value)

    def delete(self, key: bytes) -> None:
        self._written.set(key, None)

    def scan(self, start: bytes, stop: bytes, *, limit: int = -1, reverse: bool = False) -> Iterator[Pair]:
        return self._written.among(lambda most: self._execute(_SCAN[reverse], (start, stop, most)),
                                   start, stop, limit, reverse)

    def claim(self, start: bytes, stop: bytes, *, limit: int) -> list[Pair]:
        return list(self.scan(start, stop, limit=limit))

    def ring(self, bell: str) -> None:
        self._ringing.append(bell)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        written, rung = self._written.mark(), len(self._ringing)
        try:
            yield
        except BaseException:
            self._written.take_back(written)
            del self._ringing[rung:]
            raise

    def _hand_over(self) -> None:
        """Only who is not the first of the group to write needs a savepoint, for others' sake."""
        if self.wrote:
            self._execute("SAVEPOINT one")
        self._half = True
        self._connection.executemany("DELETE FROM map WHERE key = ?", self._written.deletes())
        self._connection.executemany(_PUT, self._written.puts())
        if self.wrote:
            self._execute("RELEASE one")
        self.wrote = True

    def _undo(self) -> None:
        for statement in ("ROLLBACK TO one", "RELEASE one") if self.wrote else ("ROLLBACK", "BEGIN"):
            self._execute(statement)


@contextmanager
def reading(folder: Path, *, immutable: bool = False) -> Iterator[Transaction]:
    """The store in ``folder`` as it is at one moment, for as long as the block lasts; it may be in use.

    ``immutable``: nobody writes it, so nothing is left beside it.
    """
    with closing(opened(folder / FILE, immutable=immutable)) as connection:
        connection.execute("BEGIN")
        yield _SqliteTransaction(connection)


def _nothing() -> None:
    """What is done once all that came before is."""


def _refuse(group: _Group, reason: StoreError) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(reason)


def _unwritten(error: BaseException) -> StoreError:
    advice = f"{FREE_SPACE} " if any(sign in str(error) for sign in _NO_ROOM) else ""
    return StoreError(f"The store could not be written: {error}. {advice}Nothing of the request was kept.")


def _open(folder: Path | None, synchronous: str) -> sqlite3.Connection:
    where = str(folder / FILE) if folder else ":memory:"
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            where, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise Newer(
                f"The data in {folder} was written by a newer cloudlet (layout {found}, this one "
                f"knows {VERSION}). Start that one, or give another folder with --data."
            )
        connection.executescript(_OPEN.format(synchronous=synchronous, folded_at=_FOLDED_AT))
        if found != VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except (sqlite3.Error, Newer) as error:
        if connection:
            connection.close()
        if isinstance(error, Newer):
            raise
        raise StoreError(
            f"The store {where} can't be opened: {error}. Check the folder's permissions "
            "and free space, or give another with --data."
        ) from error
    return connection


def _lock(folder: Path) -> int:
    """Hold the folder for this process; the kernel lets go of it even after ``kill -9``."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"The data folder {folder} can't be written: {error.strerror}. "
            "Check its permissions, or give another with --data."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreError(
            f"The data folder {folder} is in use by another cloudlet (process {holder}). "
            "Stop that one, or give another folder with --data."
        ) from None
    with suppress(OSError):  # the number only helps a message; a full disk is for others to report
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle
