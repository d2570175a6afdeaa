"""Shards, as the services use them: order, lineage, time, and what is forgotten."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudlet.fabric.sequence import number_of, sequence_number
from cloudlet.fabric.shards import Shards, key_hash
from cloudlet.identity import root

HOUR = 3_600_000
shards = Shards("toy")


class Within:
    """Runs work in transactions of a running cloudlet."""

    def __init__(self, running):
        self.running = running
        self.call = running.cloudlet.kernel.conversation(root("000000000000"), "sqs")

    def __call__(self, work):
        return asyncio.run_coroutine_threadsafe(self.call.transact(work), self.running._loop).result(20)

    def append(self, name, key, number):
        return self(lambda call: shards.append(call, shards.find(call, name), key_hash(key),
                                               {"key": key, "n": number}))

    def read(self, name, after=None):
        """What is readable, by shard in the order of the shards."""
        def work(call):
            stream = shards.find(call, name)
            return {shard.id: [entry.data for entry in shards.read(
                call, stream, shard, shards.horizon(call, stream, shard) if after is None else after)]
                for shard in shards.shards(call, stream)}

        return self(work)


@pytest.fixture(scope="module")
def within(cloudlet):
    return Within(cloudlet)


def make(within, name, **options):
    within(lambda call: shards.create(call, name, **{"count": 1, "kept_ms": 24 * HOUR} | options))


def reshard(within, name, how, which):
    """Split the ``which``-th open shard in the middle, or merge it with the next."""
    def work(call):
        stream = shards.find(call, name)
        shard = stream.open[which % len(stream.open)]
        if how == "split" and shard.low != shard.high:
            middle = (int.from_bytes(shard.low, "big") + int.from_bytes(shard.high, "big") + 1) // 2
            shards.split(call, stream, shard, middle.to_bytes(16, "big"))
        elif how == "merge" and len(stream.open) > 1:
            at = which % (len(stream.open) - 1)
            shards.merge(call, stream, stream.open[at], stream.open[at + 1])

    within(work)


STEPS = st.lists(st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9)), st.tuples(st.just("split"), st.integers(0, 5)),
    st.tuples(st.just("merge"), st.integers(0, 5))), max_size=40)


@settings(max_examples=40)
@given(steps=STEPS, count=st.integers(1, 4))
def test_records_of_a_key_are_in_order_along_the_lineage_of_its_shards(within, steps, count):
    name = f"lineage-{within.running.cloudlet.kernel.ids.hex(8)}"
    make(within, name, count=count)
    put = {}
    for n, (step, which) in enumerate(steps):
        if step == "put":
            shard, number = within.append(name, f"k{which}", n)
            assert number == number_of(sequence_number(number))
            put.setdefault(f"k{which}", []).append((number, n, shard.id))
        else:
            reshard(within, name, step, which)

    def facts(call):
        stream = shards.find(call, name)
        return stream, {shard.id: shard for shard in shards.shards(call, stream)}

    stream, known = within(facts)
    edges = [(shard.low, shard.high) for shard in stream.open]
    assert edges[0][0] == bytes(16) and edges[-1][1] == b"\xff" * 16
    assert all(int.from_bytes(one[1], "big") + 1 == int.from_bytes(other[0], "big")
               for one, other in pairwise(edges))
    for key, found in put.items():
        assert found == sorted(found), "numbers grow along a key's life"
        for (_, _, before), (_, _, after) in pairwise(found):
            assert before == after or descends(known, after, before)
        assert [one["n"] for records in within.read(name, after=0).values() for one in records
                if one["key"] == key] == [n for _, n, _ in found]


def descends(known, shard, ancestor):
    parents = known[shard].parents
    return ancestor in parents or any(descends(known, parent, ancestor) for parent in parents)


def test_lanes_share_a_shard_and_none_has_anothers_keys(within):
    make(within, "lanes")
    for n in range(60):
        within.append("lanes", f"k{n % 7}", n)

    def read(call, lane):
        stream = shards.find(call, "lanes")
        return shards.read_lane(call, stream, stream.open[0], 0, 100, lane, 3)

    lanes = [within(lambda call, lane=lane: read(call, lane)) for lane in range(3)]
    keys = [{entry.data["key"] for entry in entries} for entries, _ in lanes]
    assert sum(map(len, keys)) == len(set.union(*keys)) == 7
    assert sorted(entry.data["n"] for entries, _ in lanes for entry in entries) == list(range(60))
    assert {upto for _, upto in lanes} == {60}


def test_a_moment_is_found_and_never_runs_back(fresh):
    within = Within(fresh())
    make(within, "moments")
    for n in range(10):
        within.append("moments", "k", n)
        within.running.advance(60)
    within.running.advance(-3000)
    within.append("moments", "k", 10)

    def moments(call):
        stream = shards.find(call, "moments")
        shard = stream.open[0]
        entries = list(shards.read(call, stream, shard, 0))
        return [entry.at_ms for entry in entries], [
            shards.before(call, stream, shard, entry.at_ms) for entry in entries]

    times, before = within(moments)
    assert times == sorted(times)
    assert before == [*range(10), times.index(times[-1])]


def test_what_is_too_old_is_removed_from_the_store_and_numbers_go_on(fresh):
    within = Within(fresh())
    make(within, "old")
    for n in range(2500):
        within.append("old", f"k{n % 3}", n)
    within.running.advance(24 * 3600 + 1)
    assert within.read("old") == {"shardId-000000000000": []}  # before anything has removed them

    def left(call):
        stream = shards.find(call, "old")
        return len(list(shards.read(call, stream, stream.open[0], 0)))

    within.running.advance(2 * 3600)  # by when the timer has come round, and removed a thousand at a time
    assert within(left) == 0
    _, number = within.append("old", "k", 2500)
    assert number == 2501 and within.read("old") == {"shardId-000000000000": [{"key": "k", "n": 2500}]}


def test_a_shorter_retention_holds_at_once_and_a_deleted_stream_leaves_nothing(fresh):
    within = Within(fresh())
    make(within, "short", kept_ms=48 * HOUR)
    within.append("short", "k", 1)
    within.running.advance(30 * 3600)
    assert within.read("short") == {"shardId-000000000000": [{"key": "k", "n": 1}]}
    within(lambda call: shards.change(call, shards.find(call, "short"), kept_ms=24 * HOUR))
    assert within.read("short") == {"shardId-000000000000": []}
    home = within(lambda call: shards.find(call, "short").home)
    within.append("short", "k", 2)
    within(lambda call: shards.delete(call, shards.find(call, "short")))
    assert within(lambda call: shards.find(call, "short")) is None
    while within(lambda call: any(home.encode() in key for key, _ in call.tx.scan(b"", b"\xff")
                                  if b"toy." in key)):
        pass  # it is cleared away in the background
