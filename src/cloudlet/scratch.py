"""Folders that last no longer than the process that made them, wherever temporary files may lie.

Each is locked for as long as its maker lives. So what a killed one has left is known from what another uses
just now, and whoever makes a folder first takes that away. Neither age says it, nor the number of a process,
which is given again.
"""

import fcntl
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = re.compile(r"cloudlet-[a-z]+-[a-z0-9_]{8}")
_LOCK = ".cloudlet-lock"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Scratch:
    """A folder of one's own; it goes at the end of the block, with ``remove``, or with the program."""

    def __init__(self, what: str, place: Path | None = None) -> None:
        """Make one for ``what``, a word, in the folder ``place``, or else where temporary files lie."""
        place = place or Path(tempfile.gettempdir())
        sweep(place)
        self.path, lock = _make(what, place)
        self.remove = weakref.finalize(self, _remove, self.path, lock)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        self.remove()


@contextmanager
def becoming(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that all may read; when the block ends well it has that name, whole.

    Whoever else has made the same meanwhile was faster, and theirs stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with Scratch("part", target.parent) as place:
        folder = place / "whole"
        folder.mkdir()
        folder.chmod(0o755)
        yield folder
        try:
            folder.replace(target)
        except OSError:
            if not target.is_dir():
                raise


def sweep(place: Path) -> None:
    """Take away what makers that are dead have left in ``place``; what is another user's stays."""
    with suppress(OSError):
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in filter(_NAME.fullmatch, _names(handle)):
                with suppress(OSError):
                    _bury(handle, name)
        finally:
            os.close(handle)


def _make(what: str, place: Path) -> tuple[Path, int]:
    """A folder, and the lock that says it is in use; again if a sweep was faster than the lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"cloudlet-{what}-", dir=place))
        with suppress(FileNotFoundError):
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with suppress(OSError):  # a file system without locks: then nobody will take it for a dead one's
                fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return path, lock
            os.close(lock)


def _bury(place: int, name: str) -> None:
    """Remove a folder in ``place`` if its maker is dead.

    No link is followed, and what others may have written is left alone. An empty one is from a maker that
    died, or has yet to lock it and will make another.
    """
    folder = os.open(name, _FOLDER, dir_fd=place)
    try:
        found = os.fstat(folder)
        if found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return
        with suppress(FileNotFoundError):
            lock = os.open(_LOCK, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _empty(folder)
            finally:
                os.close(lock)
        os.rmdir(name, dir_fd=place)
    finally:
        os.close(folder)


def _remove(path: Path, lock: int) -> None:
    """Remove a folder of this process's own."""
    with suppress(OSError):
        folder = os.open(path, _FOLDER)
        try:
            _empty(folder)
        finally:
            os.close(folder)
        path.rmdir()
    os.close(lock)


def _empty(folder: int) -> None:
    """Remove all that is in a folder, the lock last: until then it can be swept."""
    for name in sorted(_names(folder), key=_LOCK.__eq__):
        try:
            os.unlink(name, dir_fd=folder)
        except (IsADirectoryError, PermissionError):  # the latter is macOS's word for a folder
            shutil.rmtree(name, dir_fd=folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [one.name for one in entries]
