"""Objects: a batch as one object of S3.

The object has its name before it is first written, and is written only if there is none of that name: so a
try that a crash broke off, and that is repeated, leaves one object and tells of it once.
"""

import asyncio
import gzip
import io
import logging
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...wire.http import Request
from . import batches, buffers, destinations, failures, limits, prefixes, roles
from .batches import Batch
from .destinations import Bucket
from .failures import Failure

log = logging.getLogger(__name__)
_ENCODINGS = {"GZIP": "gzip", "ZIP": "zip"}
_RANDOM = 11  # characters
_PIECE = 1 << 20  # bytes handed to S3 at a time
_ALONE = 1 << 16  # bytes that are packed at once, without a thread of their own
_SAYS = {
    "NoSuchBucket": "The specified S3 bucket does not exist. Create the bucket or use a different bucket "
                    "that does exist.",
    "AccessDenied": "Access was denied. Ensure that the trust policy for the provided IAM role allows "
                    "Firehose to assume the role, and the access policy allows access to the S3 bucket.",
}


async def write(call: Conversation, batch: Batch) -> None:
    """Write the batch, or try again later."""
    given = _configuration(batch)
    bucket = destinations.bucket_of(given)
    if batch.entries:
        try:
            await _put(call, batch, bucket)
        except AwsError as error:
            why = error
            await batches.conclude(call, batch, lambda inner: _failed(inner, batch, bucket, given, why))
            return
    await batches.conclude(call, batch, lambda inner: batches.settle(inner, batch))


async def _put(call: Conversation, batch: Batch, bucket: Bucket) -> None:
    key = await call.transact(lambda inner: _name(inner, batch, bucket))
    batch.buffer.object = key
    principal = await call.transact(lambda inner: roles.acting(inner, bucket.role))
    body = _body(batch)
    work = partial(_packed, body, bucket.compression, key)
    packed = work() if len(body) <= _ALONE else await asyncio.to_thread(work)
    encoding = {"ContentEncoding": _ENCODINGS[bucket.compression]} if bucket.compression in _ENCODINGS else {}
    try:
        await call.invoke("s3", "PutObject", as_principal=principal, Bucket=bucket.name, Key=key,
                          Body=_streamed(packed), ContentType="application/octet-stream",
                          ACL="bucket-owner-full-control", IfNoneMatch="*", **encoding)
    except AwsError as error:
        if error.code != "PreconditionFailed":  # else an earlier try was through
            raise


def _streamed(body: bytes) -> bytes | Request:
    """A large body piece by piece, so that S3 writes it without holding anybody up."""
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), _PIECE):
            yield body[at:at + _PIECE]

    headers = {"content-length": str(len(body))}
    return body if len(body) <= _PIECE else Request("PUT", "/", "", headers, stream=pieces())


def _configuration(batch: Batch) -> destinations.Config:
    stream, stage = batch.stream, batch.buffer.lane.stage
    if stage == "failed":
        return destinations.failures_of(stream.kind, stream.given)
    if stage == "backup":
        return destinations.backup_of(stream.kind, stream.given) or {}
    return stream.given


def _name(call: Call, batch: Batch, bucket: Bucket) -> str:
    """The object's key."""
    stream, lane = batch.stream, batch.buffer.lane

    def make() -> str:
        moment = datetime.fromtimestamp(batch.buffer.oldest_ms / 1000, bucket.zone)
        prefix = bucket.error_prefix if lane.stage == "failed" else bucket.prefix
        return prefixes.evaluate(
            prefix, moment, lambda: call.ids.text(_RANDOM), lane.error_type, dict(lane.keys)
        ) + prefixes.suffix(stream.name, stream.version, moment, call.ids.uuid(), bucket.extension)

    return buffers.name(call, stream.number, batch.buffer, make)


def _body(batch: Batch) -> bytes:
    """The records one after another; a delimiter, if there is one, stands between them."""
    processing = destinations.processing_of(batch.stream.given)
    delimiter = processing.delimiter if batch.buffer.lane.stage == "output" else b""
    return delimiter.join([entry.data for entry in batch.entries])


def _packed(body: bytes, compression: str, key: str) -> bytes:
    if compression == "GZIP":
        return gzip.compress(body, mtime=0)
    if compression == "ZIP":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(key.rpartition("/")[2].removesuffix(".zip")), body,
                             zipfile.ZIP_DEFLATED)
        return packed.getvalue()
    return body


def _failed(call: Call, batch: Batch, bucket: Bucket, given: destinations.Config, error: AwsError) -> None:
    """Try again for a day; a partition's failure becomes an account of it after its own time."""
    failure = Failure(failures.PROCESSING, f"S3.{error.code}", _SAYS.get(error.code, str(error)),
                      batch.buffer.tries + 1)
    failures.report(call, batch.stream, failure)
    wait_ms = batches.pause_ms(batch.buffer.tries)
    lane, waited_ms = batch.buffer.lane, batch.buffer.waited_ms + wait_ms
    if lane.keys and waited_ms > _retry_ms(given):
        failures.keep(call, batch.stream, failure, batch.entries)
        batches.settle(call, batch)
    elif call.now_ms + wait_ms - batch.buffer.oldest_ms > limits.RETENTION_MS:
        buffers.finish(call, batch.stream.number, batch.buffer)
        log.error("the stream %s: %d records are given up, for nothing could be written to %s for a "
                           "day", batch.stream.name, len(batch.entries), bucket.name)
    else:
        batches.again(call, batch, wait_ms)


def _retry_ms(given: Any) -> int:
    options = (given.get("DynamicPartitioningConfiguration") or {}).get("RetryOptions") or {}
    return int(options.get("DurationInSeconds", limits.PARTITION_RETRY_S)) * 1000
