"""Consumers: who is registered, and records that are pushed."""

import threading

import pytest
from botocore.exceptions import EventStreamError

from .conftest import ACCOUNT, Stream


def datas(events, count):
    """The data of the next ``count`` records that are pushed."""
    found = []
    while len(found) < count:
        found += [one["Data"] for one in next(events)["Records"]]
    return found


def test_consumers_come_and_go(make, refused):
    stream = make()
    arn = stream.consumer()
    name, _, moment = arn.rpartition("/")[2].partition(":")
    assert (arn, name) == (f"{stream.arn}/consumer/{name}:{moment}", "reader")
    by_arn = stream.client.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]
    made = by_arn.pop("ConsumerCreationTimestamp")
    assert int(made.timestamp()) == int(moment)
    assert by_arn == {"ConsumerName": "reader", "ConsumerARN": arn, "ConsumerStatus": "ACTIVE",
                      "StreamARN": stream.arn}
    by_name = stream.client.describe_stream_consumer(StreamARN=stream.arn, ConsumerName="reader")
    assert by_name["ConsumerDescription"]["ConsumerARN"] == arn
    assert stream.summary()["ConsumerCount"] == 1
    ask = {"StreamARN": stream.arn, "ConsumerName": "reader"}
    assert refused(stream.client.register_stream_consumer, **ask)[0] == "ResourceInUseException"
    stream.client.deregister_stream_consumer(**ask)
    for given in (ask, {"ConsumerARN": arn}):
        assert refused(stream.client.describe_stream_consumer, **given)[0] == "ResourceNotFoundException"
    assert refused(stream.client.describe_stream_consumer)[0] == "InvalidArgumentException"


def test_consumers_are_listed_page_by_page_and_there_are_twenty_at_most(fresh, refused):
    stream = Stream(fresh())
    for n in range(20):
        stream.consumer(f"reader-{n:02}")
    code, _ = refused(stream.client.register_stream_consumer, StreamARN=stream.arn, ConsumerName="more")
    assert code == "LimitExceededException"
    page = stream.client.list_stream_consumers(StreamARN=stream.arn, MaxResults=15)
    token, seen = page["NextToken"], [one["ConsumerName"] for one in page["Consumers"]]
    page = stream.client.list_stream_consumers(StreamARN=stream.arn, NextToken=token)
    seen += [one["ConsumerName"] for one in page["Consumers"]]
    assert seen == [f"reader-{n:02}" for n in range(20)] and "NextToken" not in page
    stream.running.advance(301)
    assert refused(stream.client.list_stream_consumers, StreamARN=stream.arn, NextToken=token)[0] == (
        "ExpiredNextTokenException")
    assert refused(stream.client.list_stream_consumers, StreamARN=stream.arn, NextToken="x")[0] == (
        "InvalidArgumentException")


def test_a_stream_with_consumers_is_deleted_only_if_that_is_meant(make, refused):
    stream = make()
    arn = stream.consumer()
    assert refused(stream.client.delete_stream, StreamName=stream.name)[0] == "ResourceInUseException"
    stream.client.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
    stream.client.create_stream(StreamName=stream.name, ShardCount=1)
    assert refused(stream.client.describe_stream_consumer, ConsumerARN=arn)[0] == "ResourceNotFoundException"


def test_consumers_have_tags(make):
    stream = make()
    arn = stream.client.register_stream_consumer(
        StreamARN=stream.arn, ConsumerName="tagged", Tags={"a": "1"})["Consumer"]["ConsumerARN"]
    stream.client.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    stream.client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert stream.client.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert stream.client.list_tags_for_resource(ResourceARN=stream.arn)["Tags"] == []


def test_records_are_pushed_as_they_come(make):
    stream = make()
    stream.put(b"old")
    events = stream.subscribe(stream.consumer())
    first = next(events)
    record, = first["Records"]
    assert set(record) == {"SequenceNumber", "ApproximateArrivalTimestamp", "Data", "PartitionKey"}
    assert (first["ContinuationSequenceNumber"], first["MillisBehindLatest"]) == (record["SequenceNumber"], 0)
    threading.Timer(0, lambda: stream.put(b"new", b"newer")).start()
    assert datas(events, 2) == [b"new", b"newer"]


@pytest.mark.parametrize("kind, more, expected", [
    ("LATEST", {}, [b"c"]), ("TRIM_HORIZON", {}, [b"a", b"b", b"c"]),
    ("AT_SEQUENCE_NUMBER", {"SequenceNumber": 1}, [b"b", b"c"]),
    ("AFTER_SEQUENCE_NUMBER", {"SequenceNumber": 1}, [b"c"]),
    ("AT_TIMESTAMP", {"Timestamp": 0}, [b"a", b"b", b"c"])])
def test_a_subscription_starts_where_it_is_asked_to(make, kind, more, expected):
    stream = make()
    numbers = [stream.put(data)["SequenceNumber"] for data in (b"a", b"b")]
    if "SequenceNumber" in more:
        more = {"SequenceNumber": numbers[more["SequenceNumber"]]}
    events = stream.subscribe(stream.consumer(), kind, **more)
    stream.put(b"c")
    assert datas(events, len(expected)) == expected


def test_a_subscription_ends_after_five_minutes_and_goes_on_from_its_last_number(fresh):
    stream = Stream(fresh())
    consumer = stream.consumer()
    stream.put(b"a")
    events = stream.subscribe(consumer)
    number = next(events)["ContinuationSequenceNumber"]
    stream.running.advance(6)
    quiet = next(events)  # to show that it is still there
    assert (quiet["Records"], quiet["ContinuationSequenceNumber"]) == ([], number)
    stream.running.advance(300)
    assert not any(one["Records"] for one in events)
    stream.put(b"b")
    events = stream.subscribe(consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=number)
    assert datas(events, 1) == [b"b"]


def test_a_subscription_ends_with_its_shard(make):
    stream = make()
    stream.put(b"a")
    events = stream.subscribe(stream.consumer())
    assert datas(events, 1) == [b"a"]
    stream.split()
    last, = events
    assert last["Records"] == [] and "ContinuationSequenceNumber" not in last
    assert [one["ShardId"][-1] for one in last["ChildShards"]] == ["1", "2"]


def test_a_shard_is_pushed_to_a_consumer_once_and_the_next_takes_it_over(fresh, refused):
    stream = Stream(fresh())
    consumer, other = stream.consumer(), stream.consumer("other")
    events = stream.subscribe(consumer)
    stream.subscribe(other)  # who has its own
    ask = {"ConsumerARN": consumer, "ShardId": "shardId-000000000000", "StartingPosition": {"Type": "LATEST"}}
    assert refused(stream.client.subscribe_to_shard, **ask) == (
        "ResourceInUseException", "Another active subscription exists for this consumer: "
        f"{ACCOUNT}:{stream.name}:shardId-000000000000:reader")
    stream.running.advance(5)
    following = stream.subscribe(consumer)
    with pytest.raises(EventStreamError, match="ResourceInUseException"):
        list(events)
    stream.put(b"x")
    assert datas(following, 1) == [b"x"]


def test_a_subscription_ends_with_its_consumer_or_stream(make):
    stream, other = make(), make()
    consumer, its = stream.consumer(), other.consumer()
    events = stream.subscribe(consumer)
    stream.client.deregister_stream_consumer(ConsumerARN=consumer)
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(events)
    events = other.subscribe(its)
    other.client.delete_stream(StreamName=other.name, EnforceConsumerDeletion=True)
    with pytest.raises(EventStreamError, match="ResourceNotFoundException"):
        list(events)


def test_two_megabytes_a_second_are_pushed_to_each_consumer(still):
    stream = still()
    for n in range(5):
        stream.put(bytes(1_000_000), key=str(n))
        stream.running.advance(1)
    events = stream.subscribe(stream.consumer())
    assert [len(next(events)["Records"]) for _ in range(3)] == [1, 1, 1]
    got = []
    reading = threading.Thread(target=lambda: got.append(next(events)))
    reading.start()
    reading.join(0.1)
    assert not got  # not before the clock moves on
    stream.running.advance(2)
    reading.join()
    assert len(got[0]["Records"]) == 1


@pytest.mark.parametrize("given, error", [
    ({"StartingPosition": {"Type": "AT_SEQUENCE_NUMBER"}}, "InvalidArgumentException"),
    ({"ShardId": "shardId-9"}, "ResourceNotFoundException"),
    ({"DryRun": True}, "DryRunOperationException")])
def test_a_subscription_that_cannot_be_is_refused(make, refused, given, error):
    stream = make()
    ask = {"ConsumerARN": stream.consumer(), "ShardId": "shardId-000000000000",
           "StartingPosition": {"Type": "LATEST"}}
    assert refused(stream.client.subscribe_to_shard, **ask | given)[0] == error
    gone = {"ConsumerARN": f"{stream.arn}/consumer/nobody:1"}
    assert refused(stream.client.subscribe_to_shard, **ask | gone)[0] == "ResourceNotFoundException"
