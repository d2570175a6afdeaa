"""One request and its answer on a connection: the body that arrives, and the head that goes out."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from ..functions.doors import Guest
from ..wire.http import Request, Response

STREAM_HIGH, STREAM_LOW = 1 << 20, 256 << 10  # bytes a stream holds before the socket is left unread
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
SMALL_BODY = 256 << 10  # bytes; a larger body is streamed
_NO_BODY = (101, 204, 304)


class Flow(Protocol):
    """What can be told to wait: the reading half of a connection."""

    def hold(self, reason: str) -> None: ...
    def unhold(self, reason: str) -> None: ...


class Stream:
    """The body of a request that is still arriving.

    ``ask`` is given if the client waits to be asked for it; it is, once somebody wants to read.
    """

    def __init__(self, flow: Flow, ask: Callable[[], None] | None = None) -> None:
        self._flow, self._ask = flow, ask
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._more = asyncio.Event()
        self.complete = False
        self.failure = ""

    @property
    def withheld(self) -> bool:
        """Whether the client still waits to be asked."""
        return self._ask is not None and not self.complete

    def feed(self, piece: bytes) -> None:
        """Bytes have arrived."""
        self._ask = None
        self._pieces.append(piece)
        self._size += len(piece)
        self._more.set()
        if self._size > STREAM_HIGH:
            self._flow.hold("stream")

    def end(self, failure: str = "") -> None:
        """All has arrived, or nothing more will."""
        self.complete, self.failure = True, failure
        self._more.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._size -= len(piece)
                if self._size < STREAM_LOW:
                    self._flow.unhold("stream")
                yield piece
            if self.failure:
                raise ConnectionAbortedError(self.failure)
            if self.complete:
                return
            ask, self._ask = self._ask, None
            if ask:
                ask()
            self._more.clear()
            await self._more.wait()

    async def drain(self, most: int) -> bool:
        """Let what nobody read pass by, so that the next request can be read; False if it is too much."""
        async for piece in self:
            most -= len(piece)
            if most < 0:
                return False
        return True


class Exchange:
    """One request, what is known of its body, and how far its answer is."""

    __slots__ = ("begun", "body", "keep_alive", "old", "request", "stream")

    def __init__(self, request: Request, *, keep_alive: bool, old: bool) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.stream: Stream | None = None
        self.keep_alive = keep_alive
        self.old = old  # HTTP/1.0: knows no chunks
        self.begun = False  # the head of the answer is out

    def head(self, response: Response, date: str) -> tuple[bytes, bool]:
        """The head of the answer, and whether its body goes in chunks."""
        status, headers, body = response.status, response.headers, response.body
        lines = [_LINES.get(status) or f"HTTP/1.1 {status} Status\r\n", "date: ", date, "\r\n"]
        for name, value in headers.items():
            for item in value if isinstance(value, list) else (value,):
                text = item if "\n" not in item and "\r" not in item and "\0" not in item else _one_line(item)
                lines += (name, ": ", text, "\r\n")
        chunked = False
        if "content-length" not in headers and status not in _NO_BODY:
            if isinstance(body, bytes):
                lines.append(f"content-length: {len(body)}\r\n")
            elif self.old:
                self.keep_alive = False  # the end of the connection is the end of the body
            else:
                chunked = True
                lines.append("transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append("connection: close\r\n")
        elif self.old:
            lines.append("connection: keep-alive\r\n")
        lines.append("\r\n")
        return "".join(lines).encode("utf-8", "replace"), chunked

    def bodiless(self, response: Response) -> bool:
        """Whether the answer ends with its head."""
        return self.request.method == "HEAD" or response.status in _NO_BODY


def refusal(status: int, why: str) -> bytes:
    """The answer to what is no request."""
    body = why.encode("utf-8", "replace")
    return (
        f"{_LINES[status]}content-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    ).encode() + body


def request_of(method: str, url: bytes, headers: dict[str, str], peer: str, guest: Guest | None,
               head: int) -> Request:
    """A request whose head is here, and has ``head`` bytes."""
    path, _, query = url.decode("utf-8", "replace").partition("?")
    if not path.startswith("/"):  # the form that proxies get, "http://host/path"
        authority, _, rest = path.partition("://")[2].partition("/")
        path = "/" + rest
        if authority:
            headers["host"] = authority
    return Request(method, path, query, headers, peer=peer, guest=guest.key if guest else None,
                   head=head)


def wishes_websocket(method: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a request is to become a WebSocket; it has no body then."""
    return method == b"GET" and headers.get("upgrade", "").lower() == "websocket" \
        and "content-length" not in headers and "transfer-encoding" not in headers


def without_wish(method: bytes, url: bytes, version: bytes, headers: Mapping[str, str]) -> bytes:
    """A head as it would be without its wish for another protocol."""
    kept = {name: text for name, text in headers.items() if name not in ("upgrade", "connection")}
    if "close" in headers.get("connection", "").lower():
        kept["connection"] = "close"
    lines = [f"{name}: {value}\r\n".encode() for name, value in kept.items()]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version, b"".join(lines))


def _one_line(text: str) -> str:
    """A header's value that can't be taken for a further header."""
    return " ".join(text.replace("\0", " ").split())
