"""One stream of an HTTP/2 connection: a request whose body arrives beside those of others.

What a handler has not read yet is not acknowledged to the client, stream by stream, so one that reads slowly
holds up nobody else.
"""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Protocol

from ..wire.http import Request, Response
from .exchange import Stream

_HOP = frozenset(("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"))
Fields = list[tuple[str, str]]


class Gate(Protocol):
    """What a lane needs of its connection."""

    def acknowledge(self, lane: "Lane", size: int, /) -> None: ...


class Lane:
    """A request, what has arrived of its body, and whether its answer may still go out."""

    def __init__(self, gate: Gate, id: int, request: Request) -> None:
        self._gate, self.id, self.request = gate, id, request
        self._body: list[bytes] = []
        self.size = 0
        self.stream: Stream | None = None
        self.complete = self.gone = self.answered = False
        self.room = asyncio.Event()  # for more of the answer
        self._owed, self.held = 0, False

    def feed(self, piece: bytes, credit: int, small: int) -> bool:
        """Part of the body; ``credit`` is what it took of the client's. Whether the handler may begin now."""
        self.size += len(piece)
        begins = False
        if self.stream is not None:
            self.stream.feed(piece)
        else:
            self._body.append(piece)
            if self.size > small:
                self.stream = self.request.stream = Stream(self)
                for part in self._body:
                    self.stream.feed(part)
                self._body, begins = [], True
        if self.held:
            self._owed += credit
        else:
            self._gate.acknowledge(self, credit)
        return begins

    def end(self) -> bool:
        """The body is whole; whether the handler may begin now."""
        self.complete = True
        if self.stream is not None:
            self.stream.end()
            return False
        self.request.body = b"".join(self._body)
        return True

    def break_off(self, why: str) -> None:
        """The client has given it up."""
        self.gone = True
        self.room.set()
        if self.stream is not None and not self.complete:
            self.stream.end(why)

    def hold(self, reason: str) -> None:
        """Let the client send no more than it may already."""
        self.held = True

    def unhold(self, reason: str) -> None:
        """Let it go on."""
        if self.held:
            self.held, owed, self._owed = False, self._owed, 0
            if owed and not self.gone:
                self._gate.acknowledge(self, owed)


def request_of(fields: Iterable[Any], peer: str, guest: str | None) -> Request:
    """The request that a block of header fields makes; ValueError if it makes none."""
    pseudo, headers = dict[str, str](), dict[str, str]()
    size = 0
    for name, text in fields:
        size += len(name) + len(text)
        if name.startswith(":"):
            pseudo[name] = text
        elif name not in headers:
            headers[name] = text
        elif name == "host":
            raise ValueError("it names two hosts")
        else:
            headers[name] += ("; " if name == "cookie" else ",") + text
    path, _, query = pseudo.get(":path", "").partition("?")
    if pseudo.get(":method") == "CONNECT" or not path.startswith("/"):
        raise ValueError("this server is no proxy")
    if ":authority" in pseudo:
        headers["host"] = pseudo[":authority"]
    return Request(pseudo[":method"], path, query, headers, peer=peer, guest=guest, head=size)


def head_of(response: Response, date: str, length: int | None) -> Fields:
    """The fields of an answer; what belongs to a connection of HTTP/1.1 is left out."""
    found = [(":status", str(response.status)), ("date", date)]
    for name, value in response.headers.items():
        lower = name.lower()
        if lower not in _HOP:
            found += [(lower, _one_line(one)) for one in (value if isinstance(value, list) else (value,))]
    if length is not None and not any(name == "content-length" for name, _ in found):
        found.append(("content-length", str(length)))
    return found


def trailers_of(fields: Iterable[Any], most: int) -> Mapping[str, str]:
    """What follows a body, up to so many fields."""
    return dict(islice(fields, most))


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split()) if {"\n", "\r", "\0"} & set(text) else text.strip()
