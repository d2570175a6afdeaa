"""Chained invocations: an execution invokes functions, and waits for them without running."""

from .durable_functions import Durable

DAY = 86_400
CALLS = """
@durable_execution
def handler(event, context):
    return context.invoke(event["function"], event.get("payload"), name="call")
"""


def ended(function, eventually, arn):
    eventually(lambda: function.get(arn)["Status"] != "RUNNING")
    return function.get(arn)


def test_a_function_that_is_not_durable_answers(cloudlet, deploy, eventually):
    calls = Durable(cloudlet, "calls", CALLS, seconds=DAY)
    double = deploy("def handler(event, context): return {'doubled': event['n'] * 2}")
    arn = calls.start({"function": double.name, "payload": {"n": 4}})
    assert ended(calls, eventually, arn)["Result"] == '{"doubled": 8}'
    story = calls.story(arn)  # the function may answer before the first invocation has ended
    assert [one for one in story if one != "InvocationCompleted"] == [
        "ExecutionStarted", "ChainedInvokeStarted", "ChainedInvokeSucceeded", "ExecutionSucceeded"]
    begun = calls.events(arn)[1]["ChainedInvokeStartedDetails"]
    assert begun == {"FunctionName": double.name, "ExecutedVersion": "$LATEST",
                     "Input": {"Payload": '{"n": 4}', "Truncated": False}}


def test_the_error_of_a_function_is_the_error_of_the_call(cloudlet, deploy, eventually):
    calls = Durable(cloudlet, "calls-wrong", CALLS, seconds=DAY)
    wrong = deploy("def handler(event, context): raise KeyError('order')")
    found = ended(calls, eventually, calls.start({"function": wrong.name}))
    assert found["Status"] == "FAILED" and "order" in found["Error"]["ErrorMessage"]


def test_a_function_that_is_not_there_fails_the_call_at_once(cloudlet, eventually):
    calls = Durable(cloudlet, "calls-nobody", CALLS, seconds=DAY)
    arn = calls.start({"function": "nobody"})
    assert ended(calls, eventually, arn)["Status"] == "FAILED"
    failed = next(event for event in calls.events(arn) if event["EventType"] == "ChainedInvokeFailed")
    error = failed["ChainedInvokeFailedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "ResourceNotFoundException"
    assert calls.story(arn).count("InvocationCompleted") == 1


def test_a_durable_function_is_an_execution_of_its_own(cloudlet, eventually):
    child = Durable(cloudlet, "child", """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_days(2))
    return event["n"] + 1
""", seconds=10 * DAY)
    parent = Durable(cloudlet, "parent", CALLS, seconds=30 * DAY)
    arn = parent.start({"function": "child:$LATEST", "payload": {"n": 1}})
    eventually(lambda: "InvocationCompleted" in parent.story(arn))
    begun = parent.events(arn)[1]["ChainedInvokeStartedDetails"]
    eventually(lambda: "InvocationCompleted" in child.story(begun["DurableExecutionArn"]))
    assert child.get(begun["DurableExecutionArn"])["Status"] == "RUNNING"
    cloudlet.advance(2 * DAY)
    assert ended(parent, eventually, arn)["Result"] == "2"
    assert child.get(begun["DurableExecutionArn"])["Status"] == "SUCCEEDED"


def test_a_durable_function_must_be_named_with_its_version(cloudlet, eventually):
    Durable(cloudlet, "unnamed", "handler = None")
    parent = Durable(cloudlet, "parent-of-unnamed", CALLS, seconds=DAY)
    found = ended(parent, eventually, parent.start({"function": "unnamed"}))
    assert "unqualified ARN" in found["Error"]["ErrorMessage"]


def test_an_invoked_execution_that_times_out_or_is_stopped_says_so(cloudlet, eventually):
    Durable(cloudlet, "sleeper", """
@durable_execution
def handler(event, context):
    context.wait(Duration.from_days(9))
""", seconds=DAY)
    parent = Durable(cloudlet, "parent-of-sleeper", """
@durable_execution
def handler(event, context):
    try:
        context.invoke("sleeper:$LATEST", None)
    except Exception as error:
        return str(error)
""", seconds=30 * DAY)
    first, second = parent.start(), parent.start()
    for arn in (first, second):
        eventually(lambda arn=arn: "InvocationCompleted" in parent.story(arn))
    child = parent.events(second)[1]["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    parent.client.stop_durable_execution(
        DurableExecutionArn=child, Error={"ErrorType": "Enough", "ErrorMessage": "enough of it"})
    assert "enough of it" in ended(parent, eventually, second)["Result"]
    assert "ChainedInvokeStopped" in parent.story(second)
    cloudlet.advance(DAY)
    assert f"CHAINED_INVOKE timed out after {DAY} seconds." in ended(parent, eventually, first)["Result"]
    assert "ChainedInvokeTimedOut" in parent.story(first)
