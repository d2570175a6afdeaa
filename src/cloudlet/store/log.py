"""Log: entries appended one after another, read after a cursor.

Shards, histories and streams are logs. Each entry has a number; numbers only grow.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from .api import Scope
from .keys import Part, pack, unpack
from .table import SHAPES, Reach, prefix_of

E = TypeVar("E", bound=msgspec.Struct)
_ENCODE = msgspec.msgpack.Encoder().encode


class Log(Generic[E]):
    """Entries of one type; each ``within`` is a log of its own."""

    def __init__(self, name: str, entry: type[E], *, reach: Reach = "region") -> None:
        self.name, self.reach = name, reach
        self.decode = msgspec.msgpack.Decoder(entry).decode
        SHAPES[name] = self

    def append(self, scope: Scope, *within: Part, entry: E) -> int:
        """Add ``entry`` at the end; its number comes back."""
        number = self.last(scope, *within) + 1
        scope.tx.put(self._prefix(scope, within) + pack((number,)), _ENCODE(entry))
        return number

    def last(self, scope: Scope, *within: Part) -> int:
        """The number of the last entry; 0 in an empty log."""
        prefix = self._prefix(scope, within)
        for key, _ in scope.tx.scan(prefix, prefix + b"\xff", limit=1, reverse=True):
            return int(unpack(key[len(prefix) :])[0])
        return 0

    def after(
        self, scope: Scope, *within: Part, cursor: int = 0, limit: int = -1, reverse: bool = False
    ) -> Iterator[tuple[int, E]]:
        """Numbers and entries after ``cursor``; the newest first with ``reverse``."""
        prefix = self._prefix(scope, within)
        start = prefix + pack((cursor + 1,))
        for key, raw in scope.tx.scan(start, prefix + b"\xff", limit=limit, reverse=reverse):
            yield int(unpack(key[len(prefix) :])[0]), self.decode(raw)

    def trim(self, scope: Scope, *within: Part, upto: int) -> None:
        """Forget the entries up to and including ``upto``, but keep the last: numbers never restart."""
        prefix = self._prefix(scope, within)
        upto = min(upto, self.last(scope, *within) - 1)
        for key, _ in list(scope.tx.scan(prefix, prefix + pack((upto + 1,)))):
            scope.tx.delete(key)

    def clear(self, scope: Scope, *within: Part) -> None:
        """Forget everything."""
        prefix = self._prefix(scope, within)
        for key, _ in list(scope.tx.scan(prefix, prefix + b"\xff")):
            scope.tx.delete(key)

    def _prefix(self, scope: Scope, within: tuple[Part, ...]) -> bytes:
        return prefix_of(scope, self.reach, self.name) + pack(within)
