"""What is published reaches everyone it is for, though the cloudlet is killed in the middle of it.

A storm goes through every way an event can travel: topics, the bus, pipes, streams, buckets. Each target has
every acknowledged event at least once; behind a FIFO way in the order of publishing, and once.
CLOUDLET_KILLS and CLOUDLET_CRASH_SEED are those of :mod:`.test_crash`.
"""

import base64
import json
import os
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .test_crash import KILLS, SEED, Victim, advance, drain, rows, services
from .test_crash import packed_function as packed

AT_ONCE = 2  # publishers on each way
_ID = re.compile(r"[a-z-]+_\d+_\d+")
ALL = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
ROLE = "arn:aws:iam::000000000000:role/storm"
HANDLER = """
import base64, boto3
table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        id = base64.b64decode(record["kinesis"]["data"]).decode()
        table.put_item(TableName="streamed", Item={"pk": {"S": id}, "n": {"N": "1"}})
"""


def arn(service, name):
    return f"arn:aws:{service}:us-east-1:000000000000:{name}"


class Way(NamedTuple):
    """How something is published, and the queues in which it must be found."""

    name: str
    service: str
    publish: Callable[[Any, str, str, str], object]  # client, where the cloudlet is, id, who
    reaches: tuple[str, ...]
    insists: bool = False  # what was not acknowledged is published again, and must be there once


def _event(id, **more):
    return {"Source": "storm", "Detail": json.dumps({"id": id}), **more}


WAYS = (
    Way("topic", "sns", lambda client, base, id, who: client.publish(
        TopicArn=arn("sns", "storm"), Message=id), ("topic-a", "topic-b")),
    Way("ordered-topic", "sns", lambda client, base, id, who: client.publish(
        TopicArn=arn("sns", "storm.fifo"), Message=id, MessageGroupId=who, MessageDeduplicationId=id),
        ("topic.fifo", "topic-c"), insists=True),
    Way("bus", "events", lambda client, base, id, who: client.put_events(
        Entries=[_event(id, DetailType="any")]), ("bus",)),
    Way("ordered-bus", "events", lambda client, base, id, who: client.put_events(
        Entries=[_event(id, DetailType="ordered")]), ("bus.fifo",), insists=True),
    Way("pipe", "sqs", lambda client, base, id, who: client.send_message(
        QueueUrl=f"{base}/pipe-in", MessageBody=id), ("pipe-out",)),
    Way("ordered-pipe", "sqs", lambda client, base, id, who: client.send_message(
        QueueUrl=f"{base}/pipe-in.fifo", MessageBody=id, MessageGroupId=who, MessageDeduplicationId=id),
        ("pipe-out.fifo",), insists=True),
    Way("stream", "kinesis", lambda client, base, id, who: client.put_record(
        StreamName="storm", PartitionKey=who, Data=id.encode()), ("stream.fifo",)),
    Way("bucket", "s3", lambda client, base, id, who: client.put_object(
        Bucket="storm", Key=id, Body=b"hello"), ("bucket",)),
)
QUEUES = ("topic-a", "topic-b", "topic-c", "bus", "pipe-in", "pipe-out", "bucket",
          "topic.fifo", "bus.fifo", "pipe-in.fifo", "pipe-out.fifo", "stream.fifo")


class Publisher(threading.Thread):
    """A client that publishes one event after another, and remembers which were acknowledged."""

    def __init__(self, victim, way, number):
        super().__init__(name=f"{way.name}_{number}")
        self.victim, self.way = victim, way
        self.acknowledged, self.over, self.failure = [], threading.Event(), None
        self.client = victim.client(way.service)

    def run(self):
        n = 0
        while not self.over.is_set():
            n += 1
            id = f"{self.name}_{n}"
            while not self._published(id) and self.way.insists and not self.over.is_set():
                self.over.wait(0.01)
            self.over.wait(0.002)

    def _published(self, id):
        try:
            base = f"http://127.0.0.1:{self.victim.port}/000000000000"
            self.way.publish(self.client, base, id, self.name)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                self.failure = error  # a refusal is no crash
                self.over.set()
            return False
        except BotoCoreError:
            return False
        self.acknowledged.append(id)
        return True


def furnish(victim, there):
    """Everything that the ways need; those that can be gone here."""
    if not {"sqs", "sns", "events", "pipes", "kinesis", "s3"} <= there:
        pytest.skip("not all services of the storm are here")
    sqs, sns, events = victim.client("sqs"), victim.client("sns"), victim.client("events")
    for name in QUEUES:
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if name.endswith(".fifo") else {}
        sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "2", "Policy": ALL, **fifo})
    sns.create_topic(Name="storm")
    sns.create_topic(Name="storm.fifo", Attributes={"FifoTopic": "true"})
    for topic, queue in (("storm", "topic-a"), ("storm", "topic-b"), ("storm.fifo", "topic.fifo"),
                         ("storm.fifo", "topic-c")):
        sns.subscribe(TopicArn=arn("sns", topic), Protocol="sqs", Endpoint=arn("sqs", queue),
                      Attributes={"RawMessageDelivery": "true"})
    for kind, queue in (("any", "bus"), ("ordered", "bus.fifo")):
        events.put_rule(Name=kind, EventPattern=json.dumps({"detail-type": [kind]}))
        ordered = {"SqsParameters": {"MessageGroupId": "all"}} if queue.endswith(".fifo") else {}
        events.put_targets(Rule=kind, Targets=[
            {"Id": "q", "Arn": arn("sqs", queue), "InputPath": "$.detail.id", **ordered}])
    _pipes(victim)
    s3 = victim.client("s3")
    s3.create_bucket(Bucket="storm")
    s3.put_bucket_notification_configuration(Bucket="storm", NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn("sqs", "bucket"), "Events": ["s3:ObjectCreated:*"]}]})
    drain(sqs, sqs.get_queue_url(QueueName="bucket")["QueueUrl"])  # S3's test of it
    return {"lambda", "dynamodb"} <= there and os.environ.get("CLOUDLET_CRASH_LAMBDA", "1") == "1"


def _pipes(victim):
    pipes, kinesis = victim.client("pipes"), victim.client("kinesis")
    kinesis.create_stream(StreamName="storm", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="storm", WaiterConfig={"Delay": 1})
    ordered = {"SqsQueueParameters": {"MessageGroupId": "$.attributes.MessageGroupId",
                                      "MessageDeduplicationId": "$.attributes.MessageDeduplicationId"}}
    streamed = {"SqsQueueParameters": {"MessageGroupId": "$.partitionKey",
                                       "MessageDeduplicationId": "$.sequenceNumber"}}
    for name, source, target, parameters, template in (
            ("plain", arn("sqs", "pipe-in"), "pipe-out", {}, "<$.body>"),
            ("ordered", arn("sqs", "pipe-in.fifo"), "pipe-out.fifo", ordered, "<$.body>"),
            ("streamed", arn("kinesis", "stream/storm"), "stream.fifo", streamed, "<$.data>")):
        reading = {} if "sqs" in source else {
            "SourceParameters": {"KinesisStreamParameters": {"StartingPosition": "TRIM_HORIZON"}}}
        pipes.create_pipe(Name=name, Source=source, Target=arn("sqs", target), RoleArn=ROLE, **reading,
                          TargetParameters={"InputTemplate": template, **parameters})


def mapped(victim):
    """A function that reads the stream, too, and keeps what it got in a table."""
    victim.client("dynamodb").create_table(
        TableName="streamed", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    client = victim.client("lambda")
    client.create_function(FunctionName="streamed", Runtime="python3.11", Handler="index.handler", Timeout=60,
                           MemorySize=1769, Role=ROLE, Code={"ZipFile": packed(HANDLER)})
    client.create_event_source_mapping(FunctionName="streamed", StartingPosition="TRIM_HORIZON",
                                       EventSourceArn=arn("kinesis", "stream/storm"))


def read(body):
    """The id of the event that a message is about."""
    found = _ID.search(body) or _ID.search(base64.b64decode(body, validate=True).decode())
    assert found, body
    return found[0]


def arrived(victim, publishers, with_function, patience=8):
    """By queue what is in it, in its order; waits until every acknowledged event is there."""
    sqs, base = victim.client("sqs"), f"http://127.0.0.1:{victim.port}/000000000000"
    found = {queue: [] for one in publishers for queue in one.way.reaches}
    streamed = {id for one in publishers if one.way.name == "stream" for id in one.acknowledged}
    for quiet in range(patience):
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for queue, ids in found.items():
                ids += [read(one["Body"]) for one in drain(sqs, f"{base}/{queue}")]
            ran = not with_function or streamed <= rows(victim.client("dynamodb"), "streamed").keys()
            missing = {queue: lost for one in publishers for queue in one.way.reaches
                       if (lost := set(one.acknowledged) - set(found[queue]))}
            if ran and not missing:
                return found
            time.sleep(0.05)  # what a pipe does is seen from outside only
        if quiet:
            advance(victim, 30)  # what was tried in vain while it was killed is tried again
    raise AssertionError(f"lost: {missing}; the function has all: {ran}")


def verify(publishers, found):
    """Hold what arrived against what was acknowledged."""
    for one in publishers:
        for queue in one.way.reaches:
            mine = [id for id in found[queue] if id.startswith(one.name + "_")]
            numbers = [int(id.rpartition("_")[2]) for id in mine]
            assert set(one.acknowledged) <= set(mine), queue
            if queue.endswith(".fifo"):
                assert numbers == sorted(set(numbers)), f"{queue}: {numbers}"
            if one.way.insists:
                assert len(numbers) == len(set(numbers)), f"{queue} has something twice"


@pytest.mark.timeout(180 + KILLS * 10)
def test_every_acknowledged_event_reaches_every_target_through_any_kill(tmp_path, capsys):
    moments = random.Random(f"{SEED}/storm")
    victim, publishers = Victim(tmp_path / "data", "process"), []
    try:
        victim.start()
        with_function = furnish(victim, services(victim))
        if with_function:
            mapped(victim)
        publishers = [Publisher(victim, way, number) for way in WAYS for number in range(AT_ONCE)]
        for one in publishers:
            one.start()
        for _ in range(KILLS):
            storm(publishers, moments.randint(20, 200))
            time.sleep(moments.uniform(0, 0.03))
            victim.kill()
            victim.start()
        storm(publishers, 50)
        for one in publishers:
            one.over.set()
        for one in publishers:
            one.join(30)
            assert one.failure is None, f"{one.name} was refused: {one.failure}"
        victim.kill()
        victim.start()
        verify(publishers, arrived(victim, publishers, with_function))
        assert all(one.acknowledged for one in publishers)
        with capsys.disabled():
            print(f" [{sum(len(one.acknowledged) for one in publishers)} events]", end="")
    finally:
        for one in publishers:
            one.over.set()
        victim.kill()
        victim.log.close()


def storm(publishers, more):
    """Wait until so many more events were acknowledged: a kill in between proves nothing."""
    def done():
        return sum(len(one.acknowledged) for one in publishers)

    goal, until = done() + more, time.monotonic() + 10
    while done() < goal and time.monotonic() < until and not any(one.failure for one in publishers):
        time.sleep(0.002)
