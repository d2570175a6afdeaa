"""ReceiveMessage: short and long polls."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ...kernel import Call, Conversation
from . import attributes as queue_attributes
from . import fifo, limits, memory
from .dead_letters import bury, has_grave
from .errors import InvalidAttributeName, OverLimit, invalid
from .lanes import lane
from .message import TRACE, Message, chosen, digest, md5
from .queue import Queue, lookup
from .receipt import handle, read
from .sending import check_id, sequence_number
from .service import sqs

_ATTEMPT = "attempt"
_SYSTEM = ("SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
           "SequenceNumber", "MessageDeduplicationId", "MessageGroupId", TRACE, "DeadLetterQueueSourceArn")
Received = list[tuple[Message, str]]  # each with its receipt handle


class _Poll(msgspec.Struct):
    """What one try came to: messages, and how long and for what the queue lets one wait."""

    messages: Received
    wait_s: int
    bell: str


@sqs.operation
async def receive_message(call: Conversation, queue_url: str, attribute_names: list[str] | None = None,
                          message_system_attribute_names: list[str] | None = None,
                          message_attribute_names: list[str] | None = None,
                          max_number_of_messages: int | None = None,
                          visibility_timeout: int | None = None, wait_time_seconds: int | None = None,
                          receive_request_attempt_id: str | None = None) -> dict[str, Any]:
    """Take messages, and hide them from everyone else for a while; wait if there are none."""
    limit = 1 if max_number_of_messages is None else max_number_of_messages
    _check_numbers(limit, visibility_timeout, wait_time_seconds)
    wanted = _wanted(attribute_names, message_system_attribute_names)

    def attempt(inner: Call) -> _Poll:
        there, queue = lookup(inner, queue_url, "ReceiveMessage")
        wait_s = queue.wait_s if wait_time_seconds is None else wait_time_seconds
        hide_ms = 1000 * (queue.visibility_s if visibility_timeout is None else visibility_timeout)
        found = receive(there, queue, limit, hide_ms, receive_request_attempt_id, patient=wait_s > 0)
        return _Poll(found, wait_s, queue.arn)

    poll = await call.transact(attempt)
    messages = poll.messages
    if not messages and poll.wait_s:
        messages = await call.until(
            lambda inner: attempt(inner).messages or None, poll.bell,
            deadline_ms=call.now_ms + poll.wait_s * 1000,
            next_ms=lambda inner: next_ms(*lookup(inner, queue_url, "ReceiveMessage"))) or []
    if not messages:
        return {}
    names = message_attribute_names or ()
    return {"Messages": [_render(message, receipt, wanted, names) for message, receipt in messages]}


def receive(call: Call, queue: Queue, limit: int, hide_ms: int, attempt_id: str | None = None, *,
            patient: bool = True) -> Received:
    """Up to ``limit`` messages, hidden for ``hide_ms``; those received too often go to the dead letters."""
    if attempt_id is not None:
        again = _again(call, queue, attempt_id, hide_ms)
        if again:
            return again
    room = lane(queue).room(call, queue)
    if room <= 0:
        lane(queue).settle(call, queue, limits.RECEIVE_MESSAGES)
        if patient or queue.fifo:  # AWS's quotas page: only a short poll of a standard queue is told
            return []
        raise OverLimit(f"Too many messages are in flight for {queue.name}; the limit is {limits.IN_FLIGHT}.")
    if queue.max_receives and not has_grave(call, queue):
        queue.max_receives = 0
    taken, dead = lane(queue).take(call, queue, min(limit, room), hide_ms)
    if dead:
        bury(call, queue, dead)
        if not taken:
            call.tx.ring(queue.arn)  # there may be more behind them
    found = [(message, handle(receipt)) for message, receipt in taken]
    if attempt_id is not None and found:
        memory.remember(call, queue, _ATTEMPT, "", attempt_id, memory.Memory(
            call.now_ms + limits.RECEIVE_ATTEMPT_MS, handles=[text for _, text in found]))
    return found


def next_ms(call: Call, queue: Queue) -> int | None:
    """When a message comes up that no bell announces."""
    return lane(queue).next_ms(call, queue)


def system_attributes(message: Message, wanted: Iterable[str] = _SYSTEM) -> dict[str, str]:
    """The attributes of a message that SQS itself gives it."""
    found = {
        "SenderId": message.sender, "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
        "SequenceNumber": sequence_number(message.sequence) if message.sequence else "",
        "MessageDeduplicationId": message.dedup, "MessageGroupId": message.group, TRACE: message.trace,
        "DeadLetterQueueSourceArn": message.dead_letter_source,
    }
    return {name: found[name] for name in wanted if found[name]}


def _render(message: Message, receipt: str, wanted: tuple[str, ...], names: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"MessageId": message.id, "ReceiptHandle": receipt,
                             "MD5OfBody": md5(message.body.encode()), "Body": message.body}
    if wanted:
        attributes = system_attributes(message, wanted)
        if attributes:
            found["Attributes"] = attributes
    if names and message.attributes:
        attributes_wanted = chosen(message.attributes, names)
        if attributes_wanted:
            found["MD5OfMessageAttributes"] = digest(attributes_wanted)
            found["MessageAttributes"] = attributes_wanted
    return found


def _again(call: Call, queue: Queue, attempt_id: str, hide_ms: int) -> Received:
    """What of an earlier try of the same attempt is still in flight, hidden anew."""
    if not queue.fifo:
        raise invalid(attempt_id, "ReceiveRequestAttemptId",
                      "The request include parameter that is not valid for this queue type.")
    check_id("ReceiveRequestAttemptId", attempt_id)
    known = memory.recall(call, queue, _ATTEMPT, "", attempt_id)
    if known is None:
        return []
    found = [(fifo.again(call, queue, read(queue.id, text), hide_ms), text) for text in known.handles]
    return [(message, text) for message, text in found if message is not None]


def _wanted(*lists: list[str] | None) -> tuple[str, ...]:
    names = {name for given in lists if given for name in given}
    for name in names:
        if name not in _SYSTEM and name not in queue_attributes.NAMES:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    return tuple(name for name in _SYSTEM if name in names or "All" in names)


def _check_numbers(limit: int, visibility_s: int | None, wait_s: int | None) -> None:
    if not 1 <= limit <= limits.RECEIVE_MESSAGES:
        raise invalid(limit, "MaxNumberOfMessages",
                      f"Must be between 1 and {limits.RECEIVE_MESSAGES}, if provided.")
    if visibility_s is not None:
        check_visibility(visibility_s)
    if wait_s is not None and not 0 <= wait_s <= limits.WAIT_S:
        raise invalid(wait_s, "WaitTimeSeconds", f"Must be >= 0 and <= {limits.WAIT_S}, if provided.")


def check_visibility(visibility_s: int) -> None:
    """Refuse a visibility timeout that no message can have."""
    if not 0 <= visibility_s <= limits.VISIBILITY_S:
        raise invalid(visibility_s, "VisibilityTimeout",
                      f"Must be >= 0 and <= {limits.VISIBILITY_S}, if provided.")


