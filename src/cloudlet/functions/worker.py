"""A worker: one process that has loaded one function, and runs one event at a time."""

import asyncio
import json
import logging
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from . import inits, levels
from .cgroups import Group
from .countdown import Countdown
from .outlet import REST_S, Outlet
from .spec import Invocation, Outcome, Spec
from .streaming import ResponseStream
from .zygotes import Origin, how_it_ended

log = logging.getLogger(__name__)
_HEAD = struct.Struct(">IB")
PAYLOAD_LIMIT = 6 * 1024 * 1024 + 100  # bytes of an answer
INIT_LIMIT_S = 10.0
_FRAMES = 500  # read before others get their turn
_ROOM_MB = 512  # for what is no memory in use: stacks of threads, what a runtime reserves


class Worker(asyncio.Protocol):
    """The cloudlet's side of a worker process."""

    def __init__(
        self,
        id: str,
        spec: Spec,
        zygote: Origin,
        group: Group,
        stream: str,
        on_log: Callable[["Worker", list[tuple[int, str]]], None],
        now_ms: Callable[[], int],
    ) -> None:
        self.id, self.spec, self.stream, self.stamp = id, spec, stream, 0
        self.idle_since = time.monotonic()
        self.retired = self.loaded = False
        self.zygote, self._group, self._on_log, self._now_ms = zygote, group, on_log, now_ms
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[str, bytes]] | None = None
        self._countdown: Countdown | None = None
        self._held = self._resting = False  # whether the channel is left unread: by a reader, for a moment
        self._kinds = ""  # of frames that it may send now to say how it went
        self._outlet = Outlet(now_ms, lambda lines: self._on_log(self, lines))
        self._status: int | None = None
        self._killed_for = ""
        self._init: dict[str, Any] | None = None  # what initialisation took; told once
        self._response = ResponseStream(PAYLOAD_LIMIT)  # what the invocation has written before its end
        self._gone = asyncio.Event()
        self._has_init = False
        self._end_timer: asyncio.TimerHandle | None = None

    async def start(self, order: dict[str, Any], *more: socket.socket) -> None:
        """Have the process started, for a function that is not known yet; it gets ``more`` besides."""
        await self._spawn(order, *more)
        assert self._waiting
        await self._waiting  # it says that it stands, or it has ended

    async def adopt(self, spec: Spec, stream: str, order: dict[str, Any]) -> None:
        """Let a blank process become the worker of a function."""
        begun = time.perf_counter()
        self.spec, self.stream, self._outlet.least = spec, stream, levels.least(spec)
        self._group.limit(spec.memory_mb, spec.tmp_mb, cpu_quota=spec.cpu_quota)
        self._group.watch(lambda: self.kill("memory"))
        folders = {key: order[key] for key in ("task", "layers", "dependencies", "tmp_mb")}
        data_mb = 0 if self._group.limits_memory else spec.memory_mb + _ROOM_MB
        await self.zygote.furnish({**folders, "id": self.id, "data_mb": data_mb})
        self._has_init = "setup" in order
        await self._load(begun, order["setup"] if self._has_init else order["environment"])

    async def wake(self, environment: dict[str, str]) -> None:
        """Let a copy of a snapshot, which has loaded the function already, become a worker."""
        begun = time.perf_counter()
        self._group.watch(lambda: self.kill("memory"))
        await self._load(begun, environment)
        assert self._init
        self._init["restored"] = True

    @property
    def failure(self) -> str:
        """Why the function could not be loaded; empty if it could."""
        if not self._init or not self._init["failure"]:
            return ""
        kind, body = self._init["failure"]
        return body.decode("utf-8", "replace") if kind == "F" else f"Error: {how_it_ended(self._status)}"

    def forget_init(self) -> None:
        """Let the first invocation not tell of the initialisation, for which nobody waited."""
        if not self.failure:
            self._init = None
        self._on_log(self, self._outlet.finish())

    async def _spawn(self, order: dict[str, Any], *more: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        log_write = self._outlet.open()
        ours.setblocking(False)
        try:
            await loop.create_connection(lambda: self, sock=ours)
            self._expect("B")
            files = [theirs.fileno(), log_write, *(one.fileno() for one in more)]
            await self.zygote.fork({**order, "id": self.id, "cgroups": self._group.paths}, files)
        finally:
            theirs.close()
            os.close(log_write)

    async def _load(self, begun: float, told: dict[str, Any]) -> None:
        """Tell the process its function; until that has been loaded, or has failed to."""
        self._expect("RFDX" if self._has_init else "RFD")
        assert self._waiting
        if self._transport is not None:
            body = json.dumps(told).encode()
            self._transport.write(_HEAD.pack(len(body), ord("C")) + body)
        else:
            self._waiting.set_result(("X", b""))
        # an init keeps the limit itself, and tries again with the event
        limit_s = INIT_LIMIT_S + (inits.SHUTDOWN_S if self._has_init else 0)
        self._countdown = Countdown(limit_s, lambda: self.kill("init"))
        kind, body = await self._waiting
        self._countdown.cancel()
        self._init = {"ms": (time.perf_counter() - begun) * 1000, "failure": None, "restored": False}
        if kind == "R" and json.loads(body).get("failed"):
            self._init["ms"] = 0.0
        if kind != "R":
            self._init["failure"] = (kind, body)
        self.loaded = kind == "R"

    @property
    def usable(self) -> bool:
        """Whether it can take an event."""
        well = self._status is None and not self._killed_for and self._transport is not None
        return well and not self.retired

    async def run(self, invocation: Invocation, deadline_ms: int) -> Outcome:
        """One event; whatever happens to the process becomes an outcome."""
        outcome = Outcome(b"", stream=self.stream)
        outcome.init_lines = self._outlet.begin()
        self._response = invocation.stream or ResponseStream(PAYLOAD_LIMIT)
        if invocation.stream:
            invocation.stream.attach(self)
        init, self._init = self._init, None
        if init:
            outcome.init_ms, outcome.restore_ms = (0.0, init["ms"]) if init["restored"] else (init["ms"], 0.0)
            outcome.init_failed = init["failure"] is not None
        begun = time.perf_counter()
        if init and init["failure"]:
            kind, body = init["failure"]
        else:
            kind, body = await self._ask(invocation, deadline_ms)
        outcome.duration_ms = (time.perf_counter() - begun) * 1000
        self._response.detach()
        outcome.log = self._outlet.finish()
        self._fill(outcome, kind, body, invocation)
        self.idle_since = time.monotonic()
        return outcome

    def kill(self, why: str = "retired") -> None:
        """End the process, and all it has started."""
        if self._status is None and not self._killed_for:
            self._killed_for = why
            if self._has_init and self._transport is not None:
                self._write("Q", json.dumps(inits.reason(why)).encode())  # it lets extensions end first
                self._end_timer = asyncio.get_running_loop().call_later(
                    inits.SHUTDOWN_S, self.zygote.kill, self.id)
            else:
                self.zygote.kill(self.id)

    def ended(self, status: int) -> None:
        """The process has ended; what it said last may still be on its way."""
        self._status = status
        self._killed_for = self._killed_for or ("memory" if self._group.killed() else "")
        self.unhold()
        self._finish()

    def abandon(self) -> None:
        """Nobody will tell how the process ends: count it as killed."""
        self._status = -9
        if self._transport is not None:
            self._transport.abort()
        else:
            self._finish()

    @property
    def ending(self) -> bool:
        """Whether it has been told to end, and has not ended yet: its extensions may take their time."""
        return bool(self._killed_for) and not self._gone.is_set()

    async def gone(self) -> None:
        """Until the process has ended."""
        await self._gone.wait()

    def hold(self) -> None:
        """Leave the channel unread: whoever reads the response has enough for now."""
        self._held = self._status is None
        self._flow()

    def unhold(self) -> None:
        """Read the channel again."""
        self._held = False
        self._flow()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self._killed_for != "protocol":
            self._buffer += data
            if self._parse() or self._outlet.flooded:
                self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parse()
        self._transport = None
        self._finish()

    # -- ours

    def _write(self, kind: str, body: bytes) -> None:
        assert self._transport
        self._transport.write(_HEAD.pack(len(body), ord(kind)) + body)

    def _expect(self, kinds: str) -> None:
        """From now until one of these frames comes, somebody waits for it."""
        self._kinds, self._waiting = kinds, asyncio.get_running_loop().create_future()

    def _parse(self) -> bool:
        """Take frames out of what has arrived; True if there are more, which must wait their turn.

        One that nobody has asked for is the end of the worker.
        """
        buffer, at = self._buffer, 0
        for _ in range(_FRAMES):
            if len(buffer) - at < _HEAD.size:
                break
            size, kind = _HEAD.unpack_from(buffer, at)
            if size > PAYLOAD_LIMIT + (1 << 20):
                self.kill("size")
                at = len(buffer)
                break
            if len(buffer) - at < _HEAD.size + size:
                break
            body = bytes(buffer[at + _HEAD.size : at + _HEAD.size + size])
            at += _HEAD.size + size
            if kind == ord("L"):
                self._outlet.add(body)
            elif kind == ord("P"):
                self._pause(body == b"1")
            elif chr(kind) in self._kinds and self._waiting and not self._waiting.done():
                self._hear(chr(kind), body)
            elif kind == ord("D"):
                self.retired = True  # it has failed between two events, and ends of its own accord
            else:
                log.warning("a worker of %s said what nobody had asked it, and was ended", self.spec.name)
                self.kill("protocol")
                at = len(buffer)
                break
        else:
            del buffer[:at]
            return True
        del buffer[:at]
        return False

    def _hear(self, kind: str, body: bytes) -> None:
        """Take a frame that somebody waits for: a piece of the response, what it is, or the end."""
        if kind == "S":
            if not self._response.write(body):
                self.kill("size")
        elif kind == "H":
            self._response.describe(str(json.loads(body).get("contentType", "")))
        else:
            assert self._waiting
            self._waiting.set_result((kind, body))

    def _rest(self) -> None:
        """Read no more of this worker for a moment: others want to be served, too."""
        if self._transport is not None and not self._resting:
            self._resting = True
            self._flow()
            asyncio.get_running_loop().call_later(REST_S, self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        self._flow()
        if not self._held and self._parse():
            self._rest()

    def _flow(self) -> None:
        """Read the channel unless somebody wants it unread."""
        if self._transport is not None and not self._transport.is_closing():
            wanted = not self._held and not self._resting
            if wanted != self._transport.is_reading():
                (self._transport.resume_reading if wanted else self._transport.pause_reading)()


    async def _ask(self, invocation: Invocation, deadline_ms: int) -> tuple[str, bytes]:
        if self._status is not None or self._transport is None:
            return "X", b""
        self._expect("AEDSHX" if self._has_init else "AEDSH")
        assert self._waiting
        head = json.dumps({
            "request_id": invocation.request_id, "arn": invocation.arn, "trace": invocation.trace,
            "deadline_ms": deadline_ms, "client_context": json.loads(invocation.client_context or "null"),
        }).encode()
        size = 4 + len(head) + len(invocation.payload)
        self._transport.write(
            _HEAD.pack(size, ord("I")) + len(head).to_bytes(4, "big") + head + invocation.payload
        )
        self._countdown = Countdown(self.spec.timeout_ms / 1000, lambda: self.kill("timeout"))
        try:
            return await self._waiting
        finally:
            self._countdown.cancel()

    def _pause(self, stands: bool) -> None:
        """The function stands at a breakpoint, or goes on; only one that is debugged may say so."""
        if self.spec.debug_port and self._countdown:
            (self._countdown.pause if stands else self._countdown.go_on)()

    def _fill(self, outcome: Outcome, kind: str, body: bytes, invocation: Invocation) -> None:
        """Say what came of it, in AWS's words."""
        if kind in "AED":
            outcome.memory_mb = -(-int.from_bytes(body[:8], "big") // 1024)
            outcome.payload = body[8:] or (b"" if invocation.stream else self._response.rest())
            if outcome.memory_mb > self.spec.memory_mb and not self._group.limits_memory:
                self._exceed(outcome, invocation)
                return
            if kind != "A":
                outcome.error = "Unhandled"
                self.retired = self.retired or kind == "D"  # the process ends of its own accord
            elif len(outcome.payload) > PAYLOAD_LIMIT or self._response.exceeded:
                self._refuse_size(outcome)
            return
        prefix = f"RequestId: {invocation.request_id} Error: "
        outcome.memory_mb = self.spec.memory_mb if self._killed_for == "memory" else outcome.memory_mb
        if kind == "F":
            outcome.error, outcome.payload = "Unhandled", body
            self.kill("init")
        elif self._killed_for == "timeout":
            outcome.duration_ms = float(self.spec.timeout_ms)
            seconds = self.spec.timeout_ms / 1000
            self._fail(outcome, "Sandbox.Timedout", f"{prefix}Task timed out after {seconds:.2f} seconds")
            told = f"{invocation.request_id} Task timed out after {seconds:.2f} seconds"
            outcome.log.append((self._now_ms(), told))
        elif self._killed_for == "init":
            self._fail(outcome, "Sandbox.Timedout",
                       f"{prefix}Init timed out after {INIT_LIMIT_S:.2f} seconds")
        elif self._killed_for == "size":
            self._refuse_size(outcome)
        elif self._killed_for == "memory" or self._status == 137 or self._group.killed():
            self._fail(outcome, "Runtime.OutOfMemory", f"{prefix}Runtime exited with error: signal: killed")
        elif body:
            self._report(outcome, json.loads(body), prefix)
        else:
            self._fail(outcome, "Runtime.ExitError", f"{prefix}{how_it_ended(self._status)}")

    def _report(self, outcome: Outcome, told: dict[str, Any], prefix: str) -> None:
        """What an init says of a runtime or an extension that failed."""
        self.retired = True
        outcome.memory_mb = -(-told["kb"] // 1024)
        self._fail(outcome, told["type"], prefix + told["message"])
        outcome.log.append((self._now_ms(), f"{prefix}{told['message']}\n{told['type']}"))

    def _exceed(self, outcome: Outcome, invocation: Invocation) -> None:
        """Where no control group holds the worker, what it has used is looked at when it answers."""
        prefix = f"RequestId: {invocation.request_id} Error: "
        self._fail(outcome, "Runtime.OutOfMemory", f"{prefix}Runtime exited with error: signal: killed")
        self.retired = True

    def _refuse_size(self, outcome: Outcome) -> None:
        limit = self._response.limit if self._response.exceeded else PAYLOAD_LIMIT
        message = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
        self._fail(outcome, "Function.ResponseSizeTooLarge", message)

    def _fail(self, outcome: Outcome, kind: str, message: str) -> None:
        outcome.error = kind
        outcome.payload = json.dumps({"errorType": kind, "errorMessage": message}).encode()

    def _finish(self) -> None:
        """Once the process has ended and all it said is read: tell whoever waits, and clean up."""
        if self._status is None or self._transport is not None:
            return
        self._outlet.end()
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(("X", b""))
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._group.close()
        self._gone.set()
