"""What other services say of themselves on the default bus, and targets of other kinds."""

import io
import json
import zipfile

import pytest

from .conftest import Bus, Inbox

TEMPLATE = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}


@pytest.fixture
def default(cloudlet):
    """The default bus."""
    return Bus(cloudlet, "default")


def test_s3_tells_of_objects_where_it_is_asked_to(cloudlet, default, inbox):
    s3 = cloudlet.client("s3")
    s3.create_bucket(Bucket="told")
    s3.create_bucket(Bucket="untold")
    s3.put_bucket_versioning(Bucket="told", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(Bucket="told", NotificationConfiguration={
        "EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="told")
    s3.put_object(Bucket="told", Key="before", Body=b"nobody has a rule yet")
    default.rule({"source": ["aws.s3"]}, inbox.arn, name="s3")
    version = s3.put_object(Bucket="told", Key="a b", Body=b"12345")["VersionId"]
    s3.put_object(Bucket="untold", Key="a", Body=b"")
    s3.put_object_tagging(Bucket="told", Key="a b", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object_tagging(Bucket="told", Key="a b")
    s3.delete_object(Bucket="told", Key="a b")
    s3.delete_object(Bucket="told", Key="a b", VersionId=version)
    found = inbox.events()
    assert [(event["detail-type"], event["detail"].get("reason"), event["detail"].get("deletion-type"))
            for event in found] == [
        ("Object Created", "PutObject", None), ("Object Tags Added", None, None),
        ("Object Tags Deleted", None, None), ("Object Deleted", "DeleteObject", "Delete Marker Created"),
        ("Object Deleted", "DeleteObject", "Permanently Deleted")]
    created = found[0]
    assert (created["source"], created["account"], created["region"], created["resources"]) == (
        "aws.s3", "000000000000", "us-east-1", ["arn:aws:s3:::told"])
    detail = created["detail"]
    assert detail["object"].pop("sequencer") and detail.pop("request-id")
    assert detail == {"version": "0", "bucket": {"name": "told"}, "requester": "000000000000",
                      "object": {"key": "a b", "size": 5, "etag": "827ccb0eea8a706c4c34a16891f84e7b",
                                 "version-id": version},
                      "source-ip-address": "127.0.0.1", "reason": "PutObject"}
    default.events.remove_targets(Rule="s3", Ids=["0"])
    default.events.delete_rule(Name="s3")
    s3.put_object(Bucket="told", Key="after", Body=b"")


def test_cloudformation_tells_how_stacks_and_resources_are(cloudlet, default, inbox):
    default.rule({"source": ["aws.cloudformation"]}, inbox.arn)
    cloudformation = cloudlet.client("cloudformation")
    id = cloudformation.create_stack(StackName="told", TemplateBody=json.dumps(TEMPLATE))["StackId"]
    cloudformation.get_waiter("stack_create_complete").wait(StackName="told", WaiterConfig={"Delay": 0.1})
    found = inbox.events()
    assert {event["detail"]["stack-id"] for event in found} == {id}
    assert [(event["detail-type"], event["detail"].get("resource-type"),
             event["detail"]["status-details"]["status"]) for event in found][-2:] == [
        ("CloudFormation Resource Status Change", "AWS::SQS::Queue", "CREATE_COMPLETE"),
        ("CloudFormation Stack Status Change", None, "CREATE_COMPLETE")]
    assert found[-2]["detail"]["logical-resource-id"] == "Q" and found[-2]["resources"] == [id]


def test_a_log_group_gets_events_as_lines(cloudlet, bus):
    logs = cloudlet.client("logs")
    logs.create_log_group(logGroupName="/aws/events/all")
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/events/all"
    bus.rule({"source": ["shop"]}, arn, {"Arn": arn, "InputTransformer": {
        "InputPathsMap": {"n": "$.detail.n", "id": "$.id"},
        "InputTemplate": '{"timestamp": <n>, "message": "event <id>"}'}})
    now_ms = round(cloudlet.control("clock")["now"] * 1000)
    put = bus.put({"n": now_ms - 5000})
    lines = logs.filter_log_events(logGroupName="/aws/events/all")["events"]
    made = [(line["timestamp"], line["message"]) for line in lines]
    assert (now_ms - 5000, f"event {put['EventId']}") in made
    whole = next(line for line in lines if line["message"].startswith("{"))
    assert json.loads(whole["message"])["id"] == put["EventId"]


def test_a_topic_gets_events_if_its_policy_lets_it(cloudlet, bus, inbox):
    services = cloudlet.control("health")["services"]
    if "sns" not in services:
        pytest.skip("there are no topics here")
    sns, dead = cloudlet.client("sns"), Inbox(cloudlet)
    topic = sns.create_topic(Name="told")["TopicArn"]
    inbox.sqs.set_queue_attributes(QueueUrl=inbox.url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
                                                "Action": "sqs:SendMessage",
                                                "Resource": "*"}]})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn,
                  Attributes={"RawMessageDelivery": "true"})
    bus.rule({"source": ["shop"]}, {"Arn": topic, "DeadLetterConfig": {"Arn": dead.arn}})
    bus.put({"n": 1})
    assert len(dead.events()) == 1
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish",
            "Resource": topic}]}))
    bus.put({"n": 2})
    assert [event["detail"] for event in inbox.events()] == [{"n": 2}]


def test_what_becomes_of_a_functions_events_goes_to_a_bus(cloudlet, bus, inbox):
    iam, functions, packed = cloudlet.client("iam"), cloudlet.client("lambda"), io.BytesIO()
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName="teller", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="teller", PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "events:PutEvents", "Resource": "*"}]}))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return {'got': event}\n")
    arn = functions.create_function(FunctionName="teller", Runtime="python3.11", Handler="index.handler",
                                    Role=role, Code={"ZipFile": packed.getvalue()})["FunctionArn"]
    functions.get_waiter("function_active_v2").wait(FunctionName="teller", WaiterConfig={"Delay": 0.1})
    functions.put_function_event_invoke_config(FunctionName="teller", DestinationConfig={
        "OnSuccess": {"Destination": bus.arn}})
    bus.rule({"detail-type": ["Lambda Function Invocation Result - Success"]}, inbox.arn)
    functions.invoke(FunctionName="teller", InvocationType="Event", Payload=b'{"n": 1}')
    event, = inbox.await_events(1)
    assert (event["source"], event["account"]) == ("lambda", "000000000000")
    assert event["detail"]["responsePayload"] == {"got": {"n": 1}} and event["resources"][0] == bus.arn
    assert event["resources"][1].startswith(arn)
