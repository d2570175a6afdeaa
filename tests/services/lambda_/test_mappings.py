"""Queues that feed functions."""

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def pair(cloudlet, deploy, request):
    """A queue that feeds a function which copies what it is given to another queue."""
    sqs = cloudlet.client("sqs")
    count = iter(range(10))

    def pair(source, *, attributes=None, fifo=False, **mapping):
        stem = f"m{abs(hash(request.node.name))}-{next(count)}"
        out = sqs.create_queue(QueueName=f"{stem}-out")["QueueUrl"]
        name = f"{stem}.fifo" if fifo else stem
        extra = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        url = sqs.create_queue(
            QueueName=name, Attributes={"VisibilityTimeout": "30", **extra, **(attributes or {})}
        )["QueueUrl"]
        function = deploy(source, Environment={"Variables": {"OUT": out}}, Timeout=20, MemorySize=512)
        made = function.client.create_event_source_mapping(
            EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}", FunctionName=function.name, **mapping
        )

        def receive():
            found = sqs.receive_message(QueueUrl=out, WaitTimeSeconds=10, MaxNumberOfMessages=1)
            return found["Messages"][0]["Body"]

        return sqs, url, receive, made["UUID"], function.client

    return pair


COPY = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    body = json.dumps([r["body"] for r in event["Records"]])
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=body)
"""


def test_a_message_reaches_its_function_and_is_gone(pair):
    sqs, url, receive, _, _ = pair(COPY)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert json.loads(receive()) == ["hello"]


def test_a_record_has_the_documented_shape(pair):
    sqs, url, receive, _, _ = pair(
        COPY.replace('[r["body"] for r in event["Records"]]', 'event["Records"][0]')
    )
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="hi", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    record = json.loads(receive())
    assert record["messageId"] == sent["MessageId"]
    assert (record["body"], record["eventSource"], record["awsRegion"]) == ("hi", "aws:sqs", "us-east-1")
    assert record["messageAttributes"]["a"]["stringValue"] == "b"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]


def test_partial_failures_come_back_alone(pair):
    source = (
        COPY
        + """    bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": id} for id in bad]}
"""
    )
    sqs, url, receive, _, _ = pair(
        source, attributes={"VisibilityTimeout": "2"}, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": b, "MessageBody": b} for b in ("good", "bad")])
    seen = []
    while seen.count("bad") < 2:
        seen += json.loads(receive())
    assert seen.count("good") == 1


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(pair):
    sqs, url, receive, uuid, client = pair(COPY, Enabled=False)
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    sqs.send_message(QueueUrl=url, MessageBody="later")
    client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert json.loads(receive()) == ["later"]


def test_the_order_of_a_group_is_kept(pair):
    sqs, url, receive, _, _ = pair(COPY, fifo=True)
    for n in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId="one")
    seen = []
    while len(seen) < 6:
        seen += json.loads(receive())
    assert seen == [str(n) for n in range(6)]


def test_what_a_mapping_cannot_do_is_refused_by_name(cloudlet, deploy):
    function = deploy(COPY)
    cloudlet.client("sqs").create_queue(QueueName="plain")
    arn = "arn:aws:sqs:us-east-1:000000000000:plain"
    with pytest.raises(ClientError, match="StartingPosition"):
        function.client.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=function.name, StartingPosition="LATEST"
        )
    with pytest.raises(ClientError, match="batch window"):
        function.client.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=function.name, BatchSize=100
        )
