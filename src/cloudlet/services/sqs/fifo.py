"""Where the messages of FIFO queues lie, and how they move.

Each message group is a *line*, in the order of sequence numbers. A group is *open* while the first of its
line is not in flight; then its messages can be had, up to the first that is. (So AWS does it: when the
first of two messages in flight comes back, it can be had, though the second can't.) An agenda of open
groups, by the moment they opened, says whose turn it is.

The queue's delay is looked at when a message is taken and not when it is sent, because AWS applies a
changed ``DelaySeconds`` to the messages that a FIFO queue has already.
"""

import msgspec

from ...kernel import Call
from ...store import Agenda, Table
from . import limits, tally
from .errors import invalid
from .message import Message
from .queue import Queue
from .receipt import Receipt, Taken

SETTLE_AT_ONCE = 100
_LAST = 1 << 62  # after every sequence number


class Place(msgspec.Struct, array_like=True):
    """Where a message stands."""

    group: str
    sequence: int


class Group(msgspec.Struct, array_like=True):
    """A message group that has messages; ``open_ms`` is its moment among the open ones, or -1."""

    open_ms: int = -1


lines = Table("sqs.fifo.lines", Message)  # by home, group, sequence
groups = Table("sqs.fifo.groups", Group)  # by home, group
open_groups = Agenda("sqs.fifo.open", Group)  # id: the group
ages = Table("sqs.fifo.ages", Place)  # by home, the moment they were sent, sequence
hidden = Agenda("sqs.fifo.hidden", Place)  # in flight, by the moment they come back


def put(call: Call, queue: Queue, message: Message, delay_s: int) -> None:
    """Add a message at the end of its group; its sequence number is then in it."""
    found = tally.the_one(call, queue.home)
    found.sequence += 1
    found.ready += 1
    tally.keep(call, queue.home, found)
    message.sequence = found.sequence
    lines.put(call, queue.home, message.group, message.sequence, record=message)
    ages.put(call, queue.home, message.sent_ms, message.sequence,
             record=Place(message.group, message.sequence))
    if groups.get(call, queue.home, message.group) is None:
        _open(call, queue, message.group, message.sent_ms + queue.delay_s * 1000)


def take(call: Call, queue: Queue, limit: int, hide_ms: int) -> Taken:
    """Up to ``limit`` messages, hidden from now on; and those that were received too often already."""
    settle(call, queue, SETTLE_AT_ONCE)
    taken, dead = Taken([], [])
    for due in open_groups.due(call, queue.home, now_ms=call.now_ms, limit=limit):
        _take_group(call, queue, due.id, limit, hide_ms, Taken(taken, dead))
        _review(call, queue, due.id)
        if len(taken) == limit:
            break
    if taken or dead:
        _count(call, queue, ready=-len(taken) - len(dead), in_flight=len(taken))
    return Taken(taken, dead)


def again(call: Call, queue: Queue, receipt: Receipt, hide_ms: int) -> Message | None:
    """The message that is in flight under ``receipt``, hidden anew; None if it is not."""
    message = _find(call, queue, receipt)
    if message is not None:
        _hide_until(call, queue, message, call.now_ms + hide_ms)
    return message


def delete(call: Call, queue: Queue, receipt: Receipt, handle: str) -> None:
    """Delete a message in flight; a receipt that lapsed is an error, unlike in standard queues."""
    message = lines.get(call, queue.home, receipt.group, receipt.sequence)
    if message is None:
        return
    if message.receives != receipt.receives or message.hidden_until_ms <= call.now_ms:
        raise invalid(handle, "ReceiptHandle", "The receipt handle has expired.")
    _forget(call, queue, message)
    _review(call, queue, message.group)
    _count(call, queue, in_flight=-1)


def hide(call: Call, queue: Queue, receipt: Receipt, handle: str, hide_ms: int) -> Message:
    """Let a message come back ``hide_ms`` from now."""
    message = _find(call, queue, receipt)
    if message is None:
        raise invalid(handle, "ReceiptHandle",
                      "Message does not exist or is not available for visibility timeout change.")
    _hide_until(call, queue, message, call.now_ms + hide_ms)
    return message


def settle(call: Call, queue: Queue, limit: int) -> int:
    """Bring back what has come due and drop what is too old, up to ``limit`` of each; how many that were."""
    due = hidden.due(call, queue.home, now_ms=call.now_ms, limit=limit)
    for at_ms, id, place in due:
        hidden.remove(call, queue.home, at_ms=at_ms, id=id)
        message = lines.get(call, queue.home, place.group, place.sequence)
        if message is not None:
            message.hidden_until_ms = 0
            lines.put(call, queue.home, place.group, place.sequence, record=message)
            _review(call, queue, place.group, at_ms)
    old = _older_than(call, queue, call.now_ms - queue.retention_s * 1000, limit)
    flying = 0
    for place in old:
        message = lines.get(call, queue.home, place.group, place.sequence)
        if message is not None:
            flying += message.hidden_until_ms > 0
            _forget(call, queue, message)
            _review(call, queue, place.group)
    if due or old:
        _count(call, queue, ready=len(due) - len(old) + flying, in_flight=-len(due) - flying)
    return max(len(due), len(old))


def pull(call: Call, queue: Queue, limit: int) -> list[Message]:
    """Take up to ``limit`` messages out of the queue for good, in order."""
    settle(call, queue, SETTLE_AT_ONCE)
    found: list[Message] = []
    for due in open_groups.due(call, queue.home, now_ms=call.now_ms, limit=limit):
        for _, message in list(lines.items(call, queue.home, due.id, limit=limit - len(found))):
            if message.hidden_until_ms:
                break
            _forget(call, queue, message)
            found.append(message)
        _review(call, queue, due.id)
        if len(found) == limit:
            break
    if found:
        _count(call, queue, ready=-len(found))
    return found


def next_ms(call: Call, queue: Queue) -> int | None:
    """When the next message comes back, or is no more delayed."""
    moments = (agenda.earliest_ms(call, queue.home) for agenda in (hidden, open_groups))
    return min((at_ms for at_ms in moments if at_ms is not None), default=None)


def room(call: Call, queue: Queue) -> int:
    """How many more messages may be in flight."""
    return limits.IN_FLIGHT - tally.the_one(call, queue.home).in_flight


def counts(call: Call, queue: Queue) -> tally.Tally:
    """How many messages there are of each kind, once all is settled.

    Sequence numbers have no gaps and nothing leaves a queue while it is delayed, so the first delayed
    message says how many there are.
    """
    found = tally.the_one(call, queue.home)
    if queue.delay_s:
        edge = (queue.home, call.now_ms - queue.delay_s * 1000, _LAST)
        for _, first in ages.items(call, queue.home, after=edge, limit=1):
            found.delayed = found.sequence - first.sequence + 1
            found.ready -= found.delayed
    return found


def oldest_ms(call: Call, queue: Queue) -> int | None:
    """When the oldest message of the queue was sent; None if it is empty."""
    return next((int(key[1]) for key, _ in ages.items(call, queue.home, limit=1)), None)


def delay_changed(call: Call, queue: Queue) -> None:
    """The queue has a new delay: the groups that wait for it open at another moment."""
    for due in list(open_groups.items(call, queue.home)):
        _review(call, queue, due.id)


def clear(call: Call, home: str, limit: int) -> bool:
    """Forget up to ``limit`` messages of a home that no queue lives in any more; whether any are left."""
    found = 0
    for key, place in list(ages.items(call, home, limit=limit)):
        ages.delete(call, *key)
        lines.delete(call, home, place.group, place.sequence)
        groups.delete(call, home, place.group)
        found += 1
    for agenda in (hidden, open_groups):
        for at_ms, id, _ in list(agenda.items(call, home, limit=limit)):
            agenda.remove(call, home, at_ms=at_ms, id=id)
            found += 1
    return found > 0


def _take_group(call: Call, queue: Queue, group: str, limit: int, hide_ms: int, into: Taken) -> None:
    """Take from one group until ``into`` has ``limit`` messages, or one comes that can't be had."""
    taken, dead = into
    last = 0
    while len(taken) < limit and len(dead) < SETTLE_AT_ONCE:
        some = list(lines.items(call, queue.home, group, after=(queue.home, group, last),
                                limit=limit - len(taken)))
        for _, message in some:
            if message.hidden_until_ms or message.sent_ms + queue.delay_s * 1000 > call.now_ms:
                return
            last = message.sequence
            if message.is_dead(queue.max_receives):
                _forget(call, queue, message)
                dead.append(message)
            else:
                taken.append((message, _fly(call, queue, message, hide_ms)))
        if not some:
            return


def _find(call: Call, queue: Queue, receipt: Receipt) -> Message | None:
    """The message in flight under ``receipt``."""
    message = lines.get(call, queue.home, receipt.group, receipt.sequence)
    if message is None or message.receives != receipt.receives or message.hidden_until_ms <= call.now_ms:
        return None
    return message


def _older_than(call: Call, queue: Queue, at_ms: int, limit: int) -> list[Place]:
    found = list(ages.items(call, queue.home, limit=1))
    if not found or int(found[0][0][1]) > at_ms:
        return []  # nearly always; a queue's oldest message is not too old
    return [place for key, place in ages.items(call, queue.home, limit=limit) if int(key[1]) <= at_ms]


def _fly(call: Call, queue: Queue, message: Message, hide_ms: int) -> Receipt:
    """Hand a message out."""
    message.receives += 1
    message.received_ms = call.now_ms
    message.first_received_ms = message.first_received_ms or call.now_ms
    _hide_until(call, queue, message, call.now_ms + hide_ms)
    return Receipt(queue.id, "", message.sent_ms, message.hidden_until_ms, message.receives, call.now_ms,
                   message.group, message.sequence)


def _hide_until(call: Call, queue: Queue, message: Message, until_ms: int) -> None:
    if message.hidden_until_ms:
        hidden.remove(call, queue.home, at_ms=message.hidden_until_ms, id=_id(message.sequence))
    message.hidden_until_ms = until_ms
    hidden.add(call, queue.home, at_ms=until_ms, id=_id(message.sequence),
               work=Place(message.group, message.sequence))
    lines.put(call, queue.home, message.group, message.sequence, record=message)


def _forget(call: Call, queue: Queue, message: Message) -> None:
    lines.delete(call, queue.home, message.group, message.sequence)
    ages.delete(call, queue.home, message.sent_ms, message.sequence)
    if message.hidden_until_ms:
        hidden.remove(call, queue.home, at_ms=message.hidden_until_ms, id=_id(message.sequence))


def _review(call: Call, queue: Queue, group: str, at_ms: int = 0) -> None:
    """Open the group, close it or forget it, as the first of its line says, which changed at ``at_ms``."""
    known = groups.get(call, queue.home, group)
    first = next((message for _, message in lines.items(call, queue.home, group, limit=1)), None)
    if known is not None and known.open_ms >= 0:
        open_groups.remove(call, queue.home, at_ms=known.open_ms, id=group)
    if first is None:
        groups.delete(call, queue.home, group)
    elif first.hidden_until_ms:
        groups.put(call, queue.home, group, record=Group())
    else:
        since_ms = at_ms or (known.open_ms if known is not None and known.open_ms >= 0 else call.now_ms)
        _open(call, queue, group, max(min(since_ms, call.now_ms), first.sent_ms + queue.delay_s * 1000))


def _open(call: Call, queue: Queue, group: str, at_ms: int) -> None:
    open_groups.add(call, queue.home, at_ms=at_ms, id=group, work=Group(at_ms))
    groups.put(call, queue.home, group, record=Group(at_ms))


def _count(call: Call, queue: Queue, ready: int = 0, in_flight: int = 0) -> None:
    found = tally.the_one(call, queue.home)
    found.ready += ready
    found.in_flight += in_flight
    tally.keep(call, queue.home, found)


def _id(sequence: int) -> str:
    return f"{sequence:020d}"
