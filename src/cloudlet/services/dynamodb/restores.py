"""RestoreTableFromBackup and RestoreTableToPointInTime: a new table that is filled in the background.

The new table is CREATING, and answers no reads, until everything is in it. As in AWS it has no stream, time
to live, tags, policy, deletion protection or point-in-time recovery until it is given them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from ...errors import NotHonoured
from ...kernel import Call
from . import backups, copies, definitions, descriptions, encryption, history, recovery, tables
from .copies import Copy
from .definitions import Definitions
from .errors import (
    BackupInUseException,
    InvalidRestoreTimeException,
    LimitExceededException,
    TableAlreadyExistsException,
    TableInUseException,
    ValidationException,
    invalid,
)
from .history import Moment, Watched
from .limits import RESTORES
from .service import dynamodb
from .tables import ACTIVE, CREATING, Index, Restored, Table, Throughput

_Given = Mapping[str, Any]


class Overrides(msgspec.Struct, frozen=True):
    """What is to be different in the restored table."""

    billing: str | None
    global_indexes: Sequence[_Given] | None
    local_indexes: Sequence[_Given] | None
    throughput: _Given | None
    most: _Given | None


@dynamodb.operation
def restore_table_from_backup(
        call: Call, target_table_name: str, backup_arn: str, billing_mode_override: str | None = None,
        global_secondary_index_override: Sequence[_Given] | None = None,
        local_secondary_index_override: Sequence[_Given] | None = None,
        provisioned_throughput_override: _Given | None = None,
        on_demand_throughput_override: _Given | None = None,
        sse_specification_override: _Given | None = None) -> dict[str, Any]:
    """Make a table of what is in a backup."""
    encryption.check(sse_specification_override)
    there, backup = backups.find(call, backup_arn, "RestoreTableFromBackup")
    if backup.status == CREATING:
        raise BackupInUseException(f"Backup is being created: {backup_arn}")
    if there.account != call.account or there.region != call.region:
        raise NotHonoured("cloudlet restores a backup in its own account and region only.")
    overrides = Overrides(billing_mode_override, global_secondary_index_override,
                          local_secondary_index_override, provisioned_throughput_override,
                          on_demand_throughput_override)
    came = Restored(tables.arn_of(call, backup.table), backup_arn, backup.created_ms)
    return _begin(call, target_table_name, backup.table, overrides, came, Watched(backup.rows), "")


@dynamodb.operation
def restore_table_to_point_in_time(
        call: Call, target_table_name: str, source_table_arn: str | None = None,
        source_table_name: str | None = None, use_latest_restorable_time: bool = False,
        restore_date_time: datetime | None = None, billing_mode_override: str | None = None,
        global_secondary_index_override: Sequence[_Given] | None = None,
        local_secondary_index_override: Sequence[_Given] | None = None,
        provisioned_throughput_override: _Given | None = None,
        on_demand_throughput_override: _Given | None = None,
        sse_specification_override: _Given | None = None) -> dict[str, Any]:
    """Make a table of what another was at a moment."""
    encryption.check(sse_specification_override)
    if (source_table_arn is None) == (source_table_name is None):
        raise ValidationException("Exactly one of SourceTableName and SourceTableArn must be given")
    there, source = backups.described(call, source_table_arn or source_table_name or "",
                                      "RestoreTableToPointInTime")
    if (there.account, there.region) != (call.account, call.region):
        raise NotHonoured("cloudlet restores a table in its own account and region only.")
    recovery.require(source)
    if use_latest_restorable_time == (restore_date_time is not None):
        raise ValidationException("Exactly one of RestoreDateTime and UseLatestRestorableTime must be given")
    at_ms = call.now_ms if restore_date_time is None else round(restore_date_time.timestamp() * 1000)
    if not recovery.earliest_ms(call, source) <= at_ms <= call.now_ms:
        raise InvalidRestoreTimeException(
            "The time specified for the restore is outside of the restorable window: "
            "RestoreDateTime must be between EarliestRestorableDateTime and LatestRestorableDateTime")
    overrides = Overrides(billing_mode_override, global_secondary_index_override,
                          local_secondary_index_override, provisioned_throughput_override,
                          on_demand_throughput_override)
    pin = call.ids.hex(16)
    source, moment = recovery.seen(call, source, at_ms, pin)
    came = Restored(tables.arn_of(call, source), "", at_ms)
    return _begin(call, target_table_name, source, overrides, came,
                  Watched(source.rows, source.history, moment), source.name, pin)


def _begin(call: Call, name: str, model: Table, overrides: Overrides, came: Restored, watched: Watched,
           source: str, pin: str = "") -> dict[str, Any]:
    found = tables.find(call, name)
    if found is not None:
        if found.status == CREATING:
            raise TableInUseException(f"Table is being created: {name}")
        raise TableAlreadyExistsException(f"Table already exists: {name}")
    if copies.restores(call) >= RESTORES:
        raise LimitExceededException(f"Subscriber limit exceeded: at most {RESTORES} tables can be restored "
                                     "at a time")
    table = _restored(call, name, model, overrides, came)
    tables.save(call, table)
    if not pin:
        pin = call.ids.hex(16)
        history.hold(call, watched.rows, pin, call.now_ms)
    moment = watched.moment or Moment(0, 0)
    copies.begin(call, Copy(pin, source, watched.rows, watched.history, *moment, table.rows, table.name,
                            finish_restore.__name__, {"table": table.name, "rows_id": table.rows}))
    return {"TableDescription": descriptions.describe(call, table)}


@dynamodb.task
def finish_restore(call: Call, table: str, rows_id: bytes, count: int, size: int) -> None:
    """Everything is there: the table is ready."""
    found = tables.find(call, table)
    if found is not None and found.rows == rows_id:
        tables.save(call, replace(found, status=ACTIVE))


def _restored(call: Call, name: str, model: Table, overrides: Overrides, came: Restored) -> Table:
    """The table as it is to be."""
    on_demand = model.on_demand if overrides.billing is None else overrides.billing == "PAY_PER_REQUEST"
    throughput, most = model.throughput, model.most
    if overrides.throughput is not None or (model.on_demand and not on_demand):
        throughput = definitions.throughput_of(overrides.throughput, on_demand=on_demand)
    elif on_demand:
        throughput = Throughput()
    if overrides.most is not None:
        most = definitions.most_of(overrides.most, on_demand=on_demand)
    if not on_demand:
        most = (-1, -1)
    indexes = (*_chosen(model, overrides.local_indexes, on_demand, local=True),
               *_chosen(model, overrides.global_indexes, on_demand, local=False))
    return Table(name=name, id=call.ids.uuid(), rows=call.ids.bytes(6), schema=model.schema,
                 created_ms=call.now_ms, on_demand=on_demand, billing_ms=call.now_ms,
                 throughput=Throughput(throughput.read, throughput.write), indexes=indexes,
                 next_index=model.next_index, table_class=model.table_class, most=most, status=CREATING,
                 restored=came)


def _chosen(model: Table, given: Sequence[_Given] | None, on_demand: bool, *, local: bool) -> list[Index]:
    """The indexes to have: those of the source, or the ones among them that were asked for."""
    present = {index.name: replace(index, status=ACTIVE) for index in model.indexes if index.local == local}
    if given is None:
        return [_billed(index, model, on_demand) for index in present.values()]
    defined: Definitions = {part.name: part.kind for schema in
                            (model.schema, *(index.schema for index in present.values()))
                            for part in schema.parts}
    found = []
    for one in given:
        was = present.get(one["IndexName"])
        now = None
        if was is not None:
            now = (definitions.local_index(one, was.number, defined, model.schema) if local else
                   definitions.global_index(one, was.number, defined, on_demand=on_demand))
        if was is None or now is None or (was.schema, was.projection, was.others) != (
                now.schema, now.projection, now.others):
            kind = "Local" if local else "Global"
            raise invalid(f"{kind}SecondaryIndexOverride must name indexes of the source table as they are "
                          f"there: {one['IndexName']}")
        found.append(now)
    return found


def _billed(index: Index, model: Table, on_demand: bool) -> Index:
    if index.local or on_demand == model.on_demand:
        return index
    if not on_demand:
        raise invalid(f"ProvisionedThroughput must be specified for index: {index.name}")
    return replace(index, throughput=Throughput())
