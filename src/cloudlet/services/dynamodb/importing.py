"""How an import is read: object by object, piece by piece, some items in a transaction.

One that a crash interrupts starts again: the same items come to lie where they lay. Lines that can't be items
are counted and told of in the log group, as AWS does.
"""

import zlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ...errors import AwsError
from ...kernel import Call, Conversation
from . import discarding, keys, rows, tables
from .import_formats import NoItem, reader_of
from .imports import LOG_GROUP, Import, finish, imports
from .limits import IMPORT_BATCH, IMPORT_ERRORS_TOLD, SLICE_BYTES
from .rows import Row
from .service import dynamodb
from .tables import ACTIVE, Table
from .transfers import COMPLETED, FAILED
from .values import admit_item, check_size

_GZIP = 31
_WRONG = ("ItemValidationError", "Some of the items failed validation checks. Please check CloudWatch error "
          "logs for more details.")


class _Line(NamedTuple):
    """A line of an object, and which it is of it."""

    key: str
    number: int
    item: dict[str, Any] | NoItem


@dynamodb.task
async def read_import(call: Conversation, table: str, import_id: str) -> None:
    """Read everything into the table."""
    def begin(inner: Call) -> tuple[Import | None, Table | None]:
        return imports.get(inner, table, import_id), tables.find(inner, table)

    one, found = await call.transact(begin)
    if one is None or one.ended_ms:
        return
    if found is None or found.id != one.table_id:
        done = replace(one, status=FAILED, ended_ms=call.now_ms,
                       failure=("TableDeleted", "The table was deleted while it was imported"))
        await call.transact(lambda inner: finish(inner, done))
        return
    one = replace(one, size=0, seen=0, taken=0, wrong=0)
    try:
        one = await _read(call, one, found)
    except (AwsError, zlib.error, UnicodeDecodeError) as error:
        code = f"S3{error.code}" if isinstance(error, AwsError) else "InvalidInput"
        failed = replace(one, status=FAILED, ended_ms=call.now_ms, failure=(code, str(error)))
        await call.transact(lambda inner: _end(inner, failed, ready=False))
        return
    ended = replace(one, status=FAILED if one.wrong else COMPLETED, ended_ms=call.now_ms,
                    failure=_WRONG if one.wrong else ("", ""))
    await call.transact(lambda inner: _end(inner, ended, ready=True))


def _end(call: Call, one: Import, *, ready: bool) -> None:
    """Let the table be ready, or gone if nothing could be read."""
    table = tables.find(call, one.table)
    if table is not None and table.id == one.table_id:
        if ready:
            tables.save(call, replace(table, status=ACTIVE))
        else:
            discarding.discard(call, table)
    finish(call, one)


async def _read(call: Conversation, one: Import, table: Table) -> Import:
    batch: list[_Line] = []
    size = 0  # of what is in it, about
    async for key in _objects(call, one):
        reader = reader_of(one.form, one.options, table)
        number = 0
        async for data in _bytes(call, one, key):
            one = replace(one, size=one.size + len(data))
            for item in reader.feed(data):
                batch.append(_Line(key, number, item))
                number += 1
            size += len(data)
            while len(batch) >= IMPORT_BATCH or (batch and size >= SLICE_BYTES):
                one, batch = await _write(call, one, batch[:IMPORT_BATCH]), batch[IMPORT_BATCH:]
                size = size if batch else 0
        batch += [_Line(key, number + n, item) for n, item in enumerate(reader.end())]
    return await _write(call, one, batch)


async def _objects(call: Conversation, one: Import) -> AsyncIterator[str]:
    """The keys of the objects to read."""
    more: dict[str, Any] = {}
    while True:
        page = await call.invoke("s3", "ListObjectsV2", as_principal=one.principal, **_bucket(one), **more,
                                 Prefix=one.source.get("S3KeyPrefix", ""))
        for content in page.get("Contents", ()):
            if content["Size"]:
                yield content["Key"]
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


async def _bytes(call: Conversation, one: Import, key: str) -> AsyncIterator[bytes]:
    """An object's bytes as they are once they are unpacked, piece by piece."""
    body = (await call.invoke("s3", "GetObject", as_principal=one.principal, **_bucket(one), Key=key))["Body"]
    packed = one.compression == "GZIP"
    unpacker = zlib.decompressobj(wbits=_GZIP)
    async for piece in _pieces(body):
        if not packed:
            yield piece
            continue
        while piece:
            yield unpacker.decompress(piece)
            piece = unpacker.unused_data
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=_GZIP)


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
    else:
        async for piece in body:
            yield piece


async def _write(call: Conversation, one: Import, lines: list[_Line]) -> Import:
    """Put items into the table, and say how far the import is."""
    def work(inner: Call) -> tuple[Import, list[tuple[_Line, str]]]:
        table = tables.find(inner, one.table)
        if table is None or table.id != one.table_id:
            return one, []
        wrong = []
        for line in lines:
            try:
                _put(inner, table, line.item)
            except AwsError as error:
                wrong.append((line, str(error)))
        done = replace(one, seen=one.seen + len(lines), taken=one.taken + len(lines) - len(wrong),
                       wrong=one.wrong + len(wrong))
        imports.put(inner, one.table, one.id, record=done)
        return done, wrong

    done, wrong = await call.transact(work)
    if wrong and one.wrong < IMPORT_ERRORS_TOLD:
        await _tell(call, done, wrong)
    return done


def _put(call: Call, table: Table, item: dict[str, Any] | NoItem) -> None:
    if isinstance(item, NoItem):
        raise item
    row = Row(*admit_item(item))
    check_size(row.size)
    keys.check_item(row.item, table)
    key = keys.key_of(row.item, table.schema)
    rows.write(call, table, key, rows.read(call, table, key), row)


async def _tell(call: Conversation, one: Import, wrong: list[tuple[_Line, str]]) -> None:
    """Write to the log group what could not be imported, and why."""
    stream = f"{one.id}/error"
    places: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CreateLogGroup", {"logGroupName": LOG_GROUP}),
        ("CreateLogStream", {"logGroupName": LOG_GROUP, "logStreamName": stream}))
    for operation, params in places:
        try:
            await call.invoke("logs", operation, **params)
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
    events = [{"timestamp": call.now_ms, "message": msgspec.json.encode({
        "itemS3Pointer": {"bucket": one.source["S3Bucket"], "key": line.key, "itemIndex": line.number},
        "importArn": one.arn, "errorMessages": [why]}).decode()} for line, why in wrong]
    await call.invoke("logs", "PutLogEvents", logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)


def _bucket(one: Import) -> dict[str, Any]:
    owner = one.source.get("S3BucketOwner")
    return {"Bucket": one.source["S3Bucket"], **({"ExpectedBucketOwner": owner} if owner else {})}


