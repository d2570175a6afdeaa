"""Bodies as senders wrap them: gzip, and AWS's own chunks with signatures and trailers."""

import zlib
from collections.abc import AsyncIterator

from ..errors import AwsError, RequestEntityTooLarge, SerializationException
from ..wire.http import BodyStream, Request

BODY_LIMIT = 72 << 20  # bytes of a body that is read whole: a 50 MB zip file in base64, and some
_LINE = 16 << 10


class IncompleteBody(AwsError):
    """The request body terminated unexpectedly"""


async def unwrap(request: Request) -> None:
    """Let ``request`` have its body as the client meant it."""
    encodings = [part.strip() for part in request.headers.get("content-encoding", "").split(",") if part.strip()]
    chunked = "aws-chunked" in encodings or request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")
    if chunked:
        if request.stream is None:
            pieces = [piece async for piece in _dechunk(_once(request.body), request.trailers)]
            request.body = b"".join(pieces)
        else:
            request.stream = _Dechunked(request.stream, request.trailers)
    if "gzip" in encodings and ("x-amz-target" in request.headers or request.method == "POST"):
        await _gunzip(request)


async def read_whole(request: Request) -> None:
    """Read the body to its end, for an operation that takes no stream."""
    if request.stream is not None and await request.read(BODY_LIMIT) is None:
        raise RequestEntityTooLarge(f"The request's body is larger than {BODY_LIMIT} bytes.")


async def _gunzip(request: Request) -> None:
    await read_whole(request)
    inflate = zlib.decompressobj(wbits=47)
    try:
        request.body = inflate.decompress(request.body, BODY_LIMIT)
    except zlib.error:
        raise SerializationException("The body is not what its Content-Encoding says: gzip.") from None
    if inflate.unconsumed_tail:
        raise RequestEntityTooLarge(f"The request's body is larger than {BODY_LIMIT} bytes.")
    if not inflate.eof:
        raise SerializationException("The gzip body is cut short.")


class _Dechunked:
    """A stream of AWS's chunks, as the bytes inside them."""

    def __init__(self, stream: BodyStream, trailers: dict[str, str]) -> None:
        self._stream, self._trailers = stream, trailers

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _dechunk(self._stream, self._trailers)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _dechunk(stream: BodyStream | AsyncIterator[bytes], trailers: dict[str, str]) -> AsyncIterator[bytes]:
    """``SIZE;chunk-signature=…\\r\\n`` bytes ``\\r\\n``, until a chunk of size 0, then trailers."""
    buffer = bytearray()
    left, state = 0, "size"
    async for piece in stream:
        buffer += piece
        while buffer:
            if state == "data":
                data = bytes(buffer[:left])
                del buffer[: len(data)]
                left -= len(data)
                if data:
                    yield data
                if left:
                    break
                state = "end"
                continue
            end = buffer.find(b"\r\n")
            if end < 0:
                if len(buffer) > _LINE:
                    raise IncompleteBody
                break
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if state == "end":
                state = "size"
            elif state == "size":
                try:
                    left = int(line.partition(b";")[0], 16)
                except ValueError:
                    raise IncompleteBody from None
                state = "data" if left else "trailers"
            elif line:
                name, _, value = line.decode("latin-1").partition(":")
                trailers[name.strip().lower()] = value.strip()
    if state not in ("trailers",):
        raise IncompleteBody
