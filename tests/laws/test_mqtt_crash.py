"""What MQTT acknowledged is with its subscriber and in its rule's queue, though the broker was killed."""

import contextlib
import itertools
import queue
import random
import threading
import time

import paho.mqtt.client as paho
import pytest

from .test_crash import Victim

KILLS = 3


@pytest.fixture
def victim(tmp_path):
    found = Victim(tmp_path / "data", "process")
    found.start()
    yield found
    found.kill()
    found.log.close()


def connect(victim, client_id: str, *, clean: bool, received: queue.Queue | None = None) -> paho.Client:
    """A client over WebSocket that has been answered."""
    here = threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id, clean_session=clean,
                         transport="websockets", reconnect_on_failure=False)
    client.ws_set_options(path="/mqtt")
    client.on_connect = lambda *about: here.set()
    if received is not None:
        client.on_message = lambda client, data, message: received.put(int(message.payload))
    client.connect("127.0.0.1", victim.port)
    client.loop_start()
    assert here.wait(20)
    return client


def publish(client: paho.Client, numbers, acknowledged: list[int]) -> None:
    """Publish one number after the other until the connection breaks."""
    for number in numbers:
        said = client.publish("storm", str(number), 1)
        with contextlib.suppress(RuntimeError, ValueError):
            said.wait_for_publish(5)
        if not said.is_published():
            return
        acknowledged.append(number)


def test_what_was_acknowledged_arrives_though_the_broker_is_killed(victim):
    sqs, iot = victim.client("sqs"), victim.client("iot")
    url = sqs.create_queue(QueueName="storm")["QueueUrl"]
    iot.create_topic_rule(ruleName="storm", topicRulePayload={
        "sql": "SELECT * FROM 'storm'", "awsIotSqlVersion": "2016-03-23",
        "actions": [{"sqs": {"queueUrl": url, "roleArn": "arn:aws:iam::000000000000:role/any"}}]})
    reader = connect(victim, "reader", clean=False)
    reader.subscribe("storm", 1)
    reader.disconnect()
    reader.loop_stop()
    numbers, acknowledged, moments = itertools.count(), [], random.Random(1)
    for _ in range(KILLS):
        before = len(acknowledged)
        client = connect(victim, "writer", clean=True)
        storm = threading.Thread(target=publish, args=(client, numbers, acknowledged))
        storm.start()
        while len(acknowledged) < before + 20:
            time.sleep(0.01)
        time.sleep(moments.random() / 20)
        victim.kill()
        storm.join()
        client.loop_stop()
        victim.start()
    received: queue.Queue[int] = queue.Queue()
    reader = connect(victim, "reader", clean=False, received=received)
    heard = set()
    while not heard >= set(acknowledged):
        heard.add(received.get(timeout=20))
    reader.disconnect()
    reader.loop_stop()
    sqs, queued = victim.client("sqs"), set()
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        queued |= {int(one["Body"]) for one in found}
    assert queued >= set(acknowledged)


def test_the_will_of_who_was_connected_is_published_when_the_broker_is_back(victim):
    received: queue.Queue[int] = queue.Queue()
    hearer = connect(victim, "hearer", clean=False)
    hearer.subscribe("wills", 1)
    hearer.disconnect()
    hearer.loop_stop()
    mortal = paho.Client(paho.CallbackAPIVersion.VERSION2, "mortal", transport="websockets",
                         reconnect_on_failure=False)
    mortal.ws_set_options(path="/mqtt")
    mortal.will_set("wills", b"7", 1)
    here = threading.Event()
    mortal.on_connect = lambda *about: here.set()
    mortal.connect("127.0.0.1", victim.port)
    mortal.loop_start()
    assert here.wait(20)
    victim.kill()
    mortal.loop_stop()
    victim.start()
    hearer = connect(victim, "hearer", clean=False, received=received)
    assert received.get(timeout=20) == 7
    hearer.disconnect()
    hearer.loop_stop()
