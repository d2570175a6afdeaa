"""Time to live: an item goes once the cloudlet's clock passes the moment that its attribute says.

DynamoDB removes expired items within days; here they go at the moment itself. Each table keeps its
expiries in an Agenda and one timer set to the earliest, so items that expire cost nothing until they do.
"""

from typing import Any

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Agenda
from ...store import Table as Records
from ...store.keys import pack
from ...store.table import prefix_of
from . import rows, tables
from .errors import ValidationException
from .service import dynamodb
from .tables import Table
from .values import Item

_OLDEST_MS = 5 * 365 * 86_400_000  # a moment longer ago is taken for a mistake, as AWS does
_BATCH = 200


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
        return
    if alarm:
        timers.cancel(call, at_ms=alarm.at_ms, id=_id(table))
    _alarms.put(call, table.rows, record=_Alarm(at_ms))
    timers.schedule(call, expire, at_ms=at_ms, id=_id(table), table=table.name, rows_id=table.rows)


def _id(table: Table) -> str:
    return f"dynamodb/ttl/{table.rows.hex()}"


@dynamodb.task
def expire(call: Call, table: str, rows_id: bytes) -> None:
    """Remove what has expired, and come again for the next."""
    _alarms.delete(call, rows_id)
    found = tables.find(call, table)
    if found is None or found.rows != rows_id or not found.ttl:
        return
    for due in _agenda.due(call, rows_id, now_ms=call.now_ms, limit=_BATCH):
        _agenda.remove(call, rows_id, at_ms=due.at_ms, id=due.id)
        row = rows.read(call, found, due.work.key)
        if row and moment(found, row.item, 0) == due.at_ms:
            rows.write(call, found, due.work.key, row, None)
    earliest = _agenda.earliest_ms(call, rows_id)
    if earliest is not None:
        _set_alarm(call, found, earliest)


def enlist(call: Call, table: Table, key: bytes, item: Item) -> None:
    """Give an item that was there before its table's TTL an entry."""
    follow(call, table, key, None, item)


def forget(call: Call, table: Table) -> tuple[bytes, bytes]:
    """End the alarm; what comes back is the range of the entries to remove."""
    alarm = _alarms.get(call, table.rows)
    if alarm:
        timers.cancel(call, at_ms=alarm.at_ms, id=_id(table))
        _alarms.delete(call, table.rows)
    start = prefix_of(call, "region", "dynamodb.expiries") + pack((table.rows,))
    return start, start + b"\xff"


@dynamodb.operation
def update_time_to_live(call: Call, table_name: str, time_to_live_specification: dict[str, Any]) -> dict[str,
                                                                                                         Any]:
    """Say which attribute holds the moment an item expires (seconds since 1970), or that none does."""
    call, table = tables.described(call, table_name)
    name, enabled = time_to_live_specification["AttributeName"], time_to_live_specification["Enabled"]
    if enabled and table.ttl:
        raise ValidationException("TimeToLive is already enabled")
    if not enabled and not table.ttl:
        raise ValidationException("TimeToLive is already disabled")
    if not enabled and table.ttl != name:
        raise ValidationException(f"TimeToLive is active on a different AttributeName: current AttributeName "
                                  f"is {table.ttl}")
    if enabled:
        table = msgspec.structs.replace(table, ttl=name, ttl_ms=call.now_ms)
        timers.schedule(call, enlist_all, at_ms=call.now_ms, id=f"{_id(table)}/fill", table=table.name,
                        rows_id=table.rows, start=b"")
    else:
        timers.schedule(call, clear, at_ms=call.now_ms, id=f"{_id(table)}/clear",
                        ranges=[forget(call, table)])
        table = msgspec.structs.replace(table, ttl="", ttl_ms=call.now_ms)
    tables.save(call, table)
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": enabled}}


@dynamodb.operation
def describe_time_to_live(call: Call, table_name: str) -> dict[str, Any]:
    """Whether and by which attribute items expire."""
    _, table = tables.described(call, table_name)
    description = {"TimeToLiveStatus": "ENABLED" if table.ttl else "DISABLED"}
    if table.ttl:
        description["AttributeName"] = table.ttl
    return {"TimeToLiveDescription": description}


@dynamodb.task
def enlist_all(call: Call, table: str, rows_id: bytes, start: bytes) -> None:
    """Give the items that were there before an entry each, some at a time."""
    found = tables.find(call, table)
    if found is None or found.rows != rows_id or not found.ttl:
        return
    prefix = tables.space(call, found)
    pairs = list(call.tx.scan(prefix + start, prefix + b"\xff" * 12, limit=_BATCH))
    for key, raw in pairs:
        enlist(call, found, key[len(prefix):], rows.row_of(raw).item)
    if len(pairs) == _BATCH:
        timers.schedule(call, enlist_all, at_ms=call.now_ms, id=f"{_id(found)}/fill/{pairs[-1][0].hex()}",
                        table=table, rows_id=rows_id, start=pairs[-1][0][len(prefix):] + b"\0")


@dynamodb.task
def clear(call: Call, ranges: list[tuple[bytes, bytes]]) -> None:
    """Remove everything in some ranges of keys, some at a time, so that others are not held up."""
    for at, (start, stop) in enumerate(ranges):
        pairs = list(call.tx.scan(start, stop, limit=_BATCH * 5))
        for key, _ in pairs:
            call.tx.delete(key)
        if len(pairs) == _BATCH * 5:
            left = [(pairs[-1][0], stop), *ranges[at + 1:]]
            timers.schedule(call, clear, at_ms=call.now_ms, id=f"dynamodb/clear/{pairs[-1][0].hex()}",
                            ranges=left)
            return
