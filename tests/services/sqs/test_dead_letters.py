"""Dead letters: where they go, who may send them, and how they come back."""

import json

import pytest


def policy(target, count: int | str = 2) -> str:
    """A redrive policy."""
    return json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": count})


@pytest.fixture
def pair(fresh, make):
    """A cloudlet, a queue, and its dead letters."""
    running = fresh()
    grave = make(running)
    queue = make(running, RedrivePolicy=policy(grave), VisibilityTimeout="1")
    return running, queue, grave


def bury(running, queue, *bodies: str) -> None:
    """Receive messages until they are dead."""
    for body in bodies:
        queue.send(body)
    for _ in range(2):
        assert sorted(queue.bodies()) == sorted(bodies)
        running.advance(2)
    assert queue.receive() == []


def test_a_message_that_was_received_too_often_is_moved(pair):
    running, queue, grave = pair
    sent = queue.send("poison", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    before, = queue.receive(AttributeNames=["All"])
    running.advance(2)
    queue.receive()
    running.advance(2)
    assert queue.counts() == (1, 0, 0) and queue.receive() == [] and queue.counts() == (0, 0, 0)
    dead, = grave.receive(AttributeNames=["All"], MessageAttributeNames=["All"])
    assert (dead["Body"], dead["MessageId"]) == ("poison", sent["MessageId"])
    assert dead["MessageAttributes"]["a"]["StringValue"] == "b"
    found = dead["Attributes"]
    assert (found["DeadLetterQueueSourceArn"], found["ApproximateReceiveCount"]) == (queue.arn, "3")
    assert found["SentTimestamp"] == before["Attributes"]["SentTimestamp"]


def test_good_messages_pass_the_dead(pair):
    running, queue, _ = pair
    queue.send("poison")
    for _ in range(2):
        queue.receive()
        running.advance(2)
    queue.send("good")
    assert queue.bodies(1) == ["good"]


def test_without_its_dead_letter_queue_a_message_stays(pair):
    running, queue, grave = pair
    grave.sqs.delete_queue(QueueUrl=grave.url)
    queue.send("x")
    for _ in range(4):
        assert queue.bodies() == ["x"]
        running.advance(2)


def test_dead_letters_of_a_fifo_queue_keep_their_group(fresh, make):
    running = fresh()
    grave = make(running, fifo=True)
    queue = make(running, fifo=True, ContentBasedDeduplication="true", RedrivePolicy=policy(grave, "1"),
                 VisibilityTimeout="1")
    for body in ("a1", "a2"):
        queue.send(body, MessageGroupId="a")
    assert queue.bodies(1) == ["a1"]
    running.advance(2)
    assert queue.bodies(1) == ["a2"]
    dead, = grave.receive(AttributeNames=["All"])
    assert (dead["Body"], dead["Attributes"]["MessageGroupId"]) == ("a1", "a")


def test_the_sources_of_a_dead_letter_queue_are_known(pair, make):
    running, queue, grave = pair
    second = make(running, RedrivePolicy=policy(grave))
    listed = grave.sqs.list_dead_letter_source_queues
    assert listed(QueueUrl=grave.url)["queueUrls"] == sorted([queue.url, second.url])
    page = listed(QueueUrl=grave.url, MaxResults=1)
    rest = listed(QueueUrl=grave.url, MaxResults=1, NextToken=page["NextToken"])
    assert page["queueUrls"] + rest["queueUrls"] == sorted([queue.url, second.url])
    assert "NextToken" not in rest
    second.set(RedrivePolicy="")
    assert listed(QueueUrl=grave.url)["queueUrls"] == [queue.url]
    assert second.attributes("RedrivePolicy") == {}
    assert queue.attributes("RedrivePolicy") == {"RedrivePolicy": policy(grave)}


@pytest.mark.parametrize(("document", "words"), [
    ("{", "Redrive policy is not a valid JSON map."),
    ('{"maxReceiveCount": 1}', "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
    ('{"deadLetterTargetArn": "ARN"}',
     "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
    ('{"deadLetterTargetArn": "ARN", "maxReceiveCount": 1001}',
     "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."),
    ('{"deadLetterTargetArn": "x", "maxReceiveCount": 1}', "Invalid value for deadLetterTargetArn."),
    ('{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nobody", "maxReceiveCount": 1}',
     "Dead letter target does not exist."),
])
def test_redrive_policies_must_be_sound(cloudlet, make, refused, document, words):
    code, message = refused(make(cloudlet).set, RedrivePolicy=document)
    assert code == "InvalidParameterValue"
    assert message == f"Value {document} for parameter RedrivePolicy is invalid. Reason: {words}"


def test_dead_letters_are_of_the_same_kind_and_must_be_allowed(cloudlet, make, refused):
    queue, closed, chosen = make(cloudlet), make(cloudlet), make(cloudlet)
    assert "must be same type" in refused(queue.set, RedrivePolicy=policy(make(cloudlet, fifo=True)))[1]
    closed.set(RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    assert "does not allow" in refused(queue.set, RedrivePolicy=policy(closed))[1]
    allowed = {"redrivePermission": "byQueue", "sourceQueueArns": [queue.arn]}
    chosen.set(RedriveAllowPolicy=json.dumps(allowed))
    queue.set(RedrivePolicy=policy(chosen))
    assert "does not allow" in refused(closed.set, RedrivePolicy=policy(chosen))[1]
    assert "sourceQueueArns" in refused(queue.set, RedriveAllowPolicy='{"redrivePermission": "byQueue"}')[1]


def tasks(queue, most: int = 10) -> list[dict]:
    """The move tasks of a queue."""
    return queue.sqs.list_message_move_tasks(SourceArn=queue.arn, MaxResults=most)["Results"]


def settled(running, queue) -> dict:
    """The newest task, once it runs no more."""
    while (task := tasks(queue)[0])["Status"] == "RUNNING":
        running.advance(1)
    return task


def test_dead_letters_are_moved_back_where_they_came_from(pair):
    running, queue, grave = pair
    bury(running, queue, "one", "two")
    sqs = grave.sqs
    sqs.start_message_move_task(SourceArn=grave.arn)
    task = settled(running, grave)
    assert task["Status"] == "COMPLETED"
    assert task["ApproximateNumberOfMessagesMoved"] == task["ApproximateNumberOfMessagesToMove"] == 2
    assert "TaskHandle" not in task and grave.counts() == (0, 0, 0)
    found = queue.receive(AttributeNames=["All"])
    assert [m["Body"] for m in found] == ["one", "two"]
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in found} == {"1"}
    assert all("DeadLetterQueueSourceArn" not in m["Attributes"] for m in found)


def test_a_move_has_a_rate_and_can_be_cancelled(pair, make, refused):
    running, queue, grave = pair
    running.control("clock", {"freeze": True})
    bury(running, queue, *"abcdef")
    elsewhere = make(running)
    sqs = grave.sqs
    params = {"SourceArn": grave.arn, "DestinationArn": elsewhere.arn, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**params)["TaskHandle"]
    assert "There is already a task running." in refused(sqs.start_message_move_task, **params)[1]
    for seconds in range(1, 4):
        while len(elsewhere.receive(VisibilityTimeout=0)) < seconds:
            pass
        assert tasks(grave)[0]["ApproximateNumberOfMessagesMoved"] == seconds
        if seconds < 3:
            running.advance(1)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 3
    running.advance(10)
    assert (tasks(grave)[0]["Status"], grave.counts()[0], elsewhere.counts()[0]) == ("CANCELLED", 3, 3)
    sqs.start_message_move_task(**params | {"MaxNumberOfMessagesPerSecond": 500})
    assert settled(running, grave)["Status"] == "COMPLETED" and len(tasks(grave)) == 2
    assert elsewhere.counts()[0] == 6


def test_a_move_that_cannot_go_on_says_why(pair):
    running, _, grave = pair
    grave.send("nobody's")
    grave.sqs.start_message_move_task(SourceArn=grave.arn)
    task = settled(running, grave)
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert grave.counts() == (1, 0, 0)


def test_moves_need_a_dead_letter_queue_and_tasks_that_are(cloudlet, make, refused):
    queue = make(cloudlet)
    sqs, arn = queue.sqs, queue.arn
    assert refused(sqs.start_message_move_task, SourceArn=arn) == (
        "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    assert refused(sqs.start_message_move_task, SourceArn=arn + "x") == (
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.")
    assert refused(sqs.cancel_message_move_task, TaskHandle="x") == (
        "InvalidParameterValue", "Value for parameter TaskHandle is invalid.")
