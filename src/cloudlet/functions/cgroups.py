"""Control groups: the memory a worker may use, and its share of the processors.

A worker whose own memory passes its function's is killed. What it keeps in ``/tmp`` and what the kernel
caches for it lie in the same group but are not the function's memory on AWS. So the kernel's hard limit
leaves room for them, and an alarm at the function's size asks each time whose memory it is.
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_FULL_CPU_MB = 1769  # of memory come with one whole processor, says AWS
_PERIOD_US = 20_000  # in which it gets its share; as on AWS
PROCESSES = 1024  # and threads, as inside Lambda
_IN_MODIFY, _IN_NONBLOCK = 2, 0o4000
_STEP = (
    4 << 20
)  # bytes by which the alarm is moved at least: it rings less often, and is at most so much late
_SPARE_MB = 16  # above memory and /tmp: what a worker gets before the kernel itself ends it


class Group:
    """The control group of one worker."""

    def __init__(self, folders: dict[str, Path], memory_mb: int, tmp_mb: int) -> None:
        self._folders, self._memory, self._tmp = folders, memory_mb << 20, tmp_mb << 20
        self.out_of_memory = False
        self._alarm = -1
        self._kill: Callable[[], None] = lambda: None

    @property
    def paths(self) -> list[str]:
        """The folders a process must join."""
        return [str(folder) for folder in dict.fromkeys(self._folders.values())]

    @property
    def limits_memory(self) -> bool:
        """Whether the kernel holds the worker to its memory."""
        return "memory" in self._folders

    def limit(self, memory_mb: int, tmp_mb: int, *, cpu_quota: bool = False) -> None:
        """Give a group that was made for any worker the limits of its function.

        ``cpu_quota``: it gets no more processor time than on AWS, even if there is some to spare.
        """
        self._memory, self._tmp = memory_mb << 20, tmp_mb << 20
        for control, folder in self._folders.items():
            limits: dict[str, object] = {**_limits(folder, control, memory_mb, tmp_mb)}
            if control == "cpu" and cpu_quota:
                limits |= _quota(folder, memory_mb)
            for file, value in limits.items():
                (folder / file).write_text(str(value))

    def watch(self, kill: Callable[[], None]) -> None:
        """Call ``kill`` when the worker needs more memory than it may use."""
        self._kill = kill
        folder = self._folders.get("memory")
        if folder is None:
            return
        if (folder / "memory.usage_in_bytes").exists():
            self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._alarm = _watch_file(folder / "memory.events")
        asyncio.get_running_loop().add_reader(self._alarm, self._look)
        self._arm_soon(folder, self._memory)

    def killed(self) -> bool:
        """Whether the worker, or the kernel at the hard limit, was ended for its memory."""
        folder = self._folders.get("memory")
        if self.out_of_memory or folder is None:
            return self.out_of_memory
        name = "memory.oom_control" if (folder / "memory.oom_control").exists() else "memory.events"
        with contextlib.suppress(OSError):
            return any(line.startswith("oom_kill ") and line != "oom_kill 0"
                       for line in (folder / name).read_text().splitlines())
        return False

    def close(self) -> None:
        """The worker has ended: take the group away."""
        if self._alarm >= 0:
            asyncio.get_running_loop().remove_reader(self._alarm)
            os.close(self._alarm)
            self._alarm = -1
        for folder in dict.fromkeys(self._folders.values()):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _look(self) -> None:
        """The group has grown past the alarm: set it higher by what isn't the function's, or end it."""
        if self._alarm < 0:
            return  # it was closed meanwhile
        with contextlib.suppress(BlockingIOError):
            os.read(self._alarm, 4096)
        folder = self._folders["memory"]
        try:
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            own = int(stat.get("total_rss", stat.get("anon", 0)))
            rest = int(stat.get("total_cache", stat.get("file", 0)))
            if own <= self._memory:
                self._arm_soon(folder, self._memory + rest + _STEP)
                return
        except OSError:
            return  # the worker has ended meanwhile
        self.out_of_memory = True
        self._kill()

    def _arm_soon(self, folder: Path, at: int) -> None:
        """Let the kernel tell when the group uses ``at`` bytes; a thread asks it, for that takes 10 ms.

        The kernel waits until no processor looks at the alarms any more; how far the group has grown by then
        is looked at.
        """
        loop, alarm = asyncio.get_running_loop(), os.dup(self._alarm)

        def arm() -> None:
            try:
                if _arm(folder, alarm, at) > at:
                    loop.call_soon_threadsafe(self._look)
            except (OSError, RuntimeError):
                pass  # the worker has ended meanwhile, or the cloudlet has
            finally:
                os.close(alarm)

        loop.run_in_executor(None, arm)


class Groups:
    """Makes groups below one of the cloudlet's own."""

    def __init__(self) -> None:
        self._homes = _homes()

    @property
    def controls(self) -> frozenset[str]:
        """What can be limited here: ``memory``, ``pids``, ``cpu``."""
        return frozenset(self._homes)

    def create(self, name: str, memory_mb: int, tmp_mb: int) -> Group:
        """A group for one worker."""
        folders = {}
        for control, home in self._homes.items():
            folder = home / name
            folder.mkdir(parents=True, exist_ok=True)
            folders[control] = folder
            for file, value in _limits(folder, control, memory_mb, tmp_mb).items():
                (folder / file).write_text(str(value))
        return Group(folders, memory_mb, tmp_mb)

    def close(self) -> None:
        """Take the cloudlet's own group away."""
        for home in dict.fromkeys(self._homes.values()):
            with contextlib.suppress(OSError):
                home.rmdir()


def _limits(folder: Path, control: str, memory_mb: int, tmp_mb: int) -> dict[str, int]:
    version1 = not (folder / "cgroup.controllers").exists()
    match control:
        case "memory" if version1:
            return {"memory.limit_in_bytes": (memory_mb + tmp_mb + _SPARE_MB) << 20}
        case "memory":
            most = {"memory.max": (memory_mb + tmp_mb + _SPARE_MB) << 20, "memory.oom.group": 1}
            swap = (folder / "memory.swap.max").exists()  # not where the kernel knows no swap
            return most | {"memory.swap.max": 0} if swap else most
        case "pids":
            return {"pids.max": PROCESSES}
    if version1:
        return {"cpu.shares": max(2, 1024 * memory_mb // _FULL_CPU_MB)}
    return {"cpu.weight": max(1, min(10_000, 100 * memory_mb // _FULL_CPU_MB))}


def _quota(folder: Path, memory_mb: int) -> dict[str, object]:
    """The processor time that comes with so much memory, as a hard limit."""
    quota_us = max(1000, _PERIOD_US * memory_mb // _FULL_CPU_MB)
    if (folder / "cgroup.controllers").exists():
        return {"cpu.max": f"{quota_us} {_PERIOD_US}"}
    return {"cpu.cfs_period_us": _PERIOD_US, "cpu.cfs_quota_us": quota_us}


@cache
def _homes() -> dict[str, Path]:
    """Where groups can be made, by what they limit."""
    homes = {}
    own = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controls, path = line.split(":", 2)
        for control in controls.split(","):
            own[control] = path.lstrip("/")
    version2 = _ROOT if (_ROOT / "cgroup.controllers").exists() else _ROOT / "unified"
    for control in ("memory", "pids", "cpu"):
        if control in own and (_ROOT / control).is_dir():
            parents = [_ROOT / control / own[control]]
        elif "" in own:
            parents = [version2 / own[""], version2]
        else:
            continue
        home = next((home for parent in parents if (home := _home(parent, control))), None)
        if home:
            homes[control] = home
    return homes


def _home(parent: Path, control: str) -> Path | None:
    """A group of the cloudlet's own below ``parent``, in which ``control`` can be limited; None if not."""
    home = parent / f"cloudlet-{os.getpid()}"
    try:
        if (parent / "cgroup.controllers").exists() and not _passes_on(parent, control):
            return None
        _sweep(parent)
        home.mkdir(exist_ok=True)
        if (home / "cgroup.controllers").exists():
            (home / "cgroup.subtree_control").write_text(f"+{control}")
    except OSError:
        with contextlib.suppress(OSError):
            home.rmdir()
        return None
    return home


def _sweep(parent: Path) -> None:
    """Take away what cloudlets that were killed have left; the kernel keeps what has processes."""
    for left in parent.glob("cloudlet-*"):
        pid = left.name.removeprefix("cloudlet-").removesuffix("-itself")
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            for folder in (*left.glob("*/"), left):
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _passes_on(parent: Path, control: str) -> bool:
    """Whether groups below ``parent`` (version 2) may limit ``control``; if need be, it is made so.

    A group that passes something on may have no processes. If this one is alone there, as in a unit of its
    own, it moves into a group below.
    """
    if control in (parent / "cgroup.subtree_control").read_text().split():
        return True
    if control not in (parent / "cgroup.controllers").read_text().split():
        return False
    if (parent / "cgroup.procs").read_text().split() == [str(os.getpid())]:
        leaf = parent / f"cloudlet-{os.getpid()}-itself"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
    (parent / "cgroup.subtree_control").write_text(f"+{control}")
    return True


def _arm(folder: Path, alarm: int, at: int) -> int:
    """Set the alarm to ``at`` bytes; what the group uses now."""
    if (folder / "memory.high").exists():
        (folder / "memory.high").write_text(str(at))
        return int((folder / "memory.current").read_text())
    usage = os.open(folder / "memory.usage_in_bytes", os.O_RDONLY)
    try:
        (folder / "cgroup.event_control").write_text(f"{alarm} {usage} {at}")
        return int(os.read(usage, 32))
    finally:
        os.close(usage)


def _watch_file(path: Path) -> int:
    """A descriptor that can be read when the file changes."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle: int = libc.inotify_init1(_IN_NONBLOCK)
    libc.inotify_add_watch(handle, str(path).encode(), _IN_MODIFY)
    return handle
