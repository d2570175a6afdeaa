"""Function URLs, and the address from which a package can be downloaded."""

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from ...errors import AwsError
from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...store import Blobs, Table
from ...wire.http import Request, Response
from .errors import InvalidParameterValueException, ResourceConflictException, ResourceNotFoundException
from .limits import SYNC_PAYLOAD
from .records import arn_of, name_of, version
from .service import lambda_

Config = dict[str, Any]


class Url(msgspec.Struct):
    """A function's URL; ``id`` is the first part of its host."""

    id: str
    function: str
    qualifier: str
    created_ms: int
    modified_ms: int
    cors: Config = {}


class _Owner(msgspec.Struct):
    account: str
    region: str
    function: str
    qualifier: str


urls = Table("lambda.urls", Url)
_owners = Table("lambda.url-owners", _Owner, reach="global")


@lambda_.operation
def create_function_url_config(call: Call, function_name: str, auth_type: str, qualifier: str | None = None,
                               cors: Config | None = None, invoke_mode: str = "BUFFERED") -> Config:
    """Give a function a URL."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    _check(auth_type, invoke_mode)
    if urls.get(call, name.name, name.qualifier):
        raise ResourceConflictException(
            "Failed to create function url config for "
            f"[functionArn = {arn_of(call, name.name, name.qualifier)}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function",
            Type="User",
        )
    record = Url(call.ids.text(32), name.name, name.qualifier, call.now_ms, call.now_ms, cors or {})
    urls.put(call, name.name, name.qualifier, record=record)
    _owners.put(call, record.id, record=_Owner(call.account, call.region, name.name, name.qualifier))
    return _shown(call, record)


@lambda_.operation
def update_function_url_config(
    call: Call,
    function_name: str,
    qualifier: str | None = None,
    auth_type: str | None = None,
    cors: Config | None = None,
    invoke_mode: str | None = None,
) -> Config:
    """Change a function's URL."""
    name = name_of(call, function_name, qualifier)
    record = _find(call, name.name, name.qualifier)
    _check(auth_type or "NONE", invoke_mode or "BUFFERED")
    record.cors = record.cors if cors is None else cors
    record.modified_ms = call.now_ms
    urls.put(call, name.name, name.qualifier, record=record)
    return _shown(call, record)


@lambda_.operation
def get_function_url_config(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """A function's URL."""
    name = name_of(call, function_name, qualifier)
    return _shown(call, _find(call, name.name, name.qualifier))


@lambda_.operation
def delete_function_url_config(call: Call, function_name: str, qualifier: str | None = None) -> None:
    """Take a function's URL away."""
    name = name_of(call, function_name, qualifier)
    record = _find(call, name.name, name.qualifier)
    urls.delete(call, name.name, name.qualifier)
    _owners.delete(call, record.id)


@lambda_.operation
def list_function_url_configs(call: Call, function_name: str) -> Config:
    """A function's URLs."""
    name = name_of(call, function_name)
    version(call, name.name)
    return {"FunctionUrlConfigs": [_shown(call, record) for _, record in urls.items(call, name.name)]}


@lambda_.site("lambda-url")
async def visit(call: Conversation, id: str, request: Request) -> Response:
    """Answer a visitor of a function's URL."""
    owner = await call.transact(lambda inner: _owners.get(inner, id))
    if owner is None:
        return _message(403, "Forbidden")
    there = call.elsewhere(account=owner.account, region=owner.region)
    record = await there.transact(lambda inner: urls.get(inner, owner.function, owner.qualifier))
    cors = _cors(request, record.cors if record else {})
    if (
        request.method == "OPTIONS"
        and record
        and record.cors
        and "access-control-request-method" in request.headers
    ):
        return Response(200, cors)
    if await request.read(SYNC_PAYLOAD) is None:
        return _message(413, "Request Too Long")
    event = event_of(request, id, owner.account, there)
    target: Config = {"FunctionName": arn_of(there, owner.function, owner.qualifier)}
    try:
        answer = await there.invoke("lambda", "Invoke", Payload=json.dumps(event).encode(), **target)
    except AwsError as error:
        return _message(429 if error.code == "TooManyRequestsException" else 502, str(error))
    if "FunctionError" in answer:
        return _message(502, "Internal Server Error")
    response = response_of(answer["Payload"])
    response.headers |= cors
    return response


@lambda_.site("lambda-code")
async def download(call: Conversation, blob: str, request: Request) -> Response:
    """A package, as it was uploaded."""
    path = call.use(Blobs).path(blob) if blob.isalnum() and len(blob) == 64 else None
    if path is None or not path.exists():
        return _message(404, "Not Found")
    return Response(200, {"content-type": "application/zip"}, path.read_bytes())


def event_of(request: Request, id: str, account: str, call: Conversation) -> Config:
    """The event, payload format 2.0.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
    """
    headers = {key: value for key, value in request.headers.items() if key != "cookie"}
    headers["x-amzn-trace-id"] = call.trace.header()
    queries: dict[str, str] = {}
    for key, value in parse_qsl(request.query, keep_blank_values=True):
        queries[key] = f"{queries[key]},{value}" if key in queries else value
    stamp = call.now_ms
    event: Config = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": id,
            "domainName": request.host,
            "domainPrefix": id,
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": call.id,
            "routeKey": "$default",
            "stage": "$default",
            "time": _clf(stamp),
            "timeEpoch": stamp,
        },
    }
    if "cookie" in request.headers:
        event["cookies"] = [part.strip() for part in request.headers["cookie"].split(";")]
    if queries:
        event["queryStringParameters"] = queries
    if request.body:
        try:
            event["body"], event["isBase64Encoded"] = request.body.decode(), False
        except UnicodeDecodeError:
            event["body"], event["isBase64Encoded"] = base64.b64encode(request.body).decode(), True
    else:
        event["isBase64Encoded"] = False
    return event


def response_of(payload: bytes) -> Response:
    """The response that a function's answer stands for; one without ``statusCode`` is the body itself."""
    answer = json.loads(payload or b"null")
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Response(200, {"content-type": "application/json"}, payload)
    body = answer.get("body") or ""
    try:
        raw = base64.b64decode(body) if answer.get("isBase64Encoded") else (
            body if isinstance(body, str) else json.dumps(body)).encode()
        headers: dict[str, str | list[str]] = {
            str(key).lower(): str(value) for key, value in (answer.get("headers") or {}).items()
        }
        headers.setdefault("content-type", "application/json")
        if answer.get("cookies"):
            headers["set-cookie"] = [str(cookie) for cookie in answer["cookies"]]
        return Response(int(answer["statusCode"]), headers, raw)
    except (TypeError, ValueError, AttributeError):
        return _message(502, "Internal Server Error")


def _cors(request: Request, cors: Config) -> dict[str, str | list[str]]:
    origin = request.headers.get("origin")
    allowed = cors.get("AllowOrigins", [])
    if not origin or not ("*" in allowed or origin in allowed):
        return {}
    found: dict[str, str | list[str]] = {
        "access-control-allow-origin": "*" if "*" in allowed else origin,
        "vary": "origin",
    }
    for key, header in (("AllowMethods", "methods"), ("AllowHeaders", "headers")):
        if cors.get(key):
            found[f"access-control-allow-{header}"] = ",".join(cors[key])
    if cors.get("ExposeHeaders"):
        found["access-control-expose-headers"] = ",".join(cors["ExposeHeaders"])
    if cors.get("MaxAge"):
        found["access-control-max-age"] = str(cors["MaxAge"])
    if cors.get("AllowCredentials"):
        found["access-control-allow-credentials"] = "true"
    return found


def _check(auth_type: str, invoke_mode: str) -> None:
    if auth_type != "NONE":
        raise InvalidParameterValueException("cloudlet serves function URLs with AuthType NONE only.")
    if invoke_mode != "BUFFERED":
        raise InvalidParameterValueException("cloudlet serves function URLs with InvokeMode BUFFERED only.")


def _find(call: Call, function: str, qualifier: str) -> Url:
    record = urls.get(call, function, qualifier)
    if record is None:
        raise ResourceNotFoundException("The resource you requested does not exist.", Type="User")
    return record


def _shown(call: Call, record: Url) -> Config:
    found: Config = {"FunctionUrl": call.use(Place).site("lambda-url", record.id) + "/",
                     "FunctionArn": arn_of(call, record.function, record.qualifier), "AuthType": "NONE",
                     "CreationTime": _iso(record.created_ms), "LastModifiedTime": _iso(record.modified_ms),
                     "InvokeMode": "BUFFERED"}
    if record.cors:
        found["Cors"] = record.cors
    return found


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _clf(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def _message(status: int, text: str) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps({"Message": text}).encode())
