"""How runtimes are started in here: a custom one speaks the Runtime API, a managed one is a worker.

It is the same worker that runs functions without extensions, and speaks the same frames, but with the init:
Python's is a fork of it, and warm; one with a wrapper script, and Node.js's, is a program.
"""

import asyncio
import errno
import importlib
import json
import os
import socket
import struct
import time
import typing

from .processes import Process, Processes, Said
from .runtime_api import Runtime, Turn

_HEAD = struct.Struct(">IB")
Told = typing.Dict[str, typing.Any]
Tell = typing.Callable[[str, bytes], "typing.Awaitable[None]"]


class NotRunnable(Exception):
    """There is no runtime that could be started."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Launched:
    """A runtime that has been started, and for a managed one the conversation with it."""

    def __init__(self, process: Process, worker: "Worker | None" = None) -> None:
        self.process, self._worker = process, worker

    @property
    def most_kb(self) -> int:
        """The most memory that a worker said it has used."""
        return self._worker.most_kb if self._worker else 0

    def give(self, turn: Turn) -> None:
        """An event; custom runtimes fetch theirs."""
        if self._worker:
            self._worker.give(turn)

    def close(self) -> None:
        """Hang up."""
        if self._worker:
            self._worker.close()


def launch(setup: Told, processes: Processes, runtime: Runtime, tell: Tell, said: Said) -> Launched:
    """Start the runtime of a function."""
    told = setup["runtime"]
    if told["kind"] == "custom":
        return Launched(_bootstrap(setup, processes, said))
    ours, theirs = socket.socketpair()
    try:
        if told["kind"] == "fork":
            worker = importlib.import_module("python_worker")  # the zygote has it, under that name
            process = processes.fork(worker.main, theirs.fileno(), said)
        else:
            process = _program(setup, processes, said, theirs.fileno())
    finally:
        theirs.close()
    first = setup["environment"] if told["kind"] == "fork" else {}
    return Launched(process, Worker(ours, first, runtime, tell, said))


def _bootstrap(setup: Told, processes: Processes, said: Said) -> Process:
    candidates = setup["runtime"]["candidates"]
    path = next((one for one in candidates if os.path.isfile(one)), "")
    if not path:
        raise NotRunnable("Runtime.InvalidEntrypoint",
                          f"Couldn't find valid bootstrap(s): [{' '.join(candidates)}]")
    try:
        return processes.start([path], setup["environment"], setup["task"], said)
    except OSError as error:
        what = os.strerror(error.errno or errno.ENOENT).lower()
        raise NotRunnable("Runtime.InvalidEntrypoint", f"fork/exec {path}: {what}") from None


def _program(setup: Told, processes: Processes, said: Said, channel: int) -> Process:
    """An interpreter with a worker, or the wrapper script that is to start it."""
    environment = {**setup["environment"], "_CLOUDLET_CHANNEL": str(channel)}
    told = setup["runtime"]
    argv, wrapper = [told["interpreter"], f"{os.path.dirname(__file__)}/{told['worker']}"], told["wrapper"]
    if wrapper:
        argv = [wrapper, *argv]
        for fine, what, status in ((os.path.isfile(wrapper), "does not exist", 127),
                                   (os.access(wrapper, os.X_OK), "is not an executable", 126)):
            if not fine:
                said(f"{wrapper}: {what}")
                raise NotRunnable("Runtime.ExitError", f"Runtime exited with error: exit status {status}")
    try:
        return processes.start(argv, environment, setup["task"], said, (channel,))
    except OSError as error:
        what = os.strerror(error.errno or errno.ENOENT).lower()
        raise NotRunnable("Runtime.InvalidEntrypoint", f"fork/exec {argv[0]}: {what}") from None


class Worker:
    """The conversation with a managed runtime, in the frames that ``python_worker`` describes."""

    def __init__(self, channel: socket.socket, environment: "dict[str, str]", runtime: Runtime, tell: Tell,
                 said: Said) -> None:
        self._channel, self._environment, self._runtime = channel, environment, runtime
        self._tell, self._said, self.most_kb = tell, said, 0
        self._writer: asyncio.StreamWriter | None = None
        self._conversation = asyncio.get_running_loop().create_task(self._converse())

    def give(self, turn: Turn) -> None:
        """An event, as the pool gives one."""
        head = json.dumps(turn.head).encode()
        self._write("I", len(head).to_bytes(4, "big") + head + turn.event)

    def close(self) -> None:
        """Hang up."""
        self._conversation.cancel()
        if self._writer:
            self._writer.close()

    def _write(self, kind: str, body: bytes) -> None:
        assert self._writer
        self._writer.write(_HEAD.pack(len(body), ord(kind)) + body)

    async def _converse(self) -> None:
        self._channel.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=self._channel)
        try:
            while True:
                size, letter = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                await self._take(chr(letter), await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # how it ended is told when it is reaped

    async def _take(self, kind: str, body: bytes) -> None:
        runtime, turn = self._runtime, self._runtime.turn
        if kind == "B":
            self._write("C", json.dumps(self._environment).encode())
        elif kind == "R":
            runtime.is_ready()
        elif kind == "F":
            runtime.init_error, runtime.state = body, "InitError"
            assert self._writer
            self._writer.close()  # it ends when it is left alone
        elif kind == "L":
            self._said(body.decode("utf-8", "replace"))
        elif turn is None:
            return
        elif kind in "HS":
            turn.responded = turn.responded if turn.produced else time.time()
            turn.produced += len(body) if kind == "S" else 0
            await self._tell(kind, body)
        else:
            self.most_kb = max(self.most_kb, int.from_bytes(body[:8], "big"))
            turn.responded = turn.responded if turn.produced else time.time()
            turn.produced = turn.produced or len(body) - 8
            turn.answer("A" if kind == "A" else "E", body[8:])
            if kind != "D":  # else it ends now
                runtime.is_ready()
