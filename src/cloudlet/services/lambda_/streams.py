"""InvokeWithResponseStream: the answer is read while the function still writes it.

The invocation is a task of its own. A client that goes away does not end it, for on AWS it does not
either: what the function writes from then on is dropped.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from ...functions import Outcome, Pool
from ...functions.streaming import ResponseStream
from ...kernel import Call, Conversation
from .access import permit
from .invoke import check_payload, check_tenant, context_of
from .limits import STREAMED_RESPONSE, SYNC_PAYLOAD
from .records import Version, name_of
from .runner import log_tail, run
from .service import lambda_

Running = asyncio.Task[tuple[Outcome, Version]]
_PIECE = 256 << 10  # bytes of an answer that was not streamed, in one chunk


@lambda_.operation
async def invoke_with_response_stream(
        call: Conversation, function_name: str, invocation_type: str = "RequestResponse",
        log_type: str = "None", client_context: str | None = None, payload: bytes = b"",
        qualifier: str | None = None, tenant_id: str | None = None) -> dict[str, Any]:
    """Run a function and give its answer as it comes; one that is not streamed comes at its end.

    ``ResponseStreamContentType`` is the function's own, for whoever calls within the cloudlet; over HTTP the
    type of the event stream takes its place, as on AWS.
    """
    name = name_of(call, function_name, qualifier, foreign=True)
    call = call.elsewhere(account=name.account, region=name.region)
    check_payload(payload, SYNC_PAYLOAD)
    check_tenant(tenant_id)

    def admit(inner: Call) -> None:
        permit(inner, name)

    if invocation_type == "DryRun":
        await call.transact(admit)
        return {"StatusCode": 204, "EventStream": _nothing()}
    stream = ResponseStream(STREAMED_RESPONSE)
    running = _start(call, stream, run(call, name, payload, client_context=context_of(client_context),
                                       stream=stream, admit=admit))
    await stream.begun()
    if stream.ended:
        await running  # which raises why nothing ran, if nothing did
    return {"StatusCode": 200, "ExecutedVersion": stream.version, "EventStream": _events(
        stream, running, with_log=log_type == "Tail"),
        "ResponseStreamContentType": stream.content_type or "application/json"}


def _start(call: Conversation, stream: ResponseStream,
           invocation: Coroutine[Any, Any, tuple[Outcome, Version]]) -> Running:
    """Begin the invocation; it goes on whoever listens, and the pool holds it meanwhile."""
    pool = call.use(Pool)

    async def carry() -> tuple[Outcome, Version]:
        try:
            outcome, ran = await invocation
            if not outcome.error:
                for at in range(0, len(outcome.payload), _PIECE):
                    stream.write(outcome.payload[at : at + _PIECE])
            return outcome, ran
        finally:
            stream.end()

    running = asyncio.get_running_loop().create_task(carry())
    pool.streaming.add(running)
    running.add_done_callback(pool.streaming.discard)
    return running


async def _events(stream: ResponseStream, running: Running, *, with_log: bool) -> AsyncIterator[Any]:
    """The answer in chunks, and how it ended."""
    try:
        async for piece in stream:
            yield {"PayloadChunk": {"Payload": piece}}
    finally:
        stream.abandon()
    outcome, _ = await running
    end: dict[str, Any] = {}
    if outcome.error:
        end |= {"ErrorCode": "Unhandled", "ErrorDetails": outcome.payload.decode("utf-8", "replace")}
    if with_log:
        end["LogResult"] = log_tail(outcome)
    yield {"InvokeComplete": end}


async def _nothing() -> AsyncIterator[Any]:
    return
    yield
