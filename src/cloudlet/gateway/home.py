"""What a server and its connections know of each other, whichever HTTP they speak."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from ..functions.doors import Guest
from ..wire.http import Request, Response, Talk

Handler = Callable[[Request], Awaitable[Response]]


class Limits(msgspec.Struct, frozen=True):
    """How much, and how slowly, a client may send."""

    head: int = 64 << 10  # bytes of request line and headers, and of trailers
    unread: int = 64 << 20  # bytes of a body that nobody wanted, before the connection is closed instead
    idle_s: float = 120.0  # an idle connection is closed after this
    stalled_s: float = 60.0  # a head that is not whole, a body that stands still, a client that does not read


class Home(Protocol):
    """What a connection needs of the server it belongs to."""

    handler: Handler
    limits: Limits
    loop: asyncio.AbstractEventLoop
    report: Callable[[BaseException], None]
    stopping: bool

    def date(self) -> str: ...
    def join(self, connection: "Guarded", /) -> None: ...
    def forget(self, connection: "Guarded", /) -> None: ...
    def talk(self, connection: "Guarded", transport: asyncio.Transport, talk: Talk, early: bytes,
             /) -> None: ...


class Guarded(Protocol):
    """What a server does with its connections."""

    guest: Guest | None

    def stop(self) -> None: ...
    def abort(self) -> None: ...
