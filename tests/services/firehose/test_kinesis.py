"""A Kinesis stream as the source: what comes into it goes on, each record once."""

import json

import pytest

from .conftest import ROLE, Delivery, eventually


@pytest.fixture
def kinesis(cloudlet):
    if "kinesis" not in cloudlet.cloudlet.kernel.services.names:
        pytest.skip("there is no Kinesis yet")
    return cloudlet.client("kinesis")


@pytest.fixture
def fed(cloudlet, kinesis, request):
    """A delivery stream that reads a Kinesis stream of two shards."""
    name = request.node.name[:50].replace("_", "-")
    kinesis.create_stream(StreamName=name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.put_record(StreamName=name, Data=b"before\n", PartitionKey="a")
    made = Delivery(cloudlet, name)
    made.source = arn

    def start(**more):
        made.firehose.create_delivery_stream(
            DeliveryStreamName=name, DeliveryStreamType="KinesisStreamAsSource",
            KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
            ExtendedS3DestinationConfiguration=made.place(
                BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0}, **more))
        return made

    return start


def test_what_comes_into_the_source_is_delivered(kinesis, fed, refused):
    made = fed()
    for n in range(20):
        kinesis.put_record(StreamName=made.name, Data=f"{n}\n".encode(), PartitionKey=str(n))

    def bodies():
        return b"".join(made.s3.get_object(Bucket=made.bucket, Key=key)["Body"].read()
                        for key in made.keys(""))

    eventually(lambda: bodies().count(b"\n") >= 20)
    assert sorted(bodies().split(), key=int) == [str(n).encode() for n in range(20)]
    code, message = refused(made.firehose.put_record, DeliveryStreamName=made.name, Record={"Data": b"x"})
    assert code == "InvalidArgumentException" and "KinesisStreamAsSource" in message
    described = made.describe()
    assert described["DeliveryStreamType"] == "KinesisStreamAsSource"
    assert described["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"] == made.source
    assert made.firehose.list_delivery_streams(DeliveryStreamType="DirectPut")["DeliveryStreamNames"] == []
    made.firehose.delete_delivery_stream(DeliveryStreamName=made.name)
    kinesis.put_record(StreamName=made.name, Data=b"after", PartitionKey="a")
    assert bodies().count(b"\n") == 20


def test_a_source_that_is_not_there_is_refused(cloudlet, kinesis, refused):
    place = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::any"}
    where = {"KinesisStreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/nobody", "RoleARN": ROLE}
    create = cloudlet.client("firehose").create_delivery_stream
    for more in ({"KinesisStreamSourceConfiguration": where}, {},
                 {"DeliveryStreamType": "KinesisStreamAsSource"}):
        given = {"DeliveryStreamType": "KinesisStreamAsSource", **more} if more else {
            "KinesisStreamSourceConfiguration": where}
        assert refused(create, DeliveryStreamName="none", S3DestinationConfiguration=place, **given)[0] == (
            "InvalidArgumentException")


def test_functions_are_told_where_a_record_was(kinesis, fed):
    made = fed(ProcessingConfiguration={"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": [
        {"ParameterName": "LambdaArn", "ParameterValue":
            "arn:aws:lambda:us-east-1:000000000000:function:nobody"},
        {"ParameterName": "BufferIntervalInSeconds", "ParameterValue": "0"},
        {"ParameterName": "NumberOfRetries", "ParameterValue": "0"}]}]})
    kinesis.put_record(StreamName=made.name, Data=json.dumps({"a": 1}).encode(), PartitionKey="key")
    account, = made.accounts("processing-failed/")
    assert account["errorCode"] == "Lambda.ResourceNotFound"
