"""Forms as browsers send them: fields first, then a file that is passed on as it arrives.

>>> boundary_of('multipart/form-data; boundary="x y"')
b'x y'
"""

import re
from collections.abc import AsyncIterator

from ...wire.http import Request
from . import errors
from .limits import FORM_FIELDS_LIMIT

_NAME = re.compile(r'\bname="((?:[^"\\]|\\.)*)"', re.I)
_FILENAME = re.compile(r'\bfilename="((?:[^"\\]|\\.)*)"', re.I)


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts of the form."""
    match = re.search(r'boundary=(?:"([^"]+)"|([^;\s]+))', content_type, re.I)
    if not match:
        raise errors.MalformedPOSTRequest
    return (match[1] or match[2]).encode()


class Form:
    """A form whose fields are read; iterating gives the file's bytes."""

    def __init__(self, request: Request) -> None:
        self._pieces = aiter(request.stream if request.stream is not None else _once(request.body))
        self._end = b"\r\n--" + boundary_of(request.headers.get("content-type", ""))
        self._buffer = bytearray(b"\r\n")
        self.fields: dict[str, str] = {}  # names in lower case
        self.filename = ""
        self.file_type = ""

    async def read_fields(self) -> None:
        """Read until the file begins; what follows the file does not count."""
        await self._until(self._end)
        while True:
            head = (await self._until(b"\r\n\r\n")).decode("utf-8", "replace")
            if head.startswith("--"):
                raise errors.InvalidArgument("POST requires exactly one file upload per request.",
                                             ArgumentName="file", ArgumentValue=0)
            match = _NAME.search(head)
            if not match:
                raise errors.MalformedPOSTRequest
            name = match[1].lower()
            if name == "file":
                found = _FILENAME.search(head)
                self.filename = found[1].replace("\\", "/").rpartition("/")[2] if found else ""
                kind = re.search(r"content-type:\s*([^\r\n]+)", head, re.I)
                self.file_type = kind[1].strip() if kind else ""
                return
            self.fields[name] = (await self._until(self._end)).decode("utf-8", "replace")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        keep = len(self._end) - 1  # bytes that may be the beginning of the end
        while True:
            at = self._buffer.find(self._end)
            if at >= 0:
                if at:
                    yield bytes(self._buffer[:at])
                async for _ in self._pieces:
                    pass
                return
            if len(self._buffer) > keep:
                piece = bytes(self._buffer[: len(self._buffer) - keep])
                del self._buffer[: len(piece)]
                yield piece
            await self._more()

    async def _until(self, mark: bytes) -> bytes:
        """What comes before ``mark``, which is passed over."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > FORM_FIELDS_LIMIT + len(mark):
                raise errors.MaxPostPreDataLengthExceeded
            await self._more()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._pieces)
        except StopAsyncIteration:
            raise errors.MalformedPOSTRequest from None


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


