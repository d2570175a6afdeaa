"""Streams: their life, their limits, and what a template makes of them."""

import asyncio
import json

import pytest

from cloudlet.fabric import targets
from cloudlet.fabric.targets import Delivery
from cloudlet.identity import root

from .conftest import ROLE, eventually

PLACE = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::any"}
DESTINATION = "destinationId-000000000001"


@pytest.fixture
def firehose(cloudlet):
    return cloudlet.client("firehose")


def test_a_stream_is_described_with_its_defaults(firehose):
    made = firehose.create_delivery_stream(DeliveryStreamName="plain", S3DestinationConfiguration=PLACE,
                                           Tags=[{"Key": "a", "Value": "b"}])
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/plain"
    assert made["DeliveryStreamARN"] == arn
    found = firehose.describe_delivery_stream(DeliveryStreamName="plain")["DeliveryStreamDescription"]
    assert (found["DeliveryStreamStatus"], found["VersionId"], found["DeliveryStreamType"]) == (
        "ACTIVE", "1", "DirectPut")
    destination, = found["Destinations"]
    assert destination["DestinationId"] == DESTINATION
    plain = PLACE | {"BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
                     "CompressionFormat": "UNCOMPRESSED", "CloudWatchLoggingOptions": {"Enabled": False},
                     "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"}}
    assert destination["S3DestinationDescription"] == plain
    assert destination["ExtendedS3DestinationDescription"] == plain | {"S3BackupMode": "Disabled"}


def test_a_name_is_taken_once(firehose, refused):
    firehose.create_delivery_stream(DeliveryStreamName="taken", S3DestinationConfiguration=PLACE)
    assert refused(firehose.create_delivery_stream, DeliveryStreamName="taken",
                   S3DestinationConfiguration=PLACE) == (
        "ResourceInUseException", "Firehose taken under accountId 000000000000 already exists")
    firehose.delete_delivery_stream(DeliveryStreamName="taken")
    assert refused(firehose.describe_delivery_stream, DeliveryStreamName="taken") == (
        "ResourceNotFoundException", "Firehose taken under account 000000000000 not found.")


def test_streams_are_listed_in_order(firehose):
    for name in ("list-c", "list-a", "list-b"):
        firehose.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration=PLACE)
    page = firehose.list_delivery_streams(Limit=2, ExclusiveStartDeliveryStreamName="list")
    assert (page["DeliveryStreamNames"], page["HasMoreDeliveryStreams"]) == (["list-a", "list-b"], True)
    page = firehose.list_delivery_streams(Limit=1, ExclusiveStartDeliveryStreamName="list-b")
    assert page["DeliveryStreamNames"] == ["list-c"]


def test_tags_are_set_and_taken_away(firehose):
    firehose.create_delivery_stream(DeliveryStreamName="tagged", S3DestinationConfiguration=PLACE)
    firehose.tag_delivery_stream(DeliveryStreamName="tagged", Tags=[
        {"Key": "b", "Value": "2"}, {"Key": "a"}, {"Key": "c", "Value": "3"}])
    firehose.untag_delivery_stream(DeliveryStreamName="tagged", TagKeys=["c"])
    found = firehose.list_tags_for_delivery_stream(DeliveryStreamName="tagged", Limit=1)
    assert (found["Tags"], found["HasMoreTags"]) == ([{"Key": "a", "Value": ""}], True)


def test_an_update_names_the_version_it_changes(firehose, refused):
    firehose.create_delivery_stream(DeliveryStreamName="changed", S3DestinationConfiguration=PLACE)
    update = {"DeliveryStreamName": "changed", "CurrentDeliveryStreamVersionId": "1",
              "DestinationId": DESTINATION, "ExtendedS3DestinationUpdate": {"Prefix": "x/"}}
    firehose.update_destination(**update)
    code, message = refused(firehose.update_destination, **update)
    assert code == "ConcurrentModificationException" and "specified version id: 1 do not match" in message
    firehose.update_destination(**update | {"CurrentDeliveryStreamVersionId": "2"})  # changes nothing
    found = firehose.describe_delivery_stream(DeliveryStreamName="changed")["DeliveryStreamDescription"]
    assert found["VersionId"] == "2" and "LastUpdateTimestamp" in found
    assert found["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"] == "x/"


@pytest.mark.parametrize("given", [
    {"RedshiftDestinationConfiguration": {
        "RoleARN": ROLE, "ClusterJDBCURL": "jdbc:redshift://a.redshift.amazonaws.com:5439/d",
        "CopyCommand": {"DataTableName": "t"}, "S3Configuration": PLACE}},
    {"SplunkDestinationConfiguration": {
        "HECEndpoint": "https://splunk", "HECEndpointType": "Raw", "S3Configuration": PLACE}},
    {"ExtendedS3DestinationConfiguration": PLACE | {"CompressionFormat": "Snappy"}},
    {"ExtendedS3DestinationConfiguration": PLACE | {"DataFormatConversionConfiguration": {"Enabled": True}}},
    {"ExtendedS3DestinationConfiguration": PLACE | {"EncryptionConfiguration": {"KMSEncryptionConfig": {
        "AWSKMSKeyARN": "arn:aws:kms:us-east-1:000000000000:key/k"}}}},
    {"S3DestinationConfiguration": PLACE, "DeliveryStreamEncryptionConfigurationInput": {
        "KeyType": "AWS_OWNED_CMK"}}])
def test_what_is_not_there_is_refused_by_name(firehose, refused, given):
    code, message = refused(firehose.create_delivery_stream, DeliveryStreamName="no", **given)
    assert code == "NotHonoured" and message.startswith("cloudlet does not honour")


def test_a_stream_has_one_destination(firehose, refused):
    both = {"S3DestinationConfiguration": PLACE, "ExtendedS3DestinationConfiguration": PLACE}
    assert refused(firehose.create_delivery_stream, DeliveryStreamName="two", **both)[0] == (
        "InvalidArgumentException")


def test_records_are_held_against_their_limits(cloudlet, stream, refused):
    made = stream(cloudlet)
    put, batch = made.firehose.put_record, made.firehose.put_record_batch
    assert refused(put, DeliveryStreamName=made.name, Record={"Data": b"x" * 1_024_001})[0] == (
        "ValidationException")
    assert refused(batch, DeliveryStreamName=made.name, Records=[{"Data": b"x"}] * 501)[0] == (
        "ValidationException")
    assert refused(batch, DeliveryStreamName=made.name, Records=[{"Data": b"x" * 1_000_000}] * 5) == (
        "InvalidArgumentException", "Records size exceeds 4 MB limit")
    assert refused(put, DeliveryStreamName="nobody", Record={"Data": b"x"})[0] == "ResourceNotFoundException"
    answer = batch(DeliveryStreamName=made.name, Records=[{"Data": b"x"}, {"Data": b""}])
    assert answer["FailedPutCount"] == 0 and answer["Encrypted"] is False
    assert len({one["RecordId"] for one in answer["RequestResponses"]}) == 2


def test_a_delivery_becomes_a_record_in_the_transaction_of_the_sender(cloudlet, stream):
    made = stream(cloudlet)
    arn = made.describe()["DeliveryStreamARN"]
    call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "events")
    work = call.transact(lambda inner: targets.deliver(inner, arn, Delivery("1", b'{"a": 1}', "events")))
    asyncio.run_coroutine_threadsafe(work, cloudlet._loop).result()
    assert list(made.objects().values()) == [b'{"a": 1}']


def test_a_stream_that_is_deleted_delivers_nothing_more(fresh, stream):
    running = fresh()
    made = stream(running, BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60})
    made.put(*[b"x"] * 500)
    made.firehose.delete_delivery_stream(DeliveryStreamName=made.name)
    made.firehose.create_delivery_stream(DeliveryStreamName=made.name, S3DestinationConfiguration=made.place(
        BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 60}))
    made.put(b"new")
    running.advance(60)
    assert list(made.objects().values()) == [b"new"]


def test_a_template_makes_changes_and_deletes_a_stream(cloudlet):
    cloudformation, firehose = cloudlet.client("cloudformation"), cloudlet.client("firehose")
    template = {"Resources": {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Stream": {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": {
            "DeliveryStreamType": "DirectPut", "Tags": [{"Key": "a", "Value": "b"}],
            "ExtendedS3DestinationConfiguration": {
                "BucketARN": {"Fn::GetAtt": ["Bucket", "Arn"]}, "RoleARN": ROLE,
                "BufferingHints": {"IntervalInSeconds": "0", "SizeInMBs": "1"}}}}},
        "Outputs": {"Name": {"Value": {"Ref": "Stream"}},
                    "Arn": {"Value": {"Fn::GetAtt": ["Stream", "Arn"]}}}}
    cloudformation.create_stack(StackName="pipe", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="pipe", WaiterConfig={"Delay": 1})
    outputs = {one["OutputKey"]: one["OutputValue"] for one in
               cloudformation.describe_stacks(StackName="pipe")["Stacks"][0]["Outputs"]}
    name = outputs["Name"]
    assert name.startswith("pipe-Stream-") and outputs["Arn"].endswith(f":deliverystream/{name}")
    properties = template["Resources"]["Stream"]["Properties"]
    properties["ExtendedS3DestinationConfiguration"]["Prefix"] = "p/"
    properties["Tags"] = [{"Key": "c", "Value": "d"}]
    cloudformation.update_stack(StackName="pipe", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="pipe", WaiterConfig={"Delay": 1})
    found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    assert found["VersionId"] == "2"
    assert found["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"] == "p/"
    assert firehose.list_tags_for_delivery_stream(DeliveryStreamName=name)["Tags"] == [
        {"Key": "c", "Value": "d"}]
    cloudformation.delete_stack(StackName="pipe")
    eventually(lambda: name not in firehose.list_delivery_streams(Limit=100)["DeliveryStreamNames"])


def test_a_rule_delivers_events_as_they_are(cloudlet, stream):
    made = stream(cloudlet)
    events = cloudlet.client("events")
    events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
    failed = events.put_targets(Rule="orders", Targets=[
        {"Id": "1", "Arn": made.describe()["DeliveryStreamARN"], "RoleArn": ROLE}])
    assert failed["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "shop", "DetailType": "ordered", "Detail": '{"id": 7}'}])
    (_, body), = made.objects().items()
    assert body.endswith(b"}") and json.loads(body)["detail"] == {"id": 7}
