"""Event patterns: AWS's own verdicts, and laws that no list of cases covers."""

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.fabric.operators import PatternError
from cloudlet.fabric.patterns import parse

_HERE = Path(__file__).parents[2]
_DATA = Path(os.environ.get("CLOUDLET_CONFORMANCE") or _HERE.parent / "shared/conformance")
_CASES = _DATA / "event_patterns.jsonl"


def verdict(pattern, event):
    try:
        return "match" if parse(json.dumps(pattern)).matches(event) else "no_match"
    except PatternError:
        return "rejected"


@pytest.mark.skipif(not _CASES.exists(), reason="the recorded patterns are not here")
def test_every_recorded_pattern_has_the_verdict_aws_gave():
    cases = [json.loads(line) for line in _CASES.read_text().splitlines()]
    wrong = [case["name"] for case in cases if verdict(case["pattern"], case["event"]) != case["expect"]]
    assert not wrong and len(cases) >= 72


def test_two_fields_of_one_object_must_come_from_the_same_element_of_an_array():
    pattern = {"lines": {"sku": ["a"], "count": [2]}}
    assert verdict(pattern, {"lines": [{"sku": "a", "count": 2}, {"sku": "b", "count": 1}]}) == "match"
    assert verdict(pattern, {"lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]}) == "no_match"


def test_or_is_a_choice_between_objects_beside_fields_that_must_match_anyway():
    pattern = {"source": ["shop"], "$or": [{"detail": {"total": [{"numeric": [">", 100]}]}},
                                           {"detail": {"vip": [True]}}]}
    assert verdict(pattern, {"source": "shop", "detail": {"total": 101}}) == "match"
    assert verdict(pattern, {"source": "shop", "detail": {"vip": True}}) == "match"
    assert verdict(pattern, {"source": "shop", "detail": {"vip": False, "total": 100}}) == "no_match"
    assert verdict(pattern, {"source": "bank", "detail": {"vip": True}}) == "no_match"


def test_a_field_called_or_is_just_a_field():
    assert verdict({"$or": ["x"]}, {"$or": "x"}) == "match"


def test_a_field_that_must_be_absent_must_be_absent_everywhere():
    pattern = {"lines": {"sku": ["b"], "gift": [{"exists": False}]}}
    assert verdict(pattern, {"lines": [{"sku": "b"}]}) == "match"
    assert verdict(pattern, {"lines": [{"sku": "a", "gift": True}, {"sku": "b"}]}) == "no_match"


@pytest.mark.parametrize(("alternative", "yes", "no"), [
    (300, 300.0, "300"), (True, True, 1), (None, None, ""), ({"numeric": ["=", 3]}, 3, 4),
    ({"numeric": [">=", -1, "<", 1]}, -1, 1), ({"wildcard": "a*b*c"}, "a-b-b-c", "a-c-b"),
    ({"wildcard": "a\\*b"}, "a*b", "a-b"), ({"wildcard": "ab*ba"}, "abba", "aba"),
    ({"prefix": {"equals-ignore-case": "İs"}}, "i̇stanbul", "is"),
    ({"anything-but": [1, 2]}, 3, 2.0), ({"cidr": "2001:db8::/32"}, "2001:0db8::1", "2001:db9::1"),
])
def test_an_alternative_takes_what_it_says_and_nothing_else(alternative, yes, no):
    assert verdict({"field": [alternative]}, {"field": yes}) == "match"
    assert verdict({"field": [alternative]}, {"field": no}) == "no_match"


@pytest.mark.parametrize(("text", "reason", "column"), [
    ('{"string": "my-value"}', '"string" must be an object or an array', 13),
    ('{"a": []}', "Empty arrays are not allowed", 9),
    ('{"a": [[1]]}', "Match value must be String, number, true, false, or null", 9),
    ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS", 23),
    ('{"a": [{"numeric": 10}]}', "Value of numeric must be an array.", 22),
    ('{"a": [{"prefix": 5}]}', "prefix match pattern must be a string", 20),
])
def test_a_mistake_is_named_with_its_place(text, reason, column):
    with pytest.raises(PatternError) as error:
        parse(text)
    assert str(error.value) == f'{reason}\n at [Source: (String)"{text}"; line: 1, column: {column}]'


scalars = st.one_of(st.none(), st.booleans(), st.integers(-10**9, 10**9), st.text(max_size=8))
flat = st.dictionaries(st.text("abc.", min_size=1, max_size=3), scalars, min_size=1, max_size=3)
events = st.recursive(
    flat, lambda below: st.dictionaries(
        st.text("abc", min_size=1, max_size=2), st.one_of(scalars, below, st.lists(below, max_size=2)),
        min_size=1, max_size=3), max_leaves=8)


def pattern_of(event):
    """A pattern that asks for all that an event says."""
    found = {}
    for key, value in event.items():
        if isinstance(value, dict):
            found[key] = pattern_of(value)
        elif isinstance(value, list):
            found |= {key: pattern_of(value[0])} if value else {}
        else:
            found[key] = [value]
    return {key: value for key, value in found.items() if value}


@given(events)
def test_an_event_matches_the_pattern_that_asks_for_all_it_says(event):
    pattern = pattern_of(event)
    if pattern and not any("." in key for key in event):
        assert verdict(pattern, event) == "match"


@given(st.lists(st.sampled_from(["a", "b", "ab"]), max_size=4), st.text("ab", max_size=8))
def test_wildcards_agree_with_regular_expressions(parts, value):
    pattern = "*".join(parts) or "*"
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value) is not None
    assert (verdict({"f": [{"wildcard": pattern}]}, {"f": value}) == "match") == expected
