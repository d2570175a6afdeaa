"""Subscription filters: who gets which events, in which form, and who may subscribe to what."""

import base64
import gzip
import io
import itertools
import json
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/nobody"
HANDLER = """
import boto3, json
def handler(event, context):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="heard")["QueueUrl"], MessageBody=json.dumps(event))
"""
_numbers = itertools.count(1)


def eventually(ask):
    deadline = time.monotonic() + 10
    while not (found := ask()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return found


@pytest.fixture
def refused():
    def call(function, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture
def group(cloudlet):
    """The name of a new group with a stream ``s``."""
    logs, name = cloudlet.client("logs"), f"group-{next(_numbers)}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


@pytest.fixture(scope="module")
def function(cloudlet):
    """The ARN of a function that CloudWatch Logs may invoke, and that tells the queue ``heard``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", HANDLER)
    client = cloudlet.client("lambda")
    cloudlet.client("sqs").create_queue(QueueName="heard")
    arn = client.create_function(FunctionName="listener", Role=ROLE, Runtime="python3.11",
                                 Handler="app.handler", Timeout=10,
                                 Code={"ZipFile": packed.getvalue()})["FunctionArn"]
    client.add_permission(FunctionName="listener", StatementId="logs", Action="lambda:InvokeFunction",
                          Principal="logs.us-east-1.amazonaws.com",
                          SourceArn="arn:aws:logs:us-east-1:000000000000:log-group:*")
    return arn


@pytest.fixture
def firehose(cloudlet):
    """The ARN of a new delivery stream, and what it has written."""
    name = f"sink-{next(_numbers)}"
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket=name)
    arn = cloudlet.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{name}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}})["DeliveryStreamARN"]

    def bodies():
        found = s3.list_objects_v2(Bucket=name).get("Contents", [])
        return [s3.get_object(Bucket=name, Key=one["Key"])["Body"].read() for one in found]

    return arn, bodies


def documents(bodies):
    """The documents in what a delivery stream has written, without the control messages."""
    found = [json.loads(gzip.decompress(body)) for body in bodies()]
    return [one for one in found if one["messageType"] == "DATA_MESSAGE"]


def put(cloudlet, group, *messages):
    now_ms = round(cloudlet.control("clock")["now"] * 1000)
    cloudlet.client("logs").put_log_events(logGroupName=group, logStreamName="s", logEvents=[
        {"timestamp": now_ms, "message": message} for message in messages])
    return now_ms


def test_a_function_gets_the_events_that_match(cloudlet, group, function):
    logs, sqs = cloudlet.client("logs"), cloudlet.client("sqs")
    logs.put_subscription_filter(logGroupName=group, filterName="errors", filterPattern="ERROR",
                                 destinationArn=function)
    now_ms = put(cloudlet, group, "ERROR one", "fine", "ERROR zwei ü")
    url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    message, = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    event = json.loads(message["Body"])
    assert event.keys() == {"awslogs"} and event["awslogs"].keys() == {"data"}
    document = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    found = document.pop("logEvents")
    assert document == {"messageType": "DATA_MESSAGE", "owner": "000000000000", "logGroup": group,
                        "logStream": "s", "subscriptionFilters": ["errors"]}
    ids = [one["eventId"] for one in logs.filter_log_events(logGroupName=group)["events"]]
    assert found == [{"id": ids[0], "timestamp": now_ms, "message": "ERROR one"},
                     {"id": ids[2], "timestamp": now_ms, "message": "ERROR zwei ü"}]


def test_a_delivery_stream_gets_a_control_message_and_then_gzips(cloudlet, group, firehose):
    arn, bodies = firehose
    logs = cloudlet.client("logs")
    logs.put_subscription_filter(logGroupName=group, filterName="all", filterPattern="[verb, ms > 5]",
                                 destinationArn=arn, roleArn=ROLE)
    first, = (json.loads(gzip.decompress(body)) for body in eventually(bodies))
    assert (first["messageType"], first["owner"]) == ("CONTROL_MESSAGE", "CloudwatchLogs")
    assert "Checking health of destination Firehose." in first["logEvents"][0]["message"]
    put(cloudlet, group, "GET 3", "GET 7", "GET")
    document, = eventually(lambda: documents(bodies))
    event, = document["logEvents"]
    assert event["message"] == "GET 7" and event["extractedFields"] == {"verb": "GET", "ms": "7"}


def test_a_delivery_stream_can_take_the_messages_out(cloudlet, group):
    s3, firehose = cloudlet.client("s3"), cloudlet.client("firehose")
    s3.create_bucket(Bucket="messages")
    arn = firehose.create_delivery_stream(
        DeliveryStreamName="messages", ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::messages",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            "ProcessingConfiguration": {"Enabled": True, "Processors": [
                {"Type": "Decompression"}, {"Type": "CloudWatchLogProcessing", "Parameters": [
                    {"ParameterName": "DataMessageExtraction", "ParameterValue": "true"}]}]}})
    cloudlet.client("logs").put_subscription_filter(
        logGroupName=group, filterName="all", filterPattern="", destinationArn=arn["DeliveryStreamARN"],
        roleArn=ROLE)
    put(cloudlet, group, "one", "two")
    listed = eventually(lambda: [one for one in s3.list_objects_v2(Bucket="messages").get("Contents", [])
                                 if one["Size"]])
    assert s3.get_object(Bucket="messages", Key=listed[0]["Key"])["Body"].read() == b"one\ntwo\n"


def test_a_group_has_two_filters(cloudlet, group, function, refused):
    logs = cloudlet.client("logs")
    where = {"logGroupName": group, "destinationArn": function, "filterPattern": "x"}
    for name in ("b", "a", "b"):
        logs.put_subscription_filter(filterName=name, **where)
    assert refused(logs.put_subscription_filter, filterName="c", **where) == (
        "LimitExceededException", "Resource limit exceeded.")
    found = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert [one["filterName"] for one in found] == ["a", "b"]
    assert found[0].pop("creationTime") > 0 and found[0] == {
        "filterName": "a", "logGroupName": group, "filterPattern": "x", "destinationArn": function,
        "distribution": "ByLogStream", "applyOnTransformedLogs": False}
    logs.delete_subscription_filter(logGroupName=group, filterName="a")
    logs.put_subscription_filter(filterName="c", **where)
    found = logs.describe_subscription_filters(logGroupName=group, filterNamePrefix="c")
    assert len(found["subscriptionFilters"]) == 1
    assert refused(logs.delete_subscription_filter, logGroupName=group, filterName="a") == (
        "ResourceNotFoundException", "The specified subscription filter does not exist.")


def test_a_filter_goes_with_its_group(cloudlet, group, function):
    logs = cloudlet.client("logs")
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="",
                                 destinationArn=function)
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


def test_a_destination_that_can_not_be_is_refused(cloudlet, group, function, firehose, refused):
    client = cloudlet.client("lambda")
    code = client.get_function(FunctionName="listener")["Configuration"]
    assert code["FunctionArn"] == function

    def says(destination, **more):
        return refused(cloudlet.client("logs").put_subscription_filter, logGroupName=group, filterName="f",
                       filterPattern="", destinationArn=destination, **more)

    no_function = ("InvalidParameterException", "Could not execute the lambda function. Make sure you have "
                   "given CloudWatch Logs permission to execute your function.")
    assert says(function.replace("listener", "nobody")) == no_function
    assert says(function.replace("000000000000", "111111111111"))[0] == "AccessDeniedException"
    assert says(function, roleArn=ROLE) == (
        "InvalidParameterException", "destinationArn for vendor lambda cannot be used with roleArn")
    assert says(firehose[0]) == (
        "InvalidParameterException", "destinationArn for vendor firehose cannot be used without roleArn")
    code, message = says(firehose[0] + "-gone", roleArn=ROLE)
    assert code == "InvalidParameterException"
    assert message.startswith("Could not deliver test message to specified Firehose stream.")
    assert says("arn:aws:sqs:us-east-1:000000000000:q")[0] == "InvalidParameterException"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    closed = client.create_function(FunctionName="closed", Role=ROLE, Runtime="python3.11",
                                    Handler="app.handler", Code={"ZipFile": packed.getvalue()})
    assert says(closed["FunctionArn"]) == no_function
    assert says(function, applyOnTransformedLogs=True)[0] == "InvalidParameterException"


def test_another_account_subscribes_to_a_destination_that_lets_it(cloudlet, firehose, refused):
    arn, bodies = firehose
    logs, other = cloudlet.client("logs"), cloudlet.client("logs", key="222222222222")
    made = logs.put_destination(destinationName="hub", targetArn=arn, roleArn=ROLE)["destination"]
    assert made["arn"] == "arn:aws:logs:us-east-1:000000000000:destination:hub"
    other.create_log_group(logGroupName="theirs")
    other.create_log_stream(logGroupName="theirs", logStreamName="s")
    where = {"logGroupName": "theirs", "filterName": "f", "filterPattern": "", "destinationArn": made["arn"]}
    assert refused(other.put_subscription_filter, **where)[0] == "AccessDeniedException"
    logs.put_destination_policy(destinationName="hub", accessPolicy=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "logs:PutSubscriptionFilter",
            "Resource": made["arn"]}]}))
    other.put_subscription_filter(**where)
    now_ms = round(cloudlet.control("clock")["now"] * 1000)
    other.put_log_events(logGroupName="theirs", logStreamName="s",
                         logEvents=[{"timestamp": now_ms, "message": "hello"}])
    document, = eventually(lambda: documents(bodies))
    assert (document["owner"], document["logGroup"]) == ("222222222222", "theirs")
    third = cloudlet.client("logs", key="333333333333")
    third.create_log_group(logGroupName="theirs")
    assert refused(third.put_subscription_filter, **where)[0] == "AccessDeniedException"
    found = logs.describe_destinations(DestinationNamePrefix="h")["destinations"]
    assert [one["destinationName"] for one in found] == ["hub"] and "accessPolicy" in found[0]
    logs.delete_destination(destinationName="hub")
    assert refused(logs.delete_destination, destinationName="hub")[0] == "ResourceNotFoundException"


def test_a_template_subscribes_a_function(cloudlet, group, function):
    cloudformation, logs = cloudlet.client("cloudformation"), cloudlet.client("logs")
    template = {"Resources": {"Filter": {"Type": "AWS::Logs::SubscriptionFilter", "Properties": {
        "LogGroupName": group, "FilterPattern": "a", "DestinationArn": function}}},
        "Outputs": {"Name": {"Value": {"Ref": "Filter"}}}}
    cloudformation.create_stack(StackName="subscribed", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="subscribed", WaiterConfig={"Delay": 1})
    output, = cloudformation.describe_stacks(StackName="subscribed")["Stacks"][0]["Outputs"]
    template["Resources"]["Filter"]["Properties"]["FilterPattern"] = "b"
    cloudformation.update_stack(StackName="subscribed", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="subscribed", WaiterConfig={"Delay": 1})
    found, = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert (found["filterName"], found["filterPattern"]) == (output["OutputValue"], "b")
    cloudformation.delete_stack(StackName="subscribed")
    eventually(lambda: not logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"])
