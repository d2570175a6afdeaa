"""Ranges: which bytes of an object a request wants.

>>> [of_header(text, 10) for text in ("bytes=2-4", "bytes=-3", "bytes=5-", "lines=1-2")]
[(2, 5), (7, 10), (5, 10), None]
"""

import re

from . import errors
from .nouns import Object, Piece

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


def of_header(text: str, size: int) -> tuple[int, int] | None:
    """The first byte and the one after the last; None if the header says nothing a server must understand."""
    match = _RANGE.fullmatch(text)
    if not match or match[0] is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        start, stop = max(size - length, 0), size
        if not length or not size:
            raise _unsatisfiable(text, size)
        return start, stop
    start, stop = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise _unsatisfiable(text, size)
    return start, stop


def of_part(obj: Object, pieces: list[Piece], number: int) -> tuple[int, int]:
    """Where part ``number`` lies; an object that was not uploaded in parts is one part."""
    if not obj.parts:
        if number == 1:
            return 0, obj.size
    else:
        start = 0
        for piece in pieces:
            if piece.number == number:
                return start, start + piece.size
            start += piece.size
    raise errors.InvalidPartNumber(ActualPartCount=obj.parts or 1, PartNumberRequested=number)


def of_copy(text: str, size: int) -> tuple[int, int]:
    """The range of a copy's source, which must be whole and within it."""
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
    if not match or int(match[1]) > int(match[2]):
        raise errors.InvalidArgument("The x-amz-copy-source-range value must be of the form bytes=first-last "
                                     "where "
                                     "first and last are the zero-based offsets of the first and last bytes "
                                     "to copy",
                                     ArgumentName="x-amz-copy-source-range", ArgumentValue=text)
    start, last = int(match[1]), int(match[2])
    if last >= size:
        raise errors.InvalidRange(f"Range specified is not valid for source object of size: {size}")
    return start, last + 1


def _unsatisfiable(text: str, size: int) -> errors.InvalidRange:
    error = errors.InvalidRange(RangeRequested=text, ActualObjectSize=size)
    error.headers = {"content-range": f"bytes */{size}"}
    return error
