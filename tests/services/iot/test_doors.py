"""How devices come in: over TCP and WebSocket, with and without a name; and those who don't speak MQTT."""

import itertools
import socket
import struct
import threading

import pytest
from awscrt import auth, io, mqtt5

OPTIONS = {"mqtt": 0}
_numbers = itertools.count(1)


def name() -> str:
    """A name that no other test has."""
    return f"door{next(_numbers)}"


class AwsClient:
    """AWS's own client of MQTT 5, over WebSocket, signed as its SDKs for devices do."""

    def __init__(self, port: int, client_id: str, key: str, secret: str, token: str | None = None,
                 region: str = "us-east-1") -> None:
        self.connected, self.stopped = threading.Event(), threading.Event()
        self.received, self.failure = [], None
        self._arrived = threading.Condition()
        provider = auth.AwsCredentialsProvider.new_static(key, secret, token)

        def sign(transform_args):
            config = auth.AwsSigningConfig(
                algorithm=auth.AwsSigningAlgorithm.V4,
                signature_type=auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS, credentials_provider=provider,
                region=region, service="iotdevicegateway", omit_session_token=True)
            signing = auth.aws_sign_request(transform_args.http_request, config)
            signing.add_done_callback(lambda done: transform_args.set_done(done.exception()))

        self.client = mqtt5.Client(mqtt5.ClientOptions(
            host_name="127.0.0.1", port=port, bootstrap=io.ClientBootstrap.get_or_create_static_default(),
            connect_options=mqtt5.ConnectPacket(client_id=client_id), websocket_handshake_transform=sign,
            on_publish_callback_fn=self._on_publish,
            on_lifecycle_event_connection_success_fn=lambda data: self.connected.set(),
            on_lifecycle_event_connection_failure_fn=self._on_failure,
            on_lifecycle_event_stopped_fn=lambda data: self.stopped.set()))
        self.client.start()
        assert self.connected.wait(20)

    def _on_publish(self, data) -> None:
        with self._arrived:
            self.received.append(data.publish_packet)
            self._arrived.notify()

    def _on_failure(self, data) -> None:
        self.failure = data.exception
        self.connected.set()

    def next(self):
        """What it receives next."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.received, 20)
            return self.received.pop(0)

    def end(self) -> None:
        """Stop it."""
        self.client.stop()
        assert self.stopped.wait(20)


@pytest.mark.parametrize("version", [4, 5])
def test_a_websocket_at_the_gateway_speaks_mqtt(cloudlet, device, version):
    topic = name()
    hearer = device(name(), path="/mqtt", version=version)
    hearer.subscribe(topic)
    device(name(), path="/mqtt", version=version).publish(topic, b"x" * 100_000)
    assert hearer.next().payload == b"x" * 100_000


def test_awss_own_client_comes_in_with_a_signature(cloudlet):
    topic = name()
    client = AwsClient(cloudlet.port, name(), "test", "test")
    try:
        assert client.failure is None
        client.client.subscribe(mqtt5.SubscribePacket(
            [mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])).result(20)
        answer = client.client.publish(mqtt5.PublishPacket(
            topic=topic, payload=b"hello", qos=mqtt5.QoS.AT_LEAST_ONCE, content_type="text/plain")).result(20)
        assert answer.puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
        heard = client.next()
        assert (heard.topic, heard.payload, heard.content_type) == (topic, b"hello", "text/plain")
    finally:
        client.end()


def test_a_key_that_was_made_here_must_have_signed(cloudlet):
    iam, user = cloudlet.client("iam"), name()
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    right = AwsClient(cloudlet.port, name(), key["AccessKeyId"], key["SecretAccessKey"])
    wrong = AwsClient(cloudlet.port, name(), key["AccessKeyId"], "x" * 40)
    try:
        assert right.failure is None
        assert wrong.failure is not None
    finally:
        right.end()
        wrong.end()


def test_a_session_token_is_not_part_of_what_is_signed(cloudlet):
    lent = cloudlet.client("sts").get_session_token()["Credentials"]
    client = AwsClient(cloudlet.port, name(), lent["AccessKeyId"], lent["SecretAccessKey"],
                       lent["SessionToken"])
    try:
        assert client.failure is None
    finally:
        client.end()


def test_the_region_of_a_signature_is_where_a_client_is(cloudlet, device):
    topic, id = name(), name()
    client = AwsClient(cloudlet.port, id, "test", "test", region="eu-west-1")
    try:
        assert cloudlet.client("iot-data", region="eu-west-1").get_connection(clientId=id)["connected"]
        near, far = device(name(), user="?region=eu-west-1"), device(name())
        near.subscribe(topic)
        far.subscribe(topic)
        client.client.publish(mqtt5.PublishPacket(
            topic=topic, payload=b"near", qos=mqtt5.QoS.AT_LEAST_ONCE)).result(20)
        far.publish(topic, b"far")
        assert (near.next().payload, far.next().payload) == (b"near", b"far")
    finally:
        client.end()


def test_a_user_name_is_an_access_key_and_its_password_the_secret(cloudlet, device):
    iam, user = cloudlet.client("iam"), name()
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    assert device(name(), user=key["AccessKeyId"], password=key["SecretAccessKey"]).code == 0
    assert device(name(), user=key["AccessKeyId"], password="wrong").code == 134
    topic = name()
    other, mine = device(name(), user="111111111111", password="x"), device(name())
    other.subscribe(topic)
    mine.publish(topic, b"in another account")
    cloudlet.client("iot-data", key="111111111111").publish(topic=topic, qos=1, payload=b"in this one")
    assert other.next().payload == b"in this one"


def test_pages_of_other_origins_open_no_websocket(cloudlet):
    assert b"403" in _upgrade(cloudlet.port, "Origin: https://example.com\r\n").splitlines()[0]
    assert b"101" in _upgrade(cloudlet.port, "Origin: http://localhost:3000\r\n").splitlines()[0]


def test_a_wish_for_another_websocket_is_no_wish(cloudlet):
    assert b"101" not in _upgrade(cloudlet.port, "", path="/_cloudlet/health").splitlines()[0]


@pytest.mark.parametrize("raw", [
    b"GET / HTTP/1.1\r\n\r\n", b"\x10\x00", b"\x30\x03\x00\x01a", b"\xff\xff\xff\xff\xff",
    b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x01",
    b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x02\xff\xfe",
    b"\x10\x0c\x00\x04MQTT\x04\x42\x00\x3c\x00\x00"])
def test_what_is_not_mqtt_ends_the_connection_and_nothing_else(cloudlet, device, raw):
    with socket.create_connection(("127.0.0.1", cloudlet.cloudlet.mqtt_port), 20) as other:
        other.sendall(raw)
        assert other.recv(100) == b""
    assert device(name()).code == 0


def test_a_version_that_is_not_spoken_is_told_so(cloudlet):
    with socket.create_connection(("127.0.0.1", cloudlet.cloudlet.mqtt_port), 20) as other:
        other.sendall(b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a")
        assert other.recv(100) == b"\x20\x02\x00\x01"


def test_what_breaks_the_protocol_later_ends_the_connection_with_a_reason(cloudlet):
    with socket.create_connection(("127.0.0.1", cloudlet.cloudlet.mqtt_port), 20) as other:
        other.sendall(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01z")
        assert other.recv(1000)[0] == 0x20
        other.sendall(b"\x30\x05\x00\x02\xff\xfe\x00")
        told = other.recv(1000)
        assert (told[0], told[2]) == (0xE0, 0x81)  # DISCONNECT: malformed packet


def test_a_topic_may_have_an_alias(cloudlet, device):
    topic = name()
    hearer = device(name())
    hearer.subscribe(topic)
    with socket.create_connection(("127.0.0.1", cloudlet.cloudlet.mqtt_port), 20) as other:
        other.sendall(b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01y")
        for named, payload in ((topic.encode(), b"one"), (b"", b"two")):
            body = struct.pack("!H", len(named)) + named + b"\x03\x23\x00\x05" + payload
            other.sendall(bytes((0x30, len(body))) + body)
        assert hearer.payloads(2) == [b"one", b"two"]


def _upgrade(port: int, headers: str, path: str = "/mqtt") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 20) as other:
        other.sendall((
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: mqtt\r\n{headers}\r\n").encode())
        return other.recv(4000)
