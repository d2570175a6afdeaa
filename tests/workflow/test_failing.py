"""Retry, Catch, timeouts and the errors of the language."""

import json

import pytest

from cloudlet.workflow import records

from .driving import Execution, TaskError, run, state

TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}


def failing(*errors):
    """A task that fails with these errors, one after the other, and then succeeds."""
    left = list(errors)

    def task(effect, given):
        if left:
            raise TaskError(left.pop(0), "because")
        return "done"

    return task


def waits(execution):
    return [timer.at_ms - before for before, timer in
            [(step, timer) for step, timer in zip([one.at_ms for one in execution.history
                                                   if one.type == "TaskFailed"],
                                                  [one for one in execution.effects
                                                   if isinstance(one, records.SetTimer)], strict=False)]]


def test_a_retrier_waits_longer_each_time_up_to_its_limit():
    machine = state(
        {
            **TASK,
            "Retry": [
                {"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 4,
                 "MaxDelaySeconds": 20}
            ],
        }
    )
    execution = run(machine, task=failing("E", "E", "E", "E"))
    assert execution.output == "done"
    assert waits(execution) == [2000, 6000, 18000, 20000]
    assert execution.types.count("TaskStateEntered") == 1
    assert execution.types.count("TaskScheduled") == 5


def test_the_defaults_are_three_attempts_from_one_second_doubling():
    execution = run(state({**TASK, "Retry": [{"ErrorEquals": ["States.ALL"]}]}), task=failing(*"EEEE"))
    assert (execution.finish.error, execution.finish.cause) == ("E", "because")
    assert waits(execution) == [1000, 2000, 4000]


def test_a_retrier_may_go_on_for_as_long_as_it_likes():
    machine = state({**TASK, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1100, "MaxDelaySeconds": 3}]})
    execution = run(machine, task=failing(*["E"] * 1100))
    assert execution.output == "done"
    assert waits(execution)[-1] == 3000


def test_full_jitter_waits_for_a_part_of_it():
    machine = state(
        {**TASK, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 8, "JitterStrategy": "FULL"}]}
    )
    assert waits(run(machine, task=failing("E"))) == [4000]


def test_each_retrier_counts_for_itself():
    machine = state(
        {**TASK,
         "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 2}]}
    )
    assert run(machine, task=failing("A", "B", "B")).output == "done"
    assert run(machine, task=failing("A", "B", "A")).finish.error == "A"


def test_no_attempts_means_no_retry_even_if_a_later_retrier_would():
    machine = state(
        {**TASK, "Retry": [{"ErrorEquals": ["A"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]}
    )
    assert run(machine, task=failing("A")).finish.error == "A"


def test_the_number_of_retries_is_in_the_context_object():
    seen = []

    def task(effect, given):
        seen.append(given["n"])
        raise TaskError("E")

    run(
        state(
            {**TASK, "Parameters": {"n.$": "$$.State.RetryCount"},
             "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 2}]}
        ),
        task=task,
    )
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "error", "caught"),
    [(["States.ALL"], "E", True), (["States.TaskFailed"], "E", True), (["E"], "E", True), (["F"], "E", False),
     (["States.TaskFailed"], "States.Timeout", False), (["States.ALL"], None, True),
     (["State.ALL"], "E", False)],
)
def test_a_catcher_is_chosen_by_the_errors_name(names, error, caught):
    machine = state({**TASK, "Catch": [{"ErrorEquals": names, "Next": "C"}]}, C={"Type": "Succeed"})
    execution = run(machine, task=failing(error))
    assert (execution.finish.status == "SUCCEEDED") is caught
    if caught:
        assert execution.output == {"Error": error, "Cause": "because"}


def test_a_catcher_puts_the_error_where_it_says():
    machine = state(
        {**TASK,
         "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.why", "Assign": {"e.$": "$.Error"}, "Next": "C"}]},
        C={"Type": "Pass", "Parameters": {"in.$": "$", "e.$": "$e"}, "End": True},
    )
    assert run(machine, {"a": 1}, task=failing("E")).output == {
        "in": {"a": 1, "why": {"Error": "E", "Cause": "because"}}, "e": "E"}


def test_a_catcher_of_jsonata_sees_the_error_and_the_input():
    machine = state(
        {
            **TASK,
            "Catch": [
                {"ErrorEquals": ["E"], "Output": "{% [$states.errorOutput.Error, $states.input] %}",
                 "Next": "C"}
            ],
        },
        jsonata=True,
        C={"Type": "Succeed"},
    )
    assert run(machine, 1, task=failing("E")).output == ["E", 1]


def test_retry_comes_before_catch():
    machine = state({**TASK, "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
                     "Catch": [{"ErrorEquals": ["E"], "Next": "C"}]}, C={"Type": "Succeed"})
    execution = run(machine, task=failing("E", "E"))
    assert execution.types[2:9] == ["TaskScheduled", "TaskStarted", "TaskFailed", "TaskScheduled",
                                    "TaskStarted", "TaskFailed", "TaskStateExited"]


def test_what_does_not_fit_is_beyond_retry_and_catch():
    machine = state(
        {**TASK, "OutputPath": "$.no.such", "Retry": [{"ErrorEquals": ["States.ALL"]}],
         "Catch": [{"ErrorEquals": ["States.ALL", "States.Runtime"], "Next": "C"}]},
        C={"Type": "Succeed"},
    )
    finish = run(machine, task=failing()).finish
    assert (finish.error, finish.cause) == (
        "States.Runtime",
        "An error occurred while executing the state 'S' (entered at the event id #2). Invalid path "
        "'$.no.such' : Missing property in path $['no']",
    )


def test_a_failed_expression_can_be_caught():
    machine = state(
        {**TASK, "Arguments": "{% $nobody %}",
         "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "C"}]},
        jsonata=True,
        C={"Type": "Succeed"},
    )
    execution = run(machine)
    assert execution.output["Error"] == "States.QueryEvaluationError"
    assert [(one.type, one.previous) for one in execution.history[1:4]] == [
        ("TaskStateEntered", 0), ("EvaluationFailed", 0), ("TaskStateExited", 3)]


def test_a_catcher_that_fails_itself_fails_the_execution():
    machine = state({**TASK, "Catch": [{"ErrorEquals": ["E"], "Output": "{% $nobody %}", "Next": "C"}]},
                    jsonata=True, C={"Type": "Succeed"})
    assert "'Catch[0]/Output' returned nothing" in run(machine, task=failing("E")).finish.cause


@pytest.mark.parametrize(("body", "failure"), [({"Error": "E", "Cause": "C"}, ("E", "C")), ({}, (None, None)),
                                               ({"ErrorPath": "$.e", "CausePath": "$.c"}, ("x", "y")),
                                               ({"ErrorPath": "States.Format('{}!', $.e)"}, ("x!", None))])
def test_a_fail_state_says_why(body, failure):
    finish = run(state({"Type": "Fail", **body}), {"e": "x", "c": "y"}).finish
    assert (finish.status, finish.error, finish.cause) == ("FAILED", *failure)


# -- tasks


@pytest.mark.parametrize(("resource", "kind", "details"), [
    ("arn:aws:states:::dynamodb:putItem", "Task", {"resource": "putItem", "resourceType": "dynamodb"}),
    ("arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken", "Task",
     {"resource": "sendMessage.waitForTaskToken", "resourceType": "aws-sdk:sqs"}),
    ("arn:aws:lambda:us-east-1:1:function:f:live", "LambdaFunction", None),
    ("arn:aws:states:us-east-1:1:activity:a", "Activity", {}),
])
def test_events_are_called_by_what_does_the_task(resource, kind, details):
    execution = run(state({"Type": "Task", "Resource": resource, "TimeoutSeconds": 9}), {"a": 1},
                    task=failing())
    assert execution.types[2:5] == [f"{kind}Scheduled", f"{kind}Started", f"{kind}Succeeded"]
    scheduled, started, succeeded = execution.history[2:5]
    assert started.details == details
    assert succeeded.details == {"output": '"done"', "outputDetails": {"truncated": False}, **(details or {})}
    if kind == "Task":
        assert scheduled.details == {"parameters": '{"a":1}', "region": "us-east-1", "timeoutInSeconds": 9,
                                     **details}
    else:
        assert scheduled.details == {"input": '{"a":1}', "inputDetails": {"truncated": False},
                                     "resource": resource, "timeoutInSeconds": 9}


@pytest.mark.parametrize(
    "limits",
    [{"TimeoutSeconds": 60, "HeartbeatSeconds": 5},
     {"TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$.h"}],
)
def test_a_task_without_a_sign_of_life_times_out(limits):
    machine = state({**TASK, **limits, "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "C"}]},
                    C={"Type": "Succeed"})
    execution = Execution(machine, {"t": 60, "h": 5})
    scheduled = execution.history[2].details
    assert (scheduled["timeoutInSeconds"], scheduled["heartbeatInSeconds"]) == (60, 5)
    execution.now_ms += 4000
    execution.tell(records.Answer(0, 1, "alive"))
    execution.run()
    assert execution.now_ms == 1_700_000_009_000
    assert execution.history[3].type == "TaskTimedOut"
    assert execution.history[3].details == {"error": "States.Timeout", "resource": "invoke",
                                            "resourceType": "lambda"}
    assert execution.output == {"Error": "States.Timeout", "Cause": None}
    assert records.Abandon(0, 1) in execution.effects


def test_a_task_that_takes_too_long_times_out():
    execution = run(state({**TASK, "TimeoutSeconds": "{% 2 + 1 %}"}, jsonata=True))
    assert (execution.finish.status, execution.finish.error) == ("FAILED", "States.Timeout")
    assert execution.now_ms == 1_700_000_003_000


def test_credentials_are_data():
    machine = state({**TASK, "Credentials": {"RoleArn.$": "$.role"}})
    execution = run(machine, {"role": "arn:aws:iam::2:role/r"})
    task = next(one for one in execution.effects if isinstance(one, records.RunTask))
    assert task.credentials == {"RoleArn": "arn:aws:iam::2:role/r"}
    assert execution.history[2].details["taskCredentials"] == {"roleArn": "arn:aws:iam::2:role/r"}


def test_a_task_that_is_refused_beforehand_is_not_scheduled():
    machine = state({"Type": "Wait", "Seconds": 1, "Next": "T"}, T={**TASK, "End": True})
    execution = Execution(machine)
    execution.world.refused = "The activity a does not exist."
    execution.run()
    assert execution.types[-2:] == ["TaskStateEntered", "ExecutionFailed"]
    assert execution.finish.cause == (
        "An error occurred while executing the state 'T' (entered at the event id #4). "
        "The activity a does not exist."
    )


def test_what_was_submitted_is_recorded_before_the_result():
    execution = Execution(state({**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}))
    for kind, text in (("started", ""), ("submitted", '{"MessageId":"1"}'), ("done", "2")):
        execution.tell(records.Answer(0, 1, kind, text))
    assert execution.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert json.loads(execution.history[4].details["output"]) == {"MessageId": "1"}
    assert execution.output == 2
