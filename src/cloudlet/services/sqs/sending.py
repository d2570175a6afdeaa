"""SendMessage and SendMessageBatch, and what both have in common with deliveries to a queue."""

import hashlib
import re
from typing import Any

from ...kernel import Call
from . import batches, limits, memory, upkeep
from .errors import (
    BatchRequestTooLong,
    InvalidParameterValueException,
    MissingRequiredParameterException,
    invalid,
)
from .lanes import lane
from .message import Attributes, Draft, Message, check_size, draft
from .queue import Queue, lookup
from .service import sqs

_FIFO_ID = re.compile(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}""")
_SEQUENCE_FROM = 18_000_000_000_000_000_000  # AWS's have twenty digits
_DEDUP = "sent"


@sqs.operation
def send_message(call: Call, queue_url: str, message_body: str, delay_seconds: int | None = None,
                 message_attributes: Attributes | None = None,
                 message_system_attributes: Attributes | None = None,
                 message_deduplication_id: str | None = None,
                 message_group_id: str | None = None) -> dict[str, Any]:
    """Put a message into a queue."""
    call, queue = lookup(call, queue_url, "SendMessage")
    return send(call, queue, draft(message_body, message_attributes, message_system_attributes),
                delay_seconds, message_group_id, message_deduplication_id)


@sqs.operation
def send_message_batch(call: Call, queue_url: str, entries: list[batches.Entry]) -> dict[str, Any]:
    """Put up to ten messages into a queue; each may fail for itself."""
    call, queue = lookup(call, queue_url, "SendMessage")
    batches.check(entries, "SendMessageBatchRequestEntry", "MessageBody")
    if queue.fifo:
        _check_batch_for_fifo(queue, entries)
    drafts: dict[str, Draft] = {}

    def measure(entry: batches.Entry) -> None:
        drafts[entry["Id"]] = draft(entry["MessageBody"], entry.get("MessageAttributes"),
                                    entry.get("MessageSystemAttributes"))

    def send_one(entry: batches.Entry) -> dict[str, Any]:
        found = drafts.get(entry["Id"]) or draft(entry["MessageBody"], entry.get("MessageAttributes"),
                                                 entry.get("MessageSystemAttributes"))
        return send(call, queue, found, entry.get("DelaySeconds"), entry.get("MessageGroupId"),
                    entry.get("MessageDeduplicationId"))

    batches.each(entries, measure)
    size = sum(found.size for found in drafts.values())
    if size > limits.MESSAGE_BYTES:
        raise BatchRequestTooLong(f"Batch requests cannot be longer than {limits.MESSAGE_BYTES} bytes. "
                                  f"You have sent {size} bytes.")
    return batches.each(entries, send_one)


def send(call: Call, queue: Queue, found: Draft, delay_s: int | None = None, group: str | None = None,
         dedup: str | None = None) -> dict[str, Any]:
    """Put what was drafted into ``queue``; the answer is SendMessage's."""
    check_size(found.size, queue.max_bytes)
    if delay_s is not None and not 0 <= delay_s <= limits.DELAY_S:
        raise invalid(delay_s, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {limits.DELAY_S}.")
    check_id("MessageGroupId", group)
    check_id("MessageDeduplicationId", dedup)
    answer = {"MD5OfMessageBody": found.body_md5}
    if found.attributes_md5:
        answer["MD5OfMessageAttributes"] = found.attributes_md5
    if found.system_md5:
        answer["MD5OfMessageSystemAttributes"] = found.system_md5
    principal = call.principal
    message = Message(call.ids.uuid(), found.body, principal.id or principal.account, call.now_ms,
                      trace=found.trace or _trace(call), group=group or "", attributes=found.attributes)
    if queue.fifo:
        _send_in_order(call, queue, message, delay_s, dedup)
        answer["SequenceNumber"] = sequence_number(message.sequence)
    else:
        if dedup is not None:
            raise _not_for_this_kind(dedup, "MessageDeduplicationId")
        lane(queue).put(call, queue, message, queue.delay_s if delay_s is None else delay_s)
        _see(call, queue, message)
    if not queue.swept:
        upkeep.watch(call, queue)
    call.tx.ring(queue.arn)
    answer["MessageId"] = message.id
    return answer


def _see(call: Call, queue: Queue, message: Message) -> None:
    parameters: dict[str, Any] = {"MessageGroupId": message.group} if message.group else {}
    if message.attributes:
        parameters["MessageAttributes"] = message.attributes
    call.see("sent", queue.arn, event=message.id, payload=message.body.encode(), parameters=parameters)


def sequence_number(sequence: int) -> str:
    """A message's place in its queue, as AWS writes it."""
    return str(_SEQUENCE_FROM + sequence)


def _send_in_order(call: Call, queue: Queue, message: Message, delay_s: int | None,
                   dedup: str | None) -> None:
    """Put a message into a FIFO queue, unless it was sent before; then it becomes that one."""
    if not message.group:
        raise MissingRequiredParameterException("The request must contain the parameter MessageGroupId.")
    if delay_s:
        raise _not_for_this_kind(delay_s, "DelaySeconds")
    if dedup is None:
        if not queue.content_dedup:
            raise _no_dedup()
        dedup = hashlib.sha256(message.body.encode()).hexdigest()
    message.dedup = dedup
    scope = message.group if queue.dedup_scope == "messageGroup" else ""
    known = memory.recall(call, queue, _DEDUP, scope, dedup)
    if known is not None:
        message.id, message.sequence = known.message_id, known.sequence
        call.see("filtered", queue.arn, event=message.id, payload=message.body.encode(),
                 why=f"one with the deduplication id {dedup} was sent within the last five minutes")
        return
    lane(queue).put(call, queue, message, 0)
    _see(call, queue, message)
    memory.remember(call, queue, _DEDUP, scope, dedup, memory.Memory(
        call.now_ms + limits.DEDUPLICATION_MS, message.id, message.sequence))


def _check_batch_for_fifo(queue: Queue, entries: list[batches.Entry]) -> None:
    """What FIFO queues need fails a whole batch, and not an entry."""
    for entry in entries:
        if not entry.get("MessageDeduplicationId") and not queue.content_dedup:
            raise _no_dedup()
        if not entry.get("MessageGroupId"):
            raise InvalidParameterValueException("The request must contain the parameter MessageGroupId.")


def check_id(name: str, value: str | None) -> None:
    """Refuse an identifier that FIFO queues do not take."""
    if value is not None and not _FIFO_ID.fullmatch(value):
        raise invalid(value, name, f"{name} can only include alphanumeric and punctuation characters. "
                                   "1 to 128 in length.")


def _no_dedup() -> InvalidParameterValueException:
    return InvalidParameterValueException("The queue should either have ContentBasedDeduplication enabled or "
                                          "MessageDeduplicationId provided explicitly")


def _not_for_this_kind(value: object, name: str) -> InvalidParameterValueException:
    return invalid(value, name, "The request include parameter that is not valid for this queue type.")


def _trace(call: Call) -> str:
    """The trace that the caller brought along; one that began here is nobody's business but ours."""
    return call.trace.header() if call.trace.given else ""
