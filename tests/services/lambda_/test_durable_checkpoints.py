"""The contract between a durable function and the service, without the SDK in between."""

import pytest
from botocore.exceptions import ClientError

from .durable_functions import Puppet

HOUR = 3600


@pytest.fixture(scope="module")
def puppets(cloudlet):
    """One function for the tests that leave nothing behind."""
    return Puppet(cloudlet, "puppet", seconds=24 * HOUR)


@pytest.fixture
def puppet(puppets):
    """A running invocation: the function, its execution's ARN and the token to go on with."""
    arn = puppets.start({"n": 1})
    event = puppets.called()
    yield puppets, arn, event["CheckpointToken"]
    if puppets.client.get_durable_execution(DurableExecutionArn=arn)["Status"] in ("RUNNING", "PAUSED"):
        puppets.client.stop_durable_execution(DurableExecutionArn=arn)
    puppets.answer("PENDING")


def update(id, kind, action, **members):
    return {"Id": id, "Type": kind, "Action": action} | members


def test_an_invocation_gets_all_that_the_execution_remembers(cloudlet, puppets):
    arn = puppets.start({"n": 1})
    event = puppets.called()
    assert event.keys() == {"DurableExecutionArn", "CheckpointToken", "InitialExecutionState",
                            "UpdatedOperationIds"}
    assert event["DurableExecutionArn"] == arn
    (first,) = event["InitialExecutionState"]["Operations"]
    assert (first["Type"], first["Status"]) == ("EXECUTION", "STARTED")
    assert first["ExecutionDetails"] == {"InputPayload": '{"n": 1}'}
    assert isinstance(first["StartTimestamp"], int)
    puppets.checkpoint(arn, event["CheckpointToken"],
                       update("w", "WAIT", "START", WaitOptions={"WaitSeconds": HOUR}, Name="nap"))
    puppets.answer("PENDING")
    cloudlet.advance(HOUR)
    event = puppets.called()
    _, wait = event["InitialExecutionState"]["Operations"]
    assert (wait["Id"], wait["Name"], wait["Status"]) == ("w", "nap", "SUCCEEDED")
    assert wait["WaitDetails"]["ScheduledEndTimestamp"] == wait["StartTimestamp"] + HOUR * 1000
    assert event["UpdatedOperationIds"] == ["w"]
    puppets.answer("SUCCEEDED", Result='"done"')


def test_each_checkpoint_consumes_its_token(puppet):
    function, arn, token = puppet
    after = function.checkpoint(arn, token, update("a", "STEP", "START"))["CheckpointToken"]
    for stale in (token, "AAAA"):
        with pytest.raises(ClientError, match="Invalid checkpoint token") as refused:
            function.checkpoint(arn, stale, update("b", "STEP", "START"))
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    function.checkpoint(arn, after, update("a", "STEP", "SUCCEED", Payload="1"))


def test_a_checkpoint_that_is_sent_twice_is_kept_once(puppet):
    function, arn, token = puppet
    first = function.checkpoint(arn, token, update("a", "STEP", "START"), ClientToken="same")
    again = function.checkpoint(arn, token, update("a", "STEP", "START"), ClientToken="same")
    assert again["CheckpointToken"] == first["CheckpointToken"]
    assert again["NewExecutionState"] == first["NewExecutionState"]
    with pytest.raises(ClientError, match="Invalid checkpoint token"):
        function.checkpoint(arn, token, update("a", "STEP", "START"), ClientToken="another")


def test_a_checkpoint_with_one_wrong_update_changes_nothing(puppet):
    function, arn, token = puppet
    with pytest.raises(ClientError, match="Cannot cancel a WAIT"):
        function.checkpoint(arn, token, update("a", "STEP", "START"), update("w", "WAIT", "CANCEL"))
    state = function.client.get_durable_execution_state(DurableExecutionArn=arn, CheckpointToken=token)
    assert [one["Type"] for one in state["Operations"]] == ["EXECUTION"]


OPEN = {"Id": "x", "Type": "STEP", "Action": "START", "SubType": "Step", "Name": "one"}
REFUSALS = {
    "Invalid action for the given operation type": [update("a", "STEP", "CANCEL")],
    "Cannot provide an Error for SUCCEED action": [
        update("x", "STEP", "SUCCEED", Error={"ErrorMessage": "no"})],
    "Cannot provide a Payload for FAIL action": [update("x", "STEP", "FAIL", Payload="1")],
    "Invalid StepOptions for the given action": [update("x", "STEP", "RETRY")],
    "Invalid current STEP state to start": [OPEN],
    "Inconsistent operation type": [update("x", "CONTEXT", "START")],
    "Inconsistent operation name": [update("x", "STEP", "SUCCEED", Name="two")],
    "Inconsistent operation subtype": [update("x", "STEP", "SUCCEED", SubType="Other")],
    "Inconsistent parent operation id": [
        update("c", "CONTEXT", "START"), update("x", "STEP", "SUCCEED", ParentId="c")],
    "Invalid parent operation id": [update("y", "STEP", "START", ParentId="x")],
    "Cannot checkpoint multiple operations with the same ID": [
        update("y", "WAIT", "START", WaitOptions={"WaitSeconds": 1}), update("y", "WAIT", "CANCEL")],
    "Cannot checkpoint multiple EXECUTION updates": [update("e", "EXECUTION", "SUCCEED")] * 2,
    "EXECUTION checkpoint must be the last update": [
        update("e", "EXECUTION", "SUCCEED"), update("y", "STEP", "START")],
    "Update for WAIT operation requires WaitOptions": [update("y", "WAIT", "START")],
    "Update for CHAINED_INVOKE operation requires": [update("y", "CHAINED_INVOKE", "START")],
    "Invalid WaitOptions for the given operation type": [
        update("y", "STEP", "START", WaitOptions={"WaitSeconds": 1})],
    "not reachable in this region": [
        update("y", "CHAINED_INVOKE", "START", ChainedInvokeOptions={
            "FunctionName": "arn:aws:lambda:eu-west-1:000000000000:function:f"})],
    "on a function in another account": [
        update("y", "CHAINED_INVOKE", "START", ChainedInvokeOptions={
            "FunctionName": "arn:aws:lambda:us-east-1:111111111111:function:f"})],
    "STEP payload size must be less than or equal to 1048576 bytes": [
        update("x", "STEP", "SUCCEED", Payload="x" * 1_048_577)],
    "Error object size must be less than 1048576 bytes": [
        update("x", "STEP", "FAIL", Error={"ErrorMessage": "x" * 1_048_577})],
}


def test_what_an_operation_can_not_do_is_refused(puppet):
    function, arn, token = puppet
    token = function.checkpoint(arn, token, OPEN)["CheckpointToken"]
    for message, updates in REFUSALS.items():
        with pytest.raises(ClientError, match=message) as refused:
            function.checkpoint(arn, token, *updates)
        code = "ResourceNotFound" if "this region" in message else "InvalidParameterValue"
        assert refused.value.response["Error"]["Code"] == f"{code}Exception"


def test_a_step_goes_from_started_over_pending_to_ready(cloudlet, puppet, eventually):
    function, arn, token = puppet
    answer = function.checkpoint(
        arn, token, update("s", "STEP", "START"),
        update("s", "STEP", "RETRY", Error={"ErrorMessage": "no"},
               StepOptions={"NextAttemptDelaySeconds": 60}))
    (step,) = answer["NewExecutionState"]["Operations"]
    assert (step["Status"], step["StepDetails"]["Attempt"]) == ("PENDING", 1)
    assert (step["StepDetails"]["NextAttemptTimestamp"] - step["StartTimestamp"]).seconds == 60
    with pytest.raises(ClientError, match="Invalid current STEP state to start"):
        function.checkpoint(arn, answer["CheckpointToken"], update("s", "STEP", "START"))
    cloudlet.advance(60)

    def told():
        nonlocal answer
        answer = function.checkpoint(arn, answer["CheckpointToken"])
        return answer["NewExecutionState"]["Operations"]
    ready = eventually(told)
    assert ready[0]["Status"] == "READY" and "NextAttemptTimestamp" not in ready[0]["StepDetails"]
    answer = function.checkpoint(arn, answer["CheckpointToken"], update("s", "STEP", "START"),
                                 update("s", "STEP", "SUCCEED", Payload="7"))
    (step,) = answer["NewExecutionState"]["Operations"]
    assert (step["Status"], step["StepDetails"]) == ("SUCCEEDED", {"Attempt": 2, "Result": "7"})


def test_a_wait_that_is_cancelled_wakes_nobody(cloudlet, puppet):
    function, arn, token = puppet
    answer = function.checkpoint(arn, token, update("w", "WAIT", "START", WaitOptions={"WaitSeconds": HOUR}))
    answer = function.checkpoint(arn, answer["CheckpointToken"], update("w", "WAIT", "CANCEL"))
    assert answer["NewExecutionState"]["Operations"][0]["Status"] == "CANCELLED"
    cloudlet.advance(HOUR)
    answer = function.checkpoint(arn, answer["CheckpointToken"])
    assert answer["NewExecutionState"]["Operations"] == []


def test_what_happened_inside_a_context_that_has_ended_is_told_no_more(puppet):
    function, arn, token = puppet
    answer = function.checkpoint(
        arn, token,
        update("out", "CONTEXT", "START"), update("in", "CONTEXT", "START", ParentId="out"),
        update("s1", "STEP", "START", ParentId="in"), update("kept", "CONTEXT", "START"),
        update("s2", "STEP", "START", ParentId="kept"))
    answer = function.checkpoint(
        arn, answer["CheckpointToken"], update("out", "CONTEXT", "SUCCEED", Payload="1"),
        update("kept", "CONTEXT", "SUCCEED", ContextOptions={"ReplayChildren": True}))
    answer = function.checkpoint(arn, answer["CheckpointToken"], update("s3", "STEP", "START", ParentId="in"))
    state = function.client.get_durable_execution_state(
        DurableExecutionArn=arn, CheckpointToken=answer["CheckpointToken"])
    assert [one["Id"] for one in state["Operations"]][1:] == ["out", "kept", "s2"]


def test_the_state_is_read_page_by_page(puppet):
    function, arn, token = puppet
    token = function.checkpoint(arn, token, *(update(f"s{n}", "STEP", "START") for n in range(5)))[
        "CheckpointToken"]
    found, marker = [], {}
    while True:
        page = function.client.get_durable_execution_state(
            DurableExecutionArn=arn, CheckpointToken=token, MaxItems=2, **marker)
        assert len(page["Operations"]) <= 2
        found += [one["Id"] for one in page["Operations"]]
        if "NextMarker" not in page:
            break
        marker = {"Marker": page["NextMarker"]}
    assert found[1:] == [f"s{n}" for n in range(5)]
    with pytest.raises(ClientError, match="Invalid Marker"):
        function.client.get_durable_execution_state(
            DurableExecutionArn=arn, CheckpointToken=token, Marker="nonsense")


def test_an_execution_has_at_most_three_thousand_operations(puppet):
    function, arn, token = puppet
    for first in range(0, 2_999, 1_000):
        count = min(1_000, 2_999 - first)
        token = function.checkpoint(
            arn, token, *(update(f"s{first + n}", "STEP", "START") for n in range(count)))["CheckpointToken"]
    with pytest.raises(ClientError, match="at most 3000 operations"):
        function.checkpoint(arn, token, update("more", "STEP", "START"))


def test_an_execution_that_ends_by_a_checkpoint_gives_no_further_token(puppet, eventually):
    function, arn, token = puppet
    answer = function.checkpoint(arn, token, update("e", "EXECUTION", "SUCCEED", Payload='"all"'))
    assert "CheckpointToken" not in answer
    assert function.client.get_durable_execution(DurableExecutionArn=arn)["Result"] == '"all"'
    with pytest.raises(ClientError, match="Invalid checkpoint token"):
        function.checkpoint(arn, token)


WRONG = {
    "Invalid Status in invocation output.": "{'Status': 'DONE'}",
    "Cannot provide an Error for SUCCEEDED status.": "{'Status': 'SUCCEEDED', 'Error': {}}",
    "Cannot provide a Result for FAILED status.": "{'Status': 'FAILED', 'Result': '1'}",
    "Invalid invocation output.": "{'Status': 'SUCCEEDED', 'Result': 7}",
    "Execution output payload size must be less than or equal to 1048576 bytes.":
        "{'Status': 'SUCCEEDED', 'Result': 'x' * 1048577}",
}


def test_an_answer_that_makes_no_sense_fails_the_execution(puppets, eventually):
    for message, answer in WRONG.items():
        arn = puppets.start()
        puppets.called()
        puppets.do(answer)
        found = eventually(lambda arn=arn: (found := puppets.client.get_durable_execution(
            DurableExecutionArn=arn))["Status"] == "FAILED" and found)
        assert found["Error"] == {"ErrorType": "InvalidParameterValueException", "ErrorMessage": message}


def test_an_invocation_that_waits_for_nothing_is_tried_thrice(cloudlet, puppets, eventually):
    arn = puppets.start()

    def invocations():
        found = puppets.client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        return sum(event["EventType"] == "InvocationCompleted" for event in found)

    for round, pause in ((1, 5), (2, 10), (3, 0)):
        puppets.called()
        puppets.answer("PENDING")
        eventually(lambda round=round: invocations() == round)
        cloudlet.advance(pause)
    found = puppets.client.get_durable_execution(DurableExecutionArn=arn)
    assert (found["Status"], found["Error"]["ErrorMessage"]) == (
        "FAILED", "Cannot return PENDING status with no pending operations.")


def test_two_invocations_of_an_execution_never_run_at_once(cloudlet, puppet):
    function, arn, token = puppet
    function.checkpoint(arn, token, update("w", "WAIT", "START", WaitOptions={"WaitSeconds": 1}))
    cloudlet.advance(1)
    assert function.uncalled()
    function.answer("PENDING")
    event = function.called()
    assert event["UpdatedOperationIds"] == ["w"]
    with pytest.raises(ClientError, match="Invalid checkpoint token"):
        function.checkpoint(arn, token)
