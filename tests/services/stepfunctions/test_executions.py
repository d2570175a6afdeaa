"""Standard executions: started, listed, read, stopped, redriven; each as exactly as AWS says."""

import json

import pytest

from .conftest import Flow, task

DAY = 86_400


def test_an_execution_is_described_from_its_start_to_its_end(flow):
    machine = flow({"Type": "Wait", "Seconds": 300 * DAY})
    arn = machine.start({"a": 1}, name="long")
    assert arn == machine.arn.replace(":stateMachine:", ":execution:") + ":long"
    found = machine.describe(arn)
    assert (found["status"], found["input"], found["name"]) == ("RUNNING", '{"a": 1}', "long")
    assert "stopDate" not in found
    machine.rest(300 * DAY + 1)
    found = machine.describe(arn)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"a": 1})
    assert (found["stopDate"] - found["startDate"]).days == 300
    assert found["redriveStatus"] == "NOT_REDRIVABLE"


def test_a_name_makes_a_start_idempotent_while_the_execution_runs(flow, sfn):
    machine = flow({"Type": "Wait", "Seconds": 60})
    arn = machine.start({"n": 1}, name="once")
    assert machine.start({"n": 1}, name="once") == arn
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        machine.start({"n": 2}, name="once")
    machine.rest(61)
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        machine.start({"n": 1}, name="once")
    assert len(sfn.list_executions(stateMachineArn=machine.arn)["executions"]) == 1


def test_an_execution_is_forgotten_90_days_after_its_end(fresh):
    cloudlet = fresh()
    machine = Flow(cloudlet, {"Type": "Pass", "End": True})
    arn = machine.start(name="once")
    cloudlet.advance(91 * DAY)
    with pytest.raises(machine.client.exceptions.ExecutionDoesNotExist):
        machine.describe(arn)
    assert machine.start(name="once") == arn


def test_executions_are_listed_by_status_a_page_at_a_time_the_newest_first(flow, sfn):
    machine = flow({"StartAt": "C", "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.wait", "BooleanEquals": True, "Next": "W"}],
              "Default": "P"},
        "W": {"Type": "Wait", "Seconds": 9, "End": True}, "P": {"Type": "Pass", "End": True}}})
    arns = []
    for n in range(7):
        arns.append(machine.start({"wait": n % 2 == 0}))
        machine.rest(0.01)
    pages = list(sfn.get_paginator("list_executions").paginate(
        stateMachineArn=machine.arn, PaginationConfig={"PageSize": 2}))
    assert [len(page["executions"]) for page in pages] == [2, 2, 2, 1]
    assert [one["executionArn"] for page in pages for one in page["executions"]] == arns[::-1]
    running = sfn.list_executions(stateMachineArn=machine.arn, statusFilter="RUNNING")["executions"]
    assert [one["executionArn"] for one in running] == arns[::-2]


def test_a_history_is_read_in_both_directions_a_page_at_a_time(flow, sfn):
    machine = flow({"StartAt": "A", "States": {
        **{chr(65 + n): {"Type": "Pass", "Next": chr(66 + n)} for n in range(9)},
        "J": {"Type": "Wait", "Seconds": 1, "Next": "K"}, "K": {"Type": "Pass", "End": True}}})
    arn = machine.start()
    machine.rest(2)
    events = machine.events(arn)
    assert [event["id"] for event in events] == list(range(1, 25))
    assert machine.events(arn, reverseOrder=True) == events[::-1]
    for turned in (False, True):
        found, more = [], {}
        while True:
            page = sfn.get_execution_history(executionArn=arn, maxResults=5, reverseOrder=turned, **more)
            found += page["events"]
            if "nextToken" not in page:
                break
            more = {"nextToken": page["nextToken"]}
        assert found == (events[::-1] if turned else events)
    bare = machine.events(arn, includeExecutionData=False)
    assert "input" not in bare[0]["executionStartedEventDetails"]
    with pytest.raises(sfn.exceptions.InvalidToken):
        sfn.get_execution_history(executionArn=arn, nextToken="never given")


def test_an_execution_can_be_stopped_once(flow, sfn):
    machine = flow({"Type": "Wait", "Seconds": 60})
    arn = machine.start()
    stopped = sfn.stop_execution(executionArn=arn, error="Enough", cause="said I")["stopDate"]
    machine.rest(120)
    assert sfn.stop_execution(executionArn=arn)["stopDate"] == stopped
    found = machine.describe(arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "said I")


def test_a_machine_with_a_time_limit_times_out(flow):
    machine = flow({"StartAt": "W", "TimeoutSeconds": 5, "States": {
        "W": {"Type": "Wait", "Seconds": 60, "End": True}}})
    arn = machine.start()
    machine.rest(6)
    assert machine.describe(arn)["status"] == "TIMED_OUT"
    assert machine.types(arn)[-1] == "ExecutionTimedOut"


def test_a_retry_waits_on_the_cloudlets_clock(flow):
    machine = flow({**task("aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "never-made"}), "Retry": [
        {"ErrorEquals": ["Sqs.QueueDoesNotExistException"], "IntervalSeconds": 3600, "BackoffRate": 2,
         "MaxAttempts": 2}]})
    arn = machine.start()
    machine.rest(3 * 3600 - 10)
    assert machine.describe(arn)["status"] == "RUNNING"
    machine.rest(20)
    assert machine.describe(arn)["status"] == "FAILED"
    assert machine.types(arn).count("TaskFailed") == 3


def test_a_redriven_execution_goes_on_where_it_failed(flow, cloudlet, sfn, unique):
    queue = unique("late")
    machine = flow({"StartAt": "First", "States": {
        "First": {"Type": "Pass", "Result": {"kept": 1}, "Next": "Find"},
        "Find": task("aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": queue})}})
    found = machine.run()
    assert (found["status"], found["redriveStatus"]) == ("FAILED", "REDRIVABLE")
    url = cloudlet.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    arn = found["executionArn"]
    sfn.redrive_execution(executionArn=arn, clientToken="one")
    sfn.redrive_execution(executionArn=arn, clientToken="one")
    machine.rest()
    found = machine.describe(arn)
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", 1)
    assert json.loads(found["output"]) == {"QueueUrl": url}
    assert machine.types(arn).count("PassStateEntered") == 1
    assert "ExecutionRedriven" in machine.types(arn)
    listed = sfn.list_executions(stateMachineArn=machine.arn, redriveFilter="REDRIVEN")["executions"]
    assert [one["executionArn"] for one in listed] == [arn]
    with pytest.raises(sfn.exceptions.ExecutionNotRedrivable):
        sfn.redrive_execution(executionArn=arn)


def test_what_runs_goes_on_with_the_definition_it_began_with(flow, sfn):
    machine = flow({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 5, "Next": "P"}, "P": {"Type": "Pass", "Result": 1, "End": True}}})
    arn = machine.start()
    sfn.update_state_machine(stateMachineArn=machine.arn, definition=json.dumps(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 2, "End": True}}}))
    assert machine.output() == 2
    machine.rest(6)
    assert machine.describe(arn)["output"] == "1"
    assert '"Seconds"' in sfn.describe_state_machine_for_execution(executionArn=arn)["definition"]


def test_a_bad_input_is_refused(flow, sfn):
    machine = flow({"Type": "Succeed"})
    with pytest.raises(sfn.exceptions.InvalidExecutionInput):
        sfn.start_execution(stateMachineArn=machine.arn, input="{nonsense")
    with pytest.raises(sfn.exceptions.InvalidExecutionInput):
        sfn.start_execution(stateMachineArn=machine.arn, input=json.dumps("ü" * 200_000, ensure_ascii=False))
    with pytest.raises(sfn.exceptions.InvalidName):
        sfn.start_execution(stateMachineArn=machine.arn, name="a b")
    with pytest.raises(sfn.exceptions.InvalidArn):
        sfn.start_execution(stateMachineArn="nonsense")
    with pytest.raises(sfn.exceptions.StateMachineDoesNotExist) as absent:
        sfn.start_execution(stateMachineArn=machine.arn + "x")
    assert absent.value.response["Error"]["Message"] == f"State Machine Does Not Exist: '{machine.arn}x'"


def test_a_thousand_iterations_are_a_thousand_results(flow):
    machine = flow({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": True, "ItemsPath": "$.n", "ItemProcessor": {
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}}}})
    assert machine.output({"n": list(range(1000))}) == list(range(1000))


def test_the_bus_hears_of_every_execution(fresh):
    cloudlet = fresh()
    events, sqs = cloudlet.client("events"), cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="heard", Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
                                               "Resource": "*"}})})["QueueUrl"]
    events.put_rule(Name="states", EventPattern='{"source": ["aws.states"]}')
    events.put_targets(
        Rule="states", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:heard"}]
    )
    machine = Flow(cloudlet, {"Type": "Wait", "Seconds": 5})
    arn = machine.start({"a": 1})
    cloudlet.advance(6)
    got = [json.loads(one["Body"]) for one in
           sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert [one["detail"]["status"] for one in got] == ["RUNNING", "SUCCEEDED"]
    assert {one["detail-type"] for one in got} == {"Step Functions Execution Status Change"}
    assert got[1]["resources"] == [arn]
    assert (got[1]["detail"]["input"], got[1]["detail"]["output"]) == ('{"a": 1}', '{"a": 1}')
