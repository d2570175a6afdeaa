"""Visitors of function URLs: whether they may, what they are answered, and what pages may read of it.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

import json
from typing import Any

from ...errors import AccessDeniedException, AwsError
from ...identity import ANONYMOUS, Principal, root
from ...identity.signature import claim_of
from ...kernel import Conversation
from ...kernel.visitors import Visitors
from ...store import Blobs
from ...wire.http import Request, Response
from .access import may_visit
from .errors import InvalidSignatureException, RequestTooLargeException, TooManyRequestsException
from .limits import SYNC_PAYLOAD
from .records import Name, arn_of
from .service import lambda_
from .url_cors import allow, preflight
from .url_payloads import NoResponse, event_of, response_of
from .url_streams import streamed
from .urls import Url, owners, urls

_FORBIDDEN = ("Forbidden. For troubleshooting Function URL authorization issues, see: "
              "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html")


@lambda_.site("lambda-url")
async def visit(call: Conversation, id: str, request: Request) -> Response:
    """Answer a visitor of a function's URL."""
    owner = await call.transact(lambda inner: owners.get(inner, id))
    if owner is None:
        return _refusal(403, None, "AccessDeniedException")
    there = call.elsewhere(account=owner.account, region=owner.region)
    record = await there.transact(lambda inner: urls.get(inner, owner.function, owner.qualifier))
    if record is None:
        return _refusal(403, None, "AccessDeniedException")
    response = preflight(request, record.cors)
    if response is None and await request.read(SYNC_PAYLOAD) is None:
        response = _too_large()
    if response is None:
        try:
            visitor = await _admit(there, record, request)
        except AwsError as error:
            return _refusal(403, str(error), error.code)
        response = allow(request, record.cors, await _answer(there, record, request, visitor))
    response.headers["x-amzn-requestid"] = call.id
    response.headers["x-amzn-trace-id"] = call.trace.header()
    return response


@lambda_.site("lambda-code")
async def download(call: Conversation, blob: str, request: Request) -> Response:
    """A package, as it was uploaded."""
    path = call.use(Blobs).path(blob) if blob.isalnum() and len(blob) == 64 else None
    if path is None or not path.exists():
        return Response(404, {"content-type": "application/json"}, b'{"Message": "Not Found"}')
    return Response(200, {"content-type": "application/zip"}, path.read_bytes())


async def _admit(call: Conversation, record: Url, request: Request) -> Principal:
    """Who the visitor is, if the function's URL is for it."""
    visitor = ANONYMOUS
    if record.auth == "AWS_IAM":
        signed = claim_of(request)
        visitor = await call.use(Visitors).prove(request, "lambda")
        if visitor is ANONYMOUS or signed is None:
            raise AccessDeniedException("Forbidden")
        if signed.service != "lambda":
            raise InvalidSignatureException("Credential should be scoped to correct service: 'lambda'.")
        if signed.region != call.region:
            raise InvalidSignatureException("Credential should be scoped to a valid region.")
    name = Name(record.function, record.qualifier, call.account, call.region)
    visited = call.elsewhere(principal=visitor)
    if not await visited.transact(lambda inner: may_visit(inner, name, record.auth)):
        raise AccessDeniedException(_FORBIDDEN)
    return visitor


async def _answer(call: Conversation, record: Url, request: Request, visitor: Principal) -> Response:
    event = json.dumps(event_of(call, request, record.id, visitor), ensure_ascii=False)
    streams = record.mode == "RESPONSE_STREAM"
    params: dict[str, Any] = {"FunctionName": arn_of(call, record.function, record.qualifier),
                              "Payload": event.encode("utf-8", "replace")}
    try:  # the visitor has been judged; the invocation has the request's own id, as its logs show it
        answer = await call.kernel.invoke(
            root(call.account), "lambda", "InvokeWithResponseStream" if streams else "Invoke", params,
            account=call.account, region=call.region, trace=call.trace, id=call.id)
        if streams:
            return await streamed(answer)
        return _broken() if "FunctionError" in answer else response_of(answer["Payload"])
    except TooManyRequestsException as error:
        return _refusal(429, str(error), error.code)
    except RequestTooLargeException:
        return _too_large()
    except (AwsError, NoResponse):
        return _broken()


def _refusal(status: int, message: str | None, code: str) -> Response:
    return Response(status, {"content-type": "application/json", "x-amzn-errortype": code},
                    json.dumps({"Message": message}, separators=(",", ":")).encode())


def _too_large() -> Response:
    why = f"Request must be smaller than {SYNC_PAYLOAD} bytes for the InvokeFunction operation"
    return _refusal(413, why, "RequestTooLargeException")


def _broken() -> Response:
    """The function failed, or what it gave is no response."""
    return Response(502, {"content-type": "application/json"}, b"Internal Server Error")
