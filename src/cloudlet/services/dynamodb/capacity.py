"""Capacity units: what an operation consumed, in the forms a request may ask for."""

from typing import Any

import msgspec

from ...kernel import Call
from . import keys
from .projections import project, tree_of_names
from .rows import Row
from .tables import Index, Table, arn_of
from .values import Item, size_of

_READ_BYTES, _WRITE_BYTES = 4096, 1024


class Units(msgspec.Struct):
    """What one table's part of a request consumed."""

    table: float = 0.0
    indexes: dict[str, float] = {}

    def add(self, other: "Units") -> None:
        """Together with another part."""
        self.table += other.table
        self.indexes = {name: self.indexes.get(name, 0.0) + other.indexes.get(name, 0.0)
                        for name in {**self.indexes, **other.indexes}}

    @property
    def total(self) -> float:
        """Of the table and its indexes."""
        return self.table + sum(self.indexes.values())


def read_units(size: int, *, consistent: bool, times: int = 1) -> float:
    """For reading ``size`` bytes; something that is not there costs as much as the smallest item."""
    units = max(1, -(-size // _READ_BYTES)) * times
    return float(units) if consistent else units / 2


def write_units(table: Table, key: bytes, before: Row | None, after: Row | None, *, times: int = 1) -> Units:
    """For a write, in the table and in the indexes that it changed."""
    size = max(before.size if before else 0, after.size if after else 0)
    found = Units(float(times * _blocks(size)))
    for index in table.indexes:
        units = _index_units(table, index, key, before, after)
        if units:
            found.indexes[index.name] = float(times * units)
    return found


def projected(table: Table, index: Index, item: Item) -> Item:
    """What an index holds of ``item``."""
    if index.projection == "ALL":
        return item
    return project(item, tree_of_names(projected_names(table, index)))


def projected_names(table: Table, index: Index) -> tuple[str, ...]:
    """The attributes that an index holds which doesn't hold all."""
    return tuple(dict.fromkeys((*table.schema.names, *index.schema.names, *index.others)))


def _blocks(size: int) -> int:
    return max(1, -(-size // _WRITE_BYTES))


def _index_units(table: Table, index: Index, key: bytes, before: Row | None, after: Row | None) -> int:
    old = before and keys.entry_of(before.item, index, key) and projected(table, index, before.item)
    new = after and keys.entry_of(after.item, index, key) and projected(table, index, after.item)
    if old == new:
        return 0
    if old and new and all(old[name] == new[name] for name in index.schema.names):
        return _blocks(max(size_of(old), size_of(new)))
    return sum(_blocks(size_of(item)) for item in (old, new) if item)


def consumed(call: Call, table: Table, name: str, mode: str | None, units: Units, *,
             kind: str = "") -> dict[str, Any] | None:
    """The ConsumedCapacity that ``mode`` (NONE, TOTAL, INDEXES) wants; ``kind`` Read or Write splits it."""
    if mode not in ("TOTAL", "INDEXES"):
        return None

    def one(amount: float) -> dict[str, float]:
        return {"CapacityUnits": amount, **({f"{kind}CapacityUnits": amount} if kind else {})}

    found: dict[str, Any] = {"TableName": arn_of(call, table) if name.startswith("arn:") else table.name,
                             **one(units.total)}
    if mode == "INDEXES":
        found["Table"] = one(units.table)
        for index in table.indexes:
            if index.name in units.indexes:
                member = "LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes"
                found.setdefault(member, {})[index.name] = one(units.indexes[index.name])
    return found


def collection_metrics(table: Table, mode: str | None, item: Item) -> dict[str, Any] | None:
    """The ItemCollectionMetrics that ``mode`` SIZE asks for; only tables with local indexes have any."""
    if mode != "SIZE" or not any(index.local for index in table.indexes):
        return None
    return {"ItemCollectionKey": {part.name: item[part.name] for part in table.schema.hash},
            "SizeEstimateRangeGB": [0.0, 1.0]}
