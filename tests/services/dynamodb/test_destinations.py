"""Kinesis streams that are told of a table's changes."""

import json

import pytest

from .test_backups import refusal


@pytest.fixture(scope="module")
def still(cloudlet):
    cloudlet.control("clock", {"freeze": True})
    return cloudlet


@pytest.fixture
def stream(still, make):
    """Makes a Kinesis stream; its ARN comes back."""
    kinesis = still.client("kinesis")
    numbers = iter(range(10))

    def new():
        name = f"{make()}-{next(numbers)}"
        kinesis.create_stream(StreamName=name, ShardCount=1)
        still.advance(10)
        return kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    return new


def records(still, arn):
    kinesis = still.client("kinesis")
    shard, = kinesis.list_shards(StreamARN=arn)["Shards"]
    iterator = kinesis.get_shard_iterator(StreamARN=arn, ShardId=shard["ShardId"],
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    return [json.loads(one["Data"]) for one in kinesis.get_records(ShardIterator=iterator)["Records"]]


def now_ms(still):
    return round(still.control("clock")["now"] * 1000)


def test_every_change_arrives_in_the_stream_as_awss_would(ddb, make, still, stream):
    table, arn = make("p:S"), stream()
    enabled = ddb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn)
    assert enabled["DestinationStatus"] == "ENABLING"
    told, = ddb.describe_kinesis_streaming_destination(TableName=table)["KinesisDataStreamDestinations"]
    assert told == {"StreamArn": arn, "DestinationStatus": "ACTIVE",
                    "ApproximateCreationDateTimePrecision": "MILLISECOND"}
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}, "b": {"B": b"\0"}})
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}, "b": {"B": b"\0"}})  # nothing happens
    ddb.update_item(TableName=table, Key={"p": {"S": "k"}}, UpdateExpression="SET v = :v",
                    ExpressionAttributeValues={":v": {"N": "1"}})
    ddb.delete_item(TableName=table, Key={"p": {"S": "k"}})
    made, changed, gone = records(still, arn)
    assert made.pop("eventID") != changed["eventID"]
    assert made == {
        "awsRegion": "us-east-1", "eventName": "INSERT", "userIdentity": None,
        "recordFormat": "application/json", "tableName": table, "eventSource": "aws:dynamodb", "dynamodb": {
            "ApproximateCreationDateTime": now_ms(still),
            "ApproximateCreationDateTimePrecision": "MILLISECOND", "Keys": {"p": {"S": "k"}},
            "NewImage": {"p": {"S": "k"}, "b": {"B": "AA=="}}, "SizeBytes": 6}}
    assert changed["eventName"] == "MODIFY" and changed["dynamodb"]["NewImage"]["v"] == {"N": "1"}
    assert gone["eventName"] == "REMOVE" and "NewImage" not in gone["dynamodb"]


def test_moments_are_told_in_the_precision_that_was_asked_for(ddb, make, still, stream):
    table, arn = make(), stream()
    ddb.enable_kinesis_streaming_destination(
        TableName=table,
        StreamArn=arn,
        EnableKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MICROSECOND"},
    )
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}})
    ddb.update_kinesis_streaming_destination(
        TableName=table,
        StreamArn=arn,
        UpdateKinesisStreamingConfiguration={"ApproximateCreationDateTimePrecision": "MILLISECOND"},
    )
    ddb.delete_item(TableName=table, Key={"p": {"S": "k"}})
    micros, millis = (one["dynamodb"]["ApproximateCreationDateTime"] for one in records(still, arn))
    assert micros == millis * 1000 == now_ms(still) * 1000


def test_a_disabled_stream_is_told_no_more_and_two_may_be_told(ddb, make, still, stream):
    table, one, other, third = make(), stream(), stream(), stream()
    for arn in (one, other):
        ddb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn)
    assert refusal(ddb, "enable_kinesis_streaming_destination", TableName=table, StreamArn=third)[0] == (
        "LimitExceededException")
    assert "must be DISABLED to perform ENABLE" in refusal(
        ddb, "enable_kinesis_streaming_destination", TableName=table, StreamArn=one)[1]
    ddb.disable_kinesis_streaming_destination(TableName=table, StreamArn=one)
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}})
    assert (len(records(still, one)), len(records(still, other))) == (0, 1)
    assert "must be ACTIVE to perform DISABLE" in refusal(
        ddb, "disable_kinesis_streaming_destination", TableName=table, StreamArn=one)[1]
    nowhere = one.rpartition("/")[0] + "/nowhere"
    assert refusal(ddb, "enable_kinesis_streaming_destination", TableName=table, StreamArn=nowhere)[0] == (
        "ResourceNotFoundException")


def test_what_a_full_shard_refuses_arrives_later(ddb, make, still, stream):
    table, arn = make(), stream()
    ddb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn)
    for n in range(8):  # a shard takes a megabyte a second
        ddb.put_item(TableName=table, Item={"p": {"S": f"k{n}"}, "v": {"S": "x" * 200_000}})
    assert len(records(still, arn)) < 8
    still.advance(30)
    found, iterator = [], None
    kinesis = still.client("kinesis")
    shard, = kinesis.list_shards(StreamARN=arn)["Shards"]
    iterator = kinesis.get_shard_iterator(StreamARN=arn, ShardId=shard["ShardId"],
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    page = kinesis.get_records(ShardIterator=iterator)
    found += page["Records"]
    assert len(found) == 8


def test_an_item_that_expires_is_told_as_the_services_doing(ddb, make, still, stream):
    table, arn = make(), stream()
    ddb.enable_kinesis_streaming_destination(TableName=table, StreamArn=arn)
    ddb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}, "t": {"N": str(now_ms(still) // 1000 + 60)}})
    still.advance(120)
    gone = records(still, arn)[-1]
    assert gone["eventName"] == "REMOVE"
    assert gone["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
