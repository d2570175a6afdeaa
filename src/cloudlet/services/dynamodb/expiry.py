"""Time to live: an item goes once the cloudlet's clock passes the moment that its attribute says.

DynamoDB removes expired items within days; here they go at the moment itself. Each table keeps its
expiries in an Agenda and one timer set to the earliest, so items that expire cost nothing until they do.
"""

from collections.abc import Iterator

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Agenda, Scope
from ...store import Table as Records
from ...store.keys import pack
from ...store.table import prefix_of
from .tables import Table
from .values import Item

_OLDEST_MS = 5 * 365 * 86_400_000  # a moment longer ago is taken for a mistake, as AWS does


class _Expiry(msgspec.Struct):
    key: bytes


class _Alarm(msgspec.Struct):
    at_ms: int


_agenda = Agenda("dynamodb.expiries", _Expiry)
_alarms = Records("dynamodb.alarms", _Alarm)


def moment(table: Table, item: Item | None, now_ms: int) -> int | None:
    """When ``item`` expires, in milliseconds; None if never."""
    value = item.get(table.ttl) if item else None
    if value is None or "N" not in value:
        return None
    at_ms = int(float(value["N"]) * 1000)
    return at_ms if now_ms - _OLDEST_MS < at_ms < 1 << 53 else None


def follow(call: Call, table: Table, key: bytes, before: Item | None, after: Item | None) -> None:
    """Keep the agenda in step with a write."""
    if before and after and before.get(table.ttl) == after.get(table.ttl):
        return
    old, new = moment(table, before, 0), moment(table, after, call.now_ms)
    if old is not None:
        _agenda.remove(call, table.rows, at_ms=old, id=key.hex())
    if new is not None:
        _agenda.add(call, table.rows, at_ms=new, id=key.hex(), work=_Expiry(key))
        _set_alarm(call, table, new)


def _set_alarm(call: Call, table: Table, at_ms: int) -> None:
    alarm = _alarms.get(call, table.rows)
    if alarm and alarm.at_ms <= at_ms:
        _alarms.steady(call, table.rows)  # it is relied on
        return
    if alarm:
        timers.cancel(call, at_ms=alarm.at_ms, id=id_of(table))
    _alarms.put(call, table.rows, record=_Alarm(at_ms))
    timers.schedule(call, "expire", at_ms=at_ms, id=id_of(table), table=table.name, rows_id=table.rows)


def due(call: Call, rows_id: bytes, limit: int) -> list[tuple[int, bytes]]:
    """Moments and keys of items that have expired; each is told once."""
    found = _agenda.due(call, rows_id, now_ms=call.now_ms, limit=limit)
    for one in found:
        _agenda.remove(call, rows_id, at_ms=one.at_ms, id=one.id)
    return [(one.at_ms, one.work.key) for one in found]


def rang(call: Call, rows_id: bytes) -> None:
    """The table's alarm has rung; whoever left his moment to it is done by now."""
    _alarms.alone(call, rows_id)
    _alarms.delete(call, rows_id)


def set_next_alarm(call: Call, table: Table) -> None:
    """Let the alarm ring when the next item expires."""
    earliest = _agenda.earliest_ms(call, table.rows)
    if earliest is not None:
        _set_alarm(call, table, earliest)


def is_enlisted(scope: Scope, rows_id: bytes, key: bytes, at_ms: int) -> bool:
    """Whether the agenda has the moment at which an item expires."""
    return _agenda.get(scope, rows_id, at_ms=at_ms, id=key.hex()) is not None


def enlisted(scope: Scope, rows_id: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Every moment of a table's agenda, its name and the item's key."""
    return ((due.at_ms, due.id, due.work.key) for due in _agenda.items(scope, rows_id))


def add(scope: Scope, rows_id: bytes, key: bytes, at_ms: int) -> None:
    """Put a moment into the agenda; the alarm is not touched."""
    _agenda.add(scope, rows_id, at_ms=at_ms, id=key.hex(), work=_Expiry(key))


def remove(scope: Scope, rows_id: bytes, id: str, at_ms: int) -> None:
    """Take a moment out of the agenda."""
    _agenda.remove(scope, rows_id, at_ms=at_ms, id=id)


def id_of(table: Table) -> str:
    """The name of the table's timers."""
    return f"dynamodb/ttl/{table.rows.hex()}"


def enlist(call: Call, table: Table, key: bytes, item: Item) -> None:
    """Give an item that was there before its table's TTL an entry."""
    follow(call, table, key, None, item)


def forget(call: Call, table: Table) -> tuple[bytes, bytes]:
    """End the alarm; what comes back is the range of the entries to remove."""
    alarm = _alarms.get(call, table.rows)
    if alarm:
        timers.cancel(call, at_ms=alarm.at_ms, id=id_of(table))
        _alarms.delete(call, table.rows)
    start = prefix_of(call, "region", "dynamodb.expiries") + pack((table.rows,))
    return start, start + b"\xff"
