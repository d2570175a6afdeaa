"""After SIGKILL at any instant an execution goes on from its last checkpoint, as if nothing had happened."""

import json
import random

import pytest

from ...laws.test_crash import Victim, advance
from .conftest import PYTHON, ROLE, zipped
from .durable_functions import Durable

DAY = 86_400
STEPS = """
import boto3
sqs = boto3.client("sqs")

def work(n):
    def run(_):
        sqs.send_message(QueueUrl=os.environ["AWS_ENDPOINT_URL"] + "/000000000000/worked", MessageBody=str(n))
        return n
    return run

import os
@durable_execution
def handler(event, context):
    total = sum(context.step(work(n), name=f"step {n}") for n in range(event["steps"]))
    context.wait(Duration.from_days(1), name="sleep")
    return total
"""


@pytest.fixture
def victim(tmp_path):
    """A cloudlet in a process of its own."""
    victim = Victim(tmp_path / "data", "process")
    victim.start()
    yield victim
    victim.kill()
    victim.log.close()


def again(victim, function):
    """Kill the cloudlet, start it on the same data, and give the function a client of the new one."""
    victim.kill()
    victim.start()
    function.client = victim.client("lambda")


def worked(victim):
    """What the steps have done, by their number: how often."""
    sqs, found = victim.client("sqs"), {}
    url = f"http://127.0.0.1:{victim.port}/000000000000/worked"
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found[int(message["Body"])] = found.get(int(message["Body"]), 0) + 1
    return found


def test_an_execution_that_waits_survives(victim, eventually):
    victim.client("sqs").create_queue(QueueName="worked")
    sleeper = Durable(victim, "sleeper", STEPS, seconds=9 * DAY)
    arn = sleeper.start({"steps": 3}, DurableExecutionName="night")
    eventually(lambda: "InvocationCompleted" in sleeper.story(arn))
    before = sleeper.events(arn)
    again(victim, sleeper)
    assert sleeper.events(arn) == before
    advance(victim, DAY)
    again(victim, sleeper)
    eventually(lambda: sleeper.get(arn)["Status"] == "SUCCEEDED")
    assert sleeper.get(arn)["Result"] == "3"
    assert sleeper.start({"steps": 3}, DurableExecutionName="night") == arn
    assert worked(victim) == {0: 1, 1: 1, 2: 1}


@pytest.mark.timeout(180)
def test_kills_at_any_moment_repeat_no_step_that_was_kept(victim, eventually):
    moments, steps = random.Random("durable"), 40
    victim.client("sqs").create_queue(QueueName="worked")
    busy = Durable(victim, "busy", STEPS, seconds=9 * DAY)
    arn = busy.start({"steps": steps})
    kept = 0
    for _ in range(5):
        goal = kept + moments.randint(1, 7)
        kept = eventually(lambda goal=goal: (kept := busy.story(arn).count("StepSucceeded")) >= goal and kept)
        again(victim, busy)
    eventually(lambda: "WaitStarted" in busy.story(arn))
    advance(victim, DAY)
    eventually(lambda: busy.get(arn)["Status"] == "SUCCEEDED")
    assert busy.get(arn)["Result"] == str(sum(range(steps)))
    events = busy.events(arn)
    assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
    assert [event["Name"] for event in events if event["EventType"] == "StepSucceeded"] == [
        f"step {n}" for n in range(steps)]
    times = worked(victim)
    assert set(times) == set(range(steps))
    assert sum(times.values()) <= steps + 5, "a step that was kept has run again"


def test_a_parent_and_what_it_invoked_go_on_together(victim, eventually):
    sqs, client = victim.client("sqs"), victim.client("lambda")
    url = sqs.create_queue(QueueName="worked")["QueueUrl"].rpartition("/")[2]
    client.create_function(FunctionName="plain", Role=ROLE, Runtime=PYTHON, Handler="app.handler", Timeout=60,
                           MemorySize=512, Code={"ZipFile": zipped(app_py=f"""
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    url = os.environ["AWS_ENDPOINT_URL"] + "/000000000000/{url}"
    sqs.send_message(QueueUrl=url, MessageBody="1")
    while not sqs.receive_message(QueueUrl=url + "-go", WaitTimeSeconds=5).get("Messages"):
        pass
    return event["n"] * 10
""")})
    sqs.create_queue(QueueName="worked-go")
    Durable(victim, "child", """
@durable_execution
def handler(event, context):
    return context.invoke("plain", event)
""", seconds=9 * DAY)
    parent = Durable(victim, "parent", """
@durable_execution
def handler(event, context):
    return context.invoke("child:$LATEST", event)
""", seconds=9 * DAY)
    arn = parent.start({"n": 7})

    def running():
        found = victim.client("sqs").receive_message(
            QueueUrl=f"http://127.0.0.1:{victim.port}/000000000000/worked", WaitTimeSeconds=10)
        return found.get("Messages")

    assert running()
    again(victim, parent)
    assert running(), "the function was not invoked again"
    victim.client("sqs").send_message(
        QueueUrl=f"http://127.0.0.1:{victim.port}/000000000000/worked-go", MessageBody="go")
    eventually(lambda: parent.get(arn)["Status"] == "SUCCEEDED")
    assert json.loads(parent.get(arn)["Result"]) == 70
    assert parent.story(arn).count("ChainedInvokeSucceeded") == 1
