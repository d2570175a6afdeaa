"""Requests to a function's URL as its handler sees them, and its answers as visitors do: format 2.0.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from ...identity import Principal
from ...kernel import Conversation
from ...wire.http import Request, Response

Event = dict[str, Any]
Headers = dict[str, str | list[str]]
# of other types, and of none, bodies go in base64; a form's does too
_TEXT = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml|javascript)", re.IGNORECASE)
_HOP = frozenset(("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"))
_OURS = frozenset(("connection", "content-length", "date", "keep-alive", "transfer-encoding"))


class NoResponse(ValueError):
    """What the function gave is no HTTP response."""


def event_of(call: Conversation, request: Request, id: str, visitor: Principal) -> Event:
    """The event. The path is still quoted, unlike an HTTP API's."""
    event: Event = {"version": "2.0", "routeKey": "$default", "rawPath": request.path,
                    "rawQueryString": request.query}
    if "cookie" in request.headers:
        cookies = request.headers["cookie"].split(";")
        event["cookies"] = [part.strip() for part in cookies if part.strip()]
    event["headers"] = _headers(call, request)
    queries: dict[str, str] = {}
    for key, value in parse_qsl(request.query, keep_blank_values=True):
        queries[key] = f"{queries[key]},{value}" if key in queries else value
    if queries:
        event["queryStringParameters"] = queries
    event["requestContext"] = _context(call, request, id, visitor)
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request)
    else:
        event["isBase64Encoded"] = False
    return event


def response_of(payload: bytes) -> Response:
    """The response that a buffered answer stands for; one without ``statusCode`` is the body itself."""
    try:
        answer = json.loads(payload or b"null")
    except (ValueError, RecursionError):
        raise NoResponse("it is no JSON") from None
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response(200, {"content-type": "application/json"}, _text(answer))
    return head_of(answer, _decoded(answer))


def head_of(answer: Event, body: bytes = b"") -> Response:
    """A response with the status, headers and cookies that a function names."""
    try:
        status = int(answer.get("statusCode", 200))
        given = answer.get("headers") or {}
        headers: Headers = {str(name).lower(): _text(value).decode() for name, value in given.items()
                            if value is not None and str(name).lower() not in _OURS}
        cookies = [str(cookie) for cookie in answer.get("cookies") or ()]
    except (TypeError, ValueError, AttributeError) as error:
        raise NoResponse(str(error)) from None
    if not 100 <= status <= 599:
        raise NoResponse(f"{status} is no status")
    headers.setdefault("content-type", "application/json")
    if cookies:
        headers["set-cookie"] = cookies
    return Response(status, headers, body)


def _headers(call: Conversation, request: Request) -> dict[str, str]:
    headers = {name: value for name, value in request.headers.items() if name not in _HOP | {"cookie"}}
    before = headers.get("x-forwarded-for")
    headers["x-forwarded-for"] = f"{before}, {request.peer}" if before else request.peer
    headers["x-forwarded-proto"] = "http"
    headers["x-forwarded-port"] = headers.get("host", "").rpartition(":")[2] or "80"
    headers["x-amzn-trace-id"] = call.trace.header()
    return headers


def _context(call: Conversation, request: Request, id: str, visitor: Principal) -> Event:
    signed = visitor.kind != "anonymous"
    context: Event = {"accountId": visitor.account if signed else "anonymous", "apiId": id}
    if signed:
        context["authorizer"] = {"iam": {
            "accessKey": visitor.access_key, "accountId": visitor.account, "callerId": visitor.id,
            "cognitoIdentity": None, "principalOrgId": None, "userArn": visitor.arn, "userId": visitor.id}}
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    return context | {
        "domainName": request.host, "domainPrefix": id,
        "http": {"method": request.method, "path": request.path, "protocol": "HTTP/1.1",
                 "sourceIp": request.peer, "userAgent": request.headers.get("user-agent", "")},
        "requestId": call.id, "routeKey": "$default", "stage": "$default",
        "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"), "timeEpoch": call.now_ms}


def _body(request: Request) -> tuple[str, bool]:
    """The body as text, and whether that is base64."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if _TEXT.fullmatch(kind):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _decoded(answer: Event) -> bytes:
    body = answer.get("body")
    if body is None:
        return b""
    if not answer.get("isBase64Encoded"):
        return _text(body)
    try:
        return base64.b64decode(body)
    except (binascii.Error, TypeError, ValueError) as error:
        raise NoResponse(str(error)) from None


def _text(value: Any) -> bytes:
    """Text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
