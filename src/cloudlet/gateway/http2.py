"""HTTP/2 with prior knowledge, over h2: for clients whose first bytes say that they speak nothing else.

The SDKs for JavaScript speak to Kinesis so. A connection begins as HTTP/1.1, whose parser stops at the
preface; only then is this imported and takes the socket over, so that the others pay nothing for it.
Flow control goes both ways: a body that nobody reads is not acknowledged, and an answer waits for its reader.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import ExtensionFrame, GoAwayFrame

from ..functions.doors import Guest
from ..wire.http import Response
from .bodies import TRAILERS
from .exchange import SMALL_BODY
from .home import Home
from .lanes import Fields, Lane, head_of, request_of, trailers_of

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STREAMS = 128  # requests of one connection at once
_WINDOW = 256 << 10  # bytes of a body that a client may send before it is acknowledged
_CONNECTION_WINDOW = 16 << 20  # and of all bodies together
_FRAME_HEAD = 9  # bytes; the kind of frame is the fourth
_TYPE, _GOAWAY, _GOODBYE = 3, 0x07, 0xF7  # the last is no frame of HTTP/2
_UNREAD = 1 << 20  # bytes of answers to pings and the like that a client leaves unread
_RESETS = 1000  # requests given up before they are answered, before the client is taken for a nuisance
_NO_BODY = (204, 304)
_NOTHING, _INTERNAL, _CALM = (h2.errors.ErrorCodes.NO_ERROR, h2.errors.ErrorCodes.INTERNAL_ERROR,
                              h2.errors.ErrorCodes.ENHANCE_YOUR_CALM)


class Http2(asyncio.Protocol):
    """One socket, and the requests that are on it at once."""

    def __init__(self, server: Home, transport: asyncio.Transport, peer: str, guest: Guest | None) -> None:
        self._server, self._limits, self.guest = server, server.limits, guest
        self._transport, self._peer = transport, peer
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=False, header_encoding="utf-8"))
        self._h2.local_settings = h2.settings.Settings(client=False, initial_values={
            h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
            h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: self._limits.head})
        self._h2.decoder.max_header_list_size = self._limits.head
        self._lanes: dict[int, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writable = asyncio.Event()
        self._writable.set()
        self._closing, self._last, self._resets = False, 0, 0
        self._goodbyes: list[int] = []  # where GOAWAY is said in what has just arrived
        self._mark, self._left = b"", len(PREFACE)  # of the head of the frame that arrives; of what it says
        self._seen = self._stuck = time.monotonic()
        self._watch = server.loop.call_later(self._limits.stalled_s / 2, self._look)
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)
        self._flush()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was made before."""

    def data_received(self, data: bytes) -> None:
        """Frames."""
        self._seen, self._goodbyes = time.monotonic(), []
        if self._overlong(data):
            self._send_away(h2.errors.ErrorCodes.FRAME_SIZE_ERROR)
            return
        if self._goodbyes:
            changed = bytearray(data)
            for at in self._goodbyes:
                changed[at] = _GOODBYE
            data = bytes(changed)
        try:
            events = self._h2.receive_data(data)
        except h2.exceptions.ProtocolError:  # what to say of it lies ready
            self._send_away(None)
            return
        for event in events:
            self._hear(event)
        self._flush()
        if self._transport.get_write_buffer_size() > _UNREAD and not self._lanes:
            self.abort()

    def eof_received(self) -> bool:
        """The client is gone: without its frames no answer could go on for long."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """All that is under way is broken off."""
        self._closing = True
        self._watch.cancel()
        self._writable.set()
        for lane in self._lanes.values():
            lane.break_off("The client went away.")
        self._server.forget(self)

    def pause_writing(self) -> None:
        """The client does not read."""
        self._stuck = time.monotonic()
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    # -- ours

    def acknowledge(self, lane: Lane, size: int) -> None:
        """Let the client send so much more of a body."""
        if size and not lane.complete and lane.id in self._lanes and not self._closing:
            try:
                self._h2.increment_flow_control_window(size, lane.id)
            except h2.exceptions.ProtocolError:  # it was given up in this very moment
                return
            self._flush()

    def stop(self) -> None:
        """Take no more requests, finish what is being answered and close."""
        if not self._closing:
            self._closing = True
            self._transport.write(GoAwayFrame(0, last_stream_id=self._last).serialize())
            if not self._lanes:
                self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._closing = True
        self._transport.abort()

    def _overlong(self, data: bytes) -> bool:
        """Whether a frame begins that is larger than we have said; h2 would wait for all of it first.

        Where a GOAWAY begins is noted: to h2 that is the end of the connection, while what the client has
        asked before must be answered (RFC 9113, 6.8). So h2 is shown a frame that it does not know.
        """
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
            else:
                step = min(_FRAME_HEAD - len(self._mark), len(data) - at)
                self._mark += data[at : at + step]
                if len(self._mark) == _FRAME_HEAD:
                    if self._mark[_TYPE] == _GOAWAY and step >= _FRAME_HEAD - _TYPE:
                        self._goodbyes.append(at + step - _FRAME_HEAD + _TYPE)
                    self._left, self._mark = int.from_bytes(self._mark[:3], "big"), b""
                    if self._left > self._h2.max_inbound_frame_size:
                        return True
            at += step
        return False

    def _send_away(self, code: h2.errors.ErrorCodes | None) -> None:
        """Say why, and close; whatever is under way is broken off."""
        if code is not None:
            self._h2.close_connection(code)
        self._flush()
        self._closing = True
        self._transport.close()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def _hear(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived():
                self._begin(event)
            case h2.events.DataReceived():
                self._take(event)
            case h2.events.TrailersReceived() if event.stream_id in self._lanes:
                lane = self._lanes[event.stream_id]
                lane.request.trailers.update(trailers_of(event.headers or [], TRAILERS))
            case h2.events.StreamEnded() if event.stream_id in self._lanes:
                lane = self._lanes[event.stream_id]
                if lane.end():
                    self._start(lane)
            case h2.events.StreamReset():
                self._give_up(event.stream_id)
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                for lane in self._lanes.values():
                    lane.room.set()
            case h2.events.ConnectionTerminated():
                self._leave()
            case h2.events.UnknownFrameReceived(frame=ExtensionFrame(type=kind)) if kind == _GOODBYE:
                self._leave()

    def _leave(self) -> None:
        """The client asks nothing more: what it has asked is answered, and then it is over."""
        self._closing = True
        if not self._lanes:
            self._transport.close()

    def _begin(self, event: h2.events.RequestReceived) -> None:
        if self._closing:
            self._h2.reset_stream(event.stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
            return
        self._last = event.stream_id
        try:
            request = request_of(event.headers or [], self._peer, self.guest.key if self.guest else None)
        except ValueError:
            self._h2.reset_stream(event.stream_id, h2.errors.ErrorCodes.PROTOCOL_ERROR)
            return
        self._lanes[event.stream_id] = Lane(self, event.stream_id, request)
        if request.headers.get("expect", "").lower() == "100-continue" and event.stream_ended is None:
            self._h2.send_headers(event.stream_id, [(":status", "100")])

    def _take(self, event: h2.events.DataReceived) -> None:
        credit = event.flow_controlled_length or 0
        if credit:
            self._h2.increment_flow_control_window(credit)  # the connection's: each stream has its own
        lane = self._lanes.get(event.stream_id)
        if lane is not None and not lane.gone and lane.feed(event.data or b"", credit, SMALL_BODY):
            self._start(lane)

    def _give_up(self, id: int) -> None:
        """The client wants no answer any more. Who does little else is sent away."""
        lane = self._lanes.pop(id, None)
        if lane is not None:
            lane.break_off("The client gave its request up.")
            self._resets += not lane.answered
        if self._resets > _RESETS and not self._closing:
            self._send_away(_CALM)

    def _start(self, lane: Lane) -> None:
        task = self._server.loop.create_task(self._answer(lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, lane: Lane) -> None:
        try:
            response = await self._server.handler(lane.request)
            await self._send(lane, response)
            lane.answered, self._resets = True, 0
            if not lane.complete:
                self._reset(lane, _NOTHING)  # the rest of its body nobody reads
        except ConnectionError:
            self._reset(lane, _INTERNAL)
        except Exception as error:
            self._server.report(error)
            self._reset(lane, _INTERNAL)
        finally:
            self._lanes.pop(lane.id, None)
            self._seen = time.monotonic()
            if self._closing and not self._lanes:
                self._transport.close()

    async def _send(self, lane: Lane, response: Response) -> None:
        body = response.body
        bodiless = lane.request.method == "HEAD" or response.status in _NO_BODY
        whole = len(body) if isinstance(body, bytes) and response.status not in _NO_BODY else None
        empty = bodiless or body == b""
        self._head(lane, head_of(response, self._server.date(), whole), empty)
        if isinstance(body, bytes):
            if not empty:
                await self._write(lane, body, last=True)
            return
        try:
            async for piece in body if not bodiless else _nothing():
                if piece:
                    await self._write(lane, piece, last=False)
        finally:
            close = getattr(body, "aclose", None)
            if close:
                await close()
        if not bodiless:
            await self._write(lane, b"", last=True)

    def _head(self, lane: Lane, fields: Fields, ends: bool) -> None:
        self._check(lane)
        self._h2.send_headers(lane.id, fields, end_stream=ends)
        self._flush()

    async def _write(self, lane: Lane, data: bytes, *, last: bool) -> None:
        """Send part of an answer, as far and as fast as the client takes it."""
        at = 0
        while True:
            if not self._writable.is_set():
                await self._writable.wait()
            self._check(lane)
            room = min(self._h2.local_flow_control_window(lane.id), self._h2.max_outbound_frame_size)
            left = len(data) - at
            if room <= 0 < left:
                await self._room(lane)
                continue
            piece = data[at : at + room] if left > room or at else data
            at += len(piece)
            self._h2.send_data(lane.id, piece, end_stream=last and at == len(data))
            self._flush()
            if at == len(data):
                return

    async def _room(self, lane: Lane) -> None:
        """Until the client takes more; one that never does is given up."""
        lane.room.clear()
        try:
            async with asyncio.timeout(self._limits.stalled_s):
                await lane.room.wait()
        except TimeoutError:
            raise ConnectionAbortedError("The client does not read its answer.") from None

    def _check(self, lane: Lane) -> None:
        if lane.gone or self._transport.is_closing():
            raise ConnectionAbortedError

    def _reset(self, lane: Lane, code: h2.errors.ErrorCodes) -> None:
        """Say that no more will come of it, if there is anybody to hear."""
        if lane.gone or self._transport.is_closing():
            return
        lane.gone = True
        try:
            self._h2.reset_stream(lane.id, code)
        except h2.exceptions.ProtocolError:
            return
        self._flush()

    def _look(self) -> None:
        """Close the connection if it idles or stalls for too long; look again later if not."""
        now, limits = time.monotonic(), self._limits
        if not self._writable.is_set():
            over = now - self._stuck > limits.stalled_s
        elif any(not lane.complete and not lane.held for lane in self._lanes.values()):
            over = now - self._seen > limits.stalled_s
        else:
            over = not self._lanes and now - self._seen > limits.idle_s
        if over:
            self.abort()
        else:
            self._watch = self._server.loop.call_later(limits.stalled_s / 2, self._look)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
