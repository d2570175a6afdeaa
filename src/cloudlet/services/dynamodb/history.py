"""What tables were: while a table is watched, each write keeps what it replaces, under the moment it does so.

So a table can be read as it was at a moment, slice by slice, while it goes on being written: an item is what
the first change after the moment replaced or, if nothing changed it since, what lies there now. A table that
is not watched pays nothing for it. What is kept is divided by day, so what recovery needs no more goes a
whole range at a time, without a look at when each change was.

A moment is a millisecond and, within it, an epoch of the table, which ends whenever somebody asks for the
table as it is now: what is written afterwards is not seen by him, even within that millisecond.
"""

from collections.abc import Iterator
from functools import lru_cache
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ...fabric import timers
from ...kernel import Call
from ...store import Pair
from ...store import Table as Records
from ...store.keys import pack
from . import tables
from .limits import DAY_MS, SLICE_BYTES
from .service import dynamodb
from .tables import Table

_STAMP = 12  # bytes that follow an item's key
_LAST_EPOCH = (1 << 32) - 1
_FAR = b"\xff" * 12


class Moment(NamedTuple):
    """When a table is to be seen: everything that was written by then."""

    at_ms: int
    epoch: int = _LAST_EPOCH

    @property
    def day(self) -> int:
        """The day it is of, since 1970."""
        return self.at_ms // DAY_MS

    def pack(self) -> bytes:
        """As bytes that sort as moments do."""
        return self.at_ms.to_bytes(8, "big") + self.epoch.to_bytes(4, "big")


class Watched(NamedTuple):
    """A table's rows as they were; without a moment, as they are."""

    rows: bytes
    history: bytes = b""
    moment: Moment | None = None


class Change(NamedTuple):
    """What became of an item between two moments: its bytes before and after, empty for none."""

    key: bytes
    before: bytes
    after: bytes
    at_ms: int  # of the last write


class _Pin(msgspec.Struct):
    """That somebody reads a table as it was, or a backup."""

    at_ms: int


_pins = Records("dynamodb.pins", _Pin)


def keep(call: Call, table: Table, key: bytes, before: bytes) -> None:
    """Remember what a write replaces, unless that was not there before this moment either.

    A write that began before another and is done after it counts for that one's moment.
    """
    moment = Moment(call.now_ms, table.epoch)
    whole, stamp = _space(call.account, call.region, table.history, moment.day) + key, moment.pack()
    if next(call.tx.scan(whole + stamp, whole + b"\xff", limit=1), None) is None:
        call.tx.put(whole + stamp, before)


# -- watching

def watch(call: Call, table: Table) -> Table:
    """The table, with every write remembered from now on."""
    if table.history:
        return table
    table = replace(table, history=call.ids.bytes(6))
    _forget_at(call, table.name, table.history, call.now_ms + DAY_MS)
    return table


def now(call: Call, table: Table, pin: str) -> tuple[Table, Moment]:
    """The table and the moment it is, for somebody who is going to read it as it is now."""
    moment = Moment(call.now_ms, table.epoch)
    table = replace(watch(call, table), epoch=table.epoch + 1)
    hold(call, table.rows, pin, moment.at_ms)
    return table, moment


def hold(call: Call, rows: bytes, pin: str, at_ms: int) -> None:
    """Say that somebody reads rows as they were then."""
    _pins.put(call, rows, pin, record=_Pin(at_ms))


def is_held(call: Call, rows: bytes) -> bool:
    """Whether somebody does."""
    return any(_pins.items(call, rows, limit=1))


def let_go(call: Call, rows: bytes, pin: str, table: str = "") -> None:
    """Say that he is done; ``table`` is watched no more, unless there is another reason."""
    _pins.delete(call, rows, pin)
    found = tables.find(call, table) if table else None
    if found is not None and found.rows == rows:
        tables.save(call, settle(call, found))


def settle(call: Call, table: Table) -> Table:
    """The table, no longer watched if nobody needs it to be."""
    if not table.history or table.recovery_ms or is_held(call, table.rows):
        return table
    forget(call, table)
    return replace(table, history=b"")


def forget(call: Call, table: Table) -> None:
    """Remove everything that was kept, some at a time."""
    if table.history:
        start = _history(call.account, call.region, table.history)
        timers.schedule(call, "clear", at_ms=call.now_ms,
                        id=f"dynamodb/history/{table.history.hex()}", ranges=[(start, start + _FAR)])


@dynamodb.task
def forget_days(call: Call, table: str, history: bytes) -> None:
    """Once a day: forget the days that nobody can go back to."""
    found = tables.find(call, table)
    if found is None or found.history != history:
        return
    since = [pin.at_ms for _, pin in _pins.items(call, found.rows)]
    if found.recovery_ms:
        since.append(call.now_ms - found.recovery_days * DAY_MS)
    start = _history(call.account, call.region, history)
    stop = _space(call.account, call.region, history, min(since, default=call.now_ms) // DAY_MS)
    if any(call.tx.scan(start, stop, limit=1)):
        timers.schedule(call, "clear", at_ms=call.now_ms,
                        id=f"dynamodb/history/{history.hex()}/{call.now_ms}", ranges=[(start, stop)])
    _forget_at(call, table, history, call.now_ms + DAY_MS)


def _forget_at(call: Call, table: str, history: bytes, at_ms: int) -> None:
    timers.schedule(call, forget_days, at_ms=at_ms, id=f"dynamodb/forget/{history.hex()}", table=table,
                    history=history)


# -- reading

def read(call: Call, watched: Watched, after: bytes, limit: int) -> tuple[list[Pair], bytes]:
    """Keys and rows above ``after`` as they were, and the key to go on from (empty: that was all).

    A slice looks at ``limit`` keys at most, and stops after a megabyte.
    """
    found: list[Pair] = []
    size = 0
    for seen, (key, versions) in enumerate(groupby(_versions(call, watched, after), key=itemgetter(0)), 1):
        raw = next(versions)[2]
        if raw:
            found.append((key, raw))
            size += len(raw)
        if seen == limit or size >= SLICE_BYTES:
            return found, key
    return found, b""


def changes(call: Call, watched: Watched, since: Moment, after: bytes, limit: int
            ) -> tuple[list[Change], bytes]:
    """What changed between two moments, by key, and the key to go on from (empty: that was all)."""
    assert watched.moment
    days = [_first_after(call, watched.history, day, since, after)
            for day in range(since.day, watched.moment.day + 1)]
    found: list[Change] = []
    size = 0
    for seen, (key, versions) in enumerate(groupby(merge(*days), key=itemgetter(0)), 1):
        before = next(versions)[2]
        last = _last_write(call, watched, key, since.day)
        if last > since:
            after_it = _as_of(call, watched, key)
            if before or after_it:
                found.append(Change(key, before, after_it, last.at_ms))
                size += len(before) + len(after_it)
        if seen == limit or size >= SLICE_BYTES:
            return found, key
    return found, b""


def _versions(call: Call, watched: Watched, after: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """By key: what the first change after the moment replaced, before what lies there now."""
    present = _present(call, watched.rows, after)
    if watched.moment is None:
        return present
    days = [_first_after(call, watched.history, day, watched.moment, after)
            for day in range(watched.moment.day, call.now_ms // DAY_MS + 1)]
    return merge(*days, present)


def _present(call: Call, rows: bytes, after: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    prefix = pack((call.account, call.region, "dynamodb.items", rows, 0))
    start = prefix + after + b"\0" if after else prefix
    while True:
        pairs = list(call.tx.scan(start, prefix + _FAR, limit=100))
        for key, raw in pairs:
            yield key[len(prefix):], _LAST_EPOCH, raw
        if len(pairs) < 100:
            return
        start = pairs[-1][0] + b"\0"


def _first_after(call: Call, history: bytes, day: int, moment: Moment, after: bytes
                 ) -> Iterator[tuple[bytes, int, bytes]]:
    """Of each key that was changed on a day: the day, and what the first change after the moment replaced.

    From key to key it is a seek, so one that was written a million times costs no more than another.
    """
    prefix = _space(call.account, call.region, history, day)
    at, stamp = prefix + (after + b"\xff" if after else b""), moment.pack()
    while True:
        pair = next(call.tx.scan(at, prefix + _FAR, limit=1), None)
        if pair is None:
            return
        whole = pair[0][:-_STAMP]
        if pair[0][-_STAMP:] <= stamp:
            pair = next(call.tx.scan(whole + stamp + b"\0", whole + b"\xff", limit=1), None)
        if pair is not None:
            yield whole[len(prefix):], day, pair[1]
        at = whole + b"\xff"


def _as_of(call: Call, watched: Watched, key: bytes) -> bytes:
    """An item's bytes at the moment."""
    assert watched.moment
    for day in range(watched.moment.day, call.now_ms // DAY_MS + 1):
        whole = _space(call.account, call.region, watched.history, day) + key
        pair = next(call.tx.scan(whole + watched.moment.pack() + b"\0", whole + b"\xff", limit=1), None)
        if pair is not None:
            return pair[1]
    return call.tx.get(pack((call.account, call.region, "dynamodb.items", watched.rows, 0)) + key) or b""


def _last_write(call: Call, watched: Watched, key: bytes, first: int) -> Moment:
    """When an item was last written up to the moment, if that was not before the day ``first``."""
    assert watched.moment
    for day in range(watched.moment.day, first - 1, -1):
        whole = _space(call.account, call.region, watched.history, day) + key
        pair = next(call.tx.scan(whole, whole + watched.moment.pack() + b"\0", limit=1, reverse=True), None)
        if pair is not None:
            stamp = pair[0][-_STAMP:]
            return Moment(int.from_bytes(stamp[:8], "big"), int.from_bytes(stamp[8:], "big"))
    return Moment(0, 0)


@lru_cache(maxsize=1024)
def _history(account: str, region: str, history: bytes) -> bytes:
    return pack((account, region, "dynamodb.history", history))


@lru_cache(maxsize=1024)
def _space(account: str, region: str, history: bytes, day: int) -> bytes:
    return pack((account, region, "dynamodb.history", history, day))
