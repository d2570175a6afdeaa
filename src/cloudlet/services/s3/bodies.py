"""Bodies: received piece by piece, checked as they come, and read again piece by piece.

A small body is kept in the store, in the same commit as its object. A larger one is written to a file
first, in a thread, one piece while the next is arriving; so no body is ever in memory as a whole. A file
has a name of its own and is never written twice, so a copy is one more reference to it. What is to be
encrypted is so before it is written, by the key of its object.
"""

import asyncio
import base64
import binascii
import errno
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...store import Blobs, Unsettled, Writer
from ...wire.http import Request
from . import checksums, errors, sealing
from .checksums import Digests
from .limits import INLINE_LIMIT, PUT_LIMIT
from .nouns import Piece

Body = Request | bytes | None
_GATHER = 1 << 18  # bytes handed to the writing thread at a time
_READ = 1 << 18  # bytes read from a file at a time
_IN_MEMORY = getattr(os, "RWF_NOWAIT", 0)  # read only what the system has in memory already; Linux only


class Received(msgspec.Struct):
    """A body that came in whole, and what it was found to be; its file stays for as long as this does."""

    piece: Piece
    md5: bytes
    algorithm: str
    checksum: str
    file: "Writer | Reading | None" = None

    @property
    def etag(self) -> str:
        """The MD5 as an ETag holds it, without quotes."""
        return self.md5.hex()


async def receive(call: Conversation, body: Body, given: tuple[str, str] | None, content_md5: str | None,
                  fallback: str = checksums.DEFAULT, secret: bytes | None = None) -> Received:
    """Take ``body`` in and hold it against what the request says of it; ``fallback`` if it says nothing.

    ``secret`` is the key to encrypt it with.
    """
    headers: Mapping[str, str] = body.headers if isinstance(body, Request) else {}
    trailer = "" if given else checksums.announced(headers)
    _check_headers(headers, given, trailer)
    md5 = _md5_of(content_md5)
    algorithm = given[0] if given else trailer or fallback
    sha256 = headers.get("x-amz-content-sha256", "")
    wants_sha256 = len(sha256) == 64
    digests = Digests({algorithm, "SHA256"} if wants_sha256 else {algorithm})
    file: Writer | None
    if isinstance(body, Request) and _is_small(body) and await body.read(INLINE_LIMIT) is None:
        raise errors.IncompleteBody
    if isinstance(body, Request) and body.stream is not None:
        piece, file = await _store_stream(call, body, digests, secret)
    else:
        data = body.body if isinstance(body, Request) else body or b""
        digests.add(data)
        _check_size(headers, len(data))
        piece, file = _store_small(call, data, secret)
    try:
        if md5 is not None and digests.md5.digest() != md5:
            raise errors.BadDigest(ExpectedDigest=content_md5,
                                   CalculatedDigest=base64.b64encode(digests.md5.digest()).decode())
        if wants_sha256 and digests.raw("SHA256").hex() != sha256.lower():
            raise errors.XAmzContentSHA256Mismatch(ClientComputedContentSHA256=sha256,
                                                   S3ComputedContentSHA256=digests.raw("SHA256").hex())
        checksum = digests.text(algorithm)
        if trailer:
            assert isinstance(body, Request)
            given = (trailer, checksums.trailing(body.trailers, trailer))
        if given and given[1] != checksum:
            raise errors.BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")
    except AwsError:
        if file:
            file.drop()
        raise
    return Received(piece, digests.md5.digest(), algorithm, checksum, file)


def _is_small(request: Request) -> bool:
    """Whether a body that is still to come says that it is small; it waited only to be asked for."""
    headers = request.headers
    length = headers.get("x-amz-decoded-content-length") or headers.get("content-length", "")
    return (
        request.stream is not None and length.isascii() and length.isdigit() and int(length) <= INLINE_LIMIT
    )


def is_large(body: Body) -> bool:
    """Whether a body is still to come, or goes to a file of its own before its object is made."""
    if isinstance(body, Request):
        return body.stream is not None or len(body.body) > INLINE_LIMIT
    return len(body or b"") > INLINE_LIMIT


def drop(received: Received) -> None:
    """A body that nothing refers to is not wanted after all; one that is another's is left to him."""
    if isinstance(received.file, Writer):
        received.file.drop()


@contextmanager
def dropped_unless_kept(received: Received | None) -> Iterator[None]:
    """Drop a body if the block that refers to it fails; left to the sweep if it may have been kept after all.

    That is so of a commit whose answer was lost, and of a request that is broken off while it commits.
    """
    try:
        yield
    except Exception as error:
        if received and not isinstance(error, Unsettled):
            drop(received)
        raise


class Reading:
    """The bytes of an object from ``start`` to before ``stop``; its files stay as long as this does.

    ``secret`` is the key that they were encrypted with.
    """

    def __init__(self, blobs: Blobs, pieces: list[Piece], start: int, stop: int,
                 secret: bytes | None = None) -> None:
        self._blobs, self._pieces, self._start, self._stop = blobs, pieces, start, stop
        self._secret = secret
        self._names = [piece.blob for piece in pieces if piece.blob]
        blobs.hold(self._names)

    def __del__(self) -> None:
        self._blobs.let_go(self._names)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = 0
        for piece in self._pieces:
            start, stop = max(self._start - at, 0), min(self._stop - at, piece.size)
            at += piece.size
            if start >= stop:
                continue
            clear = cleared(piece, self._secret, start)
            if not piece.blob:
                yield clear(piece.data[start:stop])
                continue
            handle = os.open(self._blobs.path(piece.blob), os.O_RDONLY | os.O_CLOEXEC)
            try:
                while start < stop:
                    data = await _read(handle, min(_READ, stop - start), start)
                    if not data:
                        raise OSError(f"the file of {piece.blob} is shorter than it was")
                    start += len(data)
                    yield clear(data)
            finally:
                os.close(handle)


def read(call: Call, pieces: list[Piece], start: int, stop: int, secret: bytes | None = None) -> Any:
    """The bytes from ``start`` to before ``stop``: as they are if the store has them, else as a reading."""
    if start >= stop:
        return b""
    if len(pieces) == 1 and not pieces[0].blob:
        data = pieces[0].data[start:stop] if stop - start < pieces[0].size else pieces[0].data
        return cleared(pieces[0], secret, start)(data)
    return Reading(call.use(Blobs), pieces, start, stop, secret)


async def whole(body: Any) -> AsyncIterator[bytes]:
    """What ``read`` gave, in pieces in either case."""
    if isinstance(body, bytes):
        yield body
    else:
        async for piece in body:
            yield piece


def cleared(piece: Piece, secret: bytes | None, start: int) -> Callable[[bytes], bytes]:
    """What makes of a piece's bytes from ``start`` on what was given to be kept."""
    if not piece.nonce:
        return bytes
    assert secret, "an encrypted piece was read without a key"
    update: Callable[[bytes], bytes] = sealing.cipher(secret, piece.nonce, start).update
    return update


async def _read(handle: int, size: int, at: int) -> bytes:
    """Read without ever holding up the others: what is not in memory is fetched by a thread."""
    if _IN_MEMORY:
        buffer = bytearray(size)
        try:
            count = os.preadv(handle, [buffer], at, _IN_MEMORY)
            return bytes(memoryview(buffer)[:count])
        except BlockingIOError:
            pass
        except OSError as error:  # tmpfs and some others can't say what they have
            if error.errno != errno.EOPNOTSUPP:
                raise
    return await asyncio.get_running_loop().run_in_executor(None, os.pread, handle, size, at)


def _check_headers(headers: Mapping[str, str], given: tuple[str, str] | None, trailer: str) -> None:
    algorithm = headers.get("x-amz-sdk-checksum-algorithm")
    if algorithm and not given and not trailer:
        raise errors.InvalidRequest("x-amz-sdk-checksum-algorithm specified, but no corresponding "
                                    "x-amz-checksum-* "
                                    "or x-amz-trailer headers were found.")
    if int(_decoded_length(headers) or 0) > PUT_LIMIT:
        raise errors.EntityTooLarge(ProposedSize=_decoded_length(headers), MaxSizeAllowed=PUT_LIMIT)


def _decoded_length(headers: Mapping[str, str]) -> str:
    text = headers.get("x-amz-decoded-content-length") or headers.get("content-length") or ""
    return text if text.isdigit() else ""


def _check_size(headers: Mapping[str, str], size: int) -> None:
    promised = headers.get("x-amz-decoded-content-length", "")
    if promised.isdigit() and int(promised) != size:
        raise errors.IncompleteBody


def _md5_of(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != hashlib.md5(usedforsecurity=False).digest_size:
        raise errors.InvalidDigest
    return raw


def _store_small(call: Conversation, data: bytes, secret: bytes | None) -> tuple[Piece, Writer | None]:
    nonce = call.ids.bytes(sealing.NONCE_BYTES) if secret else b""
    if secret:
        data = sealing.cipher(secret, nonce).update(data)
    if len(data) <= INLINE_LIMIT:
        return Piece(len(data), data, nonce=nonce), None
    name = call.ids.hex(32)
    writer = call.use(Blobs).write(name)
    writer.add(data)
    writer.keep()
    return Piece(len(data), b"", name, nonce=nonce), writer


async def _store_stream(call: Conversation, request: Request, digests: Digests,
                        secret: bytes | None) -> tuple[Piece, Writer]:
    """Write the stream to a file, digesting one piece while the next arrives."""
    assert request.stream is not None
    loop, name = asyncio.get_running_loop(), call.ids.hex(32)
    nonce = call.ids.bytes(sealing.NONCE_BYTES) if secret else b""
    hide = sealing.cipher(secret, nonce).update if secret else None
    writer = call.use(Blobs).write(name)
    gathered: list[bytes] = []
    size, busy = 0, None

    def work(pieces: list[bytes]) -> None:
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        writer.add(hide(data) if hide else data)
        digests.add(data)

    def end(pieces: list[bytes]) -> None:
        work(pieces)
        _check_size(request.headers, digests.size)
        writer.keep()

    try:
        async for piece in request.stream:
            gathered.append(piece)
            size += len(piece)
            if size >= _GATHER:
                if busy is not None:
                    await busy
                busy, gathered, size = loop.run_in_executor(None, work, gathered), [], 0
                if writer.size > PUT_LIMIT:
                    raise errors.EntityTooLarge(MaxSizeAllowed=PUT_LIMIT)
        if busy is not None:
            await busy
        await loop.run_in_executor(None, end, gathered)
    except BaseException:
        if busy is not None and not busy.done():
            await asyncio.wait([busy])
        writer.drop()
        raise
    return Piece(digests.size, b"", name, nonce=nonce), writer
