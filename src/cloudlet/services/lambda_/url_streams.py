"""Streamed answers of function URLs: the head goes out as soon as it is known, the body as it comes.

A response that begins with a prelude says so in its content type: status, headers and cookies in JSON, and
eight zero bytes. When an invocation fails after the head is out, the connection breaks off, so that the
visitor does not take a part for the whole.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from ...wire.http import Response
from .url_payloads import NoResponse, head_of

_WITH_PRELUDE = "application/vnd.awslambda.http-integration-response"
_END = bytes(8)
_LONGEST_PRELUDE = 1 << 20


class BrokenOff(ConnectionAbortedError):
    """The invocation failed before its response was whole."""


async def streamed(answer: dict[str, Any]) -> Response:
    """The response to a visitor, from what InvokeWithResponseStream gives; NoResponse if it is none."""
    pieces = _pieces(answer["EventStream"])
    try:
        if answer["ResponseStreamContentType"] != _WITH_PRELUDE:
            first = await anext(pieces, b"")
            return Response(200, {"content-type": answer["ResponseStreamContentType"]}, _body(first, pieces))
        head, rest = await _prelude(pieces)
        response = head_of(head)
        response.body = _body(rest, pieces)
        return response
    except BaseException as error:
        await pieces.aclose()
        if isinstance(error, BrokenOff):
            raise NoResponse(str(error)) from None
        raise


async def _pieces(events: Any) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        async for event in events:
            if "PayloadChunk" in event:
                yield event["PayloadChunk"]["Payload"]
            elif event["InvokeComplete"].get("ErrorCode"):
                raise BrokenOff(event["InvokeComplete"]["ErrorDetails"])


async def _prelude(pieces: AsyncIterator[bytes]) -> tuple[dict[str, Any], bytes]:
    """What goes before the body, and what of the body came with it."""
    gathered = bytearray()
    async for piece in pieces:
        gathered += piece
        head, end, rest = bytes(gathered).partition(_END)
        if end:
            try:
                found = json.loads(head)
            except ValueError:
                break
            if isinstance(found, dict):
                return found, rest
            break
        if len(gathered) > _LONGEST_PRELUDE:
            break
    raise NoResponse("the response does not begin with its prelude")


async def _body(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(pieces):
        if first:
            yield first
        async for piece in pieces:
            yield piece
