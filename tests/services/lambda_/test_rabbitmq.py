"""Functions that are fed from RabbitMQ, by a mapping of a broker as Amazon MQ has it."""

import asyncio
import base64
import itertools
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from ...conftest import Running
from .rabbit import Rabbit

aiormq = pytest.importorskip("aiormq", reason="aiormq is not installed (pip install 'cloudlet[rabbitmq]')")

BROKER = "arn:aws:mq:us-east-1:000000000000:broker:orders:b-1234"
AWAY = "arn:aws:mq:us-east-1:000000000000:broker:away:b-1"
_count = itertools.count(1)
COPY = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(event))
"""
FAIL_FIRST = COPY + """
    if not any(one["redelivered"] for some in event["rmqMessagesByQueue"].values() for one in some):
        raise ValueError("not yet")
"""


@pytest.fixture(scope="module")
def rabbit():
    """A broker for the tests of this module; they are skipped where none can be had."""
    try:
        found = Rabbit()
    except (FileNotFoundError, RuntimeError) as error:
        pytest.skip(str(error))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def cloudlet(rabbit, tmp_path_factory):
    """A cloudlet that knows where the broker is."""
    running = Running(tmp_path_factory.mktemp("data"),
                      brokers={"orders": f"amqp://127.0.0.1:{rabbit.port}", AWAY: "amqp://127.0.0.1:1"})
    running.client("secretsmanager").create_secret(
        Name="rabbit", SecretString='{"username": "guest", "password": "guest"}')
    yield running
    running.stop()


class Fed:
    """A queue of the broker, the function it feeds, and what the function told."""

    def __init__(self, cloudlet, rabbit, deploy, source=COPY, **mapping):
        self.cloudlet, self.rabbit, self.name = cloudlet, rabbit, f"work-{next(_count)}"
        self.sqs, self.client = cloudlet.client("sqs"), cloudlet.client("lambda")
        self.out = self.sqs.create_queue(QueueName=f"{self.name}-out")["QueueUrl"]
        self.speak(lambda channel: channel.queue_declare(self.name, durable=True))
        self.function = deploy(source, Environment={"Variables": {"OUT": self.out}}, Timeout=20)
        self.uuid = self.client.create_event_source_mapping(**{
            "EventSourceArn": BROKER, "FunctionName": self.function.name, "Queues": [self.name],
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "rabbit"}], **mapping})["UUID"]

    def speak(self, *doings):
        """Do something with the broker, as any other client would."""
        async def main():
            connection = await aiormq.connect(f"amqp://guest:guest@127.0.0.1:{self.rabbit.port}/")
            channel = await connection.channel()
            answers = [await doing(channel) for doing in doings]
            await connection.close()
            return answers[-1]
        return asyncio.run(main())

    def publish(self, *bodies, **properties):
        """Put messages into the queue."""
        self.speak(*(lambda channel, body=body: channel.basic_publish(
            body.encode(), routing_key=self.name, properties=aiormq.spec.Basic.Properties(**properties))
            for body in bodies))

    def waiting(self):
        """How many messages the broker has that nobody has taken."""
        return self.speak(lambda channel: channel.queue_declare(self.name, passive=True)).message_count

    def told(self, moving=0):
        """The next event of the function; meanwhile the clock is moved."""
        for _ in range(40):
            if moving:
                self.cloudlet.advance(moving)
            for one in self.sqs.receive_message(QueueUrl=self.out, WaitTimeSeconds=1).get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.out, ReceiptHandle=one["ReceiptHandle"])
                return json.loads(one["Body"])
        raise AssertionError(f"nothing was told: {self.shown()}")

    def shown(self):
        """The mapping."""
        return self.client.get_event_source_mapping(UUID=self.uuid)


@pytest.fixture
def feed(cloudlet, rabbit, deploy):
    """Makes such, and removes the mapping afterwards."""
    made = []

    def feed(source=COPY, **mapping):
        made.append(Fed(cloudlet, rabbit, deploy, source, **mapping))
        return made[-1]

    yield feed
    for one in made:
        one.client.delete_event_source_mapping(UUID=one.uuid)


def texts(event):
    messages, = event["rmqMessagesByQueue"].values()
    return [base64.b64decode(one["data"]).decode() for one in messages]


def test_a_message_reaches_its_function_in_awss_format(feed):
    fed = feed(MaximumBatchingWindowInSeconds=0)
    fed.publish("hello", content_type="text/plain", delivery_mode=1, priority=34, expiration="60000",
                timestamp=datetime(1970, 1, 1, 0, 33, 41, tzinfo=UTC), user_id="guest", message_id="m1",
                headers={"header1": "value1", "numberInHeader": 10})
    event = fed.told()
    assert event == {
        "eventSource": "aws:rmq", "eventSourceArn": BROKER, "rmqMessagesByQueue": {f"{fed.name}::/": [{
            "basicProperties": {
                "contentType": "text/plain", "contentEncoding": None,
                "headers": {"header1": {"bytes": [118, 97, 108, 117, 101, 49]}, "numberInHeader": 10},
                "deliveryMode": 1, "priority": 34, "correlationId": None, "replyTo": None,
                "expiration": "60000", "messageId": "m1", "timestamp": "Jan 1, 1970, 12:33:41 AM",
                "type": None, "userId": "guest", "appId": None, "clusterId": None, "bodySize": 5},
            "redelivered": False, "data": base64.b64encode(b"hello").decode()}]}}


def test_what_was_handled_is_gone_from_the_broker_and_the_mapping_says_so(feed, eventually):
    fed = feed(MaximumBatchingWindowInSeconds=0)
    fed.publish("one")
    assert texts(fed.told()) == ["one"]
    eventually(lambda: fed.shown()["LastProcessingResult"] == "OK")
    assert fed.shown()["State"] == "Enabled" and fed.shown()["Queues"] == [fed.name]
    fed.client.update_event_source_mapping(UUID=fed.uuid, Enabled=False)
    eventually(lambda: fed.shown()["State"] == "Disabled")
    assert fed.waiting() == 0  # what is not acknowledged would be there again
    fed.publish("two")
    assert fed.waiting() == 1
    fed.client.update_event_source_mapping(UUID=fed.uuid, Enabled=True)
    assert texts(fed.told()) == ["two"]


def test_a_batch_is_gathered_until_it_is_full(feed):
    fed = feed(BatchSize=3, MaximumBatchingWindowInSeconds=300)
    fed.publish("a", "b", "c", "d")
    assert texts(fed.told()) == ["a", "b", "c"]
    assert texts(fed.told(moving=300)) == ["d"]


def test_messages_that_the_filters_do_not_want_are_acknowledged_and_passed_over(feed, eventually):
    fed = feed(MaximumBatchingWindowInSeconds=0,
               FilterCriteria={"Filters": [{"Pattern": '{"data": {"kind": ["a"]}}'}]})
    fed.publish('{"kind": "b"}', '{"kind": "a", "n": 1}')
    assert texts(fed.told()) == ['{"kind": "a", "n": 1}']
    eventually(lambda: fed.waiting() == 0)


def test_a_batch_that_fails_goes_back_to_the_queue_and_comes_again_as_redelivered(feed):
    fed = feed(FAIL_FIRST, MaximumBatchingWindowInSeconds=0)
    fed.publish("again")
    first, second = fed.told(), fed.told(moving=60)
    assert texts(first) == texts(second) == ["again"]
    redelivered = [one["redelivered"] for event in (first, second)
                   for one in event["rmqMessagesByQueue"][f"{fed.name}::/"]]
    assert redelivered == [False, True]


def test_a_mapping_goes_on_when_its_broker_comes_back(feed, rabbit, eventually):
    fed = feed(MaximumBatchingWindowInSeconds=0)
    fed.publish("before")
    assert texts(fed.told()) == ["before"]
    rabbit.halt()
    eventually(lambda: fed.shown()["LastProcessingResult"].startswith("PROBLEM: Connection error."))
    rabbit.start()
    fed.publish("after")
    assert texts(fed.told(moving=60)) == ["after"]


def test_a_mapping_whose_queue_is_deleted_says_so_until_there_is_one_again(feed, eventually):
    fed = feed(MaximumBatchingWindowInSeconds=0)
    eventually(lambda: fed.shown()["State"] == "Enabled")
    fed.speak(lambda channel: channel.queue_delete(fed.name))
    eventually(lambda: fed.shown()["LastProcessingResult"].startswith("PROBLEM: Connection error."))
    fed.speak(lambda channel: channel.queue_declare(fed.name, durable=True))
    fed.publish("here again")
    assert texts(fed.told(moving=60)) == ["here again"]


def test_a_mapping_whose_secret_is_missing_says_so(feed, eventually):
    fed = feed(SourceAccessConfigurations=[{"Type": "BASIC_AUTH", "URI": "nobody"}])
    eventually(lambda: "its secret nobody can't be read" in fed.shown()["LastProcessingResult"])
    assert fed.shown()["State"] == "Creating"


def test_a_mapping_whose_password_is_wrong_says_so(feed, cloudlet, eventually):
    cloudlet.client("secretsmanager").create_secret(
        Name="wrong", SecretString='{"username": "guest", "password": "wrong"}')
    fed = feed(SourceAccessConfigurations=[{"Type": "BASIC_AUTH", "URI": "wrong"}])
    eventually(lambda: fed.shown()["LastProcessingResult"].startswith("PROBLEM: Connection error."))


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]


def test_a_mapping_that_can_not_be_honoured_is_refused_by_name(cloudlet, deploy):
    function = deploy(COPY)
    create = function.client.create_event_source_mapping
    sound = {"FunctionName": function.name, "EventSourceArn": BROKER, "Queues": ["q"],
             "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "rabbit"}]}
    unknown = BROKER.replace("orders", "nobody")
    assert "--broker nobody=amqp://" in refused(create, **{**sound, "EventSourceArn": unknown})["Message"]
    assert "Queues" in refused(create, **{key: sound[key] for key in sound if key != "Queues"})["Message"]
    assert "BASIC_AUTH" in refused(create, **{**sound, "SourceAccessConfigurations": []})["Message"]
    for member, value in (("StartingPosition", "LATEST"), ("ParallelizationFactor", 2), ("Topics", ["topic"]),
                          ("FunctionResponseTypes", ["ReportBatchItemFailures"])):
        assert member in refused(create, **sound, **{member: value})["Message"]
    slow = deploy(COPY, Timeout=900)
    assert "840" in refused(create, **{**sound, "FunctionName": slow.name})["Message"]
    made = create(**sound)
    assert made["UUID"] in refused(create, **sound)["Message"]
    function.client.delete_event_source_mapping(UUID=made["UUID"])


def test_a_queue_url_is_no_broker_and_its_mapping_has_no_queues(cloudlet, deploy):
    function = deploy(COPY)
    cloudlet.client("sqs").create_queue(QueueName="plain")
    error = refused(function.client.create_event_source_mapping, FunctionName=function.name, Queues=["q"],
                    EventSourceArn="arn:aws:sqs:us-east-1:000000000000:plain")
    assert error["Message"] == "Unsupported Queues parameter for given event source mapping type."
