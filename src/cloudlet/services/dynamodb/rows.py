"""Items in the store: one row each, with the entries of indexes, expiry and stream in the same transaction.

A row is a byte that says its form, the item's size by DynamoDB's counting in three, then the item as JSON
shows it to clients: an answer that wants all of an item takes these bytes as they are (:func:`shown`), and
only who looks inside decodes them. (Form 0, MessagePack, is read, and written no more.) An index's entry says
where the item lies and nothing more, so a write that leaves an index's key alone leaves the index alone.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypedDict

import msgspec

from ...kernel import Call
from ...store import Pair, Transaction
from ...store.keys import pack
from . import changes, destinations, expiry, history, keys, tables
from .errors import ValidationException
from .tables import Index, Table, space
from .values import Item


class _Value(TypedDict, total=False):
    """What tells the decoder which texts of JSON are bytes."""

    S: str
    N: str
    B: bytes
    BOOL: bool
    NULL: bool
    L: "list[_Value]"
    M: "dict[str, _Value]"
    SS: list[str]
    NS: list[str]
    BS: list[bytes]


_JSON = 1  # a form; 0 is MessagePack
_HEAD = 4  # bytes before the item
_CHUNK = 100
_encode = msgspec.json.Encoder().encode
_decode: Callable[[bytes], Item] = msgspec.json.Decoder(dict[str, _Value]).decode  # type: ignore[assignment]
_unpack = msgspec.msgpack.Decoder(dict[str, dict[str, Any]]).decode


class Row(NamedTuple):
    """An item, and its size."""

    item: Item
    size: int


def read(call: Call, table: Table, key: bytes) -> Row | None:
    """The item under ``key``."""
    raw = find(call, table, key)
    return None if raw is None else row_of(raw)


def find(call: Call, table: Table, key: bytes) -> bytes | None:
    """The row under ``key``, as it lies there."""
    return call.tx.get(space(call, table) + key)


def read_steady(call: Call, table: Table, key: bytes) -> Row | None:
    """The item under ``key``, for who relies on it and does not write it."""
    raw = call.tx.steady(space(call, table) + key)
    return None if raw is None else row_of(raw)


def copied(item: Item) -> Item:
    """A copy that shares nothing with ``item`` that could be changed."""
    return _decode(_encode(item))


def row_of(raw: bytes) -> Row:
    """A row from its bytes."""
    return Row(item_of(raw), size_in(raw))


def item_of(raw: bytes) -> Item:
    """The item in a row's bytes."""
    return _decode(raw[_HEAD:]) if raw[0] == _JSON else _unpack(raw[_HEAD:])


def size_in(raw: bytes) -> int:
    """The size that a row's bytes say the item has."""
    return int.from_bytes(raw[1:_HEAD], "big")


def sized(raw: bytes, size: int) -> bytes:
    """The same row with another size."""
    return raw[:1] + size.to_bytes(_HEAD - 1, "big") + raw[_HEAD:]


def shown(call: Call, raw: bytes) -> Item | msgspec.Raw:
    """The whole item in a row's bytes, for the answer: as it lies there if that is written as JSON."""
    return msgspec.Raw(raw[_HEAD:]) if call.as_json and raw[0] == _JSON else item_of(raw)


def write(call: Call, table: Table, key: bytes, before: Row | None, after: Row | None) -> None:
    """Replace ``before`` by ``after`` under ``key``; None stands for no item.

    A caller that knows the table to be plain may leave ``before`` unread. What is written to one replica is
    written to all, in the same transaction: the last writer wins, because there is always one that is last.
    """
    _write(call, table, key, before, after)
    for replica in table.replicas:
        there = call.elsewhere(region=replica.region, principal=tables.REPLICATION)
        other = tables.find(there, table.name, steady=True)
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
    return (_JSON << 24 | row.size).to_bytes(_HEAD, "big") + _encode(row.item)


def fill(call: Call, table: Table, key: bytes, raw: bytes) -> None:
    """Put an item that is there already, by its bytes, into a table that nobody sees yet, and its indexes."""
    call.tx.put(space(call, table) + key, raw)
    if table.indexes:
        item = item_of(raw)
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
