"""The cloudlet's side of a zygote: start it, order workers, hear how they end."""

import asyncio
import itertools
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from ..scratch import Scratch
from .doors import Doors
from .isolation import can_isolate, processes
from .runtimes import node_candidates

log = logging.getLogger(__name__)
_GUEST = Path(__file__).parent / "guest"
# what AWS's Python runtime brings along
_RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py",
            "cloudlet-debug/debugpy")  # the last only for functions that are debugged, if it is installed
_OWN_RUNTIME = {"cloudlet": str(_GUEST),
                "snapshot_restore_py.py": str(_GUEST / "snapshot_restore_py.py")}
_WARM = (
    "json",
    "logging",
    "datetime",
    "decimal",
    "uuid",
    "base64",
    "hashlib",
    "urllib.request",
    "concurrent.futures",
    "asyncio",
    "typing",
    "boto3",
    "boto3.dynamodb.conditions",
    "botocore.session",
    "botocore.client",
    "botocore.httpsession",
    "botocore.signers",
    "botocore.retries.standard",
    "boto3.session",
    "boto3.resources.factory",
)


_PATH = "/usr/local/bin:/usr/bin:/bin"
_OUTSIDE_UID = 231_000_000  # and up: what a worker is for the machine where cloudlet runs as root
_outsiders = itertools.count()


class Origin(Protocol):
    """Where workers come from: a zygote, or the snapshot of an initialised function."""

    async def fork(self, order: dict[str, Any], files: list[int], /) -> int: ...
    async def furnish(self, order: dict[str, Any], /) -> None: ...
    def kill(self, worker: str, /) -> None: ...


class Zygote:
    """A warm interpreter that forks workers; with ``doors``, each into a network of its own."""

    def __init__(self, interpreter: Path, ended: Callable[[str, int], None],
                 lost: Callable[["Zygote"], None], doors: Doors | None, private: str) -> None:
        self._interpreter, self._ended, self._lost = interpreter, ended, lost
        self._doors, self._private = doors, private
        self._started: dict[str, asyncio.Future[int]] = {}
        self._furnished: dict[str, asyncio.Future[int]] = {}
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._scratch = Scratch("zygote")
        self._process, self._orders = self._spawn()
        asyncio.get_running_loop().add_reader(self._orders, self._hear)

    def serve(self, ended: Callable[[str, int], None], lost: Callable[["Zygote"], None],
              private: str) -> None:
        """Be another pool's from now on; the one before has no workers any more."""
        self._ended, self._lost, self._private = ended, lost, private

    async def fork(self, order: dict[str, Any], files: list[int]) -> int:
        """Have a worker started; its process id comes back. The worker gets the files."""
        await asyncio.shield(self._ready)
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started[order["id"]] = started
        door = [self._doors.address, self._doors.port] if self._doors else None
        message = json.dumps({"do": "fork", **order, "door": door, "outside": _outside(),
                              "processes": processes()}).encode()
        socket.send_fds(self._orders, [message], files)
        return await started

    async def furnish(self, order: dict[str, Any]) -> None:
        """Show a function's folders to a worker that runs already."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._furnished[order["id"]] = done
        self._orders.send(json.dumps({"do": "furnish", "private": self._private, **order}).encode())
        if await done != 0:
            raise RuntimeError("The function's folders could not be mounted; `cloudlet doctor` may say why.")

    def kill(self, worker: str) -> None:
        """End a worker, and all it has started."""
        try:
            self._orders.send(json.dumps({"do": "stop", "id": worker}).encode())
        except OSError:
            log.debug("the zygote is gone, and its workers with it")

    async def stop(self) -> None:
        """End the zygote; its workers end with it."""
        asyncio.get_running_loop().remove_reader(self._orders)
        self._orders.close()
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._scratch.remove()

    def _spawn(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        folder, runtime = self._scratch.path, _runtime_packages() | _OWN_RUNTIME
        for name, path in runtime.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).symlink_to(path)
        isolated = can_isolate()
        root = folder / "root"
        root.mkdir()
        # what is read first builds the ground and becomes the zygote, which reads what comes second
        ground = {"root": str(root) if isolated else "", "privileged": os.geteuid() == 0,
                  "prefixes": _prefixes(self._interpreter), "runtime": runtime,
                  "etc": self._doors.etc if self._doors else {}, "guest": str(_GUEST),
                  "interpreter": str(self._interpreter)}
        zygote = {"isolated": isolated, "warm": _WARM, "runtime_folder": str(folder)}
        for setup in (ground, zygote):
            ours.send(json.dumps(setup).encode())
        process = subprocess.Popen(
            [str(self._interpreter), "-B", "-E", "-s", "-S", str(_GUEST / "foundation.py"),
             str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True,
            env={"PATH": _PATH, "LANG": "C.UTF-8"})
        theirs.close()
        ours.setblocking(False)
        return process, ours

    def _hear(self) -> None:
        try:
            raw, files, _, _ = socket.recv_fds(self._orders, 1 << 16, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError:
            raw, files = b"", []
        if not raw:
            self._die()
            return
        news = json.loads(raw)
        if "ready" in news:
            self._ready.set_result(None)
        elif "started" in news:
            started = self._started.pop(news["started"])
            if not started.done():  # nobody waits any more where a pool has stopped meanwhile
                started.set_result(news["pid"])
        elif "furnished" in news:
            furnished = self._furnished.pop(news["furnished"])
            if not furnished.done():
                furnished.set_result(news["status"])
        elif "door" in news and self._doors:
            self._doors.open(news["door"], socket.socket(fileno=files[0]))
        elif "ended" in news:
            self._ended(news["ended"], news["status"])

    def _die(self) -> None:
        """The zygote has ended by itself: whoever waits for a worker is told."""
        asyncio.get_running_loop().remove_reader(self._orders)
        self._orders.close()
        self._scratch.remove()
        try:
            status = self._process.wait(1)  # it closed its end of the socket, and is ending
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        error = RuntimeError(f"The process that starts functions ended (exit status {status}). "
                             "`cloudlet doctor` says what this machine can isolate.")
        if not self._ready.done():
            self._ready.set_exception(error)
        for waiting in (*self._started.values(), *self._furnished.values()):
            waiting.set_exception(error)
        self._started.clear()
        self._furnished.clear()
        self._lost(self)


def _runtime_packages() -> dict[str, str]:
    """Where the packages lie that functions may import without bringing them."""
    found = {}
    for name in _RUNTIME:
        spec = find_spec(Path(name).stem)
        if spec and spec.origin:
            found[name] = spec.origin if name.endswith(".py") else str(Path(spec.origin).parent)
    return found


def _outside() -> int:
    """A user for the next worker, where cloudlet is root and may choose; else 0."""
    if os.geteuid() != 0:
        return 0
    return _OUTSIDE_UID + (os.getpid() % (1 << 16) << 12) + next(_outsiders) % (1 << 12)


@cache
def _prefixes(interpreter: Path) -> list[str]:
    """The folders an interpreter needs to see at their own place."""
    if interpreter == Path(sys.executable).resolve():
        told = {sys.base_prefix, sys.base_exec_prefix}
    else:
        code = "import sys; print(sys.base_prefix); print(sys.base_exec_prefix)"
        told = set(subprocess.run([str(interpreter), "-E", "-S", "-c", code], capture_output=True, text=True,
                                  check=True).stdout.split())
    told |= {str(path.resolve().parent.parent) for path in node_candidates()}
    return sorted(shown for path in told for shown in _narrow(Path(path).resolve()))


def _narrow(prefix: Path) -> list[str]:
    """A prefix that also holds people's files is shown as far as an interpreter needs it."""
    if prefix == Path("/"):
        return []
    try:
        home = Path.home().resolve()
    except RuntimeError:  # this user has none
        return [str(prefix)]
    if prefix == home or prefix in home.parents:
        return [str(prefix / name) for name in ("bin", "lib", "lib64") if (prefix / name).is_dir()]
    return [str(prefix)]


def how_it_ended(status: int | None) -> str:
    """The end of a process, in Lambda's words."""
    if status is None:
        return "Runtime exited without providing a reason"
    if status == 0:
        return "Runtime exited without providing a reason"
    if status < 0:
        names = {-9: "killed", -11: "segmentation fault (core dumped)", -6: "aborted", -15: "terminated"}
        return f"Runtime exited with error: signal: {names.get(status, str(-status))}"
    return f"Runtime exited with error: exit status {status}"
