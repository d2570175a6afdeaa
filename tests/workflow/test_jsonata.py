"""JSONata: AWS's functions, what expressions see, and how they fail."""

import json
import subprocess
import sys

import pytest

from cloudlet.workflow import jsonata

from .driving import run, state


def value_of(expression, input=None, **assign):
    machine = state({"Type": "Pass", "Output": f"{{% {expression} %}}"}, jsonata=True)
    if assign:
        machine["States"]["First"] = {"Type": "Pass", "Assign": assign, "Next": "S"}
        machine["StartAt"] = "First"
    return run(machine, input).output


def failure_of(expression, input=None):
    finish = run(state({"Type": "Pass", "Output": {"r": f"{{% {expression} %}}"}}, jsonata=True),
                 input).finish
    assert finish.error == "States.QueryEvaluationError"
    told = ("An error occurred while executing the state 'S' (entered at the event id #2). The JSONata "
            f"expression '{expression}' specified for the field 'Output/r' ")
    assert finish.cause.startswith(told)
    return finish.cause.removeprefix(told)


@pytest.mark.parametrize(("expression", "value"), [
    ("$states.input.a + 1", 2),
    ("$states.input.list[$ > 1]", [2, 3]),
    ("$sum($states.input.list)", 6),
    ("$states.input.none", None),
    ("$states.input.list[0]", 1),
    ("10 / 4", 2.5),
    ("10 / 5", 2),
    ("{'a': [], 'b': {}}", {"a": [], "b": {}}),
    ("[null, true, 'x']", [None, True, "x"]),
    ("$partition([1,2,3,4,5], 2)", [[1, 2], [3, 4], [5]]),
    ("$range(0, 9, 3)", [0, 3, 6, 9]),
    ("$range(1, 9, 9)", 1),
    ("$range(3, 1, -1)", [3, 2, 1]),
    ("$hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
    ("$random()", 0.5),
    ("$random(7) = $random(7)", True),
    ("$uuid()", "00000000-0000-4000-8000-000000000001"),
    ("$parse('{\"a\": [1, null]}')", {"a": [1, None]}),
    ("$parse('null')", None),
    ("$millis()", 1_700_000_000_000),
    ("$now()", "2023-11-14T22:13:20.000Z"),
    ("$states.context.State.Name", "S"),
    ("($double := function($x){ $x * 2 }; $double(4))", 8),
    ("$map([1,2], function($v){ $v + 1 })", [2, 3]),
])
def test_an_expression_gives(expression, value):
    assert value_of(expression, {"a": 1, "list": [1, 2, 3], "none": None}) == value


def test_variables_are_seen_also_if_they_are_null():
    assert value_of("[$x, $y.z, $n = null]", x=1, y={"z": 2}, n=None) == [1, 2, True]


@pytest.mark.parametrize(("expression", "told"), [
    ("$nobody", "returned nothing (undefined)."),
    ("$states.input.nothing", "returned nothing (undefined)."),
    ("$eval(\"1+1\")", "threw an error during evaluation. T1006: Attempted to invoke a non-function"),
    ("$error('oh')", "threw an error during evaluation. D3137: oh"),
    ("$uppercase", "returned an unsupported result type."),
    ("function($x){ $x }", "returned an unsupported result type."),
])
def test_an_expression_fails_with_its_field_and_why(expression, told):
    assert failure_of(expression) == told


def test_an_expression_without_end_is_ended():
    assert "Stack overflow" in failure_of("($f := function($x){ 1 + $f($x) }; $f(1))")


def test_expressions_stand_anywhere_in_output_and_only_there():
    output = {"a": ["{% 1 + 1 %}", " {% 1 %}", "$.x", {"b": "{% $states.input %}"}], "n": None}
    execution = run(state({"Type": "Pass", "Output": output}, jsonata=True), 7)
    assert execution.output == {"a": [2, " {% 1 %}", "$.x", {"b": 7}], "n": None}


def test_a_failed_field_in_a_list_is_named_by_its_place():
    execution = run(state({"Type": "Pass", "Output": {"a": [1, [2, "{% $x %}"]]}}, jsonata=True))
    failed = next(one for one in execution.history if one.type == "EvaluationFailed")
    assert failed.details["location"] == "Output/a[1][1]"
    assert failed.previous == 0  # what came before the state was entered


def test_a_choice_needs_a_boolean():
    machine = {"QueryLanguage": "JSONata", "StartAt": "S", "States": {
        "S": {"Type": "Choice", "Choices": [{"Condition": "{% 'yes' %}", "Next": "T"}], "Default": "T"},
        "T": {"Type": "Succeed"}}}
    cause = run(machine).finish.cause
    assert cause.endswith(
        "The JSONata expression ''yes'' specified for the field 'Choices[0]/Condition' returned an "
        "unexpected result type. Expected 'boolean', but was 'string' for value: \"yes\"")


def test_the_result_is_seen_beside_the_input():
    machine = state({"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
                     "Arguments": {"x": "{% $states.input %}"}, "Assign": {"r": "{% $states.result.y %}"},
                     "Output": "{% [$states.input, $states.result] %}"}, jsonata=True)
    execution = run(machine, 1, task=lambda effect, parameters: {"y": parameters["x"] + 1})
    assert execution.output == [1, {"y": 2}]
    exited = next(one for one in execution.history if one.type == "TaskStateExited")
    assert json.loads(exited.details["assignedVariables"]["r"]) == 2


def test_pythons_recursion_limit_stays_as_it_was():
    before = sys.getrecursionlimit()
    assert "Stack overflow" in failure_of("($f := function($x){ 1 + $f($x) }; $f(1))")
    assert sys.getrecursionlimit() == before
    code = ("import sys; old = sys.getrecursionlimit(); import cloudlet.workflow as _; "
            "print(old, sys.getrecursionlimit())")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(set(told.stdout.split())) == 1


def test_an_expression_may_be_hundreds_of_calls_deep():
    assert value_of("($f := function($x){ $x = 0 ? 0 : 1 + $f($x - 1) }; $f(80))") == 80


def test_an_expression_that_does_not_end_is_stopped(monkeypatch):
    monkeypatch.setattr(jsonata, "EXPRESSION_MS", 1)
    assert "D1012" in failure_of("$sum($map([1..100000], function($x){ $x * 2 }))")
