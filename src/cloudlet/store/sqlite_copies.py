"""Files of SQLite stores, read and copied by others than the one who writes them.

A copy is of one moment of a store that is in use, and holds nobody up. SQLite's own backup makes it or, when
all that is committed is in the file and nobody touches it, a mere copy of the file.
"""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from .api import StoreError

FILE = "store.sqlite"


def damages(folder: Path, *, immutable: bool = False) -> list[str]:
    """What SQLite itself finds wrong with the file of the store in ``folder``."""
    with closing(opened(folder / FILE, immutable=immutable)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [] if found == ["ok"] else found


def save(file: Path, path: Path, *, folded: bool = False, fsync: bool = False) -> None:
    """Copy a store that may be in use; ``folded``: what is committed is in the file, which stays as it is.

    Such a file is copied by another process, for a process that closes a file it has open elsewhere loses
    SQLite's locks on it. That costs a third of what its backup does; nothing where blocks can be shared.
    """
    if folded and _copied(file, path):
        if fsync:
            _sync(path)
        return
    with closing(opened(file)) as source:
        copy(source, path, fsync=fsync)


def copy(source: sqlite3.Connection, path: Path, *, fsync: bool = False) -> None:
    """Copy all that is committed now into a file of its own."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")
            target.execute("PRAGMA journal_mode = OFF")
            source.backup(target)
        if fsync:
            _sync(path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"The store could not be copied to {path}: {error}.") from error


def _copied(file: Path, path: Path) -> bool:
    try:
        done = subprocess.run(["cp", "--reflink=auto", "--", file, path], check=False, capture_output=True)
    except OSError:  # there is no such program
        return False
    return done.returncode == 0


def _sync(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def opened(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """The file of a store, to be read only; ``immutable``: nobody writes it, so nothing is left beside it."""
    how = "mode=ro&immutable=1" if immutable else "mode=ro"
    try:
        return sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None,
                               check_same_thread=False)
    except sqlite3.Error as error:
        raise StoreError(f"The store {path} can't be opened: {error}.") from error
