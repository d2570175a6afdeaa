"""ImportTable: a new table, filled from objects in a bucket; the work is in :mod:`.importing`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...errors import NotHonoured
from ...fabric import timers
from ...identity import Principal
from ...kernel import Call
from ...store import Table as Records
from . import backups, tables, transfers
from .errors import (
    ImportConflictException,
    ImportNotFoundException,
    LimitExceededException,
    ValidationException,
)
from .limits import DAY_MS, EXPORTS, EXPORTS_KEPT_DAYS, IMPORTS_AT_ONCE
from .service import dynamodb
from .tables import CREATING
from .transfers import FAILED, IN_PROGRESS

LOG_GROUP = "/aws-dynamodb/imports"
_Given = Mapping[str, Any]


class Import(msgspec.Struct, frozen=True):
    """An import; ``source``, ``options`` and ``making`` are as they were given."""

    id: str
    arn: str
    table: str
    table_arn: str
    table_id: str
    principal: Principal
    source: dict[str, Any]
    form: str
    compression: str
    making: dict[str, Any]
    started_ms: int
    options: dict[str, Any] | None = None
    token: str = ""
    asked: bytes = b""
    status: str = IN_PROGRESS
    ended_ms: int = 0
    size: int = 0  # bytes read, and
    seen: int = 0  # items in them,
    taken: int = 0  # those that are in the table,
    wrong: int = 0  # and those that could not be
    failure: tuple[str, str] = ("", "")


imports = Records("dynamodb.imports", Import, indexes={
    "token": lambda one: (one.token,) if one.token else None,
    "running": lambda one: ("",) if one.status == IN_PROGRESS else None})


@dynamodb.operation
def import_table(call: Call, s3_bucket_source: _Given, input_format: str, table_creation_parameters: _Given,
                 client_token: str | None = None, input_format_options: _Given | None = None,
                 input_compression_type: str = "NONE") -> dict[str, Any]:
    """Make a table of what lies in a bucket; it is CREATING until everything is in it."""
    if input_format == "ION":
        raise NotHonoured("cloudlet does not honour InputFormat ION: it imports CSV and DYNAMODB_JSON.")
    if input_compression_type == "ZSTD":
        raise NotHonoured("cloudlet does not honour InputCompressionType ZSTD: it reads GZIP and NONE.")
    if input_format_options is not None and input_format != "CSV":
        raise ValidationException("InputFormatOptions can only be given for CSV")
    asked = msgspec.msgpack.encode([s3_bucket_source, input_format, table_creation_parameters,
                                    input_format_options, input_compression_type])
    begun = imports.find(call, "token", client_token) if client_token else ()
    known = transfers.known(call, begun, asked, ImportConflictException(
        f"The ClientToken {client_token} was used for another import"))
    if known is not None:
        return {"ImportTableDescription": described(call, known)}
    if sum(1 for _ in imports.find(call, "running")) >= IMPORTS_AT_ONCE:
        raise LimitExceededException(f"Limit of concurrent imports exceeded: {IMPORTS_AT_ONCE}")
    call.invoke("dynamodb", "CreateTable", **table_creation_parameters)
    table = tables.find(call, table_creation_parameters["TableName"])
    assert table
    tables.save(call, msgspec.structs.replace(table, status=CREATING))
    id = backups.new_id(call)
    made = Import(
        id, f"{tables.arn_of(call, table)}/import/{id}", table.name, tables.arn_of(call, table), table.id,
        call.principal, dict(s3_bucket_source), input_format, input_compression_type,
        dict(table_creation_parameters), call.now_ms,
        None if input_format_options is None else dict(input_format_options), client_token or "", asked)
    imports.put(call, table.name, id, record=made)
    timers.schedule(call, "read_import", at_ms=call.now_ms, id=f"dynamodb/import/{id}", table=table.name,
                    import_id=id)
    return {"ImportTableDescription": described(call, made)}


@dynamodb.operation
def describe_import(call: Call, import_arn: str) -> dict[str, Any]:
    """How far an import is, and what it was to be."""
    there, table, id = tables.below(call, import_arn, "import")
    tables.permit_arn(there, import_arn, "", "DescribeImport")
    found = imports.get(there, table, id)
    if found is None:
        raise ImportNotFoundException(f"Import not found: {import_arn}")
    return {"ImportTableDescription": described(there, found)}


@dynamodb.operation
def list_imports(call: Call, table_arn: str | None = None, page_size: int = EXPORTS,
                 next_token: str | None = None) -> dict[str, Any]:
    """Imports into a table, or all that there are or were, of the last 90 days."""
    call, within = transfers.within(call, table_arn, "ListImports")
    after, limit = transfers.after(next_token), page_size + 1
    page, more = transfers.page(imports.items(call, *within, after=after, limit=limit), page_size)
    shown = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn",
             "InputFormat", "StartTime", "EndTime")
    summaries = [{name: value for name, value in described(call, one).items() if name in shown}
                 for one in page]
    return {"ImportSummaryList": summaries, **more}


def finish(call: Call, one: Import) -> None:
    """The import has ended, one way or the other."""
    imports.put(call, one.table, one.id, record=one)
    timers.schedule(call, forget_import, at_ms=call.now_ms + EXPORTS_KEPT_DAYS * DAY_MS,
                    id=f"dynamodb/import/{one.id}", table=one.table, import_id=one.id)


@dynamodb.task
def forget_import(call: Call, table: str, import_id: str) -> None:
    """Nobody asks for an import after so long."""
    imports.delete(call, table, import_id)


def described(call: Call, one: Import) -> dict[str, Any]:
    """An ImportTableDescription."""
    found: dict[str, Any] = {
        "ImportArn": one.arn, "ImportStatus": one.status, "TableArn": one.table_arn, "TableId": one.table_id,
        "S3BucketSource": one.source, "ErrorCount": one.wrong,
        "CloudWatchLogGroupArn": call.arn(f"log-group:{LOG_GROUP}:*", "logs"), "InputFormat": one.form,
        "InputCompressionType": one.compression, "TableCreationParameters": one.making,
        "StartTime": one.started_ms / 1000, "ProcessedSizeBytes": one.size, "ProcessedItemCount": one.seen,
        "ImportedItemCount": one.taken}
    if one.options is not None:
        found["InputFormatOptions"] = one.options
    if one.token:
        found["ClientToken"] = one.token
    if one.ended_ms:
        found["EndTime"] = one.ended_ms / 1000
    if one.status == FAILED:
        found["FailureCode"], found["FailureMessage"] = one.failure
    return found


