"""How data flows through states: paths, templates, variables, limits."""

import json

import pytest

from .driving import run, state

TASK = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish"}


def test_all_five_fields_of_jsonpath_have_their_turn():
    machine = state(
        {**TASK, "InputPath": "$.in", "Parameters": {"x.$": "$.a", "y": "$.a"},
         "ResultSelector": {"sum.$": "$.got.x"}, "ResultPath": "$.out.here", "OutputPath": "$.out"}
    )
    execution = run(machine, {"in": {"a": 1}, "out": {"b": 2}}, task=lambda effect, given: {"got": given})
    assert execution.output == {"b": 2, "here": {"sum": 1}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [({"Result": 5}, 5), ({"Result": 5, "ResultPath": "$.r"}, {"a": [1], "r": 5}),
     ({"ResultPath": None, "Result": 1}, {"a": [1]}), ({"Result": 5, "ResultPath": "$.a[0]"}, {"a": [5]}),
     ({"Result": 5, "ResultPath": "$.x.y"}, {"a": [1], "x": {"y": 5}}), ({"InputPath": None}, {}),
     ({"OutputPath": None}, {}), ({"OutputPath": "$.a"}, [1]), ({"InputPath": "$.a[0]"}, 1),
     ({"Parameters": {"k": [{"v.$": "$.a[0]"}, "$.a"]}}, {"k": [{"v": 1}, "$.a"]}),
     ({"Parameters": {"k.$": "$.a[*]"}, "InputPath": "$"}, {"k": [1]})],
)
def test_a_pass_state_gives(fields, output):
    assert run(state({"Type": "Pass", **fields}), {"a": [1]}).output == output


def test_a_result_that_has_no_place_is_a_failure():
    finish = run(state({"Type": "Pass", "Result": 1, "ResultPath": "$.a.b"}), {"a": 1}).finish
    assert finish.error == "States.ResultPathMatchFailure"


def test_values_that_states_share_are_not_changed():
    machine = {"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"v": {"x": 1}}, "Result": {"x": {"y": 1}}, "Next": "B"},
        "B": {"Type": "Pass", "Result": 2, "ResultPath": "$.x.y", "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"v.$": "$v", "o.$": "$"}, "End": True}}}
    for _ in range(2):
        assert run(machine).output == {"v": {"x": 1}, "o": {"x": {"y": 2}}}


def test_variables_hold_what_was_before_until_the_next_state():
    machine = {"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1, "same.$": "$.n"}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": 2, "old.$": "$x"}, "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"x.$": "$x", "old.$": "$old", "same.$": "$same"}, "End": True}}}
    assert run(machine, {"n": 9}).output == {"x": 2, "old": 1, "same": 9}


def test_variables_of_inner_states_are_seen_there_only():
    inner = {
        "StartAt": "In",
        "States": {"In": {"Type": "Pass", "Assign": {"mine.$": "States.MathAdd($outer, $)"}, "Next": "Out"},
                   "Out": {"Type": "Pass", "Parameters": {"v.$": "$mine"}, "End": True}},
    }
    machine = {"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"outer": 10}, "Next": "M"},
        "M": {"Type": "Map", "ItemProcessor": inner, "Next": "Z"},
        "Z": {"Type": "Pass", "Parameters": {"m.$": "$mine"}, "End": True}}}
    execution = run(machine, [1, 2])
    exited = next(one for one in execution.history if one.type == "MapStateExited")
    assert json.loads(exited.details["output"]) == [{"v": 11}, {"v": 12}]
    assert execution.finish.error == "States.Runtime"


def test_a_payload_may_have_256_kib_and_no_byte_more():
    text = "x" * 262_142
    assert run(state({"Type": "Pass", "Result": text})).output == text
    finish = run(state({"Type": "Pass", "Result": text[:131_000] + "ö" * 65_572})).finish
    assert (finish.error, finish.cause) == (
        "States.DataLimitExceeded",
        "The state/task 'S' returned a result with a "
        "size exceeding the maximum number of bytes service limit.",
    )


def test_a_result_that_is_too_large_fails_the_task_and_can_be_caught():
    machine = state({**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}]}, C={"Type": "Succeed"})
    execution = run(machine, task=lambda effect, given: "x" * 262_145)
    assert execution.output == {
        "Error": "States.DataLimitExceeded",
        "Cause": "The state/task 'sns' returned a result "
        "with a size exceeding the maximum number of bytes service limit.",
    }
    assert execution.types[2:6] == ["TaskScheduled", "TaskStarted", "TaskFailed", "TaskStateExited"]


def test_the_context_object_tells_of_execution_machine_state_and_task():
    machine = state(
        {**TASK, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"c.$": "$$"}}
    )
    machine["TimeoutSeconds"] = 5
    execution = run(machine, {"in": 1})
    given = json.loads(next(one for one in execution.effects if hasattr(one, "parameters")).parameters)["c"]
    assert given["Execution"] == {"Id": "arn:aws:states:us-east-1:000000000000:execution:machine:name",
                                  "Input": {"in": 1}, "Name": "name", "StartTime": "2023-11-14T22:13:20.000Z",
                                  "RoleArn": "arn:aws:iam::000000000000:role/sfn", "RedriveCount": 0}
    assert given["StateMachine"] == {"Id": "arn:aws:states:us-east-1:000000000000:stateMachine:machine",
                                     "Name": "machine"}
    assert given["State"] == {"Name": "S", "EnteredTime": "2023-11-14T22:13:20.000Z", "RetryCount": 0}
    assert given["Task"] == {"Token": "token-0-1"}


@pytest.mark.parametrize(
    ("fields", "input", "cause"),
    [
        ({"SecondsPath": "$.s"}, {}, "The SecondsPath parameter does not reference an input value: $.s"),
        ({"SecondsPath": "$.s"}, {"s": 1.5},
         "The SecondsPath parameter cannot be parsed as a long value: $.s == 1.5"),
        ({"SecondsPath": "$.s"}, {"s": -1},
         "The SecondsPath parameter references a negative value: $.s == -1"),
        (
            {"TimestampPath": "$.t"},
            {"t": "2016-12-05 21:29:29Z"},
            "The TimestampPath parameter does not reference a valid "
            "ISO-8601 extended offset date-time format string: $.t == 2016-12-05 21:29:29Z",
        ),
        ({"TimestampPath": "$.t"}, {"t": "2126-12-05T21:29:29Z"}, "Wait state delay is too long."),
    ],
)
def test_a_wait_that_can_not_be_waited_for_says_why(fields, input, cause):
    finish = run(state({"Type": "Wait", **fields}), input).finish
    assert (finish.error, finish.cause) == (
        "States.Runtime",
        f"An error occurred while executing the state 'S' (entered at the event id #2). {cause}",
    )


@pytest.mark.parametrize(
    ("fields", "jsonata", "seconds"),
    [({"Seconds": 300 * 86_400}, False, 300 * 86_400), ({"SecondsPath": "$.s"}, False, 7),
     ({"TimestampPath": "$.t"}, False, 80), ({"Timestamp": "2023-11-14T22:14:40Z"}, False, 80),
     ({"Seconds": "{% $states.input.s + 1 %}"}, True, 8), ({"Timestamp": "{% $states.input.t %}"}, True, 80),
     ({"Seconds": 0}, False, 0)],
)
def test_a_wait_ends_when_its_moment_comes(fields, jsonata, seconds):
    execution = run(state({"Type": "Wait", **fields}, jsonata=jsonata), {"s": 7, "t": "2023-11-14T22:14:40Z"})
    assert execution.finish.status == "SUCCEEDED"
    assert execution.history[2].at_ms - execution.history[1].at_ms == seconds * 1000


def test_a_wait_evaluates_its_timestamp_before_it_is_found_wanting():
    execution = run(state({"Type": "Wait", "Timestamp": "{% 'soon' %}"}, jsonata=True))
    assert [(one.type, one.previous) for one in execution.history[1:]] == [
        ("WaitStateEntered", 0), ("EvaluationFailed", 2), ("ExecutionFailed", 3)]
    assert "location" not in execution.history[2].details


def test_numbers_and_texts_come_through_whatever_they_are():
    odd = r'{"big":123456789012345678901234567890,"half":"\ud83d","float":1.0,"zero":"\u0000"}'
    execution = run(state({"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": {
        "StartAt": "I", "States": {"I": {"Type": "Pass", "Assign": {"v.$": "$"}, "End": True}}}}),
        text=f'{{"items":[{odd}]}}')
    assert execution.output == [json.loads(odd)]
