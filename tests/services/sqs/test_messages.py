"""Messages of standard queues: sent, received, hidden, deleted, forgotten."""

import threading

import pytest

_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def text(value: str, kind: str = "String") -> dict[str, str]:
    """A message attribute."""
    return {"DataType": kind, "StringValue": value}


def test_messages_come_in_the_order_they_were_sent(cloudlet, make):
    queue = make(cloudlet)
    for n in range(12):
        queue.send(str(n))
    assert queue.bodies(10) + queue.bodies(10) == [str(n) for n in range(12)]


def test_a_message_has_attributes_of_the_system(cloudlet, make):
    queue = make(cloudlet)
    sent = queue.send(MessageSystemAttributes={"AWSTraceHeader": text(_TRACE)})
    assert sent["MD5OfMessageSystemAttributes"]
    message, = queue.receive(MessageSystemAttributeNames=["All"], VisibilityTimeout=0)
    found = message["Attributes"]
    assert found["SentTimestamp"] <= found["ApproximateFirstReceiveTimestamp"]
    assert (found["SenderId"], found["ApproximateReceiveCount"], found["AWSTraceHeader"]) == (
        "000000000000", "1", _TRACE)
    again, = queue.receive(AttributeNames=["ApproximateReceiveCount", "Policy"],
                           MessageSystemAttributeNames=["ApproximateFirstReceiveTimestamp"])
    assert again["Attributes"] == {
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": found["ApproximateFirstReceiveTimestamp"]}


def test_a_trace_that_came_with_the_request_travels_on(cloudlet, make):
    queue = make(cloudlet)
    queue.send("untraced")
    queue.sqs.meta.events.register("before-sign.sqs.SendMessage",
                                   lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", _TRACE))
    queue.send("traced")
    plain, traced = queue.receive(AttributeNames=["AWSTraceHeader"])
    assert "Attributes" not in plain
    assert traced["Attributes"]["AWSTraceHeader"].startswith("Root=1-5759e988-bd862e3fe1be46a994272793;")


def test_message_attributes_are_given_to_those_who_ask(cloudlet, make):
    queue = make(cloudlet)
    attributes = {"Hello": text("There"), "Help.Me": text("4.5", "Number.float"),
                  "Raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = queue.send(MessageAttributes=attributes)  # botocore checks the digests
    assert "MessageAttributes" not in queue.receive(VisibilityTimeout=0)[0]
    everything, = queue.receive(MessageAttributeNames=["All"], VisibilityTimeout=0)
    assert everything["MessageAttributes"] == attributes
    assert everything["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    some, = queue.receive(MessageAttributeNames=["Hel.*", "Unknown"])
    assert sorted(some["MessageAttributes"]) == ["Hello", "Help.Me"]
    assert some["MD5OfMessageAttributes"] != sent["MD5OfMessageAttributes"]


@pytest.mark.parametrize(("name", "value", "words"), [
    ("x", text(""), "Message (user) attribute 'x' must contain a non-empty value of type 'String'."),
    ("x", text("many", "Number"), "Can't cast the value of message (user) attribute 'x' to a number."),
    ("x", text("y", "Colour"), "supported type prefixes: Binary, Number, String."),
    ("AWS.x", text("y"), "can't start with 'AWS.'"), ("a..b", text("y"), "no periods in succession"),
    ("a b", text("y"), "can only contain letters"),
])
def test_message_attributes_must_be_sound(cloudlet, make, refused, name, value, words):
    code, message = refused(make(cloudlet).send, MessageAttributes={name: value})
    assert code == "InvalidParameterValue" and words in message


def test_more_than_ten_message_attributes_are_too_many(cloudlet, make, refused):
    many = {f"a{n}": text("x") for n in range(11)}
    assert refused(make(cloudlet).send, MessageAttributes=many)[1] == (
        "Number of message attributes [11] exceeds the allowed maximum [10].")


def test_bodies_have_a_largest_size_and_forbidden_characters(cloudlet, make, refused):
    queue = make(cloudlet, MaximumMessageSize="1024")
    queue.send("x" * 1024)
    too_long = ("InvalidParameterValue",
                "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.")
    assert refused(queue.send, body="é" * 513) == too_long
    assert refused(queue.send, body="x" * 1020, MessageAttributes={"a": text("b")}) == too_long
    assert refused(queue.send, body="") == (
        "MissingParameter", "The request must contain the parameter MessageBody.")
    assert refused(queue.send, body="\x00")[0] == "InvalidMessageContents"
    assert refused(queue.send, body="\uffff")[0] == "InvalidMessageContents"
    queue.send("tabs\t, lines\r\n and \U0001f600")


def test_a_message_of_one_mebibyte_goes_through(cloudlet, make, refused):
    queue = make(cloudlet)
    queue.send("x" * 1_048_576)
    assert len(queue.bodies()[0]) == 1_048_576
    assert "shorter than 1048576 bytes" in refused(queue.send, body="x" * 1_048_577)[1]


def test_delays_are_of_a_message_or_of_its_queue(fresh, make, refused):
    running = fresh()
    queue = make(running, DelaySeconds="10")
    queue.send("later")
    queue.send("now", DelaySeconds=0)
    queue.send("last", DelaySeconds=20)
    assert queue.bodies() == ["now"] and queue.counts() == (0, 1, 2)
    running.advance(10)
    assert queue.bodies() == ["later"] and queue.counts() == (0, 2, 1)
    running.advance(10)
    assert queue.bodies() == ["last"]
    assert refused(queue.send, DelaySeconds=901)[1] == (
        "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.")


def test_a_received_message_is_hidden_until_its_visibility_lapses(fresh, make):
    running = fresh()
    queue = make(running, VisibilityTimeout="30")
    queue.send()
    queue.receive()
    assert queue.receive() == [] and queue.counts() == (0, 1, 0)
    running.advance(30)
    assert queue.counts() == (1, 0, 0)
    message, = queue.receive(VisibilityTimeout=5, AttributeNames=["All"])
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    running.advance(5)
    assert len(queue.receive()) == 1


def test_visibility_can_be_changed_again_and_again(fresh, make, refused):
    running = fresh()
    queue = make(running)
    queue.send()
    message, = queue.receive()
    queue.hide(message, 100)
    running.advance(60)
    queue.hide(message, 100)
    running.advance(60)
    assert queue.receive() == [] and queue.counts() == (0, 1, 0)
    queue.hide(message, 0)
    assert queue.counts() == (1, 0, 0)
    queue.hide(message, 10)  # it is still the receipt of its last receive
    assert queue.receive() == []
    assert "Must be >= 0 and <= 43200" in refused(queue.hide, message=message, seconds=43_201)[1]
    assert "beyond the limit [43200 seconds]" in refused(queue.hide, message=message, seconds=43_200)[1]
    queue.delete(message)
    assert refused(queue.hide, message=message, seconds=1)[1].endswith(
        "Reason: Message does not exist or is not available for visibility timeout change.")


def test_a_receipt_works_after_its_timeout_but_not_after_the_next_receive(fresh, make):
    running = fresh()
    queue = make(running, VisibilityTimeout="1")
    queue.send("a")
    stale, = queue.receive()
    running.advance(2)
    newer, = queue.receive()
    queue.delete(stale)
    assert queue.counts() == (0, 1, 0)
    running.advance(2)
    queue.delete(newer)
    queue.delete(newer)
    assert queue.counts() == (0, 0, 0)


def test_receipts_that_are_none_are_refused(cloudlet, make, refused):
    queue, other = make(cloudlet), make(cloudlet)
    other.send()
    foreign = other.receive()[0]["ReceiptHandle"]
    for handle in ("nonsense", "AAAA", foreign):
        assert refused(queue.delete, message={"ReceiptHandle": handle}) == (
            "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')


def test_messages_grow_too_old_wherever_they_are(fresh, make):
    running = fresh()
    queue = make(running, MessageRetentionPeriod="60", VisibilityTimeout="1000")
    queue.send("ready")
    queue.send("delayed", DelaySeconds=900)
    queue.receive()
    queue.send("another")
    running.advance(59)
    queue.send("young")
    assert queue.counts() == (2, 1, 1)
    running.advance(2)
    assert queue.counts() == (1, 0, 0) and queue.bodies() == ["young"]


def test_a_shorter_retention_is_for_messages_that_are_there_too(fresh, make):
    running = fresh()
    queue = make(running)
    queue.send()
    running.advance(100)
    queue.set(MessageRetentionPeriod="60")
    assert queue.counts() == (0, 0, 0)


def test_counts_are_exact_through_a_life_of_many_messages(fresh, make):
    running = fresh()
    queue = make(running, VisibilityTimeout="20")
    for n in range(25):
        queue.send(str(n), DelaySeconds=15 if n % 5 == 0 else 0)
    first, second = queue.receive(10), queue.receive(10)
    for message in first[:4]:
        queue.delete(message)
    queue.hide(second[0], 0)
    queue.hide(second[1], 60)
    assert queue.counts() == (1, 15, 5)
    running.advance(15)
    assert queue.counts() == (6, 15, 0)
    running.advance(6)
    assert queue.counts() == (20, 1, 0)
    running.advance(60)
    assert queue.counts() == (21, 0, 0) and len(queue.receive() + queue.receive() + queue.receive()) == 21


@pytest.mark.parametrize(("params", "words"), [
    ({"MaxNumberOfMessages": 11}, "Value 11 for parameter MaxNumberOfMessages is invalid. "
                                  "Reason: Must be between 1 and 10, if provided."),
    ({"WaitTimeSeconds": 21}, "Value 21 for parameter WaitTimeSeconds is invalid. "
                              "Reason: Must be >= 0 and <= 20, if provided."),
    ({"VisibilityTimeout": -1}, "Value -1 for parameter VisibilityTimeout is invalid. "
                                "Reason: Must be >= 0 and <= 43200, if provided."),
])
def test_a_receive_has_limits(cloudlet, make, refused, params, words):
    queue = make(cloudlet)
    code, message = refused(queue.sqs.receive_message, QueueUrl=queue.url, **params)
    assert (code, message) == ("InvalidParameterValue", words)


def test_a_long_poll_wakes_when_a_message_is_sent(cloudlet, make):
    queue = make(cloudlet, ReceiveMessageWaitTimeSeconds="20")
    got = []
    waiter = threading.Thread(target=lambda: got.extend(queue.bodies()))
    waiter.start()
    cloudlet.client("sqs").send_message(QueueUrl=queue.url, MessageBody="at last")
    waiter.join()
    assert got == ["at last"]


def test_a_long_poll_wakes_when_time_brings_a_message_and_ends_when_its_time_is_up(fresh, make):
    running = fresh()
    running.control("clock", {"freeze": True})
    queue = make(running, VisibilityTimeout="43200")
    queue.send("delayed", DelaySeconds=8)
    got = []

    def wait() -> None:
        got.append(queue.bodies(WaitTimeSeconds=10))

    waiters = [threading.Thread(target=wait) for _ in range(2)]
    for waiter in waiters:
        waiter.start()
    while any(waiter.is_alive() for waiter in waiters):
        running.advance(4)
    assert sorted(got) == [[], ["delayed"]]


def test_batches_succeed_and_fail_entry_by_entry(cloudlet, make):
    queue = make(cloudlet, MaximumMessageSize="1024")
    answer = queue.sqs.send_message_batch(QueueUrl=queue.url, Entries=[
        {"Id": "good", "MessageBody": "x", "MessageAttributes": {"a": text("b")}},
        {"Id": "long", "MessageBody": "x" * 1025},
        {"Id": "slow", "MessageBody": "y", "DelaySeconds": 1000}])
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert {entry["Id"]: (entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]} == {
        "long": ("InvalidParameterValue", True), "slow": ("InvalidParameterValue", True)}
    message, = queue.receive()
    url = {"QueueUrl": queue.url}
    handle = message["ReceiptHandle"]
    changed = queue.sqs.change_message_visibility_batch(**url, Entries=[
        {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 60}, {"Id": "b", "ReceiptHandle": "?"}])
    assert (changed["Successful"][0]["Id"], changed["Failed"][0]["Code"]) == ("a", "ReceiptHandleIsInvalid")
    gone = queue.sqs.delete_message_batch(**url, Entries=[{"Id": "a", "ReceiptHandle": handle}])
    assert gone["Successful"] == [{"Id": "a"}] and queue.counts() == (0, 0, 0)


def test_batches_that_are_none_are_refused_whole(cloudlet, make, refused):
    queue = make(cloudlet)

    def batch(*ids: str, body: str = "x") -> tuple[str, str]:
        code, message = refused(queue.sqs.send_message_batch, QueueUrl=queue.url,
                                Entries=[{"Id": id, "MessageBody": body} for id in ids])
        return code.removeprefix("AWS.SimpleQueueService."), message

    assert batch() == (
        "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request.")
    assert batch(*map(str, range(11))) == (
        "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10. You have sent 11.")
    assert batch("a", "a") == ("BatchEntryIdsNotDistinct", "Id a repeated.")
    assert batch("a b")[0] == "InvalidBatchEntryId"
    assert batch("a", "b", body="x" * 524_289) == (
        "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes.")


def test_a_standard_queue_knows_groups_but_no_deduplication(cloudlet, make, refused):
    queue = make(cloudlet)
    queue.send(MessageGroupId="tenant-1")
    assert queue.receive(AttributeNames=["MessageGroupId"])[0]["Attributes"] == {"MessageGroupId": "tenant-1"}
    assert refused(queue.send, MessageDeduplicationId="x")[1] == (
        "Value x for parameter MessageDeduplicationId is invalid. "
        "Reason: The request include parameter that is not valid for this queue type.")
    assert "alphanumeric and punctuation" in refused(queue.send, MessageGroupId="a b")[1]


def test_what_was_sent_is_there_after_a_restart(fresh, make):
    running = fresh()
    queue = make(running)
    queue.send("kept")
    held = queue.send("held")
    running.stop()
    again = fresh().client("sqs")
    url = again.get_queue_url(QueueName=queue.name)["QueueUrl"]
    found = again.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [m["Body"] for m in found] == ["kept", "held"]
    assert found[1]["MessageId"] == held["MessageId"]
