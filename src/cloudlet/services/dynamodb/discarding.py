"""How a table goes: at once for whoever asks; its rows are cleared away afterwards."""

from ...fabric import timers
from ...kernel import Call
from . import backups, changes, copies, expiry, history, rows, tables
from .errors import ResourceInUseException
from .tables import CREATING, Table


def check(call: Call, table: Table) -> None:
    """Refuse while a table is being filled, or others are from it."""
    filling = [one.region for one in table.replicas if one.status == CREATING]
    why = ""
    if table.status == CREATING:
        why = "Table is being created"
    elif filling:
        why = f"Table has a replica that is being created in {', '.join(filling)}"
    elif history.is_held(call, table.rows):
        why = "Table is being backed up, exported or restored from"
    if why:
        raise ResourceInUseException("Attempt to change a resource which is still in use: "
                                     f"{why}: {table.name}")


def discard(call: Call, table: Table) -> None:
    """Remove a table. One with point-in-time recovery leaves a backup, which takes over its items."""
    tables.records.delete(call, table.name)
    ranges = [expiry.forget(call, table)]
    if table.recovery_ms:
        backups.keep_deleted(call, table)
        ranges += [rows.everything(call.account, call.region, table.rows, index.number)
                   for index in table.indexes]
    else:
        ranges.append(rows.everything(call.account, call.region, table.rows))
    timers.schedule(call, "clear", at_ms=call.now_ms, id=f"dynamodb/clear/{table.rows.hex()}", ranges=ranges)
    history.forget(call, table)
    copies.cancel(call, table.name)
    if table.stream:
        changes.end(call, table)
