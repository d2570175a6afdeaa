"""The languages of filter patterns."""

import pytest

from cloudlet.services.logs.errors import InvalidParameterException
from cloudlet.services.logs.patterns import compile_pattern


def matches(pattern, message):
    return compile_pattern(pattern)(message) is not None


@pytest.mark.parametrize(("pattern", "yes", "no"), [
    ("", "anything", None),
    ("ERROR", "[ERROR 401] no", "error"),
    ("ERROR", "ERROR: x", "ERRORS"),
    ("ERROR failed", "it failed: ERROR", "ERROR only"),
    ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR.", "INTERNAL ERROR SERVER"),
    ("?ERROR ?WARN", "WARN x", "INFO x"),
    ("ERROR -timeout", "ERROR x", "ERROR timeout"),
    ('ERROR -"time out"', "ERROR time in out", "ERROR time out"),
    ("-START -END", "work", "START"),
    ("%AUTHORIZED%", "UNAUTHORIZED", "auth"),
    (r"%\d{3}-[ab]%", "x 123-b", "x 12-b"),
    ('"say \\"hi\\""', 'they say "hi"', "they say hi"),
])
def test_terms(pattern, yes, no):
    assert matches(pattern, yes)
    assert no is None or not matches(pattern, no)


@pytest.mark.parametrize(("pattern", "yes", "no"), [
    ('{ $.a = "x" }', '{"a": "x"}', '{"a": "y"}'),
    ("{ $.a = x }", '{"a": "x"}', '{"b": "x"}'),
    ("{ $.a = x* }", '{"a": "xyz"}', '{"a": "ax"}'),
    ('{ $.ip != "123.123.*" }', '{"ip": "10.0.0.1"}', '{"ip": "123.123.0.1"}'),
    ("{ $.a != x }", '{"a": "y"}', "{}"),
    ("{ $.n = 1e3 }", '{"n": 1000}', '{"n": 999}'),
    ("{ $.n >= 4 && $.n < 10 }", '{"n": 4}', '{"n": 10}'),
    ("{ $.n > 3 }", '{"n": 3.5}', '{"n": "many"}'),
    ("{ $.a.b[0].c = 2 }", '{"a": {"b": [{"c": 2}]}}', '{"a": {"b": []}}'),
    ('{ $.a[*] = "x" }', '{"a": ["y", "x"]}', '{"a": ["y"]}'),
    ('{ $.["a.b"] = 1 }'.replace(".[", "["), '{"a.b": 1}', '{"a": {"b": 1}}'),
    ("{ $.a IS NULL }", '{"a": null}', "{}"),
    ("{ $.a IS TRUE }", '{"a": true}', '{"a": "true"}'),
    ("{ $.a IS FALSE }", '{"a": false}', '{"a": 0}'),
    ("{ $.a NOT EXISTS }", '{"b": 1}', '{"a": null}'),
    ("{ ($.a = 1 || $.b = 2) && $.c = 3 }", '{"b": 2, "c": 3}', '{"a": 1}'),
    ("{ $.a = 1 || $.b = 2 && $.c = 3 }", '{"a": 1}', '{"b": 2}'),
    ("{ $.a = %4[0-9]{2}% }", '{"a": "404"}', '{"a": "500"}'),
    ("{ $.a = 1 }", '{"a": 1}', "a = 1"),
])
def test_json(pattern, yes, no):
    assert matches(pattern, yes)
    assert not matches(pattern, no)


LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(("pattern", "fits"), [
    ("[ip, id, user, time, request, status, size]", True),
    ("[ip, id, user, time, request, status]", False),
    ("[ip, ..., status = 4*, size]", True),
    ("[..., status = 5*, size]", False),
    ("[..., size > 1000]", True),
    ("[ip, user, ..., status = 404 || status = 500, size]", True),
    ("[..., request = *html*, status, size < 1000]", False),
    ("[ip = %127\\.0\\.0\\.[12]%, ...]", True),
    ("[..., size >= 1000 && size != 1534]", False),
    ("[,, user = frank, ...]".replace("[,,", "[a, b,"), True),
])
def test_fields(pattern, fits):
    assert matches(pattern, LINE) is fits


def test_fields_are_taken_out():
    found = compile_pattern("[ip, ..., status = 4*, size]")(LINE)
    assert found == {"$ip": "127.0.0.1", "$status": "404", "$size": "1534"}


@pytest.mark.parametrize(
    "pattern",
    [
        "{ $.a = }",
        "{ $.a",
        "{ a = 1 }",
        "[a",
        "{ ($.a = 1 }",
        '"open',
        "%(x)%",
        "{ $.a = 1 } x",
        "[..., a, ...]",
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(InvalidParameterException):
        compile_pattern(pattern)
