"""Which workers have an init in front of the runtime, and what it is told.

Custom runtimes, extensions and wrapper scripts need one: it serves AWS's Runtime, Extensions and Telemetry
APIs inside the sandbox (``guest/init.py``). Plain functions have none, and no hop through one. Whether their
code registers an extension from within is not guessed: it shows when it knocks at the address it is given.
"""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .isolation import can_isolate
from .runtimes import CUSTOM, OWN
from .spec import Spec

KIND = "init "  # of blank workers; the zygote's runtime follows
INIT_S = 10.0  # to initialise; after that it is tried again with the event, within the function's timeout
SHUTDOWN_S = 3.0  # a second more than AWS gives extensions to end; then they are killed from outside
_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_REASONS = {"timeout": "timeout", "memory": "failure", "size": "failure"}


class Door:
    """Where the code of a plain worker would find the Runtime API: if it knocks, the worker needs an init."""

    def __init__(self, knocked: Callable[[], None]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self._tell, self.knocked = knocked, False
        asyncio.get_running_loop().add_reader(self._socket, self._knock)

    @property
    def address(self) -> str:
        """Host and port."""
        host, port = self._socket.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """The function has been initialised; extensions can't register any more."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _knock(self) -> None:
        self.knocked = True
        self.close()
        self._tell()


def kind_of(runtime: str) -> str:
    """The kind of blank worker with an init that can become one of ``runtime``; Python's is its own."""
    return KIND + (runtime if runtime.startswith("python") else OWN)


def wanted(spec: Spec) -> bool:
    """Whether a function's workers need an init, as far as its configuration shows."""
    return (spec.runtime in CUSTOM or any(name == _WRAPPER and value for name, value in spec.environment)
            or has_extensions(spec))


def has_extensions(spec: Spec) -> bool:
    """Whether a layer brings external extensions."""
    return any((layer / "extensions").is_dir() for layer in spec.layers)


def reason(why: str) -> dict[str, str]:
    """What the init is told when its worker is ended: extensions hear it."""
    return {"reason": _REASONS.get(why, "spindown")}


def setup(
    spec: Spec, stream: str, environment: dict[str, str], served: str, interpreter: Path
) -> dict[str, Any]:
    """What the init must know of its function."""
    isolated = can_isolate()
    layers = ["/opt"] if isolated else [str(layer) for layer in reversed(spec.layers)]
    task = environment["LAMBDA_TASK_ROOT"]
    custom = spec.runtime in CUSTOM
    if custom:
        hidden = ("_CLOUDLET_PATH", "NODE_PATH", "AWS_EXECUTION_ENV")
        environment = {key: value for key, value in environment.items() if key not in hidden} \
            | dict(spec.environment)
    bootstraps = {"kind": "custom", "candidates": [f"{folder}/bootstrap" for folder in (task, *layers)]}
    about = {"functionName": spec.name, "functionVersion": spec.version}
    return {
        "about": {**about, "handler": spec.handler, "accountId": spec.account},
        "instance": {**about, "instanceId": stream, "instanceMaxMemory": spec.memory_mb << 20},
        "environment": environment, "task": task, "memory_mb": spec.memory_mb, "init_s": INIT_S,
        "extensions": [f"{layer}/extensions" for layer in reversed(layers)],
        "runtime": bootstraps if custom else _managed(served, interpreter, environment.get(_WRAPPER, "")),
    }


def _managed(served: str, interpreter: Path, wrapper: str) -> dict[str, Any]:
    """Python's is a fork of the init; with a wrapper, and for Node.js, it is a program."""
    if served.startswith("python") and not wrapper:
        return {"kind": "fork"}
    worker = "python_worker.py" if served.startswith("python") else "node_worker.mjs"
    return {"kind": "program", "interpreter": str(interpreter), "worker": worker, "wrapper": wrapper}
