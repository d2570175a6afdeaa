"""A request and a response, free of any server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from .lines import Line

Talk = Callable[[Line], Awaitable[None]]


class BodyStream(Protocol):
    """A body that is still arriving."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...


class ChunkCheck(Protocol):
    """Told of each of AWS's chunks in a body; raises ValueError for one that was not signed rightly."""

    def begin(self, extension: str) -> None: ...
    def add(self, piece: bytes) -> None: ...
    def end(self) -> None: ...
    def close(self, trailers: Mapping[str, str]) -> None: ...


class Request(msgspec.Struct):
    """What came in. Header names are in lower case, ``path`` and ``query`` as sent (still quoted).

    A small body is in ``body``; one that is large or of unknown size arrives through ``stream``.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    stream: BodyStream | None = None
    peer: str = "127.0.0.1"
    guest: str | None = None  # of a function with a network of its own: the access key it was given
    trailers: dict[str, str] = {}
    seal: ChunkCheck | None = None
    head: int = 0  # bytes of the request line and the headers
    prefix: str = ""  # of the path as sent: what led to a site and is not in ``path``

    @property
    def host(self) -> str:
        """The name the client asked for, without the port."""
        return self.headers.get("host", "").rpartition("@")[2].partition(":")[0].lower()

    def queries(self) -> dict[str, str]:
        """The query string as a mapping; the first of several values wins."""
        found: dict[str, str] = {}
        for key, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(key, value)
        return found

    async def read(self, limit: int) -> bytes | None:
        """The whole body, or None if it is longer than ``limit`` bytes."""
        if self.stream is not None:
            chunks, size = [], 0
            async for chunk in self.stream:
                size += len(chunk)
                if size > limit:
                    return None
                chunks.append(chunk)
            self.body, self.stream = b"".join(chunks), None
        return self.body if len(self.body) <= limit else None


class Response(msgspec.Struct):
    """What goes out. A list as header value is sent as several headers.

    A body that is an iterator is sent chunk by chunk; give ``content-length`` if it is known. With the status
    101 the connection is no longer HTTP's, and ``talk`` goes on with it.
    """

    status: int = 200
    headers: dict[str, str | list[str]] = {}
    body: bytes | AsyncIterator[bytes] = b""
    talk: Talk | None = None
