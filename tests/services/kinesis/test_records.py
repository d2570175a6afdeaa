"""Records: where they go, how they are numbered, and how they are read."""

import hashlib
from datetime import timedelta
from itertools import pairwise

import pytest

from .conftest import ACCOUNT, Stream

FIRST, SECOND = "shardId-000000000000", "shardId-000000000001"


def test_a_record_comes_back_as_it_was_written(make):
    stream = make()
    written = stream.put(b"\x00\xff data", key="clé")
    del written["ResponseMetadata"]
    assert list(written) == ["ShardId", "SequenceNumber"] and written["ShardId"] == FIRST
    answer = stream.read()
    record, = answer["Records"]
    assert abs(stream.now() - record.pop("ApproximateArrivalTimestamp")) < timedelta(minutes=1)
    assert record == {"SequenceNumber": written["SequenceNumber"], "Data": b"\x00\xff data",
                      "PartitionKey": "clé"}
    assert answer["MillisBehindLatest"] == 0


def test_a_key_says_which_shard_a_record_goes_to(make):
    stream = make(4)
    edges = [2**128 * n // 4 for n in range(4)]
    keys = [f"key-{n}" for n in range(40)]
    answer = stream.put_all(*((key, key.encode()) for key in keys))
    assert answer["FailedRecordCount"] == 0
    for key, one in zip(keys, answer["Records"], strict=True):
        hashed = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
        assert int(one["ShardId"][-3:]) == sum(hashed >= edge for edge in edges) - 1
    explicit = stream.put(b"x", key=keys[0], ExplicitHashKey=str(2**128 - 1))
    assert explicit["ShardId"] == "shardId-000000000003"


def test_numbers_grow_along_a_shard_and_name_it(make):
    stream = make(2)
    answers = [stream.put(b"x", ExplicitHashKey=str(2**127)) for _ in range(3)]
    answers += stream.client.put_records(StreamName=stream.name, Records=[
        {"Data": b"y", "PartitionKey": "k", "ExplicitHashKey": str(2**127)} for _ in range(3)])["Records"]
    numbers = [int(one["SequenceNumber"]) for one in answers]
    assert all(one < other for one, other in pairwise(numbers))
    assert {len(str(one)) for one in numbers} == {56}
    # how the Kinesis Client Library reads the shard from a number
    assert {(one.bit_length(), one >> 184, one >> 4 & 0xFFFFFFFF) for one in numbers} == {(186, 2, 1)}
    ordered = stream.put(b"z", SequenceNumberForOrdering=str(numbers[-1]), ExplicitHashKey=str(2**127))
    assert int(ordered["SequenceNumber"]) > numbers[-1]


def test_an_iterator_stands_where_it_is_asked_to(fresh):
    stream = Stream(fresh())
    numbers = [stream.put(data)["SequenceNumber"] for data in (b"a", b"b")]
    latest = stream.iterator("LATEST")
    stream.put(b"c")
    assert stream.datas() == [b"a", b"b", b"c"]
    assert stream.datas("AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"b", b"c"]
    assert stream.datas("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == [b"c"]
    first = stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    assert stream.datas("AT_SEQUENCE_NUMBER", StartingSequenceNumber=first) == [b"a", b"b", b"c"]
    stream.running.advance(1)  # more than five times a second nobody reads
    page = stream.client.get_records(ShardIterator=latest)
    assert [one["Data"] for one in page["Records"]] == [b"c"]
    assert stream.client.get_records(ShardIterator=page["NextShardIterator"])["Records"] == []
    stream.running.advance(1)
    assert stream.datas(shard="0") == stream.datas(shard="shardId-0") == [b"a", b"b", b"c"]


def test_an_iterator_can_stand_at_a_moment(fresh):
    stream = Stream(fresh())
    stream.put(b"a")
    stream.running.advance(100)
    stream.put(b"b", b"c")
    now = stream.now()
    assert stream.datas("AT_TIMESTAMP", Timestamp=now - timedelta(seconds=50)) == [b"b", b"c"]
    assert stream.datas("AT_TIMESTAMP", Timestamp=now - timedelta(days=50)) == [b"a", b"b", b"c"]
    assert stream.datas("AT_TIMESTAMP", Timestamp=now) == []


def test_an_answer_says_how_far_behind_it_is(still):
    stream = still()
    stream.put(b"a")
    stream.running.advance(60)
    stream.put(b"b")
    stream.running.advance(40)
    page = stream.read(limit=1)
    assert page["MillisBehindLatest"] == 100_000
    page = stream.client.get_records(ShardIterator=page["NextShardIterator"])
    assert ([one["Data"] for one in page["Records"]], page["MillisBehindLatest"]) == ([b"b"], 0)


def test_an_iterator_expires_after_five_minutes(fresh, refused):
    stream = Stream(fresh())
    stream.put(b"a")
    iterator = stream.iterator()
    stream.running.advance(4 * 60 + 50)
    following = stream.client.get_records(ShardIterator=iterator)["NextShardIterator"]
    stream.running.advance(20)
    code, said = refused(stream.client.get_records, ShardIterator=iterator)
    assert code == "ExpiredIteratorException"
    assert said.startswith("Iterator expired. The iterator was created at time ")
    assert said.endswith("further in the future than the tolerated delay of 300000 milliseconds.")
    assert stream.client.get_records(ShardIterator=following)["Records"] == []


def test_an_answer_has_ten_megabytes_at_most(fresh):
    stream = Stream(fresh())
    for n in range(12):
        stream.put(bytes(1_000_000), key=str(n))
        stream.running.advance(1)
    page = stream.read()
    assert len(page["Records"]) == 10 and page["MillisBehindLatest"] > 0
    stream.running.advance(6)
    assert len(stream.client.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 2


def test_an_empty_record_is_a_record(make):
    stream = make()
    stream.put(b"")
    assert stream.datas() == [b""]


@pytest.mark.parametrize(
    "given, error, message",
    [
        (
            {"ShardIteratorType": "AT_SEQUENCE_NUMBER"},
            "InvalidArgumentException",
            "Request specified AT_SEQUENCE_NUMBER and no StartingSequenceNumber.",
        ),
        (
            {"ShardIteratorType": "LATEST", "StartingSequenceNumber": "7"},
            "InvalidArgumentException",
            "Request specified LATEST and also a StartingSequenceNumber.",
        ),
        ({"ShardIteratorType": "AT_TIMESTAMP"}, "InvalidArgumentException", "no timestamp parameter."),
        (
            {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1 << 35},
            "InvalidArgumentException",
            "cannot be greater than the currentTimestampInMillis",
        ),
        (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "7"},
            "InvalidArgumentException",
            " is invalid.",
        ),
        (
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": str((2 << 184) + 2)},
            "InvalidArgumentException",
            "is invalid because it did not come from this stream.",
        ),
        ({"ShardIteratorType": "bulle"}, "ValidationException", "at 'shardIteratorType' failed"),
        (
            {"ShardIteratorType": "LATEST", "ShardId": "shardId-9"},
            "ResourceNotFoundException",
            "Shard shardId-000000000009 in stream ",
        ),
        (
            {"ShardIteratorType": "LATEST", "ShardId": "x"},
            "ResourceNotFoundException",
            "Could not find shard x ",
        ),
    ],
)
def test_an_iterator_that_cannot_be_is_refused(make, refused, given, error, message):
    stream = make()
    stream.put(b"x")
    code, said = refused(stream.client.get_shard_iterator,
                         **{"StreamName": stream.name, "ShardId": FIRST} | given)
    assert code == error and message in said


def test_a_number_of_another_shard_or_of_the_future_is_refused(make, refused):
    stream = make(2)
    number = int(stream.put(b"x", ExplicitHashKey="0")["SequenceNumber"])
    ask = {"StreamName": stream.name, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    code, said = refused(stream.client.get_shard_iterator, ShardId=SECOND, StartingSequenceNumber=str(number),
                         **ask)
    assert (code, said) == (
        "InvalidArgumentException",
        f"Invalid StartingSequenceNumber. It encodes {FIRST}, "
        f"while it was used in a call to a shard with {SECOND}",
    )
    code, said = refused(stream.client.get_shard_iterator, ShardId=FIRST,
                         StartingSequenceNumber=str(number + (1 << 80)), **ask)
    assert code == "InvalidArgumentException" and said.endswith("is invalid.")


@pytest.mark.parametrize(
    "given, error, message",
    [
        ({"ExplicitHashKey": str(2**128)}, "InvalidArgumentException", "must be in the range: [0, 2^128-1]"),
        (
            {"SequenceNumberForOrdering": "7"},
            "InvalidArgumentException",
            "ExclusiveMinimumSequenceNumber 7 used in",
        ),
        (
            {"Data": bytes(1 << 20)},
            "ValidationException",
            "Member must have length less than or equal to 1048576",
        ),
        ({"PartitionKey": None}, "ValidationException", "Value null at 'partitionKey' failed"),
        ({"PartitionKey": "k" * 257}, "ValidationException", "length less than or equal to 256"),
        (
            {"StreamName": "nobody"},
            "ResourceNotFoundException",
            f"Stream nobody under account {ACCOUNT} not found.",
        ),
    ],
)
def test_a_record_that_cannot_be_is_refused(make, refused, given, error, message):
    stream = make()
    ask = {"StreamName": stream.name, "Data": b"x", "PartitionKey": "k"} | given
    code, said = refused(
        stream.client.put_record, **{key: one for key, one in ask.items() if one is not None}
    )
    assert code == error and message in said
    assert stream.datas() == []


def test_a_request_is_refused_as_a_whole_if_one_of_its_records_is_none(make, refused):
    stream = make()
    good = {"Data": b"x", "PartitionKey": "k"}
    put = stream.client.put_records
    assert "records.2.member.data" in refused(
        put, StreamName=stream.name, Records=[good, {"Data": bytes(1 << 20), "PartitionKey": "k"}])[1]
    assert refused(put, StreamName=stream.name, Records=[good] * 501)[0] == "ValidationException"
    heavy = [{"Data": bytes(1_000_000), "PartitionKey": "k"}] * 11
    assert refused(put, StreamName=stream.name, Records=heavy) == (
        "InvalidArgumentException", "Records size exceeds 10 MB limit")
    assert stream.datas() == []


def test_nonsense_is_no_iterator(make, refused):
    stream, other = make(), make()
    for text in ("nonsense", "AAAA", "AAAAAAAAAAGV2S9h"):
        assert refused(stream.client.get_records, ShardIterator=text) == (
            "InvalidArgumentException", "Invalid ShardIterator.")
    assert refused(stream.client.get_records, ShardIterator=stream.iterator(), StreamARN=other.arn)[0] == (
        "InvalidArgumentException")
    assert refused(stream.client.get_records, ShardIterator=stream.iterator(), Limit=10_001)[0] == (
        "ValidationException")


def test_a_dry_run_says_whether_it_would_do_and_does_nothing(make, refused):
    stream = make()
    ask = {"StreamName": stream.name, "DryRun": True}
    one = {"Data": b"x", "PartitionKey": "k"}
    assert refused(stream.client.put_record, **ask, **one)[0] == "DryRunOperationException"
    assert refused(stream.client.put_records, **ask, Records=[one])[0] == "DryRunOperationException"
    assert refused(stream.client.put_record, **ask | {"StreamName": "nobody"}, **one)[0] == (
        "ResourceNotFoundException")
    assert refused(stream.client.get_shard_iterator, **ask, ShardId=FIRST, ShardIteratorType="LATEST")[0] == (
        "DryRunOperationException")
    assert refused(stream.client.get_records, ShardIterator=stream.iterator(), DryRun=True)[0] == (
        "DryRunOperationException")
    assert stream.datas() == []


def test_larger_records_are_taken_if_the_stream_wishes(make, refused):
    stream = make()
    stream.client.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=4096)
    assert stream.summary()["MaxRecordSizeInKiB"] == 4096
    large = bytes(3 << 20)
    stream.put(large)
    assert stream.datas() == [large]
    born = make(MaxRecordSizeInKiB=2048)
    assert born.summary()["MaxRecordSizeInKiB"] == 2048
    assert refused(born.client.update_max_record_size, StreamARN=born.arn, MaxRecordSizeInKiB=10_241)[0] == (
        "ValidationException")


def test_a_stream_on_demand_can_spread_records_whatever_their_keys(make):
    stream = make(None, RecordDistributionStrategy="AUTO")
    assert stream.summary()["RecordDistributionStrategy"] == "AUTO"
    records = [{"Data": b"x"}] * 100 + [{"Data": b"x", "PartitionKey": "same"}] * 100
    answer = stream.client.put_records(StreamName=stream.name, Records=records)["Records"]
    assert len({one["ShardId"] for one in answer[100:]}) == 4
    stream.client.update_stream_record_distribution_strategy(
        StreamARN=stream.arn, RecordDistributionStrategy="USER_PARTITION_KEY")
    answer = stream.client.put_records(StreamName=stream.name, Records=records[100:])["Records"]
    assert len({one["ShardId"] for one in answer}) == 1
