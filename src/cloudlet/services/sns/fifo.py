"""What makes a FIFO topic: numbers that only grow, and a memory of what was published in five minutes."""

import hashlib

import msgspec

from ...kernel import Call
from ...store import Agenda, Table
from . import limits
from .message import Message
from .records import Topic

_NUMBER_FROM = 10_000_000_000_000_000_000  # AWS's have twenty digits
_FORGET_AT_ONCE = 4  # more than one remembers at a time, so the memory never grows


class Memory(msgspec.Struct, array_like=True):
    """What was published under a deduplication id."""

    until_ms: int
    id: str
    sequence: str


class Key(msgspec.Struct, array_like=True):
    """What will be forgotten."""

    scope: str
    dedup: str


class Last(msgspec.Struct, array_like=True):
    """The number of the topic's last message."""

    number: int = 0


_memories = Table("sns.memories", Memory)  # by topic, scope, deduplication id
_fading = Agenda("sns.fading", Key)
_last = Table("sns.last", Last)


def dedup_of(topic: Topic, message: Message, whole: str) -> str:
    """The deduplication id of a message: given, made of ``whole`` that was published, or none."""
    if message.dedup or not topic.content_dedup:
        return message.dedup
    return hashlib.sha256(whole.encode()).hexdigest()


def recall(call: Call, topic: Topic, message: Message) -> Memory | None:
    """What was published under the message's deduplication id within five minutes."""
    found = _memories.get(call, topic.name, _scope(topic, message), message.dedup)
    return found if found is not None and found.until_ms > call.now_ms else None


def number(call: Call, topic: Topic, message: Message) -> None:
    """Give the message its number, remember it, and forget a few that are over."""
    last = _last.get(call, topic.name) or Last()
    last.number += 1
    _last.put(call, topic.name, record=last)
    message.sequence = str(_NUMBER_FROM + last.number)
    for at_ms, id, key in _fading.due(call, topic.name, now_ms=call.now_ms, limit=_FORGET_AT_ONCE):
        _forget(call, topic.name, at_ms, id, key)
    until_ms, scope = call.now_ms + limits.DEDUPLICATION_MS, _scope(topic, message)
    memory, id = Memory(until_ms, message.id, message.sequence), f"{scope}/{message.dedup}"
    _memories.put(call, topic.name, scope, message.dedup, record=memory)
    _fading.add(call, topic.name, at_ms=until_ms, id=id, work=Key(scope, message.dedup))


def hold_off_publishers(call: Call, topic: Topic) -> None:
    """Let whoever publishes to the topic at the same moment collide with this transaction."""
    _last.put(call, topic.name, record=_last.get(call, topic.name) or Last())


def forget(call: Call, topic: Topic) -> None:
    """The topic is deleted."""
    for at_ms, id, key in list(_fading.items(call, topic.name)):
        _forget(call, topic.name, at_ms, id, key)
    _last.delete(call, topic.name)


def _forget(call: Call, topic: str, at_ms: int, id: str, key: Key) -> None:
    _fading.remove(call, topic, at_ms=at_ms, id=id)
    known = _memories.get(call, topic, key.scope, key.dedup)
    if known is not None and known.until_ms <= at_ms:
        _memories.delete(call, topic, key.scope, key.dedup)


def _scope(topic: Topic, message: Message) -> str:
    return message.group if topic.throughput_scope == "MessageGroup" else ""
