"""A server of the gateway's with a handler of the test's, and bare sockets to talk to it."""

import asyncio
import re
import socket
import threading

import uvloop

from cloudlet.gateway.server import Server
from cloudlet.wire.http import Response


class Site:
    """A server of the gateway's in a thread, with a handler of the test's."""

    def __init__(self, handler, limits):
        self.reports, self.seen = [], []
        self._ready, self._limits, self._handler = threading.Event(), limits, handler
        self._thread = threading.Thread(target=lambda: uvloop.run(self._main()))
        self._thread.start()
        self._ready.wait()

    async def _main(self):
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()

        async def handle(request):
            self.seen.append(f"{request.method} {request.path}")
            return await self._handler(request)

        self.server = Server(handle, self.reports.append, self._limits)
        self.port = await self.server.start("127.0.0.1", 0)
        self._ready.set()
        await self._stop.wait()
        await self.server.stop(5)

    def stop(self):
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)

    def join(self):
        self._thread.join(20)
        assert not self._thread.is_alive()

    def open(self, data=b""):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(data)
        return connection

    def say(self, data):
        """Send ``data``, close our half, and give all that comes back."""
        with self.open(data) as connection:
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def on_loop(self, function):
        return asyncio.run_coroutine_threadsafe(function(), self.loop).result(10)


def read_all(connection):
    found = b""
    while piece := connection.recv(1 << 16):
        found += piece
    return found


def read_until(connection, end):
    found = b""
    while end not in found:
        piece = connection.recv(1 << 16)
        assert piece, found
        found += piece
    return found


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", answer)]


async def echo(request):
    body = await request.read(1 << 30)
    said = (
        f"{request.method} {request.path}?{request.query} {sorted(request.headers.items())} "
        f"{sorted(request.trailers.items())} "
    )
    return Response(200, {"content-type": "text/plain"}, said.encode("utf-8", "replace") + body)


def get(path="/", *headers, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "host: h", *headers, "", ""]).encode()


async def connections(site):
    return len(site.server.connections)


def read_all_or_reset(connection):
    try:
        return read_all(connection)
    except ConnectionResetError:
        return b""
