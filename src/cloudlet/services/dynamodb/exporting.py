"""How an export is written: slice by slice into files of gzipped lines, at last the manifests.

What a file holds is written down once it lies in the bucket; so after a crash the export goes on from there,
and at worst leaves a file that no manifest names.
"""

import asyncio
import base64
import hashlib
import zlib
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from ...errors import AwsError
from ...kernel import Call, Conversation
from . import history, rows
from .exports import INCREMENTAL, Export, Exported, exports, finish
from .history import Moment
from .limits import EXPORT_FILE_BYTES, SLICE_ITEMS
from .service import dynamodb
from .transfers import COMPLETED, FAILED

_GZIP = 31  # zlib's word for gzip's format with the largest window
_encode = msgspec.json.Encoder().encode


@dynamodb.task
async def write_export(call: Conversation, table: str, export_id: str) -> None:
    """Write the rest of an export."""
    export = await call.transact(lambda inner: exports.get(inner, table, export_id))
    if export is None or export.ended_ms:
        return
    try:
        if not export.files:
            await _put(call, export, f"{_folder(export)}/_started", b"")
        while not export.files or export.after:
            export = await _file(call, export)
        export = await _manifests(call, replace(export, ended_ms=call.now_ms))
        done = replace(export, status=COMPLETED)
    except AwsError as error:
        done = replace(export, status=FAILED, ended_ms=call.now_ms, failure=(f"S3{error.code}", str(error)))
    await call.transact(lambda inner: finish(inner, done))


async def _file(call: Conversation, export: Export) -> Export:
    """Write another file, and write down that it is there."""
    packer = zlib.compressobj(wbits=_GZIP)
    packed, after, size, count = [], export.after, 0, 0
    while size < EXPORT_FILE_BYTES:
        lines, after = await call.transact(partial(_slice, export=export, after=after))
        data = b"".join([line + b"\n" for line in lines])
        with call.kernel.clock.holding("an export"):
            packed.append(await asyncio.to_thread(packer.compress, data))
        size += len(data)
        count += len(lines)
        if not after:
            break
    body = b"".join([*packed, packer.flush()])
    folder = f"{export.prefix}/AWSDynamoDB" if export.prefix else "AWSDynamoDB"
    if export.kind != INCREMENTAL:
        folder = _folder(export)
    key = f"{folder}/data/{call.ids.text(26)}.json.gz"
    etag = await _put(call, export, key, body)
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    found = replace(export, after=after, billed=export.billed + size,
                    files=(*export.files, Exported(key, etag, md5, count)))
    await call.transact(lambda inner: exports.put(inner, export.table, export.id, record=found))
    return found


def _slice(call: Call, export: Export, after: bytes) -> tuple[list[bytes], bytes]:
    """Lines of a slice of what is exported."""
    if export.kind != INCREMENTAL:
        pairs, next_key = history.read(call, export.watched, after, SLICE_ITEMS)
        return [_encode({"Item": rows.item_of(raw)}) for _, raw in pairs], next_key
    since = Moment(export.since_ms - 1)
    found, next_key = history.changes(call, export.watched, since, after, SLICE_ITEMS)
    return [_encode(_told(call, export, one)) for one in found], next_key


def _told(call: Call, export: Export, one: history.Change) -> dict[str, Any]:
    """What changed, as an incremental export tells it."""
    before, after = (rows.item_of(raw) if raw else None for raw in (one.before, one.after))
    image = after or before or {}
    line: dict[str, Any] = {
        "Metadata": {"WriteTimestampMicros": {"N": str(one.at_ms * 1000)}},
        "Keys": {name: image[name] for name in export.keys if name in image}}
    if after:
        line["NewImage"] = after
    if before and export.view == "NEW_AND_OLD_IMAGES":
        line["OldImage"] = before
    return line


async def _manifests(call: Conversation, export: Export) -> Export:
    folder = _folder(export)
    files = b"".join(_encode({"itemCount": one.count, "md5Checksum": one.md5, "etag": one.etag.strip('"'),
                              "dataFileS3Key": one.key}) + b"\n" for one in export.files)
    incremental = export.kind == INCREMENTAL
    summary: dict[str, Any] = {
        "version": "2023-08-01" if incremental else "2020-06-30", "exportArn": export.arn,
        "startTime": _stamp(export.started_ms), "endTime": _stamp(export.ended_ms),
        "tableArn": export.table_arn, "tableId": export.table_id,
        **({"exportFromTime": _stamp(export.since_ms), "exportToTime": _stamp(export.to_ms)} if incremental
           else {"exportTime": _stamp(export.at_ms)}),
        "s3Bucket": export.bucket, "s3Prefix": export.prefix or None, "s3SseAlgorithm": export.sse,
        "s3SseKmsKeyId": None, "manifestFilesS3Key": f"{folder}/manifest-files.json",
        "billedSizeBytes": export.billed, "itemCount": export.count, "outputFormat": "DYNAMODB_JSON",
        **({"outputView": export.view} if incremental else {}), "exportType": export.kind}
    for name, body in (("manifest-files", files), ("manifest-summary", _encode(summary))):
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest())
        await _put(call, export, f"{folder}/{name}.json", body)
        await _put(call, export, f"{folder}/{name}.md5", digest)
    return replace(export, manifest=f"{folder}/manifest-summary.json")


async def _put(call: Conversation, export: Export, key: str, body: bytes) -> str:
    """Put an object into the bucket, as whoever asked for the export; its ETag."""
    params: dict[str, Any] = {"Bucket": export.bucket, "Key": key, "Body": body,
                              "ServerSideEncryption": export.sse}
    if export.owner:
        params["ExpectedBucketOwner"] = export.owner
    answer = await call.invoke("s3", "PutObject", as_principal=export.principal, **params)
    return str(answer.get("ETag", ""))


def _folder(export: Export) -> str:
    return f"{export.prefix}/AWSDynamoDB/{export.id}" if export.prefix else f"AWSDynamoDB/{export.id}"


def _stamp(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
