"""Lines over sockets.

A line that nobody reads holds little: the socket is left unread, as a connection of HTTP's is.
"""

import asyncio
from collections.abc import Callable

_HIGH = 1 << 18  # bytes that have arrived and nobody has read


class SocketLine(asyncio.Protocol):
    """A socket as a line. ``begin`` is called with it once it is there, ``gone`` once it is not."""

    def __init__(self, begin: Callable[["SocketLine"], None]) -> None:
        self._begin = begin
        self.gone: Callable[[], None] | None = None
        self._transport: asyncio.Transport
        self._arrived = bytearray()
        self._ended = self._paused = False
        self._more, self._writable = asyncio.Event(), asyncio.Event()
        self._writable.set()

    # -- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = transport  # type: ignore[assignment]
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._arrived += data
        self._more.set()
        if len(self._arrived) > _HIGH and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The other has ended; what is still to be said is said."""
        self.end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is no more."""
        self._writable.set()
        self.end()
        if self.gone:
            self.gone()

    def pause_writing(self) -> None:
        """The other is behind with reading."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._writable.set()

    # -- the line

    @property
    def peer(self) -> tuple[str, int]:
        """The address and port at the other end."""
        found = self._transport.get_extra_info("peername")
        return (str(found[0]), int(found[1])) if isinstance(found, tuple) else ("127.0.0.1", 0)

    async def read(self) -> bytes:
        """What has arrived since."""
        while not self._arrived and not self._ended:
            self._more.clear()
            await self._more.wait()
        data = bytes(self._arrived)
        self._arrived.clear()
        if self._paused and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send."""
        if self._transport.is_closing():
            raise ConnectionResetError("the other has gone")
        self._transport.write(data)
        await self._writable.wait()

    def close(self) -> None:
        """End it."""
        if not self._transport.is_closing():
            self._transport.close()

    def end(self) -> None:
        """Let it seem that the other has ended."""
        self._ended = True
        self._more.set()
