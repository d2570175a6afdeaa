"""Durable functions, driven by AWS's own SDK: steps, waits and retries, across days in milliseconds."""

import base64

import pytest
from botocore.exceptions import ClientError

from .durable_functions import Durable

DAY = 86_400


def test_a_caller_gets_the_result_of_the_whole_execution(cloudlet):
    add = Durable(cloudlet, "add", """
@durable_execution
def handler(event, context):
    return context.step(lambda _: event["a"] + event["b"], name="add")
""")
    answer = add.client.invoke(FunctionName="add", Qualifier="$LATEST", Payload=b'{"a": 1, "b": 2}')
    assert answer["Payload"].read() == b"3"
    assert answer["ExecutedVersion"] == "$LATEST"
    arn = answer["DurableExecutionArn"]
    assert arn.startswith("arn:aws:lambda:us-east-1:000000000000:function:add:$LATEST/durable-execution/")
    found = add.get(arn)
    assert (found["Status"], found["InputPayload"], found["Result"]) == ("SUCCEEDED", '{"a": 1, "b": 2}', "3")
    assert found["EndTimestamp"] >= found["StartTimestamp"]


def test_an_error_that_nobody_catches_fails_the_execution(cloudlet):
    fails = Durable(cloudlet, "fails", """
@durable_execution
def handler(event, context):
    raise ValueError("no such order")
""")
    answer = fails.client.invoke(FunctionName="fails", Qualifier="$LATEST", Payload=b"{}")
    assert answer["FunctionError"] == "Unhandled"
    assert b'"errorMessage":"no such order"' in answer["Payload"].read()
    found = fails.get(answer["DurableExecutionArn"])
    assert found["Status"] == "FAILED"
    assert (found["Error"]["ErrorType"], found["Error"]["ErrorMessage"]) == ("ValueError", "no such order")
    assert fails.story(answer["DurableExecutionArn"]) == [
        "ExecutionStarted", "InvocationCompleted", "ExecutionFailed"]


def test_an_execution_waits_for_days_without_running(cloudlet, eventually):
    patient = Durable(cloudlet, "patient", """
@durable_execution
def handler(event, context):
    before = context.step(lambda _: 20, name="before")
    context.wait(Duration.from_days(3), name="sleep")
    return before + context.step(lambda _: 1, name="after")
""", seconds=30 * DAY)
    arn = patient.start()
    eventually(lambda: "InvocationCompleted" in patient.story(arn))
    cloudlet.advance(3 * DAY - 60)
    assert patient.get(arn)["Status"] == "RUNNING"
    cloudlet.advance(60)
    eventually(lambda: patient.get(arn)["Status"] == "SUCCEEDED")
    assert patient.get(arn)["Result"] == "21"
    assert patient.story(arn) == [
        "ExecutionStarted", "StepStarted", "StepSucceeded", "WaitStarted", "InvocationCompleted",
        "WaitSucceeded", "StepStarted", "StepSucceeded", "InvocationCompleted", "ExecutionSucceeded"]


def test_the_history_tells_each_event_in_order(cloudlet, eventually):
    told = Durable(cloudlet, "told", """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_minutes(1), name="a minute")
    return "done"
""")
    arn = told.start({"n": 1})
    eventually(lambda: "InvocationCompleted" in told.story(arn))
    cloudlet.advance(60)
    eventually(lambda: told.get(arn)["Status"] == "SUCCEEDED")
    events = told.events(arn)
    assert [event["EventId"] for event in events] == list(range(1, len(events) + 1))
    assert [event["EventTimestamp"] for event in events] == sorted(
        event["EventTimestamp"] for event in events)
    begun, waits, ran, woken = events[:4]
    assert begun["ExecutionStartedDetails"] == {
        "Input": {"Payload": '{"n": 1}', "Truncated": False}, "ExecutionTimeout": 900}
    assert (waits["Name"], waits["SubType"], waits["WaitStartedDetails"]["Duration"]) == (
        "a minute", "Wait", 60)
    assert (waits["WaitStartedDetails"]["ScheduledEndTimestamp"] - waits["EventTimestamp"]).seconds == 60
    assert ran["InvocationCompletedDetails"]["EndTimestamp"] == ran["EventTimestamp"]
    assert woken["Id"] == waits["Id"] and woken["WaitSucceededDetails"] == {"Duration": 60}
    assert events[-1]["ExecutionSucceededDetails"]["Result"]["Payload"] == '"done"'

    bare = told.events(arn, IncludeExecutionData=False)
    assert bare[0]["ExecutionStartedDetails"]["Input"] == {"Truncated": True}
    page = told.client.get_durable_execution_history(DurableExecutionArn=arn, MaxItems=2, ReverseOrder=True)
    assert [event["EventId"] for event in page["Events"]] == [len(events), len(events) - 1]
    rest = told.events(arn, ReverseOrder=True, Marker=page["NextMarker"])
    assert [event["EventId"] for event in rest] == list(range(len(events) - 2, 0, -1))


def test_a_step_is_tried_again_when_its_delay_is_over(cloudlet, eventually):
    flaky = Durable(cloudlet, "flaky", """
retry = create_retry_strategy(RetryStrategyConfig(
    max_attempts=3, initial_delay=Duration.from_hours(1), max_delay=Duration.from_hours(8), backoff_rate=2,
    jitter_strategy=JitterStrategy.NONE))

def attempt(step):
    if step.attempt < 3:
        raise RuntimeError(f"attempt {step.attempt}")
    return step.attempt

@durable_execution
def handler(event, context):
    return context.step(attempt, name="flaky", config=StepConfig(retry_strategy=retry))
""", seconds=DAY)
    arn = flaky.start()
    eventually(lambda: flaky.story(arn).count("InvocationCompleted") == 1)
    cloudlet.advance(3600)
    eventually(lambda: flaky.story(arn).count("InvocationCompleted") == 2)
    assert flaky.get(arn)["Status"] == "RUNNING"
    cloudlet.advance(7200)
    eventually(lambda: flaky.get(arn)["Status"] == "SUCCEEDED")
    assert flaky.get(arn)["Result"] == "3"
    failed = [event for event in flaky.events(arn) if event["EventType"] == "StepFailed"]
    assert [event["StepFailedDetails"]["RetryDetails"] for event in failed] == [
        {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 3600},
        {"CurrentAttempt": 2, "NextAttemptDelaySeconds": 7200}]
    assert failed[0]["StepFailedDetails"]["Error"]["Payload"]["ErrorMessage"] == "attempt 1"


def test_a_condition_is_polled_between_waits(cloudlet, eventually):
    polls = Durable(cloudlet, "polls", """
def strategy(state, attempt):
    if state >= 3:
        return WaitForConditionDecision.stop_polling()
    return WaitForConditionDecision.continue_waiting(Duration.from_hours(6))

@durable_execution
def handler(event, context):
    config = WaitForConditionConfig(initial_state=0, wait_strategy=strategy)
    return context.wait_for_condition(lambda state, _: state + 1, config, name="poll")
""", seconds=30 * DAY)
    arn = polls.start()
    for round in (1, 2):
        eventually(lambda round=round: polls.story(arn).count("InvocationCompleted") == round)
        cloudlet.advance(6 * 3600)
    eventually(lambda: polls.get(arn)["Status"] == "SUCCEEDED")
    assert polls.get(arn)["Result"] == "3"
    states = [event["StepSucceededDetails"]["Result"]["Payload"] for event in polls.events(arn)
              if event["EventType"] == "StepSucceeded"]
    assert states == ["1", "2", "3"]


def test_branches_run_beside_each_other_and_wait_for_their_own(cloudlet, eventually):
    fans = Durable(cloudlet, "fans", """
def branch(context, item, index, items):
    context.wait(Duration.from_hours(item), name=f"wait {item}")
    return context.step(lambda _: item * 10, name=f"step {item}")

@durable_execution
def handler(event, context):
    return context.map([1, 2, 3], branch, name="fan").get_results()
""", seconds=DAY)
    arn = fans.start()
    for hour in (1, 2, 3):
        eventually(lambda hour=hour: fans.story(arn).count("InvocationCompleted") == hour)
        cloudlet.advance(3600)
    eventually(lambda: fans.get(arn)["Status"] == "SUCCEEDED")
    assert fans.get(arn)["Result"] == "[10, 20, 30]"
    events = fans.events(arn)
    contexts = {event["Id"]: event for event in events if event["EventType"] == "ContextStarted"}
    waits = [event for event in events if event["EventType"] == "WaitStarted"]
    assert len(contexts) == 4 and len(waits) == 3
    assert all(event["ParentId"] in contexts for event in waits)


def test_a_step_is_not_run_again_when_the_invocation_after_it_dies(cloudlet, eventually):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="dies")["QueueUrl"]
    dies = Durable(cloudlet, "dies", f"""
import os, boto3
sqs = boto3.client("sqs")
url = "{url}"

def once(_):
    sqs.send_message(QueueUrl=url, MessageBody="step")
    return 7

@durable_execution
def handler(event, context):
    kept = context.step(once, name="once")
    if not sqs.receive_message(QueueUrl=url + "-go").get("Messages"):
        os._exit(1)
    return kept
""", seconds=DAY)
    go = sqs.create_queue(QueueName="dies-go")["QueueUrl"]
    arn = dies.start()
    eventually(lambda: "InvocationCompleted" in dies.story(arn))
    sqs.send_message(QueueUrl=go, MessageBody="go")
    cloudlet.advance(5)
    eventually(lambda: dies.get(arn)["Status"] == "SUCCEEDED")
    assert dies.get(arn)["Result"] == "7"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessages"] == "1"
    error = next(event for event in dies.events(arn) if event["EventType"] == "InvocationCompleted")[
        "InvocationCompletedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "Runtime.ExitError"


def test_a_function_that_always_dies_is_given_up(cloudlet, eventually):
    hopeless = Durable(cloudlet, "hopeless", """
import os
@durable_execution
def handler(event, context):
    os._exit(1)
""", seconds=DAY)
    arn = hopeless.start()
    for round, pause in enumerate((5, 10, 20, 40), 1):
        eventually(lambda round=round: hopeless.story(arn).count("InvocationCompleted") == round)
        cloudlet.advance(pause)
    eventually(lambda: hopeless.get(arn)["Status"] == "FAILED")
    assert hopeless.get(arn)["Error"]["ErrorType"] == "Runtime.ExitError"
    assert hopeless.story(arn).count("InvocationCompleted") == 5


def test_a_result_too_large_for_an_answer_is_kept_by_a_checkpoint(cloudlet):
    large = Durable(cloudlet, "large", """
@durable_execution
def handler(event, context):
    return "x" * (6 * 1024 * 1024 - 20)
""")
    answer = large.client.invoke(FunctionName="large", Qualifier="$LATEST", Payload=b"{}")
    assert len(answer["Payload"].read()) == 6 * 1024 * 1024 - 18
    assert large.story(answer["DurableExecutionArn"]) == [
        "ExecutionStarted", "ExecutionSucceeded", "InvocationCompleted"]


def test_an_execution_that_remembers_much_is_read_page_by_page(cloudlet, eventually):
    long = Durable(cloudlet, "long", """
@durable_execution
def handler(event, context):
    sizes = [len(context.step(lambda _: "x" * 400_000, name=f"step {n}")) for n in range(20)]
    context.wait(Duration.from_seconds(1))
    return sum(sizes)
""", MemorySize=1024)
    arn = long.start()
    eventually(lambda: "InvocationCompleted" in long.story(arn))
    cloudlet.advance(1)
    eventually(lambda: long.get(arn)["Status"] == "SUCCEEDED")
    assert long.get(arn)["Result"] == str(20 * 400_000)
    pages = [page["Events"] for page in long.client.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=arn)]
    assert len(pages) > 1
    assert [event["EventType"] for page in pages for event in page] == long.story(arn)


def test_an_execution_that_takes_too_long_times_out(cloudlet, eventually):
    late = Durable(cloudlet, "late", """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_days(2))
""", seconds=DAY)
    arn = late.start()
    eventually(lambda: "InvocationCompleted" in late.story(arn))
    assert late.get(arn)["ExpectedExecutionTimeoutTimestamp"] > late.get(arn)["StartTimestamp"]
    cloudlet.advance(DAY)
    eventually(lambda: late.get(arn)["Status"] == "TIMED_OUT")
    assert late.get(arn)["Error"]["ErrorMessage"] == f"Execution timed out after {DAY} seconds."
    cloudlet.advance(DAY)
    assert late.story(arn)[-1] == "ExecutionTimedOut"


def test_an_execution_goes_on_with_the_version_it_began_with(cloudlet, eventually):
    source = """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_hours(1))
    return WHICH
"""
    pinned = Durable(cloudlet, "pinned", source.replace("WHICH", "1"), seconds=DAY)
    client = pinned.client
    number = client.publish_version(FunctionName="pinned")["Version"]
    client.create_alias(FunctionName="pinned", Name="live", FunctionVersion=number)
    arn = client.invoke(FunctionName="pinned:live", InvocationType="Event", Payload=b"{}")[
        "DurableExecutionArn"]
    assert f":function:pinned:{number}/" in arn
    eventually(lambda: "InvocationCompleted" in pinned.story(arn))
    client.update_function_configuration(FunctionName="pinned", Handler="gone.handler")
    client.update_alias(FunctionName="pinned", Name="live",
                        FunctionVersion=client.publish_version(FunctionName="pinned")["Version"])
    cloudlet.advance(3600)
    eventually(lambda: pinned.get(arn)["Status"] == "SUCCEEDED")
    assert (pinned.get(arn)["Version"], pinned.get(arn)["Result"]) == (number, "1")


def test_an_execution_whose_function_is_gone_fails(cloudlet, eventually):
    gone = Durable(cloudlet, "gone", """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_hours(1))
""", seconds=DAY)
    arn = gone.start()
    eventually(lambda: "InvocationCompleted" in gone.story(arn))
    gone.client.delete_function(FunctionName="gone")
    cloudlet.advance(3600)
    eventually(lambda: gone.get(arn)["Status"] == "FAILED")
    assert gone.get(arn)["Error"]["ErrorType"] == "ResourceNotFoundException"


def test_the_log_of_the_last_invocation_is_shown_on_request(cloudlet):
    speaks = Durable(cloudlet, "speaks", """
@durable_execution
def handler(event, context):
    print("hello from the handler")
    return event
""")
    answer = speaks.client.invoke(FunctionName="speaks", Qualifier="$LATEST", LogType="Tail", Payload=b"1")
    assert "hello from the handler" in base64.b64decode(answer["LogResult"]).decode()


def test_the_settings_are_shown_and_can_be_changed(cloudlet):
    shown = Durable(cloudlet, "shown", "handler = None", seconds=60)
    client = shown.client
    assert client.get_function_configuration(FunctionName="shown")["DurableConfig"] == {
        "ExecutionTimeout": 60, "RetentionPeriodInDays": 7}
    client.update_function_configuration(FunctionName="shown", DurableConfig={"ExecutionTimeout": 90})
    assert client.get_function(FunctionName="shown")["Configuration"]["DurableConfig"] == {
        "ExecutionTimeout": 90, "RetentionPeriodInDays": 7}
    with pytest.raises(ClientError, match="KMSKeyArn"):
        client.update_function_configuration(
            FunctionName="shown", DurableConfig={"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"})


def test_a_function_that_was_not_created_durable_cannot_become_so(cloudlet, deploy):
    plain = deploy("def handler(event, context): return event")
    with pytest.raises(ClientError, match="only be enabled when a function is created"):
        plain.client.update_function_configuration(
            FunctionName=plain.name, DurableConfig={"ExecutionTimeout": 60})
    with pytest.raises(ClientError, match="DurableExecutionName"):
        plain.client.invoke(FunctionName=plain.name, DurableExecutionName="name")


def test_a_mapping_begins_an_execution_for_each_batch(cloudlet, eventually):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="mapped", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    mapped = Durable(cloudlet, "mapped", """
@durable_execution
def handler(event, context):
    return context.step(lambda _: [record["body"] for record in event["Records"]])
""")
    number = mapped.client.publish_version(FunctionName="mapped")["Version"]
    mapped.client.create_event_source_mapping(
        EventSourceArn="arn:aws:sqs:us-east-1:000000000000:mapped", FunctionName=f"mapped:{number}")
    sqs.send_message(QueueUrl=url, MessageBody="hello")

    def results():
        found = mapped.client.list_durable_executions_by_function(
            FunctionName="mapped", Statuses=["SUCCEEDED"])
        return [mapped.get(one["DurableExecutionArn"])["Result"] for one in found["DurableExecutions"]]
    assert eventually(results) == ['["hello"]']
    eventually(lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
        "ApproximateNumberOfMessagesNotVisible"] == "0")
