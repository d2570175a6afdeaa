"""Whatever stands in an expression, it is read or refused; nothing else happens."""

import copy
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from cloudlet.errors import AwsError
from cloudlet.services.dynamodb import conditions, grammar, ranges, statements, updates
from cloudlet.services.dynamodb.placeholders import Placeholders
from cloudlet.services.dynamodb.tables import KeyPart, Schema

_ITEM = {"p": {"S": "p"}, "n": {"N": "5"}, "l": {"L": [{"N": "1"}, {"S": "x"}]},
         "m": {"M": {"k": {"S": "v"}}},
         "s": {"SS": ["a"]}}
_VALUES = {":v": {"S": "x"}, ":n": {"N": "3"}, ":l": {"L": [{"S": "z"}]}, ":s": {"SS": ["a", "b"]}}
_SCHEMA = Schema((KeyPart("p", "S"),), (KeyPart("n", "N"),))
_OPERANDS = st.sampled_from(["p", "n", "l", "l[0]", "l[7]", "m.k", "m.z.y", "s", "#n", ":v", ":n", ":l",
                             ":s", "size(l)",
                             "if_not_exists(q, :n)", "list_append(l, :l)"])
_VOCABULARY = ("SET REMOVE ADD DELETE ( ) , = <> < >= + - AND OR NOT BETWEEN IN size( begins_with( p n l[0] "
               ":v #n $ 12")
_WORDS = st.lists(st.sampled_from(_VOCABULARY.split()))
_PARTIQL = ("SELECT * FROM t WHERE p = 'x' AND INSERT INTO VALUE {'a': 1} UPDATE SET REMOVE DELETE "
            "<< >> [ ] ( ) , ? -1")
_CONDITIONS = st.builds("{0} {3} {1} AND {2}".format, _OPERANDS, _OPERANDS, st.builds(
    "contains({}, {})".format, _OPERANDS, _OPERANDS), st.sampled_from(["=", "<>", "<", ">="]))
_UPDATES = st.builds("SET {} = {} + {} REMOVE {} ADD {} :n DELETE {} :s".format, *[_OPERANDS] * 6)


def _holders():
    return Placeholders({"#n": "q"}, _VALUES)


@given(st.one_of(_CONDITIONS, st.builds("p = {} AND n > {}".format, _OPERANDS, _OPERANDS),
                 _WORDS.map(" ".join)))
def test_a_condition_is_true_or_false_or_refused(text):
    try:
        condition = grammar.condition(text, _holders())
        assert conditions.holds(condition, _ITEM) in (True, False)
        found = ranges.range_of(condition, _SCHEMA)
        assert found.start <= found.stop or "BETWEEN" in text
    except AwsError:
        pass


@given(st.one_of(_UPDATES, st.builds("SET {} = {}".format, _OPERANDS, _OPERANDS), _WORDS.map(" ".join)))
def test_an_update_changes_a_copy_or_is_refused(text):
    item = copy.deepcopy(_ITEM)
    with suppress(AwsError):
        updates.apply(grammar.update(text, _holders()), item)
    assert item["p"] == _ITEM["p"] or "p" in text


@given(st.lists(st.sampled_from(_PARTIQL.split())))
def test_a_statement_is_read_or_refused(words):
    with suppress(AwsError):
        statements.parse(" ".join(words), None)
