"""Blobs: bodies too large for a record, in files named by their content.

A body is written beside, then renamed to its SHA-256 (or to a name that its writer made up); the record that
refers to it is written in a transaction after that, with a reference row of its own. A crash between the two
leaves a file nobody refers to, never a reference to nothing; who finds such files when a cloudlet starts
removes them. A file is never written again once it has its name.

Several cloudlets on one PostgreSQL share a folder. None knows what another holds, so what is given up lingers
there, for longer than anybody reads it.

A file goes only after the commit that gave it up, and never while somebody holds it: who reads it, and who
has written it and is about to refer to it. Whoever refers to a body that is doomed already has saved it.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import BinaryIO

import msgspec

from .api import FREE_SPACE, FULL, Scope, StoreError
from .table import Table

LINGERS_MS = 3_600_000  # in a folder that is shared, what nobody refers to any more, and what is half written
_CHUNK = 1 << 18
_FICLONE = 0x40049409  # Linux's ioctl for a copy that shares its blocks
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)  # another disk, or too many


class Reference(msgspec.Struct):
    """That somebody needs a body."""


references = Table("blobs.references", Reference, reach="global")  # (body, owner)


class Blobs:
    """Files in one folder, by content."""

    def __init__(self, folder: Path, *, fsync: bool = False, clear: bool = True,
                 shared: bool = False) -> None:
        """Open the folder; ``clear`` removes what a crash interrupted, when no other is at work in it.

        ``shared``: others may be, at any time.
        """
        self.folder, self.fsync = folder, fsync
        self.lingers_ms = LINGERS_MS if shared else 0  # what is given up, before it goes
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        latest_s = time.time() - self.lingers_ms / 1000
        for left in self._incoming.iterdir() if clear else ():
            with suppress(FileNotFoundError):  # another clears, too
                if not shared or left.stat().st_mtime < latest_s:
                    left.unlink()
        self._held: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self._still = 0  # how many want no file removed at present
        self._lock = RLock()  # bodies are written, and given their names, in threads

    def write(self, name: str = "") -> "Writer":
        """Begin a body; feed it with ``add``, end with ``keep`` or ``drop``.

        It is named by its content, or ``name`` if that is given: at least two characters, and unique.
        """
        try:
            handle, path = tempfile.mkstemp(dir=self._incoming)
        except OSError as error:
            raise unwritten(error) from error
        return Writer(self, os.fdopen(handle, "wb", buffering=0), Path(path), name)

    def hold(self, names: Iterable[str]) -> None:
        """Somebody needs these bodies: their files stay until he lets go."""
        with self._lock:
            self._held.update(names)

    def let_go(self, names: Iterable[str]) -> None:
        """He needs them no more."""
        with self._lock:
            for name in names:
                self._held[name] -= 1
                if self._held[name] <= 0:
                    del self._held[name]
                    if name in self._doomed:
                        self.remove(name)

    def remove(self, name: str) -> None:
        """Remove a body that nobody refers to, once nobody holds it any more."""
        with self._lock:
            if self._still or name in self._held:
                self._doomed.add(name)
            else:
                self._doomed.discard(name)
                self.path(name).unlink(missing_ok=True)

    def set_aside(self, name: str, *, keep: bool) -> None:
        """Let a body lie here no more: if it is to be kept, in quarantine beside this folder."""
        if keep:
            aside = self.folder.parent / "quarantine"
            aside.mkdir(exist_ok=True, mode=0o700)
            self.path(name).replace(aside / name)
        else:
            self.remove(name)

    @contextmanager
    def still(self) -> Iterator[None]:
        """No file goes while the block lasts; what was to go, goes at its end."""
        with self._lock:
            self._still += 1
        try:
            yield
        finally:
            with self._lock:
                self._still -= 1
                for name in () if self._still else tuple(self._doomed):
                    if name not in self._held:
                        self.remove(name)

    def doom(self, scope: Scope, name: str) -> bool:
        """Let a body go with the last who holds it, unless somebody refers to it by then; False if one does.

        The caller holds it until this transaction is committed, and spares it if that fails.
        """
        if self.is_referred(scope, name) or self._is_fresh(name):
            return False
        with self._lock:
            self._doomed.add(name)
        return True

    def _is_fresh(self, name: str) -> bool:
        """Whether another, in a folder that is shared, may have written it and be about to refer to it."""
        with suppress(FileNotFoundError):
            return time.time() - self.path(name).stat().st_mtime < self.lingers_ms / 1000
        return False

    def spare(self, names: Iterable[str]) -> None:
        """Let these not go after all."""
        with self._lock:
            self._doomed.difference_update(names)

    def is_referred(self, scope: Scope, name: str) -> bool:
        """Whether anybody still needs the body."""
        return any(references.items(scope, name, limit=1))

    def path(self, name: str) -> Path:
        """Where the body called ``name`` lies."""
        return self.folder / name[:2] / name

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
        self.spare((name,))
        references.put(scope, name, owner, record=Reference())

    def release(self, scope: Scope, name: str, owner: str) -> None:
        """Say in this transaction that ``owner`` needs it no more."""
        references.delete(scope, name, owner)

    def names(self, older_than_s: float = 0.0) -> Iterator[list[str]]:
        """The bodies that lie here, folder by folder; only those that have lain so long."""
        latest_s = time.time() - older_than_s
        for folder in sorted(self.folder.glob("??")):
            found = []
            for entry in os.scandir(folder):
                with suppress(FileNotFoundError):
                    if not older_than_s or entry.stat().st_mtime < latest_s:
                        found.append(entry.name)
            yield sorted(found)

    def link(self, name: str, source: Path) -> bool:
        """Let a body that lies on the same disk lie here, too, as one file; False if it does already."""
        target = self.path(name)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        try:
            link_or_copy(source, target)
        except FileExistsError:
            return False
        return True

    def sync(self) -> None:
        """If what is written should survive the end of the power: what was linked here is on the disk."""
        for folder in (*self.folder.glob("??"), self.folder) if self.fsync else ():
            _fsync(folder)

    def place(self, file: BinaryIO, path: Path, name: str) -> None:
        """Give a finished body its name, and hold it."""
        if self.fsync:
            os.fsync(file.fileno())
        file.close()
        target = self.path(name)
        new = not target.parent.exists()
        target.parent.mkdir(exist_ok=True, mode=0o700)
        with self._lock:
            self.hold((name,))
            try:
                path.replace(target)
            except BaseException:
                self.let_go((name,))
                raise
        if self.fsync:
            for folder in (target.parent, self.folder) if new else (target.parent,):
                _fsync(folder)


class Writer:
    """A body that is being written. Once it is kept, its file stays for as long as the writer does."""

    def __init__(self, blobs: Blobs, file: BinaryIO, path: Path, name: str = "") -> None:
        self._blobs, self._file, self._path, self._name = blobs, file, path, name
        self._digest = None if name else hashlib.sha256()
        self._kept = ""
        self.size = 0

    def __del__(self) -> None:
        if self._kept:
            self._blobs.let_go((self._kept,))

    def add(self, piece: bytes) -> None:
        """More of the body; a :class:`StoreError` says that there is no room for it."""
        if self._digest:
            self._digest.update(piece)
        view = memoryview(piece)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self.drop()
            raise unwritten(error) from error
        self.size += len(piece)

    def keep(self) -> str:
        """The body is whole: its name."""
        name = self._digest.hexdigest() if self._digest else self._name
        try:
            self._blobs.place(self._file, self._path, name)
        except OSError as error:
            self.drop()
            raise unwritten(error) from error
        self._kept = name
        return name

    def drop(self) -> None:
        """The body is not wanted, whole or not; one that is named by its content may be another's, too."""
        if self._kept:
            kept, self._kept = self._kept, ""
            if self._digest is None:
                self._blobs.remove(kept)
            self._blobs.let_go((kept,))
            return
        with suppress(OSError):  # closing a file may tell once more that the disk is full
            self._file.close()
        self._path.unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file that is never written again appear at a second place, which must not exist."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(str(target)) from None
        clone(source, target)


def clone(source: Path, target: Path) -> None:
    """Copy a file: without its bytes where the file system can, else as fast as the system can."""
    if not shares_blocks(source, target):
        shutil.copyfile(source, target)


def shares_blocks(source: Path, target: Path) -> bool:
    """Let a file begin as another's copy that shares its blocks; False if it is empty, for that can't be."""
    with source.open("rb") as old, target.open("wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:  # another disk, or a file system that shares nothing
            return False
        return True


def unwritten(error: OSError) -> StoreError:
    """What a file that could not be written means to whoever sent the body."""
    advice = f"{FREE_SPACE} " if error.errno in FULL else ""
    return StoreError(f"The body could not be written: {error.strerror}. {advice}"
                      "Nothing of the request was kept.")


def _fsync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
