"""Requests as functions see them: the payload formats 2.0 and 1.0.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import re
from typing import Any

from .visits import Visit

Event = dict[str, Any]
# A body of another type goes in base64, a form's too: https://stackoverflow.com/q/63551809
_TEXT = re.compile(r"text/.*|application/(?:.*\+)?(?:json|xml|javascript)", re.IGNORECASE)
_CAPITAL = {name.lower(): name for name in (
    "Content-Length", "Content-Type", "Host", "User-Agent", "X-Amzn-Trace-Id", "X-Forwarded-For",
    "X-Forwarded-Port", "X-Forwarded-Proto", "Authorization")}
_IDENTITY = ("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType",
             "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn")


def event_of(visit: Visit, version: str) -> Event:
    """The request in the payload format ``version``."""
    event = event_2_0(visit) if version == "2.0" else event_1_0(visit)
    body, encoded = body_of(visit)
    if body is not None or version == "1.0":
        event["body"] = body
    event["isBase64Encoded"] = encoded
    return event


def body_of(visit: Visit) -> tuple[str | None, bool]:
    """The body as text, and whether that is base64."""
    raw = visit.request.body
    if not raw:
        return None, False
    kind = visit.request.headers.get("content-type", "").partition(";")[0].strip()
    if not kind or _TEXT.fullmatch(kind):
        try:
            return raw.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(raw).decode(), True


def event_2_0(visit: Visit) -> Event:
    """The payload format 2.0, without the body: values of one name are joined by commas."""
    event: Event = {"version": "2.0", "routeKey": visit.route.route_key, "rawPath": visit.decoded_path,
                    "rawQueryString": visit.request.query}
    cookies = visit.cookies()
    if cookies:
        event["cookies"] = cookies
    event["headers"] = {name: value for name, value in visit.headers().items() if name != "cookie"}
    queries = visit.queries()
    if queries:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in queries.items()}
    event["requestContext"] = _context_2_0(visit)
    if visit.variables:
        event["pathParameters"] = visit.variables
    if visit.stage.stage_variables:
        event["stageVariables"] = visit.stage.stage_variables
    return event


def _context_2_0(visit: Visit) -> Event:
    request = visit.request
    context: Event = {"accountId": visit.account, "apiId": visit.api.api_id}
    if visit.authorizer is not None:
        context["authorizer"] = visit.authorizer
    return context | {
        "domainName": visit.domain, "domainPrefix": visit.api.api_id,
        "http": {"method": request.method, "path": visit.decoded_path, "protocol": "HTTP/1.1",
                 "sourceIp": request.peer, "userAgent": request.headers.get("user-agent", "")},
        "requestId": visit.id, "routeKey": visit.route.route_key, "stage": visit.stage.stage_name,
        "time": visit.time(), "timeEpoch": visit.now_ms}


def event_1_0(visit: Visit) -> Event:
    """The payload format 1.0, without the body: the last value of a name, and beside it all of them."""
    headers = {_CAPITAL.get(name, name): value for name, value in visit.headers().items()}
    queries = visit.queries()
    resource = visit.route.route_key.partition(" ")[2] or "$default"
    return {
        "version": "1.0",
        "resource": resource,
        "path": visit.decoded_path,
        "httpMethod": visit.request.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in queries.items()} or None,
        "multiValueQueryStringParameters": queries or None,
        "requestContext": _context_1_0(visit, resource),
        "pathParameters": visit.variables or None,
        "stageVariables": visit.stage.stage_variables or None,
    }


def _context_1_0(visit: Visit, resource: str) -> Event:
    request = visit.request
    return {
        "accountId": visit.account,
        "apiId": visit.api.api_id,
        "authorizer": _authorizer_1_0(visit),
        "domainName": visit.domain,
        "domainPrefix": visit.api.api_id,
        "extendedRequestId": visit.id,
        "httpMethod": request.method,
        "identity": dict.fromkeys(_IDENTITY)
        | {"sourceIp": request.peer, "userAgent": request.headers.get("user-agent", "")},
        "path": visit.decoded_path,
        "protocol": "HTTP/1.1",
        "requestId": visit.id,
        "requestTime": visit.time(),
        "requestTimeEpoch": visit.now_ms,
        "resourceId": visit.route.route_key,
        "resourcePath": resource,
        "stage": visit.stage.stage_name,
    }


def _authorizer_1_0(visit: Visit) -> Event:
    if visit.authorizer is None:
        return {}
    if "jwt" in visit.authorizer:
        return dict(visit.authorizer["jwt"])
    context = dict(visit.authorizer.get("lambda") or {})
    return context | ({"principalId": visit.principal_id} if visit.principal_id else {})
