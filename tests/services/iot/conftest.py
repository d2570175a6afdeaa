"""Devices: real MQTT clients, each with a list of what it has received."""

import contextlib
import json
import queue

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

V3, V5 = paho.MQTTv311, paho.MQTTv5
PATIENCE_S = 20


class Device:
    """A client of paho's in a thread of its own."""

    def __init__(
        self,
        port: int,
        client_id: str,
        *,
        version: int = V5,
        clean: bool = True,
        will=None,
        expiry: int = 0,
        path: str = "",
        user: str = "",
        password: str = "",
        keepalive: int = 60,
    ) -> None:
        extra = {"clean_session": clean} if version != V5 else {}
        self.paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id,
            protocol=version,
            transport="websockets" if path else "tcp",
            reconnect_on_failure=False,
            **extra,
        )
        self.received: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.ended: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self.paho.on_message = lambda client, data, message: self.received.put(message)
        self.paho.on_connect = lambda client, data, flags, code, props: self._answers.put(
            (flags, code, props)
        )
        self.paho.on_subscribe = lambda client, data, id, codes, props: self._answers.put(codes)
        self.paho.on_unsubscribe = lambda client, data, id, codes, props: self._answers.put(codes)
        self.paho.on_disconnect = lambda client, data, flags, code, props: self.ended.put(code)
        if path:
            self.paho.ws_set_options(path=path)
        if user:
            self.paho.username_pw_set(user, password)
        if will:
            self.paho.will_set(**will)
        given = {}
        if version == V5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = expiry
            given = {"clean_start": clean, "properties": properties}
        self.paho.connect("127.0.0.1", port, keepalive, **given)
        self.paho.loop_start()
        self.flags, self.code, self.properties = self._answers.get(timeout=PATIENCE_S)

    def subscribe(self, *filters: str, qos: int = 1, **options) -> list:
        """Subscribe; the codes of the answer."""
        if self.paho._protocol == V5:
            wanted = [(one, SubscribeOptions(qos=qos, **options)) for one in filters]
        else:
            wanted = [(one, qos) for one in filters]
        self.paho.subscribe(wanted)
        return [one.value for one in self._answers.get(timeout=PATIENCE_S)]

    def unsubscribe(self, *filters: str) -> list:
        """Unsubscribe; the codes of the answer."""
        self.paho.unsubscribe(list(filters))
        return self._answers.get(timeout=PATIENCE_S)

    def publish(self, topic: str, payload=b"", qos: int = 1, retain: bool = False, **properties) -> None:
        """Publish, and wait for the acknowledgement if there is one."""
        given = None
        if properties:
            given = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(given, name, value)
        self.paho.publish(topic, payload, qos, retain, given).wait_for_publish(PATIENCE_S)

    def next(self) -> paho.MQTTMessage:
        """What it receives next."""
        return self.received.get(timeout=PATIENCE_S)

    def payloads(self, count: int) -> list[bytes]:
        """The payloads of what it receives next."""
        return [self.next().payload for _ in range(count)]

    def end(self) -> None:
        """Say goodbye."""
        self.paho.disconnect()
        self.paho.loop_stop()

    def drop(self) -> None:
        """Go without a word."""
        sock = self.paho.socket()
        self.paho.loop_stop()
        if sock:
            with contextlib.suppress(OSError):
                sock.close()


@pytest.fixture
def device(cloudlet):
    """Makes devices, and ends them with the test."""
    made: list[Device] = []

    def make(client_id: str, *, at=None, **options) -> Device:
        where = at or cloudlet
        port = where.port if options.get("path") else where.cloudlet.mqtt_port
        made.append(Device(port, client_id, **options))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def listener(cloudlet):
    """Makes queues, and reads what rules put into them."""
    class Listener:
        def __init__(self, name: str, at=cloudlet) -> None:
            self.sqs = at.client("sqs")
            self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
            self.arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"

        def let(self, service: str) -> None:
            statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
                         "Resource": self.arn}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

        def action(self, **more) -> dict:
            return {"sqs": {"queueUrl": self.url, "roleArn": ROLE, **more}}

        def read(self, count: int = 1) -> list[str]:
            found: list[str] = []
            while len(found) < count:
                answer = self.sqs.receive_message(
                    QueueUrl=self.url, WaitTimeSeconds=10, MaxNumberOfMessages=10
                )
                assert answer.get("Messages"), f"{len(found)} of {count} messages have come"
                for one in answer["Messages"]:
                    found.append(one["Body"])
                    self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])
            return found

        def is_empty(self) -> bool:
            return not self.sqs.receive_message(QueueUrl=self.url).get("Messages")

    return Listener


ROLE = "arn:aws:iam::000000000000:role/iot"
