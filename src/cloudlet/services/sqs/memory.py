"""What FIFO queues remember for five minutes: what was sent, and which attempt received what."""

import msgspec

from ...kernel import Call
from ...store import Agenda, Table
from .queue import Queue

_FORGET_AT_ONCE = 4  # more than one remembers at a time, so the memory never grows


class Memory(msgspec.Struct, array_like=True):
    """The message that was sent under a deduplication id, or the receipts an attempt was given."""

    until_ms: int
    message_id: str = ""
    sequence: int = 0
    handles: list[str] = []


class Key(msgspec.Struct, array_like=True):
    """What will be forgotten."""

    kind: str
    scope: str
    id: str


_memories = Table("sqs.memories", Memory)
_fading = Agenda("sqs.fading", Key)


def recall(call: Call, queue: Queue, kind: str, scope: str, id: str) -> Memory | None:
    """What is remembered under that name."""
    found = _memories.get(call, queue.id, kind, scope, id)
    return found if found is not None and found.until_ms > call.now_ms else None


def remember(call: Call, queue: Queue, kind: str, scope: str, id: str, memory: Memory) -> None:
    """Keep ``memory`` as long as it says, and forget a few that are over."""
    for at_ms, name, key in _fading.due(call, queue.id, now_ms=call.now_ms, limit=_FORGET_AT_ONCE):
        _fading.remove(call, queue.id, at_ms=at_ms, id=name)
        known = _memories.get(call, queue.id, key.kind, key.scope, key.id)
        if known is not None and known.until_ms <= call.now_ms:
            _memories.delete(call, queue.id, key.kind, key.scope, key.id)
    _memories.put(call, queue.id, kind, scope, id, record=memory)
    _fading.add(call, queue.id, at_ms=memory.until_ms, id=f"{kind}/{scope}/{id}", work=Key(kind, scope, id))


def forget(call: Call, queue_id: str, limit: int) -> bool:
    """The queue is deleted: forget up to ``limit`` things; whether any are left."""
    found = list(_fading.items(call, queue_id, limit=limit))
    for at_ms, name, key in found:
        _fading.remove(call, queue_id, at_ms=at_ms, id=name)
        _memories.delete(call, queue_id, key.kind, key.scope, key.id)
    return bool(found)
