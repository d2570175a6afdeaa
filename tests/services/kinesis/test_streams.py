"""Streams: how they come, are described and changed, and go."""

import asyncio
from datetime import timedelta

import pytest

from .conftest import ACCOUNT, Stream

HOUR = 3600


def test_a_stream_is_described_with_its_shards(make):
    stream = make(2)
    shown = stream.client.describe_stream(StreamName=stream.name)["StreamDescription"]
    shards = shown.pop("Shards")
    made = shown.pop("StreamCreationTimestamp")
    assert abs(stream.now() - made) < timedelta(minutes=1)
    assert shown == {
        "StreamName": stream.name, "StreamARN": stream.arn, "StreamStatus": "ACTIVE", "HasMoreShards": False,
        "StreamModeDetails": {"StreamMode": "PROVISIONED"}, "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}], "EncryptionType": "NONE"}
    assert [one["ShardId"] for one in shards] == ["shardId-000000000000", "shardId-000000000001"]
    assert [one["HashKeyRange"] for one in shards] == [
        {"StartingHashKey": "0", "EndingHashKey": str(2**127 - 1)},
        {"StartingHashKey": str(2**127), "EndingHashKey": str(2**128 - 1)}]
    for one in shards:
        assert list(one["SequenceNumberRange"]) == ["StartingSequenceNumber"]
        assert len(one["SequenceNumberRange"]["StartingSequenceNumber"]) == 56
    summary = stream.summary()
    assert (summary["OpenShardCount"], summary["ConsumerCount"], summary["MaxRecordSizeInKiB"]) == (
        2,
        0,
        1024,
    )
    stream.client.get_waiter("stream_exists").wait(StreamName=stream.name)


def test_a_stream_is_found_by_its_name_or_its_arn(make, refused):
    stream, other = make(), make()
    by_arn = stream.client.describe_stream_summary(StreamARN=stream.arn)["StreamDescriptionSummary"]
    assert by_arn == stream.summary()
    both = stream.client.describe_stream_summary(StreamARN=stream.arn, StreamName=stream.name)
    assert both["StreamDescriptionSummary"] == by_arn
    ask = stream.client.describe_stream_summary
    assert refused(ask)[0] == "InvalidArgumentException"
    assert refused(ask, StreamARN=stream.arn, StreamName=other.name)[0] == "InvalidArgumentException"
    assert refused(ask, StreamARN=f"{stream.arn}/consumer/x:1")[0] == "InvalidArgumentException"
    assert refused(ask, StreamARN="nonsense")[0] == "ValidationException"
    assert refused(ask, StreamName="nobody") == (
        "ResourceNotFoundException", f"Stream nobody under account {ACCOUNT} not found.")
    elsewhere = stream.arn.replace("us-east-1", "eu-west-1")
    assert refused(ask, StreamARN=elsewhere)[0] == "ResourceNotFoundException"


def test_a_name_is_taken_once_and_free_again_when_its_stream_is_gone(make, refused):
    stream = make()
    again = {"StreamName": stream.name, "ShardCount": 1}
    assert refused(stream.client.create_stream, **again) == (
        "ResourceInUseException", f"Stream {stream.name} under account {ACCOUNT} already exists.")
    stream.put(b"old")
    iterator = stream.iterator()
    stream.client.delete_stream(StreamName=stream.name)
    stream.client.get_waiter("stream_not_exists").wait(StreamName=stream.name)
    stream.client.create_stream(**again)
    assert stream.datas() == []
    assert refused(stream.client.get_records, ShardIterator=iterator) == (
        "ResourceNotFoundException",
        f"Shard shardId-000000000000 in stream {stream.name} under account {ACCOUNT} does not exist")


@pytest.mark.parametrize("given, shards, mode", [
    ({"ShardCount": 3}, 3, "PROVISIONED"), ({}, 4, "ON_DEMAND"),
    ({"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}, 4, "ON_DEMAND")])
def test_a_stream_has_the_shards_it_is_given_or_four_on_demand(make, given, shards, mode):
    stream = make(None, **given)
    assert stream.summary()["StreamModeDetails"] == {"StreamMode": mode}
    assert stream.summary()["OpenShardCount"] == shards


@pytest.mark.parametrize("given, error", [
    ({"ShardCount": 2, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}, "ValidationException"),
    ({"StreamModeDetails": {"StreamMode": "PROVISIONED"}}, "ValidationException"),
    ({"StreamName": "no spaces", "ShardCount": 1}, "ValidationException"),
    ({"ShardCount": 20_001}, "LimitExceededException"),
    ({"ShardCount": 1, "RecordDistributionStrategy": "AUTO"}, "InvalidArgumentException"),
    ({"WarmThroughputMiBps": 10}, "NotHonoured")])
def test_a_stream_that_cannot_be_is_refused(make, refused, given, error):
    client = make().client
    assert refused(client.create_stream, **{"StreamName": "never", **given})[0] == error
    assert "never" not in client.list_streams()["StreamNames"]


def test_streams_are_listed_page_by_page(make):
    streams = [make() for _ in range(3)]
    client, seen, more = streams[0].client, [], {}
    while True:
        page = client.list_streams(Limit=2, **more)
        assert len(page["StreamNames"]) <= 2
        assert [one["StreamName"] for one in page["StreamSummaries"]] == page["StreamNames"]
        seen += page["StreamNames"]
        if not page["HasMoreStreams"]:
            break
        more = {"NextToken": page["NextToken"]}
    assert {one.name for one in streams} <= set(seen) and seen == sorted(seen)
    first = client.list_streams(ExclusiveStartStreamName=seen[0], Limit=1)["StreamNames"]
    assert first == seen[1:2]


def test_the_account_knows_how_many_shards_it_has(fresh):
    running = fresh()
    client = running.client("kinesis")

    def counts():
        found = client.describe_limits()
        return found["OpenShardCount"], found["OnDemandStreamCount"]

    assert counts() == (0, 0)
    stream, other = Stream(running, 2), Stream(running, None)
    assert counts() == (6, 1)
    client.update_shard_count(StreamName=stream.name, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    assert counts() == (7, 1)
    client.merge_shards(StreamName=stream.name, **dict(zip(
        ("ShardToMerge", "AdjacentShardToMerge"), stream.open()[:2], strict=True)))
    client.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert counts() == (6, 2)
    for one in (stream, other):
        client.delete_stream(StreamName=one.name)
    assert counts() == (0, 0)
    found = client.describe_limits()
    assert (found["ShardLimit"], found["OnDemandStreamCountLimit"]) == (20_000, 50)
    settings = client.describe_account_settings()["MinimumThroughputBillingCommitment"]
    assert settings == {"Status": "DISABLED"}


def test_records_are_kept_as_long_as_is_said(fresh):
    stream = Stream(fresh())
    stream.put(b"first")
    stream.running.advance(23 * HOUR)
    stream.put(b"second")
    assert stream.datas() == [b"first", b"second"]
    stream.running.advance(2 * HOUR)
    assert stream.datas() == [b"second"]
    stream.client.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=48)
    assert stream.datas() == [b"second"]  # what was out of reach stays there
    stream.running.advance(45 * HOUR)
    assert stream.summary()["RetentionPeriodHours"] == 48
    assert stream.datas() == [b"second"]
    stream.put(b"third")
    stream.client.decrease_stream_retention_period(StreamARN=stream.arn, RetentionPeriodHours=24)
    assert stream.datas() == [b"third"]


def test_what_is_out_of_reach_is_removed(fresh):
    stream = Stream(fresh())
    for _ in range(5):
        stream.put_all(*((f"{n}", b"x" * 10) for n in range(500)))
        stream.running.advance(1)
    store = stream.running.cloudlet.kernel.store

    def rows():
        counting = store.transact(lambda tx: sum(
            b"kinesis.records" in key for key, _ in tx.scan(b"", b"\xff" * 4)))
        return asyncio.run_coroutine_threadsafe(counting, stream.running._loop).result(20)

    assert rows() == 2500
    stream.running.advance(25 * HOUR + 10)  # shards are trimmed once an hour
    while rows():
        pass  # the timer takes a thousand at a time
    stream.put(b"new")
    assert stream.datas() == [b"new"]
    stream.client.delete_stream(StreamName=stream.name)
    while rows():
        pass


@pytest.mark.parametrize(
    "hours, verb, message",
    [
        (
            12,
            "decrease",
            "Minimum allowed retention period is 24 hours. Requested retention period (12 hours) is too",
        ),
        (8761, "increase", "Maximum allowed retention period is 8760 hours."),
        (
            36,
            "increase",
            "can not be shorter than existing retention period (48 hours). Use DecreaseRetentionPeriod",
        ),
        (
            72,
            "decrease",
            "can not be longer than existing retention period (48 hours). Use IncreaseRetentionPeriod",
        ),
    ],
)
def test_a_retention_that_cannot_be_is_refused(make, refused, hours, verb, message):
    stream = make()
    stream.client.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=48)
    change = getattr(stream.client, f"{verb}_stream_retention_period")
    code, said = refused(change, StreamName=stream.name, RetentionPeriodHours=hours)
    assert code == "InvalidArgumentException" and message in said


def test_a_mode_is_changed_twice_a_day(fresh, refused):
    stream = Stream(fresh(), 2)

    def change(mode):
        stream.client.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": mode})

    change("ON_DEMAND")
    assert stream.summary()["OpenShardCount"] == 2
    ask = {"StreamName": stream.name, "TargetShardCount": 4, "ScalingType": "UNIFORM_SCALING"}
    assert refused(stream.client.update_shard_count, **ask) == (
        "ValidationException",
        f"Request is invalid. Stream {stream.name} under account {ACCOUNT} is in On-Demand mode.")
    change("PROVISIONED")
    assert refused(lambda: change("ON_DEMAND"))[0] == "LimitExceededException"
    stream.running.advance(25 * HOUR)
    change("ON_DEMAND")


def test_tags_come_and_go(make, refused):
    stream = make(Tags={"a": "1"})
    stream.client.add_tags_to_stream(StreamName=stream.name, Tags={"b": "2", "c": ""})
    stream.client.tag_resource(ResourceARN=stream.arn, Tags={"a": "one"})
    listed = [{"Key": "a", "Value": "one"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": ""}]
    assert stream.client.list_tags_for_resource(ResourceARN=stream.arn)["Tags"] == listed
    page = stream.client.list_tags_for_stream(StreamName=stream.name, Limit=1, ExclusiveStartTagKey="a")
    assert (page["Tags"], page["HasMoreTags"]) == (listed[1:2], True)
    stream.client.remove_tags_from_stream(StreamName=stream.name, TagKeys=["a", "nothing"])
    stream.client.untag_resource(ResourceARN=stream.arn, TagKeys=["b"])
    rest = stream.client.list_tags_for_stream(StreamARN=stream.arn)
    assert (rest["Tags"], rest["HasMoreTags"]) == (listed[2:], False)
    many = {f"k{n}": "" for n in range(50)}
    code, said = refused(stream.client.add_tags_to_stream, StreamName=stream.name, Tags=many)
    assert code == "InvalidArgumentException" and "more than 50 tags" in said
    assert refused(stream.client.tag_resource, ResourceARN=stream.arn, Tags={"a;b": ""})[0] == (
        "InvalidArgumentException")


@pytest.mark.parametrize("operation, given", [
    ("start_stream_encryption", {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}),
    ("enable_enhanced_monitoring", {"ShardLevelMetrics": ["ALL"]})])
def test_what_is_not_done_is_refused_by_name(make, refused, operation, given):
    stream = make()
    code, said = refused(getattr(stream.client, operation), StreamName=stream.name, **given)
    assert code == "NotHonoured" and "does not serve kinesis:" in said
