"""What this machine can isolate and enforce, and why not where it can't."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import msgspec

from .cgroups import Groups
from .runtimes import CUSTOM

_GUEST = Path(__file__).parent / "guest"
_TRIAL = """
import os, sys, tempfile
sys.path.insert(0, sys.argv[1])
import sandbox
root = tempfile.mkdtemp()
try:
    if os.geteuid() != 0:
        sandbox.own_namespaces()
    sandbox.unshare(sandbox.CLONE_NEWNS)
    sandbox.mount("none", "/", flags=sandbox.MS_REC | sandbox.MS_PRIVATE)
    sandbox.mount("tmpfs", root, "tmpfs")
    os.mkdir(root + "/proc")
    sandbox.mount("proc", root + "/proc", "proc")
    own = os.open(root + "/proc/self/ns/pid", os.O_RDONLY)
    sandbox.setns(own, sandbox.CLONE_NEWPID)
    sandbox.unshare(sandbox.CLONE_NEWPID | sandbox.CLONE_NEWIPC)
    pid = os.fork()
    if pid == 0:
        sandbox.confine()
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
except OSError as error:
    print(error)
    os._exit(1)
"""


class Ability(msgspec.Struct, frozen=True):
    """Something that workers can be given or forbidden."""

    name: str
    available: bool
    detail: str


@cache
def trial() -> str:
    """Why a sandbox can't be built here; empty if it can. It is tried, not guessed."""
    if sys.platform != "linux":
        return f"sandboxes need Linux, and this is {sys.platform}"
    done = subprocess.run(
        [sys.executable, "-E", "-S", "-c", _TRIAL, str(_GUEST)], capture_output=True, text=True, check=False
    )
    return (
        "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or "the kernel refuses namespaces"
    )


def can_isolate() -> bool:
    """Whether workers get a sandbox. ``CLOUDLET_SANDBOX=off`` goes without, for debugging."""
    return os.environ.get("CLOUDLET_SANDBOX") != "off" and not trial()


def abilities() -> list[Ability]:
    """What workers are confined by on this machine."""
    reason = trial()
    groups = Groups()
    controls = groups.controls
    groups.close()
    found = [
        Ability(
            "sandbox",
            not reason,
            reason or "own mounts, processes, IPC and user; read-only code; no privileges",
        ),
        Ability(
            "system call filter",
            not reason and os.uname().machine in ("x86_64", "aarch64"),
            "seccomp" if not reason else "comes with the sandbox",
        ),
    ]
    for control, what in (("memory", "a worker that needs more than its function has is killed"),
                          ("pids", "at most 1,024 processes and threads a worker"),
                          ("cpu", "processor time in proportion to memory, when it is short")):
        has = control in controls
        instead = "memory is looked at when an invocation ends; " if control == "memory" else ""
        why = (f"the control group of this process does not let it limit {control}; {instead}"
               "to have it, run as root or in a unit with Delegate=yes")
        found.append(Ability(f"{control} limit", has, what if has else why))
    found.append(Ability("custom runtimes", True,
                         f"{', '.join(CUSTOM)}: a bootstrap that runs on this system"))
    node = shutil.which("node")
    found.append(Ability("Node.js functions", bool(node), node or "node is not installed"))
    return found
