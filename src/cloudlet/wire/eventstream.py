"""Event streams: many typed messages in one body, in AWS's binary framing.

A message is its length, the length of its headers, a checksum of both, headers, payload, and a
checksum of all. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html
"""

import json
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from ..errors import AwsError, SerializationException
from . import awsjson, rpccbor
from .http import Response
from .model import OperationModel
from .shapes import Member
from .xml import dump, write_members

Header = bool | int | bytes | str | datetime
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")
_LARGEST = 24 << 20
_CONTENT = {"rest-xml": "application/xml", "smithy-rpc-v2-cbor": "application/cbor"}


class Message(NamedTuple):
    """One message of a stream."""

    headers: dict[str, Header]
    payload: bytes


def encode(message: Message) -> bytes:
    """A message as it goes over the wire."""
    headers = b"".join(_encode_header(name, value) for name, value in message.headers.items())
    prelude = _PRELUDE.pack(16 + len(headers) + len(message.payload), len(headers))
    front = prelude + _CRC.pack(zlib.crc32(prelude)) + headers + message.payload
    return front + _CRC.pack(zlib.crc32(front))


def decode(raw: bytes) -> tuple[Message, bytes] | None:
    """The first message in ``raw`` and what follows it; None if it is not complete yet."""
    if len(raw) < 12:
        return None
    total, size = _PRELUDE.unpack_from(raw)
    if _CRC.unpack_from(raw, 8)[0] != zlib.crc32(raw[:8]) or not 16 + size <= total <= _LARGEST:
        raise SerializationException("Prelude checksum mismatch in an event stream")
    if len(raw) < total:
        return None
    if _CRC.unpack_from(raw, total - 4)[0] != zlib.crc32(raw[: total - 4]):
        raise SerializationException("Message checksum mismatch in an event stream")
    return Message(_decode_headers(raw[12 : 12 + size]), raw[12 + size : total - 4]), raw[total:]


def render(result: dict[str, Any], spec: OperationModel, protocol: str, response: Response) -> Response:
    """Let ``response`` carry the events that the operation's result yields.

    The result's stream is an async iterator of one-key mappings, ``{"Records": {...}}``.
    """
    assert spec.output
    stream = next(m for m in spec.output.shape.members.values() if m.shape.eventstream)
    first: list[Message] = []
    if not protocol.startswith("rest"):
        rest = {name: value for name, value in result.items() if name != stream.name}
        kind = _CONTENT.get(protocol, "application/x-amz-json-1.1")
        headers: dict[str, Header] = {
            ":message-type": "event", ":event-type": "initial-response", ":content-type": kind}
        first.append(Message(headers, _payload(rest, spec.output, protocol)))
    response.headers["content-type"] = "application/vnd.amazon.eventstream"
    response.body = _encoded(first, result[stream.name], stream, protocol)
    return response


async def _encoded(first: list[Message], events: AsyncIterator[Mapping[str, Any]], stream: Member,
                   protocol: str) -> AsyncIterator[bytes]:
    for message in first:
        yield encode(message)
    try:
        async for event in events:
            for name, value in event.items():
                yield encode(event_message(name, value, stream.shape.members[name], protocol))
    except AwsError as error:
        yield encode(Message({":message-type": "exception", ":exception-type": error.code,
                              ":content-type": "application/json"},
                             json.dumps({"message": str(error)}).encode()))
    finally:  # a client that goes away must be noticed by whoever makes the events
        close = getattr(events, "aclose", None)
        if close:
            await close()


def event_message(name: str, value: dict[str, Any], member: Member, protocol: str) -> Message:
    """An event of a stream as a message."""
    headers: dict[str, Header] = {":message-type": "event", ":event-type": name}
    shape, payload = member.shape, b""
    body = dict(value)
    for inner in shape.members.values():
        if inner.event_header and inner.name in body:
            headers[inner.name] = body.pop(inner.name)
    explicit = next((inner for inner in shape.members.values() if inner.event_payload), None)
    if explicit is None:
        if body or any(not inner.event_header for inner in shape.members.values()):
            headers[":content-type"] = _CONTENT.get(protocol, "application/json")
            payload = _payload(body, member, protocol)
    elif explicit.type == "blob":
        headers[":content-type"] = "application/octet-stream"
        payload = body.get(explicit.name, b"")
    elif explicit.type == "string":
        headers[":content-type"] = "text/plain"
        payload = body.get(explicit.name, "").encode()
    else:
        headers[":content-type"] = _CONTENT.get(protocol, "application/json")
        payload = _payload(body.get(explicit.name, {}), explicit, protocol)
    return Message(headers, payload)


def _payload(value: Any, member: Member, protocol: str) -> bytes:
    if protocol == "smithy-rpc-v2-cbor":
        return rpccbor.dump(rpccbor.write(value, member))
    if protocol == "rest-xml":
        root = Element(member.named or member.shape.name)
        write_members(root, value, member.shape, member)
        return dump(root)
    return awsjson.dump(value, member)


def _encode_header(name: str, value: Header) -> bytes:
    front = bytes([len(name)]) + name.encode()
    match value:
        case bool():
            return front + (b"\0" if value else b"\1")
        case int():
            kind, form = (4, ">i") if -(1 << 31) <= value < 1 << 31 else (5, ">q")
            return front + bytes([kind]) + struct.pack(form, value)
        case datetime():
            return front + b"\x08" + struct.pack(">q", int(value.timestamp() * 1000))
        case bytes():
            return front + b"\x06" + struct.pack(">H", len(value)) + value
    text = value.encode()
    return front + b"\x07" + struct.pack(">H", len(text)) + text


def _decode_headers(raw: bytes) -> dict[str, Header]:
    found: dict[str, Header] = {}
    at = 0
    sizes = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name, kind, at = raw[at + 1 : end].decode(), raw[end], end + 1
            if kind in (0, 1):
                found[name] = kind == 0
            elif kind in sizes:
                found[name] = struct.unpack_from(sizes[kind], raw, at)[0]
                at += struct.calcsize(sizes[kind])
            elif kind == 9:
                found[name], at = raw[at : at + 16], at + 16
            else:
                size = struct.unpack_from(">H", raw, at)[0]
                value = raw[at + 2 : at + 2 + size]
                found[name], at = value if kind == 6 else value.decode(), at + 2 + size
    except (IndexError, struct.error, UnicodeDecodeError):
        raise SerializationException("Malformed headers in an event stream") from None
    return found
