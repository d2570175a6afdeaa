"""Backups: CreateBackup and what is done with one, but for restoring it (:mod:`.restores`).

A backup is of the moment it was asked for and is made in the background (:mod:`.copies`). The one that a
table with point-in-time recovery leaves when it is deleted is not copied at all: it takes over the rows.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from ...fabric import timers
from ...kernel import Call
from ...store import Table as Records
from . import copies, descriptions, history, rows, tables
from .copies import Copy
from .errors import (
    BackupInUseException,
    BackupNotFoundException,
    TableInUseException,
    TableNotFoundException,
)
from .limits import BACKUPS, DAY_MS, SYSTEM_BACKUP_DAYS
from .service import dynamodb
from .tables import CREATING, Table

AVAILABLE, DELETED = "AVAILABLE", "DELETED"


class Backup(msgspec.Struct, frozen=True):
    """A backup. ``rows`` names its items in the store; ``table`` is what the table was."""

    id: str
    name: str
    rows: bytes
    table: Table
    created_ms: int
    kind: str = "USER"
    status: str = CREATING
    expires_ms: int = 0
    count: int = 0
    size: int = 0


kept = Records("dynamodb.backups", Backup)


@dynamodb.operation
def create_backup(call: Call, table_name: str, backup_name: str) -> dict[str, Any]:
    """Keep a table as it is now; it is CREATING until everything is copied."""
    call, table = described(call, table_name, "CreateBackup")
    if table.status == CREATING:
        raise TableInUseException(f"Table is being created: {table.name}")
    id = new_id(call)
    table, moment = history.now(call, table, id)
    tables.save(call, table)
    backup = Backup(id, backup_name, call.ids.bytes(6), table, call.now_ms)
    kept.put(call, table.name, id, record=backup)
    copies.begin(call, Copy(id, table.name, table.rows, table.history, *moment, backup.rows,
                            then=finish_backup.__name__, note={"table": table.name, "id": id}))
    return {"BackupDetails": _details(call, backup)}


@dynamodb.task
def finish_backup(call: Call, table: str, id: str, count: int, size: int) -> None:
    """Everything is copied."""
    backup = kept.get(call, table, id)
    assert backup
    kept.put(call, table, id, record=replace(backup, status=AVAILABLE, count=count, size=size))


@dynamodb.operation
def describe_backup(call: Call, backup_arn: str) -> dict[str, Any]:
    """A backup, and the table it was made of."""
    call, backup = find(call, backup_arn, "DescribeBackup")
    return {"BackupDescription": _described(call, backup)}


@dynamodb.operation
def list_backups(call: Call, table_name: str | None = None, limit: int = BACKUPS,
                 time_range_lower_bound: datetime | None = None,
                 time_range_upper_bound: datetime | None = None,
                 exclusive_start_backup_arn: str | None = None, backup_type: str = "USER") -> dict[str, Any]:
    """Backups of a table, or of all that there are or were."""
    name = ""
    if table_name is not None:
        call, name = tables.locate(call, table_name)
        tables.permit_arn(call, tables.arn_named(call, name), "", "ListBackups")
    start = exclusive_start_backup_arn
    after = None if start is None else tables.below(call, start, "backup")[1:]
    low, high = (bound.timestamp() * 1000 if bound else None
                 for bound in (time_range_lower_bound, time_range_upper_bound))
    found: list[dict[str, Any]] = []
    more = {}
    for _, backup in kept.items(call, *([name] if name else []), after=after):
        if backup_type not in ("ALL", backup.kind) or (low is not None and backup.created_ms < low) \
                or (high is not None and backup.created_ms >= high):
            continue
        if len(found) == limit:
            more = {"LastEvaluatedBackupArn": found[-1]["BackupArn"]}
            break
        found.append(_summary(call, backup))
    return {"BackupSummaries": found, **more}


@dynamodb.operation
def delete_backup(call: Call, backup_arn: str) -> dict[str, Any]:
    """Forget a backup."""
    call, backup = find(call, backup_arn, "DeleteBackup")
    if backup.status == CREATING:
        raise BackupInUseException(f"Backup is being created: {backup_arn}")
    if history.is_held(call, backup.rows):
        raise BackupInUseException(f"Backup is being used to restore a table: {backup_arn}")
    _remove(call, backup)
    return {"BackupDescription": _described(call, replace(backup, status=DELETED))}


def keep_deleted(call: Call, table: Table) -> None:
    """Let a backup take over the items of a table with point-in-time recovery that is being deleted."""
    count, size = descriptions.counted(call, table)
    id, expires_ms = new_id(call), call.now_ms + SYSTEM_BACKUP_DAYS * DAY_MS
    backup = Backup(id, f"{table.name}$DeletedTableBackup", table.rows, table, call.now_ms, "SYSTEM",
                    AVAILABLE, expires_ms, count, size)
    kept.put(call, table.name, id, record=backup)
    timers.schedule(call, expire_backup, at_ms=expires_ms, id=f"dynamodb/backup/{id}", table=table.name,
                    backup_id=id)


@dynamodb.task
def expire_backup(call: Call, table: str, backup_id: str) -> None:
    """A system backup's days are over; while it is being restored, it waits for another."""
    backup = kept.get(call, table, backup_id)
    if backup is None:
        return
    if history.is_held(call, backup.rows):
        timers.schedule(call, expire_backup, at_ms=call.now_ms + DAY_MS, id=f"dynamodb/backup/{backup_id}",
                        table=table, backup_id=backup_id)
    else:
        _remove(call, backup)


def _remove(call: Call, backup: Backup) -> None:
    kept.delete(call, backup.table.name, backup.id)
    if backup.expires_ms:
        timers.cancel(call, at_ms=backup.expires_ms, id=f"dynamodb/backup/{backup.id}")
    timers.schedule(call, "clear", at_ms=call.now_ms, id=f"dynamodb/clear/{backup.rows.hex()}",
                    ranges=[rows.everything(call.account, call.region, backup.rows)])


def described(call: Call, name_or_arn: str, action: str) -> tuple[Call, Table]:
    """The table of a request about backups, which has an error of its own if there is none."""
    there, name = tables.locate(call, name_or_arn)
    table = tables.find(there, name)
    if table is None:
        raise TableNotFoundException(f"Table not found: {name}")
    tables.permit(there, table, action)
    return there, table


def find(call: Call, arn: str, action: str) -> tuple[Call, Backup]:
    """The backup that an ARN names, and the call as seen from where it lies."""
    there, table, id = tables.below(call, arn, "backup")
    tables.permit_arn(there, arn, "", action)
    backup = kept.get(there, table, id)
    if backup is None:
        raise BackupNotFoundException(f"Backup not found: {arn}")
    return there, backup


def arn_of(call: Call, backup: Backup) -> str:
    """The backup's ARN."""
    return f"{tables.arn_of(call, backup.table)}/backup/{backup.id}"


def new_id(call: Call) -> str:
    """A name for a backup, an export or an import: names sort as they come."""
    return f"{call.now_ms:014d}-{call.ids.hex(8)}"


def _details(call: Call, backup: Backup) -> dict[str, Any]:
    found = {"BackupArn": arn_of(call, backup), "BackupName": backup.name, "BackupSizeBytes": backup.size,
             "BackupStatus": backup.status, "BackupType": backup.kind,
             "BackupCreationDateTime": backup.created_ms / 1000}
    if backup.expires_ms:
        found["BackupExpiryDateTime"] = backup.expires_ms / 1000
    return found


def _summary(call: Call, backup: Backup) -> dict[str, Any]:
    return {"TableName": backup.table.name, "TableId": backup.table.id,
            "TableArn": tables.arn_of(call, backup.table), **_details(call, backup)}


def _described(call: Call, backup: Backup) -> dict[str, Any]:
    table = backup.table
    throughput = {"ReadCapacityUnits": table.throughput.read, "WriteCapacityUnits": table.throughput.write}
    source: dict[str, Any] = {
        "TableName": table.name, "TableId": table.id, "TableArn": tables.arn_of(call, table),
        "TableSizeBytes": backup.size, "KeySchema": descriptions.schema(table.schema),
        "TableCreationDateTime": table.created_ms / 1000, "ProvisionedThroughput": throughput,
        "ItemCount": backup.count, "BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED"}
    if table.most != (-1, -1):
        source["OnDemandThroughput"] = descriptions.most(table.most)
    features: dict[str, Any] = {}
    for member, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        indexes = [descriptions.kept_index(index) for index in table.indexes if index.local == local]
        if indexes:
            features[member] = indexes
    if table.stream and table.stream.enabled:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": table.stream.view}
    if table.ttl:
        features["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}
    return {"BackupDetails": _details(call, backup), "SourceTableDetails": source,
            "SourceTableFeatureDetails": features}
