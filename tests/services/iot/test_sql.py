"""IoT SQL: AWS's own examples, the conversions of its types, and what never goes wrong."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.errors import NotHonoured
from cloudlet.services.iot.sql.evaluation import body_of, evaluate, facts_of, selected
from cloudlet.services.iot.sql.message import Message
from cloudlet.services.iot.sql.parser import V1, V2, parse, parse_expression
from cloudlet.services.iot.sql.templates import template
from cloudlet.services.iot.sql.tokens import WrongSql
from cloudlet.services.iot.sql.values import UNDEFINED, dumps, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(-1000, 1000, places=3) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def message(payload: bytes, topic: str = "things/lamp/state") -> Message:
    return Message(topic, payload, "123456789012", 1_700_000_000_000, lambda: "a-uuid", lambda n: b"\x80" * n)


def run(sql: str, payload: object, version: str = V2) -> object:
    """What goes on, as JSON; None if the rule does nothing."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    value = selected(parse(sql, version), facts_of(message(raw), "things/lamp/state", version))
    return None if value is None else json.loads(body_of(value))


def value(text: str, payload: bytes = b"{}", version: str = V2) -> object:
    """The value of an expression."""
    facts = facts_of(message(payload), "things/lamp/state", version)
    return evaluate(parse_expression(text, version), facts, facts.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abs(-5)", 5),
        ("abs('-5.123')", Decimal("5.123")),
        ("abs(true)", UNDEFINED),
        ("acos(0)", Decimal("1.5707963267948966")),
        ("acos(2)", UNDEFINED),
        ("atan2(1, 0)", Decimal("1.5707963267948966")),
        ("bitand(13, 5)", 5),
        ("bitor(8, 5)", 13),
        ("bitxor(13, 5)", 8),
        ("cast(true as Int)", 1),
        ("cast('2.7' as integer)", 2),
        ("cast(-2.5 as int)", -3),
        ("cast(0 as boolean)", False),
        ("ceil(-1.2)", -1),
        ("floor(-1.2)", -2),
        ("chr(65)", "A"),
        ("chr(300)", UNDEFINED),
        ("concat()", UNDEFINED),
        ("concat(1, 'hello')", "1hello"),
        ("concat([1, 2, 3], 'hello', [4])", [1, 2, 3, "hello", 4]),
        ("endswith('cat', 'at')", True),
        ("endswith(null, 'at')", UNDEFINED),
        ("get(['a', 'b', 'c'], 1)", "b"),
        ("get({'a': 'b'}, 'a')", "b"),
        ("get('abc', 9)", UNDEFINED),
        ("md5('hello')", "5d41402abc4b2a76b9719d911017c592"),
        ("indexof('abcd', 'bc')", 1),
        ("isNull(null)", True),
        ("isNull(nothing)", False),
        ("isUndefined(floor([1,2,3]))", True),
        ("length(false)", 5),
        ("log(100)", Decimal("2.0")),
        ("lower(['HELLO'])", '["hello"]'),
        ("lpad('hello', 2)", "  hello"),
        ("rpad(1, 3)", "1   "),
        ("ltrim(' h i ')", "h i "),
        ("mod(8, 3)", 2),
        ("nanvl(nothing, 3)", 3),
        ("numbytes('€')", 3),
        ("power(2, 5)", Decimal("32.0")),
        ("regexp_matches('aaaa', 'a{2,}')", True),
        ("regexp_matches('aaaa', '(')", UNDEFINED),
        ("regexp_replace('abcd', 'b(.*)d', '$1')", "ac"),
        ("regexp_substr('hihihello', '(hi)*')", "hihi"),
        ("replace('abcdabcd', 'b', 'x')", "axcdaxcd"),
        ("round(-1.5)", -2),
        ("round(1.2)", 1),
        ("sign(-7)", -1),
        ("sqrt(-1)", UNDEFINED),
        ("startswith('ranger', 'ran')", True),
        ("substring('012345', 2.745)", "2345"),
        ("substring('012345', -50, 50)", "012345"),
        ("substring('012345', 3, 1)", ""),
        ("substring(true, 1.2)", "rue"),
        ("topic()", "things/lamp/state"),
        ("topic(2)", "lamp"),
        ("topic(9)", UNDEFINED),
        ("trunc(2.888, 2)", Decimal("2.88")),
        ("trunc(2.00, 5)", 2),
        ("upper('hello')", "HELLO"),
        ("accountid()", "123456789012"),
        ("clientid()", "n/a"),
        ("newuuid()", "a-uuid"),
        ("timestamp()", 1_700_000_000_000),
        ("sql_version()", V2),
        ("get_or_default(nothing, 7)", 7),
        ("decode('eyJhIjogMX0=', 'base64').a", 1),
        ("encode('x', 'base64')", "eA=="),
        ("parse_time('yyyy.MM.dd', 100000000, 'America/Belize')", "1970.01.01"),
        ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", 1450396800000),
        ("abs('1E9999')", UNDEFINED),
        ("substring(false, -2.411E247)", "false"),
        ("floor(1.5E40)", 15 * 10**39),
        ("cast(1.9E300 as int) > 1", True),
        ("power(10, 1E9)", UNDEFINED),
        ("1 + 2 * 3", 7),
        ("7 / 2", 3),
        ("7.0 / 2", Decimal("3.5")),
        ("1 / 0", UNDEFINED),
        ("'a' + 1", "a1"),
        ("1 + '2'", "12"),
        ("'3' * 2", Decimal(6)),
        ("-(2)", -2),
        ("7 % 4", 3),
        ("NOT 'TRUE'", False),
        ("true AND 'false'", False),
        ("true AND 1", UNDEFINED),
        ("1 = 1.0", True),
        ("1 = '1'", False),
        ("1 <> null", True),
        ("1 = nothing", UNDEFINED),
        ("true = 1", False),
        ("[1, 2] = [1, 2]", True),
        ("'10' > 9", True),
        ("'x' > 9", UNDEFINED),
        ("3 IN [1, 3]", True),
        ("CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", "two"),
        ("CASE nothing WHEN 1 THEN 2 ELSE 3 END", UNDEFINED),
    ],
)
def test_expressions_have_the_values_of_awss_reference(text, expected):
    found = value(text)
    assert (
        found is expected if expected is UNDEFINED else (found == expected and type(found) is type(expected))
    )


@pytest.mark.parametrize(("sql", "payload", "expected"), [
    ("SELECT * FROM 'x'", {"color": "red"}, {"color": "red"}),
    ("SELECT color AS my_color FROM 'x'", {"color": "red", "t": 1}, {"my_color": "red"}),
    ("SELECT *, 15 as speed FROM 'x'", {"color": "red"}, {"color": "red", "speed": 15}),
    ("SELECT VALUE color FROM 'x'", {"color": "red"}, "red"),
    ("SELECT foo.bar AS bar.baz FROM 'x'", {"foo": {"bar": "RED"}}, {"bar": {"baz": "RED"}}),
    ("SELECT missing, color FROM 'x'", {"color": "red"}, {"color": "red"}),
    ("SELECT color.red as red_value FROM 'x'", {"color": {"red": 255}}, {"red_value": 255}),
    ("SELECT t FROM 'x' WHERE t > 50 AND color <> 'red'", {"t": 60, "color": "red"}, None),
    ("SELECT t FROM 'x' WHERE missing = 1", {"t": 60}, None),
    ("SELECT {'latitude': get(p, 0), 'longitude': get(p, 1)} as p FROM 'x'", {"p": [1.5, -2]},
     {"p": {"latitude": 1.5, "longitude": -2}}),
    ("SELECT [a, b] as p FROM 'x'", {"a": 1, "b": 2}, {"p": [1, 2]}),
    ("SELECT VALUE arr FROM 'x'", {"arr": [1, 2]}, [1, 2]),
    ("SELECT (SELECT v FROM e WHERE n = 'a') as t FROM 'x'", {"e": [{"n": "a", "v": 1}, {"n": "b", "v": 2}]},
     {"t": [{"v": 1}]}),
    ("SELECT get((SELECT v FROM e WHERE n = 'a'), 0).v as t FROM 'x'", {"e": [{"n": "a", "v": 1}]}, {"t": 1}),
    ("SELECT EXISTS(SELECT * FROM e WHERE n = 'c') AS c FROM 'x'", {"e": [{"n": "a"}]}, {"c": False}),
    ("select value transform('enrichArray', {'key': a.d}, v) from 'x'", {"a": {"d": 1}, "v": [{"b": 4}]},
     [{"b": 4, "key": 1}]),
    ("SELECT encode(*, 'base64') AS data FROM 'x'", b"\xff", {"data": "/w=="}),
    ("SELECT topic(2), timestamp() AS at FROM 'x'", b"no JSON", {"topic": "lamp", "at": 1_700_000_000_000}),
])
def test_statements_select_as_awss_examples_do(sql, payload, expected):
    assert run(sql, payload) == expected


def test_numbers_keep_their_digits_and_their_kind():
    exact = b'{"a": 0.1234567890123456789012345678901234, "b": 10.0, "c": 12345678901234567890123}'
    assert dumps(
        selected(parse("SELECT a, b, c, a * 1 AS d FROM 'x'", V2), facts_of(message(exact), "x", V2))
    ) == (
        '{"a":0.1234567890123456789012345678901234,"b":10,"c":12345678901234567890123,'
        '"d":0.1234567890123456789012345678901234}'
    )
    assert dumps(selected(parse("SELECT b FROM 'x'", V1), facts_of(message(exact), "x", V1))) == '{"b":10.0}'


@pytest.mark.parametrize("sql", [
    "SELECT [1] AS a FROM 'x'", "SELECT {'a': 1} AS a FROM 'x'", "SELECT (SELECT a FROM b) AS a FROM 'x'",
    "SELECT length('a') AS a FROM 'x'", "SELECT cast(a AS boolean) AS a FROM 'x'"])
def test_the_first_version_does_not_have_what_came_with_the_second(sql):
    parse(sql, V2)
    with pytest.raises(WrongSql, match=V2):
        parse(sql, V1)


def test_numbers_beyond_all_numbers_harm_nothing():
    assert run("SELECT a FROM 'x'", b'{"a": 1E9999}') == {}
    with pytest.raises(WrongSql, match="too large"):
        parse("SELECT 1E9999 AS a FROM 'x'", V2)


def test_functions_that_are_not_here_are_refused_by_name():
    with pytest.raises(NotHonoured, match="aws_lambda"):
        parse("SELECT aws_lambda('arn', *) AS a FROM 'x'", V2)


def test_templates_are_filled_from_the_message_as_it_came():
    facts = facts_of(message(b'{"id": 7, "o": {"a": null}}'), "a/b", V2)
    assert template("x-${id + 1}-${get({'a': '}'}, 'a')}-${missing}-${o}-${topic(2)}", V2).fill(facts) == \
        'x-8-}--{"a":null}-b'
    with pytest.raises(WrongSql, match="no closing brace"):
        template("${id", V2)


@given(JSON)
def test_any_json_goes_through_as_it_is(document):
    text = dumps(document)
    assert loads(text.encode("utf-8", "surrogatepass"), whole=False) == loads(
        dumps(loads(text.encode("utf-8", "surrogatepass"), whole=False)).encode("utf-8", "surrogatepass"),
        whole=False,
    )


@given(st.text(alphabet="SELECT*FROMwhere'\"(){}[].,=<>+-/% 0123456789abAS$\\ü", max_size=60))
def test_any_text_is_a_statement_or_is_refused_with_words(text):
    for sql in (text, f"SELECT {text} FROM 'x'", f"SELECT a FROM 'x' WHERE {text}"):
        try:
            statement = parse(sql, V2)
        except (WrongSql, NotHonoured) as error:
            assert str(error)
        else:
            selected(statement, facts_of(message(b'{"a": {"b": [1, "x"]}}'), "a", V2))


@given(st.binary(max_size=40))
def test_any_payload_can_be_selected_from(payload):
    selected(parse("SELECT *, a.b AS c, decode(a, 'base64') AS d FROM 'x' WHERE NOT isNull(a)", V2),
             facts_of(message(payload), "a", V2))
