"""ImportTable: a new table, filled from objects in a bucket; the work is in :mod:`.importing`."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import NotHonoured
from ...fabric import timers
from ...identity import Principal
from ...kernel import Call
from ...store import Table as Records
from . import backups, tables
from .errors import (
    ImportConflictException,
    ImportNotFoundException,
    LimitExceededException,
    ValidationException,
)
from .limits import DAY_MS, EXPORT_TOKEN_MS, EXPORTS, EXPORTS_KEPT_DAYS, IMPORTS_AT_ONCE
from .service import dynamodb
from .tables import CREATING

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
LOG_GROUP = "/aws-dynamodb/imports"
_TOKEN = 112  # digits of a page's token at least
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
    known = _known(call, client_token, asked)
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
    try:
        parsed = Arn.parse(import_arn)
    except ValueError:
        raise ValidationException(f"Invalid ImportArn: {import_arn}") from None
    parts = parsed.resource.split("/")
    there = call.elsewhere(account=parsed.account, region=parsed.region)
    tables.permit_arn(there, import_arn, "", "DescribeImport")
    found = imports.get(there, parts[1], parts[3]) if len(parts) == 4 and parts[2] == "import" else None
    if found is None:
        raise ImportNotFoundException(f"Import not found: {import_arn}")
    return {"ImportTableDescription": described(there, found)}


@dynamodb.operation
def list_imports(call: Call, table_arn: str | None = None, page_size: int = EXPORTS,
                 next_token: str | None = None) -> dict[str, Any]:
    """Imports into a table, or all that there are or were, of the last 90 days."""
    within: tuple[str, ...] = ()
    if table_arn is not None:
        call, name = tables.locate(call, table_arn)
        tables.permit_arn(call, tables.arn_named(call, name), "", "ListImports")
        within = (name,)
    found = [one for _, one in imports.items(call, *within, after=_place(next_token), limit=page_size + 1)]
    page = found[:page_size]
    shown = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn",
             "InputFormat", "StartTime", "EndTime")
    summaries = [{name: value for name, value in described(call, one).items() if name in shown}
                 for one in page]
    more = {"NextToken": _token(page[-1])} if len(found) > page_size else {}
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


def _known(call: Call, token: str | None, asked: bytes) -> Import | None:
    """The import that was begun with this token."""
    for _, one in imports.find(call, "token", token) if token else ():
        if one.started_ms + EXPORT_TOKEN_MS > call.now_ms:
            if one.asked != asked:
                raise ImportConflictException(f"The ClientToken {token} was used for another import")
            return one
    return None


def _token(last: Import) -> str:
    """A page's token: hexadecimal digits, sixteen or a multiple of that."""
    text = f"{last.table}/{last.id}".encode().hex()
    return text.ljust(max(_TOKEN, -(-len(text) // 16) * 16), "0")


def _place(token: str | None) -> tuple[str, ...] | None:
    if token is None:
        return None
    try:
        table, id = bytes.fromhex(token).rstrip(b"\0").decode().split("/")
    except ValueError:
        raise ValidationException("Invalid NextToken") from None
    return table, id


