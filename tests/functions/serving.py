"""A cloudlet as a program, perhaps as another user: it prints where it is and what it can enforce.

``serving.py UID NETWORK FOLDER``. Root that becomes somebody else takes along what that one couldn't
reach: folders of the interpreter that lie behind closed doors get a door, in this process's mounts only.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import uvloop

import cloudlet
from cloudlet.app import Options, running
from cloudlet.functions.isolation import abilities

GUEST = Path(cloudlet.__file__).parent / "functions" / "guest"


def become(uid: int, folder: Path) -> None:
    """Be that user, and able to reach what this program is made of."""
    sys.path.insert(0, str(GUEST))
    import linux
    sys.path.pop(0)
    linux.unshare(linux.CLONE_NEWNS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    needed = {Path(path).resolve() for path in (sys.base_prefix, sys.prefix, GUEST.parent.parent,
                                                Path(json.__file__).parent, Path(uvloop.__file__).parent)}
    aside = {path: str(folder / f"aside-{n}") for n, path in enumerate(sorted(needed)) if closed(path)}
    for path, held in aside.items():
        Path(held).mkdir()
        linux.mount(str(path), held, flags=linux.MS_BIND | linux.MS_REC)
    for path, held in aside.items():
        while door := closed(path):
            linux.mount("tmpfs", str(door), "tmpfs", linux.MS_NOSUID, "mode=755")
        path.mkdir(parents=True, exist_ok=True)
        if not path.samefile(held):
            linux.mount(held, str(path), flags=linux.MS_BIND | linux.MS_REC)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    linux.prctl(linux.PR_SET_DUMPABLE, 1)


def closed(path: Path) -> Path | None:
    """The first folder on the way to ``path`` that others may not pass."""
    return next((one for one in reversed((path, *path.parents)) if one.exists()
                 and not one.stat().st_mode & 0o001), None)


async def main(network: str, folder: str) -> None:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    async with running(Options(data=Path(folder) / "data", port=0, network=network)) as serving:
        found = {one.name: one.available for one in abilities()}
        print(json.dumps({"port": serving.port, "token": serving.token, "abilities": found}), flush=True)
        await asked.wait()


if __name__ == "__main__":
    if int(sys.argv[1]) != os.geteuid():
        become(int(sys.argv[1]), Path(sys.argv[3]))
    uvloop.run(main(*sys.argv[2:]))
