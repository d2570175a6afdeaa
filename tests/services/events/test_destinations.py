"""API destinations and connections, with real HTTP servers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import Bus, Inbox

ROLE = "arn:aws:iam::000000000000:role/destinations"
BASIC = {"AuthorizationType": "BASIC", "AuthParameters": {
    "BasicAuthParameters": {"Username": "user", "Password": "pass"}}}
KEY = {"AuthorizationType": "API_KEY", "AuthParameters": {
    "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3cret"}}}


class Endpoint:
    """An HTTP server that keeps what it is asked, and answers what it was told to."""

    def __init__(self) -> None:
        self.asked, self.answers = Queue(), Queue()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                path = urlsplit(self.path)
                endpoint.asked.put({
                    "method": self.command, "path": path.path, "query": parse_qs(path.query),
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": body.decode()})
                planned = not endpoint.answers.empty()
                status, headers, text = endpoint.answers.get() if planned else (200, {}, "")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_PUT = do_GET = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *_) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def next(self) -> dict:
        """The next request."""
        return self.asked.get(timeout=20)

    def answer(self, status: int, text: str = "", **headers: str) -> None:
        """What the next request gets."""
        self.answers.put((status, headers, text))


@pytest.fixture
def endpoint():
    """A server of the test's own."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


def connect(running, url, given, *, path="/", method="POST", rate=None, name="c"):
    """A connection and an API destination that uses it; its ARN."""
    events = running.client("events")
    connection = events.create_connection(Name=name, **given)["ConnectionArn"]
    more = {"InvocationRateLimitPerSecond": rate} if rate else {}
    return events.create_api_destination(Name=name, ConnectionArn=connection, InvocationEndpoint=url + path,
                                         HttpMethod=method, **more)["ApiDestinationArn"]


def test_an_event_is_posted_with_what_the_connection_and_the_target_say(cloudlet, bus, endpoint):
    given = json.loads(json.dumps(BASIC))
    given["AuthParameters"]["InvocationHttpParameters"] = {
        "HeaderParameters": [{"Key": "X-Mine", "Value": "connection"}],
        "QueryStringParameters": [{"Key": "token", "Value": "t", "IsValueSecret": True}],
        "BodyParameters": [{"Key": "extra", "Value": "e"}]}
    arn = connect(cloudlet, endpoint.url, given, path="/orders/*/*?fixed=1", method="PUT", name="whole")
    bus.rule({"source": ["shop"]}, {
        "Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail", "HttpParameters": {
            "PathParameterValues": ["$.detail.id", "a b"],
            "HeaderParameters": {"X-Mine": "target", "X-Type": "$.source"},
            "QueryStringParameters": {"n": "$.detail.n"}}})
    bus.put({"id": "o/1", "n": 5})
    asked = endpoint.next()
    assert (asked["method"], asked["path"]) == ("PUT", "/orders/o%2F1/a%20b")
    assert asked["query"] == {"fixed": ["1"], "n": ["5"], "token": ["t"]}
    assert json.loads(asked["body"]) == {"id": "o/1", "n": 5, "extra": "e"}
    headers = asked["headers"]
    assert headers["authorization"] == "Basic dXNlcjpwYXNz"
    assert (headers["x-mine"], headers["x-type"]) == ("connection", "shop")
    assert headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
    assert (headers["content-type"], headers["range"]) == (
        "application/json; charset=utf-8", "bytes=0-1048575")


def test_a_connections_secret_is_kept_by_secrets_manager(cloudlet, refused):
    events, secrets = cloudlet.client("events"), cloudlet.client("secretsmanager")
    made = events.create_connection(Name="secret", **KEY)
    assert made["ConnectionState"] == "AUTHORIZED" and "LastAuthorizedTime" not in made
    found = events.describe_connection(Name="secret")
    assert found["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}
    assert found["SecretArn"].startswith(
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:events!connection/secret/")

    def kept():
        return json.loads(secrets.get_secret_value(SecretId=found["SecretArn"])["SecretString"])

    assert kept() == {"api_key_name": "X-Key", "api_key_value": "s3cret"}
    events.update_connection(Name="secret", AuthParameters={"ApiKeyAuthParameters": {"ApiKeyValue": "new"}})
    assert kept() == {"api_key_name": "X-Key", "api_key_value": "new"}
    assert refused(events.create_connection, Name="secret", **KEY)[0] == "ResourceAlreadyExistsException"
    assert events.deauthorize_connection(Name="secret")["ConnectionState"] == "DEAUTHORIZING"
    assert events.list_connections(NamePrefix="secret")["Connections"][0]["ConnectionState"] == "DEAUTHORIZED"
    assert refused(secrets.get_secret_value, SecretId=found["SecretArn"])[0] == "ResourceNotFoundException"
    assert events.delete_connection(Name="secret")["ConnectionState"] == "DELETING"
    assert refused(events.describe_connection, Name="secret") == (
        "ResourceNotFoundException",
        "Failed to describe the connection(s). Connection 'secret' does not exist.")


def test_destinations_are_described_changed_and_deleted(cloudlet, refused):
    events = cloudlet.client("events")
    arn = connect(cloudlet, "https://example.com", KEY, path="/api", name="kept")
    found = events.describe_api_destination(Name="kept")
    assert (found["ApiDestinationArn"], found["ApiDestinationState"],
            found["InvocationRateLimitPerSecond"]) == (
        arn, "ACTIVE", 300)
    events.update_api_destination(Name="kept", HttpMethod="PUT", InvocationEndpoint="https://example.com/v2")
    found, = events.list_api_destinations(NamePrefix="kept")["ApiDestinations"]
    assert (found["HttpMethod"], found["InvocationEndpoint"]) == ("PUT", "https://example.com/v2")
    events.deauthorize_connection(Name="kept")
    assert events.describe_api_destination(Name="kept")["ApiDestinationState"] == "INACTIVE"
    events.delete_api_destination(Name="kept")
    assert refused(events.describe_api_destination, Name="kept") == (
        "ResourceNotFoundException",
        "Failed to describe the api-destination(s). An api-destination 'kept' does not exist.")
    code, message = refused(events.create_connection, Name="x", AuthorizationType="BASIC", AuthParameters={
        "BasicAuthParameters": {"Username": "u", "Password": "p"},
        "ConnectivityParameters": {"ResourceParameters": {"ResourceConfigurationArn": ""}}})
    assert code == "NotHonoured" and "ConnectivityParameters" in message


OAUTH = {"grant_type": ["client_credentials"], "client_id": ["id"], "client_secret": ["secret"],
         "audience": ["a"]}


def test_oauth_gets_a_token_once_and_another_when_it_ends_or_is_refused(fresh, endpoint):
    running, issuer = fresh(), Endpoint()
    running.control("clock", {"freeze": True})
    issuer.answer(200, '{"access_token": "one", "token_type": "bearer", "expires_in": 3600}')
    arn = connect(running, endpoint.url, {"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "id", "ClientSecret": "secret"}, "HttpMethod": "POST",
            "AuthorizationEndpoint": issuer.url + "/token", "OAuthHttpParameters": {
                "BodyParameters": [{"Key": "audience", "Value": "a"}]}}}})
    events, bus = running.client("events"), Bus(running)
    asked = issuer.next()
    assert (asked["path"], parse_qs(asked["body"])) == ("/token", OAUTH)
    assert next(True for _ in range(500)
                if events.describe_api_destination(Name="c")["ApiDestinationState"] == "ACTIVE")
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": ROLE})
    for _ in range(2):
        bus.put()
        assert endpoint.next()["headers"]["authorization"] == "Bearer one"
    running.advance(3541)
    issuer.answer(200, '{"access_token": "two"}')
    bus.put()
    assert endpoint.next()["headers"]["authorization"] == "Bearer two"
    endpoint.answer(401)
    issuer.answer(200, '{"access_token": "three"}')
    bus.put()
    assert [endpoint.next()["headers"]["authorization"] for _ in range(2)] == ["Bearer two", "Bearer three"]
    assert issuer.asked.qsize() == 2
    issuer.server.shutdown()
    issuer.server.server_close()


def test_an_issuer_that_gives_no_token_leaves_the_connection_unauthorized(fresh, endpoint):
    running = fresh()
    endpoint.answer(403, "no")
    arn = connect(running, endpoint.url, {"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {
        "OAuthParameters": {"ClientParameters": {"ClientID": "id", "ClientSecret": "secret"},
                            "HttpMethod": "GET",
                            "AuthorizationEndpoint": endpoint.url + "/token"}}})
    assert endpoint.next()["query"]["client_id"] == ["id"]
    events = running.client("events")
    state = next(found for _ in range(500)
                 if (found := events.describe_connection(Name="c"))["ConnectionState"] != "AUTHORIZING")
    assert (state["ConnectionState"], state["StateReason"]) == (
        "DEAUTHORIZED", "The authorization endpoint gave no access token (HTTP 403).")
    bus, dead = Bus(running), Inbox(running)
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": dead.arn}})
    bus.put({"n": 1})
    assert dead.await_events(1)[0]["detail"] == {"n": 1}


@pytest.mark.parametrize(("policy", "condition", "requests"), [
    ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts", 3),
    ({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts", 1),
    ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds", None),
])
def test_what_fails_is_tried_again_as_the_targets_policy_says(fresh, endpoint, policy, condition, requests):
    running = fresh()
    running.control("clock", {"freeze": True})
    arn = connect(running, endpoint.url, KEY)
    bus, dead = Bus(running), Inbox(running)
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": ROLE, "RetryPolicy": policy,
                                    "DeadLetterConfig": {"Arn": dead.arn}})
    for _ in range(20):
        endpoint.answer(503)
    bus.put({"n": 1})
    seen = 0
    messages = []
    while not messages:
        endpoint.next()
        seen += 1
        assert seen < 20
        messages = await_letter_or_timer(running, dead)
    said = {name: value["StringValue"] for name, value in messages[0]["MessageAttributes"].items()}
    assert (said["ERROR_CODE"], said["EXHAUSTED_RETRY_CONDITION"]) == ("CONNECTION_FAILURE", condition)
    assert int(said["RETRY_ATTEMPTS"]) == seen - 1 and requests in (None, seen)
    assert json.loads(messages[0]["Body"])["detail"] == {"n": 1}


def await_letter_or_timer(running, dead):
    """The dead letter, if the delivery has become one; else nothing, with the clock at the next try."""
    for _ in range(500):
        if messages := dead.messages():
            return messages
        if moment := next_delivery_ms(running):
            running.control("clock", {"set": moment / 1000 + 0.001})
            return []
    raise AssertionError("the delivery is nowhere")


def next_delivery_ms(running):
    """When something is tried again, if that has been settled."""
    import asyncio

    from cloudlet.fabric import timers
    from cloudlet.identity import root

    call = running.cloudlet.kernel.conversation(root("000000000000"), "events")
    found = asyncio.run_coroutine_threadsafe(
        call.transact(lambda inner: [due.at_ms for due in timers._timers.items(inner)
                                     if due.work.task == "_again"]),
        running._loop).result()
    return found[0] if found else None


def test_what_is_declined_is_not_tried_again(cloudlet, bus, inbox, endpoint):
    arn = connect(cloudlet, endpoint.url, KEY, name="declined")
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": inbox.arn}})
    endpoint.answer(404)
    bus.put({"n": 1})
    assert endpoint.next()["headers"]["x-key"] == "s3cret"
    assert inbox.await_events(1)[0]["detail"] == {"n": 1}
    endpoint.answer(503, **{"retry-after": "-1"})
    bus.put({"n": 2})
    assert inbox.await_events(1)[0]["detail"] == {"n": 2}


def test_a_destination_is_asked_no_faster_than_it_may_be(fresh, endpoint):
    running = fresh()
    running.control("clock", {"freeze": True})
    arn = connect(running, endpoint.url, KEY, rate=2)
    bus = Bus(running)
    bus.rule({"source": ["shop"]}, {"Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail.n"})
    for n in range(4):
        bus.put({"n": n})
    seen = [endpoint.next()["body"] for _ in range(2)]
    assert endpoint.asked.empty()
    running.advance(1)
    seen += [endpoint.next()["body"] for _ in range(2)]
    assert sorted(seen) == ["0", "1", "2", "3"]
