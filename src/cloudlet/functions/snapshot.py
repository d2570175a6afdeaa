"""The cloudlet's side of a snapshot: an initialised function from which workers are restored.

To a worker it is what a zygote is to others: it forks it, kills it, and tells how it ended.
"""

import array
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from .isolation import processes
from .worker import Worker

log = logging.getLogger(__name__)
_CREDENTIALS = 2  # SCM_CREDENTIALS, which Python names only in newer releases
_PASSCRED = 16


class _News(msgspec.Struct):
    """What is understood of what comes from inside the sandbox, where code of the user's has run.

    ``started`` and ``ended`` are names of workers.
    """

    ready: bool = False
    started: str = ""
    ended: str = ""
    status: int = 0


_DECODE = msgspec.json.Decoder(_News).decode


class SnapshotFailed(Exception):
    """The function could not be initialised; the text is what it said."""


class Snapshot:
    """Restores workers of one version of a function."""

    def __init__(self, template: Worker, ended: Callable[[str, int], None], taken_ms: int) -> None:
        self._template, self._ended, self.taken_ms = template, ended, taken_ms
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._ours.setsockopt(socket.SOL_SOCKET, _PASSCRED, 1)
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._started: dict[str, asyncio.Future[int]] = {}
        self._handles: dict[str, int] = {}  # of processes, which unlike their numbers are never given again
        self._retired = False
        self.spare: asyncio.Task[Worker] | None = None  # a copy that waits to be the next worker
        self.used_at = time.monotonic()
        asyncio.get_running_loop().add_reader(self._ours, self._hear)

    @property
    def usable(self) -> bool:
        """Whether workers can be restored from it."""
        return self._template.usable and not self._retired

    async def taken(self) -> None:
        """Until the function is initialised and frozen; :class:`SnapshotFailed` if it can't be."""
        self.theirs.close()
        if self._template.failure:
            raise SnapshotFailed(self._template.failure)
        await self._ready

    async def fork(self, order: dict[str, Any], files: list[int]) -> int:
        """Restore a worker; its process id comes back. It waits to be told its environment."""
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started[order["id"]] = started
        self.used_at = time.monotonic()
        socket.send_fds(self._ours, [json.dumps({**order, "processes": processes()}).encode()], files)
        pid = await started
        try:
            self._handles[order["id"]] = os.pidfd_open(pid)
            for folder in order["cgroups"]:
                (Path(folder) / "cgroup.procs").write_text(str(pid))
        except ProcessLookupError:
            raise SnapshotFailed("The function ended while it was restored from its snapshot.") from None
        return pid

    async def furnish(self, order: dict[str, Any]) -> None:
        """Nothing: what is restored sees what the snapshot saw."""

    def kill(self, worker: str) -> None:
        """End a worker, and all it has started."""
        handle = self._handles.get(worker)
        if handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)

    def retire(self) -> None:
        """Let nothing more be restored; the snapshot ends with its last worker."""
        self._retired = True
        if self.spare and self.spare.done() and not self.spare.cancelled() and not self.spare.exception():
            self.spare.result().kill()
        if not self._handles:
            self._template.kill()

    def _hear(self) -> None:
        try:
            raw, ancillary, _, _ = self._ours.recvmsg(1 << 16, socket.CMSG_SPACE(12))
        except BlockingIOError:
            return
        except OSError:
            raw, ancillary = b"", []
        if not raw:
            self._die()
            return
        try:
            news = _DECODE(raw)
        except msgspec.DecodeError:
            log.warning("a snapshot said what nobody understands, and was ended")
            self._template.kill("protocol")
            return
        if news.ready and not self._ready.done():
            self._ready.set_result(None)
        elif news.started:
            self._welcome(news.started, ancillary)
        elif news.ended in self._handles:
            self.kill(news.ended)  # it is only said that it has ended
            self._bury(news.ended, news.status)

    def _welcome(self, worker: str, ancillary: list[Any]) -> None:
        started = self._started.pop(worker, None)
        for _, kind, data in ancillary:
            if kind == _CREDENTIALS and started and not started.done():
                started.set_result(array.array("i", data)[0])

    def _bury(self, worker: str, status: int) -> None:
        os.close(self._handles.pop(worker))
        self._ended(worker, status)
        if self._retired and not self._handles:
            self._template.kill()

    def close(self) -> None:
        """Listen no more."""
        if self._ours.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._ours)
            self._ours.close()
        self.theirs.close()

    def _die(self) -> None:
        """The snapshot is gone, and all that was restored from it."""
        self.close()
        self._retired = True
        failure = SnapshotFailed(self._template.failure or "The function ended while its snapshot was taken.")
        if not self._ready.done():
            self._ready.set_exception(failure)
            self._ready.exception()  # it may be that nobody asks
        for waiting in self._started.values():
            if not waiting.done():
                waiting.set_exception(failure)
        for worker in list(self._handles):
            self._bury(worker, -9)
