"""Packets: those of MQTT 3.1.1 as those of 5, and whatever bytes may come."""

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.services.iot_data.errors import Broken
from cloudlet.services.iot_data.packets import V3, V5, Packets, written

CONNECT = {
    V3: b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a",
    V5: b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a"}
QOS = mqtt5.QoS.AT_LEAST_ONCE
MODERN = [
    mqtt5.PublishPacket(
        "a/ü",
        b"\xff\xfe",
        qos=QOS,
        packet_id=7,
        content_type="x",
        user_properties=[("a", "b")],
        correlation_data=b"\xff",
        message_expiry_interval=9,
    ),
    mqtt5.SubscribePacket(3, [mqtt5.TopicFilter("a/#", max_qos=QOS)], subscription_id=200),
    mqtt5.UnsubscribePacket(4, ["a", "b"]),
    mqtt5.PubAckPacket(9, reason_str="why"),
    mqtt5.PingReqPacket(),
    mqtt5.DisconnectPacket(session_expiry_interval=5),
]
OLD = [
    b"\x30\x05\x00\x01axy", b"\x32\x06\x00\x01a\x00\x07x", b"\x82\x06\x00\x03\x00\x01a\x01",
    b"\xa2\x05\x00\x04\x00\x01a", b"\x40\x02\x00\x09", b"\xc0\x00", b"\xe0\x00"]


def opened(version: int) -> Packets:
    packets = Packets()
    assert len(packets.feed(CONNECT[version])) == 1
    return packets


def test_packets_are_found_however_their_bytes_arrive():
    stream = CONNECT[V5] + b"".join(bytes(one.write()) for one in MODERN)
    packets, found = Packets(), []
    for at in range(len(stream)):
        found += packets.feed(stream[at : at + 1])
    assert [type(one) for one in found] == [mqtt5.ConnectPacket, *(type(one) for one in MODERN)]
    assert found[1].user_properties == [("a", "b")] and found[1].payload == b"\xff\xfe"


def test_packets_of_the_old_version_become_those_of_the_new():
    packets = opened(V3)
    plain, sure, subscribe, unsubscribe, acknowledged, ping, goodbye = [
        found for raw in OLD for found in packets.feed(raw)]
    assert (plain.topic, plain.payload, plain.packet_id) == ("a", b"xy", None)
    assert (sure.topic, sure.payload, sure.packet_id, int(sure.qos)) == ("a", b"x", 7, 1)
    assert [(one.pattern, int(one.max_qos)) for one in subscribe.topic_filters] == [("a", 1)]
    assert (unsubscribe.patterns, acknowledged.packet_id) == (["a"], 9)
    assert (type(ping), type(goodbye)) == (mqtt5.PingReqPacket, mqtt5.DisconnectPacket)


def test_a_connect_of_the_old_version_has_its_will_and_its_names():
    body = b"\x00\x04MQTT\x04\xce\x00\x3c\x00\x01c\x00\x01t\x00\x02\xff\xfe\x00\x01u\x00\x01p"
    packet, = Packets().feed(bytes((0x10, len(body))) + body)
    assert (packet.client_id, packet.username, packet.password) == ("c", "u", b"p")
    assert (packet.will.topic, packet.will.payload, int(packet.will.qos)) == ("t", b"\xff\xfe", 1)


def test_answers_of_the_old_version_have_no_properties():
    assert written(mqtt5.ConnAckPacket(session_present=True, receive_max=5), V3) == b"\x20\x02\x01\x00"
    refused = mqtt5.ConnAckPacket(reason_code=mqtt5.ConnAckReasonCode.NOT_AUTHORIZED, reason_str="no")
    assert written(refused, V3) == b"\x20\x02\x00\x05"
    assert written(MODERN[0], V3) == b"\x32\x0a\x00\x04a/\xc3\xbc\x00\x07\xff\xfe"
    codes = [mqtt5.SubAckReasonCode(1), mqtt5.SubAckReasonCode.TOPIC_FILTER_INVALID]
    assert written(mqtt5.SubAckPacket(3, codes), V3) == b"\x90\x04\x00\x03\x01\x80"
    assert written(mqtt5.UnsubAckPacket(4, [mqtt5.UnsubAckReasonCode.SUCCESS]), V3) == b"\xb0\x02\x00\x04"
    assert written(mqtt5.DisconnectPacket(), V3) == b""


@pytest.mark.parametrize(
    "raw", [CONNECT[V3], b"\x50\x02\x00\x01", b"\x82\x06\x00\x03\x00\x01a\x05", b"\x00\x00"]
)
def test_what_a_client_of_the_old_version_may_not_send_is_refused(raw):
    with pytest.raises(Broken):
        opened(V3).feed(raw)


@given(st.sampled_from([V3, V5]), st.data())
def test_whatever_bytes_come_they_are_packets_or_refused(version, data):
    pieces = [bytes(one.write()) for one in MODERN] if version == V5 else OLD
    raw = bytearray(data.draw(st.sampled_from([CONNECT[version], *pieces])))
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    packets = Packets() if raw[0] == 0x10 else opened(version)
    try:
        packets.feed(bytes(raw))
    except Broken:
        return


@given(st.binary(max_size=60))
def test_any_bytes_behind_a_connect_are_packets_or_refused(raw):
    try:
        opened(V5).feed(raw)
    except Broken:
        return
