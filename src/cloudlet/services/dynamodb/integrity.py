"""What must hold of DynamoDB's rows, for ``cloudlet fsck``.

Every item lies under its own key and counts for its size; every index has an entry for each item that has its
key, and no other; what expires is in the agenda of its table; and no items are left of a table or a backup
that is gone, but for those that are being cleared away. Wrong entries are made again from the items.
"""

from collections.abc import Iterator
from functools import partial

import msgspec

from ...errors import AwsError
from ...fabric.timers import pending
from ...store.integrity import Examination, View
from ...store.keys import pack
from . import backups, expiry, keys, tables
from .rows import Row, everything, row_of, sized
from .tables import ACTIVE, Index, Table
from .values import Item, size_of

_FULL = b"\xff" * 12


def examine(exam: Examination) -> None:
    """Hold every table's items against its indexes, and its indexes against its items."""
    clearing = [(bytes(start), bytes(stop)) for timer in pending(exam.everywhere)
                if (timer.service, timer.task) == ("dynamodb", "clear")
                for start, stop in timer.arguments["ranges"]]
    filling = {bytes(timer.arguments["rows_id"]) for timer in pending(exam.everywhere)
               if (timer.service, timer.task) == ("dynamodb", "enlist_all")}
    for view in exam.views("dynamodb.items"):
        known = {table.rows: table for _, table in exam.records(view, tables.records)}
        backed_up = {backup.rows for _, backup in exam.records(view, backups.kept)}
        for rows, number in _spaces(exam, view):
            start, stop = everything(view.account, view.region, rows, number)
            table = known.get(rows)
            if table is None:
                gone = number != 0 or rows not in backed_up
            else:
                gone = number not in {0, *(index.number for index in table.indexes)}
            if gone and not any(low <= start < high or start <= low < stop for low, high in clearing):
                exam.found("dynamodb", "leftover", f"{view.account} {view.region} {rows.hex()}/{number}",
                           "items or entries of a table or index that is not there", "remove them",
                           partial(_clear, exam, start, stop))
        for table in known.values():
            _examine_items(exam, view, table, table.rows not in filling)
            for index in table.indexes:
                _examine_entries(exam, view, table, index)
            _examine_expiries(exam, view, table)


def _spaces(exam: Examination, view: View) -> Iterator[tuple[bytes, int]]:
    """The numbers of tables and of their indexes under which there is something."""
    prefix = pack((view.account, view.region, "dynamodb.items"))
    at = prefix
    while found := next(iter(list(exam.tx.scan(at, prefix + _FULL, limit=1))), None):
        rest = found[0][len(prefix):]
        end = rest.index(b"\0", 1)
        while rest[end + 1 : end + 2] == b"\xff":
            end = rest.index(b"\0", end + 1)
        rows, number = rest[1:end].replace(b"\0\xff", b"\0"), int.from_bytes(rest[end + 2 : end + 10], "big")
        number -= 1 << 63
        yield rows, number
        at = everything(view.account, view.region, rows, number)[1]


def _examine_items(exam: Examination, view: View, table: Table, enlisted: bool) -> None:
    start, stop = everything(view.account, view.region, table.rows, 0)
    for at, raw in exam.rows(start, stop):
        exam.counts["items"] += 1
        key = at[len(start):]
        where = f"{view.account} {view.region} {table.name} {key.hex()}"
        row = _readable(raw)
        if row is None or _key(row.item, table) != key:
            what = "the item can't be read" if row is None else "the item has another key in it"
            exam.found("dynamodb", "row", where, what, "put it into quarantine",
                       partial(exam.isolate, at, "not a row of this table"))
            continue
        if row.size != size_of(row.item):
            exam.found("dynamodb", "size", where, f"it is said to have {row.size} bytes and has "
                       f"{size_of(row.item)}", "say so", partial(
                           exam.tx.put, at, sized(raw, size_of(row.item))))
        for index in table.indexes:
            entry = _entry(row.item, index, key)
            place = _space(view, table, index)
            if entry is not None and index.status == ACTIVE and exam.tx.get(place + entry) != key:
                exam.found("dynamodb", "index", where, f"the index {index.name} has no entry for it",
                           "add the entry", partial(exam.tx.put, place + entry, key))
        due = expiry.moment(table, row.item, 0) if table.ttl and enlisted else None
        if due is not None and due > exam.now_ms and not expiry.is_enlisted(view, table.rows, key, due):
            exam.found("dynamodb", "index", where, "it expires, and is not in the agenda", "add it",
                       partial(expiry.add, view, table.rows, key, due))


def _examine_entries(exam: Examination, view: View, table: Table, index: Index) -> None:
    place, items = _space(view, table, index), everything(view.account, view.region, table.rows, 0)[0]
    for at, key in exam.rows(place, place + _FULL):
        exam.counts["index entries"] += 1
        raw = exam.tx.get(items + key)
        row = _readable(raw) if raw is not None else None
        if row is None or _entry(row.item, index, key) != at[len(place):]:
            what = "an item that is not there" if row is None else "an item that has another key in it"
            exam.found("dynamodb", "index", f"{view.account} {view.region} {table.name} {at.hex()}",
                       f"the index {index.name} has an entry for {what}", "remove the entry",
                       partial(exam.tx.delete, at))


def _examine_expiries(exam: Examination, view: View, table: Table) -> None:
    items = everything(view.account, view.region, table.rows, 0)[0]
    for due_ms, id, key in expiry.enlisted(view, table.rows) if table.ttl else ():
        raw = exam.tx.get(items + key)
        row = _readable(raw) if raw is not None else None
        if row is None or expiry.moment(table, row.item, 0) != due_ms:
            exam.found("dynamodb", "index", f"{view.account} {view.region} {table.name} {key.hex()}",
                       "the agenda has a moment at which it does not expire", "remove it",
                       partial(expiry.remove, view, table.rows, id, due_ms))


def _clear(exam: Examination, start: bytes, stop: bytes) -> None:
    for key, _ in list(exam.rows(start, stop)):
        exam.tx.delete(key)


def _space(view: View, table: Table, index: Index) -> bytes:
    return everything(view.account, view.region, table.rows, index.number)[0]


def _readable(raw: bytes) -> Row | None:
    try:
        return row_of(raw)
    except (msgspec.DecodeError, ValueError, IndexError):
        return None


def _key(item: Item, table: Table) -> bytes | None:
    try:
        return keys.key_of(item, table.schema)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _entry(item: Item, index: Index, key: bytes) -> bytes | None:
    """The entry an item should have; none for one from before the index that could not be written now."""
    try:
        keys.check_indexed(item, (index,))
    except AwsError:
        return None
    return keys.entry_of(item, index, key)
