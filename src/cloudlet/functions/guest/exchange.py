"""HTTP/1.1 as the Lambda APIs need it: long polls, bodies in chunks with trailers, and who is asking.

A request whose client hangs up while it waits takes nothing away: what it waited for is still there.
"""

import asyncio
import contextlib
import http
import json
import typing

_LONGEST_HEAD = 2 << 20  # the cause of an error comes in a header of up to 1 MB
_PIECE = 64 << 10
Headers = typing.Dict[str, str]


class Answer(typing.NamedTuple):
    """What a request is answered with; a document goes out as JSON, bytes as they are."""

    status: int
    document: object = b""
    headers: Headers = {}


class Truncated(Exception):
    """The client went away in the middle of its request."""


class Request:
    """A request whose head has been read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: "list[str]") -> None:
        self._reader, self._writer = reader, writer
        self.method, self.path, self.version = head[0].split(" ", 2)
        self.headers = _headers(head[1:])
        self.trailers: Headers = {}
        self.kept_alive = (self.version != "HTTP/1.0"
                           and self.headers.get("connection", "").lower() != "close")
        self._unread = True
        self.ahead = b""  # of the next request

    async def pieces(self) -> "typing.AsyncIterator[bytes]":
        """The body as it comes; afterwards the trailers are known."""
        if not self._unread:
            return
        self._unread = False
        if self.headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            if "chunked" not in self.headers.get("transfer-encoding", "").lower():
                async for piece in self._exactly(max(int(self.headers.get("content-length") or 0), 0)):
                    yield piece
                return
            while size := int((await self._line()).split(b";")[0], 16):
                async for piece in self._exactly(size):
                    yield piece
                await self._line()
            lines = []
            while line := await self._line():
                lines.append(line.decode("latin-1"))
            self.trailers = _headers(lines)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as error:
            self.kept_alive = False
            raise Truncated from error

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.pieces()])

    async def unless_hung_up(self, awaited: "asyncio.Future[typing.Any]") -> bool:
        """Wait for a future; False when the client has gone away before."""
        async for _ in self.pieces():
            pass  # what comes after that is the next request
        peek = asyncio.ensure_future(self._reader.read(1))
        await asyncio.wait({awaited, peek}, return_when=asyncio.FIRST_COMPLETED)
        if peek.done() and not peek.cancelled():
            gone = peek.exception() is not None or not peek.result()
            if not gone:  # it sends its next request ahead
                self.ahead = peek.result()
                await asyncio.wait({awaited})
            return awaited.done() or not gone
        peek.cancel()
        await asyncio.wait({peek})
        return True

    async def _line(self) -> bytes:
        return (await self._reader.readuntil(b"\r\n"))[:-2]

    async def _exactly(self, size: int) -> "typing.AsyncIterator[bytes]":
        while size:
            piece = await self._reader.read(min(size, _PIECE))
            if not piece:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(piece)
            yield piece


Handle = typing.Callable[[Request], "typing.Awaitable[Answer | None]"]
Admit = typing.Callable[[typing.Tuple[str, int], typing.Tuple[str, int]], bool]


async def listen(handle: Handle, admit: Admit) -> "tuple[asyncio.AbstractServer, int]":
    """Serve requests on a port of loopback; connections that are not admitted are closed unheard."""
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if admit(writer.get_extra_info("peername"), writer.get_extra_info("sockname")):
                ahead: bytes | None = b""
                while ahead is not None:
                    ahead = await _one(handle, reader, writer, ahead)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError,
                Truncated):
            pass  # it went away, or does not speak HTTP
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_LONGEST_HEAD)
    return server, server.sockets[0].getsockname()[1]


async def _one(
    handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ahead: bytes
) -> "bytes | None":
    """One request and its answer; what was read of the next one, or None if there will be none."""
    head = (ahead + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip("\r\n").split("\r\n")
    request = Request(reader, writer, head)
    answer = await handle(request)
    if answer is None:
        return None  # the client has hung up
    with contextlib.suppress(Truncated):
        async for _ in request.pieces():
            pass  # what nobody wanted to read
    writer.write(_render(answer, request.kept_alive))
    await writer.drain()
    return request.ahead if request.kept_alive else None


def _render(answer: Answer, kept_alive: bool) -> bytes:
    body = answer.document
    headers = dict(answer.headers)
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "keep-alive" if kept_alive else "close"
    lines = [f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}",
             *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def _headers(lines: "list[str]") -> Headers:
    return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
