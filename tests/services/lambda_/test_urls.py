"""Function URLs: events, answers, browsers, and who may visit."""

import base64
import json

import pytest
from botocore.exceptions import ClientError

from .conftest import PYTHON, ROLE, allow_visits, zipped
from .visiting import signed, visit

ECHO = "import json\ndef handler(event, context): return {'statusCode': 200, 'body': json.dumps(event)}"
FORBIDDEN = ("Forbidden. For troubleshooting Function URL authorization issues, see: "
             "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html")


@pytest.fixture
def echo(deploy, publish):
    """The URL of a function that answers with its event."""
    return lambda auth="NONE", **settings: publish(deploy(ECHO), auth, **settings)


def answering(text):
    return f"def handler(event, context): return {text}"


def refusal(answer):
    return answer.status, answer.headers["x-amzn-errortype"], answer.json["Message"]


# -- what is configured


def test_a_url_is_made_changed_listed_and_taken_away(deploy):
    function = deploy(answering("1"))
    client, where = function.client, {"FunctionName": function.name}
    made = client.create_function_url_config(AuthType="NONE", **where)
    assert (made["AuthType"], "LastModifiedTime" in made) == ("NONE", False)
    changed = client.update_function_url_config(
        AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM", Cors={"AllowOrigins": ["*"]}, **where)
    assert (changed["AuthType"], changed["InvokeMode"]) == ("AWS_IAM", "RESPONSE_STREAM")
    client.update_function_url_config(Cors={}, **where)
    kept = client.get_function_url_config(**where)
    assert (kept["InvokeMode"], kept["FunctionUrl"], "Cors" in kept) == (
        "RESPONSE_STREAM", made["FunctionUrl"], False)
    version = client.publish_version(**where)["Version"]
    for alias in ("a", "b"):
        client.create_alias(Name=alias, FunctionVersion=version, **where)
        client.create_function_url_config(AuthType="NONE", Qualifier=alias, **where)
    page = client.list_function_url_configs(MaxItems=2, **where)
    rest = client.list_function_url_configs(Marker=page["NextMarker"], **where)
    found = [one["FunctionArn"].rpartition(":")[2] for one in
             page["FunctionUrlConfigs"] + rest["FunctionUrlConfigs"]]
    assert found == [function.name, "a", "b"]
    client.delete_function_url_config(**where)
    client.delete_alias(Name="a", **where)
    assert len(client.list_function_url_configs(**where)["FunctionUrlConfigs"]) == 1
    assert visit(made["FunctionUrl"]).body == b'{"Message":null}'


def test_what_is_not_there_is_refused_in_awss_words(deploy):
    function = deploy(answering("1"))
    client, where = function.client, {"FunctionName": function.name}
    with pytest.raises(ClientError, match="Function does not exist"):
        client.create_function_url_config(FunctionName="nowhere", AuthType="NONE")
    with pytest.raises(ClientError, match="Function does not exist"):
        client.list_function_url_configs(FunctionName="nowhere")
    with pytest.raises(ClientError, match="The resource you requested does not exist"):
        client.get_function_url_config(**where)
    client.create_function_url_config(AuthType="NONE", **where)
    with pytest.raises(ClientError, match="FunctionUrlConfig exists for this Lambda function"):
        client.create_function_url_config(AuthType="NONE", **where)


def test_a_deleted_function_has_no_url_and_no_policy_when_it_comes_back(deploy, publish):
    function = deploy(answering("1"), name="twice")
    url = publish(function)
    assert visit(url).status == 200
    function.client.delete_function(FunctionName="twice")
    assert visit(url).body == b'{"Message":null}'
    deploy(answering("1"), name="twice")
    with pytest.raises(ClientError, match="The resource you requested does not exist"):
        function.client.get_policy(FunctionName="twice")


# -- the event


def test_the_event_is_payload_2_0_to_the_letter(echo, cloudlet):
    url = echo()
    answer = visit(url + "a%20b/c?q=1&q=%2Ftwo&empty=&x", "POST", b'{"n":1}', {
        "Content-Type": "application/json", "X-Twice": "one", "Cookie": "a=1; b=2", "User-Agent": "test/1",
        "X-Forwarded-For": "192.0.2.1", "Host": f"localhost:{cloudlet.port}"})
    event = answer.json
    id = url.rstrip("/").rpartition("/")[2]
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/a%20b/c")
    assert event["rawQueryString"] == "q=1&q=%2Ftwo&empty=&x"
    assert event["queryStringParameters"] == {"q": "1,/two", "empty": "", "x": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    headers = event["headers"]
    assert (headers["x-twice"], headers["content-length"]) == ("one", "7")
    assert (headers["x-forwarded-for"], headers["x-forwarded-port"]) == (
        "192.0.2.1, 127.0.0.1", str(cloudlet.port))
    assert headers["x-forwarded-proto"] == "http"
    assert "cookie" not in headers
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    context = event["requestContext"]
    assert context["http"] == {"method": "POST", "path": "/a%20b/c", "protocol": "HTTP/1.1",
                               "sourceIp": "127.0.0.1", "userAgent": "test/1"}
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == ("anonymous", id, id)
    assert (context["stage"], context["routeKey"]) == ("$default", "$default")
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert not {"authorizer", "pathParameters", "stageVariables"} & (context.keys() | event.keys())
    assert (event["body"], event["isBase64Encoded"]) == ('{"n":1}', False)


@pytest.mark.parametrize(("kind", "encoded"), [
    ("text/plain", False), ("application/json; charset=utf-8", False), ("application/ld+json", False),
    ("application/xml", False), ("application/x-www-form-urlencoded", True), ("image/png", True), ("", True)])
def test_a_body_is_text_or_base64_by_its_type(cloudlet, kind, encoded):
    url = kinds(cloudlet)
    event = visit(url, "POST", b"a=b", {"Content-Type": kind} if kind else {}).json
    assert event["isBase64Encoded"] is encoded
    assert event["body"] == (base64.b64encode(b"a=b").decode() if encoded else "a=b")


def kinds(cloudlet, name="kinds"):
    """One echo for all the types."""
    client = cloudlet.client("lambda")
    try:
        return client.get_function_url_config(FunctionName=name)["FunctionUrl"]
    except ClientError:
        client.create_function(FunctionName=name, Role=ROLE, Runtime=PYTHON, Handler="app.handler",
                               Code={"ZipFile": zipped(app_py=ECHO)})
        allow_visits(client, FunctionName=name)
        return client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]


def test_bytes_that_are_no_text_are_base64_whatever_their_type(cloudlet):
    event = visit(kinds(cloudlet), "POST", b"\xff\x00", {"Content-Type": "text/plain"}).json
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


# -- the answer


SAY = "import json\ndef handler(event, context): return json.loads(event['body'])"
AS_TEXT = {"Content-Type": "application/json"}


def test_what_is_no_response_is_the_body_of_one(deploy, publish):
    url = publish(deploy(SAY))
    for given, body in ((b'{"hello": "world"}', b'{"hello":"world"}'), (b'["a", 3, true]', b'["a",3,true]'),
                        (b'"hello"', b"hello"), (b"3.1", b"3.1"), (b"null", b"null"),
                        (b'{"statusCode": 200, "body": {"a": 1}}', b'{"a":1}')):
        answer = visit(url, "POST", given, AS_TEXT)
        assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", body)


def test_status_headers_cookies_and_bytes_are_the_functions(deploy, publish):
    answer = visit(publish(deploy(answering(
        "{'statusCode': '418', 'headers': {'X-Pot': 1, 'Content-Length': '99'}, 'cookies': ['a=1', 'b=2'],"
        " 'body': '/wA=', 'isBase64Encoded': True}"))))
    assert (answer.status, answer.body) == (418, b"\xff\x00")
    assert (answer.headers["x-pot"], answer.headers["content-length"]) == ("1", "2")
    assert answer.all("set-cookie") == ["a=1", "b=2"]


def test_what_fails_and_what_is_no_response_at_all_is_a_502(deploy, publish):
    url = publish(deploy(SAY))
    for given in (b"fails", b'{"statusCode": "soon"}', b'{"statusCode": 9999}',
                  b'{"statusCode": 200, "headers": 7}', b'{"statusCode": 200, "body": "x", '
                  b'"isBase64Encoded": true}'):
        answer = visit(url, "POST", given, AS_TEXT)
        assert (answer.status, answer.body) == (502, b"Internal Server Error")


def test_a_function_without_concurrency_is_throttled_and_a_request_has_six_megabytes(deploy, publish):
    function = deploy(answering("1"))
    url = publish(function)
    assert refusal(visit(url, "POST", b"x" * (7 << 20)))[:2] == (413, "RequestTooLargeException")
    assert visit(url, "POST", b"x" * (5 << 20)).status == 413  # in base64 it is too much as well
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    assert refusal(visit(url)) == (429, "TooManyRequestsException", "Rate Exceeded.")


def test_an_alias_has_a_url_of_its_own(deploy, publish):
    function = deploy(answering("context.function_version"))
    client, where = function.client, {"FunctionName": function.name}
    version = client.publish_version(**where)["Version"]
    client.create_alias(Name="live", FunctionVersion=version, **where)
    url = publish(function, qualifier="live")
    assert visit(url).body == b"1"
    assert visit(publish(function)).body == b"$LATEST"


# -- browsers


CORS = {"AllowOrigins": ["https://a.example", "https://b.example"], "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-one", "x-two"], "ExposeHeaders": ["x-seen"], "MaxAge": 60,
        "AllowCredentials": True}


def test_a_preflight_is_answered_without_the_function(deploy, publish):
    url = publish(deploy("def handler(event, context): raise ValueError('called')"), Cors=CORS)
    ask = {"Origin": "https://b.example", "Access-Control-Request-Method": "PUT"}
    answer = visit(url, "OPTIONS", headers=ask)
    assert (answer.status, answer.body) == (200, b"")
    assert {name: value for name, value in answer.headers.items() if name.startswith("access-")} == {
        "access-control-allow-origin": "https://b.example", "access-control-allow-methods": "GET,PUT",
        "access-control-allow-headers": "x-one,x-two", "access-control-max-age": "60",
        "access-control-allow-credentials": "true"}
    assert answer.headers["vary"] == "Origin"
    foreign = visit(url, "OPTIONS", headers=ask | {"Origin": "https://c.example"})
    assert (foreign.status, foreign.headers.get("access-control-allow-origin")) == (200, None)


def test_answers_name_the_page_and_what_it_may_read(deploy, publish):
    url = publish(deploy(answering("1")), Cors=CORS)
    answer = visit(url, headers={"Origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-expose-headers"] == "x-seen"
    assert "access-control-allow-methods" not in answer.headers
    assert "access-control-allow-origin" not in visit(url).headers


def test_a_function_that_allows_pages_as_well_sends_the_header_twice_as_on_aws(deploy, publish):
    url = publish(deploy(answering("{'statusCode': 200, 'headers': {'Access-Control-Allow-Origin': '*'}}")),
                  Cors={"AllowOrigins": ["*"]})
    answer = visit(url, headers={"Origin": "https://a.example"})
    assert answer.all("access-control-allow-origin") == ["*", "https://a.example"]


def test_a_url_without_rules_for_pages_lets_the_function_answer_their_questions(deploy, publish):
    url = publish(deploy("def handler(e, c): return {'statusCode': 204}"))
    assert visit(url, "OPTIONS", headers={"Origin": "https://a.example",
                                          "Access-Control-Request-Method": "PUT"}).status == 204


# -- who may visit


def test_a_public_url_needs_both_permissions(deploy, publish):
    function = deploy(answering("1"))
    client, where = function.client, {"FunctionName": function.name}
    url = publish(function, public=False)
    assert refusal(visit(url)) == (403, "AccessDeniedException", FORBIDDEN)
    client.add_permission(StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
                          FunctionUrlAuthType="NONE", **where)
    assert visit(url).status == 403
    client.add_permission(StatementId="direct", Action="lambda:InvokeFunction", Principal="*",
                          InvokedViaFunctionUrl=False, **where)
    assert visit(url).status == 403
    client.add_permission(StatementId="via", Action="lambda:InvokeFunction", Principal="*",
                          InvokedViaFunctionUrl=True, **where)
    assert visit(url).status == 200
    client.update_function_url_config(AuthType="AWS_IAM", **where)
    assert visit(url).status == 403


def test_an_iam_url_asks_for_a_signature(echo):
    url = echo("AWS_IAM")
    assert refusal(visit(url)) == (403, "AccessDeniedException", "Forbidden")
    assert refusal(visit(url, headers={"Authorization": "Bearer x"}))[2] == "Forbidden"


@pytest.fixture
def user(cloudlet, request):
    """A user with a key: name, key id, secret; and a way to let it do something."""
    iam, name = cloudlet.client("iam"), request.node.name[:60]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def let(*actions):
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}))
    return name, key["AccessKeyId"], key["SecretAccessKey"], let


def test_a_user_with_both_permissions_may_visit_and_is_named_in_the_event(echo, user):
    name, key, secret, let = user
    url = echo("AWS_IAM") + "a b?x=y".replace(" ", "%20")
    assert refusal(visit(*_sent(signed(url, key, secret)))) == (403, "AccessDeniedException", FORBIDDEN)
    let("lambda:InvokeFunctionUrl")
    assert visit(*_sent(signed(url, key, secret))).status == 403
    let("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    there, headers = signed(url, key, secret, method="POST", body=b"hello")
    context = visit(there, "POST", b"hello", headers).json["requestContext"]
    assert context["accountId"] == "000000000000"
    iam = context["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == (key, f"arn:aws:iam::000000000000:user/{name}")
    assert iam["userId"] == iam["callerId"] and iam["userId"].startswith("AIDA")
    assert (iam["cognitoIdentity"], iam["principalOrgId"]) == (None, None)


def test_a_presigned_url_is_a_signature_too_and_ends(echo, user, cloudlet):
    _, key, secret, let = user
    let("lambda:*")
    url, _ = signed(echo("AWS_IAM"), key, secret, query=True)
    assert visit(url).json["requestContext"]["authorizer"]["iam"]["accessKey"] == key
    assert visit(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601")).json["Message"].startswith(
        "The request signature we calculated does not match")
    cloudlet.advance(3700)
    assert refusal(visit(url))[:2] == (403, "InvalidSignatureException")


def test_a_wrong_signature_or_one_for_something_else_is_refused(echo, user):
    _, key, secret, let = user
    let("lambda:*")
    url = echo("AWS_IAM")
    assert refusal(visit(*_sent(signed(url, key, "wrong"))))[1] == "InvalidSignatureException"
    other = refusal(visit(*_sent(signed(url, key, secret, service="execute-api"))))
    assert other == (403, "InvalidSignatureException",
                     "Credential should be scoped to correct service: 'lambda'.")
    assert refusal(visit(*_sent(signed(url, key, secret, region="eu-west-1"))))[0] == 403


def test_another_account_needs_the_functions_policy(deploy, publish):
    function = deploy(answering("1"))
    url = publish(function, "AWS_IAM")
    stranger = signed(url, "222222222222", "any")
    assert visit(*_sent(stranger)).status == 403
    allow_visits(function.client, "222222222222", "AWS_IAM", FunctionName=function.name)
    assert visit(*_sent(stranger)).status == 200
    assert visit(*_sent(signed(url, "333333333333", "any"))).status == 403


def _sent(request):
    url, headers = request
    return url, "GET", None, headers
