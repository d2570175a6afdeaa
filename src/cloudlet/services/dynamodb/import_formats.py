"""What an import reads: lines of DynamoDB's JSON, or CSV. A reader is fed bytes and gives items.

In CSV every value is a text, but for those of keys, which are of the type that the key has.
"""

import base64
import binascii
import csv
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from ...wire import awsjson
from .errors import AwsError, ValidationException
from .service import dynamodb
from .tables import Table

_LONGEST = 16 << 20  # bytes of one line
_input = dynamodb.model.operation("PutItem").input
assert _input
_ITEM = _input.shape.members["Item"]


class NoItem(ValidationException):
    """The line is no item."""


Found = dict[str, Any] | NoItem


class Reader(Protocol):
    """Makes items of bytes."""

    def feed(self, data: bytes) -> list[Found]:
        """The items that these bytes complete."""

    def end(self) -> list[Found]:
        """The item that the last bytes made, if there was no line's end after it."""


def reader_of(form: str, options: dict[str, Any] | None, table: Table) -> Reader:
    """A reader for one object."""
    if form == "DYNAMODB_JSON":
        return JsonLines()
    given = (options or {}).get("Csv") or {}
    kinds = {part.name: part.kind for schema in (table.schema, *(index.schema for index in table.indexes))
             for part in schema.parts}
    return Csv(given.get("Delimiter", ","), given.get("HeaderList"), kinds)


class _Lines:
    """Cuts bytes into lines; ``whole`` says whether one that ends here is all of a record."""

    def __init__(self) -> None:
        self._rest = b""

    def cut(self, data: bytes) -> Iterator[bytes]:
        """The lines that are complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            raise ValidationException(f"A line of the source is longer than {_LONGEST} bytes")
        yield from lines

    def rest(self) -> bytes:
        """What came after the last end of a line."""
        rest, self._rest = self._rest, b""
        return rest


class JsonLines:
    """``{"Item": {"id": {"S": "7"}}}``, one a line."""

    def __init__(self) -> None:
        self._lines = _Lines()

    def feed(self, data: bytes) -> list[Found]:
        """The items that these bytes complete."""
        return [_item(line) for line in self._lines.cut(data) if line.strip()]

    def end(self) -> list[Found]:
        """The item of a last line without an end."""
        rest = self._lines.rest()
        return [_item(rest)] if rest.strip() else []


class Csv:
    """Values in columns; a quoted one may go over several lines."""

    def __init__(self, delimiter: str, header: list[str] | None, kinds: dict[str, str]) -> None:
        self._lines, self._delimiter, self._kinds = _Lines(), delimiter, kinds
        self._header, self._open = header, ""

    def feed(self, data: bytes) -> list[Found]:
        """The items that these bytes complete."""
        return [item for line in self._lines.cut(data) for item in self._record(line.decode("utf-8-sig"))]

    def end(self) -> list[Found]:
        """The item of a last line without an end."""
        rest = self._lines.rest().decode("utf-8-sig")
        return [*self._record(rest)] if rest or self._open else []

    def _record(self, line: str) -> Iterator[Found]:
        text = f"{self._open}\n{line}" if self._open else line
        if text.count('"') % 2:  # a quoted value goes on in the next line
            self._open = text
            return
        self._open = ""
        values = next(csv.reader([text.rstrip("\r")], delimiter=self._delimiter, strict=False), [])
        if not values:
            return
        if self._header is None:
            self._header = values
            return
        yield self._item(values, self._header)

    def _item(self, values: list[str], header: list[str]) -> Found:
        if len(values) != len(header):
            return NoItem(f"The line has {len(values)} values, and the header {len(header)}")
        item = {}
        for name, text in zip(header, values, strict=True):
            kind = self._kinds.get(name, "S")
            if kind == "S" or text:
                try:
                    item[name] = {kind: base64.b64decode(text, validate=True) if kind == "B" else text}
                except binascii.Error:
                    return NoItem(f"The value of {name} is not base64")
        return item


def _item(line: bytes) -> Found:
    try:
        document = msgspec.json.decode(line)
        item: dict[str, Any] = awsjson.read(document["Item"], _ITEM)
    except (msgspec.DecodeError, AwsError, KeyError, TypeError) as error:
        return NoItem(f"The line is no item in DynamoDB's JSON: {error}")
    return item
