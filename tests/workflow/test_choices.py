"""Choice rules: every operator, with values and with paths."""

import pytest

from .driving import run

EARLY, LATE = "2024-01-01T00:00:00Z", "2024-01-01T01:00:00.5+00:30"


def chosen(rule, input):
    machine = {
        "StartAt": "S",
        "States": {"S": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
                   "Yes": {"Type": "Pass", "Result": True, "End": True},
                   "No": {"Type": "Pass", "Result": False, "End": True}},
    }
    return run(machine, input).output


@pytest.mark.parametrize(
    ("operator", "value", "operand", "holds"),
    [("StringEquals", "a", "a", True), ("StringEquals", "a", "b", False), ("StringEquals", 1, "1", False),
     ("StringLessThan", "a", "b", True), ("StringLessThanEquals", "b", "b", True),
     ("StringGreaterThan", "b", "a", True), ("StringGreaterThanEquals", "a", "b", False),
     ("NumericEquals", 1, 1.0, True), ("NumericEquals", "1", 1, False), ("NumericEquals", True, 1, False),
     ("NumericLessThan", 1, 2, True), ("NumericLessThanEquals", 2, 2, True),
     ("NumericGreaterThan", 2, 2, False), ("NumericGreaterThanEquals", 2, 2, True),
     ("BooleanEquals", False, False, True), ("BooleanEquals", 0, False, False),
     ("TimestampEquals", EARLY, "2024-01-01T01:00:00+01:00", True), ("TimestampLessThan", EARLY, LATE, True),
     ("TimestampLessThanEquals", EARLY, EARLY, True), ("TimestampGreaterThan", LATE, EARLY, True),
     ("TimestampGreaterThanEquals", EARLY, LATE, False), ("TimestampEquals", "2024-01-01", EARLY, False)],
)
def test_an_operator_compares_with_a_value_and_with_what_a_path_leads_to(operator, value, operand, holds):
    assert chosen({"Variable": "$.v", operator: operand}, {"v": value}) is holds
    assert chosen({"Variable": "$.v", f"{operator}Path": "$.w"}, {"v": value, "w": operand}) is holds


@pytest.mark.parametrize(
    ("operator", "value", "holds"),
    [("IsNull", None, True), ("IsNull", 0, False), ("IsNumeric", 1.5, True), ("IsNumeric", True, False),
     ("IsString", "", True), ("IsBoolean", False, True), ("IsTimestamp", EARLY, True),
     ("IsTimestamp", "today", False), ("IsTimestamp", "2024-13-01T00:00:00Z", False),
     ("IsPresent", None, True)],
)
def test_kinds_are_told_apart(operator, value, holds):
    assert chosen({"Variable": "$.v", operator: True}, {"v": value}) is holds
    assert chosen({"Variable": "$.v", operator: False}, {"v": value}) is not holds


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [("log-*.txt", "log-a.b.txt", True), ("log-*.txt", "log-.txt2", False), ("*a*", "banana", True),
     ("a\\*", "a*", True), ("a\\*", "ab", False), ("a.c", "abc", False), ("*", "a\nb", True),
     ("\\\\*", "\\x", True)],
)
def test_patterns_have_wildcards(pattern, text, holds):
    assert chosen({"Variable": "$.v", "StringMatches": pattern}, {"v": text}) is holds


def test_rules_are_joined():
    big, even = {"Variable": "$.n", "NumericGreaterThan": 10}, {"Variable": "$.even", "BooleanEquals": True}
    for input, both, either in (({"n": 12, "even": True}, True, True),
                                ({"n": 12, "even": False}, False, True),
                                ({"n": 2, "even": False}, False, False)):
        assert chosen({"And": [big, even]}, input) is both
        assert chosen({"Or": [big, even]}, input) is either
        assert chosen({"Not": {"And": [big, even]}}, input) is not both


def test_what_is_absent_is_not_present_and_no_value_either():
    assert chosen({"Variable": "$.v", "IsPresent": False}, {}) is True
    assert (
        chosen({"And": [{"Variable": "$.v", "IsPresent": True}, {"Variable": "$.v", "NumericEquals": 1}]}, {})
        is False
    )
    machine = {"StartAt": "S", "States": {"S": {"Type": "Choice", "Choices": [
        {"Variable": "$.v", "NumericEquals": 1, "Next": "S"}]}}}
    finish = run(machine).finish
    assert (finish.error, finish.cause) == (
        "States.Runtime",
        "An error occurred while executing the state 'S' (entered at the event id #2). Invalid path "
        "'$.v': The choice state's condition path references an invalid value.",
    )


def test_the_first_rule_that_holds_decides_and_none_is_an_error():
    rules = [{"Variable": "$", "NumericGreaterThan": 1, "Next": "A"},
             {"Variable": "$", "NumericGreaterThan": 0, "Next": "B"}]
    machine = {"StartAt": "S", "States": {"S": {"Type": "Choice", "Choices": rules},
                                          "A": {"Type": "Pass", "Result": "A", "End": True},
                                          "B": {"Type": "Pass", "Result": "B", "End": True}}}
    assert [run(machine, number).output for number in (2, 1)] == ["A", "B"]
    assert run(machine, 0).finish.error == "States.NoChoiceMatched"
