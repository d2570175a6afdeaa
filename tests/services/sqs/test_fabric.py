"""Queues as others use them: as a target, as a source, and in a template."""

import asyncio
import base64
import json

import msgspec
import pytest

from cloudlet.errors import AwsError
from cloudlet.fabric import targets
from cloudlet.fabric.targets import Delivery
from cloudlet.identity import root
from cloudlet.stacks.resource import This


@pytest.fixture
def within():
    """Run something in a transaction, or as a conversation, of a running cloudlet."""
    def run(running, work, *, service: str = "s3"):
        call = running.cloudlet.kernel.conversation(root("000000000000"), service)
        coroutine = work(call) if asyncio.iscoroutinefunction(work) else call.transact(work)
        return asyncio.run_coroutine_threadsafe(coroutine, running._loop).result()

    return run


@pytest.fixture
def source(cloudlet):
    """How a queue is read."""
    return cloudlet.cloudlet.kernel.services["sqs"].sources[0]


def admit(queue, service, **condition):
    """Let a service send to the queue, as templates do."""
    statement = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
                 "Action": "sqs:SendMessage", "Resource": queue.arn} | condition
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": document})


def test_a_service_sends_only_what_the_queues_policy_lets_it(cloudlet, make, within):
    queue = make(cloudlet)
    arn = queue.arn

    def deliver(bucket):
        delivery = Delivery("1", b"{}", "s3", f"arn:aws:s3:::{bucket}", "000000000000")
        within(cloudlet, lambda call: targets.deliver(call, arn, delivery))

    with pytest.raises(AwsError, match="no resource-based policy allows the sqs:SendMessage action"):
        deliver("mine")
    admit(queue, "s3", Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::mine"},
                                  "StringEquals": {"aws:SourceAccount": "000000000000"}})
    with pytest.raises(AwsError):
        deliver("another")
    deliver("mine")
    assert queue.bodies() == ["{}"]


def test_a_delivery_becomes_a_message_in_the_transaction_of_the_sender(cloudlet, make, within):
    queue = make(cloudlet)
    admit(queue, "s3")
    arn = queue.arn

    def deliver(call, fail: bool = False):
        targets.deliver(call, arn, Delivery("1", b'{"a": 1}', "s3", "arn:aws:s3:::b", "000000000000", {
            "MessageAttributes": {"x": {"DataType": "String", "StringValue": "y"}}}))
        if fail:
            raise AwsError("it is not to be")

    within(cloudlet, deliver)
    with pytest.raises(AwsError):
        within(cloudlet, lambda call: deliver(call, fail=True))
    message, = queue.receive(MessageAttributeNames=["All"])
    assert message["Body"] == '{"a": 1}' and message["MessageAttributes"]["x"]["StringValue"] == "y"


def test_a_delivery_to_a_fifo_queue_names_its_group(cloudlet, make, within):
    queue = make(cloudlet, fifo=True)
    admit(queue, "sns")
    arn = queue.arn
    parameters = {"MessageGroupId": "g", "MessageDeduplicationId": "1"}
    delivery = Delivery("1", b"x", "sns", parameters=parameters)
    within(cloudlet, lambda call: targets.deliver(call, arn, delivery))
    assert queue.bodies() == ["x"]
    with pytest.raises(AwsError):
        within(cloudlet, lambda call: targets.deliver(call, arn, Delivery("2", b"x", "sns")))


def test_records_are_as_a_function_gets_them(cloudlet, make, within, source):
    queue = make(cloudlet)
    arn = queue.arn
    sent = queue.send("hello", MessageAttributes={
        "s": {"DataType": "String", "StringValue": "t"}, "b": {"DataType": "Binary", "BinaryValue": b"\xff"}})
    queue.send("bare")
    first, second = within(cloudlet, lambda call: source.take(call, arn, 100, None))
    event = dict(first.event)
    attributes = event.pop("attributes")
    assert sorted(attributes) == [
        "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "SenderId", "SentTimestamp"]
    assert event == {
        "messageId": sent["MessageId"], "receiptHandle": first.handle, "body": "hello",
        "messageAttributes": {
            "s": {"stringValue": "t", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            "b": {"binaryValue": base64.b64encode(b"\xff").decode(), "stringListValues": [],
                  "binaryListValues": [], "dataType": "Binary"}},
        "md5OfBody": sent["MD5OfMessageBody"], "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": "us-east-1"}
    assert "md5OfMessageAttributes" not in second.event and second.event["messageAttributes"] == {}
    assert first.size == len(msgspec.json.encode(first.event))
    within(cloudlet, lambda call: source.done(call, arn, [first]))
    within(cloudlet, lambda call: source.failed(call, arn, [second]))
    assert queue.counts() == (0, 1, 0)


def test_a_failed_record_comes_back_when_its_visibility_lapses(fresh, make, within):
    running = fresh()
    source = running.cloudlet.kernel.services["sqs"].sources[0]
    queue = make(running, fifo=True, ContentBasedDeduplication="true", VisibilityTimeout="10")
    arn = queue.arn
    queue.send("x", MessageGroupId="g")
    record, = within(running, lambda call: source.take(call, arn, 10, None))
    assert record.event["attributes"]["MessageGroupId"] == "g"
    within(running, lambda call: source.failed(call, arn, [record]))
    assert queue.receive() == []
    assert within(running, lambda call: source.next_ms(call, arn)) > 0
    assert within(running, lambda call: source.check(call, arn)) == {
        "VisibilityTimeout": 10, "FifoQueue": True}
    running.advance(10)
    within(running, lambda call: source.done(call, arn, [record]))
    assert queue.bodies() == ["x"]


def test_a_template_makes_changes_and_deletes_a_queue(cloudlet, within, refused):
    service = cloudlet.cloudlet.kernel.services["sqs"]
    sqs = cloudlet.client("sqs")
    type_of = service.resources["AWS::SQS::Queue"]
    this = This("Orders", "shop", "stack-id", tags={"aws:cloudformation:stack-name": "shop", "team": "a"})

    def build(**properties):
        return msgspec.convert(properties, type_of, strict=False)

    old = build(VisibilityTimeout="60", DelaySeconds=5, Tags=[{"Key": "x", "Value": "y"}])

    async def create(call):
        return await old.create(call, this)

    made = within(cloudlet, create)
    name = made.attributes["QueueName"]
    assert name.startswith("shop-Orders-") and made.id == f"{cloudlet.url}/000000000000/{name}"
    assert made.attributes["Arn"] == f"arn:aws:sqs:us-east-1:000000000000:{name}"
    assert sqs.list_queue_tags(QueueUrl=made.id)["Tags"] == {"x": "y", "team": "a"}
    this.physical_id = made.id

    async def change(call):
        return await build(VisibilityTimeout=90).update(call, this, old)

    assert within(cloudlet, change) == made
    found = sqs.get_queue_attributes(QueueUrl=made.id, AttributeNames=["VisibilityTimeout", "DelaySeconds"])
    assert found["Attributes"] == {"VisibilityTimeout": "90", "DelaySeconds": "0"}
    assert sqs.list_queue_tags(QueueUrl=made.id)["Tags"] == {"team": "a"}

    async def delete(call):
        await build().delete(call, this)
        await build().delete(call, this)

    within(cloudlet, delete)
    assert refused(sqs.get_queue_url, QueueName=name)[0] == "AWS.SimpleQueueService.NonExistentQueue"


def test_a_template_gives_queues_their_policies(cloudlet, make, within):
    service = cloudlet.cloudlet.kernel.services["sqs"]
    first, second = make(cloudlet), make(cloudlet)
    statement = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    both = msgspec.convert({"PolicyDocument": document, "Queues": [first.url, second.url]},
                           service.resources["AWS::SQS::QueuePolicy"])
    one = msgspec.convert({"PolicyDocument": document, "Queues": [second.url]},
                          service.resources["AWS::SQS::QueuePolicy"])
    inline = msgspec.convert({"PolicyDocument": document, "Queue": first.url},
                             service.resources["AWS::SQS::QueueInlinePolicy"])
    this = This("Policy", "shop", "stack-id")

    async def through(call):
        this.physical_id = (await both.create(call, this)).id
        await one.update(call, this, both)

    within(cloudlet, through)
    assert first.attributes("Policy") == {}
    assert json.loads(second.attributes("Policy")["Policy"]) == document

    async def inlined(call):
        await one.delete(call, this)
        return await inline.create(call, this)

    assert within(cloudlet, inlined).id == first.url
    assert second.attributes("Policy") == {} and json.loads(first.attributes("Policy")["Policy"]) == document
