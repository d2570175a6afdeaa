"""What schedules call, as whom and how often, and what becomes of failures."""

import io
import json
import zipfile

import pytest

from .conftest import OFF, ROLE, Box, attributes, text

AT = "at(2030-01-01T01:00:00)"
ONE = "2030-01-01T01:00:00"
CODE = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(event))
"""


@pytest.fixture
def running(still):
    """A cloudlet an hour before the schedules of the tests are due."""
    return still("2030-01-01T00:00:00")


def make(running, target, name="s", **more):
    running.scheduler.create_schedule(
        Name=name,
        FlexibleTimeWindow=OFF,
        **{"ScheduleExpression": AT, "Target": {"RoleArn": ROLE, **target}, **more},
    )


def test_an_input_may_say_where_it_comes_from(running):
    make(running, running.box.target(Input=text(
        arn="<aws.scheduler.schedule-arn>", time="<aws.scheduler.scheduled-time>",
        id="<aws.scheduler.execution-id>", attempt="<aws.scheduler.attempt-number>")))
    running.go(ONE)
    found = json.loads(running.box.bodies(1)[0])
    assert len(found.pop("id")) == 16
    assert found == {"arn": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s", "attempt": "1",
                     "time": "2030-01-01T01:00:00Z"}


def test_fifo_queues_and_topics_are_targets(running):
    fifo, sns = Box(running, fifo=True), running.client("sns")
    make(running, fifo.target(Input="a", SqsParameters={"MessageGroupId": "g"}), "fifo")
    topic = sns.create_topic(Name="news")["TopicArn"]
    running.box.sqs.set_queue_attributes(QueueUrl=running.box.url, Attributes={"Policy": text(
        Version="2012-10-17", Statement={"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage",
                                         "Resource": "*"})})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=running.box.arn,
                  Attributes={"RawMessageDelivery": "true"})
    make(running, {"Arn": topic, "Input": "b"}, "topic")
    running.go(ONE)
    assert [one["Attributes"]["MessageGroupId"] for one in fifo.take(1)] == ["g"]
    assert running.box.bodies(1) == ["b"]


def test_a_function_needs_no_permission_of_its_own_for_the_role_acts(running):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", CODE)
    arn = running.client("lambda").create_function(
        FunctionName="heard",
        Role=ROLE,
        Runtime="python3.11",
        Timeout=30,
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"HEARD": running.box.url}},
    )["FunctionArn"]
    make(running, {"Arn": arn, "Input": text(a=1)}, "templated")
    make(running, {"Arn": "arn:aws:scheduler:::aws-sdk:lambda:invoke",
                   "Input": text(FunctionName="heard", Payload=text(b=2))}, "universal")
    running.go(ONE)
    assert sorted(running.box.bodies(2)) == ['{"a": 1}', '{"b": 2}']


def test_any_operation_that_changes_something_is_a_target(running):
    table, s3 = running.client("dynamodb"), running.client("s3")
    table.create_table(TableName="table", BillingMode="PAY_PER_REQUEST",
                       KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                       AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
    s3.create_bucket(Bucket="bucket")
    for name, action, given in (
        (
            "put",
            "dynamodb:putItem",
            {"TableName": "table", "Item": {"p": {"S": "<aws.scheduler.schedule-arn>"}}},
        ),
        ("object", "s3:putObject", {"Bucket": "bucket", "Key": "k", "Body": "hello"}),
        ("group", "cloudwatchlogs:createLogGroup", {"LogGroupName": "made"}),
        ("send", "sqs:sendMessage", {"QueueUrl": running.box.url, "MessageBody": "done"}),
    ):
        make(running, {"Arn": f"arn:aws:scheduler:::aws-sdk:{action}", "Input": text(**given)}, name)
    running.go(ONE)
    assert running.box.bodies(1) == ["done"]
    running.go("2030-01-01T01:00:01")
    for _ in range(100):  # each is a task of its own: what was started before has ended or soon will
        if "Contents" in s3.list_objects_v2(Bucket="bucket") and table.scan(TableName="table")["Items"]:
            break
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"hello"
    assert table.scan(TableName="table")["Items"] == [
        {"p": {"S": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/put"}}]
    assert running.client("logs").describe_log_groups(logGroupNamePrefix="made")["logGroups"]


@pytest.mark.parametrize("universal", [False, True])
def test_what_will_never_do_goes_to_the_dead_letters_and_says_why(running, universal):
    target = {"Arn": "arn:aws:sqs:us-east-1:000000000000:none", "Input": "hello"}
    if universal:
        target = {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": text(
            QueueUrl="http://127.0.0.1/000000000000/none", MessageBody="hello")}
    make(running, {**target, "DeadLetterConfig": {"Arn": running.box.arn}})
    running.go(ONE)
    letter, = running.box.take(1)
    said = attributes(letter)
    assert letter["Body"] == target["Input"] and len(said.pop("EXECUTION_ID")) == 16
    assert said == {
        "ERROR_CODE": "QueueDoesNotExist", "ERROR_MESSAGE": "The specified queue does not exist.",
        "IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": "0", "SCHEDULED_TIME": "2030-01-01T01:00:00Z",
        "SCHEDULE_ARN": "arn:aws:scheduler:us-east-1:000000000000:schedule/default/s",
        "TARGET_ARN": target["Arn"]}


@pytest.mark.parametrize(("policy", "tries", "condition"), [
    ({"MaximumRetryAttempts": 2}, 3, "MaximumRetryAttempts"),
    ({"MaximumRetryAttempts": 0}, 1, "MaximumRetryAttempts"),
    ({"MaximumEventAgeInSeconds": 60}, 5, "MaximumEventAgeInSeconds")])
def test_what_may_do_later_is_tried_as_the_policy_says(running, policy, tries, condition):
    running.control("faults", {"rules": [{"service": "s3", "operation": "PutObject", "error": "SlowDown",
                                          "status": 503}]})
    make(running, {"Arn": "arn:aws:scheduler:::aws-sdk:s3:putObject", "RetryPolicy": policy, "Input": text(
        Bucket="b", Key="k", Body="<aws.scheduler.attempt-number>"),
        "DeadLetterConfig": {"Arn": running.box.arn}})
    running.go(ONE)
    letters = []
    for _ in range(600):
        letters = running.box.take()
        if letters:
            break
        running.advance(1)
    said = attributes(letters[0])
    assert json.loads(letters[0]["Body"])["Body"] == str(tries)
    assert (said["RETRY_ATTEMPTS"], said["EXHAUSTED_RETRY_CONDITION"]) == (str(tries - 1), condition)


def test_a_role_that_closed_since_keeps_the_schedule_out(running):
    iam = running.client("iam")
    trust = {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"}}}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    make(running, running.box.target(RoleArn=role, Input="open"), ScheduleExpression="cron(0 * * * ? *)")
    running.go(ONE)
    letter, = running.box.take(1)
    assert letter["Body"] == "open" and ":" in letter["Attributes"]["SenderId"]
    trust["Statement"]["Principal"]["Service"] = "lambda.amazonaws.com"
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=json.dumps(trust))
    running.go("2030-01-01T02:00:00")
    assert running.box.bodies() == []
