"""The Lambda Runtime API: a runtime asks for the next event, and says what came of it.

Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; the order that calls must have, the names of
the states and the errors are those of AWS's own runtime interface emulator.
"""

import asyncio
import base64
import contextlib
import json
import re
import time
import typing

from .exchange import Answer, Request, Truncated

PAYLOAD_LIMIT = 6 * 1024 * 1024 + 100  # bytes of an answer
TOO_LARGE = f"Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
_NO_MODE, _CUT_OFF = "Invalid function response mode", "HTTP request detected as truncated"
_NOT_ALLOWED = "State transition is not allowed"
_SENT = "RuntimeResponseSentState"
_WITH_CAUSE = "application/vnd.aws.lambda.error.cause+json"
_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
Told = typing.Dict[str, typing.Any]
Pass = typing.Callable[[str, bytes], "typing.Awaitable[None]"]


class Turn:
    """One invocation, and what has come of it so far."""

    def __init__(self, head: Told, event: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.id, self.head, self.event = head["request_id"], head, event
        self.answered: asyncio.Future[tuple[str, bytes]] = loop.create_future()  # A or E, and the payload
        self.over: asyncio.Future[None] = loop.create_future()  # the runtime has asked for the next one
        self.begun = self.responded = self.sent = time.time()
        self.produced = 0

    def answer(self, kind: str, payload: bytes) -> None:
        """It is answered; what comes later does not count."""
        self.sent = time.time()
        if not self.answered.done():
            self.answered.set_result((kind, payload))


class Runtime:
    """What the runtime may do in its present state.

    ``pass_on`` takes the pieces of a stream to the pool; ``drain`` takes over what was written up to now.
    """

    def __init__(self, pass_on: Pass, drain: typing.Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._pass_on, self._drain, self.state = pass_on, drain, "Started"
        self.initialised: asyncio.Future[None] = loop.create_future()
        self.init_error = b""
        self.turn: Turn | None = None
        self._given: asyncio.Future[None] = loop.create_future()

    def give(self, turn: Turn) -> None:
        """An event for the runtime."""
        self.turn = turn
        self._given.set_result(None)

    def is_ready(self) -> None:
        """It wants the next event."""
        self._drain()
        if self.state == "Started":
            self.initialised.set_result(None)
        elif self.turn is not None:
            self.turn.over.set_result(None)
            self.turn, self._given = None, asyncio.get_running_loop().create_future()
        self.state = "Ready"

    async def serve(self, request: Request) -> "Answer | None":
        """A request below ``/2018-06-01/runtime``."""
        method, steps = request.method, request.path.split("/")[3:]
        if (method, steps) == ("GET", ["invocation", "next"]):
            return await self._next(request)
        if (method, steps) == ("POST", ["init", "error"]):
            return await self._fail_to_start(request)
        if method == "POST" and len(steps) == 3 and steps[0] == "invocation":
            if self.turn is None or steps[1] != self.turn.id:
                return Answer(400, {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"})
            if steps[2] == "response":
                return await self._respond(self.turn, request)
            if steps[2] == "error":
                return await self._report(self.turn, request)
        return Answer(404, b"404 page not found\n")

    async def _next(self, request: Request) -> "Answer | None":
        if self.state in ("Started", _SENT):
            self.is_ready()
        elif self.state not in ("Ready", "Running"):
            return self._refused("Ready")
        if not await request.unless_hung_up(self._given):
            return None
        self.state = "Running"
        assert self.turn is not None
        head = self.turn.head
        headers = {"Lambda-Runtime-Aws-Request-Id": self.turn.id, "Lambda-Runtime-Trace-Id": head["trace"],
                   "Lambda-Runtime-Deadline-Ms": str(head["deadline_ms"]),
                   "Lambda-Runtime-Invoked-Function-Arn": head["arn"], "Content-Type": "application/json"}
        for name, key in (("Client-Context", "client_context"), ("Cognito-Identity", "identity")):
            if head.get(key):
                headers[f"Lambda-Runtime-{name}"] = json.dumps(head[key])
        return Answer(200, self.turn.event, headers)

    async def _respond(self, turn: Turn, request: Request) -> Answer:
        if self.state != "Running":
            return self._refused("InvocationResponse")
        self.state, turn.responded = "InvocationResponse", time.time()
        mode = request.headers.get("lambda-runtime-function-response-mode", "")
        try:
            if mode == "streaming":
                kind, payload = await self._stream(turn, request)
            elif mode:
                kind, payload = "E", _error("Runtime.InvalidResponseModeHeader", _NO_MODE)
            else:
                kind, payload = await _whole(request)
        except Truncated:
            self._settle(turn, "E", _error("Runtime.TruncatedResponse", _CUT_OFF))
            return Answer(400, {"errorMessage": _CUT_OFF, "errorType": "TruncatedHTTPRequest"})
        turn.produced = turn.produced or len(payload)
        self._settle(turn, kind, payload)
        if mode not in ("", "streaming"):
            return Answer(400, {"errorMessage": _NO_MODE, "errorType": "InvalidFunctionResponseMode"})
        if kind == "E" and not mode:
            message = f"Exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
            return Answer(413, {"errorMessage": message, "errorType": "RequestEntityTooLarge"})
        return Answer(202, {"status": "OK"})

    async def _stream(self, turn: Turn, request: Request) -> "tuple[str, bytes]":
        """Pass a streamed response on as it comes; an error in its trailers ends it as one."""
        head = {"contentType": request.headers.get("content-type", "application/octet-stream")}
        await self._pass_on("H", json.dumps(head).encode())
        async for piece in request.pieces():
            turn.produced += len(piece)
            await self._pass_on("S", piece)
        kind = request.trailers.get("lambda-runtime-function-error-type")
        if not kind:
            return "A", b""
        told, body = b"", request.trailers.get("lambda-runtime-function-error-body", "")
        with contextlib.suppress(ValueError):
            told = base64.b64decode(body, validate=True)
        return "E", told or _error(kind, "")

    async def _report(self, turn: Turn, request: Request) -> Answer:
        if self.state != "Running":
            return self._refused("InvocationErrorResponse")
        self.state, turn.responded = "InvocationErrorResponse", time.time()
        payload = b""
        with contextlib.suppress(Truncated):
            payload = await request.body()
        if request.headers.get("content-type") == _WITH_CAUSE:
            payload = _without_cause(payload)
        turn.produced = len(payload)
        kind = error_type(request.headers.get("lambda-runtime-function-error-type", ""))
        if len(payload) > PAYLOAD_LIMIT:
            kind, payload = "Function.ResponseSizeTooLarge", b""
        self._settle(turn, "E", payload or _error(kind, TOO_LARGE if "TooLarge" in kind else ""))
        return Answer(202, {"status": "OK"})

    async def _fail_to_start(self, request: Request) -> Answer:
        if self.state != "Started":
            return self._refused("InitError")
        self.state = "InitError"
        kind = error_type(request.headers.get("lambda-runtime-function-error-type", ""))
        self.init_error = (await request.body()) or _error(kind, "")
        return Answer(202, {"status": "OK"})

    def _settle(self, turn: Turn, kind: str, payload: bytes) -> None:
        self.state = _SENT
        turn.answer(kind, payload)

    def _refused(self, target: str) -> Answer:
        message = f"State transition from {self.state} to {target} failed for runtime. Error: {_NOT_ALLOWED}"
        return Answer(403, {"errorType": "InvalidStateTransition", "errorMessage": message})


def error_type(told: str) -> str:
    """What a runtime calls its error, if it does so as AWS asks."""
    if _ERROR_TYPE.search(told):
        return told
    return "Function.Unknown" if told.startswith("Function.") else "Runtime.Unknown"


async def _whole(request: Request) -> "tuple[str, bytes]":
    """A response that is not streamed, or the error that it is too large for."""
    kept, size = [], 0
    async for piece in request.pieces():
        size += len(piece)
        if size <= PAYLOAD_LIMIT:
            kept.append(piece)
    if size > PAYLOAD_LIMIT:
        return "E", _error("Function.ResponseSizeTooLarge", TOO_LARGE)
    return "A", b"".join(kept)


def _without_cause(payload: bytes) -> bytes:
    """The error for the caller, of one that also tells its cause to AWS X-Ray."""
    try:
        told = json.loads(payload)
        return json.dumps({key: told[key] for key in ("errorMessage", "errorType", "stackTrace")
                           if key in told}).encode()
    except (ValueError, TypeError):
        return b'"Invalid error body"'


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
