"""What the pool must know to run a function, what it is asked, and what comes of it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from .streaming import ResponseStream


class Spec(msgspec.Struct, frozen=True):
    """A function as the pool sees it: one that differs in anything runs in workers of its own.

    ``key`` names what was deployed (the function's ARN, version and revision). ``code`` is the folder
    mounted at ``/var/task``, ``layers`` those merged at ``/opt`` in order, ``dependencies`` one whose
    packages can be imported besides. ``watched``: the folder is somebody's working copy and may change.
    ``snapshot``: it is initialised once, and its workers are copies of that process. ``debug_port``: its one
    worker waits there for an editor. ``cpu_quota``: it gets AWS's processor time and no more.
    """

    key: str
    name: str
    arn: str
    version: str
    runtime: str
    handler: str
    code: Path
    layers: tuple[Path, ...] = ()
    dependencies: Path | None = None
    memory_mb: int = 128
    timeout_ms: int = 3000
    tmp_mb: int = 512
    environment: tuple[tuple[str, str], ...] = ()
    account: str = ""
    region: str = ""
    log_group: str = ""
    watched: bool = False
    snapshot: bool = False
    debug_port: int = 0
    cpu_quota: bool = False


class Trial(msgspec.Struct, frozen=True):
    """How somebody wants a function to run for the time being, whatever its configuration says."""

    debug_port: int = 0
    memory_mb: int = 0  # with the processor time that comes with it


class Invocation(msgspec.Struct):
    """One event for a function."""

    request_id: str
    payload: bytes
    arn: str  # as it was invoked, with the qualifier
    trace: str = ""
    client_context: str = ""
    idempotent: dict[str, Any] = {}
    stream: ResponseStream | None = None  # what the function writes before its end goes there


class Outcome(msgspec.Struct):
    """What came of an invocation; ``error`` is empty when all went well."""

    payload: bytes
    error: str = ""  # the error's type, for the report line; the payload has the rest
    duration_ms: float = 0.0
    init_ms: float = 0.0  # 0 when the worker was warm
    restore_ms: float = 0.0  # likewise, of a snapshot
    init_failed: bool = False  # the function could not be loaded
    init_lines: int = 0  # of the log, that were written while it was loaded
    memory_mb: int = 0  # the most the worker has used
    log: list[tuple[int, str]] = []  # what the function wrote meanwhile: milliseconds since 1970, line
    stream: str = ""  # the name of the worker's log stream
    execution: str = ""  # the ARN of the durable execution that it was


Credentials = Callable[[Spec], Awaitable[dict[str, str]]]  # the environment variables of the function's role
