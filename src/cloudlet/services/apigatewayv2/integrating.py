"""What answers a request: a function, an operation of another service, or somebody else's server."""

import asyncio
import json
import logging
import re
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from ...errors import AwsError
from ...fabric.outgoing import Unreachable, send
from ...functions import Pool
from ...identity import service_principal
from ...kernel import Conversation
from ...wire.http import Response
from . import actions
from .answers import failure, response_of
from .gate import Gate
from .payloads import event_of
from .records import Integration
from .transforms import transformed
from .visits import Visit

T = TypeVar("T")
log = logging.getLogger(__name__)
_PATH = re.compile(r"arn:[^:]+:apigateway:[^:]+:lambda:path/[^/]+/functions/(.+)/invocations")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_BUSY = ("TooManyRequestsException", "ServiceUnavailable", "ResourceNotReadyException")


async def integrate(call: Conversation, gate: Gate, visit: Visit) -> Response:
    """The integration's answer."""
    integration = visit.integration
    if integration is None:
        return failure(500, "Internal Server Error")
    if integration.integration_type == "HTTP_PROXY":
        return await _by_http(visit, integration)
    if integration.integration_subtype is None:
        return await _by_function(call, gate, visit, integration)
    action = _begun(gate, actions.act(call, visit, integration))
    done, _ = await asyncio.wait([action], timeout=integration.timeout_in_millis / 1000)
    if not done:
        return failure(503, "Service Unavailable")
    return action.result()


def _begun(gate: Gate, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Work that goes on also when its visitor waits no longer."""
    task = asyncio.ensure_future(work)
    gate.running.add(task)
    task.add_done_callback(gate.running.discard)
    return task


async def _by_function(call: Conversation, gate: Gate, visit: Visit, integration: Integration) -> Response:
    version = integration.payload_format_version
    who = service_principal("apigateway", visit.account, visit.source_arn())
    try:
        if integration.credentials_arn:
            who = await call.transact(lambda inner: actions.acting(inner, visit, integration))
    except AwsError as error:
        return _refused(visit, error)
    invocation = _begun(gate, call.invoke(
        "lambda", "Invoke", FunctionName=function_of(integration.integration_uri or "", visit),
        Payload=json.dumps(event_of(visit, version), ensure_ascii=False).encode("utf-8", "replace"),
        as_principal=who))
    looked_at = call.use(Pool).debugging  # nobody is hurried while somebody debugs
    timeout_s = None if looked_at else integration.timeout_in_millis / 1000
    done, _ = await asyncio.wait([invocation], timeout=timeout_s)
    if not done:
        return failure(503, "Service Unavailable")
    try:
        answer = invocation.result()
    except AwsError as error:
        if error.code in _BUSY:
            return failure(503, "Service Unavailable")
        return _refused(visit, error)
    if answer.get("FunctionError"):
        return failure(500, "Internal Server Error")
    return transformed(visit, integration, response_of(answer["Payload"], version))


def _refused(visit: Visit, error: AwsError) -> Response:
    visit.problem = str(error)
    log.warning("the API %s can't invoke its function: %s", visit.api.api_id, error)
    return failure(500, "Internal Server Error")


def function_of(uri: str, visit: Visit) -> str:
    """The function's ARN in an integration's URI, which may name it by stage variables."""
    filled = _STAGE_VARIABLE.sub(lambda match: visit.stage.stage_variables.get(match[1], ""), uri)
    match = _PATH.fullmatch(filled)
    return match[1] if match else filled


async def _by_http(visit: Visit, integration: Integration) -> Response:
    request = visit.request
    url = _STAGE_VARIABLE.sub(lambda match: visit.stage.stage_variables.get(match[1], ""),
                              integration.integration_uri or "")
    for name, value in visit.variables.items():
        url = url.replace(f"{{{name}+}}", quote(value, safe="/")).replace(
            f"{{{name}}}", quote(value, safe="/")
        )
    if request.query:
        url += ("&" if "?" in url else "?") + request.query
    method = integration.integration_method or "ANY"
    headers = {name: value for name, value in visit.headers().items() if not name.startswith("x-forwarded-")}
    headers["forwarded"] = f"by=127.0.0.1;for={request.peer};host={request.host};proto=http"
    try:
        answer = await send(request.method if method == "ANY" else method, url, headers, request.body,
                            integration.timeout_in_millis / 1000)
    except TimeoutError:
        return failure(504, "Gateway Timeout")
    except Unreachable:
        return failure(503, "Service Unavailable")
    return transformed(visit, integration, answer)


__all__ = ["function_of", "integrate"]
