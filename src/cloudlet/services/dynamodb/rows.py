"""Items in the store: one row each, with the entries of indexes, expiry and stream in the same transaction.

A row is the item's size by DynamoDB's counting, then the item. An index's entry says where the item lies
and nothing more, so a write that leaves an index's key alone leaves the index alone.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from ...kernel import Call
from ...store import Pair, Transaction
from ...store.keys import pack
from . import changes, destinations, expiry, history, keys, tables
from .errors import ValidationException
from .tables import Index, Table, space
from .values import Item

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, dict[str, Any]]).decode
_CHUNK = 100


class Row(NamedTuple):
    """An item as it lies in the store, and its size."""

    item: Item
    size: int


def read(call: Call, table: Table, key: bytes) -> Row | None:
    """The item under ``key``."""
    raw = call.tx.get(space(call, table) + key)
    return None if raw is None else row_of(raw)


def copied(item: Item) -> Item:
    """A copy that shares nothing with ``item`` that could be changed."""
    return _decode(_encode(item))


def row_of(raw: bytes) -> Row:
    """A row from its bytes."""
    return Row(_decode(raw[4:]), int.from_bytes(raw[:4], "big"))


def write(call: Call, table: Table, key: bytes, before: Row | None, after: Row | None) -> None:
    """Replace ``before`` by ``after`` under ``key``; None stands for no item.

    A caller that knows the table to be plain may leave ``before`` unread. What is written to one replica is
    written to all, in the same transaction: the last writer wins, because there is always one that is last.
    """
    _write(call, table, key, before, after)
    for replica in table.replicas:
        there = call.elsewhere(region=replica.region, principal=tables.REPLICATION)
        other = tables.find(there, table.name)
        if other is not None:
            _write(there, other, key, read(there, other, key), after)


def _write(call: Call, table: Table, key: bytes, before: Row | None, after: Row | None) -> None:
    at = space(call, table) + key
    if after is not None:
        call.tx.put(at, packed(after))
    elif before is not None:
        call.tx.delete(at)
    if table.plain or (before is None and after is None):
        return
    if table.history:
        history.keep(call, table, key, packed(before) if before else b"")
    for index in table.indexes:
        _move_entry(call, table, index, key, before, after)
    if table.ttl:
        expiry.follow(call, table, key, before and before.item, after and after.item)
    if table.stream and table.stream.enabled:
        changes.record(call, table, before, after)
    if table.destinations:
        destinations.tell(call, table, before, after)


def packed(row: Row) -> bytes:
    """A row as it lies in the store."""
    return row.size.to_bytes(4, "big") + _encode(row.item)


def fill(call: Call, table: Table, key: bytes, raw: bytes) -> None:
    """Put an item that is there already, by its bytes, into a table that nobody sees yet, and its indexes."""
    call.tx.put(space(call, table) + key, raw)
    if table.indexes:
        item = row_of(raw).item
        for index in table.indexes:
            add_entry(call, table, index, key, item)


def add_entry(call: Call, table: Table, index: Index, key: bytes, item: Item) -> None:
    """Put an item that is in the table into an index."""
    try:
        keys.check_indexed(item, (index,))
    except ValidationException:
        return  # an item from before the index, which could not be written now
    entry = keys.entry_of(item, index, key)
    if entry is not None:
        call.tx.put(space(call, table, index) + entry, key)


def _move_entry(call: Call, table: Table, index: Index, key: bytes, before: Row | None,
                after: Row | None) -> None:
    old = keys.entry_of(before.item, index, key) if before else None
    new = keys.entry_of(after.item, index, key) if after else None
    if old == new:
        return
    prefix = space(call, table, index)
    if old is not None:
        call.tx.delete(prefix + old)
    if new is not None:
        call.tx.put(prefix + new, key)


def span(tx: Transaction, start: bytes, stop: bytes, *, reverse: bool, first: int = _CHUNK) -> Iterator[Pair]:
    """Pairs between two keys, read piece by piece: a reader may stop early, and a store may fetch eagerly."""
    limit = min(first, _CHUNK)
    while True:
        pairs = list(tx.scan(start, stop, limit=limit, reverse=reverse))
        yield from pairs
        if len(pairs) < limit:
            return
        last = pairs[-1][0]
        start, stop = (start, last) if reverse else (last + b"\0", stop)
        limit = _CHUNK


@lru_cache(maxsize=1024)
def everything(account: str, region: str, rows: bytes, index: int = -1) -> tuple[bytes, bytes]:
    """The range of a table's items and entries, or those of one index (0: the items)."""
    prefix = pack((account, region, "dynamodb.items", rows) + ((index,) if index >= 0 else ()))
    return prefix, prefix + b"\xff" * 12
