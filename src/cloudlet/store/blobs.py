"""Blobs: bodies too large for a record, in files named by their content.

A body is written beside, then renamed to its SHA-256; the record that refers to it is written in a
transaction after that, with a reference row of its own. A crash between the two leaves a file
nobody refers to, never a reference to nothing. What lost its last reference is removed once it is
old enough that no writer can be about to refer to it.

A body whose writer names it himself, uniquely, is spared the digest, and can be removed at once: nobody
else can be about to refer to it. Who is reading it holds it, and the file goes when the last lets go.
"""

import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from .api import Scope
from .table import Table

_CHUNK = 1 << 18
_GRACE_S = 3600


class _Reference(msgspec.Struct):
    pass


_references = Table("blobs.references", _Reference, reach="global")


class Blobs:
    """Files in one folder, by content."""

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._folder, self._fsync = folder, fsync
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._incoming.iterdir():  # what a crash interrupted
            left.unlink(missing_ok=True)
        self._held: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def write(self, name: str = "") -> "Writer":
        """Begin a body; feed it with ``add``, end with ``keep`` or ``drop``.

        It is named by its content, or ``name`` if that is given: at least two characters, and unique.
        """
        handle, path = tempfile.mkstemp(dir=self._incoming)
        return Writer(self, os.fdopen(handle, "wb", buffering=0), Path(path), name)

    def hold(self, names: Iterable[str]) -> None:
        """Somebody reads these bodies: their files stay until he lets go."""
        self._held.update(names)

    def let_go(self, names: Iterable[str]) -> None:
        """He has read them."""
        for name in names:
            self._held[name] -= 1
            if self._held[name] <= 0:
                del self._held[name]
                if name in self._doomed:
                    self._doomed.discard(name)
                    self.path(name).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove a body that its writer named, once nobody reads it any more."""
        if name in self._held:
            self._doomed.add(name)
        else:
            self.path(name).unlink(missing_ok=True)

    def is_referred(self, scope: Scope, name: str) -> bool:
        """Whether anybody still needs the body."""
        return any(_references.items(scope, name, limit=1))

    def path(self, name: str) -> Path:
        """Where the body called ``name`` lies."""
        return self._folder / name[:2] / name

    def read(self, name: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``stop``, in pieces."""
        with self.path(name).open("rb", buffering=0) as file:
            file.seek(start)
            left = (stop if stop is not None else os.fstat(file.fileno()).st_size) - start
            while left > 0 and (piece := file.read(min(_CHUNK, left))):
                left -= len(piece)
                yield piece

    def refer(self, scope: Scope, name: str, owner: str) -> None:
        """Say in this transaction that ``owner`` (anything unique) needs the body."""
        _references.put(scope, name, owner, record=_Reference())

    def release(self, scope: Scope, name: str, owner: str) -> None:
        """Say in this transaction that ``owner`` needs it no more."""
        _references.delete(scope, name, owner)

    def sweep(self, scope: Scope, now_s: float | None = None) -> int:
        """Remove the files nobody refers to and nobody can be about to; the number of them."""
        removed, now_s = 0, time.time() if now_s is None else now_s
        for file in self._folder.glob("??/*"):
            old = now_s - file.stat().st_mtime > _GRACE_S
            if old and not any(_references.items(scope, file.name, limit=1)):
                file.unlink(missing_ok=True)
                removed += 1
        return removed

    def place(self, file: BinaryIO, path: Path, name: str) -> None:
        """Give a finished body its name."""
        if self._fsync:
            os.fsync(file.fileno())
        file.close()
        target = self.path(name)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        path.replace(target)
        if self._fsync:
            handle = os.open(target.parent, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


class Writer:
    """A body that is being written."""

    def __init__(self, blobs: Blobs, file: BinaryIO, path: Path, name: str = "") -> None:
        self._blobs, self._file, self._path, self._name = blobs, file, path, name
        self._digest = None if name else hashlib.sha256()
        self.size = 0

    def add(self, piece: bytes) -> None:
        """More of the body."""
        if self._digest:
            self._digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(piece)

    def keep(self) -> str:
        """The body is whole: its name."""
        name = self._digest.hexdigest() if self._digest else self._name
        self._blobs.place(self._file, self._path, name)
        return name

    def drop(self) -> None:
        """The body is not wanted."""
        self._file.close()
        self._path.unlink(missing_ok=True)
