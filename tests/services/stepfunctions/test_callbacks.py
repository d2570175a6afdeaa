"""Answers from outside: task tokens, activities and their workers, heartbeats and timeouts."""

import json
import threading

import pytest
from botocore.config import Config

from .conftest import task


@pytest.fixture
def waiting(flow, cloudlet, unique):
    """A machine whose task waits for its token, which is in a queue."""
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=unique("tokens"))["QueueUrl"]
    machine = flow({**task("sqs:sendMessage.waitForTaskToken", TimeoutSeconds=3600, HeartbeatSeconds=60,
                           Parameters={"QueueUrl": url, "MessageBody.$": "$$.Task.Token"})})

    def token():
        machine.rest()
        return sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]

    return machine, token


def test_who_has_the_token_answers(waiting, sfn):
    machine, token = waiting
    arn = machine.start()
    given = token()
    with pytest.raises(sfn.exceptions.InvalidOutput):
        sfn.send_task_success(taskToken=given, output="{nonsense")
    sfn.send_task_success(taskToken=given, output='{"yes": 1}')
    assert json.loads(machine.describe(arn)["output"]) == {"yes": 1}
    assert machine.types(arn)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    with pytest.raises(sfn.exceptions.TaskTimedOut):
        sfn.send_task_success(taskToken=given, output="{}")


def test_who_has_the_token_may_say_that_it_failed(waiting, sfn):
    machine, token = waiting
    arn = machine.start()
    sfn.send_task_failure(taskToken=token(), error="Broken", cause="so it is")
    found = machine.describe(arn)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Broken", "so it is")


def test_heartbeats_keep_a_task_alive(waiting, sfn):
    machine, token = waiting
    arn = machine.start()
    given = token()
    for _ in range(3):
        machine.rest(50)
        sfn.send_task_heartbeat(taskToken=given)
    assert machine.describe(arn)["status"] == "RUNNING"
    machine.rest(61)
    assert machine.describe(arn)["error"] == "States.Timeout"
    with pytest.raises(sfn.exceptions.TaskTimedOut):
        sfn.send_task_heartbeat(taskToken=given)


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "ä"])
def test_a_token_that_nobody_gave_is_refused(sfn, token):
    with pytest.raises(sfn.exceptions.InvalidToken):
        sfn.send_task_success(taskToken=token, output="{}")


def test_a_worker_does_an_activity(flow, sfn, unique):
    name = unique("work")
    activity = sfn.create_activity(name=name)["activityArn"]
    assert sfn.create_activity(name=name)["activityArn"] == activity
    machine = flow(task(activity))
    arn = machine.start({"n": 1})
    given = sfn.get_activity_task(activityArn=activity, workerName="me")
    assert json.loads(given["input"]) == {"n": 1}
    sfn.send_task_success(taskToken=given["taskToken"], output='{"n": 2}')
    assert json.loads(machine.describe(arn)["output"]) == {"n": 2}
    events = machine.events(arn)
    assert [event["type"] for event in events[2:5]] == [
        "ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    assert events[3]["activityStartedEventDetails"] == {"workerName": "me"}


def test_a_worker_waits_for_work(flow, sfn, cloudlet, unique):
    activity = sfn.create_activity(name=unique("later"))["activityArn"]
    machine, got = flow(task(activity)), []
    patient = cloudlet.client("stepfunctions", config=Config(read_timeout=70))
    worker = threading.Thread(target=lambda: got.append(patient.get_activity_task(activityArn=activity)))
    worker.start()
    arn = machine.start({"n": 1})
    worker.join()
    sfn.send_task_failure(taskToken=got[0]["taskToken"], error="Tired")
    assert machine.describe(arn)["error"] == "Tired"


def test_a_worker_that_waits_in_vain_gets_nothing(sfn, cloudlet, unique):
    activity, got = sfn.create_activity(name=unique("idle"))["activityArn"], []
    patient = cloudlet.client("stepfunctions", config=Config(read_timeout=70))
    worker = threading.Thread(target=lambda: got.append(patient.get_activity_task(activityArn=activity)))
    worker.start()
    while worker.is_alive():
        cloudlet.advance(61)
        worker.join(0.05)
    assert "taskToken" not in got[0]


def test_a_task_nobody_waits_for_is_not_handed_out(flow, sfn, unique):
    activity = sfn.create_activity(name=unique("stopped"))["activityArn"]
    machine = flow(task(activity))
    stopped, kept = machine.start({"n": 1}), machine.start({"n": 2})
    sfn.stop_execution(executionArn=stopped)
    given = sfn.get_activity_task(activityArn=activity)
    assert json.loads(given["input"]) == {"n": 2}
    sfn.send_task_success(taskToken=given["taskToken"], output="3")
    assert machine.describe(kept)["output"] == "3"


def test_an_activity_that_is_not_there_fails_the_execution(flow, sfn):
    machine = flow(task("arn:aws:states:us-east-1:000000000000:activity:nobody"))
    assert machine.run()["error"] == "States.Runtime"
    with pytest.raises(sfn.exceptions.ActivityDoesNotExist):
        sfn.get_activity_task(activityArn="arn:aws:states:us-east-1:000000000000:activity:nobody")


def test_activities_are_listed_described_and_deleted(sfn, unique):
    name = unique("listed")
    arn = sfn.create_activity(name=name, tags=[{"key": "k", "value": "v"}])["activityArn"]
    assert sfn.describe_activity(activityArn=arn)["name"] == name
    assert arn in [one["activityArn"] for one in sfn.list_activities()["activities"]]
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    sfn.delete_activity(activityArn=arn)
    with pytest.raises(sfn.exceptions.ActivityDoesNotExist):
        sfn.describe_activity(activityArn=arn)
