"""Table: records by key, with indexes that are written in the same transaction.

A record is a ``msgspec.Struct``; a field added later needs a default, and old records read well.
Where a table lives is its scope: ``region`` (the rule), ``account`` (IAM) or ``global`` (bucket names).
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from .api import Scope
from .keys import Key, Part, pack, unpack

R = TypeVar("R", bound=msgspec.Struct)
Reach = Literal["region", "account", "global"]
_ENCODE = msgspec.msgpack.Encoder().encode


def prefix_of(scope: Scope, reach: Reach, name: str) -> bytes:
    """The bytes that every key of the shape ``name`` starts with, seen from ``scope``."""
    if reach == "region":
        return _prefix(scope.account, scope.region, name)
    return _prefix(scope.account if reach == "account" else "", "", name)


@lru_cache(maxsize=4096)
def _prefix(account: str, region: str, name: str) -> bytes:
    return pack((account, region, name))


class Shape(Protocol):
    """What a table, an agenda and a log have in common: records under keys that begin with one name."""

    @property
    def name(self) -> str: ...
    @property
    def decode(self) -> Callable[[bytes], Any]: ...


SHAPES: dict[str, Shape] = {}  # every shape that was made, by its name, for those who look after all of them


class Table(Generic[R]):
    """Records of one type by key.

    ``indexes`` names other ways to find a record: each a function from the record to a key, or None
    to leave the record out. Entries of one index key are in the order of the records' own keys.
    """

    def __init__(
        self,
        name: str,
        record: type[R],
        *,
        reach: Reach = "region",
        indexes: Mapping[str, Callable[[R], Key | None]] | None = None,
    ) -> None:
        self.name, self.reach = name, reach
        self.decode = msgspec.msgpack.Decoder(record).decode
        self.indexes = dict(indexes or {})
        SHAPES[name] = self

    def get(self, scope: Scope, *key: Part) -> R | None:
        """The record under ``key``, or None."""
        raw = scope.tx.get(prefix_of(scope, self.reach, self.name) + pack(key))
        return None if raw is None else self.decode(raw)

    def steady(self, scope: Scope, *key: Part) -> R | None:
        """The record under ``key``, which stays as it is until this transaction is over."""
        raw = scope.tx.steady(prefix_of(scope, self.reach, self.name) + pack(key))
        return None if raw is None else self.decode(raw)

    def alone(self, scope: Scope, *key: Part) -> R | None:
        """The record under ``key``; who relied on it is done and seen."""
        raw = scope.tx.alone(prefix_of(scope, self.reach, self.name) + pack(key))
        return None if raw is None else self.decode(raw)

    def put(self, scope: Scope, *key: Part, record: R) -> None:
        """Set the record under ``key``."""
        prefix, tail = prefix_of(scope, self.reach, self.name), pack(key)
        if self.indexes:
            old = scope.tx.get(prefix + tail)
            self._reindex(scope, tail, None if old is None else self.decode(old), record)
        scope.tx.put(prefix + tail, _ENCODE(record))

    def delete(self, scope: Scope, *key: Part) -> None:
        """Forget the record under ``key``."""
        prefix, tail = prefix_of(scope, self.reach, self.name), pack(key)
        if self.indexes:
            old = scope.tx.get(prefix + tail)
            self._reindex(scope, tail, None if old is None else self.decode(old), None)
        scope.tx.delete(prefix + tail)

    def items(
        self, scope: Scope, *within: Part, after: Key | None = None, limit: int = -1, reverse: bool = False
    ) -> Iterator[tuple[Key, R]]:
        """Keys and records under the partial key ``within``, in order; ``after`` (a whole key) starts later.

        With ``reverse`` the order is turned round, and ``after`` means before.
        """
        prefix = prefix_of(scope, self.reach, self.name)
        start = prefix + pack(within)
        stop = start + b"\xff"
        if after is not None:
            edge = prefix + pack(after)
            start, stop = (start, min(edge, stop)) if reverse else (max(edge + b"\0", start), stop)
        for key, raw in scope.tx.scan(start, stop, limit=limit, reverse=reverse):
            yield unpack(key[len(prefix) :]), self.decode(raw)

    def starting(self, scope: Scope, text: str, *, limit: int = -1) -> Iterator[tuple[Key, R]]:
        """Records whose first key part is a text that starts with ``text``."""
        prefix = prefix_of(scope, self.reach, self.name)
        start = prefix + pack((text,))[:-1]
        for key, raw in scope.tx.scan(start, start + b"\xff", limit=limit):
            yield unpack(key[len(prefix) :]), self.decode(raw)

    def find(self, scope: Scope, index: str, *key: Part, limit: int = -1) -> Iterator[tuple[Key, R]]:
        """Keys and records that ``index`` holds under ``key`` (or a part of it)."""
        start = prefix_of(scope, self.reach, f"{self.name}/{index}") + pack(key)
        own = prefix_of(scope, self.reach, self.name)
        for _, tail in list(scope.tx.scan(start, start + b"\xff", limit=limit)):
            raw = scope.tx.get(own + tail)
            if raw is not None:
                yield unpack(tail), self.decode(raw)

    def _reindex(self, scope: Scope, tail: bytes, old: R | None, new: R | None) -> None:
        for index, key_of in self.indexes.items():
            before = key_of(old) if old is not None else None
            now = key_of(new) if new is not None else None
            if before == now:
                continue
            prefix = prefix_of(scope, self.reach, f"{self.name}/{index}")
            if before is not None:
                scope.tx.delete(prefix + pack(before) + tail)
            if now is not None:
                scope.tx.put(prefix + pack(now) + tail, tail)
