"""Pollers: what moves batches from a source to a function.

Nothing polls: the task of a mapping waits for its source's bell, takes what there is, and runs it. A queue's
messages stay hidden while they are handled, and return by themselves if they aren't; so a crash loses none.
"""

import asyncio
import json
import logging
from functools import partial
from typing import Any

from ...errors import AwsError
from ...fabric.sources import Record, Source
from ...functions import Outcome
from ...kernel import Call, Conversation
from ...telemetry import Trace
from .errors import TooManyRequestsException
from .records import Name
from .recursion import furthest
from .runner import run
from .service import lambda_
from .sources import source_of

log = logging.getLogger(__name__)
_AT_ONCE = 5  # batches of a standard queue in flight, as Lambda begins with; it may be set higher
_PAYLOAD = 6_000_000  # bytes of a batch, below Invoke's limit


@lambda_.task
async def poll(
    call: Conversation,
    *,
    source: str,
    function: str,
    qualifier: str,
    batch_size: int,
    window_s: int,
    filters: list[str],
    concurrency: int,
    partial: bool,
) -> None:
    """Feed a function from a source, for as long as the mapping is there."""
    reader: Source = await call.transact(lambda inner: source_of(inner, source))
    name = Name(function, qualifier, call.account, call.region)
    most = concurrency or _AT_ONCE
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            batch = await _gather(call, reader, source, batch_size, window_s)
            for records in _groups(batch):
                while len(running) >= most:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.create_task(_handle(call, reader, source, name, records, partial))
                running.add(task)
                task.add_done_callback(running.discard)
    finally:
        for task in tuple(running):
            task.cancel()


async def _gather(
    call: Conversation, reader: Source, source: str, batch_size: int, window_s: int
) -> list[Record]:
    """A batch: what is there at once or, with a window, what comes until it is full or the window closes."""
    batch: list[Record] = []
    deadline_ms = 1 << 62
    while len(batch) < batch_size and sum(record.size for record in batch) < _PAYLOAD:
        wanted = min(batch_size - len(batch), 10)
        more = await call.until(
            partial(_take, reader, source, wanted), *reader.bells(source), deadline_ms=deadline_ms,
            next_ms=lambda inner: reader.next_ms(inner, source))
        if more is None:
            break
        if not batch:
            deadline_ms = call.now_ms + window_s * 1000
        batch.extend(more)
        if not window_s and len(more) < wanted:
            break
    return batch


def _take(reader: Source, source: str, limit: int, call: Call) -> list[Record] | None:
    return reader.take(call, source, limit, None) or None


def _groups(batch: list[Record]) -> list[list[Record]]:
    """Records that must be handled in order stay together; each group is a batch of its own."""
    found: dict[str, list[Record]] = {}
    for record in batch:
        found.setdefault(record.group, []).append(record)
    return list(found.values())


async def _handle(call: Conversation, reader: Source, source: str, name: Name, records: list[Record],
                  partial: bool) -> None:
    """Give a batch to the function, and acknowledge what it has handled."""
    payload = json.dumps({"Records": [record.event for record in records]}).encode()
    once = call.elsewhere()
    once.trace = _trace_of(records) or call.kernel.tracer.begin(call.now_ms)
    once.id = call.ids.uuid()
    try:
        outcome, _ = await run(once, name, payload)
        failed = _failed(outcome, records, partial)
    except TooManyRequestsException:
        failed = records
    except AwsError as error:
        log.warning("the mapping of %s to %s could not run its function: %s", source, name.name, error)
        failed = records
    except RuntimeError:
        log.exception("the mapping of %s to %s could not run its function", source, name.name)
        failed = records
    lost = {record.id for record in failed}

    def settle(inner: Call) -> None:
        done = [record for record in records if record.id not in lost]
        if done:
            reader.done(inner, source, done)
        if failed:
            reader.failed(inner, source, failed)

    await call.transact(settle)


def _trace_of(records: list[Record]) -> Trace | None:
    """Of the traces that the records brought along, the one the batch goes on with."""
    headers = (str(record.event.get("attributes", {}).get("AWSTraceHeader", "")) for record in records)
    return furthest([trace for header in headers if (trace := Trace.parse(header))])


def _failed(outcome: Outcome, records: list[Record], partial: bool) -> list[Record]:
    """The records that were not handled, as the function's answer tells.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if outcome.error:
        return records
    if not partial:
        return []
    try:
        answer: Any = json.loads(outcome.payload or b"null")
        failures = (answer or {}).get("batchItemFailures") or []
        ids = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, AttributeError, TypeError, KeyError):
        return records
    known = {record.id for record in records}
    if not ids <= known:
        return records
    if (
        records[0].group and ids
    ):  # order is kept: nothing of the group after the first failure counts as handled
        first = next(n for n, record in enumerate(records) if record.id in ids)
        return records[first:]
    return [record for record in records if record.id in ids]
