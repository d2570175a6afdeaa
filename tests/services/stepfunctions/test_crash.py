"""After SIGKILL at any instant every execution goes on, and nothing but a task that waits is done twice."""

import json
import random

import pytest

from ...laws.test_crash import Victim, advance
from .conftest import ROLE, task

RUNS, KILLS = 12, 4


@pytest.fixture
def victim(tmp_path):
    """A cloudlet in a process of its own."""
    victim = Victim(tmp_path / "data", "process")
    victim.start()
    yield victim
    victim.kill()
    victim.log.close()


def steps(url):
    """Ten times: a message, and a pause."""
    send = task("sqs:sendMessage", end=False, ResultPath=None, Next="Pause", Parameters={
        "QueueUrl": url, "MessageBody.$": "States.Format('{}-{}', $.id, $.n)"})
    return {"StartAt": "Send", "States": {
        "Send": send, "Pause": {"Type": "Wait", "Seconds": 1, "Next": "Count"},
        "Count": {"Type": "Pass", "Parameters": {"id.$": "$.id", "n.$": "States.MathAdd($.n, 1)"},
                  "Next": "Done?"},
        "Done?": {"Type": "Choice", "Default": "Send", "Choices": [
            {"Variable": "$.n", "NumericEquals": 10, "Next": "Done"}]},
        "Done": {"Type": "Succeed"}}}


@pytest.mark.timeout(180)
def test_every_execution_goes_on_and_every_message_is_sent_once(victim):
    moments = random.Random("workflows")
    sqs = victim.client("sqs")
    url = sqs.create_queue(QueueName="sent")["QueueUrl"].replace(str(victim.port), "4566")
    sfn = victim.client("stepfunctions")
    arn = sfn.create_state_machine(name="steps", roleArn=ROLE, definition=json.dumps(steps(url)))[
        "stateMachineArn"]
    started = [sfn.start_execution(stateMachineArn=arn, name=f"e{n}", input=json.dumps(
        {"id": n, "n": 0}))["executionArn"] for n in range(RUNS)]
    for _ in range(KILLS):
        for _ in range(moments.randrange(1, 4)):
            advance(victim, 1)
        victim.kill()
        victim.start()
    advance(victim, 15)
    sfn = victim.client("stepfunctions")
    for execution in started:
        assert sfn.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
        events = sfn.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        assert [event["id"] for event in events] == list(range(1, len(events) + 1))
        assert sum(event["type"] == "TaskSucceeded" for event in events) == 10
    assert sent(victim) == {f"{n}-{m}": 1 for n in range(RUNS) for m in range(10)}


def sent(victim):
    """How often each message was sent."""
    sqs, found = victim.client("sqs"), {}
    url = f"http://127.0.0.1:{victim.port}/000000000000/sent"
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found[message["Body"]] = found.get(message["Body"], 0) + 1
    return found


def test_a_wait_of_300_days_survives(victim):
    sfn = victim.client("stepfunctions")
    arn = sfn.create_state_machine(name="long", roleArn=ROLE, definition=json.dumps({
        "StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 300 * 86_400, "End": True}}}))[
        "stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    victim.kill()
    victim.start()
    advance(victim, 300 * 86_400 + 1)
    assert victim.client("stepfunctions").describe_execution(executionArn=execution)["status"] == "SUCCEEDED"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_distributed_map_loses_no_item(victim, kind):
    """Killed again and again while it reads its items and runs its children."""
    moments, items = random.Random(kind), 120
    s3, sfn = victim.client("s3"), victim.client("stepfunctions")
    s3.create_bucket(Bucket="items")
    s3.put_object(Bucket="items", Key="all", Body=json.dumps(list(range(items))))
    arn = sfn.create_state_machine(name="wide", roleArn=ROLE, definition=json.dumps({
        "StartAt": "M", "States": {"M": {
            "Type": "Map", "End": True, "MaxConcurrency": 8,
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
                           "Parameters": {"Bucket": "items", "Key": "all"}},
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
                              "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}}))[
        "stateMachineArn"]
    execution = sfn.start_execution(stateMachineArn=arn)["executionArn"]
    for _ in range(KILLS):
        for _ in range(moments.randrange(12)):
            sfn.describe_execution(executionArn=execution)
        victim.kill()
        victim.start()
        sfn = victim.client("stepfunctions")
    advance(victim, 1)
    found = sfn.describe_execution(executionArn=execution)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", list(range(items)))
    [run] = sfn.list_map_runs(executionArn=execution)["mapRuns"]
    counts = sfn.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
    assert (counts["succeeded"], counts["running"], counts["total"]) == (items, 0, items)
