"""Time to live, as requests and the clock see it; what a write must do for it is in :mod:`.expiry`."""

from typing import Any

import msgspec

from ...fabric import timers
from ...kernel import Call
from . import expiry, replicas, rows, tables
from .errors import ValidationException
from .service import dynamodb

_BATCH = 200


@dynamodb.task
def expire(call: Call, table: str, rows_id: bytes) -> None:
    """Remove what has expired, and come again for the next."""
    expiry.rang(call, rows_id)
    found = tables.find(call, table, steady=True)
    if found is None or found.rows != rows_id or not found.ttl:
        return
    for at_ms, key in expiry.due(call, rows_id, _BATCH):
        row = rows.read(call, found, key)
        if row and expiry.moment(found, row.item, 0) == at_ms:
            rows.write(call, found, key, row, None)
    expiry.set_next_alarm(call, found)


@dynamodb.operation
def update_time_to_live(call: Call, table_name: str,
                        time_to_live_specification: dict[str, Any]) -> dict[str, Any]:
    """Say which attribute holds the moment an item expires (seconds since 1970), or that none does."""
    call, table = tables.described(call, table_name, "UpdateTimeToLive")
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
        timers.schedule(
            call,
            enlist_all,
            at_ms=call.now_ms,
            id=f"{expiry.id_of(table)}/fill",
            table=table.name,
            rows_id=table.rows,
            start=b"",
        )
    else:
        timers.schedule(call, clear, at_ms=call.now_ms, id=f"{expiry.id_of(table)}/clear",
                        ranges=[expiry.forget(call, table)])
        table = msgspec.structs.replace(table, ttl="", ttl_ms=call.now_ms)
    tables.save(call, table)
    for there, other in replicas.others(call, table):
        update_time_to_live(there, other.name, time_to_live_specification)
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": enabled}}


@dynamodb.operation
def describe_time_to_live(call: Call, table_name: str) -> dict[str, Any]:
    """Whether and by which attribute items expire."""
    _, table = tables.described(call, table_name, "DescribeTimeToLive")
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
        call.tx.steady(key)  # who changes it just now would leave a wrong moment behind
        expiry.enlist(call, found, key[len(prefix):], rows.item_of(raw))
    if len(pairs) == _BATCH:
        timers.schedule(
            call,
            enlist_all,
            at_ms=call.now_ms,
            id=f"{expiry.id_of(found)}/fill/{pairs[-1][0].hex()}",
            table=table,
            rows_id=rows_id,
            start=pairs[-1][0][len(prefix) :] + b"\0",
        )


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
