"""Events that nobody waits for: kept, tried again, handed on."""

import json

import pytest

ROLE = "arn:aws:iam::000000000000:role/any"
FAIL = "def handler(event, context): raise RuntimeError('not today')"


@pytest.fixture
def queue(cloudlet, request):
    """A queue: its ARN, and a function that receives from it."""
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{abs(hash(request.node.name))}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return arn, lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])[
        "Messages"
    ][0]


def test_the_answer_is_202_and_the_destination_hears(deploy, queue):
    arn, receive = queue
    fine = deploy("def handler(event, context): return event['n'] + 1")
    fine.client.put_function_event_invoke_config(
        FunctionName=fine.name, DestinationConfig={"OnSuccess": {"Destination": arn}})
    answer = fine.client.invoke(FunctionName=fine.name, InvocationType="Event", Payload=b'{"n": 1}')
    assert answer["StatusCode"] == 202
    envelope = json.loads(receive()["Body"])
    assert envelope["version"] == "1.0"
    assert envelope["requestContext"]["condition"] == "Success"
    assert envelope["requestContext"]["functionArn"].endswith(f":function:{fine.name}:$LATEST")
    assert envelope["requestPayload"] == {"n": 1}
    assert envelope["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert envelope["responsePayload"] == 2


def test_without_retries_a_failure_goes_to_its_destination_at_once(deploy, queue):
    arn, receive = queue
    fail = deploy(FAIL)
    fail.client.put_function_event_invoke_config(
        FunctionName=fail.name, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}})
    fail.client.invoke(FunctionName=fail.name, InvocationType="Event", Payload=b"{}")
    envelope = json.loads(receive()["Body"])
    assert envelope["requestContext"]["condition"] == "RetriesExhausted"
    assert envelope["requestContext"]["approximateInvokeCount"] == 1
    assert envelope["responsePayload"]["errorMessage"] == "not today"


def test_a_failure_is_tried_three_times_and_then_in_the_dead_letter_queue(fresh, eventually):
    from .conftest import zipped
    cloudlet = fresh()
    sqs, client, logs = cloudlet.client("sqs"), cloudlet.client("lambda"), cloudlet.client("logs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    client.create_function(FunctionName="fail", Role=ROLE, Runtime="python3.11", Handler="app.handler",
                           Code={"ZipFile": zipped(app_py=FAIL)},
                           DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    client.invoke(FunctionName="fail", InvocationType="Event", Payload=b'{"a": 1}')

    def tries():
        try:
            return len(
                logs.filter_log_events(logGroupName="/aws/lambda/fail", filterPattern="START")["events"]
            )
        except logs.exceptions.ResourceNotFoundException:
            return 0

    for n, minutes in ((1, 1), (2, 2)):
        eventually(lambda n=n: tries() == n)
        cloudlet.advance(minutes * 60 + 1)
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MessageAttributeNames=["All"])[
        "Messages"
    ][0]
    assert message["Body"] == '{"a": 1}'
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "not today"
    assert tries() == 3


def test_an_accepted_event_survives_a_restart(fresh, eventually):
    from .conftest import zipped
    cloudlet = fresh()
    client = cloudlet.client("lambda")
    sqs = cloudlet.client("sqs")
    sqs.create_queue(QueueName="heard")
    client.create_function(
        FunctionName="slow",
        Role=ROLE,
        Runtime="python3.11",
        Handler="app.handler",
        Timeout=10,
        Code={"ZipFile": zipped(app_py=FAIL)},
    )
    client.put_function_event_invoke_config(
        FunctionName="slow", MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:heard"}})
    client.invoke(FunctionName="slow", InvocationType="Event", Payload=b"{}")
    cloudlet.stop()
    again = fresh()
    url = again.client("sqs").get_queue_url(QueueName="heard")["QueueUrl"]
    message = again.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=15)["Messages"][0]
    assert json.loads(message["Body"])["requestContext"]["condition"] == "RetriesExhausted"
