"""TestState: one state alone."""

import json

import pytest

from cloudlet.services.stepfunctions import inspection
from cloudlet.workflow import definition, records

from ...workflow.driving import World

ORIGIN = records.Origin("arn:aws:states:us-east-1:1:express:m:n", "n", "r",
                        "arn:aws:states:us-east-1:1:stateMachine:m", "m", 0)
TASK = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}


def inspect(body, input=None, mock=None, **options):
    machine = definition.Machine("S", {"S": definition.compile_state("S", body)}, None)
    return inspection.inspect(machine, "S", json.dumps(input), ORIGIN, World(), 0, mock=mock, **options)


def test_every_stage_of_the_data_is_told():
    found = inspect(
        {**TASK, "InputPath": "$.a", "Parameters": {"p.$": "$"}, "ResultSelector": {"s.$": "$.r"},
         "ResultPath": "$.out", "OutputPath": "$.out", "Next": "Z"},
        {"a": 1},
        inspection.Mock('{"r": 2}'),
    )
    assert (found.status, found.next, json.loads(found.output)) == ("SUCCEEDED", "Z", {"s": 2})
    assert found.data == {"input": {"a": 1}, "afterInputPath": 1, "afterParameters": {"p": 1},
                          "result": {"r": 2}, "afterResultSelector": {"s": 2},
                          "afterResultPath": {"a": 1, "out": {"s": 2}}}
    assert inspection.shown(found)["afterParameters"] == '{"p":1}'


def test_variables_and_a_context_object_may_be_given():
    found = inspect(
        {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% [$v, $states.context.k] %}", "End": True},
        variables={"v": 1},
        context={"k": 2},
    )
    assert json.loads(found.output) == [1, 2]
    assert found.data["variables"] == {"v": 1}


@pytest.mark.parametrize(
    ("retries", "status", "details"),
    [(0, "RETRIABLE", {"retryIndex": 1, "retryBackoffIntervalSeconds": 3}),
     (1, "RETRIABLE", {"retryIndex": 1, "retryBackoffIntervalSeconds": 6}),
     (2, "CAUGHT_ERROR", {"catchIndex": 0})],
)
def test_an_error_is_retried_or_caught(retries, status, details):
    body = {**TASK,
            "Retry": [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["E"], "IntervalSeconds": 3, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "End": True}
    found = inspect(body, {}, inspection.Mock(error="E", cause="C", retries=retries))
    assert (found.status, found.error, found.cause) == (status, "E", "C")
    assert found.data["errorDetails"] == details


@pytest.mark.parametrize(("failures", "status"), [(1, "SUCCEEDED"), (2, "FAILED")])
def test_a_map_tells_how_it_would_run(failures, status):
    body = {"Type": "Map", "ItemsPath": "$.i", "MaxConcurrency": 3, "ToleratedFailureCount": 1, "End": True,
            "ItemProcessor": {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}}
    found = inspect(body, {"i": [1, 2]}, inspection.Mock("[5]", failures=failures))
    assert found.status == status
    assert found.data["afterItemsPath"] == [1, 2]
    assert (found.data["maxConcurrency"], found.data["toleratedFailureCount"]) == (3, 1)


def test_a_state_that_needs_a_mock_says_so():
    with pytest.raises(LookupError, match="A Task state needs a mock"):
        inspect({**TASK, "End": True}, {})


@pytest.mark.parametrize(
    "body",
    [{"Type": "Wait", "Seconds": 9, "Next": "Z"}, {"Type": "Succeed"},
     {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": False, "Next": "Z"}]}],
)
def test_states_without_work_are_done(body):
    found = inspect(body, 1)
    assert (found.status, found.output, found.next) == ("SUCCEEDED", "1", None if body["Type"] == "Succeed"
                                                        else "Z")
