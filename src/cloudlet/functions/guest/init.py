"""The init: the first process of a sandbox in which a runtime or extensions speak AWS's own APIs.

It is forked from the zygote, serves these APIs on loopback, and talks with the pool in the frames that
``python_worker`` describes: nothing in here reaches the cloudlet itself. Besides those: ``C`` brings the
set-up instead of an environment, ``Q`` asks to shut down and says why; ``H`` (a head in JSON) and ``S`` (a
piece) go out of a streamed answer, and ``X`` when the environment failed (the error's type and message).
"""

import asyncio
import json
import os
import signal
import socket
import struct
import time
import traceback
import typing

from . import peers
from .environment import Environment, Failure
from .exchange import Answer, Request, listen
from .processes import Processes
from .reports import TIMED_OUT
from .runtime_api import Turn

_HEAD = struct.Struct(">IB")
Told = typing.Dict[str, typing.Any]


def main(handle: int) -> None:
    """Serve until the pool hangs up, or asks to shut down."""
    try:
        asyncio.run(Init().run(handle))
    finally:
        if os.getpid() != 1:  # else all end with this process
            os.killpg(0, signal.SIGKILL)


class Init:
    """One worker's execution environment, and its line to the pool."""

    def __init__(self) -> None:
        self._environment: Environment | None = None
        self._turn: Turn | None = None
        self._working: asyncio.Task[None] | None = None  # the initialisation, or an invocation
        self._sent, self._ending = False, ""

    async def run(self, handle: int) -> None:
        """Become a function's, and serve."""
        channel = socket.socket(fileno=handle)
        channel.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=channel)
        self._writer.transport.set_write_buffer_limits(0)  # so that to drain is to have everything sent
        await self._tell("B", b"")
        try:
            _, body = await _frame(reader)
            self._setup: Told = json.loads(body)
            self._processes = Processes()
            admit = peers.is_ours if self._processes.grouped else lambda peer, own: True
            self._server, port = await listen(self._serve, admit)
            self._setup["environment"]["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{port}"
            self._work(self._begin())
            while True:
                kind, body = await _frame(reader)
                if kind == "Q":
                    await self._shut_down(json.loads(body)["reason"])
                    return
                self._work(self._take(self._working, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the pool has hung up

    def _work(self, what: "typing.Coroutine[typing.Any, typing.Any, None]") -> None:
        self._working = asyncio.get_running_loop().create_task(what)
        self._working.add_done_callback(_end_if_broken)

    async def _begin(self) -> None:
        """The initialisation; one that failed is tried again with the first event, as AWS does."""
        begun = time.perf_counter()
        environment = self._fresh()
        failed = False
        try:
            await environment.initialise("init", self._setup["init_s"])
        except Failure as failure:
            failed = True
            await environment.stop(self._reason(failure))
        took = {"ms": (time.perf_counter() - begun) * 1000, "failed": failed}
        await self._tell("R", json.dumps(took).encode())

    def _fresh(self) -> Environment:
        self._environment = Environment(self._setup, self._processes, self._tell, self._write)
        return self._environment

    async def _serve(self, request: Request) -> "Answer | None":
        if request.path == "/2018-06-01/ping":
            return Answer(200, b"pong")
        assert self._environment
        return await self._environment.serve(request)

    async def _take(self, former: "asyncio.Task[None] | None", body: bytes) -> None:
        """One event, after the one before is over."""
        if former is not None:
            await former
        size = int.from_bytes(body[:4], "big")
        self._turn, self._sent = Turn(json.loads(body[4 : 4 + size]), body[4 + size :]), False
        environment = self._environment
        assert environment
        try:
            if not environment.initialised or environment.failed.done():
                if environment.failed.done() and environment.initialised:
                    await environment.stop("failure")  # it broke after its last answer
                environment = self._fresh()
                await environment.initialise("invoke", 0)
            await environment.invoke(self._turn, self._send)
        except Failure as failure:
            if self._turn.answered.done():
                await self._send()
            else:
                await self._report(failure)
            await environment.stop(self._reason(failure))
        else:
            await self._send()

    async def _send(self) -> None:
        """Give the pool the answer, after all that was written before it."""
        assert self._turn and self._environment
        if not self._sent:
            self._sent = True
            self._environment.drain()
            kind, payload = self._turn.answered.result()
            await self._tell(kind, self._environment.most_kb().to_bytes(8, "big") + payload)

    async def _report(self, failure: Failure) -> None:
        assert self._environment
        self._sent = True
        self._environment.drain()
        kb = self._environment.most_kb()
        if failure.payload:
            await self._tell("D", kb.to_bytes(8, "big") + failure.payload)
        else:
            told = {"type": failure.kind, "message": failure.message, "kb": kb}
            await self._tell("X", json.dumps(told).encode())

    async def _shut_down(self, reason: str) -> None:
        """The pool wants this to end: what is under way fails first, and stops the environment itself."""
        self._ending = reason
        environment, working = self._environment, self._working
        if environment is None or working is None:
            return
        if not working.done():
            kind = TIMED_OUT if reason == "timeout" else "Runtime.ExitError"
            environment.fail(Failure(kind, "Runtime exited with error: signal: killed"))
            await working
        if environment.initialised:
            await environment.stop(reason)

    def _reason(self, failure: Failure) -> str:
        """Why extensions are told to shut down."""
        return self._ending or ("timeout" if failure.kind == TIMED_OUT else "failure")

    async def _tell(self, kind: str, body: bytes) -> None:
        self._writer.write(_HEAD.pack(len(body), ord(kind)) + body)
        await self._writer.drain()

    def _write(self, line: str) -> None:
        """A log entry."""
        body = line.encode("utf-8", "replace")
        self._writer.write(_HEAD.pack(len(body), ord("L")) + body)


async def _frame(reader: asyncio.StreamReader) -> "tuple[str, bytes]":
    size, letter = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    return chr(letter), await reader.readexactly(size)


def _end_if_broken(working: "asyncio.Task[None]") -> None:
    """A mistake of this program's must not leave the pool waiting."""
    error = None if working.cancelled() else working.exception()
    if error is not None and not isinstance(error, ConnectionError):
        traceback.print_exception(type(error), error, error.__traceback__)
        if os.getpid() != 1:
            os.killpg(0, signal.SIGKILL)
        os._exit(1)
