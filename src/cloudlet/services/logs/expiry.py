"""What is cleared away: events past their retention, and what was in a group or a stream that is deleted.

Readers never see an expired event, whether it is cleared yet or not (``cutoff_ms``); the clearing only
gives back the room, in small transactions.
"""

from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec

from ...fabric import timers
from ...kernel import Call, Conversation
from ...store import Table
from ...store.keys import Key
from .limits import EVENT_OVERHEAD
from .records import SHARDS, Group, Size, groups, lines, recent, sizes, streams
from .service import logs

R = TypeVar("R", bound=msgspec.Struct)
_DAY_MS = 86_400_000
_BATCH = 500  # rows removed in one transaction
_EVER = 1 << 62


def cutoff_ms(call: Call, group: Group) -> int:
    """Events before this moment are expired."""
    return call.now_ms - group.retention_days * _DAY_MS if group.retention_days else 0


def count(call: Call, group_number: int, stream_number: int, change: int) -> None:
    """The group holds so many bytes more."""
    shard = stream_number % SHARDS
    size = sizes.get(call, group_number, shard) or Size(0)
    size.bytes += change
    sizes.put(call, group_number, shard, record=size)


def begin(call: Call, group: Group) -> None:
    """The group has a retention now: look at it at once, and every day from then on."""
    timers.cancel(call, at_ms=group.expiry_ms, id=_timer(call, group.number))
    _look_at(call, group, call.now_ms)


def _look_at(call: Call, group: Group, at_ms: int) -> None:
    group.expiry_ms = at_ms
    groups.put(call, group.name, record=group)
    timers.schedule(call, expire, at_ms=at_ms, id=_timer(call, group.number), name=group.name,
                    number=group.number, due_ms=at_ms)


def clear_group(call: Call, number: int) -> None:
    """Clear away everything that was in a group."""
    timers.schedule(call, clear, at_ms=call.now_ms, id=_timer(call, number), group=number)


def clear_stream(call: Call, group: int, number: int) -> None:
    """Clear away the events that were in a stream."""
    timers.schedule(call, clear_events, at_ms=call.now_ms, id=_timer(call, number), group=group,
                    number=number)


@logs.task
async def expire(call: Conversation, name: str, number: int, due_ms: int) -> None:
    """Clear away the expired events of a group, and come again tomorrow."""
    def look(call: Call) -> tuple[int, list[int]]:
        group = groups.get(call, name)
        if group is None or not group.retention_days or (group.number, group.expiry_ms) != (number, due_ms):
            return 0, []
        _look_at(call, group, call.now_ms + _DAY_MS)
        before = cutoff_ms(call, group)
        return before, [one.number for _, one in streams.items(call, number) if one.first_ms < before]

    before, found = await call.transact(look)
    for stream in found:
        await _clear_lines(call, number, stream, before)


@logs.task
async def clear_events(call: Conversation, group: int, number: int) -> None:
    """Clear away all events of a stream that is no more."""
    await _clear_lines(call, group, number, _EVER)


@logs.task
async def clear(call: Conversation, group: int) -> None:
    """Clear away all streams of a group that is no more."""
    while True:
        batch = await call.transact(lambda call: list(islice(streams.items(call, group), _BATCH)))
        for key, stream in batch:
            await _clear_lines(call, group, stream.number, _EVER)
            await call.transact(partial(_drop_stream, key=key))
        if not batch:
            break
    while await call.transact(lambda call: _drop(call, recent, group) + _drop(call, sizes, group)):
        pass


async def _clear_lines(call: Conversation, group: int, stream: int, before_ms: int) -> None:
    def some(call: Call) -> bool:
        size, found = 0, list(lines.items(call, stream, limit=_BATCH))
        expired = [(key, line) for key, line in found if int(key[1]) < before_ms]
        for key, line in expired:
            size += len(line.message.encode()) + EVENT_OVERHEAD
            lines.delete(call, *key)
        if size:
            count(call, group, stream, -size)
        return len(expired) == _BATCH

    while await call.transact(some):
        pass


def _drop_stream(call: Call, key: Key) -> None:
    streams.delete(call, *key)


def _drop(call: Call, table: Table[R], group: int) -> int:
    keys = [key for key, _ in table.items(call, group, limit=_BATCH)]
    for key in keys:
        table.delete(call, *key)
    return len(keys)


def _timer(call: Call, number: int) -> str:
    return f"logs/{call.account}/{call.region}/{number}"
