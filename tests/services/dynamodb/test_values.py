"""Numbers, sizes and keys, without a server."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.errors import ValidationException
from cloudlet.services.dynamodb import keys, numbers, values
from cloudlet.services.dynamodb.tables import KeyPart, Schema

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=6,
                        min_value=Decimal(-10) ** 20, max_value=Decimal(10) ** 20)


@given(_DECIMALS, _DECIMALS)
def test_numbers_sort_as_bytes_as_they_sort_as_numbers(left, right):
    a, b = numbers.ordered(str(left)), numbers.ordered(str(right))
    assert (a < b, a == b) == (left < right, left == right)


@given(_DECIMALS)
def test_the_normal_form_is_the_same_number_without_needless_zeros(number):
    text = numbers.normal(str(number))
    assert Decimal(text) == number
    assert "E" not in text and numbers.normal(text) == text
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize("text, complaint", [
    ("dog", "cannot be converted to a numeric value: dog"), ("", "cannot be converted to a numeric value"),
    ("1e126", "Number overflow"), ("1e-131", "Number underflow"), ("1e999999999999", "Number overflow"),
    ("1" * 39, "more than 38 significant digits"), ("NaN", "cannot be converted"), (" 1",
                                                                                    "cannot be converted"),
    (".", "cannot be converted"), ("1e", "cannot be converted")])
def test_what_is_no_number_is_refused(text, complaint):
    with pytest.raises(ValidationException, match=complaint):
        numbers.normal(text)


@pytest.mark.parametrize("text", ["1e125", "-1e125", "1e-130", "9" * 38, "0." + "9" * 38])
def test_the_largest_and_the_smallest_numbers_are_kept(text):
    assert Decimal(numbers.normal(text)) == Decimal(text)


def test_sums_are_exact_or_refused():
    assert numbers.plus("0.1", "0.2") == "0.3"
    assert numbers.minus("1", "1.0") == "0"
    with pytest.raises(ValidationException, match="Number overflow"):
        numbers.plus("1e50", "1")


@given(st.binary(min_size=1, max_size=8), st.binary(min_size=1, max_size=8))
def test_binary_keys_sort_as_their_bytes(left, right):
    part = KeyPart("k", "B")
    a, b = keys.encoded({"B": left}, part), keys.encoded({"B": right}, part)
    assert (a < b, a == b) == (left < right, left == right)


@given(st.binary(min_size=1, max_size=6), st.binary(min_size=1, max_size=3))
def test_what_begins_with_a_value_lies_behind_its_open_encoding(value, more):
    part = KeyPart("k", "B")
    assert keys.encoded({"B": value + more}, part).startswith(keys.opened({"B": value}, part))


def test_keys_of_two_parts_do_not_run_into_each_other():
    schema = Schema((KeyPart("p", "B"),), (KeyPart("c", "B"),))
    pairs = [(b"a", b"\0b"), (b"a\0", b"b"), (b"a", b"b"), (b"a\0\1", b"b"), (b"a\xff", b"b")]
    found = {keys.key_of({"p": {"B": p}, "c": {"B": c}}, schema) for p, c in pairs}
    assert len(found) == len(pairs)


def test_segments_cover_the_key_space_without_overlap():
    edges = [keys.segment(n, 7) for n in range(7)]
    assert edges[0][0] == b"\0\0\0\0"
    assert edges[-1][1] > b"\xff" * 4
    assert all(stop == start for (_, stop), (start, _) in pairwise(edges))


@pytest.mark.parametrize("value, size", [
    ({"S": "héllo"}, 6), ({"N": "27"}, 2), ({"N": "-27"}, 3), ({"N": "0"}, 1), ({"B": b"123"}, 3),
    ({"BOOL": False}, 1), ({"NULL": True}, 1), ({"L": []}, 3), ({"M": {"ab": {"S": "c"}}}, 7),
    ({"N": "1" + "0" * 125}, 2), ({"N": "123456"}, 4), ({"N": "3.14159"}, 5), ({"N": "-0.0012"}, 3),
    ({"SS": ["a", "bc"]}, 3)])
def test_values_are_as_large_as_dynamodb_says(value, size):
    admitted, counted = values.admit(value)
    assert counted == size == values.value_size(admitted)


@pytest.mark.parametrize("value, complaint", [
    ({}, "Supplied AttributeValue is empty"), ({"S": "a", "N": "1"}, "more than one datatypes set"),
    ({"NULL": False}, "must have the value of true"), ({"SS": []}, "An string set  may not be empty"),
    ({"SS": ["a", "a"]}, r"Input collection \[a, a\] contains duplicates"),
    ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"), ({"BS": []},
                                                                     "Binary sets should not be empty"),
    ({"SS": [""]}, "may not have a empty string"), ({"L": [{"N": "x"}]}, "cannot be converted")])
def test_values_that_can_not_be_are_refused(value, complaint):
    with pytest.raises(ValidationException, match=complaint):
        values.admit(value)


def test_lists_and_maps_nest_32_levels_at_most():
    value = {"S": "x"}
    for _ in range(31):
        value = {"L": [value]}
    values.admit(value)
    with pytest.raises(ValidationException, match="Nesting Levels"):
        values.admit({"M": {"a": value}})
