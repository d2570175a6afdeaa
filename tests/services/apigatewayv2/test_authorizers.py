"""Who may pass: functions that decide, and tokens."""

import base64
import hashlib
import http.server
import json
import threading
import time

import pytest

from cloudlet.services.apigatewayv2.tokens import Untrusted, check_signature

from .conftest import ECHO, deploy, visit

SIMPLE = """
def handler(event, context):
    seen = event["identitySource"]
    return {"isAuthorized": seen[0] == "let-me-in", "context": {"who": seen[0], "type": event["type"],
            "arn": event["routeArn"], "n": context.aws_request_id}}
"""
POLICY = """
def handler(event, context):
    token = event["authorizationToken"]
    if token == "break":
        raise ValueError(token)
    if token == "nonsense":
        return {"policy": "yes"}
    arn = event["methodArn"].rsplit("/", 1)[0] + ("/users" if token == "users" else "/*")
    return {"principalId": token, "context": {"colour": "blue"}, "policyDocument": {"Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Resource": arn,
                           "Effect": "Deny" if token == "deny" else "Allow"}]}}
"""


def guarded(api, echo, routes=("GET /users",), version="2.0", scopes=None, **members):
    """An API whose routes all ask one authorizer; its endpoint."""
    id = api.create_api(Name="guarded", ProtocolType="HTTP")["ApiId"]
    authorizer = api.create_authorizer(ApiId=id, Name="a", **members)
    integration = api.create_integration(ApiId=id, IntegrationType="AWS_PROXY", IntegrationUri=echo,
                                         PayloadFormatVersion=version)["IntegrationId"]
    for key in routes:
        api.create_route(ApiId=id, RouteKey=key, Target=f"integrations/{integration}",
                         AuthorizerId=authorizer["AuthorizerId"],
                         AuthorizationType="JWT" if members["AuthorizerType"] == "JWT" else "CUSTOM",
                         **({"AuthorizationScopes": scopes} if scopes else {}))
    api.create_stage(ApiId=id, StageName="$default", AutoDeploy=True)
    return api.get_api(ApiId=id)["ApiEndpoint"]


def simple(function, **more):
    return {"AuthorizerType": "REQUEST", "AuthorizerUri": function(SIMPLE), "EnableSimpleResponses": True,
            "AuthorizerPayloadFormatVersion": "2.0", "IdentitySource": ["$request.header.X-Key"], **more}


def test_a_simple_answer_lets_pass_or_not(api, echo, function):
    url = guarded(api, echo, **simple(function))
    missing = visit(url + "/users")
    assert (missing.status, missing.json) == (401, {"message": "Unauthorized"})
    wrong = visit(url + "/users", headers={"X-Key": "nope"})
    assert (wrong.status, wrong.json) == (403, {"message": "Forbidden"})
    event = visit(url + "/users", headers={"X-Key": "let-me-in"}).json
    context = event["requestContext"]["authorizer"]["lambda"]
    assert (context["who"], context["type"]) == ("let-me-in", "REQUEST")
    assert context["arn"].endswith("/$default/GET/users")


def test_an_answer_is_remembered_on_the_clock(fresh):
    cloudlet = fresh()
    api, echo = cloudlet.client("apigatewayv2"), deploy(cloudlet, "echo", ECHO)
    url = guarded(api, echo, **simple(lambda source: deploy(cloudlet, "decide", source),
                                      AuthorizerResultTtlInSeconds=60))

    def answer():
        event = visit(url + "/users", headers={"X-Key": "let-me-in"}).json
        return event["requestContext"]["authorizer"]["lambda"]["n"]

    first = answer()
    assert answer() == first
    cloudlet.advance(61)
    second = answer()
    assert second != first
    id = url.rpartition("/")[2]
    api.reset_authorizers_cache(ApiId=id, StageName="$default")
    assert answer() != second


def test_a_policy_speaks_of_each_route(api, echo, function):
    url = guarded(api, echo, routes=("GET /users", "GET /things"), version="1.0", AuthorizerType="REQUEST",
                  AuthorizerUri=function(POLICY), AuthorizerPayloadFormatVersion="1.0",
                  IdentitySource=["$request.querystring.token"], AuthorizerResultTtlInSeconds=60)
    assert visit(url + "/users?token=users").json["requestContext"]["authorizer"] == {
        "colour": "blue", "principalId": "users"}
    assert visit(url + "/things?token=users").status == 403
    assert visit(url + "/things?token=all").status == 200
    assert visit(url + "/things?token=deny").status == 403
    for token in ("break", "nonsense"):
        failed = visit(url + f"/users?token={token}")
        assert (failed.status, failed.json) == (500, {"message": "Internal Server Error"})


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """One who signs tokens, and publishes the key."""

    def __init__(self):
        self.n, self.e, self._d = rsa_key()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.endswith("openid-configuration"):
                    document = {"issuer": outer.url, "jwks_uri": outer.url + "/keys"}
                else:
                    document = {"keys": [outer.key("one")]}
                body = json.dumps(document).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def key(self, id):
        size = (self.n.bit_length() + 7) // 8
        return {
            "kid": id,
            "kty": "RSA",
            "n": b64(self.n.to_bytes(size, "big")),
            "e": b64(self.e.to_bytes(3, "big")),
        }

    def token(self, kid="one", **claims):
        claims = {"iss": self.url, "aud": "mine", "exp": int(time.time()) + 600, "sub": "me"} | claims
        head = f"{b64(json.dumps({'alg': 'RS256', 'kid': kid}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{head}.{b64(self.sign(head.encode()))}"

    def sign(self, message):
        size = (self.n.bit_length() + 7) // 8
        tail = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(message).digest()
        block = b"\0\1" + b"\xff" * (size - len(tail) - 3) + b"\0" + tail
        return pow(int.from_bytes(block, "big"), self._d, self.n).to_bytes(size, "big")

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def rsa_key():
    """Two Mersenne primes make a key that is good enough to test with."""
    p, q, e = 2**1279 - 1, 2**607 - 1, 65537
    return p * q, e, pow(e, -1, (p - 1) * (q - 1))


@pytest.fixture
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.close()


def by_token(issuer):
    return {"AuthorizerType": "JWT", "IdentitySource": ["$request.header.Authorization"],
            "JwtConfiguration": {"Issuer": issuer.url, "Audience": ["mine", "yours"]}}


def test_a_token_of_the_issuer_lets_pass(api, echo, issuer):
    url = guarded(api, echo, **by_token(issuer))
    token = issuer.token(scope="read write", admin=True, groups=["a", "b"])
    for written in (f"Bearer {token}", token):
        event = visit(url + "/users", headers={"Authorization": written}).json
        claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
        assert (claims["sub"], claims["admin"], claims["groups"]) == ("me", "true", "[a b]")
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] is None
    missing = visit(url + "/users")
    assert (missing.status, missing.json, missing.headers["www-authenticate"]) == (
        401, {"message": "Unauthorized"}, "Bearer")


@pytest.mark.parametrize(("claims", "why"), [
    ({"exp": 1}, "expired"), ({"iss": "http://other"}, "issuer"), ({"aud": "theirs"}, "audience"),
    ({"nbf": 1 << 40}, "not valid yet"), ({"kid": "two"}, "unknown")])
def test_a_token_that_is_not_right_is_refused(api, echo, issuer, claims, why):
    url = guarded(api, echo, **by_token(issuer))
    answer = visit(url + "/users", headers={"Authorization": issuer.token(**claims)})
    assert answer.status == 401 and why in answer.headers["www-authenticate"]


def test_a_forged_token_is_refused(api, echo, issuer):
    url = guarded(api, echo, **by_token(issuer))
    head, claims, signature = issuer.token().split(".")
    forged = b64(json.dumps(json.loads(base64.urlsafe_b64decode(claims + "==")) | {"sub": "you"}).encode())
    for token in (
        f"{head}.{forged}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}.AAAA",
        "a.b",
        "a.b.c",
    ):
        assert visit(url + "/users", headers={"Authorization": token}).status == 401
    with pytest.raises(Untrusted):
        check_signature("none", issuer.key("one"), b"x", b"")


def test_a_token_needs_one_of_a_routes_scopes(api, echo, issuer):
    url = guarded(api, echo, scopes=["admin", "write"], **by_token(issuer))
    refused = visit(url + "/users", headers={"Authorization": issuer.token(scope="read")})
    assert (refused.status, refused.json) == (403, {"message": "Forbidden"})
    event = visit(url + "/users", headers={"Authorization": issuer.token(scope="read write")}).json
    assert event["requestContext"]["authorizer"]["jwt"]["scopes"] == ["read", "write"]
