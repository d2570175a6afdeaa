"""``cloudlet reset``: remove what a cloudlet has kept."""

import fcntl
import os
import shutil
from pathlib import Path

import click

from . import paper
from .remote import DATA_FOLDER

_MARKS = ("store.sqlite", "blobs", "build")  # one of them is in every data folder


@click.command("reset")
@click.argument("path", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--data", type=click.Path(file_okay=False, path_type=Path),
              help="The data folder, if not PATH/.cloudlet.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(path: Path, data: Path | None, yes: bool) -> None:
    """Remove all state of the cloudlet in PATH, after asking. Refuses while it runs."""
    folder = (data or path / DATA_FOLDER).resolve()
    if not folder.exists():
        paper.say(f"There is nothing to remove: {folder} does not exist.")
        return
    if not _is_data(folder):
        raise paper.fail(f"{folder} does not look like a cloudlet's data, and was left alone.",
                         "Name the folder that `cloudlet up` printed, with --data.")
    holder = holder_of(folder)
    if holder:
        raise paper.fail(f"A cloudlet is running on {folder} (process {holder}); nothing was removed.",
                         "Stop it first (Ctrl-C where it runs).")
    if not yes:
        click.confirm(f"Remove {folder} and everything in it?", abort=True)
    shutil.rmtree(folder)
    paper.say(f"Removed {folder}.")


def _is_data(folder: Path) -> bool:
    return any((folder / name).exists() for name in _MARKS) or not any(folder.iterdir())


def holder_of(folder: Path) -> str:
    """The process that runs on the folder; empty if none does."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
    finally:
        os.close(handle)
    return ""
