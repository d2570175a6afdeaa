"""Where the messages of standard queues lie, and how they move.

A message that can be had lies in *ready* (:mod:`.fair`), by the moment it was sent; one that is delayed or
in flight lies in *hidden*, by the moment it comes back, or grows too old if that is sooner. Nothing is moved
by a clock: whoever touches the queue first settles what has come due since, each message once.
"""

from typing import NamedTuple

import msgspec

from ...kernel import Call
from ...store import Agenda, Table
from . import fair, limits, tally
from .errors import InvalidParameterValueException
from .message import Message
from .queue import Queue
from .receipt import Receipt, Taken

SETTLE_AT_ONCE = 100


class Forward(msgspec.Struct):
    """Where a message went whose visibility was changed: its receipt names another moment."""

    at_ms: int


class Found(NamedTuple):
    """A message that a receipt leads to, and where it lies."""

    message: Message
    hidden: bool
    at_ms: int


hidden = Agenda("sqs.hidden", Message)
forwards = Table("sqs.forwards", Forward)


def position(call: Call, id: str) -> str:
    """Where a message stands among those of its millisecond; the id keeps apart what two machines send."""
    return f"{call.ids.ticket():016x}{id[:4]}"


def put(call: Call, queue: Queue, message: Message, delay_s: int) -> None:
    """Add a message; it can be had after ``delay_s``."""
    place = position(call, message.id)
    if delay_s:
        message.hidden_until_ms = call.now_ms + delay_s * 1000
        hidden.add(call, queue.home, at_ms=_back_ms(queue, message), id=place, work=message)
        tally.add(call, queue.home, delayed=1)
    else:
        fair.add(call, queue.home, place, message)
        tally.add(call, queue.home, ready=1)


def take(call: Call, queue: Queue, limit: int, hide_ms: int) -> Taken:
    """Up to ``limit`` messages, hidden from now on; and those that were received too often already."""
    _bring_back(call, queue, SETTLE_AT_ONCE)
    taken, dead = Taken([], [])
    too_old_ms = call.now_ms - queue.retention_s * 1000
    old = 0
    while len(taken) < limit:
        found = fair.draw(call, queue.home, limit - len(taken))
        for due in found:
            message = due.work
            if due.at_ms <= too_old_ms:
                old += 1
                continue
            if message.is_dead(queue.max_receives):
                dead.append(message)
                continue
            message.receives += 1
            message.received_ms = call.now_ms
            message.first_received_ms = message.first_received_ms or call.now_ms
            message.hidden_until_ms = call.now_ms + hide_ms
            at_ms = _back_ms(queue, message)
            hidden.add(call, queue.home, at_ms=at_ms, id=due.id, work=message)
            receipt = Receipt(queue.id, due.id, message.sent_ms, at_ms, message.receives, call.now_ms,
                              message.group)
            fair.weigh(call, queue.home, message.group, 1)
            taken.append((message, receipt))
        if not found or not 0 < len(dead) + old < SETTLE_AT_ONCE:
            break
    if taken or dead or old:
        tally.add(call, queue.home, ready=-len(taken) - len(dead) - old, in_flight=len(taken))
    return Taken(taken, dead)


def find(call: Call, queue: Queue, receipt: Receipt) -> Found | None:
    """The message of a receipt, unless it is gone or somebody received it since."""
    at_ms = receipt.at_ms
    message = hidden.get(call, queue.home, at_ms=at_ms, id=receipt.position)
    if message is None:
        forward = forwards.get(call, queue.home, receipt.position)
        if forward:
            at_ms = forward.at_ms
            message = hidden.get(call, queue.home, at_ms=at_ms, id=receipt.position)
    is_hidden = message is not None
    if message is None:
        at_ms = receipt.sent_ms
        message = fair.get(call, queue.home, at_ms, receipt.position, receipt.group)
    if message is None or message.receives != receipt.receives:
        return None
    return Found(message, is_hidden, at_ms)


def delete(call: Call, queue: Queue, receipt: Receipt, handle: str) -> None:
    """Delete a message; as in AWS a stale receipt is no error, and deletes nothing."""
    delete_all(call, queue, [receipt])


def delete_all(call: Call, queue: Queue, receipts: list[Receipt]) -> None:
    """Delete the messages of several receipts, and count them once."""
    ready = in_flight = 0
    for receipt in receipts:
        found = find(call, queue, receipt)
        if found is not None:
            _lift(call, queue, receipt.position, found)
            fair.weigh(call, queue.home, found.message.group, -int(found.hidden))
            ready -= not found.hidden
            in_flight -= found.hidden
    if ready or in_flight:
        tally.add(call, queue.home, ready=ready, in_flight=in_flight)


def hide(call: Call, queue: Queue, receipt: Receipt, handle: str, hide_ms: int) -> Message:
    """Let a message come back ``hide_ms`` from now."""
    found = find(call, queue, receipt)
    if found is None:
        raise InvalidParameterValueException(
            f"Value {handle} for parameter ReceiptHandle is invalid. "
            "Reason: Message does not exist or is not available for visibility timeout change.")
    _lift(call, queue, receipt.position, found)
    message = found.message
    message.hidden_until_ms = call.now_ms + hide_ms
    _forward(call, queue, receipt.position, message)
    if not found.hidden:
        fair.weigh(call, queue.home, message.group, 1)
        tally.add(call, queue.home, ready=-1, in_flight=1)
    return message


def settle(call: Call, queue: Queue, limit: int) -> int:
    """Bring back what has come due and drop what is too old, up to ``limit`` of each; how many that were."""
    back = _bring_back(call, queue, limit)
    old = fair.expire(call, queue.home, call.now_ms - queue.retention_s * 1000, limit)
    if old:
        tally.add(call, queue.home, ready=-old)
    return min(max(back, old), limit)


def _bring_back(call: Call, queue: Queue, limit: int) -> int:
    """Let those hidden messages be had whose moment has come; how many there were."""
    home, now_ms = queue.home, call.now_ms
    back = in_flight = delayed = 0
    due = hidden.due(call, home, now_ms=now_ms, limit=limit)
    for at_ms, place, message in due:
        hidden.remove(call, home, at_ms=at_ms, id=place)
        if _expires_ms(queue, message) > now_ms and message.hidden_until_ms > now_ms:
            _forward(call, queue, place, message)  # it was put here when messages were kept less long
            continue
        if message.forwarded:
            forwards.delete(call, home, place)
            message.forwarded = False
        if message.receives:
            fair.weigh(call, home, message.group, -1)
        in_flight -= message.receives > 0
        delayed -= message.receives == 0
        if _expires_ms(queue, message) > now_ms:
            message.hidden_until_ms = 0
            fair.add(call, home, place, message)
            back += 1
    if due:
        tally.add(call, home, ready=back, in_flight=in_flight, delayed=delayed)
    return len(due)


def pull(call: Call, queue: Queue, limit: int) -> list[Message]:
    """Take up to ``limit`` messages out of the queue for good, the oldest first."""
    settle(call, queue, SETTLE_AT_ONCE)
    found = fair.draw(call, queue.home, limit)
    if found:
        tally.add(call, queue.home, ready=-len(found))
    return [due.work for due in found]


def next_ms(call: Call, queue: Queue) -> int | None:
    """When the next message comes back of itself."""
    return hidden.earliest_ms(call, queue.home)


def room(call: Call, queue: Queue) -> int:
    """How many more messages may be in flight."""
    return tally.room(call, queue.home, limits.IN_FLIGHT)


def counts(call: Call, queue: Queue) -> tally.Tally:
    """How many messages there are of each kind, once all is settled."""
    return tally.total(call, queue.home)


def oldest_ms(call: Call, queue: Queue) -> int | None:
    """A moment before which no message of the queue was sent; None if it is empty."""
    first = fair.earliest_ms(call, queue.home)
    if first is None and hidden.earliest_ms(call, queue.home) is not None:
        return call.now_ms - queue.retention_s * 500
    return first


def clear(call: Call, home: str, limit: int) -> bool:
    """Forget up to ``limit`` messages of a home that no queue lives in any more; whether any are left."""
    found = fair.clear(call, home, limit)
    for at_ms, place, message in list(hidden.items(call, home, limit=limit)):
        hidden.remove(call, home, at_ms=at_ms, id=place)
        if message.forwarded:
            forwards.delete(call, home, place)
        found += 1
    return found > 0


def _lift(call: Call, queue: Queue, place: str, found: Found) -> None:
    """Take a message from where it lies, with all that refers to it."""
    if found.hidden:
        hidden.remove(call, queue.home, at_ms=found.at_ms, id=place)
    else:
        fair.remove(call, queue.home, found.at_ms, place, found.message.group)
    if found.message.forwarded:
        forwards.delete(call, queue.home, place)


def _forward(call: Call, queue: Queue, place: str, message: Message) -> None:
    """Hide a message under another moment than its receipt names, and say so there."""
    at_ms = _back_ms(queue, message)
    message.forwarded = True
    hidden.add(call, queue.home, at_ms=at_ms, id=place, work=message)
    forwards.put(call, queue.home, place, record=Forward(at_ms))


def _expires_ms(queue: Queue, message: Message) -> int:
    return message.sent_ms + queue.retention_s * 1000


def _back_ms(queue: Queue, message: Message) -> int:
    """When a hidden message must be looked at again: when it comes back, or when it is too old."""
    return min(message.hidden_until_ms, _expires_ms(queue, message))
