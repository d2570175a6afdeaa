"""What is cleared away when nobody asks, and requests that make no sense."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest


def rows(running, *names: str) -> int:
    """How many records of these shapes the store has."""
    marks = [f"\x02{name}\0".encode() for name in names]

    def count(tx) -> int:
        return sum(1 for key, _ in tx.scan(b"", b"\xff") if any(mark in key for mark in marks))

    return asyncio.run_coroutine_threadsafe(running.cloudlet.store.transact(count), running._loop).result()


_STANDARD = ("sqs.ready", "sqs.hidden", "sqs.forwards", "sqs.tallies")
_FIFO = ("sqs.fifo.lines", "sqs.fifo.groups", "sqs.fifo.open", "sqs.fifo.ages", "sqs.fifo.hidden",
         "sqs.memories", "sqs.fading", "sqs.tallies")


@pytest.mark.parametrize(("fifo", "shapes"), [(False, _STANDARD), (True, _FIFO)])
def test_a_deleted_queue_leaves_nothing_behind(fresh, make, fifo, shapes):
    running = fresh()
    queue = make(running, fifo=fifo)
    for n in range(25):
        group = {"MessageGroupId": str(n % 3), "MessageDeduplicationId": str(n)} if fifo else {}
        queue.send(str(n), **group)
    held = queue.receive()
    queue.hide(held[0], 77)
    queue.delete(held[1])
    assert rows(running, *shapes) > 20
    queue.sqs.delete_queue(QueueUrl=queue.url)
    while rows(running, *shapes):
        running.control("health")


@pytest.mark.parametrize("fifo", [False, True])
def test_messages_nobody_wants_are_dropped_when_they_are_too_old(fresh, make, fifo):
    running = fresh()
    queue = make(running, fifo=fifo, MessageRetentionPeriod="60")
    group = {"MessageGroupId": "g", "MessageDeduplicationId": "d"} if fifo else {}
    queue.send("first", **group)
    running.advance(30)
    if fifo:
        group["MessageDeduplicationId"] = "e"
    queue.send("second", **group)
    running.advance(31)
    shape = "sqs.fifo.lines" if fifo else "sqs.ready"
    while rows(running, shape) > 1:
        running.control("health")
    running.advance(31)
    while rows(running, shape):
        running.control("health")


@pytest.fixture
def send(cloudlet):
    """Send JSON that botocore would not; the status and the code come back."""
    def post(operation: str, **body) -> tuple[int, str]:
        request = urllib.request.Request(cloudlet.url, json.dumps(body).encode(), {
            "x-amz-target": f"AmazonSQS.{operation}", "content-type": "application/x-amz-json-1.0"})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["__type"].rpartition("#")[2]

    return post


def test_nonsense_is_refused_and_breaks_nothing(make, cloudlet, send):
    url = {"QueueUrl": make(cloudlet).url}
    half = "\ud800"
    typed = {"DataType": "String", "StringValue": "x"}
    for operation, body in [
        ("SendMessageBatch", {"Entries": [None]}),
        ("SendMessage", {"MessageBody": half}),
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {half: typed}}),
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {"a": {}}}),
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": f"String.{half}"}}}),
        ("SendMessage", {"MessageBody": "x", "MessageAttributes": {
            "a": typed | {"StringListValues": ["x"]}}}),
        ("SendMessage", {"MessageBody": "x", "MessageSystemAttributes": {
            "AWSTraceHeader": {"DataType": "Binary", "BinaryValue": "eA=="}}}),
        ("SendMessage", {"MessageBody": "x", "MessageSystemAttributes": {"Other": typed}}),
        ("ReceiveMessage", {"AttributeNames": [None]}),
        ("ReceiveMessage", {"ReceiveRequestAttemptId": half}),
        ("DeleteMessage", {"ReceiptHandle": half}),
        ("SetQueueAttributes", {"Attributes": {"Policy": json.dumps({"Statement": 1})}}),
        ("SetQueueAttributes", {"Attributes": {"Policy": '{"Statement": []}' + half}}),
        ("SetQueueAttributes", {"Attributes": {"DelaySeconds": "9" * 5000}}),
        ("TagQueue", {"Tags": {"a": half}}),
        ("AddPermission", {"Label": "x", "AWSAccountIds": [None], "Actions": ["*"]}),
        ("ListDeadLetterSourceQueues", {"NextToken": "?", "MaxResults": 1}),
        ("StartMessageMoveTask", {"SourceArn": "x"}),
        ("CancelMessageMoveTask", {"TaskHandle": "W10="}),
    ]:
        status, code = send(operation, **body) if "Task" in operation else send(operation, **url | body)
        assert (status, bool(code)) == (400, True), (operation, body)
