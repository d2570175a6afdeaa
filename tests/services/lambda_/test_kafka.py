"""Functions that are fed from Kafka.

The broker is the one that librdkafka has within itself for tests: it speaks the protocol over TCP, has groups
and offsets, and is none of ours. It knows no passwords, so those are seen from the other end of a socket.
"""

import base64
import itertools
import json
import socket
import struct
import threading

import pytest
from botocore.exceptions import ClientError

confluent_kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
pytest.importorskip("aiokafka", reason="aiokafka is not installed (pip install 'cloudlet[kafka]')")

_count = itertools.count(1)
COPY = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(event))
"""
PARTITION = 0


class Kafka:
    """A broker, and a producer."""

    def __init__(self) -> None:
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
        broker, = self.producer.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"

    def produce(self, topic, *values, key=None, **more):
        """Write records into the first partition, and wait until they are there."""
        for value in values:
            self.producer.produce(topic, value, key=key, partition=PARTITION, **more)
        assert self.producer.flush(10) == 0

    def committed(self, group, topic):
        """The offset that a group has come to."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.address, "group.id": group})
        found, = consumer.committed([confluent_kafka.TopicPartition(topic, PARTITION)], timeout=10)
        consumer.close()
        return found.offset


@pytest.fixture(scope="module")
def kafka():
    """A broker for the tests of this module."""
    return Kafka()


class Fed:
    """A topic, the function it feeds, and what the function told."""

    def __init__(self, cloudlet, kafka, deploy, source, **mapping):
        self.cloudlet, self.kafka, self.topic = cloudlet, kafka, f"topic-{next(_count)}"
        self.sqs, self.client = cloudlet.client("sqs"), cloudlet.client("lambda")
        self.out = self.sqs.create_queue(QueueName=f"{self.topic}-out")["QueueUrl"]
        self.function = deploy(source, Environment={"Variables": {"OUT": self.out}}, Timeout=20)
        self.uuid = self.client.create_event_source_mapping(**{
            "FunctionName": self.function.name, "Topics": [self.topic], "StartingPosition": "TRIM_HORIZON",
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [kafka.address]}},
            "MaximumBatchingWindowInSeconds": 0, **mapping})["UUID"]

    def produce(self, *values, **more):
        """Write records into the topic."""
        self.kafka.produce(self.topic, *values, **more)

    def told(self, moving=0, of=""):
        """The next message that the function sent, or that lies in another queue."""
        for _ in range(40):
            if moving:
                self.cloudlet.advance(moving)
            url = of or self.out
            for one in self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                return json.loads(one["Body"])
        raise AssertionError(f"nothing was told: {self.shown()}")

    def shown(self):
        """The mapping."""
        return self.client.get_event_source_mapping(UUID=self.uuid)


@pytest.fixture
def feed(cloudlet, kafka, deploy):
    """Makes such, and removes the mapping afterwards."""
    made = []

    def feed(source=COPY, **mapping):
        made.append(Fed(cloudlet, kafka, deploy, source, **mapping))
        return made[-1]

    yield feed
    for one in made:
        one.client.delete_event_source_mapping(UUID=one.uuid)


def values(event):
    return [base64.b64decode(one["value"]).decode() for some in event["records"].values() for one in some]


def test_records_reach_their_function_in_awss_format(feed, kafka):
    fed = feed()
    fed.produce(b"hello", key=b"k", headers=[("h", b"\x01\xff")], timestamp=1_545_084_650_987)
    assert fed.told() == {
        "eventSource": "SelfManagedKafka", "bootstrapServers": kafka.address, "records": {f"{fed.topic}-0": [{
            "topic": fed.topic, "partition": 0, "offset": 0, "timestamp": 1_545_084_650_987,
            "timestampType": "CREATE_TIME", "key": base64.b64encode(b"k").decode(),
            "value": base64.b64encode(b"hello").decode(), "headers": [{"h": [1, 255]}]}]}}


def test_what_was_handled_is_committed_to_the_group_that_the_mapping_names(feed, kafka, eventually):
    fed = feed(SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "readers"})
    fed.produce(b"a", b"b")
    seen = []
    while len(seen) < 2:
        seen += values(fed.told())
    eventually(lambda: kafka.committed("readers", fed.topic) == 2)
    fed.client.update_event_source_mapping(UUID=fed.uuid, Enabled=False)
    eventually(lambda: fed.shown()["State"] == "Disabled")
    fed.produce(b"c")
    fed.client.update_event_source_mapping(UUID=fed.uuid, Enabled=True)
    assert seen == ["a", "b"] and values(fed.told()) == ["c"]
    shown = fed.shown()
    assert shown["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": "readers"}
    assert shown["SelfManagedEventSource"]["Endpoints"] == {"KAFKA_BOOTSTRAP_SERVERS": [kafka.address]}
    assert "EventSourceArn" not in shown


def test_latest_is_the_moment_the_mapping_is_enabled(feed, kafka, eventually):
    topic = f"topic-{next(_count) + 1000}"
    kafka.produce(topic, b"before")
    fed = feed(StartingPosition="LATEST", Topics=[topic])
    eventually(lambda: fed.shown()["State"] == "Enabled")
    kafka.produce(topic, b"after")
    assert values(fed.told()) == ["after"]


def test_a_batch_that_fails_is_tried_again_before_what_comes_after_it(feed):
    fed = feed(COPY + """
    import pathlib
    if not (ran := pathlib.Path("/tmp/ran")).exists():
        ran.touch()
        raise ValueError("not yet")
""", BatchSize=1)
    fed.produce(b"first", b"second")
    assert [values(fed.told(moving=10)) for _ in range(3)] == [["first"], ["first"], ["second"]]


def test_a_batch_that_is_given_up_is_described_to_its_destination(feed, cloudlet, kafka):
    name = f"dead-{next(_count)}"
    dead = cloudlet.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    destination = {"OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{name}"}}
    fed = feed(COPY + "    raise ValueError('never')\n", BatchSize=1, MaximumRetryAttempts=1,
               DestinationConfig=destination)
    fed.produce(b"bad", timestamp=1_545_084_650_987)
    document = fed.told(moving=10, of=dead)
    assert document["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert document["requestContext"]["approximateInvokeCount"] == 2
    assert document["responseContext"]["functionError"] == "Unhandled"
    info = document["KafkaBatchInfo"]
    assert info.pop("payloadSize") > 100
    moment = "2018-12-17T22:10:50.987Z"
    assert info == {"batchSize": 1, "bootstrapServers": kafka.address, "recordInfo": {f"{fed.topic}-0": {
        "firstRecordOffset": "0", "lastRecordOffset": "0", "firstRecordTimestamp": moment,
        "lastRecordTimestamp": moment}}}
    fed.told(), fed.told()  # the tries of the first
    fed.produce(b"next")
    assert values(fed.told()) == ["next"]


def test_records_that_the_filters_do_not_want_are_passed_over(feed, kafka, eventually):
    fed = feed(FilterCriteria={"Filters": [{"Pattern": '{"value": {"kind": ["a"]}, "key": ["k"]}'}]},
               SelfManagedKafkaEventSourceConfig={"ConsumerGroupId": "filtering"})
    fed.produce(b'{"kind": "a"}', key=b"other")
    fed.produce(b'{"kind": "a", "n": 1}', key=b"k")
    fed.produce(b'{"kind": "b"}', key=b"k")
    assert values(fed.told()) == ['{"kind": "a", "n": 1}']
    eventually(lambda: kafka.committed("filtering", fed.topic) == 3)


class Doorkeeper:
    """Answers what a Kafka client says before it logs in, and keeps the login."""

    def __init__(self) -> None:
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.said, self.heard = [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """Until somebody has logged in."""
        connection, _ = self.door.accept()
        with connection:
            while not self.heard.is_set():
                size, = struct.unpack(">i", self.take(connection, 4))
                request = self.take(connection, size)
                key, version, number = struct.unpack(">hhi", request[:8])
                offset = 10 + max(struct.unpack(">h", request[8:10])[0], 0)
                self.said.append((key, request[offset:]))
                if key == 18:  # ApiVersions: the two that matter here, and Metadata
                    keys = [(17, 1, 1), (36, 0, 1), (18, 0, 2), (3, 0, 5)]
                    body = struct.pack(">hi", 0, len(keys))
                    body += b"".join(struct.pack(">hhh", *one) for one in keys)
                    body += struct.pack(">i", 0) if version else b""
                elif key == 17:  # SaslHandshake
                    body = struct.pack(">hih", 0, 1, 5) + b"PLAIN"
                else:
                    self.heard.set()
                    return
                connection.sendall(struct.pack(">ii", 4 + len(body), number) + body)

    def take(self, connection, size):
        """So many bytes."""
        found = b""
        while len(found) < size:
            found += (piece := connection.recv(size - len(found)))
            if not piece:
                raise ConnectionError
        return found


def test_the_name_and_password_of_a_secret_are_shown_to_the_broker(feed, cloudlet):
    cloudlet.client("secretsmanager").create_secret(
        Name="kafka", SecretString='{"username": "ada", "password": "engine"}')
    keeper = Doorkeeper()
    fed = feed(SelfManagedEventSource={"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": [keeper.address]}},
               SourceAccessConfigurations=[{"Type": "BASIC_AUTH", "URI": "kafka"}])
    assert keeper.heard.wait(20)
    assert keeper.said[-1][0] == 36 and b"\0ada\0engine" in keeper.said[-1][1]
    assert fed.shown()["State"] == "Creating"
    keeper.thread.join()
    keeper.door.close()


def refused(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Message"]


def test_a_mapping_that_can_not_be_honoured_is_refused_by_name(deploy, monkeypatch):
    function = deploy(COPY)
    create = function.client.create_event_source_mapping
    sound = {"FunctionName": function.name, "Topics": ["topic"], "StartingPosition": "LATEST",
             "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["127.0.0.1:1"]}}}

    def without(name):
        return {key: value for key, value in sound.items() if key != name}

    assert "Topics" in refused(create, **without("Topics"))
    assert "startingPosition" in refused(create, **without("StartingPosition"))
    for member, value in (("ParallelizationFactor", 2), ("TumblingWindowInSeconds", 1), ("Queues", ["q"]),
                          ("BisectBatchOnFunctionError", True), ("ScalingConfig", {"MaximumConcurrency": 2}),
                          ("FunctionResponseTypes", ["ReportBatchItemFailures"])):
        assert member in refused(create, **sound, **{member: value})
    assert "CLIENT_CERTIFICATE_TLS_AUTH" in refused(create, **sound, SourceAccessConfigurations=[
        {"Type": "CLIENT_CERTIFICATE_TLS_AUTH", "URI": "secret"}])
    monkeypatch.setattr("cloudlet.fabric.brokers.find_spec", lambda name: None)
    assert "pip install 'cloudlet[kafka]'" in refused(create, **sound)


def test_a_template_may_have_such_a_mapping(cloudlet, kafka, deploy, eventually):
    function, topic = deploy(COPY, Environment={"Variables": {"OUT": "none"}}), f"topic-{next(_count)}"
    template = {"Resources": {"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
        "FunctionName": function.name, "Topics": [topic], "StartingPosition": "TRIM_HORIZON",
        "SelfManagedEventSource": {"Endpoints": {"KafkaBootstrapServers": [kafka.address]}},
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "stack"},
        "SourceAccessConfigurations": [{"Type": "SASL_SCRAM_512_AUTH", "URI": "secret"}]}}}}
    stacks = cloudlet.client("cloudformation")
    stacks.create_stack(StackName="kafka", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="kafka", WaiterConfig={"Delay": 1})
    made, = function.client.list_event_source_mappings(FunctionName=function.name)["EventSourceMappings"]
    assert made["Topics"] == [topic]
    assert made["SourceAccessConfigurations"] == [{"Type": "SASL_SCRAM_512_AUTH", "URI": "secret"}]
    stacks.delete_stack(StackName="kafka")
    stacks.get_waiter("stack_delete_complete").wait(StackName="kafka", WaiterConfig={"Delay": 1})
