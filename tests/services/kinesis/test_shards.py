"""Shards: how they are listed, split, merged and counted."""

from itertools import pairwise

import pytest

from .conftest import ACCOUNT, Stream

FIRST = "shardId-000000000000"


def lineage(stream):
    """Ids of shards, and of their parents."""
    return {one["ShardId"][-1]: tuple(one[name][-1] for name in ("ParentShardId", "AdjacentParentShardId")
                                      if name in one) for one in stream.shards()}


def test_a_shard_is_split_at_a_hash(make):
    stream = make()
    stream.client.split_shard(StreamName=stream.name, ShardToSplit=FIRST, NewStartingHashKey="1000")
    parent, low, high = stream.shards()
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert (low["ParentShardId"], high["ParentShardId"]) == (FIRST, FIRST)
    assert low["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": "999"}
    assert high["HashKeyRange"] == {"StartingHashKey": "1000", "EndingHashKey": str(2**128 - 1)}
    assert stream.put(b"x", ExplicitHashKey="999")["ShardId"] == low["ShardId"]
    assert stream.put(b"x", ExplicitHashKey="1000")["ShardId"] == high["ShardId"]


def test_neighbours_are_merged(make, refused):
    stream = make(3)
    one, two, three = stream.open()
    ask = {"StreamName": stream.name, "ShardToMerge": one, "AdjacentShardToMerge": three}
    code, said = refused(stream.client.merge_shards, **ask)
    assert (code, said) == (
        "InvalidArgumentException",
        f"Shards {one} and {three} in stream {stream.name} under "
        f"account {ACCOUNT} are not an adjacent pair of shards eligible for merging",
    )
    stream.client.merge_shards(**ask | {"AdjacentShardToMerge": two})
    merged = stream.shards()[-1]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (one, two)
    assert merged["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(2**128 * 2 // 3 - 1)}
    code, said = refused(stream.client.merge_shards, **ask)
    assert code == "ResourceInUseException" and "already been merged or split" in said


@pytest.mark.parametrize("at, shard, error", [
    ("1", FIRST, "InvalidArgumentException"), (str(2**128 - 1), FIRST, "InvalidArgumentException"),
    (str(2**128), FIRST, "InvalidArgumentException"), ("x", FIRST, "ValidationException"),
    ("9", "shardId-7", "ResourceNotFoundException"), ("9", "nonsense", "ResourceNotFoundException")])
def test_a_split_that_cannot_be_is_refused(make, refused, at, shard, error):
    stream = make()
    assert refused(stream.client.split_shard, StreamName=stream.name, ShardToSplit=shard,
                   NewStartingHashKey=at)[0] == error


@pytest.mark.parametrize("before, after", [(1, 2), (2, 3), (3, 2), (4, 6), (5, 3), (4, 4)])
def test_a_stream_is_given_another_count_of_even_shards(make, before, after):
    stream = make(before)
    for n in range(20):
        stream.put(b"%d" % n, key=str(n))
    answer = stream.client.update_shard_count(StreamName=stream.name, TargetShardCount=after,
                                              ScalingType="UNIFORM_SCALING")
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, after)
    edges = [2**128 * n // after for n in range(after + 1)]
    ranges = sorted((int(one["HashKeyRange"]["StartingHashKey"]), int(one["HashKeyRange"]["EndingHashKey"]))
                    for one in stream.shards(Type="AT_LATEST"))
    assert ranges == [(low, high - 1) for low, high in pairwise(edges)]
    found = [data for one in stream.shards() for data in stream.datas(shard=one["ShardId"])]
    assert sorted(map(int, found)) == list(range(20))


def test_a_count_may_double_or_halve_ten_times_a_day(fresh, refused):
    stream = Stream(fresh(), 2)

    def resize(count):
        stream.client.update_shard_count(StreamName=stream.name, TargetShardCount=count,
                                         ScalingType="UNIFORM_SCALING")

    assert refused(lambda: resize(5)) == (
        "LimitExceededException",
        "UpdateShardCount cannot scale up over double your current open shard count. "
        "Current open shard count: 2, Target shard count: 5",
    )
    for n in range(10):
        resize(4 - 2 * (n % 2))
    assert refused(lambda: resize(2))[0] == "LimitExceededException"
    stream.running.advance(24 * 3600 + 1)
    assert "cannot scale down below half" in refused(lambda: (resize(2), resize(4), resize(1)))[1]


def test_shards_are_listed_page_by_page(fresh, refused):
    stream = Stream(fresh(), 5)
    page = stream.client.list_shards(StreamName=stream.name, MaxResults=2)
    token, seen = page["NextToken"], [one["ShardId"] for one in page["Shards"]]
    while True:
        page = stream.client.list_shards(NextToken=page["NextToken"], MaxResults=2)
        seen += [one["ShardId"] for one in page["Shards"]]
        if "NextToken" not in page:
            break
    assert seen == [f"shardId-{n:012}" for n in range(5)]
    after = stream.client.list_shards(StreamName=stream.name, ExclusiveStartShardId=seen[2])["Shards"]
    assert [one["ShardId"] for one in after] == seen[3:]
    ask = stream.client.list_shards
    assert refused(ask, NextToken=token, StreamName=stream.name) == (
        "InvalidArgumentException", "NextToken and StreamName cannot be provided together.")
    assert refused(ask) == (
        "InvalidArgumentException", "Either NextToken or StreamName should be provided.")
    assert refused(ask, NextToken="nonsense")[0] == "InvalidArgumentException"
    stream.running.advance(301)
    assert refused(ask, NextToken=token)[0] == "ExpiredNextTokenException"
    describe = stream.client.describe_stream(StreamName=stream.name, Limit=4)["StreamDescription"]
    assert describe["HasMoreShards"] and len(describe["Shards"]) == 4
    rest = stream.client.describe_stream(StreamName=stream.name, ExclusiveStartShardId=seen[3])
    assert [one["ShardId"] for one in rest["StreamDescription"]["Shards"]] == seen[4:]


def test_filters_ask_for_the_shards_of_a_moment_or_since(still, refused):
    stream = still()
    moments = [stream.now()]
    for shard in (FIRST, "shardId-000000000001"):
        stream.running.advance(3600)
        stream.put(b"x")
        moments.append(stream.now())
        stream.split(shard)
        stream.running.advance(60)

    def ids(**filtered):
        return [int(one["ShardId"][-3:]) for one in stream.shards(**filtered)]

    assert lineage(stream) == {"0": (), "1": ("0",), "2": ("0",), "3": ("1",), "4": ("1",)}
    assert ids() == ids(Type="FROM_TRIM_HORIZON") == [0, 1, 2, 3, 4]
    assert ids(Type="AT_LATEST") == [2, 3, 4]
    assert ids(Type="AT_TRIM_HORIZON") == ids(Type="AT_TIMESTAMP", Timestamp=moments[0]) == [0]
    between = moments[1].timestamp() + 30
    assert ids(Type="AT_TIMESTAMP", Timestamp=between) == [1, 2]
    assert ids(Type="FROM_TIMESTAMP", Timestamp=between) == [1, 2, 3, 4]
    assert ids(Type="AFTER_SHARD_ID", ShardId="shardId-000000000002") == [3, 4]
    for wrong in ({"Type": "AFTER_SHARD_ID"}, {"Type": "AT_TIMESTAMP"},
                  {"Type": "AT_LATEST", "ShardId": FIRST}):
        assert refused(stream.client.list_shards, StreamName=stream.name, ShardFilter=wrong)[0] == (
            "InvalidArgumentException")
    stream.running.advance(24 * 3600 - 120 - 30)  # the first shard is older than what is kept, the second not
    assert ids() == [1, 2, 3, 4] and ids(Type="AT_TRIM_HORIZON") == [1, 2]


def test_a_closed_shard_ends_with_its_children(make):
    stream = make()
    stream.put(b"a", b"b")
    stream.split()
    stream.put(b"c")
    page = stream.read(limit=1)
    assert [one["Data"] for one in page["Records"]] == [b"a"] and "ChildShards" not in page
    page = stream.client.get_records(ShardIterator=page["NextShardIterator"])
    assert [one["Data"] for one in page["Records"]] == [b"b"] and "NextShardIterator" not in page
    assert [one["ShardId"][-1] for one in page["ChildShards"]] == ["1", "2"]
    for child in page["ChildShards"]:
        assert child["ParentShards"] == [FIRST] and set(child["HashKeyRange"]) == {
            "StartingHashKey", "EndingHashKey"}
    parent, *children = stream.shards()
    last = int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert all(int(one["SequenceNumberRange"]["StartingSequenceNumber"]) > last for one in children)
    latest = stream.client.get_records(ShardIterator=stream.iterator("LATEST"))
    assert latest["Records"] == [] and "NextShardIterator" not in latest


def test_the_moment_of_a_streams_making_tells_it_from_its_namesakes(make, refused):
    stream = make()
    made = stream.summary()["StreamCreationTimestamp"]
    ask = {"StreamName": stream.name, "StreamCreationTimestamp": made}
    assert len(stream.client.list_shards(**ask)["Shards"]) == 1
    ask["StreamCreationTimestamp"] = made.timestamp() - 7
    assert refused(stream.client.list_shards, **ask)[0] == "ResourceNotFoundException"
