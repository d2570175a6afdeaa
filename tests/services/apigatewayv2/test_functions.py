"""From a visitor's request to a function and back."""

import base64
import json

import pytest

from .conftest import visit


def test_a_quick_create_serves_a_function_at_once(api, echo):
    made = api.create_api(Name="quick", ProtocolType="HTTP", Target=echo)
    event = visit(made["ApiEndpoint"] + "/any/thing?x=1").json
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/any/thing")
    assert api.get_stages(ApiId=made["ApiId"])["Items"][0]["ApiGatewayManaged"] is True


def test_payload_2_0_is_as_documented(serve, echo):
    id, url = serve({"POST /users/{id}": echo}, StageVariables={"colour": "blue"})
    event = visit(f"{url}/users/a%20b?x=1&x=2&y=%26&z", "POST", json.dumps({"n": 1}), {
        "content-type": "application/json", "X-Mine": "yes", "Cookie": "a=1; b=2", "User-Agent": "me"}).json
    assert event["routeKey"] == "POST /users/{id}"
    assert event["rawPath"] == "/users/a b" and event["rawQueryString"] == "x=1&x=2&y=%26&z"
    assert event["cookies"] == ["a=1", "b=2"] and "cookie" not in event["headers"]
    assert event["headers"]["x-mine"] == "yes" and event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "&", "z": ""}
    assert event["pathParameters"] == {"id": "a b"} and event["stageVariables"] == {"colour": "blue"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    context = event["requestContext"]
    assert context["http"] == {"method": "POST", "path": "/users/a b", "protocol": "HTTP/1.1",
                               "sourceIp": "127.0.0.1", "userAgent": "me"}
    assert (context["accountId"], context["apiId"], context["stage"]) == ("000000000000", id, "$default")
    assert context["routeKey"] == "POST /users/{id}" and context["timeEpoch"] > 1.7e12


def test_what_is_empty_is_left_out_of_payload_2_0(serve, echo):
    _, url = serve({"GET /": echo})
    event = visit(url + "/").json
    assert not {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"} & event.keys()
    assert event["isBase64Encoded"] is False and event["rawQueryString"] == ""


def test_payload_1_0_is_as_documented(serve, echo):
    _, url = serve({"ANY /users/{id}": echo}, "1.0")
    event = visit(
        f"{url}/users/7?x=1&x=2", "PUT", b"\x00\xff", {"content-type": "image/png", "X-Mine": "yes"}
    ).json
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/users/{id}", "/users/7")
    assert event["httpMethod"] == "PUT"
    assert event["queryStringParameters"] == {"x": "2"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["headers"]["x-mine"] == "yes" and event["multiValueHeaders"]["x-mine"] == ["yes"]
    assert event["pathParameters"] == {"id": "7"} and event["stageVariables"] is None
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"\x00\xff").decode(), True)
    context = event["requestContext"]
    assert (context["resourcePath"], context["httpMethod"], context["stage"]) == (
        "/users/{id}",
        "PUT",
        "$default",
    )
    assert context["identity"]["sourceIp"] == "127.0.0.1" and context["identity"]["user"] is None


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("text/csv", b"a,b", False),
        ("application/vnd.api+json", b"{}", False),
        ("application/xml", b"<a/>", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("application/octet-stream", b"a", True),
        ("text/plain", b"\xff", True),
    ],
)
def test_bodies_that_are_no_text_come_in_base64(serve, echo, kind, body, encoded):
    _, url = serve({"POST /": echo})
    event = visit(url + "/", "POST", body, {"content-type": kind}).json
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_an_answer_may_say_everything_or_nothing(serve, function):
    answer = function("""
def handler(event, context):
    return {
        "full": {"statusCode": 201, "headers": {"X-A": "b", "n": 1}, "cookies": ["a=1; Secure", "b=2"],
                 "body": "hi"},
        "binary": {"statusCode": "200", "headers": {"Content-Type": "image/png"}, "isBase64Encoded": True,
                   "body": "AP8="},
        "object": {"message": "hi"}, "text": "hi", "nothing": None,
        "wrong": {"statusCode": "many"}, "nested": {"statusCode": 200, "body": {"a": 1}},
    }[event["pathParameters"]["kind"]]
""")
    _, url = serve({"GET /{kind}": answer})
    full = visit(url + "/full")
    assert (full.status, full.headers["x-a"], full.headers["n"], full.body) == (201, "b", "1", b"hi")
    assert [value for name, value in full.lists if name.lower() == "set-cookie"] == ["a=1; Secure", "b=2"]
    assert full.headers["content-type"] == "text/plain;charset=UTF-8" and "apigw-requestid" in full.headers
    assert visit(url + "/binary").body == b"\x00\xff"
    plain = visit(url + "/object")
    assert (plain.status, plain.json, plain.headers["content-type"]) == (
        200,
        {"message": "hi"},
        "application/json",
    )
    assert visit(url + "/text").body == b"hi"
    assert visit(url + "/nothing").status == 200
    for kind in ("wrong", "nested"):
        failed = visit(f"{url}/{kind}")
        assert (failed.status, failed.json) == (500, {"message": "Internal Server Error"})


def test_payload_1_0_answers_have_a_status_and_may_repeat_headers(serve, function):
    answer = function("""
def handler(event, context):
    if event["path"] == "/bare":
        return "hi"
    return {"statusCode": 200, "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]}, "headers": {"x": "y"}}
""")
    _, url = serve({"$default": answer}, "1.0")
    assert visit(url + "/bare").status == 500
    full = visit(url + "/")
    assert [value for name, value in full.lists if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert full.headers["x"] == "y"


def test_a_function_that_fails_or_is_not_there_is_an_internal_error(serve, function):
    failing = function("def handler(event, context): raise ValueError('secret')")
    _, url = serve({"GET /fails": failing, "GET /gone": failing.replace("is_not_there", "x")[:-1] + "9"})
    for path in ("/fails", "/gone"):
        failed = visit(url + path)
        assert (failed.status, failed.json) == (500, {"message": "Internal Server Error"})


def test_an_integration_is_waited_for_no_longer_than_it_says(api, function):
    slow = function("import time\ndef handler(event, context): time.sleep(2)", Timeout=5)
    made = api.create_api(Name="slow", ProtocolType="HTTP", Target=slow)
    integration = api.get_integrations(ApiId=made["ApiId"])["Items"][0]["IntegrationId"]
    api.update_integration(ApiId=made["ApiId"], IntegrationId=integration, TimeoutInMillis=100)
    answer = visit(made["ApiEndpoint"])
    assert (answer.status, answer.json) == (503, {"message": "Service Unavailable"})


def test_what_no_route_or_api_serves_is_not_found(serve, echo, cloudlet):
    _, url = serve({"GET /here": echo})
    for place in (url + "/there", url + "/here/", url, f"{cloudlet.url}/_site/execute-api/nowhere1/"):
        answer = visit(place)
        assert (answer.status, answer.json) == (404, {"message": "Not Found"})
    assert visit(url + "/here", "POST").status == 404


def test_the_host_names_an_api_as_well(serve, echo, cloudlet):
    id, _ = serve({"GET /here": echo})
    answer = visit(cloudlet.url + "/here", headers={"Host": f"{id}.execute-api.us-east-1.localhost"})
    assert answer.json["requestContext"]["domainName"] == f"{id}.execute-api.us-east-1.localhost"


def test_ten_megabytes_are_the_most(serve, echo):
    _, url = serve({"POST /": echo})
    answer = visit(url + "/", "POST", b"x" * ((10 << 20) + 1))
    assert (answer.status, answer.json) == (413, {"message": "Request Entity Too Large"})


def test_stage_variables_choose_the_function(api, echo):
    id = api.create_api(Name="vars", ProtocolType="HTTP")["ApiId"]
    arn = echo.replace(":echo", ":${stageVariables.fn}")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = api.create_integration(ApiId=id, IntegrationType="AWS_PROXY", IntegrationUri=uri,
                                         PayloadFormatVersion="2.0")["IntegrationId"]
    api.create_route(ApiId=id, RouteKey="$default", Target=f"integrations/{integration}")
    api.create_stage(ApiId=id, StageName="$default", AutoDeploy=True, StageVariables={"fn": "echo"})
    assert visit(api.get_api(ApiId=id)["ApiEndpoint"]).json["stageVariables"] == {"fn": "echo"}
