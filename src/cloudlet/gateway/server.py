"""HTTP/1.1 on a thin asyncio protocol over httptools.

One connection is a queue of exchanges, answered in order (pipelining). A body that is complete when
its head is, or soon after, is handed over whole; a larger one is handed over as a stream, and the
socket is not read while the stream is full, so no body is ever held in memory.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

import httptools

from ..wire.http import Request, Response

Handler = Callable[[Request], Awaitable[Response]]

HEAD_LIMIT = 64 << 10  # bytes of request line and headers
SMALL_BODY = 256 << 10  # bytes; a larger body is streamed
STREAM_HIGH, STREAM_LOW = 1 << 20, 256 << 10  # bytes a stream holds before the socket is left unread
PIPELINED = 32  # requests waiting on one connection before it is left unread
IDLE_S = 120.0  # an idle connection is closed after this
STALLED_S = 60.0  # a request that stops arriving, or a client that stops reading, after this
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_BODY = (204, 304)


class Stream:
    """The body of a request that is still arriving."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._more = asyncio.Event()
        self.complete = False
        self.failure = ""

    def feed(self, piece: bytes) -> None:
        """Bytes have arrived."""
        self._pieces.append(piece)
        self._size += len(piece)
        self._more.set()
        if self._size > STREAM_HIGH:
            self._connection.hold("stream")

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
                    self._connection.unhold("stream")
                yield piece
            if self.failure:
                raise ConnectionAbortedError(self.failure)
            if self.complete:
                return
            self._more.clear()
            await self._more.wait()

    def discard(self) -> None:
        """Nobody wants the rest."""
        self._pieces.clear()
        self._size = 0
        self._connection.unhold("stream")


class Exchange:
    """One request and its answer."""

    __slots__ = ("body", "keep_alive", "request", "stream", "trailing")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.stream: Stream | None = None
        self.keep_alive = True
        self.trailing = False


class Connection(asyncio.Protocol):
    """One socket."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._headers: dict[str, str] = {}
        self._url = b""
        self._head = self._size = 0
        self._current: Exchange | None = None  # the one being read
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._held: set[str] = set()
        self._writable = asyncio.Event()
        self._writable.set()
        self._closing = False
        self._seen = time.monotonic()
        self._watch: asyncio.TimerHandle | None = None

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self._server.connections.add(self)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"
        self._watch = self._server.loop.call_later(STALLED_S, self._look)

    def data_received(self, data: bytes) -> None:
        self._seen = time.monotonic()
        self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "This server does not switch protocols here.")
        except httptools.HttpParserError as error:
            self._refuse(400, f"Malformed request: {error}")
        else:
            if self._current is None and self._head > HEAD_LIMIT:
                self._refuse(431, f"The request's headers are larger than {HEAD_LIMIT} bytes.")

    def eof_received(self) -> bool:
        return self._task is not None or bool(self._waiting)  # a client may close its half and still listen

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._closing = True
        if self._watch:
            self._watch.cancel()
        self._writable.set()
        if self._current and self._current.stream and not self._current.stream.complete:
            self._current.stream.end("The client went away.")
        self._waiting.clear()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._seen = time.monotonic()
        self._writable.set()

    # -- httptools' side

    def on_message_begin(self) -> None:
        self._headers, self._url = {}, b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        if self._current is not None:
            if len(self._current.request.trailers) < 64:
                self._current.request.trailers[key] = text
        elif key in self._headers:
            self._headers[key] += "," + text
        else:
            self._headers[key] = text

    def on_headers_complete(self) -> None:
        path, _, query = self._url.decode("utf-8", "replace").partition("?")
        if not path.startswith("/"):
            path = "/" + path.partition("://")[2].partition("/")[2] if "://" in path else "/"
        request = Request(self._parser.get_method().decode(), path, query, self._headers, peer=self._peer)
        self._current = Exchange(request)
        self._current.keep_alive = self._parser.should_keep_alive()
        self._size = 0
        if self._headers.get("expect", "").lower() == "100-continue" and not self._waiting and self._task is None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, piece: bytes) -> None:
        exchange = self._current
        assert exchange
        if exchange.stream is not None:
            exchange.stream.feed(piece)
            return
        exchange.body.append(piece)
        self._size += len(piece)
        if self._size > SMALL_BODY:
            exchange.stream = exchange.request.stream = Stream(self)
            for part in exchange.body:
                exchange.stream.feed(part)
            exchange.body = []
            self._arrived(exchange)

    def on_message_complete(self) -> None:
        exchange, self._current, self._head = self._current, None, 0
        assert exchange
        if exchange.stream is not None:
            exchange.stream.end()
            return
        body = exchange.body
        exchange.request.body = body[0] if len(body) == 1 else b"".join(body)
        self._arrived(exchange)

    # -- ours

    def hold(self, reason: str) -> None:
        """Read no more from the socket for now."""
        if not self._held and not self._closing:
            self._transport.pause_reading()
        self._held.add(reason)

    def unhold(self, reason: str) -> None:
        """That reason to stop reading is gone."""
        if reason in self._held:
            self._held.discard(reason)
            self._seen = time.monotonic()
            if not self._held and not self._closing:
                self._transport.resume_reading()

    def stop(self) -> None:
        """Finish what is being answered and close."""
        self._closing = True
        if self._task is None:
            self._transport.close()

    async def finished(self) -> None:
        """Until what is being answered is."""
        if self._task:
            await asyncio.wait([self._task])

    def _arrived(self, exchange: Exchange) -> None:
        if self._closing:
            return
        if self._task is None:
            self._task = self._server.loop.create_task(self._answer(exchange))
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= PIPELINED:
            self.hold("pipeline")

    async def _answer(self, exchange: Exchange) -> None:
        """Answer one exchange and whatever waits behind it."""
        next_one: Exchange | None = exchange
        while next_one is not None:
            exchange = next_one
            try:
                response = await self._server.handler(exchange.request)
                await self._send(exchange, response)
            except ConnectionError:
                self._abort()
                break
            if not exchange.keep_alive or self._closing:
                self._closing = True
                self._transport.close()
                break
            if exchange.stream is not None and not exchange.stream.complete:
                await self._drain(exchange.stream)
            next_one = self._waiting.popleft() if self._waiting else None
            self.unhold("pipeline")
        self._task = None

    async def _drain(self, stream: Stream) -> None:
        """Let the rest of an unread body pass, so that the next request can be read."""
        async for _ in stream:
            pass

    async def _send(self, exchange: Exchange, response: Response) -> None:
        body, headers = response.body, response.headers
        lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Status')}\r\ndate: {self._server.date()}\r\n"]
        for name, value in headers.items():
            for item in value if isinstance(value, list) else (value,):
                lines.append(f"{name}: {item}\r\n" if "\n" not in item and "\r" not in item
                             else f"{name}: {' '.join(item.split())}\r\n")
        if not exchange.keep_alive:
            lines.append("connection: close\r\n")
        head_only = exchange.request.method == "HEAD" or response.status in _NO_BODY
        if isinstance(body, bytes):
            if "content-length" not in headers and response.status not in _NO_BODY:
                lines.append(f"content-length: {len(body)}\r\n")
            lines.append("\r\n")
            head = "".join(lines).encode("utf-8", "replace")
            self._transport.write(head if head_only else head + body)
            if not self._writable.is_set():
                await self._writable.wait()
            return
        chunked = "content-length" not in headers
        if chunked:
            lines.append("transfer-encoding: chunked\r\n")
        lines.append("\r\n")
        self._transport.write("".join(lines).encode("utf-8", "replace"))
        if not head_only:
            await self._send_pieces(body, chunked)

    async def _send_pieces(self, body: AsyncIterator[bytes], chunked: bool) -> None:
        try:
            async for piece in body:
                if self._closing and self._transport.is_closing():
                    raise ConnectionAbortedError
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if not self._writable.is_set():
                    await self._writable.wait()
        except ConnectionError:
            raise
        except Exception as error:  # the head is sent: all that can be said now is to break off
            self._server.report(error)
            raise ConnectionAbortedError from error
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def _refuse(self, status: int, why: str) -> None:
        """Answer what is no request, and close."""
        if self._closing:
            return
        self._closing = True
        if self._current and self._current.stream:
            self._current.stream.end(why)
        body = why.encode()
        self._transport.write(f"HTTP/1.1 {status} {_PHRASES[status]}\r\ncontent-type: text/plain\r\n"
                              f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self._transport.close()

    def _abort(self) -> None:
        self._closing = True
        self._transport.abort()

    def _look(self) -> None:
        """Close the connection if it idles or stalls for too long; look again later if not."""
        idle = self._current is None and self._task is None and not self._head
        waiting = self._current is not None or bool(self._head) or not self._writable.is_set()
        age = time.monotonic() - self._seen
        if (idle and age > IDLE_S) or (waiting and not self._held and age > STALLED_S):
            self._abort()
            return
        self._watch = self._server.loop.call_later(STALLED_S / 2, self._look)


class Server:
    """Listens, and hands every request to one handler."""

    def __init__(self, handler: Handler, report: Callable[[BaseException], None]) -> None:
        self.handler, self.report = handler, report
        self.loop = asyncio.get_running_loop()
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._date, self._date_s = "", 0.0

    async def start(self, host: str, port: int) -> int:
        """Listen; the port comes back, for 0 takes a free one."""
        self._server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self, patience_s: float = 10.0) -> None:
        """Take no more connections, and let what is being answered finish."""
        if self._server:
            self._server.close()
        open_now = list(self.connections)
        for connection in open_now:
            connection.stop()
        if open_now:
            await asyncio.wait([asyncio.ensure_future(c.finished()) for c in open_now], timeout=patience_s)
        for connection in list(self.connections):
            connection._abort()

    def date(self) -> str:
        """The ``Date`` header, made once a second."""
        now = time.monotonic()
        if now - self._date_s >= 1:
            self._date, self._date_s = formatdate(usegmt=True), now
        return self._date
