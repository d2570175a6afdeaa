"""Requests to others' servers, such as HTTP integrations and the endpoints of subscribers.

One connection for each request, and redirects are answers: whoever asks decides what they mean.
"""

import asyncio
import ssl
from functools import lru_cache
from urllib.parse import urlsplit

import httptools

from ..wire.http import Response

_MOST = 10 << 20  # bytes of an answer
_SINGLE = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te"})


class Unreachable(Exception):
    """The server can't be reached, or does not speak HTTP."""


class _Answer:
    """httptools' side of an answer that is being read."""

    def __init__(self) -> None:
        self.headers: dict[str, str | list[str]] = {}
        self.pieces: list[bytes] = []
        self.size = 0
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
        before = self.headers.get(key)
        if before is None:
            self.headers[key] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            self.headers[key] = [before, text] if key == "set-cookie" else f"{before},{text}"

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self.pieces.append(piece)
        self.size += len(piece)

    def on_message_complete(self) -> None:
        """All of it."""
        self.complete = True


async def send(method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float) -> Response:
    """One request, and its answer; :class:`Unreachable` or :class:`TimeoutError` if there is none."""
    async with asyncio.timeout(timeout_s):
        try:
            return await _send(method, url, headers, body)
        except (OSError, httptools.HttpParserError, ValueError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unreachable(str(error)) from error


async def _send(method: str, url: str, headers: dict[str, str], body: bytes) -> Response:
    parts = urlsplit(url)
    secure = _trusted() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"{method} {target} HTTP/1.1",
            f"host: {parts.netloc.rpartition('@')[2]}",
            "connection: close",
            f"content-length: {len(body)}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items() if name not in _SINGLE | {"host"}]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        return await _read(reader, method)
    finally:
        writer.close()


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """Whom this machine trusts; read once, because it takes its time."""
    return ssl.create_default_context()


async def _read(reader: asyncio.StreamReader, method: str) -> Response:
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.complete:
        piece = await reader.read(1 << 16)
        if not piece:
            break
        parser.feed_data(piece)
        if method == "HEAD" and answer.headers:
            break
        if answer.size > _MOST:
            raise ValueError("the answer is too large")
    status = parser.get_status_code()
    if not status:
        raise ValueError("no answer")
    kept = {name: value for name, value in answer.headers.items() if name not in _SINGLE}
    return Response(status, kept, b"".join(answer.pieces))
