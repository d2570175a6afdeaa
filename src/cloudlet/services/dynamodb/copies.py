"""Copies of whole tables: a backup, a restore, the filling of a new replica. A slice is one transaction.

What is copied is the table as it was at a moment (see :mod:`.history`), so the copy is of one moment however
long it takes and whatever is written meanwhile.
"""

from typing import Any

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Table as Records
from ...store.keys import pack
from . import history, rows, tables
from .history import Moment, Watched
from .limits import SLICE_ITEMS
from .service import dynamodb


class Copy(msgspec.Struct, frozen=True):
    """A copy that is under way, from the table ``source`` (empty: from a backup) under the pin ``id``.

    It goes into the table ``table`` or, if there is none, into the rows of a backup. ``then`` names the task
    that is told of its end, in the same transaction, with ``note``, and how many items and bytes there are.
    """

    id: str
    source: str
    rows: bytes
    history: bytes
    at_ms: int
    epoch: int
    into: bytes
    table: str = ""
    then: str = ""
    note: dict[str, Any] = {}
    count: int = 0
    size: int = 0

    @property
    def watched(self) -> Watched:
        """What is read."""
        moment = Moment(self.at_ms, self.epoch) if self.history else None
        return Watched(self.rows, self.history, moment)


_copies = Records("dynamodb.copies", Copy)


def begin(call: Call, copy: Copy) -> None:
    """Start copying; what is read must be held under the copy's id already."""
    _copies.put(call, copy.id, record=copy)
    timers.schedule(call, go_on, at_ms=call.now_ms, id=f"dynamodb/copy/{copy.id}", copy_id=copy.id, after=b"")


def restores(call: Call) -> int:
    """How many tables are being filled in this region."""
    return sum(bool(copy.table) for _, copy in _copies.items(call))


def cancel(call: Call, table: str) -> None:
    """Make no more copies into a table that is gone."""
    for (id,), copy in list(_copies.items(call)):
        if copy.table == table:
            _copies.delete(call, id)
            history.let_go(call, copy.rows, copy.id, copy.source)


@dynamodb.task
def go_on(call: Call, copy_id: str, after: bytes) -> None:
    """Copy another slice."""
    copy = _copies.get(call, copy_id)
    if copy is None:
        return
    table = tables.find(call, copy.table) if copy.table else None
    if copy.table and (table is None or table.rows != copy.into):
        cancel(call, copy.table)
        return
    pairs, next_key = history.read(call, copy.watched, after, SLICE_ITEMS)
    into = pack((call.account, call.region, "dynamodb.items", copy.into, 0))
    for key, raw in pairs:
        if table is not None:
            rows.fill(call, table, key, raw)
        else:
            call.tx.put(into + key, raw)
    copy = msgspec.structs.replace(
        copy, count=copy.count + len(pairs),
        size=copy.size + sum(rows.size_in(raw) for _, raw in pairs))
    if next_key:
        _copies.put(call, copy_id, record=copy)
        timers.schedule(call, go_on, at_ms=call.now_ms, id=f"dynamodb/copy/{copy_id}/{next_key.hex()}",
                        copy_id=copy_id, after=next_key)
        return
    _copies.delete(call, copy_id)
    history.let_go(call, copy.rows, copy.id, copy.source)
    dynamodb.tasks[copy.then](call, **copy.note, count=copy.count, size=copy.size)
