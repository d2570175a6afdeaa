"""What waits for a client: messages in the order in which they came, until they are sent (QoS 0) or
acknowledged (QoS 1). Who is away is kept only what must arrive.
"""

from ...kernel import Call
from .records import Entry, Message, Queue, bell, entries, queues
from .routing import Recipient


def add(call: Call, recipient: Recipient, message: Message, *, retain: bool) -> None:
    """Queue a message for a session."""
    session = recipient.session
    if session.connection or (recipient.qos and session.expiry_s):
        put(call, session.client_id, Entry(message, recipient.qos, retain and recipient.as_published,
                                           recipient.ids))


def put(call: Call, client_id: str, entry: Entry) -> None:
    """Queue something for a client that is to have it."""
    queue = queues.get(call, client_id) or Queue()
    queue.last += 1
    queues.put(call, client_id, record=queue)
    entries.put(call, client_id, queue.last, record=entry)
    call.tx.ring(bell(call, client_id))


def take(call: Call, client_id: str, after: int, room: int, window: int) -> list[tuple[int, Entry]]:
    """Entries after a number, with up to ``room`` of QoS 1; those of QoS 0 are gone with it.

    Numbers reach no further than ``window`` behind the oldest that waits for its acknowledgement.
    """
    oldest = next((int(key[1]) for key, _ in entries.items(call, client_id, limit=1)), after + 1)
    found: list[tuple[int, Entry]] = []
    for key, entry in entries.items(call, client_id, after=(client_id, after), limit=256):
        number = int(key[1])
        if entry.qos:
            room -= 1
        if room < 0 or number - oldest >= window:
            break
        found.append((number, entry))
    for number, entry in found:
        expired = entry.message.expires_ms and entry.message.expires_ms <= call.now_ms
        if expired or not entry.qos:
            entries.delete(call, client_id, number)
    return found


def done(call: Call, client_id: str, numbers: list[int]) -> None:
    """The client has acknowledged them."""
    for number in numbers:
        entries.delete(call, client_id, number)


def clear(call: Call, client_id: str) -> None:
    """Nothing waits any more."""
    for key, _ in list(entries.items(call, client_id)):
        entries.delete(call, *key)
    queues.delete(call, client_id)


def last(call: Call, client_id: str) -> int:
    """The number of the last message."""
    queue = queues.get(call, client_id)
    return queue.last if queue else 0
