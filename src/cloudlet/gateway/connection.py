"""One socket: requests in, answers out, in order.

A connection is a queue of exchanges (pipelining). A body that is complete when its head is, or soon
after, is handed over whole; a larger one is handed over as a stream, and the socket is not read while
the stream is full, so no body is ever held in memory.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import NoReturn

import httptools

from ..functions.doors import Guest
from ..wire.http import Response
from .bodies import TRAILERS
from .exchange import SMALL_BODY, Exchange, Stream, refusal, request_of, wishes_websocket, without_wish
from .home import Home

PIPELINED = 32  # requests waiting on one connection before it is left unread
_JOINED = 32 << 10  # bytes; a larger body is not copied behind its head
_LINGER_S = 1.0  # how long a refused client may go on sending, so that it comes to read why


class Connection(asyncio.Protocol):
    """One socket."""

    def __init__(self, server: Home, guest: Guest | None = None) -> None:
        self._server, self._limits, self.guest = server, server.limits, guest
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._headers: dict[str, str] = {}
        self._url = b""
        self._head = self._size = 0  # bytes of names and values; of body
        self._framing = 0  # bytes of the current request that were not body
        self._current: Exchange | None = None  # the one being read
        self._waiting: deque[Exchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self._held: set[str] = set()
        self._early: bytes | None = None  # what came behind a wish for WebSocket, which is being answered
        self._writable = asyncio.Event()
        self._writable.set()
        self._wrong: tuple[int, str] | None = None  # what makes the bytes that arrive no request
        self._closing = self._ended = False  # by us; by the client
        self._seen = self._began = self._stuck = time.monotonic()
        self._watch: asyncio.TimerHandle | None = None

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._closing = self._server.stopping
        if self._closing:
            self._transport.close()
        self._server.join(self)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"
        self._watch = self._server.loop.call_later(self._limits.stalled_s / 2, self._look)

    def data_received(self, data: bytes) -> None:
        if self._wrong or (self._closing and self._current is None):
            return
        self._seen = time.monotonic()
        if not self._framing:
            self._began = self._seen
        self._framing += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            if str(error).startswith("Pause on PRI") and self._task is None:
                self._hand_over(data)
            else:
                self._refuse(*(self._wrong or (400, f"Malformed request: {error}")))
        else:
            # chunks and their extensions may cost something, but not without end
            if self._framing > self._limits.head + 16 * self._size:
                self._refuse(431, self._too_large())

    def eof_received(self) -> bool:
        self._ended = True
        if self._current is not None:
            if self._current.stream:
                self._current.stream.end("The client went away in the middle of its request.")
            self._current = None
        return self._task is not None  # a client may close its half and still listen

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        if self._watch:
            self._watch.cancel()
        self._writable.set()
        if self._current and self._current.stream and not self._current.stream.complete:
            self._current.stream.end("The client went away.")
        self._waiting.clear()
        self._server.forget(self)

    def pause_writing(self) -> None:
        self._stuck = time.monotonic()
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- httptools' side

    def on_message_begin(self) -> None:
        self._headers, self._url, self._head = {}, b"", 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._head += len(url)
        if self._head > self._limits.head:
            self._fail(431, self._too_large())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        if self._head > self._limits.head:
            self._fail(431, self._too_large())
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        if self._current is not None:
            if len(self._current.request.trailers) < TRAILERS:
                self._current.request.trailers[key] = text
        elif key not in self._headers:
            self._headers[key] = text
        elif key == "host":
            self._fail(400, "Malformed request: it names two hosts.")
        else:
            self._headers[key] += ("; " if key == "cookie" else ",") + text

    def on_headers_complete(self) -> None:
        headers, parser = self._headers, self._parser
        method = parser.get_method().decode()
        if method == "CONNECT":
            self._fail(400, "This server is no proxy.")
        if parser.should_upgrade():
            return
        request = request_of(method, self._url, headers, self._peer, self.guest, self._head)
        old = parser.get_http_version() == "1.0"
        expects = not old and "expect" in headers and headers["expect"].lower() == "100-continue"
        self._current = exchange = Exchange(request, keep_alive=parser.should_keep_alive(), old=old)
        self._size = 0
        if expects:  # it is judged before its body is asked for
            exchange.stream = request.stream = Stream(self, self._continue)
            self._arrived(exchange)

    def on_body(self, piece: bytes) -> None:
        exchange = self._current
        assert exchange
        self._size += len(piece)
        self._framing -= len(piece)
        if exchange.stream is not None:
            exchange.stream.feed(piece)
            return
        exchange.body.append(piece)
        if self._size > SMALL_BODY:
            exchange.stream = exchange.request.stream = Stream(self)
            for part in exchange.body:
                exchange.stream.feed(part)
            exchange.body = []
            self._arrived(exchange)

    def on_message_complete(self) -> None:
        exchange, self._current, self._framing = self._current, None, 0
        if exchange is None:  # it wished for another protocol: see _feed
            return
        if exchange.stream is not None:
            exchange.stream.end()
            return
        body = exchange.body
        exchange.request.body = body[0] if len(body) == 1 else b"".join(body)
        self._arrived(exchange)

    # -- ours

    def hold(self, reason: str) -> None:
        """Read no more from the socket for now."""
        if not self._held and not self._transport.is_closing():
            self._transport.pause_reading()
        self._held.add(reason)

    def unhold(self, reason: str) -> None:
        """That reason to stop reading is gone."""
        if reason in self._held:
            self._held.discard(reason)
            self._seen = self._began = time.monotonic()
            if not self._held and not self._transport.is_closing():
                self._transport.resume_reading()

    def stop(self) -> None:
        """Finish what is being answered and close."""
        self._closing = True
        if self._task is None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever was still to be said."""
        self._closing = True
        self._transport.abort()

    def _hand_over(self, data: bytes) -> None:
        """The client speaks HTTP/2: let one who does have the socket, and what came behind the preface."""
        from .http2 import PREFACE, Http2  # 60 ms, and few ask for it

        if self._watch:
            self._watch.cancel()
        other = Http2(self._server, self._transport, self._peer, self.guest)
        self._transport.set_protocol(other)
        self._server.forget(self)
        self._server.join(other)
        other.data_received(PREFACE + data[len(PREFACE) - self._framing + len(data) :])

    def _too_large(self) -> str:
        return f"The request's headers are larger than {self._limits.head} bytes."

    def _fail(self, status: int, why: str) -> NoReturn:
        """Stop the parser, from inside one of its callbacks."""
        self._wrong = status, why
        raise httptools.HttpParserError(why)

    def _feed(self, data: bytes) -> None:
        """Let the parser have it; a wish for a protocol but WebSocket is passed over, as HTTP allows."""
        while True:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as wish:
                rest = data[wish.args[0] :]
                if wishes_websocket(self._parser.get_method(), self._headers):
                    self._wish(rest)
                    return
                data = self._without_wish() + rest

    def _wish(self, early: bytes) -> None:
        """Let the request be answered that wishes for WebSocket; nothing else follows it in HTTP."""
        request = request_of("GET", self._url, self._headers, self._peer, self.guest, self._head)
        self._early, self._framing = early, 0
        self.hold("upgrade")
        self._arrived(Exchange(request, keep_alive=True, old=False))

    def _without_wish(self) -> bytes:
        """The head again, for a new parser: this one takes the body for the other protocol's first bytes."""
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        self._parser = httptools.HttpRequestParser(self)
        return without_wish(method, self._url, version, self._headers)

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
        while await self._answered(exchange) and self._waiting:
            exchange = self._waiting.popleft()
            if len(self._waiting) < PIPELINED // 2:
                self.unhold("pipeline")
        self._task = None
        if self._closing:
            return
        if self._wrong:
            self._send_refusal()
        elif self._ended:
            self._close()

    async def _answered(self, exchange: Exchange) -> bool:
        """Answer one exchange; whether there may be another after it."""
        stream, read = exchange.stream, True
        try:
            response = await self._server.handler(exchange.request)
            await self._send(exchange, response)
            if response.talk is not None:
                return False
            if stream is not None and not stream.complete:
                read = not stream.withheld and await stream.drain(self._limits.unread)
        except ConnectionError:
            if exchange.begun or not self._wrong:
                self.abort()
            return False
        except Exception as error:
            self._server.report(error)
            self.abort()
            return False
        if self._closing or not read or not exchange.keep_alive:
            self._close()
            return False
        return True

    async def _send(self, exchange: Exchange, response: Response) -> None:
        if self._closing or (self._early is not None and response.talk is None and not self._waiting):
            exchange.keep_alive = False
        if exchange.stream is not None and exchange.stream.withheld:
            exchange.keep_alive = False  # nobody can tell whether its body will come
        head, chunked = exchange.head(response, self._server.date())
        bodiless, body = exchange.bodiless(response), response.body
        exchange.begun = True
        if response.talk is not None:
            self._transport.write(head)
            self._closing = True  # for HTTP
            if self._watch:
                self._watch.cancel()
            self._server.talk(self, self._transport, response.talk, self._early or b"")
        elif not isinstance(body, bytes):
            self._transport.write(head)
            await self._send_pieces(body, response, chunked, bodiless)
        elif bodiless:
            self._transport.write(head)
        elif len(body) <= _JOINED:
            self._transport.write(head + body)
        else:
            self._transport.writelines([head, body])
        if not self._writable.is_set():
            await self._writable.wait()

    async def _send_pieces(
        self, body: AsyncIterator[bytes], response: Response, chunked: bool, bodiless: bool
    ) -> None:
        """Send a body as it comes. Its head is out: if it breaks off, so does the connection."""
        promised, sent = response.headers.get("content-length"), 0
        try:
            async for piece in body if not bodiless else _nothing():
                sent += len(piece)
                if self._transport.is_closing():
                    raise ConnectionAbortedError
                if promised is not None and sent > int(str(promised)):
                    raise ValueError(f"a body of {promised} bytes goes on after its end")
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if not self._writable.is_set():
                    await self._writable.wait()
        finally:
            close = getattr(body, "aclose", None)
            if close:
                await close()
        if not bodiless and promised is not None and sent != int(str(promised)):
            raise ValueError(f"a body of {promised} bytes ends after {sent}")
        if chunked and not bodiless:
            self._transport.write(b"0\r\n\r\n")

    def _continue(self) -> None:
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int, why: str) -> None:
        """Take no more from this client; tell it why, once what it asked before is answered."""
        self._wrong = status, why
        if self._current and self._current.stream:
            self._current.stream.end(why)
        self._current = None
        if self._task is None:
            self._send_refusal()

    def _send_refusal(self) -> None:
        """Say what is wrong, and read on for a moment: a reset would overtake the answer."""
        assert self._wrong
        if self._closing:
            return
        self._closing = True
        self._transport.write(refusal(*self._wrong))
        if self._transport.can_write_eof() and not self._ended:
            self._transport.write_eof()
            self._server.loop.call_later(_LINGER_S, self._transport.close)
        else:
            self._transport.close()

    def _close(self) -> None:
        self._closing = True
        self._transport.close()

    def _look(self) -> None:
        """Close the connection if it idles or stalls for too long; look again later if not."""
        now, limits = time.monotonic(), self._limits
        if not self._writable.is_set():
            over = now - self._stuck > limits.stalled_s
        elif self._held:
            over = False
        elif self._current is not None:
            over = now - self._seen > limits.stalled_s
        elif self._framing:
            over = now - self._began > limits.stalled_s
        else:
            over = self._task is None and now - self._seen > limits.idle_s
        if over:
            self.abort()
        else:
            self._watch = self._server.loop.call_later(limits.stalled_s / 2, self._look)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
