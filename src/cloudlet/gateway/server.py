"""HTTP/1.1 on a thin asyncio protocol over httptools, measured against frameworks and kept for its speed.

Who opens with HTTP/2's preface is handed over to :mod:`.http2`.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from functools import partial

from ..functions.doors import MOST_CONNECTIONS, Guest
from ..wire.http import Talk
from .connection import Connection
from .home import Guarded, Handler, Limits
from .sockets import SocketLine

_DEFAULT = Limits()


class Server:
    """Listens, and hands every request to one handler."""

    def __init__(
        self, handler: Handler, report: Callable[[BaseException], None], limits: Limits = _DEFAULT
    ) -> None:
        self.handler, self.report, self.limits = handler, report, limits
        self.loop = asyncio.get_running_loop()
        self.connections: set[Guarded] = set()
        self.stopping = False
        self._servers: list[asyncio.Server] = []
        self._talks: dict[asyncio.Task[None], SocketLine] = {}
        self._none_left = asyncio.Event()
        self._date, self._date_s = "", 0.0

    async def start(self, host: str, port: int, door: socket.socket | None = None) -> int:
        """Listen, at a socket that is bound already if there is one; the port comes back, for 0 takes a free
        one."""
        server = await (
            self.loop.create_server(lambda: Connection(self), sock=door, backlog=1024) if door
            else self.loop.create_server(lambda: Connection(self), host, port, backlog=1024))
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def open(self, host: str, port: int, talk: Talk) -> int:
        """Listen for those who speak another protocol from the first byte on; the port comes back."""
        server = await self.loop.create_server(lambda: SocketLine(partial(self._begin, talk)), host, port,
                                               backlog=1024)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def admit(self, door: socket.socket, guest: Guest) -> asyncio.Server:
        """Listen at the door of a function that has a network of its own, too."""
        return await self.loop.create_server(lambda: Connection(self, guest), sock=door, backlog=256)

    async def stop(self, patience_s: float = 10.0) -> None:
        """Take no more connections, and let what is being answered finish and be read."""
        self.stopping = True
        for server in self._servers:
            server.close()
        for line in tuple(self._talks.values()):
            line.end()
        for connection in tuple(self.connections):
            connection.stop()
        self._none_left.clear()
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._none_left.wait(), patience_s)
        for connection in tuple(self.connections):
            connection.abort()
        if self._talks:
            _, late = await asyncio.wait(self._talks, timeout=patience_s)
            for talk in late:
                talk.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def talk(self, connection: Guarded, transport: asyncio.Transport, talk: Talk, early: bytes) -> None:
        """Go on with a connection that is no longer HTTP's; of a function's it still counts as one."""
        line = SocketLine(partial(self._begin, talk))
        transport.set_protocol(line)
        line.connection_made(transport)
        if early:
            line.data_received(early)
        transport.resume_reading()
        line.gone = partial(self._release, connection.guest)
        self.connections.discard(connection)
        if not self.connections:
            self._none_left.set()

    def _begin(self, talk: Talk, line: SocketLine) -> None:
        task = self.loop.create_task(self._converse(talk, line))
        self._talks[task] = line
        task.add_done_callback(self._talks.pop)
        if self.stopping:
            line.end()

    async def _converse(self, talk: Talk, line: SocketLine) -> None:
        try:
            await talk(line)
        except Exception as error:
            self.report(error)
        finally:
            line.close()

    def join(self, connection: Guarded) -> None:
        """That connection is here; it is one too many if it is of a function that has enough."""
        self.connections.add(connection)
        if connection.guest:
            connection.guest.connections += 1
            if connection.guest.connections > MOST_CONNECTIONS:
                connection.abort()

    def forget(self, connection: Guarded) -> None:
        """That connection is no more."""
        if connection in self.connections:
            self._release(connection.guest)
        self.connections.discard(connection)
        if not self.connections:
            self._none_left.set()

    def _release(self, guest: Guest | None) -> None:
        if guest:
            guest.connections -= 1

    def date(self) -> str:
        """The ``Date`` header, made once a second."""
        now = time.monotonic()
        if now - self._date_s >= 1:
            self._date, self._date_s = formatdate(usegmt=True), now
        return self._date
