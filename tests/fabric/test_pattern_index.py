"""The index of patterns finds exactly what asking each pattern finds, and asks few."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.fabric.operators import PatternError
from cloudlet.fabric.pattern_index import PatternIndex
from cloudlet.fabric.patterns import parse

words = st.text("aAbß", max_size=3)
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, -2.0]))
scalars = st.one_of(st.none(), st.booleans(), numbers, words)
names = st.sampled_from(["a", "b", "c", "a.b", "b.c"])
alternatives = st.one_of(
    scalars,
    st.sampled_from([{"exists": True}, {"exists": False}, {"cidr": "10.0.0.0/8"}, {"wildcard": "*"}]),
    st.builds(lambda name, text: {name: text}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]),
              words),
    st.builds(lambda name, text: {name: {"equals-ignore-case": text}}, st.sampled_from(["prefix", "suffix"]),
              words),
    st.builds(lambda parts: {"wildcard": "*".join(parts)}, st.lists(st.text("ab", min_size=1), min_size=1)),
    st.builds(lambda one: {"anything-but": one}, st.one_of(words, st.integers(-3, 3))),
    st.builds(lambda bound: {"numeric": [">", bound]}, numbers),
)
leaves = st.lists(alternatives, min_size=1, max_size=3)
patterns = st.recursive(
    st.dictionaries(names, leaves, min_size=1, max_size=2),
    lambda below: st.one_of(
        st.dictionaries(names, st.one_of(leaves, below), min_size=1, max_size=3),
        st.builds(lambda choices, more: more | {"$or": choices}, st.lists(below, min_size=2, max_size=3),
                  st.dictionaries(names, leaves, max_size=1))), max_leaves=4)
events = st.recursive(
    st.dictionaries(names, scalars, max_size=3),
    lambda below: st.dictionaries(
        names, st.one_of(scalars, below, st.lists(st.one_of(scalars, below), max_size=3)), max_size=3),
    max_leaves=8)


def compiled(pattern):
    try:
        return parse(json.dumps(pattern))
    except PatternError:
        return None


@given(st.lists(patterns, max_size=8), st.lists(events, min_size=1, max_size=4))
def test_the_index_finds_exactly_the_patterns_that_match(several, seen):
    known = [(n, pattern) for n, one in enumerate(several) if (pattern := compiled(one)) is not None]
    index = PatternIndex(known)
    for event in seen:
        assert index.matching(event) == [n for n, pattern in known if pattern.matches(event)]


@pytest.mark.parametrize("about", [
    lambda n: {"detail-type": [f"Type {n}"]},
    lambda n: {"source": ["shop"], "detail-type": [f"Type {n}"]},
    lambda n: {"source": [{"prefix": "sh"}], "detail": {"kind": [{"prefix": f"Type {n}"}]}},
    lambda n: {"source": ["shop"], "detail": {"kind": [{"suffix": f"Type {n}"}]}},
    lambda n: {"source": ["shop"], "detail": {"kind": [{"equals-ignore-case": f"TYPE {n}"}]}},
    lambda n: {"source": ["shop"], "detail": {f"field{n}": [{"numeric": [">", 0]}]}},
    lambda n: {"source": ["shop"], "$or": [{"detail-type": [f"Type {n}"]},
                                           {"detail": {"kind": [f"Type {n}"]}}]},
    lambda n: {"source": ["shop"], "detail": {"kind": [{"wildcard": f"Type {n}*!"}],
                                              "x": [{"exists": False}]}},
])
def test_of_a_thousand_patterns_few_are_asked(about):
    index = PatternIndex((n, parse(json.dumps(about(n)))) for n in range(1000, 2000))
    event = {"source": "shop", "detail-type": "Type 1234",
             "detail": {"kind": "Type 1234", "field1234": 1}}
    assert len(index.candidates(event)) <= 3
    assert index.candidates({"source": "bank", "detail-type": "x", "detail": {}}) == []


def test_what_can_not_be_looked_up_is_asked_every_time():
    absent = parse('{"detail": {"gift": [{"exists": false}]}}')
    index = PatternIndex([("absent", absent), ("either", parse('{"a": [1, {"exists": false}]}'))])
    assert index.matching({"detail": {}}) == ["absent", "either"]
    assert index.matching({"detail": {"gift": 1}, "a": 1}) == ["either"]
    assert index.matching({"detail": {"gift": 1}, "a": 2}) == []
