"""Folders of this machine whose files may be run as code: those that somebody deployed from it.

Any client may ask for a function, a function's own code among them, and naming a folder must not be a way to
read it. Who deploys from a folder has shown that it is theirs to give.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from ..store import Scope, Store, Table, Transaction


class _Folder(msgspec.Struct):
    """One that may; so may all below it."""


class _Everywhere(msgspec.Struct):
    tx: Transaction
    account: str = ""
    region: str = ""


_folders = Table("folders", _Folder, reach="global")


async def allow(store: Store, folders: Iterable[Path]) -> None:
    """Let these folders, and those below them, be code from now on."""
    wanted = {str(folder.resolve()) for folder in folders}

    def write(tx: Transaction) -> None:
        for folder in wanted:
            if _folders.get(_Everywhere(tx), folder) is None:
                _folders.put(_Everywhere(tx), folder, record=_Folder())
    await store.transact(write)


def allowed(scope: Scope, folder: Path) -> bool:
    """Whether what is in ``folder`` may be code."""
    place = folder.resolve()
    return any(_folders.get(scope, str(one)) is not None for one in (place, *place.parents))
