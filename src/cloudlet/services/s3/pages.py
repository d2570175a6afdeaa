"""Pages of listings: keys in order, with what shares a prefix rolled up.

A listing seeks: to its marker at the start, and past each common prefix it meets. What it costs depends
on what it shows, never on what the bucket holds. No text holds the byte 0xFF, so a prefix followed by it
lies behind every key that starts with the prefix.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from ...kernel import Call
from ...store import Table
from . import errors

LAST = 1 << 62  # behind every number a row's key may end with
_BATCH = 128
_SAFE = "/-_.*"
After = tuple[Any, ...]  # a row's key without the bucket: the key, and what follows it


class Row(NamedTuple):
    """A row of a table of a bucket's things: its key, what follows that, and the record."""

    key: bytes
    rest: tuple[Any, ...]
    record: Any


class Cursor:
    """The rows of one bucket in order; it can leap ahead."""

    def __init__(self, call: Call, table: Table[Any], bucket: str, after: After) -> None:
        self._call, self._table, self._bucket, self._after = call, table, bucket, after
        self._rows: deque[Row] = deque()
        self._more = True

    def peek(self) -> Row | None:
        """The next row; None behind the last."""
        if not self._rows and self._more:
            found = self._table.items(self._call, self._bucket, after=(self._bucket, *self._after),
                                      limit=_BATCH)
            for (_, key, *rest), record in found:
                assert isinstance(key, bytes)
                self._rows.append(Row(key, tuple(rest), record))
            self._more = len(self._rows) == _BATCH
        return self._rows[0] if self._rows else None

    def take(self) -> None:
        """Go on to the row after the next."""
        row = self._rows.popleft()
        self._after = (row.key, *row.rest)

    def leap(self, bound: bytes) -> None:
        """Go on to the first row whose key lies behind ``bound``."""
        while self._rows and self._rows[0].key < bound:
            self._rows.popleft()
        if not self._rows:
            self._after = (bound,)


class Page:
    """Up to ``limit`` rows and common prefixes of merged cursors; at one key the first goes first."""

    def __init__(self, cursors: list[Cursor], prefix: str, delimiter: str, limit: int) -> None:
        self._cursors, self._prefix, self._delimiter = cursors, prefix.encode(), delimiter.encode()
        self.rows: list[Row] = []
        self.prefixes: list[str] = []
        self.last = b""  # the key or common prefix that the page ends with
        self.truncated = False
        if limit:
            self._fill(limit)

    def _fill(self, limit: int) -> None:
        while (cursor := self._next()) is not None:
            row = cursor.peek()
            assert row
            if not row.key.startswith(self._prefix):
                return
            if len(self.rows) + len(self.prefixes) == limit:
                self.truncated = True
                return
            common = common_prefix(row.key, self._prefix, self._delimiter)
            if common is None:
                self.rows.append(row)
                self.last = row.key
                cursor.take()
                continue
            self.prefixes.append(common.decode())
            self.last = common
            for each in self._cursors:
                each.leap(common + b"\xff")

    def _next(self) -> Cursor | None:
        found, first = None, None
        for cursor in self._cursors:
            row = cursor.peek()
            if row is not None and (first is None or row.key < first):
                found, first = cursor, row.key
        return found


def common_prefix(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """What ``key`` is rolled up to, if it is."""
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: at + len(delimiter)] if at >= 0 else None


def begin(prefix: str, delimiter: str, marker: str, *rest: Any) -> After:
    """Behind which row a page begins that comes after ``marker`` (and ``rest`` of its row's key)."""
    first, key = prefix.encode(), marker.encode()
    if key < first or not key:
        return (_before(first),)
    if key.startswith(first) and common_prefix(key, first, delimiter.encode()) == key:
        return (key + b"\xff",)  # the page before ended with this common prefix
    return (key, *rest)


def _before(prefix: bytes) -> bytes:
    """A bound behind which exactly the keys from ``prefix`` on lie.

    >>> b"az" < _before(b"b") < b"b"
    True
    """
    if not prefix or not prefix[-1]:
        return prefix[:-1]
    return prefix[:-1] + bytes([prefix[-1] - 1]) + b"\xff"


def encoder(encoding_type: str | None) -> Callable[[str], str]:
    """How keys are written: as they are, or quoted as in a URL."""
    if encoding_type is None:
        return str
    if encoding_type != "url":
        raise errors.InvalidArgument("Invalid Encoding Method specified in Request",
                                     ArgumentName="encoding-type",
                                     ArgumentValue=encoding_type)
    return lambda text: quote(text, safe=_SAFE)


def check_limit(value: int, name: str) -> None:
    """Refuse a limit that is none."""
    if not 0 <= value <= 2**31 - 1:
        raise errors.InvalidArgument(f"Argument {name} must be an integer between 0 and 2147483647",
                                     ArgumentName=name, ArgumentValue=value)


def shown_prefixes(page: Page, encode: Callable[[str], str]) -> list[dict[str, str]]:
    """The common prefixes as answers list them."""
    return [{"Prefix": encode(prefix)} for prefix in page.prefixes]
