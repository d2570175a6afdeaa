"""S3 Select: rows of an object in CSV, JSON or Parquet, chosen by SQL where the object lies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from ...kernel import Call, Conversation
from ...scratch import Scratch
from ...store import Blobs
from . import bodies, encryption, errors, scanning, select_input, storage
from .discarding import content_of
from .encryption import CustomerKey
from .names import check_key
from .nouns import find_bucket
from .reading import find_object
from .select_input import Source
from .service import s3

_EVENT = 1 << 18  # bytes of rows in one event
Rows = Iterator[list[tuple[Any, ...]]]


@s3.operation
async def select_object_content(
        call: Conversation, bucket: str, key: str, expression: str, expression_type: str,
        input_serialization: dict[str, Any], output_serialization: dict[str, Any],
        request_progress: dict[str, Any] | None = None, scan_range: dict[str, Any] | None = None,
        expected_bucket_owner: str | None = None,
        sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
        sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """The rows of an object that an expression selects, as a stream of events."""
    if expression_type != "SQL":
        raise errors.InvalidExpressionType
    if output_serialization.keys().isdisjoint(("CSV", "JSON")):
        raise errors.MalformedXML
    customer = CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)

    def prepare(call: Call) -> Source:
        found = find_bucket(call, bucket, expected_bucket_owner)
        obj = find_object(call, found, key, None)
        secret = encryption.key_of(call, obj.envelope, customer)
        storage.check_readable(obj, call.now_ms)
        pieces = content_of(call, found.name, check_key(key), obj)
        blobs = call.use(Blobs)
        return Source(blobs, pieces, obj.size, secret, bodies.Reading(blobs, pieces, 0, 0))

    source = await call.transact(prepare)
    loop = asyncio.get_running_loop()
    folder = Scratch("select")
    try:
        path = await select_input.as_file(source, input_serialization, scan_range, folder.path)
        names, batches = await loop.run_in_executor(None, scanning.rows, path, expression,
                                                    input_serialization)
        size = path.stat().st_size if scan_range is not None else source.size
    except BaseException:
        folder.remove()
        raise
    asked = Asked(output_serialization, bool((request_progress or {}).get("Enabled")), size)
    return {"Payload": _events(names, batches, asked, source, folder)}


class Asked(NamedTuple):
    """How the rows are wanted, and of how much they are."""

    form: dict[str, Any]
    progress: bool
    size: int


async def _events(names: list[str], batches: Rows, asked: Asked, held: Source,
                  folder: Scratch) -> AsyncIterator[dict[str, Any]]:
    """The rows as events; the object's file is ``held`` until the last."""
    loop, returned = asyncio.get_running_loop(), 0
    try:
        while (batch := await loop.run_in_executor(None, next, batches, None)) is not None:
            text = scanning.written(batch, names, asked.form)
            returned += len(text)
            for at in range(0, len(text), _EVENT):
                yield {"Records": {"Payload": text[at : at + _EVENT]}}
        details = {"BytesScanned": asked.size, "BytesProcessed": asked.size, "BytesReturned": returned}
        if asked.progress:
            yield {"Progress": {"Details": details}}
        yield {"Stats": {"Details": details}}
        yield {"End": {}}
    finally:
        del held
        folder.remove()
