"""Callbacks: an execution waits for the world outside, within its time."""

import pytest
from botocore.exceptions import ClientError

from .durable_functions import Durable, Puppet

HOUR = 3600
ASKS = """
@durable_execution
def handler(event, context):
    config = CallbackConfig(timeout=Duration.from_hours(2), heartbeat_timeout=Duration.from_hours(1))
    return context.create_callback(name="approval", config=config).result()
"""


@pytest.fixture
def asking(cloudlet, eventually, request):
    """An execution that waits for an approval, and the callback's id."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:60]
    asks = Durable(cloudlet, name, ASKS, seconds=24 * HOUR)
    arn = asks.start()
    eventually(lambda: "InvocationCompleted" in asks.story(arn))
    begun = next(event for event in asks.events(arn) if event["EventType"] == "CallbackStarted")
    details = begun["CallbackStartedDetails"]
    assert (begun["Name"], details["Timeout"], details["HeartbeatTimeout"]) == ("approval", 2 * HOUR, HOUR)
    return asks, arn, details["CallbackId"]


def test_a_callback_that_succeeds_gives_its_result(asking, eventually):
    asks, arn, id = asking
    asks.client.send_durable_execution_callback_success(CallbackId=id, Result=b'"yes"')
    eventually(lambda: asks.get(arn)["Status"] == "SUCCEEDED")
    assert asks.get(arn)["Result"] == '"\\"yes\\""'
    done = next(event for event in asks.events(arn) if event["EventType"] == "CallbackSucceeded")
    assert done["CallbackSucceededDetails"]["Result"]["Payload"] == '"yes"'
    for again in (asks.client.send_durable_execution_callback_success,
                  asks.client.send_durable_execution_callback_failure,
                  asks.client.send_durable_execution_callback_heartbeat):
        with pytest.raises(ClientError) as refused:
            again(CallbackId=id)
        assert refused.value.response["Error"]["Code"] == "CallbackTimeoutException"


def test_a_callback_that_fails_raises_its_error(asking, eventually):
    asks, arn, id = asking
    asks.client.send_durable_execution_callback_failure(
        CallbackId=id, Error={"ErrorType": "Rejected", "ErrorMessage": "not approved"})
    eventually(lambda: asks.get(arn)["Status"] == "FAILED")
    assert asks.get(arn)["Error"]["ErrorMessage"] == "not approved"
    done = next(event for event in asks.events(arn) if event["EventType"] == "CallbackFailed")
    assert done["CallbackFailedDetails"]["Error"]["Payload"] == {
        "ErrorType": "Rejected", "ErrorMessage": "not approved"}


def test_a_callback_without_a_heartbeat_times_out(asking, cloudlet, eventually):
    asks, arn, _ = asking
    cloudlet.advance(HOUR)
    eventually(lambda: asks.get(arn)["Status"] == "FAILED")
    done = next(event for event in asks.events(arn) if event["EventType"] == "CallbackTimedOut")
    assert done["CallbackTimedOutDetails"]["Error"]["Payload"]["ErrorType"] == "Callback.Heartbeat"


def test_heartbeats_keep_a_callback_alive_until_its_timeout(asking, cloudlet, eventually):
    asks, arn, id = asking
    for _ in range(2):
        cloudlet.advance(HOUR - 600)
        asks.client.send_durable_execution_callback_heartbeat(CallbackId=id)
    assert asks.get(arn)["Status"] == "RUNNING"
    cloudlet.advance(1200)
    eventually(lambda: asks.get(arn)["Status"] == "FAILED")
    done = next(event for event in asks.events(arn) if event["EventType"] == "CallbackTimedOut")
    assert done["CallbackTimedOutDetails"]["Error"]["Payload"]["ErrorType"] == "Callback.Timeout"


def test_an_execution_submits_its_callback_in_a_step(cloudlet, eventually):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="submitted")["QueueUrl"]
    submits = Durable(cloudlet, "submits", f"""
import boto3
@durable_execution
def handler(event, context):
    return context.wait_for_callback(
        lambda id, _: boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody=id), name="ask")
""", seconds=24 * HOUR)
    arn = submits.start()
    id = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"]
    submits.client.send_durable_execution_callback_success(CallbackId=id, Result=b"fine")
    eventually(lambda: submits.get(arn)["Status"] == "SUCCEEDED")
    assert submits.get(arn)["Result"] == '"fine"'


def test_nobody_can_guess_a_callback(cloudlet):
    client = cloudlet.client("lambda")
    with pytest.raises(ClientError, match="Invalid callback id"):
        client.send_durable_execution_callback_success(CallbackId="AAAA")


def test_a_callback_of_an_execution_that_was_stopped_is_closed(cloudlet):
    puppet = Puppet(cloudlet, "stopped-callback")
    arn = puppet.start()
    token = puppet.called()["CheckpointToken"]
    answer = puppet.checkpoint(arn, token, {"Id": "c", "Type": "CALLBACK", "Action": "START"})
    id = answer["NewExecutionState"]["Operations"][0]["CallbackDetails"]["CallbackId"]
    puppet.client.stop_durable_execution(DurableExecutionArn=arn)
    with pytest.raises(ClientError, match="already completed"):
        puppet.client.send_durable_execution_callback_success(CallbackId=id, Result=b"1")
    puppet.answer("PENDING")


def test_a_callback_that_comes_during_an_invocation_is_told_by_the_next_checkpoint(cloudlet):
    puppet = Puppet(cloudlet, "early-callback")
    arn = puppet.start()
    answer = puppet.checkpoint(arn, puppet.called()["CheckpointToken"],
                               {"Id": "c", "Type": "CALLBACK", "Action": "START"})
    id = answer["NewExecutionState"]["Operations"][0]["CallbackDetails"]["CallbackId"]
    puppet.client.send_durable_execution_callback_success(CallbackId=id, Result=b"now")
    answer = puppet.checkpoint(arn, answer["CheckpointToken"])
    (told,) = answer["NewExecutionState"]["Operations"]
    assert (told["Status"], told["CallbackDetails"]["Result"]) == ("SUCCEEDED", "now")
    puppet.answer("SUCCEEDED", Result="1")
