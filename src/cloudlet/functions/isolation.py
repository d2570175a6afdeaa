"""What this machine can isolate and enforce, and why not where it can't.

It is tried, not guessed, and tried by the same code that builds the walls of a worker.
"""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from ..scratch import Scratch
from .cgroups import PROCESSES, Groups

Isolation = Literal["available", "strict"]
Network = Literal["host", "isolated"]
_TRIAL = Path(__file__).parent / "guest" / "trial.py"
_OFF = "CLOUDLET_SANDBOX"
_DELEGATE = ("run cloudlet as root, in a systemd unit with Delegate=yes, or as "
             "`systemd-run --user --scope -p Delegate=yes cloudlet up`")


class Ability(msgspec.Struct, frozen=True):
    """Something that workers can be given or forbidden. ``wall``: nothing but isolation depends on it."""

    name: str
    available: bool
    detail: str
    wall: bool = True
    strict: bool = False  # whether --isolation strict can't do without


class IsolationError(Exception):
    """This machine can't isolate functions as it was asked to."""


@cache
def tried() -> dict[str, str]:
    """By wall, why it can't be had here; empty if it can."""
    if sys.platform != "linux":
        return {"sandbox": f"sandboxes need Linux, and this is {sys.platform}"}
    with Scratch("trial") as root:
        done = subprocess.run([sys.executable, "-B", "-E", "-s", "-S", str(_TRIAL), root],
                              capture_output=True, text=True, check=False)
    try:
        found: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        return {"sandbox": (done.stdout + done.stderr).strip() or "the kernel refuses namespaces"}
    return found


def trial() -> str:
    """Why a sandbox can't be built here; empty if it can."""
    found = tried()
    return found["sandbox"] or found.get("confinement", "")


def can_isolate() -> bool:
    """Whether workers get a sandbox. ``CLOUDLET_SANDBOX=off`` goes without, for debugging."""
    return os.environ.get(_OFF) != "off" and not trial()


def processes() -> int:
    """How many processes a worker's user may have; 0 where the kernel would count others', too."""
    return PROCESSES if can_isolate() and not tried().get("processes") else 0


def abilities() -> list[Ability]:
    """What workers are confined by on this machine."""
    return [*walls(), *limits(), _node()]


def walls() -> list[Ability]:
    """What keeps workers from what isn't theirs."""
    reason = "CLOUDLET_SANDBOX=off says to go without" if os.environ.get(_OFF) == "off" else trial()
    found = tried()

    def wall(name: str, key: str, what: str, *, strict: bool = False) -> Ability:
        why = f"comes with the sandbox: {reason}" if reason else found.get(key, "")
        return Ability(name, not why, why or what, strict=strict)

    own = "own mounts, processes, IPC, host name and user; read-only code; no privileges"
    return [Ability("sandbox", not reason, reason or own, strict=True),
            wall("system call filter", "filter", "seccomp", strict=True),
            wall("own network", "network", "--network isolated: only the cloudlet answers there"),
            wall("no abstract sockets", "abstract sockets", "the machine's are out of reach, by Landlock")]


def limits() -> list[Ability]:
    """What keeps workers from using up what is everybody's."""
    controls = Groups().controls
    why = "the control group of this process does not let it limit {}; {}to have it, " + _DELEGATE
    memory, pids, cpu = (control in controls for control in ("memory", "pids", "cpu"))
    by_user = bool(processes())
    instead = "memory is looked at when an invocation ends; " if not can_isolate() else (
        "each process gets at most its function's and 512 MB, and is looked at when an invocation ends; ")
    counted = f"at most {PROCESSES:,} processes and threads a worker"
    return [
        Ability("memory limit", memory, "a worker that needs more than its function has is killed" if memory
                else why.format("memory", instead), strict=True),
        Ability("process limit", pids or by_user, counted + ("" if pids else ", counted by user")
                if pids or by_user else why.format("processes", ""), strict=True),
        Ability("cpu limit", cpu, "processor time in proportion to memory, when it is short" if cpu
                else why.format("processor time", "")),
    ]


def require(isolation: Isolation, network: Network) -> None:
    """An :class:`IsolationError` if this machine can't do what is asked; it says what to do."""
    asked = [one for one in (*walls(), *limits())
             if (isolation == "strict" and one.strict)
             or (network == "isolated" and one.name == "own network")]
    missing = [f"{one.name}: {one.detail}" for one in asked if not one.available]
    if missing:
        options = [f"--isolation {isolation}"] * (isolation == "strict") + [f"--network {network}"] * (
            network == "isolated")
        raise IsolationError(f"This machine can't isolate functions as {' and '.join(options)} asks.\n  "
                             + "\n  ".join(missing))


def weaknesses(network: Network) -> list[str]:
    """What workers are not kept from here, in a few words each, for the start-up line."""
    missing = [f"no {one.name.removeprefix('no ')}" for one in (*walls(), *limits())
               if not one.available and one.name not in ("own network", "no abstract sockets")]
    if network == "host" and any(one.name == "no abstract sockets" and not one.available for one in walls()):
        missing.append("abstract sockets of this machine are in reach")
    return missing


def _node() -> Ability:
    node = shutil.which("node")
    return Ability("Node.js functions", bool(node), node or "node is not installed", wall=False)
