"""Bodies as senders wrap them: gzip and deflate, and AWS's own chunks with signatures and trailers."""

import re
import zlib
from collections.abc import AsyncIterator

from ..errors import AwsError, RequestEntityTooLarge, SerializationException
from ..identity.seal import Broken
from ..kernel.front import Front
from ..wire.http import BodyStream, ChunkCheck, Request
from .refusals import SignatureDoesNotMatch

BODY_LIMIT = Front().body
_WRAPPINGS = {"gzip": 31, "deflate": 15}  # zlib's word for the format
_LINE = 16 << 10
_FORM = 256 << 10
TRAILERS = 64  # fields behind a body
_SIZE = re.compile(rb"[0-9a-fA-F]{1,12}")


class IncompleteBody(AwsError):
    """The request body terminated unexpectedly"""


async def unwrap(request: Request, limit: int = BODY_LIMIT) -> None:
    """Let ``request`` have its body as the client meant it, if that has no more than ``limit`` bytes."""
    said = request.headers.get("content-encoding", "")
    encodings = [part.strip() for part in said.split(",") if part.strip()] if said else []
    chunked = "aws-chunked" in encodings
    if chunked:
        encodings = [part for part in encodings if part != "aws-chunked"]
        request.headers = {**request.headers, "content-encoding": ",".join(encodings)}
        if not encodings:
            del request.headers["content-encoding"]
    # the encoding alone says nothing: clients name it for bodies that have no chunks, and S3 takes them
    if (chunked and "x-amz-decoded-content-length" in request.headers) or request.headers.get(
            "x-amz-content-sha256", "").startswith("STREAMING-"):
        inside = _Dechunked(request)
        if request.stream is None:
            request.body = b"".join([piece async for piece in inside])
        else:
            request.stream = inside
    if "x-amz-target" in request.headers:
        for encoding in reversed([one for one in encodings if one != "identity"]):
            await _inflate(request, encoding, limit)
    elif encodings == ["gzip"] and request.method == "POST":
        await read_whole(request, limit)
        if request.body:  # S3's multipart upload is begun with the encoding that its object will have
            await _inflate(request, "gzip", limit)


async def read_whole(request: Request, limit: int = BODY_LIMIT) -> None:
    """Read the body to its end, for an operation that takes no stream."""
    if (request.stream is not None or len(request.body) > limit) and await request.read(limit) is None:
        raise _too_large(limit)


async def read_form(request: Request) -> None:
    """Read a small form that is still to come: what it asks for, and of whom, stands in it."""
    length = request.headers.get("content-length", "")
    if (request.stream is not None and length.isascii() and length.isdigit() and int(length) <= _FORM
            and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")):
        await request.read(_FORM)


async def _inflate(request: Request, encoding: str, limit: int) -> None:
    if encoding not in _WRAPPINGS:
        raise SerializationException(f"The body's Content-Encoding is {encoding}, which is none of: "
                                     f"{', '.join(_WRAPPINGS)}.")
    await read_whole(request, limit)
    left, found = request.body, b""
    while True:  # a gzip file may have several members
        inflate = zlib.decompressobj(wbits=_WRAPPINGS[encoding])
        try:
            found += inflate.decompress(left, limit + 1 - len(found))
        except zlib.error:
            raise SerializationException(
                f"The body is not what its Content-Encoding says: {encoding}."
            ) from None
        if len(found) > limit:
            raise _too_large(limit)
        if not inflate.eof:
            raise SerializationException(f"The {encoding} body is cut short.")
        left = inflate.unused_data
        if not left:
            break
    request.body = found


def _too_large(limit: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The request's body is larger than {limit} bytes.")


class _Dechunked:
    """A body of AWS's chunks, as the bytes inside them; what comes after them are trailers."""

    def __init__(self, request: Request) -> None:
        self._outside: BodyStream | None = request.stream
        self._body, self._trailers = request.body, request.trailers
        self._promised = request.headers.get("x-amz-decoded-content-length", "")
        self._seal = request.seal

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, chunks = 0, _Chunks(self._trailers, self._seal)
        if self._outside is None:
            pieces = chunks.feed(self._body)
            size = sum(map(len, pieces))
            yield b"".join(pieces)
        else:
            async for outer in self._outside:
                for piece in chunks.feed(outer):
                    size += len(piece)
                    yield piece
        if not chunks.complete or (self._promised and str(size) != self._promised):
            raise IncompleteBody


class _Chunks:
    """``SIZE;chunk-signature=…\\r\\n`` bytes ``\\r\\n``, until a chunk of size 0; then trailers."""

    def __init__(self, trailers: dict[str, str], seal: ChunkCheck | None) -> None:
        self._trailers, self._seal = trailers, seal
        self._line = b""  # what has arrived of a line that is not whole
        self._left, self._within = 0, "size"
        self._over = False

    @property
    def complete(self) -> bool:
        """Whether all has been said, and nothing after it."""
        return self._over and not self._line

    def feed(self, piece: bytes) -> list[bytes]:
        """The bytes that this piece of the body brings."""
        try:
            return self._feed(piece)
        except Broken:
            raise SignatureDoesNotMatch from None

    def _feed(self, piece: bytes) -> list[bytes]:
        found: list[bytes] = []
        at = 0
        while at < len(piece):
            if self._left:
                data = piece[at : at + self._left]
                self._left -= len(data)
                at += len(data)
                found.append(data)
                if self._seal:
                    self._seal.add(data)
                continue
            end = piece.find(b"\n", at)
            stop = len(piece) if end < 0 else end + 1
            self._line += piece[at:stop]
            at = stop
            if len(self._line) > _LINE:
                raise IncompleteBody
            if end >= 0:
                line, self._line = self._line, b""
                self._read(line)
        return found

    def _read(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or self._over:
            raise IncompleteBody
        line = line[:-2]
        match self._within:
            case "size":
                size, _, extension = line.partition(b";")
                if not _SIZE.fullmatch(size.strip()):
                    raise IncompleteBody
                self._left = int(size, 16)
                self._within = "end" if self._left else "trailers"
                if self._seal:
                    self._seal.begin(extension.decode("latin-1"))
                    if not self._left:
                        self._seal.end()
            case "end":
                if line:
                    raise IncompleteBody
                if self._seal:
                    self._seal.end()
                self._within = "size"
            case "trailers" if line:
                name, _, value = line.decode("latin-1").partition(":")
                if len(self._trailers) >= TRAILERS:
                    raise IncompleteBody
                self._trailers[name.strip().lower()] = value.strip()
            case "trailers":
                if self._seal:
                    self._seal.close(self._trailers)
                self._over = True
