"""Queues: created, found, listed, set, purged, deleted."""

import re
from typing import Any

from ...kernel import Call, Conversation
from . import attributes as texts
from . import fifo, limits, tally, upkeep
from .dead_letters import page_size, read_token, token
from .errors import (
    InvalidParameterValueException,
    PurgeQueueInProgress,
    QueueDeletedRecently,
    QueueNameExists,
)
from .lanes import lane
from .queue import Deleted, Queue, deleted, is_fifo_name, lookup, new_home, permit, queues, require, save, url
from .service import sqs
from .tags import check_tags

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SETTLE = 500


@sqs.operation
def create_queue(call: Call, queue_name: str, attributes: dict[str, str] | None = None,
                 tags: dict[str, str] | None = None) -> dict[str, Any]:
    """Create a queue; one that is there with the same attributes is found again."""
    given = attributes or {}
    wants_fifo = given.get("FifoQueue", "").lower() == "true"
    _check_name(queue_name, wants_fifo)
    texts.check_settable(given)
    wanted = Queue(queue_name, call.ids.hex(8), new_home(call), call.arn(queue_name), call.now_ms,
                   call.now_ms, fifo=is_fifo_name(queue_name))
    texts.write(call, wanted, given, creating=True)
    existing = queues.get(call, queue_name)
    if existing is not None:
        differs = texts.difference(existing, given, wanted)
        if differs:
            raise QueueNameExists("A queue already exists with the same name and a different value for "
                                  f"attribute {differs}")
        return {"QueueUrl": url(call, queue_name)}
    gone = deleted.get(call, queue_name)
    if gone is not None:
        if call.now_ms - gone.at_ms < limits.DELETED_RECENTLY_MS:
            raise QueueDeletedRecently
        deleted.delete(call, queue_name)
    wanted.tags = check_tags(wanted, tags or {})
    save(call, wanted)
    return {"QueueUrl": url(call, queue_name)}


@sqs.operation
def get_queue_url(call: Call, queue_name: str,
                  queue_owner_aws_account_id: str | None = None) -> dict[str, Any]:
    """The URL of a queue, given its name."""
    there = call.elsewhere(account=queue_owner_aws_account_id or "")
    permit(there, require(there, queue_name), "GetQueueUrl")
    return {"QueueUrl": url(there, queue_name)}


@sqs.operation
def list_queues(call: Call, queue_name_prefix: str | None = None, next_token: str | None = None,
                max_results: int | None = None) -> dict[str, Any]:
    """The URLs of the account's queues, by name."""
    most, prefix = page_size(next_token, max_results), queue_name_prefix or ""
    names: list[str] = []
    rows = (queues.items(call, after=(read_token(next_token),), limit=most + 1) if next_token
            else queues.starting(call, prefix, limit=most + 1))
    for _, queue in rows:
        if not queue.name.startswith(prefix):
            break
        names.append(queue.name)
    found: dict[str, Any] = {}
    if names:
        found["QueueUrls"] = [url(call, name) for name in names[:most]]
    if len(names) > most and max_results:
        found["NextToken"] = token(names[most - 1])
    return found


@sqs.operation
async def get_queue_attributes(call: Conversation, queue_url: str,
                               attribute_names: list[str] | None = None) -> dict[str, Any]:
    """The attributes of a queue. The counts are exact, for what has come due is settled first."""
    def settle(inner: Call) -> dict[str, str] | None:
        there, queue = lookup(inner, queue_url, "GetQueueAttributes")
        if lane(queue).settle(there, queue, _SETTLE) == _SETTLE:
            return None
        return texts.read(queue, attribute_names or [], lane(queue).counts(there, queue))

    found = None
    while found is None:
        found = await call.transact(settle)
    return {"Attributes": found} if found else {}


@sqs.operation
def set_queue_attributes(call: Call, queue_url: str, attributes: dict[str, str]) -> None:
    """Change attributes of a queue."""
    call, queue = lookup(call, queue_url, "SetQueueAttributes")
    texts.check_settable(attributes)
    delay_s, retention_s = queue.delay_s, queue.retention_s
    texts.write(call, queue, attributes)
    queue.modified_ms = call.now_ms
    save(call, queue)
    if queue.fifo and queue.delay_s != delay_s:
        fifo.delay_changed(call, queue)
    if queue.retention_s < retention_s:
        upkeep.sweep_now(call, queue)
    call.tx.ring(queue.arn)


@sqs.operation
def purge_queue(call: Call, queue_url: str) -> None:
    """Delete every message of a queue."""
    call, queue = lookup(call, queue_url, "PurgeQueue")
    if call.now_ms - queue.purged_ms < limits.PURGE_MS:
        raise PurgeQueueInProgress(f"Only one PurgeQueue operation on {queue.name} is allowed every "
                                   f"{limits.PURGE_MS // 1000} seconds.")
    sequence = tally.the_one(call, queue.home).sequence if queue.fifo else 0
    upkeep.leave(call, queue, for_good=False)
    queue.home, queue.purged_ms, queue.swept = new_home(call), call.now_ms, False
    if sequence:
        tally.keep(call, queue.home, tally.Tally(sequence=sequence))
    save(call, queue)


@sqs.operation
def delete_queue(call: Call, queue_url: str) -> None:
    """Delete a queue and all that is in it."""
    call, queue = lookup(call, queue_url, "DeleteQueue")
    queues.delete(call, queue.name)
    deleted.put(call, queue.name, record=Deleted(call.now_ms))
    upkeep.leave(call, queue, for_good=True)
    call.tx.ring(queue.arn)


def _check_name(name: str, wants_fifo: bool) -> None:
    stem = name.removesuffix(".fifo") if wants_fifo else name
    good = _NAME.fullmatch(stem) is not None and len(name) <= limits.NAME_LONGEST
    if wants_fifo and not (good and is_fifo_name(name)):
        raise InvalidParameterValueException(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            f"must end with .fifo suffix and be 1 to {limits.NAME_LONGEST} in length.")
    if not good:
        raise InvalidParameterValueException("Can only include alphanumeric characters, hyphens, or "
                                             f"underscores. 1 to {limits.NAME_LONGEST} in length")
