"""What the tests of EventBridge have in common."""

import itertools
import json

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(1)
ANYBODY = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
           "Resource": "*"}


class Inbox:
    """A queue that rules may send to, and what came."""

    def __init__(self, running, **attributes: str) -> None:
        self.sqs, self.name = running.client("sqs"), f"inbox-{next(_numbers)}"
        if attributes.get("FifoQueue"):
            self.name += ".fifo"
        policy = json.dumps({"Version": "2012-10-17", "Statement": [ANYBODY]})
        self.url = self.sqs.create_queue(QueueName=self.name, Attributes={
            "Policy": policy, "MessageRetentionPeriod": "1209600", **attributes})["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def messages(self) -> list[dict]:
        """The messages that came, in order; each is given once."""
        found = []
        while got := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10,
                                              MessageAttributeNames=["All"],
                                              AttributeNames=["All"]).get("Messages"):
            for message in got:
                found.append(message)
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def await_events(self, count: int) -> list[dict]:
        """So many bodies, decoded, once they are there; and what came with them."""
        found = []
        while len(found) < count:
            for message in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10,
                                                    WaitTimeSeconds=20).get("Messages", []):
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found + self.events()

    def bodies(self) -> list[str]:
        """Their bodies."""
        return [message["Body"] for message in self.messages()]

    def events(self) -> list[dict]:
        """Their bodies, decoded."""
        return [json.loads(body) for body in self.bodies()]


class Bus:
    """A bus of one's own and the client that works with it."""

    def __init__(self, running, name: str = "") -> None:
        self.events, self.name = running.client("events"), name or f"bus-{next(_numbers)}"
        if not name:
            self.arn = self.events.create_event_bus(Name=self.name)["EventBusArn"]

    def rule(self, pattern: dict | None = None, *targets: dict | str, name: str = "", **more) -> str:
        """A rule with targets (a dictionary, or the ARN alone); its name."""
        name = name or f"rule-{next(_numbers)}"
        if "ScheduleExpression" not in more:
            more["EventPattern"] = json.dumps(pattern or {"source": [{"prefix": ""}]})
        self.events.put_rule(Name=name, EventBusName=self.name, **more)
        if targets:
            answer = self.events.put_targets(Rule=name, EventBusName=self.name, Targets=[
                {"Id": str(n), "Arn": target} if isinstance(target, str) else {"Id": str(n), **target}
                for n, target in enumerate(targets)])
            assert answer["FailedEntryCount"] == 0, answer
        return name

    def put(self, detail: dict | str | None = None, source: str = "shop", detail_type: str = "Order Placed",
            **more) -> dict:
        """Put one event; its entry in the answer."""
        text = detail if isinstance(detail, str) else json.dumps({} if detail is None else detail)
        answer = self.events.put_events(Entries=[{
            "Source": source, "DetailType": detail_type, "Detail": text, "EventBusName": self.name, **more}])
        return answer["Entries"][0]


@pytest.fixture
def inbox(cloudlet):
    """A queue that rules may send to."""
    return Inbox(cloudlet)


@pytest.fixture
def bus(cloudlet):
    """A bus of the test's own."""
    return Bus(cloudlet)


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
