"""Doors: where workers with a network of their own reach the cloudlet, each at its own.

The worker made the socket in its network namespace, and the cloudlet listens at it. So what comes through is
known to come from that worker, and is believed less than what comes from elsewhere on the machine.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec

MOST_CONNECTIONS = 256  # of one worker at once; each is a descriptor of the cloudlet's
_HOSTS = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
_ASKED = ("hosts", "passwd", "group", "services", "protocols")


class Guest(msgspec.Struct, eq=False):
    """A worker, as its requests show it: the access key it was given, once it was."""

    key: str = ""
    connections: int = 0


Admit = Callable[[socket.socket, Guest], Awaitable[asyncio.Server]]


class Doors:
    """All of them, by worker."""

    def __init__(self, endpoint: str, admit: Admit) -> None:
        parts = urlsplit(endpoint)
        self._name, self.port, self._admit = parts.hostname or "", parts.port or 80, admit
        self.address = _address(self._name)
        self._open: dict[str, tuple[Guest, asyncio.Task[asyncio.Server]]] = {}

    @property
    def etc(self) -> dict[str, str]:
        """What such a network makes of /etc: it knows the cloudlet's name and asks nobody for others."""
        own = "" if self._name in (self.address, "localhost") else f"{self.address} {self._name}\n"
        return {"hosts": _HOSTS + own, "resolv.conf": "options timeout:1 attempts:1\n",
                "nsswitch.conf": "".join(f"{kind}: files\n" for kind in _ASKED)}

    def open(self, worker: str, door: socket.socket) -> None:
        """Listen at a worker's door."""
        guest = Guest()
        task = asyncio.get_running_loop().create_task(self._listen(door, guest))
        self._open[worker] = guest, task

    def name(self, worker: str, key: str) -> None:
        """The worker has got its function, and that function's access key."""
        if worker in self._open:
            self._open[worker][0].key = key

    def close(self, worker: str) -> None:
        """The worker has ended."""
        if worker in self._open:
            _, task = self._open.pop(worker)
            task.add_done_callback(_shut)

    async def _listen(self, door: socket.socket, guest: Guest) -> asyncio.Server:
        door.setblocking(False)
        return await self._admit(door, guest)


def _shut(listening: "asyncio.Task[asyncio.Server]") -> None:
    if not listening.cancelled() and listening.exception() is None:
        listening.result().close()


def _address(name: str) -> str:
    """The address behind a name, as a worker can open it."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return str(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)[0][4][0])
