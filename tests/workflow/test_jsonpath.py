"""Paths: what they lead to, and in which form."""

import pytest

from cloudlet.workflow.jsonpath import BadText, NoResult, compile_path, reference

STORE = {"book": [{"title": "A", "price": 8, "tags": ["x"]}, {"title": "B", "price": 12.5}, {"title": "C"}],
         "owner": {"name": "Ö", "a-b": 1, "c d": 2, "e.f": 3, "quo'te": 4}, "none": None}


@pytest.mark.parametrize(("path", "value"), [("$", STORE), ("$.owner.name", "Ö"), ("$['owner']['c d']", 2),
                                             ('$["owner"].a-b', 1), ("$.owner['e.f']", 3),
                                             ("$.owner.e\\.f", 3), ("$.owner['quo\\'te']", 4),
                                             ("$.none", None), ("$.book[0].title", "A"),
                                             ("$.book[-1].title", "C"), ("$.book.length()", 3),
                                             ("$.book.[0].title", "A"), ("$.['owner'].name", "Ö")])
def test_a_definite_path_gives_the_one_value(path, value):
    found = compile_path(path)
    assert found.definite
    assert found.find(STORE) == value


@pytest.mark.parametrize(("path", "values"), [
    ("$.book[*].title", ["A", "B", "C"]),
    ("$.book[0,2].title", ["A", "C"]),
    ("$.book[1:].title", ["B", "C"]),
    ("$.book[:1].title", ["A"]),
    ("$.book[-2:].title", ["B", "C"]),
    ("$.book[0]['title','price']", ["A", 8]),
    ("$.book.[*].['title','price']", ["A", 8, "B", 12.5, "C"]),
    ("$..title", ["A", "B", "C"]),
    ("$..book[0].title", ["A"]),
    ("$.book[?(@.price > 10)].title", ["B"]),
    ("$.book[?(@.price)].title", ["A", "B"]),
    ("$.book[?(!@.price)].title", ["C"]),
    ("$.book[?(@.title == 'A' || @.price >= 12.5)].title", ["A", "B"]),
    ("$.book[?(@.price < 10 && @.title != 'B')].title", ["A"]),
    ("$.book[?(@.title in ['B', 'C'])].title", ["B", "C"]),
    ("$.book[?(@.title =~ /[ab]/i)].title", ["A", "B"]),
    ("$.book[?(@.tags[0] == 'x')].title", ["A"]),
    ("$.book[?(@.title == $.owner.name)].title", []),
    ("$.owner[*]", ["Ö", 1, 2, 3, 4]),
    ("$.nothing[*].here", []),
    ("$.nothing.at.all[1:5]", []),
])
def test_any_other_path_gives_a_list(path, values):
    found = compile_path(path)
    assert not found.definite
    assert found.find(STORE) == values


@pytest.mark.parametrize(("path", "message"), [
    ("$.nobody", "No results for path: $['nobody']"),
    ("$.no.such.path", "Missing property in path $['no']"),
    ("$.owner.name.first", "No results for path: $['owner']['name']['first']"),
    ("$.book[7]", "No results for path: $['book'][7]"),
])
def test_a_definite_path_that_leads_nowhere_says_how_far_it_led(path, message):
    with pytest.raises(NoResult) as nowhere:
        compile_path(path).find(STORE)
    assert str(nowhere.value) == message


def test_numbers_in_lists_can_be_counted_together():
    prices = {"p": [1, 2, 6]}
    assert [compile_path(f"$.p.{name}()").find(prices) for name in ("min", "max", "sum", "avg")] == [1, 6, 9,
                                                                                                     3]


def test_the_beginning_says_where_the_path_starts():
    scopes = [compile_path(text).scope for text in ("$.a", "$$.Execution.Id", "$order.id", "$order")]
    assert scopes == ["", "$", "order", "order"]


@pytest.mark.parametrize("text",
                         ["", "a.b", "$.", "$..", "$.a[", "$.a[']", "$.a[?(@.b]", "$.a b", "$.a)", "$[x]"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(BadText):
        compile_path(text)


def test_a_reference_path_names_one_place():
    assert reference("$.a['b'][2].c") == ("a", "b", 2, "c")
    for text in ("$.a[*]", "$..a", "$.a[0:1]", "$.a[?(@.b)]", "$$.a", "$.a[-1]", "$v.a"):
        with pytest.raises(BadText):
            reference(text)
