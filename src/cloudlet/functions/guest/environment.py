"""An execution environment: a runtime and its extensions, initialised, invoked and shut down together.

One that failed is not repaired: the init stops it and makes another, as AWS resets its own.
"""

import asyncio
import contextlib
import os
import signal
import time
import typing

from . import peers
from .exchange import Answer, Request
from .extensions_api import INVOKE, MOST, SHUTDOWN, Extension, Extensions
from .processes import Process, Processes, how_it_ended
from .reports import TIMED_OUT, Reports, tracing
from .runtime_api import Runtime, Turn
from .runtimes import Launched, NotRunnable, launch
from .telemetry_api import Relay

Told = typing.Dict[str, typing.Any]
Tell = typing.Callable[[str, bytes], "typing.Awaitable[None]"]
# Source: docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, the shutdown phase
_SHUTDOWN_S = {"external": 2.0, "internal": 0.5}
_RUNTIME_S = {"external": 0.3, "internal": 0.5}  # of that, for the runtime
# what is the runtime's alone. Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
_HIDDEN = ("AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
           "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT")


class Failure(Exception):
    """The environment can't go on: AWS's name for why, what it says, and the runtime's own report, if any."""

    def __init__(self, kind: str, message: str, payload: bytes = b"") -> None:
        super().__init__(message)
        self.kind, self.message, self.payload = kind, message, payload


class Environment:
    """A runtime and its extensions."""

    def __init__(self, setup: Told, processes: Processes, tell: Tell,
                 write: typing.Callable[[str], None]) -> None:
        self._setup, self._processes, self._tell = setup, processes, tell
        self.failed: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
        self.initialised = self._stopping = False
        self._first = ""  # the error that an extension told before it ended
        self._awaited: list[tuple[typing.Callable[[], bool], asyncio.Future[None]]] = []
        self._relay = Relay(peers.is_ours if processes.grouped else lambda address: True)
        self._reports = Reports(setup, self._relay, write)
        self._extensions = Extensions(setup["about"], self._look, self._note)
        self._runtime, self._launched = Runtime(tell, self.drain), typing.cast("Launched | None", None)

    async def serve(self, request: Request) -> "Answer | None":
        """A request to one of the APIs."""
        path = request.path.partition("?")[0].rstrip("/")
        if path.startswith("/2018-06-01/runtime/"):
            return await self._runtime.serve(request)
        if path.startswith("/2020-01-01/extension/"):
            return await self._extensions.serve(request)
        if request.method == "PUT" and path in ("/2022-07-01/telemetry", "/2020-08-15/logs"):
            found = self._extensions.find(request)
            if isinstance(found, Answer):
                return found
            return self._subscribe(found, path, await request.body())
        return Answer(404, b"404 page not found\n")

    async def initialise(self, phase: str, limit_s: float) -> None:
        """Start everything, and wait until all are ready; without a limit if that is 0."""
        begun, loop, error = time.time(), asyncio.get_running_loop(), ""
        timer = loop.call_later(limit_s, self.fail, Failure(TIMED_OUT, "")) if limit_s else None
        self._reports.init_begins(phase)
        try:
            await self._start()
            self._reports.runtime_initialised(phase)
            await self._until(self._when(lambda: all(one.state in ("Ready", "Running")
                                                     for one in self._extensions.all.values())))
            self.initialised = True
        except Failure as failure:
            error = failure.kind
            if not self._runtime.initialised.done():
                self._reports.runtime_initialised(phase, error)
            raise
        finally:
            if timer is not None:
                timer.cancel()
            self._extensions.open = False
            ms = (time.time() - begun) * 1000
            self._reports.init_ends(phase, ms, self._extensions.all.values(), error)
            self._relay.turn_off()

    async def invoke(self, turn: Turn, send: typing.Callable[[], "typing.Awaitable[None]"]) -> None:
        """Give everybody the event, and wait until all are done; ``send`` when the answer may leave."""
        assert self._launched
        self._reports.begins(turn)
        told = self._extensions.subscribed(INVOKE)
        for one in told:
            one.give({"eventType": INVOKE, "deadlineMs": turn.head["deadline_ms"], "requestId": turn.id,
                      "invokedFunctionArn": turn.head["arn"], "tracing": tracing(turn)})
        self._runtime.give(turn)
        self._launched.give(turn)
        waited_since = None
        try:
            await self._until(turn.answered)
            if not told:
                await send()
            await self._until(turn.over)
            self._reports.runtime_done(turn)
            if told:
                waited_since = time.time()
                await self._until(self._when(lambda: all(one.state == "Ready" for one in told)))
        except Failure as failure:
            if not turn.over.done():
                self._reports.runtime_done(turn, failure.kind)
            self._reports.ends(turn, self.most_kb(), waited_since, failure.kind)
            raise
        self._reports.ends(turn, self.most_kb(), waited_since)

    def fail(self, failure: Failure) -> None:
        """It can't go on; the first failure counts."""
        if not self.failed.done() and not self._stopping:
            self.failed.set_result(failure)

    async def stop(self, reason: str) -> None:
        """Shut down: with extensions gracefully, as long as AWS waits; without, at once."""
        self._stopping, self.initialised = True, False
        runtime = self._launched.process if self._launched else None
        extensions = list(self._extensions.all.values())
        external = [one.process for one in extensions if one.process]
        if extensions:
            deadline = time.time() + _SHUTDOWN_S["external" if external else "internal"]
            if runtime:
                inner = any(not one.external for one in extensions)
                runtime.signal(signal.SIGTERM)
                await _ends([runtime], time.time() + _RUNTIME_S["internal" if inner else "external"])
                runtime.signal(signal.SIGKILL)
            await self._relay.flush(max((deadline - time.time()) / 2, 0))
            self._shut_down(extensions, reason, deadline)
            await _ends(external, deadline)
        for process in [*external, *([runtime] if runtime else [])]:
            process.signal(signal.SIGKILL)
            await process.ended
            process.close()
        self._relay.close()
        if self._launched:
            self._launched.close()

    def drain(self) -> None:
        """Take over what has been written up to now."""
        for one in self._extensions.all.values():
            if one.process:
                one.process.read()
        if self._launched:
            self._launched.process.read()

    def most_kb(self) -> int:
        """The most memory that was used in here."""
        return max(self._processes.most_kb(), self._launched.most_kb if self._launched else 0)

    # -- the phases

    async def _start(self) -> None:
        """Extensions first; the runtime once all have registered."""
        environment = {key: value for key, value in self._setup["environment"].items()
                       if key not in _HIDDEN and not key.startswith("_")}
        found: dict[str, str] = {}
        for folder in self._setup["extensions"]:
            with contextlib.suppress(OSError):
                found.update((name, f"{folder}/{name}") for name in os.listdir(folder)
                             if not os.path.isdir(f"{folder}/{name}"))
        for name, path in sorted(found.items()):
            self._launch(self._extensions.launch(name), path, environment)
        external = list(self._extensions.all.values())
        await self._until(self._when(lambda: all(one.state != "Started" for one in external)))
        try:
            self._launched = launch(self._setup, self._processes, self._runtime, self._tell,
                                    self._reports.say)
        except NotRunnable as error:
            raise Failure(error.kind, str(error)) from None
        self._launched.process.ended.add_done_callback(lambda ended: self._runtime_ended(ended.result()))
        await self._until(self._runtime.initialised)
        self._extensions.open = False

    def _launch(self, extension: Extension, path: str, environment: "dict[str, str]") -> None:
        if len(self._extensions.all) > MOST:
            extension.state, extension.error_type = "LaunchError", "TooManyExtensions"
            raise Failure("Extension.LaunchError", "ErrTooManyExtensions")
        try:
            process = self._processes.start([path], environment, "/",
                                            lambda line: self._reports.say(line, "extension"))
        except OSError as error:
            extension.state = "LaunchError"
            denied = isinstance(error, PermissionError)
            extension.error_type = "PermissionDenied" if denied else "UnknownError"
            what = os.strerror(error.errno or 0).lower()
            raise Failure("Extension.LaunchError", f"fork/exec {path}: {what}") from None
        extension.process = process
        process.ended.add_done_callback(lambda ended: self._extension_ended(ended.result()))

    def _shut_down(self, extensions: "list[Extension]", reason: str, deadline: float) -> None:
        """Tell the external ones that want to know; the others have no use any more."""
        for one in extensions:
            if one.process and SHUTDOWN in one.events and one.state in ("Ready", "Running"):
                one.give({"eventType": SHUTDOWN, "shutdownReason": reason,
                          "deadlineMs": int(deadline * 1000)})
            elif one.process:
                one.process.signal(signal.SIGKILL)

    def _runtime_ended(self, status: int) -> None:
        message = f"Runtime exited with error: {how_it_ended(status)}" if status else \
            "Runtime exited without providing a reason"
        self.fail(Failure(self._first or "Runtime.ExitError", message, self._runtime.init_error))

    def _extension_ended(self, status: int) -> None:
        message = how_it_ended(status) if status else "exit code 0"
        self.fail(Failure(self._first or "Extension.Crash", message))

    def _subscribe(self, extension: Extension, path: str, body: bytes) -> Answer:
        if path.endswith("/logs"):  # answered as AWS documents it for local environments
            self._reports.warn(f"the extension {extension.name} asked for the Logs API, which is not served; "
                               "the Telemetry API is (PUT /2022-07-01/telemetry).")
            return Answer(202, {"errorType": "Logs.NotSupported",
                                "errorMessage": "Logs API is not supported"})
        answer, types = self._relay.subscribe(extension.name, body)
        if types:
            self._reports.subscribed(extension.name, types)
        return answer

    # -- waiting

    def _when(self, condition: "typing.Callable[[], bool]") -> "asyncio.Future[None]":
        """A future that is done as soon as a condition on the extensions holds."""
        awaited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append((condition, awaited))
        self._look()
        return awaited

    def _look(self) -> None:
        """An extension has changed its state."""
        for condition, awaited in self._awaited:
            if condition():
                awaited.set_result(None)
        self._awaited = [(condition, awaited) for condition, awaited in self._awaited if not awaited.done()]

    async def _until(self, awaited: "asyncio.Future[typing.Any]") -> None:
        await asyncio.wait({awaited, self.failed}, return_when=asyncio.FIRST_COMPLETED)
        if not awaited.done():
            raise self.failed.result()

    def _note(self, kind: str) -> None:
        self._first = self._first or kind


async def _ends(processes: "list[Process]", deadline: float) -> None:
    """Until all have ended, or the deadline."""
    running = [one.ended for one in processes if not one.ended.done()]
    if running:
        await asyncio.wait(running, timeout=max(deadline - time.time(), 0))
