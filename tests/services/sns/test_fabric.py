"""Topics among other services: functions, buckets, destinations, delivery logs, templates, crashes."""

import io
import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import boto3
import pytest

from .conftest import OPEN

ECHO = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(event))
"""
FAILS = "def handler(event, context):\n    raise ValueError('no')\n"


@pytest.fixture
def function(cloudlet, request):
    """A function of that source; ``function(text, heard)`` is its ARN."""
    def deploy(source, heard=None, **more):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", source)
        name = re.sub(r"\W", "-", request.node.name)[:50]
        client = cloudlet.client("lambda")
        arn = client.create_function(
            FunctionName=name, Role="arn:aws:iam::000000000000:role/any", Runtime="python3.11", Timeout=30,
            Handler="app.handler", Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"HEARD": heard.url} if heard else {}}, **more)["FunctionArn"]
        client.add_permission(FunctionName=name, StatementId="topics", Action="lambda:InvokeFunction",
                              Principal="sns.amazonaws.com")
        return arn

    return deploy


def test_a_function_gets_an_event_of_records(cloudlet, sns, make, listen, function):
    heard, topic = listen(cloudlet), make(cloudlet, SignatureVersion="2")
    arn = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function(ECHO, heard))["SubscriptionArn"]
    sent = sns.publish(TopicArn=topic, Message="Hello world.", MessageAttributes={
        "n": {"DataType": "Number", "StringValue": "5"}, "b": {"DataType": "Binary", "BinaryValue": b"\x01"}})
    event = json.loads(heard.bodies(20)[0])
    record, = event["Records"]
    assert {name: record[name] for name in ("EventSource", "EventVersion", "EventSubscriptionArn")} == {
        "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": arn}
    said = record["Sns"]
    assert list(said) == [
        "Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion", "Signature",
        "SigningCertUrl", "UnsubscribeUrl", "MessageAttributes"]
    assert (said["MessageId"], said["Subject"], said["SignatureVersion"]) == (sent["MessageId"], None, "1")
    assert said["MessageAttributes"] == {
        "n": {"Type": "String", "Value": "5"}, "b": {"Type": "Binary", "Value": "AQ=="}}


def test_a_function_that_is_gone_leaves_a_dead_letter(cloudlet, sns, make, listen):
    topic, grave = make(cloudlet), listen(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="lambda",
                  Endpoint="arn:aws:lambda:us-east-1:000000000000:function:nobody",
                  Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": grave.arn})})
    sns.publish(TopicArn=topic, Message="x")
    assert [one["Type"] for one in grave.envelopes()] == ["Notification"]


def test_a_topic_is_a_functions_dead_letter_target(cloudlet, sns, make, listen, function):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    arn = function(FAILS, DeadLetterConfig={"TargetArn": topic})
    client = cloudlet.client("lambda")
    client.put_function_event_invoke_config(FunctionName=arn, MaximumRetryAttempts=0)
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"a": 1}')
    letter, = heard.envelopes(20)
    assert json.loads(letter["Message"]) == {"a": 1}
    assert letter["MessageAttributes"]["ErrorMessage"] == {"Type": "String", "Value": "no"}


def test_a_topic_is_a_functions_destination(cloudlet, sns, make, listen, function):
    topic = make(cloudlet)
    heard, arn = listen(cloudlet, topic), function("def handler(event, context):\n    return 1\n")
    client = cloudlet.client("lambda")
    client.put_function_event_invoke_config(FunctionName=arn,
                                            DestinationConfig={"OnSuccess": {"Destination": topic}})
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=b"{}")
    assert json.loads(heard.heard(20)[0])["requestContext"]["condition"] == "Success"


def test_a_bucket_tells_a_topic_that_lets_it(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet)
    heard, s3 = listen(cloudlet, topic), cloudlet.client("s3")
    s3.create_bucket(Bucket="told")
    told = {"Bucket": "told", "NotificationConfiguration": {"TopicConfigurations": [
        {"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]}}
    assert refused(s3.put_bucket_notification_configuration, **told)[0] == "InvalidArgument"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({
        "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "SNS:Publish",
            "Resource": topic, "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::told"}}}}))
    s3.put_bucket_notification_configuration(**told)
    s3.put_object(Bucket="told", Key="a.txt", Body=b"x")
    test, event = [json.loads(message) for message in heard.heard()]
    assert test["Event"] == "s3:TestEvent"
    assert event["Records"][0]["s3"]["object"]["key"] == "a.txt"


def test_deliveries_are_logged_where_a_topic_asks_for_it(cloudlet, sns, make, listen):
    role = "arn:aws:iam::000000000000:role/feedback"
    topic = make(cloudlet, SQSSuccessFeedbackRoleArn=role, SQSSuccessFeedbackSampleRate="100",
                 SQSFailureFeedbackRoleArn=role)
    heard, gone = listen(cloudlet, topic), listen(cloudlet, topic)
    gone.sqs.delete_queue(QueueUrl=gone.url)
    sent = sns.publish(TopicArn=topic, Message="x")
    logs, group = cloudlet.client("logs"), f"sns/us-east-1/000000000000/{topic.rpartition(':')[2]}"
    entry, = [json.loads(one["message"]) for one in logs.filter_log_events(logGroupName=group)["events"]]
    assert entry["status"] == "SUCCESS" and entry["notification"]["messageId"] == sent["MessageId"]
    assert entry["delivery"]["destination"] == heard.arn and entry["delivery"]["statusCode"] == 200
    failure, = [json.loads(one["message"]) for one in
                logs.filter_log_events(logGroupName=f"{group}/Failure")["events"]]
    assert failure["status"] == "FAILURE" and "QueueDoesNotExist" in failure["delivery"]["providerResponse"]
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert shown["SQSSuccessFeedbackSampleRate"] == "100" and shown["SQSFailureFeedbackRoleArn"] == role


def test_posts_are_logged_too(cloudlet, sns, make, endpoint, visit, settled):
    role = "arn:aws:iam::000000000000:role/feedback"
    topic = make(cloudlet, HTTPFailureFeedbackRoleArn=role)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    visit(endpoint.next().json["SubscribeURL"])
    endpoint.answers = [404]
    sns.publish(TopicArn=topic, Message="x")
    endpoint.next()
    settled(cloudlet)
    group = f"sns/us-east-1/000000000000/{topic.rpartition(':')[2]}/Failure"
    event, = cloudlet.client("logs").filter_log_events(logGroupName=group)["events"]
    assert json.loads(event["message"])["delivery"]["statusCode"] == 404


def wait_for(client, waiter, name):
    client.get_waiter(waiter).wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def test_a_stack_has_topics_subscriptions_and_policies(cloudlet, sns, refused):
    cloudformation = cloudlet.client("cloudformation")

    def template(**more):
        return json.dumps({"Resources": {
            "Queue": {"Type": "AWS::SQS::Queue"}, "Other": {"Type": "AWS::SQS::Queue"},
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {
                "DisplayName": "Orders", "Tags": [{"Key": "a", "Value": "b"}], "SignatureVersion": "2",
                "Subscription": [{"Protocol": "sqs",
                                  "Endpoint": {"Fn::GetAtt": "Other.Arn"}}]} | more.get("topic", {})},
            "Subscription": {"Type": "AWS::SNS::Subscription", "Properties": {
                "TopicArn": {"Ref": "Topic"}, "Protocol": "sqs", "Endpoint": {"Fn::GetAtt": "Queue.Arn"},
                "RawMessageDelivery": True} | more.get("subscription", {
                    "FilterPolicyScope": "MessageBody", "FilterPolicy": {"a": {"b": ["c"]}}})},
            "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {
                "Topics": [{"Ref": "Topic"}], "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": {"Ref": "Topic"}}]}}}},
            "Outputs": {"Arn": {"Value": {"Ref": "Topic"}},
                        "Name": {"Value": {"Fn::GetAtt": "Topic.TopicName"}},
                        "Subscription": {"Value": {"Ref": "Subscription"}}}})

    cloudformation.create_stack(StackName="topics", TemplateBody=template())
    wait_for(cloudformation, "stack_create_complete", "topics")
    outputs = {one["OutputKey"]: one["OutputValue"] for one in
               cloudformation.describe_stacks(StackName="topics")["Stacks"][0]["Outputs"]}
    topic = outputs["Arn"]
    assert topic.endswith(outputs["Name"]) and outputs["Name"].startswith("topics-Topic-")
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["DisplayName"], found["SignatureVersion"]) == ("Orders", "2")
    assert found["SubscriptionsConfirmed"] == "2"
    assert "events.amazonaws.com" in found["Policy"]
    assert {"Key": "a", "Value": "b"} in sns.list_tags_for_resource(ResourceArn=topic)["Tags"]
    cloudformation.update_stack(StackName="topics", TemplateBody=template(
        topic={"DisplayName": "Changed", "Subscription": [], "Tags": []},
        subscription={"FilterPolicy": {"a": ["b"]}}))
    wait_for(cloudformation, "stack_update_complete", "topics")
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["DisplayName"], found["SubscriptionsConfirmed"]) == ("Changed", "1")
    shown = sns.get_subscription_attributes(SubscriptionArn=outputs["Subscription"])["Attributes"]
    assert (shown["FilterPolicy"], shown["FilterPolicyScope"]) == ('{"a":["b"]}', "MessageAttributes")
    cloudformation.delete_stack(StackName="topics")
    wait_for(cloudformation, "stack_delete_complete", "topics")
    assert refused(sns.get_topic_attributes, TopicArn=topic)[0] == "NotFound"


def test_a_serverless_function_hears_a_topic(cloudlet, sns, listen):
    cloudformation, heard = cloudlet.client("cloudformation"), listen(cloudlet)
    source = ECHO.replace('os.environ["HEARD"]', repr(heard.url))
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Orders": {"Type": "AWS::SNS::Topic"},
        "Listener": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "InlineCode": source, "Timeout": 30,
            "Events": {"Order": {"Type": "SNS", "Properties": {
                "Topic": {"Ref": "Orders"}, "FilterPolicy": {"kind": ["new"]}}}}}}},
        "Outputs": {"Arn": {"Value": {"Ref": "Orders"}}}}
    cloudformation.create_stack(StackName="serverless-topic", TemplateBody=json.dumps(template),
                                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    wait_for(cloudformation, "stack_create_complete", "serverless-topic")
    stack, = cloudformation.describe_stacks(StackName="serverless-topic")["Stacks"]
    topic = stack["Outputs"][0]["OutputValue"]
    sns.publish(TopicArn=topic, Message="old")
    sns.publish(TopicArn=topic, Message="new", MessageAttributes={
        "kind": {"DataType": "String", "StringValue": "new"}})
    assert [json.loads(body)["Records"][0]["Sns"]["Message"] for body in heard.bodies(20)] == ["new"]


def test_what_was_published_is_there_after_a_kill(tmp_path, listen, endpoint):
    """Acknowledged is committed: a queue has it, and a post that was not made yet is made."""
    program = Path(__file__).parents[2] / "laws" / "crashing.py"

    def start():
        process = subprocess.Popen([sys.executable, program, tmp_path / "data", "0", "process"],
                                   stdout=subprocess.PIPE, text=True, start_new_session=True)
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        return process, lambda service: boto3.client(
            service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test")

    def kill(process):
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()

    process, client = start()
    topic = client("sns").create_topic(Name="kept")["TopicArn"]
    url = client("sqs").create_queue(QueueName="kept", Attributes={"Policy": OPEN})["QueueUrl"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs",
                            Endpoint="arn:aws:sqs:us-east-1:000000000000:kept")
    client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    client("sns").confirm_subscription(TopicArn=topic, Token=endpoint.next().json["Token"])
    sent = [client("sns").publish(TopicArn=topic, Message=str(n))["MessageId"] for n in range(5)]
    kill(process)
    process, client = start()
    try:
        queue = url.rpartition("/")[2]
        url = client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
        got = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert [json.loads(one["Body"])["MessageId"] for one in got] == sent
        posted, deadline = set(), time.monotonic() + 10
        while posted != set(sent):
            assert time.monotonic() < deadline
            posted.add(endpoint.next().json["MessageId"])
    finally:
        kill(process)
