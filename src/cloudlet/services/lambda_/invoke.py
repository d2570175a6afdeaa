"""Invoke: now and waiting for the answer, later, or not at all."""

from typing import Any

import msgspec

from ...kernel import Call, Conversation
from ...wire.http import Request
from .access import permit
from .asynchronous import accept
from .errors import InvalidParameterValueException, InvalidRequestContentException, RequestTooLargeException
from .limits import ASYNC_PAYLOAD, SYNC_PAYLOAD
from .records import arn_of, name_of
from .runner import log_tail, run
from .service import lambda_


@lambda_.operation
async def invoke(call: Conversation, function_name: str, invocation_type: str = "RequestResponse",
                 log_type: str = "None", client_context: str | None = None, payload: bytes = b"",
                 qualifier: str | None = None, tenant_id: str | None = None,
                 durable_execution_name: str = "") -> dict[str, Any]:
    """Run a function."""
    name = name_of(call, function_name, qualifier, foreign=True)
    call = call.elsewhere(account=name.account, region=name.region)
    check_payload(payload, SYNC_PAYLOAD if invocation_type != "Event" else ASYNC_PAYLOAD)
    check_tenant(tenant_id)

    def admit(inner: Call) -> str:
        permit(inner, name)
        if invocation_type == "Event":
            copies = call.kernel.faults.copies("lambda", "", arn_of(inner, name.name), inner.now_ms)
            arns = [accept(inner, name, payload, call.id, durable_execution_name, copy)
                    for copy in range(copies)]
            return arns[0]
        return ""

    if invocation_type != "RequestResponse":
        arn = await call.transact(admit)
        status = 202 if invocation_type == "Event" else 204
        return {"StatusCode": status, "Payload": b"", "DurableExecutionArn": arn or None}
    outcome, ran = await run(
        call, name, payload, client_context=context_of(client_context), admit=admit,
        execution_name=durable_execution_name, tail=log_type == "Tail")
    answer: dict[str, Any] = {"StatusCode": 200, "Payload": outcome.payload, "ExecutedVersion": ran.version}
    if outcome.execution:
        answer["DurableExecutionArn"] = outcome.execution
    if outcome.error:
        answer["FunctionError"] = "Unhandled"
    if log_type == "Tail":
        answer["LogResult"] = log_tail(outcome)
    return answer


@lambda_.operation
async def invoke_async(call: Conversation, function_name: str, invoke_args: Request) -> dict[str, Any]:
    """The operation that came before ``Invoke`` with ``Event``; its event is a stream."""
    event = await invoke_args.read(ASYNC_PAYLOAD)
    if event is None:
        raise _too_large(ASYNC_PAYLOAD)
    check_payload(event, ASYNC_PAYLOAD)
    name = name_of(call, function_name, foreign=True)
    call = call.elsewhere(account=name.account, region=name.region)

    def keep(inner: Call) -> None:
        permit(inner, name)
        accept(inner, name, event, call.id)

    await call.transact(keep)
    return {"Status": 202}


def check_payload(payload: bytes, limit: int) -> None:
    """An event must be JSON, and not too large."""
    if len(payload) > limit:
        raise _too_large(limit)
    try:
        msgspec.json.decode(payload or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: {error}"
        ) from None


def check_tenant(tenant_id: str | None) -> None:
    """Tenants are for functions that isolate them, and no function here does."""
    if tenant_id is not None:
        raise InvalidParameterValueException(
            "The invoked function is not enabled with tenancy configuration.")


def _too_large(limit: int) -> RequestTooLargeException:
    return RequestTooLargeException(
        f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
    )


def context_of(header: str | None) -> str:
    """The client context, which comes in base64."""
    if not header:
        return ""
    try:
        raw = msgspec.json.decode(f'"{header}"', type=bytes)
        msgspec.json.decode(raw)
        return raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequestContentException(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
