"""Keys as bytes: the items of a partition lie together, in the order of their sort keys.

A key is four bytes of the partition key's hash, then every part of the key in an encoding that keeps its
order. The hash spreads partitions over the key space, so a parallel scan's segments are equal ranges of
it, and a few items tell how many there are. An entry of an index is the index's own key followed by the
item's, which makes it unique; its value is where the item lies.
"""

from collections.abc import Sequence
from hashlib import md5

from . import numbers
from .errors import ValidationException, invalid
from .limits import HASH_KEY_BYTES, RANGE_KEY_BYTES
from .tables import Index, KeyPart, Schema, Table
from .values import Item, Value, kind_of

_END, _AFTER = b"\0\1", b"\0\2"
_FULL = 1 << 32
_EMPTY = ("", b"")
_INDEXED = "A value specified for a secondary index key is not supported. "
MISMATCH = "The provided key element does not match the schema"


def encoded(value: Value, part: KeyPart) -> bytes:
    """One part of a key; a prefix of a value is encoded as a prefix (``opened``)."""
    return opened(value, part) + _END


def opened(value: Value, part: KeyPart) -> bytes:
    """One part of a key without its end."""
    content = value[part.kind]
    raw: bytes
    if part.kind == "S":
        raw = content.encode()
    elif part.kind == "N":
        raw = numbers.ordered(content)
    else:
        raw = bytes(content)
    return raw.replace(b"\0", b"\0\xff") if b"\0" in raw else raw


def partition(values: Item, schema: Schema) -> bytes:
    """The bytes that all keys of one partition start with."""
    if len(schema.hash) == 1:
        part = schema.hash[0]
        joined = encoded(values[part.name], part)
    else:
        joined = b"".join([encoded(values[part.name], part) for part in schema.hash])
    return md5(joined, usedforsecurity=False).digest()[:4] + joined


def key_of(item: Item, schema: Schema) -> bytes:
    """The bytes of the key of an item that has one (see :func:`check_item`)."""
    key = partition(item, schema)
    for part in schema.range:
        key += encoded(item[part.name], part)
    return key


def entry_of(item: Item, index: Index, item_key: bytes) -> bytes | None:
    """The bytes of the index's entry for ``item``; None if the item is not in the index."""
    for part in index.schema.parts:
        value = item.get(part.name)
        if value is None or part.kind not in value:
            return None
    return key_of(item, index.schema) + item_key[4:]


def after(key: bytes) -> bytes:
    """The least bytes above every key that starts with ``key``, where ``key`` ends with a whole part."""
    return key[:-2] + _AFTER


def segment(number: int, total: int) -> tuple[bytes, bytes]:
    """The range of hashes of one segment of a parallel scan."""
    start, stop = number * _FULL // total, (number + 1) * _FULL // total
    return start.to_bytes(4, "big"), (stop.to_bytes(4, "big") if stop < _FULL else b"\xff" * 6)


def fraction(key: bytes) -> float:
    """How much of the key space lies below ``key``, from 0 to 1."""
    return int.from_bytes(key[:4], "big") / _FULL


def check_key(key: Item, table: Table) -> None:
    """A request's ``Key`` has the key attributes, each of its type, and nothing else."""
    parts = table.schema.parts
    if len(key) != len(parts):
        raise ValidationException(
            "The number of conditions on the keys is invalid" if not key else MISMATCH)
    for part in parts:
        value = key.get(part.name)
        if value is None or part.kind not in value:
            raise ValidationException(MISMATCH)
    _check_extent(key, table.schema)


def check_item(item: Item, table: Table) -> None:
    """An item that is put has the key attributes, each of its type, and fits the indexes."""
    for part in table.schema.parts:
        value = item.get(part.name)
        if value is None:
            raise invalid(f"Missing the key {part.name} in the item")
        if part.kind not in value:
            raise invalid(f"Type mismatch for key {part.name} expected: {part.kind} actual: {kind_of(value)}")
    _check_extent(item, table.schema)
    if table.indexes:
        check_indexed(item, table.indexes)


def check_batched(item: Item, table: Table) -> None:
    """An item that a batch puts is held against the same rules; of its key less is told."""
    for part in table.schema.parts:
        if part.kind not in item.get(part.name, ()):
            raise ValidationException(MISMATCH)
    check_item(item, table)


def check_filled(item: Item, table: Table) -> None:
    """No part of a key is empty; a transaction is refused for that before it begins."""
    for part in table.schema.parts:
        if item.get(part.name, {}).get(part.kind) in _EMPTY:
            raise _empty(part)
    for index in table.indexes:
        for part in index.schema.parts:
            if item.get(part.name, {}).get(part.kind) in _EMPTY:
                raise _empty(part, index)


def check_indexed(item: Item, indexes: Sequence[Index]) -> None:
    """What an item has of an index's key is of its type, not empty, and not too long."""
    for index in indexes:
        for part in index.schema.parts:
            value = item.get(part.name)
            if value is None:
                continue
            if part.kind not in value:
                raise invalid(f"Type mismatch for Index Key {part.name} Expected: {part.kind} "
                              f"Actual: {kind_of(value)} IndexName: {index.name}")
            if part.kind != "N" and not value[part.kind]:
                raise _empty(part, index)
        _check_lengths(item, index.schema, index.name)


def _empty(part: KeyPart, index: Index | None = None) -> ValidationException:
    kind = "string" if part.kind == "S" else "binary"
    where = f"IndexName: {index.name}, IndexKey" if index else "Key"
    return ValidationException(f"One or more parameter values are not valid. {_INDEXED if index else ''}The "
                               f"AttributeValue for a key attribute cannot contain an empty {kind} value. "
                               f"{where}: {part.name}")


def _check_extent(item: Item, schema: Schema) -> None:
    for part in schema.parts:
        content = item[part.name][part.kind]
        if not content:
            raise _empty(part)
        if len(content) * 4 > RANGE_KEY_BYTES:
            _check_lengths(item, schema, "")


def _check_lengths(item: Item, schema: Schema, index: str) -> None:
    for parts, limit in ((schema.hash, HASH_KEY_BYTES), (schema.range, RANGE_KEY_BYTES)):
        for part in parts:
            content = item.get(part.name, {}).get(part.kind)
            if content is None or part.kind == "N":
                continue
            if (len(content.encode()) if part.kind == "S" else len(content)) > limit:
                what = ("Size of hashkey has exceeded the maximum size limit of2048 "
                        "bytes" if parts is schema.hash
                        else "Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
                raise invalid(what + (f" IndexName: {index}" if index else ""))
