"""The ``States.`` functions."""

import pytest

from cloudlet.workflow.intrinsics import compile_call
from cloudlet.workflow.jsonpath import BadText

from .driving import run, state


def value_of(call, input=None, **assign):
    first = {"Type": "Pass", "Assign": assign, "Next": "S"} if assign else None
    machine = state({"Type": "Pass", "Parameters": {"value.$": call}})
    if first:
        machine = {"StartAt": "First", "States": {"First": first, **machine["States"]}}
    return run(machine, input).output["value"]


@pytest.mark.parametrize(("call", "value"), [
    ("States.Format('a {} b {}', 1, 'x')", "a 1 b x"),
    ("States.Format('{}', $.text)", "hi"),
    ("States.Format('{} {}', true, null)", "true null"),
    ("States.Format('it\\'s \\{{}\\} \\\\', 1)", "it's {1} \\"),
    ("States.Format($.template, 'x')", "<x>"),
    ("States.Format('none')", "none"),
    ("States.StringToJson('{\"a\": [1]}')", {"a": [1]}),
    ("States.StringToJson('')", None),
    ("States.JsonToString($.list)", "[3,1,3]"),
    ("States.Array(1, 'a', null, $.text, States.Array())", [1, "a", None, "hi", []]),
    ("States.ArrayPartition($.list, 2)", [[3, 1], [3]]),
    ("States.ArrayContains($.list, 1)", True),
    ("States.ArrayContains($.list, '1')", False),
    ("States.ArrayContains($.list, true)", False),
    ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
    ("States.ArrayRange(3, 1, -1)", [3, 2, 1]),
    ("States.ArrayGetItem($.list, 0)", 3),
    ("States.ArrayLength($.list)", 3),
    ("States.ArrayUnique($.list)", [3, 1]),
    ("States.Base64Encode('Data to encode')", "RGF0YSB0byBlbmNvZGU="),
    ("States.Base64Decode('w7Y=')", "ö"),
    ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
    ("States.JsonMerge($.one, $.two, false)", {"a": {"y": 2}, "b": 1}),
    ("States.MathAdd(111, -1)", 110),
    ("States.MathAdd(1.5, 1)", 3),
    ("States.MathRandom(1, 3)", 2),
    ("States.StringSplit('This.is+a,test=string', '.+,=')", ["This", "is", "a", "test", "string"]),
    ("States.StringSplit('a,,b', ',')", ["a", "b"]),
    ("States.UUID()", "00000000-0000-4000-8000-000000000001"),
    ("States.Format('{}', States.ArrayGetItem(States.StringSplit($.path, '/'), 1))", "b"),
    ("States.ArrayLength($.deep[?(@.n > 1)])", 1),
    ("States.Format('{}', $['a, b) c'])", "odd"),
])
def test_a_function_gives(call, value):
    given = {"text": "hi", "template": "<{}>", "list": [3, 1, 3], "one": {"a": {"x": 1}, "b": 1},
             "two": {"a": {"y": 2}}, "path": "a/b/c", "deep": [{"n": 1}, {"n": 2}], "a, b) c": "odd"}
    assert value_of(call, given) == value


def test_variables_and_the_context_object_are_arguments_too():
    assert value_of("States.Format('{} {}', $name, $$.State.Name)", name="Ada") == "Ada S"


def test_a_seed_gives_the_same_number_again():
    assert value_of("States.MathRandom(0, 1000000, 7)") == value_of("States.MathRandom(0, 1000000, 7)")


@pytest.mark.parametrize(
    "call",
    ["States.ArrayGetItem($.list, 3)", "States.ArrayGetItem($.list, -1)", "States.ArrayLength('x')",
     "States.StringToJson('{')", "States.Base64Decode('***')", "States.Hash('x', 'CRC')",
     "States.ArrayRange(0, 1000, 1)", "States.ArrayPartition($.list, 0)", "States.JsonMerge($, $, true)",
     "States.Format('{} {}', 1)", "States.Format('{}', $.list)", "States.MathAdd('1', 2)",
     "States.Format($.list)",
     "States.MathRandom(5, 5)"],
)
def test_what_a_function_can_not_do_is_an_intrinsic_failure(call):
    execution = run(state({"Type": "Pass", "Parameters": {"value.$": call}}), {"list": [1]})
    assert execution.finish.error == "States.IntrinsicFailure"
    assert f"The function '{call}' had the following error: " in execution.finish.cause


@pytest.mark.parametrize(
    "text",
    ["States.Nothing()", "States.Format", "States.Format(", "States.UUID(1)", "States.MathAdd(1)",
     "States.Array(1,)", "States.Array('a)", "States.Array(a)", "States.UUID() + 1",
     "States." + "Array(States." * 10 + "UUID()" + ")" * 10],
)
def test_what_is_no_call_is_refused(text):
    with pytest.raises(BadText):
        compile_call(text)
