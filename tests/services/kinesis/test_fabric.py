"""Streams as others use them: as a target, as a source, and in a template."""

import asyncio
import base64
import json

import msgspec
import pytest

from cloudlet.errors import AwsError
from cloudlet.fabric import targets
from cloudlet.fabric.filters import filters_of
from cloudlet.fabric.targets import Delivery, Parcel
from cloudlet.identity import root
from cloudlet.services.kinesis.resources import ConsumerResource, PolicyResource, StreamResource
from cloudlet.stacks.resource import This

ACCOUNT, OTHER = "000000000000", "111122223333"


@pytest.fixture
def within(cloudlet):
    """Run something in a transaction of a running cloudlet."""
    def run(work, running=cloudlet):
        call = running.cloudlet.kernel.conversation(root(ACCOUNT), "events")
        return asyncio.run_coroutine_threadsafe(call.transact(work), running._loop).result(20)

    return run


@pytest.fixture
def drive(cloudlet):
    """Runs a verb of a resource inside the cloudlet."""
    def run(verb, this, *more):
        call = cloudlet.cloudlet.kernel.conversation(root(ACCOUNT), "cloudformation")
        return asyncio.run_coroutine_threadsafe(verb(call, this, *more), cloudlet._loop).result(20)

    return run


@pytest.fixture
def source(cloudlet):
    """How a stream is read."""
    return cloudlet.cloudlet.kernel.services["kinesis"].sources[0]


def test_a_delivery_becomes_a_record_in_the_transaction_of_the_sender(make, within):
    stream = make(2)

    def deliver(call, fail=False, **parameters):
        targets.deliver(call, stream.arn, Delivery("id-1", b'{"a": 1}', "events", source_account=ACCOUNT,
                                                    parameters=parameters))
        if fail:
            raise AwsError("it is not to be")

    within(lambda call: deliver(call, PartitionKey="mine", ExplicitHashKey="0"))
    within(lambda call: deliver(call, ExplicitHashKey="0"))
    with pytest.raises(AwsError):
        within(lambda call: deliver(call, fail=True, ExplicitHashKey="0"))
    records = stream.read()["Records"]
    assert [(one["PartitionKey"], one["Data"]) for one in records] == [
        ("mine", b'{"a": 1}'), ("id-1", b'{"a": 1}')]


def test_a_delivery_that_finds_no_room_or_no_stream_is_refused(still, within):
    stream = still()
    stream.put(bytes(1_000_000))

    def deliver(arn, delivery):
        within(lambda call: targets.deliver(call, arn, delivery), stream.running)

    heavy = Delivery("1", bytes(500_000), "events", source_account=ACCOUNT)
    with pytest.raises(AwsError, match="Rate exceeded for shard"):
        deliver(stream.arn, heavy)
    stream.running.advance(1)
    deliver(stream.arn, heavy)
    with pytest.raises(AwsError, match="not found"):
        deliver(stream.arn + "x", heavy)
    afar = Delivery("2", b"x", "events", source_account=OTHER)
    with pytest.raises(AwsError, match="not authorized to perform: kinesis:PutRecord"):
        deliver(stream.arn, afar)


def test_a_delivery_that_finds_no_room_is_tried_again(still, within):
    stream = still()
    stream.put(bytes(1_000_000))
    parcel = Parcel(stream.arn, Delivery("1", b"late" * 20_000, "events", source_account=ACCOUNT))
    within(lambda call: targets.send(call, parcel), stream.running)
    assert len(stream.datas()) == 1
    stream.running.advance(2)
    while len(found := stream.datas()) < 2:
        stream.running.advance(1)
    assert found[1].startswith(b"late")


def test_records_are_as_a_function_gets_them(make, within, source):
    stream = make()
    written = stream.put(b"\xff data", key="key")
    page = within(lambda call: source.read(call, stream.arn, "shardId-000000000000", 0, 100, 0, 1))
    record, = page.records
    number, event = written["SequenceNumber"], dict(record.event)
    inner = event.pop("kinesis")
    moment = inner.pop("approximateArrivalTimestamp")
    assert moment == record.at_ms / 1000
    assert inner == {"kinesisSchemaVersion": "1.0", "partitionKey": "key", "sequenceNumber": number,
                     "data": base64.b64encode(b"\xff data").decode()}
    assert event == {
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record", "invokeIdentityArn": "", "awsRegion": "us-east-1",
        "eventSourceARN": stream.arn}
    assert (record.id, page.upto) == (number, record.number)
    assert record.size >= len(msgspec.json.encode(record.event))


def test_filters_see_the_data_of_a_record(make, within, source):
    stream = make()
    stream.put(b'{"city": "Oslo"}', b'{"city": "Rome"}', b"plain", b"\xff\xfe")

    def wanted(pattern):
        filters = filters_of([json.dumps(pattern)], source.filtered)
        page = within(lambda call: source.read(call, stream.arn, "shardId-000000000000", 0, 100, 0, 1))
        return [base64.b64decode(one.event["kinesis"]["data"]) for one in page.records if filters.wants(one)]

    assert wanted({"data": {"city": ["Oslo"]}}) == [b'{"city": "Oslo"}']
    assert wanted({"data": ["plain"]}) == [b"plain"]
    assert len(wanted({"partitionKey": ["k"]})) == 4


def test_a_consumers_arn_is_read_as_its_streams(make, within, source):
    stream = make()
    arn = stream.consumer()
    stream.put(b"x")
    page = within(lambda call: source.read(call, arn, "shardId-000000000000", 0, 100, 0, 1))
    assert page.records[0].event["eventSourceARN"] == arn
    assert within(lambda call: source.check(call, arn)) == {}
    stream.client.deregister_stream_consumer(ConsumerARN=arn)
    with pytest.raises(AwsError, match="not found"):
        within(lambda call: source.check(call, arn))
    assert within(lambda call: source.parts(call, arn)) == []


def test_a_stream_is_made_changed_and_removed_with_its_stack(cloudlet, drive):
    client = cloudlet.client("kinesis")

    def shown():
        return client.describe_stream_summary(StreamName=this.physical_id)["StreamDescriptionSummary"]

    def convert(**properties):
        return msgspec.convert(properties, StreamResource, strict=False)

    this = This("Clicks", "shop", "arn:stack", tags={"stack": "shop"})
    first = convert(ShardCount="2", RetentionPeriodHours=48, Tags=[{"Key": "team", "Value": "blue"}],
                    MaxRecordSizeInKiB=2048)
    made = drive(first.create, this)
    this.physical_id, this.attributes = made.id, made.attributes
    assert made.id.startswith("shop-Clicks-") and made.attributes["Arn"] == shown()["StreamARN"]
    assert (shown()["OpenShardCount"], shown()["RetentionPeriodHours"], shown()["MaxRecordSizeInKiB"]) == (
        2, 48, 2048)
    tags = client.list_tags_for_stream(StreamName=made.id)["Tags"]
    assert tags == [{"Key": "stack", "Value": "shop"}, {"Key": "team", "Value": "blue"}]

    second = convert(ShardCount=4, Tags=[])
    assert drive(second.update, this, first) == made
    assert (shown()["OpenShardCount"], shown()["RetentionPeriodHours"], shown()["MaxRecordSizeInKiB"]) == (
        4, 24, 1024)
    assert client.list_tags_for_stream(StreamName=made.id)["Tags"] == tags[:1]
    third = convert(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    drive(third.update, this, second)
    assert shown()["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    for _ in range(2):
        drive(third.delete, this)
    assert made.id not in client.list_streams()["StreamNames"]


def test_a_creation_that_was_cut_short_is_taken_up(cloudlet, drive):
    this = This("Clicks", "shop", "arn:stack", token="t1")
    stream = msgspec.convert({"ShardCount": 1, "RetentionPeriodHours": 36}, StreamResource)
    made = drive(stream.create, this)
    with pytest.raises(AwsError, match="already exists"):
        drive(stream.create, this)
    this.resumed = True
    assert drive(stream.create, this) == made
    found = cloudlet.client("kinesis").describe_stream_summary(StreamName=made.id)
    assert found["StreamDescriptionSummary"]["RetentionPeriodHours"] == 36
    drive(stream.delete, this)


@pytest.mark.parametrize("properties", [
    {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}},
    {"DesiredShardLevelMetrics": ["ALL"]}, {"WarmThroughputMiBps": 5}])
def test_what_a_stream_cannot_do_is_no_property_of_it(properties):
    with pytest.raises(msgspec.ValidationError, match=next(iter(properties))):
        msgspec.convert(properties, StreamResource)


def test_a_stack_registers_consumers_and_sets_policies(make, drive):
    stream = make()
    this = This("Reader", "shop", "arn:stack")
    reader = msgspec.convert({"ConsumerName": "r", "StreamARN": stream.arn,
                              "Tags": [{"Key": "a", "Value": "1"}]}, ConsumerResource)
    made = drive(reader.create, this)
    this.physical_id, this.attributes = made.id, made.attributes
    assert made.id == made.attributes["ConsumerARN"] and made.attributes["ConsumerStatus"] == "ACTIVE"
    assert made.attributes["StreamARN"] == stream.arn
    bare = msgspec.convert({"ConsumerName": "r", "StreamARN": stream.arn}, ConsumerResource)
    drive(bare.update, this, reader)
    assert stream.client.list_tags_for_resource(ResourceARN=made.id)["Tags"] == []

    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": OTHER},
                "Action": "kinesis:PutRecord",
                "Resource": stream.arn,
            }
        ],
    }
    policy = msgspec.convert({"ResourceArn": stream.arn, "ResourcePolicy": document}, PolicyResource)
    rule = This("Policy", "shop", "arn:stack")
    rule.physical_id = drive(policy.create, rule).id
    found = stream.client.get_resource_policy(ResourceARN=stream.arn)["Policy"]
    assert json.loads(found) == document
    for resource, place in ((policy, rule), (reader, this)):
        for _ in range(2):
            drive(resource.delete, place)
    assert stream.summary()["ConsumerCount"] == 0
