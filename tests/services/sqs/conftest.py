"""What the tests of SQS have in common."""

import itertools

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(1)


class Queue:
    """A queue and the client that works with it."""

    def __init__(self, sqs, name: str, attributes: dict[str, str]) -> None:
        self.sqs, self.name = sqs, name
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def send(self, body: str = "hello", **more):
        """Send a message."""
        return self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def receive(self, most: int = 10, **more) -> list[dict]:
        """Receive what there is."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=most, **more)
        return found.get("Messages", [])

    def bodies(self, most: int = 10, **more) -> list[str]:
        """The bodies of what there is."""
        return [message["Body"] for message in self.receive(most, **more)]

    def delete(self, message: dict) -> None:
        """Delete a message that was received."""
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def hide(self, message: dict, seconds: int) -> None:
        """Change when a message comes back."""
        self.sqs.change_message_visibility(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"],
                                           VisibilityTimeout=seconds)

    def attributes(self, *names: str) -> dict[str, str]:
        """Some or all attributes."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=list(names) or ["All"])
        return found.get("Attributes", {})

    def set(self, **attributes: str) -> None:
        """Change attributes."""
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes=attributes)

    def counts(self) -> tuple[int, int, int]:
        """Messages that can be had, are in flight, are delayed."""
        found = self.attributes()
        kinds = ("", "NotVisible", "Delayed")
        return tuple(int(found[f"ApproximateNumberOfMessages{kind}"]) for kind in kinds)

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        return self.attributes("QueueArn")["QueueArn"]


@pytest.fixture
def make():
    """A new queue of a name of its own: ``make(cloudlet, fifo=True, DelaySeconds="5")``."""
    def new(running, *, fifo: bool = False, **attributes: str) -> Queue:
        name = f"queue-{next(_numbers)}" + (".fifo" if fifo else "")
        return Queue(running.client("sqs"), name, attributes | ({"FifoQueue": "true"} if fifo else {}))

    return new


@pytest.fixture
def refused():
    """What AWS says to a call that fails: its code and message."""
    def call(function, **params) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
