"""FIFO queues: groups, order, deduplication, sequence numbers."""

import pytest


@pytest.fixture
def queue(cloudlet, make):
    """A FIFO queue that tells messages apart by their content."""
    return make(cloudlet, fifo=True, ContentBasedDeduplication="true")


def fill(queue, *bodies: str) -> None:
    """Send messages; the first letter is the group."""
    for body in bodies:
        queue.send(body, MessageGroupId=body[0])


def test_a_group_comes_in_order_and_waits_while_its_first_is_in_flight(queue):
    fill(queue, "a1", "a2", "b1")
    first, = queue.receive(1)
    assert first["Body"] == "a1"
    assert queue.bodies() == ["b1"] and queue.receive() == []
    queue.delete(first)
    assert queue.bodies() == ["a2"]


def test_a_receive_takes_as_much_of_a_group_as_it_can(queue):
    fill(queue, "a1", "a2", "b1", "a3")
    assert queue.bodies(3) == ["a1", "a2", "a3"]
    fill(queue, "a4")
    assert queue.bodies() == ["b1"]


def test_all_of_a_group_comes_back_in_order(fresh, make):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true", VisibilityTimeout="10")
    fill(queue, "a1", "a2", "a3")
    assert queue.bodies(2) == ["a1", "a2"]
    running.advance(11)
    assert queue.bodies() == ["a1", "a2", "a3"]


@pytest.mark.parametrize(("position", "seen"), [(0, []), (1, ["foo"]), (2, ["foo", "bar"])])
def test_what_stands_behind_a_hidden_message_is_hidden(fresh, make, position, seen):
    running = fresh()
    queue = make(running, fifo=True, VisibilityTimeout="1")
    for body in ("foo", "bar", "baz"):
        queue.send(body, MessageGroupId="1", MessageDeduplicationId=body)
    received = queue.receive()
    assert len(received) == 3
    queue.hide(received[position], 4)
    running.advance(2)
    assert queue.bodies() == seen


def test_a_message_that_is_given_back_can_be_had_at_once(queue):
    fill(queue, "a1")
    message, = queue.receive()
    queue.hide(message, 0)
    assert queue.bodies() == ["a1"]


def test_a_receipt_expires_with_its_visibility(fresh, make, refused):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true", VisibilityTimeout="1")
    fill(queue, "a1")
    message, = queue.receive()
    queue.hide(message, 5)
    running.advance(4)
    assert queue.counts() == (0, 1, 0)
    running.advance(1)
    assert refused(queue.delete, message=message)[1].endswith("Reason: The receipt handle has expired.")
    assert refused(queue.hide, message=message, seconds=1)[0] == "InvalidParameterValue"
    again, = queue.receive()
    queue.delete(again)
    queue.delete(again)
    assert queue.counts() == (0, 0, 0)


def test_duplicates_are_swallowed_for_five_minutes(fresh, make):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true")
    first = queue.send("x", MessageGroupId="g")
    for message in queue.receive():
        queue.delete(message)
    again = queue.send("x", MessageGroupId="other")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    queue.send("y", MessageGroupId="g", MessageDeduplicationId="mine")
    queue.send("z", MessageGroupId="g", MessageDeduplicationId="mine")
    assert queue.bodies() == ["y"]
    running.advance(300)
    assert queue.send("x", MessageGroupId="h")["MessageId"] != first["MessageId"]


def test_deduplication_can_be_of_a_group(cloudlet, make):
    queue = make(cloudlet, fifo=True, DeduplicationScope="messageGroup",
                 FifoThroughputLimit="perMessageGroupId")
    for group in "aab":
        queue.send(f"of {group}", MessageGroupId=group, MessageDeduplicationId="1")
    assert queue.bodies() == ["of a", "of b"]


def test_sequence_numbers_have_twenty_digits_and_grow(queue):
    sent = [queue.send(str(n), MessageGroupId="g")["SequenceNumber"] for n in range(3)]
    assert sent == sorted(sent) and len(set(sent)) == 3 and all(len(number) == 20 for number in sent)
    queue.sqs.purge_queue(QueueUrl=queue.url)
    assert queue.send("after the purge", MessageGroupId="g")["SequenceNumber"] > sent[-1]
    message, = queue.receive(AttributeNames=["All"])
    assert message["Attributes"]["MessageGroupId"] == "g"
    assert len(message["Attributes"]["MessageDeduplicationId"]) == 64


def test_what_a_fifo_queue_needs_is_asked_for(cloudlet, make, refused):
    queue = make(cloudlet, fifo=True)
    assert refused(queue.send, MessageDeduplicationId="x") == (
        "MissingParameter", "The request must contain the parameter MessageGroupId.")
    no_dedup = ("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or "
                                         "MessageDeduplicationId provided explicitly")
    assert refused(queue.send, MessageGroupId="g") == no_dedup
    entry = {"Id": "1", "MessageBody": "x", "MessageGroupId": "g"}
    assert refused(queue.sqs.send_message_batch, QueueUrl=queue.url, Entries=[entry]) == no_dedup
    assert refused(queue.send, MessageGroupId="g", MessageDeduplicationId="1", DelaySeconds=2)[1] == (
        "Value 2 for parameter DelaySeconds is invalid. "
        "Reason: The request include parameter that is not valid for this queue type.")
    assert "1 to 128 in length" in refused(queue.send, MessageGroupId="g", MessageDeduplicationId="")[1]


def test_a_batch_keeps_its_order(queue):
    queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[
        {"Id": str(n), "MessageBody": f"m{n}", "MessageGroupId": "g"} for n in range(10)])
    assert queue.bodies() == [f"m{n}" for n in range(10)]


def test_a_changed_delay_is_for_messages_that_are_there_too(fresh, make):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true", DelaySeconds="60")
    fill(queue, "a1", "b1")
    running.advance(30)
    fill(queue, "a2")
    assert queue.bodies() == [] and queue.counts() == (0, 0, 3)
    queue.set(DelaySeconds="20")
    assert queue.counts() == (2, 0, 1)
    assert queue.bodies() == ["a1", "b1"] and queue.counts() == (0, 2, 1)
    running.advance(20)
    assert queue.counts() == (1, 2, 0)


def test_an_attempt_can_be_made_again(fresh, make, refused):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true", VisibilityTimeout="30")
    fill(queue, "a1", "a2", "b1")
    first = queue.receive(2, ReceiveRequestAttemptId="try")
    running.advance(20)
    again = queue.receive(2, ReceiveRequestAttemptId="try", AttributeNames=["ApproximateReceiveCount"])
    assert [m["ReceiptHandle"] for m in again] == [m["ReceiptHandle"] for m in first]
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in again} == {"1"}
    running.advance(20)
    assert queue.bodies(ReceiveRequestAttemptId="another") == ["b1"]
    running.advance(11)
    assert queue.bodies(ReceiveRequestAttemptId="try") == ["a1", "a2"]
    assert refused(make(running).receive, ReceiveRequestAttemptId="x")[0] == "InvalidParameterValue"


def test_old_messages_make_room_for_their_group(fresh, make):
    running = fresh()
    queue = make(running, fifo=True, ContentBasedDeduplication="true", MessageRetentionPeriod="60",
                 VisibilityTimeout="1000")
    fill(queue, "a1", "b1")
    queue.receive(1)
    running.advance(30)
    fill(queue, "a2")
    assert queue.counts() == (2, 1, 0)
    running.advance(31)
    assert queue.counts() == (1, 0, 0) and queue.bodies() == ["a2"]


def test_groups_take_turns(queue):
    fill(queue, "a1", "a2", "a3", "b1")
    first, = queue.receive(1)
    queue.delete(first)
    assert queue.bodies(1) == ["b1"]
