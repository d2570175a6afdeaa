"""``cloudlet doctor``: what this machine can isolate and enforce, and why not where it can't.

Everything is tried, nothing is guessed from version numbers.
"""

import ctypes
import os
import platform
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import msgspec

from .. import __version__
from ..functions import isolation, runtimes
from ..functions.cgroups import Groups
from ..scratch import Scratch
from ..store.blobs import shares_blocks
from . import paper
from .remote import DATA_FOLDER

_NAMESPACES = {"mount": 0x00020000, "IPC": 0x08000000, "PID": 0x20000000, "network": 0x40000000,
               "UTS": 0x04000000, "cgroup": 0x02000000}
_USER = 0x10000000
_WHY = {"user": "functions run as nobody", "mount": "a file system of its own",
        "PID": "sees no other process", "IPC": "no shared memory with others",
        "network": "with --network isolated, only the cloudlet answers", "UTS": "a host name of its own",
        "cgroup": "does not see where its limits hang"}
_LITTLE_DISK = 2 << 30


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    area: str
    name: str
    fine: bool
    detail: str
    needed: bool = False  # cloudlet does not work without


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(as_json: bool) -> None:
    """What this machine can isolate and enforce, and what not, and why.

    Exits with 1 if something is missing that cloudlet can't work without.
    """
    found = list(findings())
    Groups().close()  # the one that was made to find out
    if as_json:
        paper.document({"version": __version__, "findings": [msgspec.to_builtins(one) for one in found]})
    else:
        _show(found)
    if any(one.needed and not one.fine for one in found):
        sys.exit(1)


def findings() -> Iterator[Finding]:
    """Everything worth knowing, by area."""
    yield from _machine()
    for name, flag in {"user": _USER, **_NAMESPACES}.items():
        error = _unshared(flag if os.geteuid() == 0 else flag | _USER)
        yield Finding("namespaces", name, not error, _WHY[name] if not error else f"refused: {error}")
    for ability in isolation.abilities():
        if not ability.wall:
            continue  # the runtimes below say it
        yield Finding("functions", ability.name, ability.available, ability.detail)
    yield _strict()
    found = runtimes.found()
    for runtime in sorted(found, key=_by_version):
        yield Finding("runtimes", runtime, True, str(found[runtime]))
    if not any(runtime.startswith("nodejs") for runtime in found):
        yield Finding("runtimes", "nodejs", False, "install Node.js 18 or newer to run Node.js functions")


def _strict() -> Finding:
    try:
        isolation.require("strict", "isolated")
    except isolation.IsolationError as error:
        missing = [line.partition(":")[0].strip() for line in str(error).splitlines()[1:]]
        return Finding("functions", "--isolation strict", False, f"refuses to start: {', '.join(missing)}")
    return Finding("functions", "--isolation strict", True, "starts, also with --network isolated")


def _machine() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("machine", "Python", sys.version_info >= (3, 11), f"{version} at {sys.executable}", True)
    yield Finding("machine", "system", sys.platform == "linux",
                  f"{platform.system()} {platform.release()}, {os.cpu_count()} processors, {_memory()}"
                  + ("" if sys.platform == "linux" else "; sandboxes and limits need Linux"))
    yield Finding("machine", "SQLite", sqlite3.sqlite_version_info >= (3, 35), sqlite3.sqlite_version, True)
    yield from _disk()
    yield _localhost()
    has = find_spec("psycopg") is not None
    yield Finding("machine", "PostgreSQL driver", has,
                  "--postgres works" if has else "only for --postgres: pip install 'cloudlet[postgres]'")


def _disk() -> Iterator[Finding]:
    """Room for what is to come, and what is kept already; and whether going back to a snapshot copies it."""
    here = Path.cwd()
    free, data = shutil.disk_usage(here).free, here / DATA_FOLDER
    kept = f"; {data.name} keeps {paper.size(_kept(data))}" if data.is_dir() else ""
    yield Finding("machine", "disk", free >= _LITTLE_DISK, f"{paper.size(free)} free here{kept}")
    shares = _shares(here)
    yield Finding("machine", "shared blocks", shares, "snapshots copy nothing" if shares else
                  "not on this file system: a snapshot copies store.sqlite, and links the bodies")


def _kept(data: Path) -> int:
    """The bytes of a data folder; a body that snapshots share counts once."""
    found = {(one.st_dev, one.st_ino): one.st_blocks * 512 for path in data.rglob("*")
             if not path.is_symlink() and path.is_file() for one in (path.stat(),)}
    return sum(found.values())


def _shares(folder: Path) -> bool:
    try:
        with Scratch("doctor", folder) as place:
            old, new = place / "old", place / "new"
            old.write_bytes(b"x" * 4096)
            return shares_blocks(old, new)
    except OSError:
        return False


def _localhost() -> Finding:
    name = "api.execute-api.us-east-1.localhost"
    try:
        socket.getaddrinfo(name, 80)
    except OSError:
        return Finding("machine", "*.localhost names", False,
                       "do not resolve here (browsers and curl do it by themselves); "
                       "the URLs under /_site/ work everywhere")
    return Finding("machine", "*.localhost names", True, f"{name} resolves")


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / (1 << 30):.1f} GB memory"
    except (ValueError, OSError):
        return "memory unknown"


def _unshared(flags: int) -> str:
    """Why a process of ours may not have namespaces of its own; empty if it may."""
    if sys.platform != "linux":
        return "needs Linux"
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        os._exit(0 if libc.unshare(flags) == 0 else min(ctypes.get_errno(), 255))
    error = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return os.strerror(error) if error else ""


def _by_version(runtime: str) -> tuple[str, list[int]]:
    name = runtime.rstrip("0123456789.x")
    return name, [int(part) for part in runtime[len(name):].split(".") if part.isdigit()]


def _show(found: list[Finding]) -> None:
    area = ""
    width = max(len(one.name) for one in found)
    for one in found:
        if one.area != area:
            area = one.area
            paper.say(("\n" if one is not found[0] else "") + paper.bold(area))
        mark = paper.good("yes") if one.fine else paper.bad("no ")
        paper.say(f"  {mark}  {one.name:<{width}}  {paper.faint(one.detail)}")
