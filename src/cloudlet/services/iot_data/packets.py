"""MQTT's packets as bytes, of version 5 and of 3.1.1.

The codec of version 5 is the library's. A packet of 3.1.1 differs from one of version 5 in that it has no
properties and fewer codes: what arrives is made one of version 5 with none, and so has one parser.
"""

import struct
from typing import Any

import mqtt5

from . import limits, texts
from .errors import Broken

V3, V5 = 4, 5  # as CONNECT says them
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 10, 12, 14
_OLD = frozenset((CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT))
# CONNACK's codes of version 3.1.1, by those of version 5; the library's own are neither numbers nor hashable
_REFUSALS = {int(code): old for code, old in (
    (mqtt5.ConnAckReasonCode.UNSUPPORTED_PROTOCOL_VERSION, 1),
    (mqtt5.ConnAckReasonCode.CLIENT_ID_NOT_VALID, 2),
    (mqtt5.ConnAckReasonCode.BAD_USER_NAME_OR_PASSWORD, 4),
    (mqtt5.ConnAckReasonCode.NOT_AUTHORIZED, 5))}


class UnknownVersion(Broken):
    """The client speaks a version of MQTT that this server does not."""


class TooLarge(Broken):
    """The packet is larger than the largest that is taken."""


class Packets:
    """The packets in a stream of bytes; the version is what its CONNECT says."""

    def __init__(self) -> None:
        self.version = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """The packets that are whole now; an error if the bytes are none."""
        self._buffer += data
        found = []
        while (packet := self._next()) is not None:
            found.append(packet)
        return found

    def _next(self) -> Any:
        buffer = self._buffer
        if not self.version and buffer and buffer[0] != CONNECT << 4:
            raise Broken("The first packet must be CONNECT.")
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(buffer):
                return None
            length |= (buffer[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not buffer[at - 1] & 0x80:
                break
            if shift > 21:
                raise Broken("The packet's length is malformed.")
        if length + at > limits.PACKET:
            raise TooLarge
        if len(buffer) < at + length:
            return None
        first, body = buffer[0], bytes(buffer[at : at + length])
        del buffer[: at + length]
        return self._packet(first, body)

    def _packet(self, first: int, body: bytes) -> Any:
        kind = first >> 4
        if not self.version:
            self._learn(body)
        elif kind == CONNECT:
            raise Broken("A connection has one CONNECT.")
        if self.version == V3:
            if kind not in _OLD:
                raise Broken(f"MQTT 3.1.1 with QoS 0 and 1 has no packet {kind} that a client sends.")
            body = _modern(kind, first, body)
        texts.check(first, body)
        packet = _read(bytes((first,)) + _length(len(body)) + body)
        if self.version == V3 and isinstance(packet, mqtt5.SubscribePacket) and any(
                one.no_local or one.retain_as_published or int(one.retain_handling)
                for one in packet.topic_filters):
            raise Broken("Reserved bits of a subscription are set.")
        return packet

    def _learn(self, body: bytes) -> None:
        if not body.startswith((b"\0\4MQTT", b"\0\6MQIsdp")) or len(body) < 10:
            raise Broken("This is not MQTT.")
        if body[:6] != b"\0\4MQTT" or body[6] not in (V3, V5):
            raise UnknownVersion
        self.version = body[6]


def written(packet: Any, version: int) -> bytes:
    """A packet as bytes; empty if the version has none of the kind."""
    if version == V5:
        return bytes(packet.write())
    match packet:
        case mqtt5.ConnAckPacket():
            reason = int(packet.reason_code)
            code = _REFUSALS.get(reason, 3) if reason else 0
            return bytes((0x20, 2, packet.session_present and not code, code))
        case mqtt5.PublishPacket():
            topic = packet.topic.encode()
            id = struct.pack("!H", packet.packet_id) if packet.packet_id is not None else b""
            body = struct.pack("!H", len(topic)) + topic + id + packet.payload
            return bytes((0x30 | packet.duplicate << 3 | int(packet.qos) << 1 | packet.retain,)) \
                + _length(len(body)) + body
        case mqtt5.PubAckPacket():
            return b"\x40\x02" + struct.pack("!H", packet.packet_id)
        case mqtt5.SubAckPacket():
            codes = bytes(min(int(code), 0x80) for code in packet.reason_codes)
            return b"\x90" + _length(2 + len(codes)) + struct.pack("!H", packet.packet_id) + codes
        case mqtt5.UnsubAckPacket():
            return b"\xb0\x02" + struct.pack("!H", packet.packet_id)
        case mqtt5.PingRespPacket():
            return b"\xd0\x00"
    return b""


def _read(raw: bytes) -> Any:
    try:
        packet, _ = mqtt5.read(memoryview(raw))
    except (ValueError, IndexError) as error:
        raise Broken(f"The packet is malformed: {error}.") from None
    return packet


def _modern(kind: int, first: int, body: bytes) -> bytes:
    """A packet of 3.1.1 as one of version 5: with properties, of which there are none."""
    try:
        match kind:
            case 1:
                return _modern_connect(body)
            case 3:
                at = 2 + _short(body, 0) + (2 if first & 0x06 else 0)
                if at > len(body):
                    raise Broken("The packet is malformed.")
                return body[:at] + b"\0" + body[at:]
            case 8 | 10:
                return body[:2] + b"\0" + body[2:]
    except struct.error:
        raise Broken("The packet is malformed.") from None
    return body


def _modern_connect(body: bytes) -> bytes:
    flags = body[7]
    if flags & 0x40 and not flags & 0x80:
        raise Broken("A password needs a user name.")
    client_end = 12 + _short(body, 10)
    will = b"\0" if flags & 0x04 else b""
    return body[:6] + bytes((V5,)) + body[7:10] + b"\0" + body[10:client_end] + will + body[client_end:]


def _short(body: bytes, at: int) -> int:
    return int(struct.unpack_from("!H", body, at)[0])


def _length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, part = number >> 7, number & 0x7F
        found.append(part | 0x80 if number else part)
        if not number:
            return bytes(found)
