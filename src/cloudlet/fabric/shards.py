"""Shards: streams whose records lie in order by key, and are forgotten when the clock says so.

DynamoDB's streams and Kinesis's are such streams. A stream has open shards, each with a range of the hashes
of keys, and closed ones that are still read; a record goes to the open shard whose range holds the hash of
its key. What is decided here is the order: a record's number is one more than that of the last in its shard,
given in the transaction that appends it, so whoever reads after a number misses nothing. Each shard has a
range of numbers of its own, above those of all shards before it: along a lineage numbers only grow.

A service that owns streams makes one :class:`Shards` and appends in its own transactions::

    streams = Shards("kinesis")
    stream = streams.create(call, "clicks", count=4, kept_ms=24 * HOUR)
    shard, number = streams.append(call, stream, key_hash("me"), {"Data": b"...", "PartitionKey": "me"})

Whoever reads (an operation, or an engine by way of :class:`.sources.Stream`) asks for ``read(..., after=0)``
and goes on from the number of the last record it got. ``bell(stream)`` rings when shards come and go, and
``bell(stream, shard)`` when a record comes. Nothing here costs more in a long stream than in a short one:
positions in time are found by bisection, and a timer for each shard that has records forgets them in batches.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from ..kernel import Call
from ..store import Table
from ..store.keys import pack, unpack
from ..store.table import prefix_of
from . import timers

RANGE = 10**12  # numbers of one shard
_READ_BYTES = 8 << 20  # at once
_TRIMMED_AT_ONCE = 1000
_TRIMS = 24  # times that a shard is trimmed while one record is kept: so often, and no more, at any rate
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode
Data = dict[str, Any]


class Shard(msgspec.Struct, frozen=True):
    """A part of a stream: the keys whose hashes lie between ``low`` and ``high``, both included.

    Its records are numbered from ``base + 1``. ``last`` is the last of a closed one's.
    """

    id: str
    low: bytes
    high: bytes
    opened_ms: int
    base: int
    parents: tuple[str, ...] = ()
    closed_ms: int = 0
    last: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it takes records."""
        return not self.closed_ms


class Stream(msgspec.Struct, frozen=True):
    """A stream. ``home`` names its records, and those of this incarnation alone.

    ``about`` is the service's own, plain data; ``life_ms``: a shard that was open for so long is followed
    by another when the next record comes (0: never).
    """

    name: str
    home: str
    made_ms: int
    kept_ms: int
    open: tuple[Shard, ...]  # by ``low``
    made: int  # shards, ever
    about: Data
    life_ms: int = 0
    closed_ms: int = 0


class Entry(NamedTuple):
    """A record as it lies in its shard, and when it came."""

    number: int
    at_ms: int
    data: Data


def key_hash(key: str | bytes) -> bytes:
    """The hash of a key: MD5, as Kinesis documents it."""
    return hashlib.md5(key if isinstance(key, bytes) else key.encode(), usedforsecurity=False).digest()


def bell(stream: Stream, shard: str = "") -> str:
    """What rings when shards of ``stream`` come and go or, with ``shard``, when a record comes to it."""
    return f"shards/{stream.home}/{shard}"


class Shards:
    """The streams of one family; ``name_shard`` names its n-th, from 0, such that names sort as they come."""

    def __init__(self, family: str, name_shard: Callable[[Call, int], str] | None = None) -> None:
        self.family, self._name_shard = family, name_shard or _numbered
        self._streams = Table(f"{family}.streams", Stream)
        self._shards = Table(f"{family}.shards", Shard)

    # -- streams

    def create(self, call: Call, name: str, *, count: int, kept_ms: int, about: Data | None = None,
               life_ms: int = 0) -> Stream:
        """A stream of ``count`` shards that share all hashes evenly."""
        stream = Stream(name, call.ids.hex(16), call.now_ms, kept_ms, (), 0, about or {}, life_ms)
        edges = [(1 << 128) * n // count for n in range(count + 1)]
        for low, after in pairwise(edges):
            stream = self._opened(call, stream, low.to_bytes(16, "big"), (after - 1).to_bytes(16, "big"))
        return self._save(call, stream)

    def find(self, call: Call, name: str) -> Stream | None:
        """The stream called ``name``, if there is one."""
        raw = call.tx.get(prefix_of(call, "region", self._streams.name) + pack((name,)))
        return None if raw is None else _stream(raw)

    def streams(self, call: Call, after: str = "", limit: int = -1) -> list[Stream]:
        """Streams by name, those after ``after``."""
        return [stream for _, stream in self._streams.items(call, after=(after,), limit=limit)]

    def change(self, call: Call, stream: Stream, *, kept_ms: int | None = None, about: Data | None = None
               ) -> Stream:
        """The stream, with other settings. What is older than it is kept now is forgotten soon."""
        changed = msgspec.structs.replace(
            stream, kept_ms=stream.kept_ms if kept_ms is None else kept_ms,
            about=stream.about if about is None else about)
        if changed.kept_ms < stream.kept_ms:
            for shard in self.shards(call, stream):
                self._trim_at(call, stream, shard.id, call.now_ms)
        return self._save(call, changed)

    def close(self, call: Call, stream: Stream) -> Stream:
        """Take no more records; those there are stay readable as long as they would have."""
        for shard in stream.open:
            stream = self._closed(call, stream, shard)
        return self._save(call, msgspec.structs.replace(stream, closed_ms=call.now_ms))

    def delete(self, call: Call, stream: Stream) -> None:
        """Forget a stream at once; its records are removed in the background."""
        self._streams.delete(call, stream.name)
        call.tx.ring(bell(stream))
        timers.schedule(call, "_clear_shards", at_ms=call.now_ms, id=f"shards/{stream.home}/clear",
                        family=self.family, home=stream.home)

    # -- shards

    def shards(self, call: Call, stream: Stream, after: str = "", limit: int = -1) -> list[Shard]:
        """The shards that are open or still have something to read, by name."""
        found = self._shards.items(call, stream.home, after=(stream.home, after), limit=limit)
        return [shard for _, shard in found]

    def shard(self, call: Call, stream: Stream, id: str) -> Shard | None:
        """The shard called ``id``."""
        return self._shards.get(call, stream.home, id)

    def split(self, call: Call, stream: Stream, shard: Shard, at: bytes, *, keep: bool = True) -> Stream:
        """Let two shards follow one: ``at`` is the second's first hash. Of many, the last must ``keep``."""
        before = (int.from_bytes(at, "big") - 1).to_bytes(16, "big")
        stream = self._opened(call, self._closed(call, stream, shard), shard.low, before, (shard.id,))
        stream = self._opened(call, stream, at, shard.high, (shard.id,))
        return self._save(call, stream) if keep else stream

    def merge(self, call: Call, stream: Stream, one: Shard, other: Shard, *, keep: bool = True) -> Stream:
        """Let one shard follow two whose ranges are neighbours."""
        stream = self._closed(call, self._closed(call, stream, one), other)
        low, high = min(one.low, other.low), max(one.high, other.high)
        stream = self._opened(call, stream, low, high, (one.id, other.id))
        return self._save(call, stream) if keep else stream

    def _follow(self, call: Call, stream: Stream, shard: Shard) -> Stream:
        """Let another shard take over the range of one that has lived its life."""
        stream = self._closed(call, stream, shard)
        return self._save(call, self._opened(call, stream, shard.low, shard.high, (shard.id,)))

    # -- records

    def append(self, call: Call, stream: Stream, hash: bytes, data: Data) -> tuple[Shard, int]:
        """Put a record at the end of the shard that has the hash of its key: that shard, and its number."""
        shard = self.holder(stream, hash)
        if stream.life_ms and call.now_ms - shard.opened_ms >= stream.life_ms:
            stream = self._follow(call, stream, shard)
            shard = self.holder(stream, hash)
        number, at_ms, _ = self._end(call, stream, shard)
        return shard, self._add(call, stream, shard, ((hash, data),), number, at_ms)

    def extend(self, call: Call, stream: Stream, shard: Shard, tail: Entry | None,
               records: Sequence[tuple[bytes, Data]]) -> int:
        """Put records, each with the hash of its key, behind the ``tail`` of a shard; the last's number."""
        return self._add(call, stream, shard, records, *(tail[:2] if tail else (shard.base, 0)))

    def holder(self, stream: Stream, hash: bytes) -> Shard:
        """The open shard whose range has ``hash``."""
        return stream.open[bisect_right(stream.open, hash, key=_low) - 1]

    def tail(self, call: Call, stream: Stream, shard: Shard) -> Entry | None:
        """The last record that lies in a shard."""
        number, at_ms, raw = self._end(call, stream, shard)
        return Entry(number, at_ms, _decode(raw[10:])) if raw else None

    def _end(self, call: Call, stream: Stream, shard: Shard) -> tuple[int, int, bytes]:
        """Number and moment of the last record, and how it lies there."""
        prefix = self._records(call, stream, shard.id)
        for key, raw in call.tx.scan(prefix, prefix + b"\xff", limit=1, reverse=True):
            return _number(key, prefix), _at_ms(raw), raw
        return shard.base, 0, b""

    def _add(self, call: Call, stream: Stream, shard: Shard, records: Sequence[tuple[bytes, Data]],
             number: int, at_ms: int) -> int:
        prefix, first = self._records(call, stream, shard.id), number + 1
        at_ms = max(at_ms, call.now_ms)  # time in a shard never runs back, should the clock be set back
        moment = at_ms.to_bytes(8, "big")
        for number, (hash, data) in enumerate(records, first):
            call.tx.put(prefix + pack((number,)), moment + hash[-2:] + _encode(data))
        if first == shard.base + 1:
            self._trim_at(call, stream, shard.id, at_ms + stream.kept_ms)
        call.tx.ring(bell(stream, shard.id))
        return number

    def read(self, call: Call, stream: Stream, shard: Shard, after: int, limit: int = -1) -> Iterator[Entry]:
        """Records with numbers above ``after``, in order, however old (see ``horizon``)."""
        prefix = self._records(call, stream, shard.id)
        for key, raw in call.tx.scan(prefix + pack((after + 1,)), prefix + b"\xff", limit=limit):
            yield _entry(key, raw, prefix)

    def read_lane(self, call: Call, stream: Stream, shard: Shard, after: int, limit: int, lane: int,
                  lanes: int) -> tuple[list[Entry], int]:
        """Those of the next ``limit`` records that are in one of ``lanes``, and the last number of all.

        A key is always in the same lane, so readers of different lanes can work at the same time. Of large
        records there are fewer.
        """
        prefix, found, number, size = self._records(call, stream, shard.id), [], after, 0
        for key, raw in call.tx.scan(prefix + pack((after + 1,)), prefix + b"\xff", limit=limit):
            number = _number(key, prefix)
            if lanes == 1 or int.from_bytes(raw[8:10], "big") % lanes == lane:
                found.append(_entry(key, raw, prefix))
                size += len(raw)
                if size > _READ_BYTES:
                    break
        return found, number

    def first(self, call: Call, stream: Stream, shard: Shard) -> int:
        """The number before that of the first record that lies there; the last's, if none does."""
        prefix = self._records(call, stream, shard.id)
        for key, _ in call.tx.scan(prefix, prefix + b"\xff", limit=1):
            return _number(key, prefix) - 1
        return self.last(call, stream, shard)

    def last(self, call: Call, stream: Stream, shard: Shard) -> int:
        """The number of the last record, also if it is forgotten; ``base``, if there never was one."""
        return shard.last if shard.closed_ms else self._end(call, stream, shard)[0]

    def horizon(self, call: Call, stream: Stream, shard: Shard) -> int:
        """The number of the last record that is too old to be read."""
        return self.before(call, stream, shard, call.now_ms - stream.kept_ms + 1)

    def before(self, call: Call, stream: Stream, shard: Shard, at_ms: int) -> int:
        """The number of the last record from before ``at_ms``, found by bisection."""
        low, high = self.first(call, stream, shard), self.last(call, stream, shard)
        prefix = self._records(call, stream, shard.id)
        if low < high and self._moment(call, prefix, low + 1) >= at_ms:
            return low  # nearly always, for the horizon
        while low < high:
            middle = (low + high + 1) // 2
            if self._moment(call, prefix, middle) < at_ms:
                low = middle
            else:
                high = middle - 1
        return low

    def _moment(self, call: Call, prefix: bytes, number: int) -> int:
        raw = call.tx.get(prefix + pack((number,)))
        return 0 if raw is None else _at_ms(raw)

    # -- how shards come and go

    def _opened(self, call: Call, stream: Stream, low: bytes, high: bytes, parents: tuple[str, ...] = ()
                ) -> Stream:
        shard = Shard(self._name_shard(call, stream.made), low, high, call.now_ms, stream.made * RANGE,
                      parents)
        self._shards.put(call, stream.home, shard.id, record=shard)
        at = bisect_right(stream.open, low, key=_low)
        shards = (*stream.open[:at], shard, *stream.open[at:])
        return msgspec.structs.replace(stream, open=shards, made=stream.made + 1)

    def _closed(self, call: Call, stream: Stream, shard: Shard) -> Stream:
        closed = msgspec.structs.replace(shard, closed_ms=call.now_ms, last=self.last(call, stream, shard))
        self._shards.put(call, stream.home, shard.id, record=closed)
        self._trim_at(call, stream, shard.id, call.now_ms + stream.kept_ms)
        call.tx.ring(bell(stream, shard.id))
        return msgspec.structs.replace(stream, open=tuple(one for one in stream.open if one.id != shard.id))

    def _save(self, call: Call, stream: Stream) -> Stream:
        self._streams.put(call, stream.name, record=stream)
        call.tx.ring(bell(stream))
        return stream

    # -- how records are forgotten

    def _trim_at(self, call: Call, stream: Stream, shard: str, at_ms: int) -> None:
        timers.schedule(call, "_trim_shard", at_ms=at_ms, id=f"shards/{stream.home}/{shard}",
                        family=self.family, name=stream.name, home=stream.home, shard=shard)

    def trim(self, call: Call, stream: Stream, shard: Shard) -> None:
        """Forget what is too old, some at a time, and the shard when that was all of it."""
        horizon, last = self.horizon(call, stream, shard), self.last(call, stream, shard)
        prefix = self._records(call, stream, shard.id)
        old = list(call.tx.scan(prefix, prefix + pack((horizon + 1,)), limit=_TRIMMED_AT_ONCE))
        for key, _ in old:
            call.tx.delete(key)
        if len(old) == _TRIMMED_AT_ONCE:
            self._trim_at(call, stream, shard.id, call.now_ms)
        elif horizon < last:
            due = self._moment(call, prefix, horizon + 1) + stream.kept_ms
            self._trim_at(call, stream, shard.id, max(due, call.now_ms + stream.kept_ms // _TRIMS))
        elif shard.is_open:
            self._rebase(call, stream, shard, last)
        elif call.now_ms >= shard.closed_ms + stream.kept_ms:
            self._shards.delete(call, stream.home, shard.id)
            call.tx.ring(bell(stream))
            if stream.closed_ms and not self.shards(call, stream, limit=1):
                self._streams.delete(call, stream.name)

    def _rebase(self, call: Call, stream: Stream, shard: Shard, last: int) -> None:
        """An open shard is empty: keep its number, so that the next record goes on from there."""
        if last == shard.base:
            return
        shard = msgspec.structs.replace(shard, base=last)
        self._shards.put(call, stream.home, shard.id, record=shard)
        self._save(call, msgspec.structs.replace(
            stream, open=tuple(shard if one.id == shard.id else one for one in stream.open)))

    def clear(self, call: Call, home: str) -> bool:
        """Remove some of what a deleted stream has left; whether there may be more."""
        start = prefix_of(call, "region", f"{self.family}.records") + pack((home,))
        pairs = list(call.tx.scan(start, start + b"\xff", limit=_TRIMMED_AT_ONCE))
        for key, _ in pairs:
            call.tx.delete(key)
        for key_parts, _ in list(self._shards.items(call, home)) if not pairs else ():
            self._shards.delete(call, *key_parts)
        return bool(pairs)

    def _records(self, call: Call, stream: Stream, shard: str) -> bytes:
        return _prefix(call.account, call.region, self.family, stream.home, shard)


@lru_cache(maxsize=4096)
def _prefix(account: str, region: str, family: str, home: str, shard: str) -> bytes:
    return pack((account, region, f"{family}.records", home, shard))


_stream = lru_cache(maxsize=1024)(msgspec.msgpack.Decoder(Stream).decode)


def _low(shard: Shard) -> bytes:
    return shard.low


def _entry(key: bytes, raw: bytes, prefix: bytes) -> Entry:
    return Entry(_number(key, prefix), _at_ms(raw), _decode(raw[10:]))


def _at_ms(raw: bytes) -> int:
    return int.from_bytes(raw[:8], "big")


def _number(key: bytes, prefix: bytes) -> int:
    return int(unpack(key[len(prefix):])[0])


def _numbered(call: Call, number: int) -> str:
    return f"shardId-{number:012d}"


def _trim_shard(call: Call, *, family: str, name: str, home: str, shard: str) -> None:
    shards = Shards(family)
    stream = shards.find(call, name)
    found = shards.shard(call, stream, shard) if stream is not None and stream.home == home else None
    if stream is not None and found is not None:
        shards.trim(call, stream, found)


def _clear_shards(call: Call, *, family: str, home: str) -> None:
    if Shards(family).clear(call, home):
        timers.schedule(call, "_clear_shards", at_ms=call.now_ms, id=f"shards/{home}/clear", family=family,
                        home=home)


timers.TASKS["_trim_shard"] = _trim_shard
timers.TASKS["_clear_shards"] = _clear_shards
