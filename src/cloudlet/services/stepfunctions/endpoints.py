"""Tasks that are HTTP: API Gateway's APIs, and endpoints anywhere, with a connection's authorization.

What EventBridge keeps secret for a connection is read as the execution's role, which AWS asks for, too. A
connection's parameters win over the task's.
Sources: https://docs.aws.amazon.com/step-functions/latest/dg/connect-third-party-apis.html,
https://docs.aws.amazon.com/step-functions/latest/dg/connect-api-gateway.html
"""

import base64
import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from ...errors import AwsError, NotHonoured
from ...fabric import outgoing
from ...identity import Principal
from ...kernel import Conversation
from ...kernel.place import Place
from ...wire.http import Response
from ...workflow.intrinsics import json_text, json_value
from .errors import TaskFailed
from .parameters import Unfit

_TIMEOUT_S = 60
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
_HIDDEN = frozenset(("connection", "content-length", "host", "transfer-encoding"))
Config = dict[str, Any]


class Exchange(msgspec.Struct):
    """A request and its answer, as TestState shows them and as a task's result is made of them."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    answer: Response
    shown_url: str = ""  # without what the connection added
    secret: frozenset[str] = frozenset()  # headers that the connection added

    def result(self) -> str:
        """The result of an HTTP task."""
        return json_text({"Headers": _lists(self.answer), "ResponseBody": _body(self.answer),
                          "StatusCode": self.answer.status, "StatusText": phrase(self.answer.status)})


class HttpFailed(TaskFailed):
    """An endpoint answered with an error."""

    def __init__(self, error: str, cause: str, exchange: Exchange) -> None:
        super().__init__(error, cause)
        self.exchange = exchange


async def http(call: Conversation, principal: Principal, given: Any) -> Exchange:
    """An HTTP task."""
    if not isinstance(given, dict):
        raise Unfit("The parameters must be an object.")
    url, method = str(given.get("ApiEndpoint") or ""), _method(given)
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unfit(f"ApiEndpoint must be a URL: {url}")
    headers, query = _headers(given), _pairs(given.get("QueryParameters"))
    body, kind = _encoded(given)
    if kind:
        headers.setdefault("content-type", kind)
    arn = (given.get("Authentication") or given.get("InvocationConfig") or {}).get("ConnectionArn")
    if not arn:
        raise Unfit("An HTTP task needs the ConnectionArn of its Authentication.")
    shown_url, own = _with_query(url, query), frozenset(headers)
    await _authorize(call, principal, arn, headers, query)
    url = _with_query(url, query)
    answer = await _send(call, method, url, headers, body, "States.Http.Socket")
    exchange = Exchange(method, url, headers, body.decode("utf-8", "replace"), answer, shown_url,
                        frozenset(headers) - own)
    if answer.status >= 300:
        raise HttpFailed(f"States.Http.StatusCode.{answer.status}", text_of(answer), exchange)
    return exchange


def _with_query(url: str, query: Config) -> str:
    return url + ("&" if urlsplit(url).query else "?") + urlencode(query, doseq=True) if query else url


async def gateway(call: Conversation, principal: Principal, given: Any) -> str:
    """A task that calls an API of API Gateway."""
    if not isinstance(given, dict):
        raise Unfit("The parameters must be an object.")
    if given.get("AuthType", "NO_AUTH") == "IAM_ROLE":
        raise NotHonoured("cloudlet's HTTP APIs have no IAM authorization, so it refuses AuthType IAM_ROLE.")
    host = str(given.get("ApiEndpoint") or "").split("//")[-1]
    name, label = [*host.split("."), ""][:2]
    if label != "execute-api":
        raise Unfit(f"ApiEndpoint must be API-ID.execute-api.REGION.amazonaws.com: {host}")
    stage, path = str(given.get("Stage") or "").strip("/"), str(given.get("Path") or "").lstrip("/")
    url = call.use(Place).site(label, name) + "".join(f"/{part}" for part in (stage, path) if part)
    query = _pairs(given.get("QueryParameters"))
    headers = _headers(given)
    body, kind = _encoded(given)
    if body:
        headers.setdefault("content-type", kind)
    answer = await _send(
        call,
        _method(given),
        url + (f"?{urlencode(query, doseq=True)}" if query else ""),
        headers,
        body,
        "ApiGateway.SdkClientException",
    )
    if answer.status >= 400:
        raise TaskFailed(f"ApiGateway.{answer.status}", text_of(answer))
    return json_text({"Headers": _lists(answer), "ResponseBody": _body(answer), "StatusCode": answer.status,
                      "StatusText": phrase(answer.status)})


async def _send(call: Conversation, method: str, url: str, headers: dict[str, str], body: bytes,
                error: str) -> Response:
    try:
        with call.kernel.clock.holding(f"a request to {url}"):
            return await outgoing.send(method, url, headers, body, _TIMEOUT_S)
    except TimeoutError:
        raise TaskFailed(error, f"The endpoint did not answer within {_TIMEOUT_S} seconds.") from None
    except outgoing.Unreachable as problem:
        raise TaskFailed(error, f"The endpoint can't be reached: {problem}") from None


# -- requests


def _method(given: Config) -> str:
    method = str(given.get("Method") or "")
    if method not in _METHODS:
        raise Unfit(f"Method must be one of {', '.join(_METHODS)}: {method}")
    return method


def _headers(given: Config) -> dict[str, str]:
    found = {name.lower(): ",".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
             for name, value in (given.get("Headers") or {}).items()}
    if any("\n" in text or "\r" in text for pair in found.items() for text in pair):
        raise Unfit("A header can't have line breaks.")
    return found


def _pairs(given: Config | None) -> dict[str, Any]:
    return {name: [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
            for name, value in (given or {}).items()}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _encoded(given: Config) -> tuple[bytes, str]:
    """The body, and what it is."""
    if "RequestBody" not in given:
        return b"", ""
    body, transform = given["RequestBody"], given.get("Transform") or {}
    if transform.get("RequestBodyEncoding") == "URL_ENCODED":
        options = transform.get("RequestEncodingOptions") or {}
        form = options.get("ArrayFormat", "INDICES")
        return _form(body, form).encode(), "application/x-www-form-urlencoded"
    return json_text(body).encode(), "application/json"


def _form(body: Any, form: str) -> str:
    pairs: list[tuple[str, str]] = []
    for name, value in (body if isinstance(body, dict) else {}).items():
        if not isinstance(value, list):
            pairs.append((name, _plain(value)))
        elif form == "COMMAS":
            pairs.append((name, ",".join(map(_plain, value))))
        else:
            places = {"INDICES": "[{}]", "BRACKETS": "[]", "REPEAT": ""}.get(form, "[{}]")
            pairs += [(name + places.format(n), _plain(one)) for n, one in enumerate(value)]
    return urlencode(pairs)


async def _authorize(call: Conversation, principal: Principal, arn: str, headers: dict[str, str],
                     query: Config) -> None:
    """Add to a request what a connection keeps for it."""
    name = str(arn).partition(":connection/")[2].partition("/")[0]
    if not name:
        raise Unfit(f"ConnectionArn must be the ARN of a connection: {arn}")
    try:
        found = await call.invoke("events", "DescribeConnection", as_principal=principal, Name=name)
        secret = await call.invoke("secretsmanager", "GetSecretValue", as_principal=principal,
                                   SecretId=found["SecretArn"])
    except (AwsError, KeyError) as error:
        raise TaskFailed("Events.ConnectionResource.InvalidConnectionState"
                         if isinstance(error, KeyError) else "Events.ConnectionResource.AccessDenied",
                         f"The connection {arn} can't be used: {error}") from None
    kept = json.loads(secret["SecretString"])
    match found["AuthorizationType"]:
        case "BASIC":
            login = base64.b64encode(f"{kept['username']}:{kept['password']}".encode()).decode()
            headers["authorization"] = f"Basic {login}"
        case "API_KEY":
            headers[kept["api_key_name"].lower()] = kept["api_key_value"]
        case "OAUTH_CLIENT_CREDENTIALS":
            headers["authorization"] = await _token(call, kept)
    more = kept.get("invocation_http_parameters") or {}
    headers |= {one["key"].lower(): one["value"] or "" for one in more.get("header_parameters") or ()}
    query |= {one["key"]: one["value"] or "" for one in more.get("query_string_parameters") or ()}


async def _token(call: Conversation, kept: Config) -> str:
    """A token of the connection's authorization endpoint, asked for anew by each task."""
    fields = {"grant_type": "client_credentials", "client_id": kept["client_id"],
              "client_secret": kept["client_secret"]}
    more = kept.get("oauth_http_parameters") or {}
    fields |= {one["key"]: one["value"] or "" for one in more.get("body_parameters") or ()}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    headers |= {one["key"].lower(): one["value"] or "" for one in more.get("header_parameters") or ()}
    url, body = kept["authorization_endpoint"], urlencode(fields)
    answer = await _send(call, kept["http_method"], f"{url}?{body}" if kept["http_method"] == "GET" else url,
                         headers, b"" if kept["http_method"] == "GET" else body.encode(),
                         "Events.ConnectionResource.AccessDenied")
    said = _body(answer)
    if not isinstance(said, dict) or not said.get("access_token"):
        raise TaskFailed("Events.ConnectionResource.AccessDenied",
                         f"The authorization endpoint gave no token (HTTP {answer.status}).")
    return f"Bearer {said['access_token']}"


# -- answers


def _lists(answer: Response) -> dict[str, list[str]]:
    return {name: value if isinstance(value, list) else [value] for name, value in answer.headers.items()
            if name not in _HIDDEN}


def text_of(answer: Response) -> str:
    """A body as text."""
    return answer.body.decode("utf-8", "replace") if isinstance(answer.body, bytes) else ""


def _body(answer: Response) -> Any:
    text = text_of(answer)
    try:
        return json_value(text) if text else ""
    except (ValueError, msgspec.DecodeError):
        return text


def phrase(status: int) -> str:
    """What a status is called."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
