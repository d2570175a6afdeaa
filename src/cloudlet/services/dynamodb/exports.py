"""ExportTableToPointInTime: a table as it was, or what changed in it, into a bucket (:mod:`.exporting`)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ...errors import NotHonoured
from ...fabric import timers
from ...identity import Principal
from ...kernel import Call
from ...store import Table as Records
from . import backups, history, recovery, tables, transfers
from .errors import (
    ExportConflictException,
    ExportNotFoundException,
    InvalidExportTimeException,
    LimitExceededException,
    ValidationException,
)
from .history import Moment, Watched
from .limits import (
    DAY_MS,
    EXPORT_WINDOW_MAX_MS,
    EXPORT_WINDOW_MIN_MS,
    EXPORTS,
    EXPORTS_AT_ONCE,
    EXPORTS_KEPT_DAYS,
)
from .service import dynamodb
from .transfers import COMPLETED, FAILED, IN_PROGRESS

FULL, INCREMENTAL = "FULL_EXPORT", "INCREMENTAL_EXPORT"


class Exported(msgspec.Struct, frozen=True):
    """One file of an export."""

    key: str
    etag: str
    md5: str
    count: int


class Export(msgspec.Struct, frozen=True):
    """An export of what there is at ``until`` or, if it is incremental, of what changed from ``since_ms``
    until before ``to_ms``. ``after`` is the key up to which everything lies in ``files``.
    """

    id: str
    arn: str
    table: str
    table_arn: str
    table_id: str
    rows: bytes
    history: bytes
    until: tuple[int, int]
    principal: Principal
    keys: tuple[str, ...]
    bucket: str
    started_ms: int
    at_ms: int
    since_ms: int = 0
    to_ms: int = 0
    kind: str = FULL
    view: str = ""
    owner: str = ""
    prefix: str = ""
    sse: str = "AES256"
    token: str = ""
    asked: bytes = b""  # what else was asked for with that token
    status: str = IN_PROGRESS
    ended_ms: int = 0
    after: bytes = b""
    files: tuple[Exported, ...] = ()
    billed: int = 0
    manifest: str = ""
    failure: tuple[str, str] = ("", "")

    @property
    def watched(self) -> Watched:
        """What is read."""
        return Watched(self.rows, self.history, Moment(*self.until))

    @property
    def count(self) -> int:
        """Items told of."""
        return sum(file.count for file in self.files)


exports = Records("dynamodb.exports", Export, indexes={
    "token": lambda one: (one.token,) if one.token else None,
    "running": lambda one: ("",) if one.status == IN_PROGRESS else None})


@dynamodb.operation
def export_table_to_point_in_time(
        call: Call, table_arn: str, s3_bucket: str, export_time: datetime | None = None,
        client_token: str | None = None, s3_bucket_owner: str = "", s3_prefix: str = "",
        s3_sse_algorithm: str = "AES256", export_format: str = "DYNAMODB_JSON", export_type: str = FULL,
        incremental_export_specification: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Begin to write a table as it was, or what changed in it, into a bucket."""
    if export_format != "DYNAMODB_JSON":
        raise NotHonoured(f"cloudlet does not honour ExportFormat {export_format}: it exports DYNAMODB_JSON.")
    if s3_sse_algorithm != "AES256":
        raise NotHonoured(f"cloudlet does not honour S3SseAlgorithm {s3_sse_algorithm} of an export.")
    call, table = backups.described(call, table_arn, "ExportTableToPointInTime")
    recovery.require(table)
    spec = incremental_export_specification
    asked = msgspec.msgpack.encode(
        [table.id, s3_bucket, s3_bucket_owner, s3_prefix, export_type, str(export_time), str(spec)])
    begun = exports.find(call, "token", client_token) if client_token else ()
    known = transfers.known(call, begun, asked, ExportConflictException(
        f"The ClientToken {client_token} was used for another export"))
    if known is not None:
        return {"ExportDescription": described(known)}
    if sum(1 for _ in exports.find(call, "running")) >= EXPORTS_AT_ONCE:
        raise LimitExceededException(f"Limit of concurrent exports exceeded: {EXPORTS_AT_ONCE}")
    id, at_ms = backups.new_id(call), _ms(export_time) or call.now_ms
    made = Export(
        id, f"{tables.arn_of(call, table)}/export/{id}", table.name, tables.arn_of(call, table), table.id,
        table.rows, table.history, (0, 0), call.principal, table.schema.names, s3_bucket, call.now_ms, at_ms,
        owner=s3_bucket_owner, prefix=s3_prefix, token=client_token or "", asked=asked)
    if export_type == INCREMENTAL:
        if export_time is not None:
            raise ValidationException("ExportTime can't be given for an INCREMENTAL_EXPORT")
        made, at_ms = _incremental(call, made, spec or {})
    elif spec is not None:
        raise ValidationException("IncrementalExportSpecification can only be given for an "
                                  "INCREMENTAL_EXPORT")
    if not recovery.earliest_ms(call, table) <= (made.since_ms or at_ms) <= at_ms <= call.now_ms:
        raise InvalidExportTimeException
    table, moment = recovery.seen(call, table, at_ms - (export_type == INCREMENTAL), id)
    exports.put(call, table.name, id, record=msgspec.structs.replace(made, until=tuple(moment)))
    timers.schedule(call, "write_export", at_ms=call.now_ms, id=f"dynamodb/export/{id}", table=table.name,
                    export_id=id)
    return {"ExportDescription": described(made)}


@dynamodb.operation
def describe_export(call: Call, export_arn: str) -> dict[str, Any]:
    """How far an export is, and what it was to be."""
    there, table, id = tables.below(call, export_arn, "export")
    tables.permit_arn(there, export_arn, "", "DescribeExport")
    found = exports.get(there, table, id)
    if found is None:
        raise ExportNotFoundException(f"Export not found: {export_arn}")
    return {"ExportDescription": described(found)}


@dynamodb.operation
def list_exports(call: Call, table_arn: str | None = None, max_results: int = EXPORTS,
                 next_token: str | None = None) -> dict[str, Any]:
    """Exports of a table, or of all that there are or were, of the last 90 days."""
    call, within = transfers.within(call, table_arn, "ListExports")
    after, limit = transfers.after(next_token), max_results + 1
    page, more = transfers.page(exports.items(call, *within, after=after, limit=limit), max_results)
    return {"ExportSummaries": [{"ExportArn": one.arn, "ExportStatus": one.status, "ExportType": one.kind}
                                for one in page], **more}


def finish(call: Call, export: Export) -> None:
    """The export has ended, one way or the other."""
    exports.put(call, export.table, export.id, record=export)
    history.let_go(call, export.rows, export.id, export.table)
    timers.schedule(call, forget_export, at_ms=call.now_ms + EXPORTS_KEPT_DAYS * DAY_MS,
                    id=f"dynamodb/export/{export.id}", table=export.table, export_id=export.id)


@dynamodb.task
def forget_export(call: Call, table: str, export_id: str) -> None:
    """Nobody asks for an export after so long."""
    exports.delete(call, table, export_id)


def described(one: Export) -> dict[str, Any]:
    """An ExportDescription."""
    found: dict[str, Any] = {
        "ExportArn": one.arn, "ExportStatus": one.status, "StartTime": one.started_ms / 1000,
        "TableArn": one.table_arn, "TableId": one.table_id, "S3Bucket": one.bucket,
        "S3SseAlgorithm": one.sse, "ExportFormat": "DYNAMODB_JSON", "ExportType": one.kind}
    if one.kind == FULL:
        found["ExportTime"] = one.at_ms / 1000
    else:
        found["IncrementalExportSpecification"] = {
            "ExportFromTime": one.since_ms / 1000, "ExportToTime": one.to_ms / 1000,
            "ExportViewType": one.view}
    if one.status == COMPLETED:
        found |= {"ExportManifest": one.manifest, "BilledSizeBytes": one.billed, "ItemCount": one.count}
    if one.status == FAILED:
        found["FailureCode"], found["FailureMessage"] = one.failure
    for member, value in (("S3Prefix", one.prefix), ("S3BucketOwner", one.owner), ("ClientToken", one.token),
                          ("EndTime", one.ended_ms / 1000)):
        if value:
            found[member] = value
    return found


def _incremental(call: Call, made: Export, spec: Mapping[str, Any]) -> tuple[Export, int]:
    """The export of what changed from a moment until before another."""
    if spec.get("ExportFromTime") is None:
        raise ValidationException("IncrementalExportSpecification must have an ExportFromTime")
    since_ms = _ms(spec["ExportFromTime"]) or 0
    to_ms = _ms(spec.get("ExportToTime")) or min(call.now_ms, since_ms + EXPORT_WINDOW_MAX_MS)
    if to_ms - since_ms < EXPORT_WINDOW_MIN_MS:
        raise ValidationException("Difference between ExportFromTime and ExportToTime is less than "
                                  "15 minutes")
    if to_ms - since_ms > EXPORT_WINDOW_MAX_MS:
        raise ValidationException("Difference between ExportFromTime and ExportToTime is greater than "
                                  "24 hours")
    return msgspec.structs.replace(made, kind=INCREMENTAL, since_ms=since_ms, to_ms=to_ms,
                                   view=spec.get("ExportViewType", "NEW_AND_OLD_IMAGES")), to_ms


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
