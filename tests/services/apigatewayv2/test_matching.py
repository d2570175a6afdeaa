"""Which route wins."""

import pytest

from cloudlet.services.apigatewayv2.matching import Router

ROUTES = ["GET /", "GET /pets", "ANY /pets", "GET /pets/{id}", "GET /pets/dog/{id}", "GET /pets/dog/1",
          "ANY /pets/{proxy+}", "POST /{proxy+}", "DELETE /a/{x}/b", "GET /a/{y+}"]


@pytest.mark.parametrize(("method", "path", "key", "variables"), [
    ("GET", "/", "GET /", {}),
    ("GET", "/pets", "GET /pets", {}),
    ("PUT", "/pets", "ANY /pets", {}),
    ("GET", "/pets/6", "GET /pets/{id}", {"id": "6"}),
    ("PUT", "/pets/6", "ANY /pets/{proxy+}", {"proxy": "6"}),
    ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
    ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
    ("GET", "/pets/cat/2", "ANY /pets/{proxy+}", {"proxy": "cat/2"}),
    ("POST", "/x/y", "POST /{proxy+}", {"proxy": "x/y"}),
    ("DELETE", "/a/b%20c/b", "DELETE /a/{x}/b", {"x": "b c"}),
    ("GET", "/a/q/b", "GET /a/{y+}", {"y": "q/b"}),
])
def test_the_most_specific_route_that_serves_the_method_wins(method, path, key, variables):
    found = Router({key: key for key in ROUTES}).find(method, path)
    assert (found.key, found.variables) == (key, variables)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/x"), ("GET", "/pets/"), ("POST", "/"), ("GET", "/a/")]
)
def test_what_no_route_matches_is_not_found_or_goes_to_the_default(method, path):
    assert Router({key: key for key in ROUTES}).find(method, path) is None
    assert Router({key: key for key in [*ROUTES, "$default"]}).find(method, path).key == "$default"
