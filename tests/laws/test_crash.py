"""Acknowledged means durable: after SIGKILL at any instant, what was answered is there.

CLOUDLET_KILLS says how often the whole cloudlet is killed (5; 100 for the real run), and
CLOUDLET_CRASH_SEED which moments are taken.
"""

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

KILLS = int(os.environ.get("CLOUDLET_KILLS", "5"))
SEED = int(os.environ.get("CLOUDLET_CRASH_SEED", "1"))
PROGRAM = Path(__file__).with_name("crashing.py")
QUICK = Config(
    retries={"max_attempts": 0}, connect_timeout=5, read_timeout=20, s3={"addressing_style": "path"}
)
HANDLER = """
import boto3
table = boto3.client("dynamodb")

def handler(event, context):
    table.update_item(TableName="ran", Key={"pk": {"S": event["id"]}}, UpdateExpression="ADD n :one",
                      ExpressionAttributeValues={":one": {"N": "1"}})
"""


class Victim:
    """A cloudlet in a process of its own, started again after each death."""

    def __init__(self, folder, durability, postgres=""):
        self.folder, self.durability, self.port, self.postgres = folder, durability, 0, postgres
        self.process = None
        self.log = (folder.parent / "log").open("ab")

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, self.folder, str(self.port), self.durability, self.postgres],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,
        )
        line = self.process.stdout.readline()
        assert line, f"it did not start again:\n{(self.folder.parent / 'log').read_text()[-3000:]}"
        self.port = int(line)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self.process:
            self.process.stdout.close()
        self.process = None

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=QUICK,
        )


class Work(threading.Thread):
    """A client that does one thing over and over, and remembers what was acknowledged."""

    def __init__(self, victim, kind, number):
        super().__init__(name=f"{kind}-{number}")
        self.victim, self.number = victim, number
        self.step = getattr(self, kind)
        self.kind, self.acknowledged, self.removed, self.maybe = kind, {}, set(), set()
        self.over, self.failure = threading.Event(), None
        self.client = victim.client(SERVICE[kind])

    def run(self):
        n = 0
        while not self.over.is_set():
            n += 1
            try:
                self.step(f"{self.name}-{n}", n)
            except (BotoCoreError, ClientError) as error:
                if (
                    isinstance(error, ClientError)
                    and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500
                ):
                    self.failure = error  # a refusal is no crash
                    return
                self.over.wait(0.01)

    def send(self, id, n):
        url = f"http://127.0.0.1:{self.victim.port}/000000000000/crash"
        self.acknowledged[id] = self.client.send_message(QueueUrl=url, MessageBody=id)["MessageId"]

    def send_once(self, id, n):
        """A FIFO queue promises to take a message once, however often it is sent."""
        url = f"http://127.0.0.1:{self.victim.port}/000000000000/crash.fifo"
        while not self.over.is_set():
            try:
                self.acknowledged[id] = self.client.send_message(
                    QueueUrl=url, MessageBody=id, MessageGroupId=self.name, MessageDeduplicationId=id
                )["MessageId"]
                return
            except BotoCoreError:
                self.maybe.add(id)
                self.over.wait(0.02)

    def delete(self, id, n):
        """Sends, receives and deletes: what was deleted must not come back."""
        url = f"http://127.0.0.1:{self.victim.port}/000000000000/deleted"
        self.client.send_message(QueueUrl=url, MessageBody=id)
        for message in self.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            self.removed.add(message["MessageId"])

    def tell(self, id, n):
        """An event that a rule sends to a queue."""
        entry = {"Source": "crash", "DetailType": "told", "Detail": json.dumps({"id": id})}
        answer = self.client.put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer
        self.acknowledged[id] = ""

    def put(self, id, n):
        self.client.put_item(TableName="crash", Item={"pk": {"S": id}, "n": {"N": str(n)}})
        self.acknowledged[id] = str(n)

    def count(self, id, n):
        """Adds one: the sum is what was acknowledged, and at most one more for each answer that was lost."""
        self.maybe.add(id)
        self.client.update_item(
            TableName="crash",
            Key={"pk": {"S": f"count{self.number}"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        self.acknowledged[id] = ""
        self.maybe.discard(id)

    def store(self, id, n):
        body = id.encode() * (1 + n % 3 * 20_000)
        self.client.put_object(Bucket="crash", Key=id, Body=body)
        self.acknowledged[id] = hashlib.md5(body).hexdigest()

    def invoke(self, id, n):
        self.client.invoke(
            FunctionName="crash", InvocationType="Event", Payload=b'{"id": "%s"}' % id.encode()
        )
        self.acknowledged[id] = ""
        self.over.wait(0.1)


SERVICE = {
    "send": "sqs",
    "send_once": "sqs",
    "delete": "sqs",
    "tell": "events",
    "put": "dynamodb",
    "count": "dynamodb",
    "store": "s3",
    "invoke": "lambda",
}
READS = {
    "send": 2,
    "send_once": 1,
    "delete": 1,
    "tell": 1,
    "put": 2,
    "count": 1,
    "store": 1,
    "invoke": 1,
}  # threads of each


def services(victim):
    with urllib.request.urlopen(f"http://127.0.0.1:{victim.port}/_cloudlet/health") as answer:
        return set(json.load(answer)["services"])


def advance(victim, seconds):
    data = json.dumps({"advance": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(
        f"http://127.0.0.1:{victim.port}/_cloudlet/clock", data, {"x-cloudlet-token": "a crash"})).close()


def furnish(victim, there):
    """What the clients work on; the kinds of work that can be done here."""
    kinds = []
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    }
    if "sqs" in there:
        sqs = victim.client("sqs")
        sqs.create_queue(QueueName="crash")
        sqs.create_queue(QueueName="deleted", Attributes={"VisibilityTimeout": "0"})
        sqs.create_queue(QueueName="crash.fifo", Attributes={"FifoQueue": "true"})
        kinds += ["send", "send_once", "delete"]
    if {"events", "sqs"} <= there:
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:*",
                 "Resource": "*"}
        sqs.create_queue(QueueName="told", Attributes={"Policy": json.dumps({"Statement": [allow]})})
        events = victim.client("events")
        events.put_rule(Name="tell", EventPattern='{"source": ["crash"]}')
        events.put_targets(Rule="tell", Targets=[
            {"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:told", "InputPath": "$.detail.id"}])
        kinds.append("tell")
    if "dynamodb" in there:
        for name in ("crash", "ran"):
            victim.client("dynamodb").create_table(TableName=name, **table)
        kinds += ["put", "count"]
    if "s3" in there:
        victim.client("s3").create_bucket(Bucket="crash")
        kinds.append("store")
    if {"lambda", "dynamodb"} <= there and os.environ.get("CLOUDLET_CRASH_LAMBDA", "1") == "1":
        victim.client("lambda").create_function(
            FunctionName="crash",
            Runtime="python3.11",
            Handler="index.handler",
            Timeout=60,
            MemorySize=1769,
            Role="arn:aws:iam::000000000000:role/crash",
            Code={"ZipFile": packed_function(HANDLER)},
        )
        # two at once: a storm of cold starts on a small machine would say nothing about durability
        victim.client("lambda").put_function_concurrency(FunctionName="crash", ReservedConcurrentExecutions=2)
        kinds.append("invoke")
    return kinds


def packed_function(source):
    """A function's code as Lambda takes it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", source)
    return packed.getvalue()


def by_body(messages):
    """The ids of messages by their bodies: how often each is there."""
    found = {}
    for message in messages:
        found.setdefault(message["Body"], []).append(message["MessageId"])
    return found


def drain(client, url):
    """Every message of a queue, in its order."""
    found = []
    while True:
        got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not got:
            return found
        found += got
        client.delete_message_batch(
            QueueUrl=url,
            Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(got)
            ],
        )


def rows(client, table):
    found = {}
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        found |= {item["pk"]["S"]: item["n"]["N"] for item in page["Items"]}
    return found


def ran(victim, expected, patience_s):
    until = time.monotonic() + patience_s
    while not expected <= rows(victim.client("dynamodb"), "ran").keys():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)  # the function's work is seen from outside only
    return True


def verify(victim, works):
    """Hold what is there against what was acknowledged."""
    by_kind = {}
    for work in works:
        assert work.failure is None, f"{work.name} was refused: {work.failure}"
        by_kind.setdefault(work.kind, []).append(work)
    base = f"http://127.0.0.1:{victim.port}/000000000000"
    for kind, queue in (("send", "crash"), ("send_once", "crash.fifo")):
        if kind in by_kind:
            found = by_body(drain(victim.client("sqs"), f"{base}/{queue}"))
            for work in by_kind[kind]:
                lost = [id for id, message in work.acknowledged.items() if message not in found.get(id, [])]
                assert not lost, f"{len(lost)} of {len(work.acknowledged)} messages are lost: {lost[:5]}"
            twice = {body: ids for body, ids in found.items() if len(ids) > 1}
            assert not twice, f"there twice: {list(twice.items())[:5]}"
    if "delete" in by_kind:
        back = {one["MessageId"] for one in drain(victim.client("sqs"), f"{base}/deleted")}
        for work in by_kind["delete"]:
            assert not back & work.removed, "a deleted message came back"
    if "tell" in by_kind:
        told = {json.loads(one["Body"]) for one in drain(victim.client("sqs"), f"{base}/told")}
        for work in by_kind["tell"]:
            assert work.acknowledged.keys() <= told, "an event that was acknowledged is lost"
    if "put" in by_kind:
        found = rows(victim.client("dynamodb"), "crash")
        for work in by_kind["put"]:
            assert {id: found.get(id) for id in work.acknowledged} == work.acknowledged
        for work in by_kind["count"]:
            total, least = int(found.get(f"count{work.number}", 0)), len(work.acknowledged)
            assert least <= total <= least + len(work.maybe), (total, least, len(work.maybe))
    if "store" in by_kind:
        s3 = victim.client("s3")
        for work in by_kind["store"]:
            for id, digest in work.acknowledged.items():
                assert (
                    hashlib.md5(s3.get_object(Bucket="crash", Key=id)["Body"].read()).hexdigest() == digest
                ), id
    if "invoke" in by_kind:
        expected = {id for work in by_kind["invoke"] for id in work.acknowledged}
        # an event that found both places taken is tried again after up to five minutes of the clock,
        # and is given up after six hours of it
        rounds = 0
        while not ran(victim, expected, 3):
            rounds += 1
            assert rounds < 60, "some events never ran"
            advance(victim, 5 * 60)
    return {
        kind: sum(len(work.acknowledged) + len(work.removed) for work in some)
        for kind, some in by_kind.items()
    }


def progress(works, more):
    """Wait until so many more things were acknowledged: a kill in between proves nothing."""

    def done():
        return sum(len(work.acknowledged) + len(work.removed) for work in works)

    goal, until = done() + more, time.monotonic() + 10
    while done() < goal and time.monotonic() < until and not any(work.failure for work in works):
        time.sleep(0.002)


@pytest.mark.timeout(120 + KILLS * 10)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_what_was_acknowledged_survives_any_kill(tmp_path, durability, capsys):
    moments = random.Random(f"{SEED}/{durability}")
    victim = Victim(tmp_path / "data", durability)
    works = []
    try:
        victim.start()
        kinds = furnish(victim, services(victim))
        works = [Work(victim, kind, number) for kind in kinds for number in range(READS[kind])]
        for work in works:
            work.start()
        for _ in range(KILLS if durability == "process" else max(KILLS // 5, 2)):
            progress(works, moments.randint(1, 60))
            time.sleep(moments.uniform(0, 0.03))
            victim.kill()
            victim.start()
        progress(works, 20)
        for work in works:
            work.over.set()
        for work in works:
            work.join(30)
        victim.kill()
        victim.start()
        done = verify(victim, works)
        assert all(done.values()), done
        with capsys.disabled():
            print(f" [{durability}: {', '.join(f'{n} {kind}' for kind, n in done.items())}]", end="")
    finally:
        for work in works:
            work.over.set()
        victim.kill()
        victim.log.close()
