"""Snapshots: the whole state of a cloudlet under a name, to go back to or to begin another from.

A snapshot is a folder with a copy of the SQLite file and with the bodies that this copy refers to, which are
hard links: a body is never written again, so nothing is copied of it. While one is made no body goes, so all
that the copy refers to is there. It gets its name when it is whole; whatever is not was interrupted.

Going back links the bodies that are missing and then exchanges the store, in one step that a crash does not
halve. What the former state alone had is swept away after that.
"""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from .api import VERSION, StoreError, Transaction
from .blobs import Blobs, clone, references
from .sqlite import SqliteStore, reading
from .sqlite_copies import FILE

FOLDER = "snapshots"  # in the data folder
NOT_OF_POSTGRES = ("Snapshots are of the embedded store. PostgreSQL has its own: `pg_dump -Fc DSN` keeps the "
                   "state and `pg_restore --clean` puts it back; copy the folder `blobs` with it.")
_ABOUT, _BODIES, _CODE = "snapshot.json", "blobs", "code"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Snapshot(msgspec.Struct, frozen=True):
    """What a snapshot is; sizes are in bytes."""

    name: str
    created: str  # the machine's time
    bodies: int
    body_bytes: int
    store_bytes: int
    layout: int = VERSION


class Everywhere(msgspec.Struct):
    """A scope for what belongs to no account."""

    tx: Transaction
    account: str = ""
    region: str = ""


async def save(store: SqliteStore, blobs: Blobs, place: Path, name: str) -> Snapshot:
    """Keep the present state under ``name`` in the folder ``place``."""
    if (place / check(name)).exists():
        raise StoreError(f"There is a snapshot {name} already. Delete it first, or choose another name.")
    place.mkdir(exist_ok=True, mode=0o700)
    _clear(place)
    beside = Path(tempfile.mkdtemp(dir=place, prefix=".part-"))
    try:
        with blobs.still():
            await store.save(beside / FILE)
            made = await asyncio.to_thread(_gather, name, beside, blobs)
        (beside / _ABOUT).write_bytes(msgspec.json.encode(made))
        beside.replace(place / name)
    except OSError as error:
        raise StoreError(f"The snapshot {name} could not be made: {error.strerror}.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return made


async def restore(store: SqliteStore, blobs: Blobs, place: Path, name: str) -> Snapshot:
    """Let the state be what it was when ``name`` was made; the snapshot stays."""
    known = find(place, name)
    source = Blobs(place / name / _BODIES)
    names = [one for some in source.names() for one in some]
    blobs.hold(names)
    try:
        _clear(place)
        copy = place / f".part-{name}"
        await asyncio.to_thread(_lay_out, source, blobs, names, place / name / FILE, copy)
        await store.replace(copy)
        blobs.spare(names)
    except OSError as error:
        raise StoreError(f"The snapshot {name} could not be restored: {error.strerror}. "
                         "All is as it was.") from error
    finally:
        blobs.let_go(names)
    return known


def branch(place: Path, name: str, target: Path) -> Snapshot:
    """Begin another data folder with what a snapshot holds."""
    known = find(place, name)
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target} is not empty, and was left alone. Name a folder that does not exist yet.")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        blobs, source = Blobs(target / _BODIES), Blobs(place / name / _BODIES)
        for names in source.names():
            for one in names:
                blobs.link(one, source.path(one))
        code = place.parent / _CODE  # packages as they were unpacked, by their content
        if code.is_dir():
            shutil.copytree(code, target / _CODE, symlinks=True, copy_function=_clone_with_mode,
                            ignore=shutil.ignore_patterns("cloudlet-part-*"))
        clone(place / name / FILE, target / FILE)
    except OSError as error:
        raise StoreError(f"The branch {target} could not be made: {error.strerror}.") from error
    return known


def listed(place: Path) -> list[Snapshot]:
    """The snapshots there are, the oldest first."""
    found = [_read(folder) for folder in place.glob("*") if (folder / _ABOUT).exists()]
    return sorted(found, key=lambda one: one.created)


def delete(place: Path, name: str) -> Snapshot:
    """Forget a snapshot."""
    known = find(place, name)
    _clear(place)
    beside = place / f".part-{name}"
    (place / name).replace(beside)  # at once, so that none is ever found by halves
    shutil.rmtree(beside, ignore_errors=True)
    return known


def find(place: Path, name: str) -> Snapshot:
    """The snapshot called ``name``."""
    if not (place / check(name) / _ABOUT).exists():
        names = ", ".join(one.name for one in listed(place)) or "none"
        raise StoreError(f"There is no snapshot {name}. There are: {names}.")
    known = _read(place / name)
    if known.layout > VERSION:
        raise StoreError(f"The snapshot {name} was made by a newer cloudlet (layout {known.layout}, this one "
                         f"knows {VERSION}).")
    return known


def check(name: str) -> str:
    """``name``, if a snapshot may be called so."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} can't be a snapshot's name: it takes up to 100 letters, digits, dots, "
                         "hyphens and underscores, and begins with a letter or digit.")
    return name


def _gather(name: str, beside: Path, blobs: Blobs) -> Snapshot:
    """Link the bodies that the copy of the store refers to."""
    kept, count, size = Blobs(beside / _BODIES, fsync=blobs.fsync), 0, 0
    with reading(beside, immutable=True) as tx:
        for body in _referred(tx):
            try:
                kept.link(body, blobs.path(body))
            except FileNotFoundError:
                raise StoreError(f"The body {body} is missing, so no whole snapshot can be made. "
                                 "`cloudlet fsck` says whose it is, and what to do.") from None
            count, size = count + 1, size + kept.path(body).stat().st_size
    kept.sync()
    return Snapshot(name, datetime.now(UTC).isoformat(timespec="milliseconds"), count, size,
                    (beside / FILE).stat().st_size)


def _referred(tx: Transaction) -> Iterator[str]:
    """Every body that somebody refers to, once."""
    last = ""
    for (body, _), _ in references.items(Everywhere(tx)):
        if body != last:
            last = str(body)
            yield last


def _lay_out(source: Blobs, blobs: Blobs, names: list[str], file: Path, copy: Path) -> None:
    for name in names:
        blobs.link(name, source.path(name))
    blobs.sync()
    clone(file, copy)


def _read(folder: Path) -> Snapshot:
    return msgspec.json.decode((folder / _ABOUT).read_bytes(), type=Snapshot)


def _clear(place: Path) -> None:
    """Remove what was interrupted."""
    for left in place.glob(".part-*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _clone_with_mode(source: str, target: str) -> str:
    clone(Path(source), Path(target))
    shutil.copymode(source, target)
    return target


__all__ = ["FOLDER", "NOT_OF_POSTGRES", "Snapshot", "branch", "delete", "find", "listed", "restore", "save"]
