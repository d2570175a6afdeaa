"""What the tests of EventBridge Scheduler have in common."""

import itertools
import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"
OFF = {"Mode": "OFF"}
_numbers = itertools.count(1)


class Box:
    """A queue that schedules send to."""

    def __init__(self, running, *, fifo=False) -> None:
        self.sqs, self.name = running.client("sqs"), f"box-{next(_numbers)}" + (".fifo" if fifo else "")
        attributes = {"MessageRetentionPeriod": "1209600"}
        attributes |= {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def take(self, count=0, wait=5):
        """The next ``count`` messages, waiting for each; or all that are there."""
        found = []
        while not count or len(found) < count:
            got = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=min(10, count - len(found)) if count else 10,
                WaitTimeSeconds=wait if count else 0, MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"]).get("Messages", [])
            if not got:
                break
            found += got
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=[
                {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(got)])
        return found

    def bodies(self, count=0):
        """What they say."""
        return [message["Body"] for message in self.take(count)]

    def target(self, **more):
        """The queue as a schedule's target."""
        return {"Arn": self.arn, "RoleArn": ROLE, **more}


@pytest.fixture
def still(fresh):
    """A cloudlet whose clock only tests move; ``still("2030-01-01T00:00:00")`` begins there."""
    def start(moment, **options):
        running = fresh(**options)
        running.control("clock", {"freeze": True})
        running.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        running.go = lambda moment: go(running, moment)
        running.go(moment)
        running.scheduler, running.box = running.client("scheduler"), Box(running)
        return running

    return start


def go(running, moment):
    """Move the clock to a moment of UTC."""
    running.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    running.control("clock", {"set": running.now.timestamp()})


@pytest.fixture
def scheduler(cloudlet):
    """A client for the cloudlet of the module."""
    return cloudlet.client("scheduler")


@pytest.fixture
def box(cloudlet):
    """A queue of the test's own."""
    return Box(cloudlet)


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, **params):
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


def attributes(message):
    """A message's attributes, plainly."""
    return {name: said["StringValue"] for name, said in message["MessageAttributes"].items()}


def text(**given):
    """A JSON text."""
    return json.dumps(given)
