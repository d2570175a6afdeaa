"""Executions as those see them who look after them: named, listed, paused, stopped, deleted, forgotten."""

import json

import pytest
from botocore.exceptions import ClientError

from .conftest import PYTHON, ROLE, zipped
from .durable_functions import Puppet

DAY = 86_400


def refused(code, act, *arguments, **parameters):
    with pytest.raises(ClientError) as refusal:
        act(*arguments, **parameters)
    assert refusal.value.response["Error"]["Code"] == code
    return refusal.value.response


def status(function, arn):
    return function.client.get_durable_execution(DurableExecutionArn=arn)["Status"]


def story(function, arn):
    return [event["EventType"] for event in function.client.get_durable_execution_history(
        DurableExecutionArn=arn)["Events"]]


def wait(seconds, id="w"):
    return {"Id": id, "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": seconds}}


def test_a_durable_function_must_be_invoked_with_a_version(cloudlet):
    function = Puppet(cloudlet, "unqualified")
    for kind in ("RequestResponse", "Event"):
        answer = refused("InvalidParameterValueException", function.client.invoke,
                         FunctionName="unqualified", InvocationType=kind)
        assert answer["Error"]["Message"] == (
            "You cannot invoke a durable function using an unqualified ARN.")


def test_nobody_waits_for_an_execution_that_may_take_longer_than_an_invocation(cloudlet):
    function = Puppet(cloudlet, "too-long", seconds=901)
    answer = refused("InvalidParameterValueException", function.client.invoke,
                     FunctionName="too-long", Qualifier="$LATEST")
    assert answer["Error"]["Message"] == (
        "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 "
        "minutes.")


def test_a_name_is_one_execution(cloudlet):
    function = Puppet(cloudlet, "named")
    arn = function.start({"n": 1}, DurableExecutionName="order-1")
    assert "/durable-execution/order-1/" in arn
    assert function.start({"n": 1}, DurableExecutionName="order-1") == arn
    refused("DurableExecutionAlreadyStartedException", function.start, {"n": 2},
            DurableExecutionName="order-1")
    function.called()
    function.answer("SUCCEEDED", Result='"done"')
    answer = function.client.invoke(FunctionName="named", Qualifier="$LATEST", Payload=json.dumps({"n": 1}),
                                    DurableExecutionName="order-1")
    assert (answer["Payload"].read(), answer["DurableExecutionArn"]) == (b'"done"', arn)
    assert function.uncalled()
    assert function.start({"n": 1}, DurableExecutionName="order-2") != arn
    function.called()
    function.answer("SUCCEEDED")


def test_executions_are_listed_by_status_name_time_and_version(cloudlet, eventually):
    function = Puppet(cloudlet, "listed", seconds=DAY)
    arns = []
    for n in range(5):
        arns.append(function.start(DurableExecutionName=f"run-{n}"))
        function.called()
        function.answer("SUCCEEDED") if n % 2 else function.answer("FAILED", Error={"ErrorMessage": "no"})
        eventually(lambda: status(function, arns[-1]) != "RUNNING")
        cloudlet.advance(60)
    found = [function.client.get_durable_execution(DurableExecutionArn=arn) for arn in arns]

    def listed(**filters):
        return [one["DurableExecutionArn"] for one in function.client.list_durable_executions_by_function(
            FunctionName="listed", **filters)["DurableExecutions"]]

    assert listed() == arns[::-1]
    assert listed(ReverseOrder=True) == arns
    assert listed(Statuses=["SUCCEEDED"]) == [arns[3], arns[1]]
    assert listed(Statuses=["FAILED", "RUNNING"], ReverseOrder=True) == [arns[0], arns[2], arns[4]]
    assert listed(DurableExecutionName="run-3") == [arns[3]]
    assert listed(DurableExecutionName="run-3", Statuses=["FAILED"]) == []
    assert listed(Qualifier="$LATEST", StartedAfter=found[1]["StartTimestamp"]) == [arns[4], arns[3], arns[2]]
    assert listed(StartedBefore=found[3]["StartTimestamp"], ReverseOrder=True) == arns[:3]
    assert listed(StartedAfter=found[0]["StartTimestamp"],
                  StartedBefore=found[2]["StartTimestamp"]) == [arns[1]]
    for order in (False, True):
        pages, marker = [], {}
        while marker is not None:
            page = function.client.list_durable_executions_by_function(
                FunctionName="listed", MaxItems=2, ReverseOrder=order, **marker)
            pages.append([one["DurableExecutionArn"] for one in page["DurableExecutions"]])
            marker = {"Marker": page["NextMarker"]} if "NextMarker" in page else None
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [arn for page in pages for arn in page] == (arns if order else arns[::-1])
    refused("ResourceNotFoundException", function.client.list_durable_executions_by_function,
            FunctionName="nobody")


def test_a_stopped_execution_keeps_what_it_did_and_runs_no_more(cloudlet):
    function = Puppet(cloudlet, "stopped", seconds=DAY)
    arn = function.start()
    token = function.called()["CheckpointToken"]
    answer = function.checkpoint(arn, token, wait(60))
    stopped = function.client.stop_durable_execution(
        DurableExecutionArn=arn, Error={"ErrorType": "Operator", "ErrorMessage": "enough"})["StopTimestamp"]
    with pytest.raises(ClientError, match="Invalid checkpoint token"):
        function.checkpoint(arn, answer["CheckpointToken"])
    function.answer("SUCCEEDED", Result="1")
    cloudlet.advance(60)
    assert function.uncalled()
    found = function.client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Error"]["ErrorMessage"]) == ("STOPPED", "enough")
    assert found["EndTimestamp"] == stopped
    assert function.client.stop_durable_execution(DurableExecutionArn=arn)["StopTimestamp"] == stopped


def test_a_paused_execution_rests_until_it_is_resumed(cloudlet, eventually):
    function = Puppet(cloudlet, "paused", seconds=DAY)
    arn = function.start()
    function.checkpoint(arn, function.called()["CheckpointToken"], wait(60))
    function.answer("PENDING")
    eventually(lambda: "InvocationCompleted" in story(function, arn))
    function.client.pause_durable_execution(DurableExecutionArn=arn, Reason="repairs")
    found = function.client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["PauseDetails"]["Reason"]) == ("PAUSED", "repairs")
    assert (found["ExpectedExecutionTimeoutTimestamp"] - found["StartTimestamp"]).days == 366
    cloudlet.advance(60)
    eventually(lambda: "WaitSucceeded" in story(function, arn))
    assert function.uncalled()
    cloudlet.advance(2 * DAY)
    function.client.resume_durable_execution(DurableExecutionArn=arn, Reason="repaired")
    assert function.called()["UpdatedOperationIds"] == ["w"]
    found = function.client.get_durable_execution(DurableExecutionArn=arn)
    assert found["Status"] == "RUNNING" and "PauseDetails" not in found
    assert 2 <= (found["ExpectedExecutionTimeoutTimestamp"] - found["StartTimestamp"]).days <= 3
    function.answer("SUCCEEDED", Result="1")
    eventually(lambda: status(function, arn) == "SUCCEEDED")
    events = function.client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    details = {event["EventType"]: event[f"{event['EventType']}Details"] for event in events}
    assert details["ExecutionPaused"]["Reason"]["Payload"] == "repairs"
    assert details["ExecutionPaused"]["ExecutionTimeoutPaused"] is True
    assert details["ExecutionResumed"]["Reason"]["Payload"] == "repaired"


def test_a_pause_takes_effect_at_the_next_checkpoint(cloudlet, eventually):
    function = Puppet(cloudlet, "pausing", seconds=DAY)
    arn = function.start()
    token = function.called()["CheckpointToken"]
    function.client.pause_durable_execution(DurableExecutionArn=arn)
    assert status(function, arn) == "PAUSING"
    answer = function.checkpoint(arn, token, {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"})
    assert "CheckpointToken" not in answer
    assert status(function, arn) == "PAUSED"
    function.answer("PENDING")
    eventually(lambda: "InvocationCompleted" in story(function, arn))
    assert status(function, arn) == "PAUSED" and function.uncalled()
    function.client.resume_durable_execution(DurableExecutionArn=arn)
    step = function.called()["InitialExecutionState"]["Operations"][1]
    assert (step["Id"], step["StepDetails"]["Result"]) == ("s", "1")
    function.answer("SUCCEEDED")


def test_a_pause_that_is_taken_back_disturbs_nobody(cloudlet, eventually):
    function = Puppet(cloudlet, "not-paused", seconds=DAY)
    arn = function.start()
    token = function.called()["CheckpointToken"]
    function.client.pause_durable_execution(DurableExecutionArn=arn)
    function.client.resume_durable_execution(DurableExecutionArn=arn)
    assert "CheckpointToken" in function.checkpoint(arn, token, wait(60))
    function.answer("SUCCEEDED")
    eventually(lambda: status(function, arn) == "SUCCEEDED")
    assert "ExecutionPaused" not in story(function, arn)


def test_a_pause_may_leave_the_timeout_running(cloudlet, eventually):
    function = Puppet(cloudlet, "paused-late", seconds=DAY)
    arn = function.start()
    function.checkpoint(arn, function.called()["CheckpointToken"], wait(60))
    function.answer("PENDING")
    eventually(lambda: "InvocationCompleted" in story(function, arn))
    function.client.pause_durable_execution(DurableExecutionArn=arn, ExecutionTimeoutPaused=False)
    cloudlet.advance(DAY)
    eventually(lambda: status(function, arn) == "TIMED_OUT")


def test_a_request_to_pause_is_served_once(cloudlet, eventually):
    function = Puppet(cloudlet, "paused-once", seconds=DAY)
    arn = function.start()
    function.checkpoint(arn, function.called()["CheckpointToken"], wait(3600))
    function.answer("PENDING")
    eventually(lambda: "InvocationCompleted" in story(function, arn))
    pause, resume = function.client.pause_durable_execution, function.client.resume_durable_execution
    refused("ResourceConflictException", resume, DurableExecutionArn=arn)
    pause(DurableExecutionArn=arn, ClientToken="p")
    resume(DurableExecutionArn=arn, ClientToken="r")
    pause(DurableExecutionArn=arn, ClientToken="p")
    resume(DurableExecutionArn=arn, ClientToken="r")
    assert status(function, arn) == "RUNNING"
    pause(DurableExecutionArn=arn)
    refused("ResourceConflictException", pause, DurableExecutionArn=arn)
    refused("InvalidParameterValueException", pause, DurableExecutionArn=arn, ClientToken="p", Reason="other")
    function.client.stop_durable_execution(DurableExecutionArn=arn)
    assert status(function, arn) == "STOPPED"


def test_an_execution_that_has_ended_can_be_deleted(cloudlet, eventually):
    function = Puppet(cloudlet, "deleted", seconds=DAY)
    arn = function.start({"n": 1}, DurableExecutionName="once")
    refused("ResourceConflictException", function.client.delete_durable_execution, DurableExecutionArn=arn)
    function.called()
    function.answer("SUCCEEDED", Result="1")
    eventually(lambda: status(function, arn) == "SUCCEEDED")
    function.client.delete_durable_execution(DurableExecutionArn=arn)

    def is_gone():
        try:
            return status(function, arn) != "DELETING"
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
    eventually(is_gone)
    refused("ResourceNotFoundException", function.client.get_durable_execution_history,
            DurableExecutionArn=arn)
    assert function.client.list_durable_executions_by_function(FunctionName="deleted")[
        "DurableExecutions"] == []
    assert function.start({"n": 2}, DurableExecutionName="once") != arn
    function.called()
    function.answer("SUCCEEDED")


def test_an_execution_is_forgotten_when_its_retention_is_over(cloudlet, eventually):
    function = Puppet(cloudlet, "forgotten", seconds=DAY)
    arn = function.start()
    function.called()
    function.answer("SUCCEEDED", Result="1")
    eventually(lambda: status(function, arn) == "SUCCEEDED")
    cloudlet.advance(14 * DAY - 60)
    assert status(function, arn) == "SUCCEEDED"
    cloudlet.advance(120)

    def is_gone():
        try:
            return status(function, arn) == "gone"
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"
    eventually(is_gone)


def test_data_are_left_out_on_request(cloudlet):
    function = Puppet(cloudlet, "bare")
    arn = function.start({"secret": 1})
    found = function.client.get_durable_execution(DurableExecutionArn=arn, IncludeExecutionData=False)
    assert found["ExecutionDataIncluded"] is False and "InputPayload" not in found
    function.called()
    function.answer("SUCCEEDED")


def test_an_execution_that_is_not_there_is_not_found(cloudlet):
    client = cloudlet.client("lambda")
    arn = ("arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/n/"
           "01a1fed4-c005-77b5-9418-a3fe3db1e559")
    for act in (client.get_durable_execution, client.get_durable_execution_history,
                client.stop_durable_execution, client.pause_durable_execution,
                client.resume_durable_execution, client.delete_durable_execution):
        refused("ResourceNotFoundException", act, DurableExecutionArn=arn)


def test_the_end_of_an_execution_reaches_the_destination_of_its_event(cloudlet):
    sqs = cloudlet.client("sqs")
    urls = {name: sqs.create_queue(QueueName=f"destination-{name}")["QueueUrl"] for name in ("good", "bad")}
    urls["text"] = urls["good"]
    function = Puppet(cloudlet, "delivered")
    function.client.put_function_event_invoke_config(
        FunctionName="delivered", Qualifier="$LATEST", DestinationConfig={
            "OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:destination-good"},
            "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:destination-bad"}})
    expected = {"good": 7, "text": "no JSON", "bad": {"errorMessage": "no"}}
    for name, members in (("good", {"status": "SUCCEEDED", "Result": "7"}),
                          ("text", {"status": "SUCCEEDED", "Result": "no JSON"}),
                          ("bad", {"status": "FAILED", "Error": {"ErrorMessage": "no"}})):
        function.start({"n": name})
        function.called()
        function.answer(**members)
        (message,) = sqs.receive_message(QueueUrl=urls[name], WaitTimeSeconds=20)["Messages"]
        sqs.delete_message(QueueUrl=urls[name], ReceiptHandle=message["ReceiptHandle"])
        body = json.loads(message["Body"])
        assert body["requestPayload"] == {"n": name}
        assert body["responsePayload"] == expected[name]


def test_a_template_makes_a_function_durable(cloudlet):
    cloudlet.client("s3").create_bucket(Bucket="durable-code")
    for number in (1, 2):
        cloudlet.client("s3").put_object(Bucket="durable-code", Key=f"{number}.zip",
                                         Body=zipped(app_py=f"handler = {number}"))
    stacks = cloudlet.client("cloudformation")

    def template(seconds):
        return json.dumps({
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "Plain": {"Type": "AWS::Lambda::Function", "Properties": {
                    "FunctionName": "from-template", "Role": ROLE, "Runtime": PYTHON,
                    "Handler": "app.handler",
                    "Code": {"S3Bucket": "durable-code", "S3Key": "1.zip"},
                    "DurableConfig": {"ExecutionTimeout": seconds, "RetentionPeriodInDays": 3}}},
                "Sam": {"Type": "AWS::Serverless::Function", "Properties": {
                    "FunctionName": "from-sam", "Role": ROLE, "Runtime": PYTHON, "Handler": "app.handler",
                    "CodeUri": "s3://durable-code/2.zip", "DurableConfig": {"ExecutionTimeout": seconds}}}}})

    client = cloudlet.client("lambda")
    capabilities = {"Capabilities": ["CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM"]}
    stacks.create_stack(StackName="durable", TemplateBody=template(60), **capabilities)
    stacks.get_waiter("stack_create_complete").wait(StackName="durable", WaiterConfig={"Delay": 0.05})
    for name, days in (("from-template", 3), ("from-sam", 14)):
        assert client.get_function_configuration(FunctionName=name)["DurableConfig"] == {
            "ExecutionTimeout": 60, "RetentionPeriodInDays": days}
    stacks.update_stack(StackName="durable", TemplateBody=template(90), **capabilities)
    stacks.get_waiter("stack_update_complete").wait(StackName="durable", WaiterConfig={"Delay": 0.05})
    assert client.get_function_configuration(FunctionName="from-template")["DurableConfig"][
        "ExecutionTimeout"] == 90
