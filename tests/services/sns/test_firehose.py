"""Topics that deliver to a Firehose stream: in AWS's line of JSON, or raw."""

import json
import time

import pytest

ROLE = "arn:aws:iam::000000000000:role/nobody"


@pytest.fixture
def sink(cloudlet, request):
    """A delivery stream's ARN, and what it has written."""
    name = request.node.name[5:50].strip("_").replace("_", "-")
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket=name)
    arn = cloudlet.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{name}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}})["DeliveryStreamARN"]

    def body():
        deadline = time.monotonic() + 10
        while not (found := s3.list_objects_v2(Bucket=name).get("Contents")):
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.01)
        return s3.get_object(Bucket=name, Key=found[0]["Key"])["Body"].read()

    return arn, body


def test_a_delivery_stream_gets_a_line_of_json(cloudlet, sns, make, sink):
    arn, body = sink
    topic = make(cloudlet)
    one = sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=arn,
                        Attributes={"SubscriptionRoleArn": ROLE}, ReturnSubscriptionArn=True)
    shown = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])["Attributes"]
    assert (shown["SubscriptionRoleArn"], shown["PendingConfirmation"]) == (ROLE, "false")
    id = sns.publish(TopicArn=topic, Message="h\u00e9llo", Subject="s", MessageAttributes={
        "n": {"DataType": "Number", "StringValue": "1.50"}})["MessageId"]
    line = body()
    assert line.endswith(b"}\n") and line.count(b"\n") == 1
    said = json.loads(line)
    assert said.pop("Timestamp").endswith("Z") and one["SubscriptionArn"] in said.pop("UnsubscribeURL")
    assert said == {"Type": "Notification", "MessageId": id, "TopicArn": topic, "Subject": "s",
                    "Message": "h\u00e9llo", "MessageAttributes": {"n": {"Type": "Number", "Value": "1.50"}}}


def test_a_raw_message_comes_as_it_is(cloudlet, sns, make, sink):
    arn, body = sink
    topic = make(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=arn, Attributes={
        "SubscriptionRoleArn": ROLE, "RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="as it is")
    assert body() == b"as it is"


def test_a_delivery_stream_needs_a_role_and_others_have_none(cloudlet, sns, make, refused):
    topic, arn = make(cloudlet), "arn:aws:firehose:us-east-1:000000000000:deliverystream/any"
    code, message = refused(sns.subscribe, TopicArn=topic, Protocol="firehose", Endpoint=arn)
    assert code == "InvalidParameter" and "SubscriptionRoleArn" in message
    assert refused(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint="a@example.com",
                   Attributes={"SubscriptionRoleArn": ROLE})[0] == "InvalidParameter"
    assert refused(sns.subscribe, TopicArn=topic, Protocol="firehose", Endpoint="arn:aws:sqs:::q",
                   Attributes={"SubscriptionRoleArn": ROLE})[0] == "InvalidParameter"
