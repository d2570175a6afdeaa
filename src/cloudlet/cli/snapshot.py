"""``cloudlet snapshot``: keep the whole state under a name, go back to it, or begin another cloudlet from it.

Of a cloudlet that runs, the cloudlet itself does it; of one that does not, this command.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from ..store import Blobs, StoreError, snapshots
from ..store.snapshots import NOT_OF_POSTGRES, Snapshot
from ..store.sqlite import SqliteStore
from ..store.sqlite_copies import FILE
from . import paper
from .remote import DATA_FOLDER, Remote, endpoint_option, find, of_data
from .reset import holder_of

Act = Callable[[SqliteStore, Blobs, Path, str], Awaitable[Snapshot]]
_data = click.option("--data", type=click.Path(file_okay=False, path_type=Path),
                     help="The data folder, if not .cloudlet here.")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("snapshot")
def command() -> None:
    """Keep the state of a cloudlet, and go back to it: in an instant, running or not."""


@command.command("save")
@click.argument("name")
@_data
@endpoint_option
@_json
def save(name: str, data: Path | None, endpoint: str | None, as_json: bool) -> None:
    """Keep the present state as NAME."""
    _tell(_act("save", name, data, endpoint, snapshots.save), "Kept", as_json)


@command.command("restore")
@click.argument("name")
@_data
@endpoint_option
@_json
def restore(name: str, data: Path | None, endpoint: str | None, as_json: bool) -> None:
    """Go back to NAME. What a running cloudlet is doing is broken off; what came after NAME is lost."""
    _tell(_act("restore", name, data, endpoint, snapshots.restore), "Went back to", as_json)


@command.command("branch")
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@_data
@_json
def branch(name: str, folder: Path, data: Path | None, as_json: bool) -> None:
    """Begin a second data folder from NAME; `cloudlet up --data FOLDER` runs on it."""
    try:
        made = snapshots.branch(_folder(data) / snapshots.FOLDER, name, folder)
    except StoreError as error:
        raise paper.fail(str(error)) from None
    _tell(msgspec.to_builtins(made), f"{folder} begins from", as_json)


@command.command("list")
@_data
@endpoint_option
@_json
def show(data: Path | None, endpoint: str | None, as_json: bool) -> None:
    """The snapshots there are, the oldest first."""
    remote = _remote(data, endpoint)
    found = (remote.control("snapshots")["snapshots"] if remote
             else msgspec.to_builtins(snapshots.listed(_folder(data) / snapshots.FOLDER)))
    if as_json:
        paper.document({"snapshots": found})
    elif not found:
        paper.say("There are none. `cloudlet snapshot save NAME` makes one.")
    else:
        paper.table(("name", "created", "store", "bodies", ""),
                    [(one["name"], one["created"][:19], paper.size(one["store_bytes"]), str(one["bodies"]),
                      paper.size(one["body_bytes"])) for one in found])


@command.command("delete")
@click.argument("name")
@_data
@endpoint_option
@_json
def delete(name: str, data: Path | None, endpoint: str | None, as_json: bool) -> None:
    """Forget NAME."""
    async def forget(store: SqliteStore, blobs: Blobs, place: Path, name: str) -> Snapshot:
        return snapshots.delete(place, name)

    _tell(_act("delete", name, data, endpoint, forget), "Deleted", as_json)


def _act(what: str, name: str, data: Path | None, endpoint: str | None, work: Act) -> dict[str, Any]:
    remote = _remote(data, endpoint)
    if remote:
        found: dict[str, Any] = remote.control("snapshots", {what: name})
        return found
    folder = _folder(data)

    async def run() -> Snapshot:
        store = SqliteStore(folder)
        try:
            return await work(store, Blobs(folder / "blobs"), folder / snapshots.FOLDER, name)
        finally:
            store.close()

    try:
        made: dict[str, Any] = msgspec.to_builtins(asyncio.run(run()))
    except StoreError as error:
        raise paper.fail(str(error)) from None
    return made


def _remote(data: Path | None, endpoint: str | None) -> Remote | None:
    """The cloudlet that runs on the folder, or the one named; None if it is for this command to do."""
    folder = data or Path(DATA_FOLDER)
    if endpoint or (not data and not folder.exists()):
        return find(endpoint)
    return of_data(folder) if holder_of(folder) else None


def _folder(data: Path | None) -> Path:
    folder = (data or Path(DATA_FOLDER)).resolve()
    if not (folder / FILE).exists():
        has_bodies = (folder / "blobs").exists()
        raise paper.fail(f"There is no {FILE} in {folder}.", NOT_OF_POSTGRES if has_bodies else
                         "Name a cloudlet's data folder with --data.")
    return folder


def _tell(made: dict[str, Any], what: str, as_json: bool) -> None:
    if as_json:
        paper.document(made)
    else:
        paper.say(f"{what} {paper.bold(made['name'])}: {paper.size(made['store_bytes'])} of records, "
                  f"{made['bodies']} bodies of {paper.size(made['body_bytes'])}.")
