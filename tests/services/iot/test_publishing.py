"""Messages: over HTTP and MQTT, to subscribers, retained, queued while their reader is away."""

import base64
import itertools
import json
import time

import pytest
from botocore.exceptions import ClientError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

OPTIONS = {"mqtt": 0}
_numbers = itertools.count(1)


def name() -> str:
    """A name that no other test has."""
    return f"test{next(_numbers)}"


def eventually(look) -> None:
    """Wait for what becomes true by itself."""
    deadline = time.monotonic() + 20
    while not look():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_a_message_reaches_who_subscribes_to_its_topic(cloudlet, device):
    topic = name()
    hearer, speaker = device(name()), device(name())
    assert hearer.subscribe(f"{topic}/+/temperature") == [1]
    speaker.publish(f"{topic}/kitchen/temperature", b"21.5")
    message = hearer.next()
    assert (message.topic, message.payload, message.qos) == (f"{topic}/kitchen/temperature", b"21.5", 1)


@pytest.mark.parametrize("version", [4, 5])
def test_both_versions_of_mqtt_are_spoken(cloudlet, device, version):
    topic = name()
    hearer = device(name(), version=version)
    assert hearer.subscribe(topic, qos=1) == [1]
    device(name(), version=version).publish(topic, b"one")
    device(name(), version=version).publish(topic, b"two", qos=0)
    assert sorted(hearer.payloads(2)) == [b"one", b"two"]


def test_what_is_published_over_http_is_heard_over_mqtt_with_its_properties(cloudlet, device):
    topic = name()
    hearer = device(name())
    hearer.subscribe(topic)
    cloudlet.client("iot-data").publish(
        topic=topic,
        qos=1,
        payload=json.dumps({"on": True}),
        contentType="application/json",
        responseTopic="answers",
        correlationData=base64.b64encode(b"7").decode(),
        payloadFormatIndicator="UTF8_DATA",
        messageExpiry=60,
        userProperties=json.dumps([{"room": "kitchen"}]),
    )
    message = hearer.next()
    assert json.loads(message.payload) == {"on": True}
    said = message.properties
    assert (said.ContentType, said.ResponseTopic, said.CorrelationData) == (
        "application/json",
        "answers",
        b"7",
    )
    assert (said.PayloadFormatIndicator, said.UserProperty) == (1, [("room", "kitchen")])
    assert 0 < said.MessageExpiryInterval <= 60


def test_a_retained_message_is_there_for_who_comes_later(cloudlet, device):
    topic, data = name(), cloudlet.client("iot-data")
    device(name()).publish(f"{topic}/door", b"open", retain=True)
    later = device(name())
    later.subscribe(f"{topic}/#")
    message = later.next()
    assert (message.payload, message.retain) == (b"open", True)
    shown = data.get_retained_message(topic=f"{topic}/door")
    assert (shown["payload"], shown["qos"]) == (b"open", 1)
    assert f"{topic}/door" in [one["topic"] for one in data.list_retained_messages()["retainedTopics"]]
    data.publish(topic=f"{topic}/door", retain=True)
    with pytest.raises(ClientError) as error:
        data.get_retained_message(topic=f"{topic}/door")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_persistent_session_gets_what_came_while_it_was_away(cloudlet, device):
    topic, client = name(), name()
    reader = device(client, expiry=600)
    reader.subscribe(topic)
    reader.end()
    device(name()).publish(topic, b"kept")
    device(name()).publish(topic, b"not kept", qos=0)
    device(name()).publish(topic, b"kept, too")
    again = device(client, expiry=600, clean=False)
    assert again.flags.session_present
    assert again.payloads(2) == [b"kept", b"kept, too"]


def test_a_clean_session_forgets_what_was(cloudlet, device):
    topic, client = name(), name()
    reader = device(client, expiry=600)
    reader.subscribe(topic)
    reader.end()
    assert not device(client, clean=True, expiry=600).flags.session_present
    connection = cloudlet.client("iot-data").list_subscriptions(clientId=client)
    assert connection["subscriptions"] == []


def test_a_session_of_mqtt_3_lasts_an_hour(fresh, device):
    running = fresh(mqtt=0)
    data = running.client("iot-data")
    reader = device("old", at=running, version=4, clean=False)
    reader.subscribe("a")
    reader.end()
    running.advance(3_599)
    assert data.get_connection(clientId="old")["connected"] is False
    running.advance(2)
    with pytest.raises(ClientError) as error:
        data.get_connection(clientId="old")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_message_that_has_expired_is_not_delivered(fresh, device):
    running = fresh(mqtt=0)
    reader = device("reader", at=running, expiry=600)
    reader.subscribe("a")
    reader.end()
    data = running.client("iot-data")
    data.publish(topic="a", qos=1, payload=b"late", messageExpiry=10)
    data.publish(topic="a", qos=1, payload=b"good", messageExpiry=100)
    running.advance(50)
    message = device("reader", at=running, expiry=600, clean=False).next()
    assert (message.payload, message.properties.MessageExpiryInterval) == (b"good", 50)


def test_a_will_is_published_when_its_client_drops_out(cloudlet, device):
    topic = name()
    hearer = device(name())
    hearer.subscribe(topic)
    device(name(), will={"topic": topic, "payload": b"gone", "qos": 1}).drop()
    assert hearer.next().payload == b"gone"


def test_a_client_that_says_goodbye_has_no_will(cloudlet, device):
    topic = name()
    hearer = device(name())
    hearer.subscribe(topic)
    device(name(), will={"topic": topic, "payload": b"gone", "qos": 1}).end()
    device(name()).publish(topic, b"the first heard")
    assert hearer.next().payload == b"the first heard"


def test_a_will_waits_for_as_long_as_it_says(fresh, device):
    running = fresh(mqtt=0)
    data = running.client("iot-data")
    hearer = device("hearer", at=running)
    hearer.subscribe("wills")
    delay = Properties(PacketTypes.WILLMESSAGE)
    delay.WillDelayInterval = 60
    mortal = device("mortal", at=running, expiry=600,
                    will={"topic": "wills", "payload": b"gone", "qos": 1, "properties": delay})
    mortal.drop()
    eventually(lambda: not data.get_connection(clientId="mortal")["connected"])
    running.advance(59)
    data.publish(topic="wills", qos=1, payload=b"still waiting")
    running.advance(2)
    assert hearer.payloads(2) == [b"still waiting", b"gone"]


def test_what_was_not_acknowledged_is_sent_again(cloudlet, device):
    topic, client = name(), name()
    reader = device(client, expiry=600)
    reader.paho.manual_ack_set(True)
    reader.subscribe(topic)
    cloudlet.client("iot-data").publish(topic=topic, qos=1, payload=b"once more")
    first = reader.next()
    reader.drop()
    again = device(client, expiry=600, clean=False).next()
    assert (again.payload, again.mid, first.dup, again.dup) == (b"once more", first.mid, False, True)


def test_what_is_retained_and_what_waits_outlasts_a_restart(fresh, device):
    running = fresh(mqtt=0)
    reader = device("reader", at=running, expiry=600)
    reader.subscribe("a/#")
    reader.end()
    running.client("iot-data").publish(topic="a/b", qos=1, retain=True, payload=b"kept")
    running.stop()
    running = fresh(mqtt=0)
    assert running.client("iot-data").get_retained_message(topic="a/b")["payload"] == b"kept"
    assert device("reader", at=running, expiry=600, clean=False).next().payload == b"kept"


def test_a_client_id_belongs_to_who_came_last(cloudlet, device):
    client = name()
    first = device(client)
    device(client)
    assert first.ended.get(timeout=20).value == 142  # session taken over


def test_of_a_shared_subscription_one_member_gets_each_message(cloudlet, device):
    topic = name()
    members = [device(name()) for _ in range(3)]
    for member in members:
        member.received = members[0].received
        assert member.subscribe(f"$share/group/{topic}/#") == [1]
    alone = device(name())
    alone.subscribe(f"{topic}/#")
    for number in range(12):
        cloudlet.client("iot-data").publish(topic=f"{topic}/x", qos=1, payload=str(number).encode())
    assert alone.payloads(12) == [str(number).encode() for number in range(12)]
    assert sorted(map(int, members[0].payloads(12))) == list(range(12))
    assert members[0].received.empty()


def test_quality_2_is_not_offered(cloudlet, device):
    client = device(name())
    assert client.properties.MaximumQoS == 1
    old = device(name(), version=4)
    old.paho.publish(name(), b"", 2)
    old.ended.get(timeout=20)


@pytest.mark.parametrize("topic", ["a/" * 8 + "a", "x" * 257, "$aws/things/lamp/shadow/update"])
def test_topics_that_aws_does_not_take_end_the_connection_of_mqtt_3(cloudlet, device, topic):
    client = device(name(), version=4)
    client.paho.publish(topic, b"", 1)
    client.ended.get(timeout=20)


def test_subscriptions_have_limits(cloudlet, device):
    client = device(name())
    assert client.subscribe("$aws/things/lamp/shadow/update/delta") == [131]
    assert client.subscribe("a/b/c/d/e/f/g/h/i", "x" * 257, "ok") == [143, 143, 1]
    for _ in range(7):
        client.subscribe(*[name() for _ in range(7)])
    assert client.subscribe(name()) == [151]  # it has 50
    other = device(name())
    other.paho.subscribe([(name(), 1) for _ in range(9)])
    assert other.ended.get(timeout=20).value == 151


def test_a_payload_has_128_kibibytes_at_most(cloudlet):
    data = cloudlet.client("iot-data")
    data.publish(topic="a", payload=b"x" * 131_072)
    with pytest.raises(ClientError) as error:
        data.publish(topic="a", payload=b"x" * 131_073)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_client_can_be_disconnected_from_outside(cloudlet, device):
    client, topic = name(), name()
    hearer, data = device(name()), cloudlet.client("iot-data")
    hearer.subscribe(topic)
    thrown = device(client, expiry=60, will={"topic": topic, "payload": b"gone", "qos": 1})
    shown = data.get_connection(clientId=client, includeSocketInformation=True)
    assert (shown["connected"], shown["sourceIp"], shown["sessionExpiry"]) == (True, "127.0.0.1", 60)
    data.delete_connection(clientId=client)
    thrown.ended.get(timeout=20)
    assert hearer.next().payload == b"gone"
    shown = data.get_connection(clientId=client)
    assert (shown["connected"], shown["disconnectReason"]) == (False, "API_INITIATED_DISCONNECT")
    data.delete_connection(clientId=client, cleanSession=True)
    with pytest.raises(ClientError):
        data.get_connection(clientId=client)


def test_a_subscription_can_be_ended(cloudlet, device):
    topic = name()
    client = device(name())
    client.subscribe(topic)
    client.unsubscribe(topic)
    client.publish(topic, b"unheard")
    client.subscribe(f"{topic}/x")
    client.publish(f"{topic}/x", b"heard")
    assert client.next().payload == b"heard"


def test_a_client_need_not_hear_itself(cloudlet, device):
    topic = name()
    client = device(name())
    client.subscribe(topic, noLocal=True)
    client.publish(topic, b"mine")
    device(name()).publish(topic, b"another's")
    assert client.next().payload == b"another's"


def test_shadows_are_refused_by_name(cloudlet):
    with pytest.raises(ClientError) as error:
        cloudlet.client("iot-data").get_thing_shadow(thingName="lamp")
    assert error.value.response["Error"]["Code"] == "NotHonoured"
