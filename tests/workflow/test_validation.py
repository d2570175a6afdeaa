"""What is wrong with a definition, and AWS's words for it."""

import json

import pytest

from cloudlet.services.stepfunctions.definitions import summary
from cloudlet.workflow.validation import validate, validate_state

P = {"Type": "Pass", "End": True}
T = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}


def diagnose(definition, **options):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return [(one.code, one.message, one.location) for one in validate(text, **options)]


def one(body, name="S", **others):
    return {"StartAt": name, "States": {name: body, **others}}


@pytest.mark.parametrize(
    ("definition", "code", "message", "location"),
    [
        ("[]", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", None),
        ({"States": {"S": P}}, "SCHEMA_VALIDATION_FAILED", "These fields are required: [StartAt]", "/"),
        ({}, "SCHEMA_VALIDATION_FAILED", "These fields are required: [States, StartAt]", "/"),
        (one({**P, "QueryLanguage": "JSONPath"}) | {"QueryLanguage": "JSONata"}, "SCHEMA_VALIDATION_FAILED",
         "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine", "/States/S"),
        (
            one({"Type": "Nothing", "End": True}),
            "SCHEMA_VALIDATION_FAILED",
            "The field 'Type' should have one of these "
            "values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
            "/States/S/Type",
        ),
        (one({**T, "Credentials": {}}), "SCHEMA_VALIDATION_FAILED",
         "The field 'RoleArn' is required but was missing", "/States/S/Credentials"),
        (one({"Type": "Parallel", "Branches": [], "End": True}), "SCHEMA_VALIDATION_FAILED",
         "Value cannot be empty", "/States/S/Branches"),
        (one({"Type": "Wait", "Timestamp": "soon", "End": True}), "SCHEMA_VALIDATION_FAILED",
         "String does not match RFC3339 timestamp", "/States/S/Timestamp"),
        (one({**P, "Parameters": {"parsed.$": "parse me"}}), "SCHEMA_VALIDATION_FAILED",
         "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call",
         "/States/S/Parameters"),
        (one({**P, "Message.$": "x"}), "SCHEMA_VALIDATION_FAILED", "Field 'Message.$' is not supported",
         "/States/S"),
        (one({**P, "Catch": []}), "SCHEMA_VALIDATION_FAILED", "Field 'Catch' is not supported", "/States/S"),
        (one({**T, "Catch": [{"ErrorEquals": ["E"], "Next": "S", "_comment": ""}]}),
         "SCHEMA_VALIDATION_FAILED", "Field '_comment' is not supported", "/States/S/Catch[0]"),
        (
            one({**P, "Output": 1}),
            "SCHEMA_VALIDATION_FAILED",
            "The QueryLanguage is set to 'JSONPath', but field 'Output' "
            "is only supported for the 'JSONata' QueryLanguage",
            "/States/S",
        ),
        (one({**P, "Output": "{% 1 + %}"}) | {"QueryLanguage": "JSONata"}, "SCHEMA_VALIDATION_FAILED",
         "Unexpected end of expression", "/States/S/Output"),
        (one({"Type": "Pass", "Next": "Nope"}, Z=P), "MISSING_TRANSITION_TARGET",
         "Missing 'Next' target: Nope", "/States/S/Next"),
        (one(P, Z=P), "MISSING_TRANSITION_TARGET", 'State "Z" is not reachable.', "/States/Z"),
        (one({"Type": "Pass", "Next": "S"}), "MISSING_END_STATE", "Workflow has no terminal state", None),
        (one({"Type": "Map", "End": True, "ItemProcessor": {**one(P, "I"), "QueryLanguage": "JSONata"}}),
         "SCHEMA_VALIDATION_FAILED", "Field 'QueryLanguage' is not supported", "/States/S/ItemProcessor"),
        (
            one(
                {
                    "Type": "Map",
                    "End": True,
                    "ItemProcessor": {**one(P, "I"),
                                      "ProcessorConfig": {"Mode": "INLINE", "ExecutionType": "STANDARD"}},
                }
            ),
            "SCHEMA_VALIDATION_FAILED",
            "Field 'ExecutionType' is not supported",
            "/States/S/ItemProcessor/ProcessorConfig",
        ),
        (
            one(
                {"Type": "Choice",
                 "Choices": [{"Not": {"Variable": "$", "IsNull": True, "Next": "Z"}, "Next": "Z"}]},
                Z=P,
            ),
            "SCHEMA_VALIDATION_FAILED",
            "Field 'Next' is not supported",
            "/States/S/Choices[0]/Not",
        ),
        (one({"Type": "Parallel", "Branches": [one(P)], "End": True}), "DUPLICATE_STATE_NAME",
         "Duplicate state name: S", "/States/S/Branches[0]/States/S"),
    ],
)
def test_what_is_wrong_has_a_code_words_and_a_place(definition, code, message, location):
    assert (code, message, location) in diagnose(definition)


def test_a_missing_target_and_a_missing_end_are_both_told_in_that_order():
    assert [code for code, *_ in diagnose(one({"Type": "Pass", "Next": "Nope"}))] == [
        "MISSING_TRANSITION_TARGET", "MISSING_END_STATE"]


def test_no_json_is_no_definition():
    assert diagnose("not a definition")[0][0] == "INVALID_JSON_DESCRIPTION"


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("arn:aws:states:::states:startExecution.sync:2",
         "Express state machine does not support '.sync' service integration"),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken",
         "Express state machine does not support '.waitForTaskToken' service integration "),
        ("arn:aws:states:us-east-1:1:activity:a", "Express state machine does not support Activity ARN"),
    ],
)
def test_express_machines_can_not_wait_for_others(resource, message):
    assert diagnose(one({**T, "Resource": resource})) == []
    assert diagnose(one({**T, "Resource": resource}), express=True) == [
        ("SCHEMA_VALIDATION_FAILED", message, "/States/S/Resource")]


def test_the_refusal_lists_all_errors():
    found = validate(json.dumps(one({"Type": "Pass", "Next": "pass3"}, pass2=P)))
    assert summary(found) == (
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: pass3 "
        'at /States/S/Next, MISSING_TRANSITION_TARGET: State "pass2" is not reachable. at '
        "/States/pass2'"
    )


@pytest.mark.parametrize(
    "value",
    [None, 1, [], "x", {"Type": []}, {"Type": None}, {"Type": "Task"}, {"Type": "Choice"},
     {"Type": "Choice", "Choices": 1}, {"Type": "Choice", "Choices": [1, {}]},
     {"Type": "Map", "ItemProcessor": 1, "End": True}, {"Type": "Map", "End": True},
     {"Type": "Map", "ItemProcessor": {}, "End": True}, {**T, "Retry": [1], "Catch": {}},
     {"Type": "Parallel", "Branches": [1, {"States": 1, "StartAt": []}], "End": True},
     {**P, "ResultPath": "$[*]"}, {**P, "InputPath": 1}, {**P, "Assign": {"1": 1}},
     {**T, "TimeoutSeconds": True}, {**T, "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": "x"}]},
     {**T, "Retry": [{"ErrorEquals": [1]}]}, {**P, "InputPath": "$.a[?(@.b =~ /(/)]"},
     {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": 1}]},
     {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": 1, "Next": "S"}]},
     {"Type": "Choice", "Choices": [{"Variable": 1, "IsNull": True, "Next": "S"}]},
     {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": "1", "Next": "S"}]},
     {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "S", "Assign": 1}]},
     {**P, "InputPath": "$[?(" + "(" * 20_000},
     {"Type": "Parallel", "Branches": [{"States": {"A": P}, "StartAt": []}], "End": True},
     {**T, "Credentials": 1}, {**P, "Next": 1}],
)
def test_whatever_is_there_in_place_of_a_state_is_refused_and_no_crash(value):
    assert diagnose(one(value))
    assert validate_state(value)
