"""What S3 Select reads, as one file: an object as it lies, or put together, decrypted, unpacked, or cut.

Where the object is no file of its own already, its clear bytes lie in a folder that goes with the request.
"""

import asyncio
import bz2
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import NotHonoured
from ...store import Blobs
from . import bodies, errors
from .nouns import Piece

Options = dict[str, Any]
_UNPACKED = 1 << 20  # bytes that are unpacked at a time
_LINE = b"\n"


class Source(NamedTuple):
    """An object's bytes, and what opens them. Its files stay as long as ``held``."""

    blobs: Blobs
    pieces: list[Piece]
    size: int
    secret: bytes | None
    held: bodies.Reading

    def read(self, start: int, stop: int) -> bodies.Reading:
        """The bytes from ``start`` to before ``stop``, in the clear."""
        return bodies.Reading(self.blobs, self.pieces, start, stop, self.secret)


async def as_file(source: Source, form: Options, wanted: Options | None, folder: Path) -> Path:
    """Where the object, or the records that start in the range that is ``wanted``, lies as one file."""
    packed = form.get("CompressionType") == "BZIP2"
    first = source.pieces[0] if len(source.pieces) == 1 else None
    if first and first.blob and not first.nonce and not packed and wanted is None:
        return source.blobs.path(first.blob)
    data: AsyncIterator[bytes] = aiter(source.read(0, source.size))
    if wanted is not None:
        data = _records(source, form, *_range(form, wanted, source.size))
    elif packed:
        data = _unpacked(data)
    path = folder / "object"
    with path.open("wb") as file:
        async for piece in data:
            file.write(piece)
    return path


def _range(form: Options, wanted: Options, size: int) -> tuple[int, int]:
    """The first and the last byte at which a record may start; without a start, so many at the end."""
    lines = "JSON" in form and (form["JSON"] or {}).get("Type") == "LINES"
    if "Parquet" in form:
        raise NotHonoured("cloudlet does not select from a range of a Parquet object.")
    if form.get("CompressionType", "NONE") != "NONE" or not (lines or "CSV" in form):
        raise errors.UnsupportedScanRangeInput
    start, end = wanted.get("Start"), wanted.get("End")
    if start is None:
        start, end = max(size - (end or 0), 0), None
    end = size - 1 if end is None else min(end, size - 1)
    if start < 0 or start > end:
        raise errors.InvalidScanRange
    return start, end


async def _records(source: Source, form: Options, start: int, end: int) -> AsyncIterator[bytes]:
    """The records that start from ``start`` to ``end``, the last one whole; and the header before them."""
    header = "CSV" in form and (form["CSV"] or {}).get("FileHeaderInfo", "NONE") != "NONE"
    if header and start:
        async for data in _line(source, 0, source.size):
            yield data
    at = start
    if start:
        at = start - 1
        async for data in _line(source, at, source.size):
            at += len(data)
    if at <= end:
        async for data in source.read(at, end):
            yield data
        async for data in _line(source, end, source.size):
            yield data


async def _line(source: Source, start: int, stop: int) -> AsyncIterator[bytes]:
    """The bytes up to the end of the line."""
    async for data in source.read(start, stop):
        head, mark, _ = data.partition(_LINE)
        yield head + mark
        if mark:
            return


async def _unpacked(packed: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What bzip2 has packed, in one stream or several."""
    loop, engine = asyncio.get_running_loop(), bz2.BZ2Decompressor()
    try:
        async for data in packed:
            while data:
                if engine.eof:
                    engine = bz2.BZ2Decompressor()
                yield await loop.run_in_executor(None, engine.decompress, data, _UNPACKED)
                while not (engine.eof or engine.needs_input):
                    yield await loop.run_in_executor(None, engine.decompress, b"", _UNPACKED)
                data = engine.unused_data if engine.eof else b""
    except OSError:
        raise errors.InvalidCompressionFormat from None
    if not engine.eof:
        raise errors.TruncatedInput
