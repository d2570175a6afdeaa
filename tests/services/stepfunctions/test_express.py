"""Express executions, and logs of both kinds."""

import json

import pytest

from .conftest import Flow, chain, task

DOUBLE = "def handler(event, context):\n    return {'n': event['n'] * 2}"


def test_an_express_execution_gives_its_result_at_once(flow, deploy):
    double = deploy(DOUBLE)
    machine = flow(chain(task("lambda:invoke", OutputPath="$.Payload", Parameters={
        "FunctionName": double.name, "Payload.$": "$"}), {"Type": "Pass"}), kind="EXPRESS")
    found = machine.sync({"n": 21}, name="quick")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"n": 42})
    assert f":express:{machine.name}:quick:" in found["executionArn"]
    assert found["input"] == '{"n": 21}'
    assert found["billingDetails"]["billedMemoryUsedInMB"] == 64


def test_it_fails_as_a_standard_one_does(flow):
    found = flow({"Type": "Fail", "Error": "E", "Cause": "C"}, kind="EXPRESS").sync()
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "E", "C")


def test_it_retries_and_waits_on_the_cloudlets_clock(flow, cloudlet):
    import threading
    machine, got = flow({"Type": "Wait", "Seconds": 100}, kind="EXPRESS"), []
    waiting = threading.Thread(target=lambda: got.append(machine.sync({"a": 1})))
    waiting.start()
    while waiting.is_alive():
        cloudlet.advance(101)
        waiting.join(0.02)
    assert json.loads(got[0]["output"]) == {"a": 1}


def test_five_minutes_are_all_it_may_take(flow, cloudlet):
    import threading
    machine, got = flow({"Type": "Wait", "Seconds": 1000}, kind="EXPRESS"), []
    waiting = threading.Thread(target=lambda: got.append(machine.sync()))
    waiting.start()
    while waiting.is_alive():
        cloudlet.advance(301)
        waiting.join(0.02)
    assert got[0]["status"] == "TIMED_OUT"


def test_one_that_nobody_waits_for_runs_too(flow, cloudlet, unique):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName=unique("express"))["QueueUrl"]
    machine = flow(
        task("sqs:sendMessage", Parameters={"QueueUrl": url, "MessageBody.$": "$"}), kind="EXPRESS"
    )
    arn = machine.start({"n": 1})
    machine.rest()
    assert ":express:" in arn
    assert json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == {"n": 1}


def test_what_only_standard_executions_have_is_refused(flow, sfn):
    machine = flow({"Type": "Pass", "End": True}, kind="EXPRESS")
    standard = flow({"Type": "Pass", "End": True})
    with pytest.raises(sfn.exceptions.StateMachineTypeNotSupported):
        sfn.list_executions(stateMachineArn=machine.arn)
    with pytest.raises(sfn.exceptions.StateMachineTypeNotSupported):
        standard.sync()
    with pytest.raises(sfn.exceptions.InvalidArn):
        sfn.describe_execution(executionArn=machine.start())
    with pytest.raises(sfn.exceptions.InvalidDefinition, match="waitForTaskToken"):
        flow(task("sqs:sendMessage.waitForTaskToken", Parameters={"QueueUrl": "u", "MessageBody": "b"}),
             kind="EXPRESS")


@pytest.fixture
def logged(cloudlet, unique):
    """Makes a state machine with a log; the lines of the log come back."""
    logs = cloudlet.client("logs")

    def make(machine, level="ALL", data=True, **options):
        group = unique("/aws/vendedlogs/states/log")
        logs.create_log_group(logGroupName=group)
        made = Flow(cloudlet, machine, **options, loggingConfiguration={
            "level": level, "includeExecutionData": data, "destinations": [{"cloudWatchLogsLogGroup": {
                "logGroupArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"}}]})

        def lines():
            made.rest()
            return [json.loads(event["message"])
                    for event in logs.filter_log_events(logGroupName=group)["events"]]
        return made, lines
    return make


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_every_event_is_logged(logged, kind):
    machine, lines = logged(chain({"Type": "Pass"}, {"Type": "Pass"}), kind=kind)
    arn = machine.start({"a": 1})
    found = lines()
    assert [one["type"] for one in found] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "PassStateEntered", "PassStateExited",
        "ExecutionSucceeded"]
    assert [one["id"] for one in found] == list("123456")
    assert {one["execution_arn"] for one in found} == {arn}
    assert found[0]["details"]["input"] == '{"a": 1}'


def test_errors_alone_or_what_is_fatal(logged):
    failing = {"StartAt": "T", "States": {
        "T": {**task("aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "nowhere"})}}}
    machine, lines = logged(failing, "ERROR", data=False)
    machine.start()
    assert [one["type"] for one in lines()] == ["TaskFailed", "ExecutionFailed"]
    machine, lines = logged(failing, "FATAL")
    machine.start()
    assert [one["type"] for one in lines()] == ["ExecutionFailed"]


def test_data_stays_out_of_the_log_if_it_is_not_wanted(logged):
    machine, lines = logged({"Type": "Pass", "End": True}, data=False)
    machine.start({"secret": 1})
    assert "secret" not in json.dumps(lines())


def test_a_log_that_is_not_there_is_refused(flow, sfn):
    with pytest.raises(sfn.exceptions.InvalidLoggingConfiguration):
        flow({"Type": "Succeed"}, loggingConfiguration={"level": "ALL", "destinations": [
            {"cloudWatchLogsLogGroup": {
                "logGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:nowhere:*"}}]})
    with pytest.raises(sfn.exceptions.InvalidLoggingConfiguration):
        flow({"Type": "Succeed"}, loggingConfiguration={"level": "ALL"})


def test_a_history_may_have_more_events_than_that_of_a_standard_execution(flow):
    machine = flow({"Type": "Map", "End": True, "ResultSelector": {"n.$": "States.ArrayLength($)"},
                    "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}},
                   kind="EXPRESS")
    assert json.loads(machine.sync(list(range(6_500)))["output"]) == {"n": 6_500}  # four events each
