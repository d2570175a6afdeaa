"""``AWS::DynamoDB::Table`` as a deployment drives it."""

import asyncio

import msgspec
import pytest

from cloudlet.errors import AwsError
from cloudlet.identity import root
from cloudlet.services.dynamodb.global_tables import GlobalTableResource
from cloudlet.services.dynamodb.resources import TableResource
from cloudlet.stacks.resource import This


@pytest.fixture
def drive(cloudlet):
    """Runs a verb of the resource inside the cloudlet."""
    def run(verb, this, *more):
        call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "cloudformation")
        return asyncio.run_coroutine_threadsafe(verb(call, this, *more), cloudlet._loop).result(20)
    return run


def table(**properties):
    given = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
             "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], **properties}
    return msgspec.convert(given, TableResource, strict=False)


def index(name):
    return {"IndexName": name, "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}


def test_a_table_is_made_changed_and_removed_with_its_stack(cloudlet, drive):
    ddb = cloudlet.client("dynamodb")
    this = This("Orders", "shop", "arn:stack", tags={"stack": "shop"})
    first = table(StreamSpecification={"StreamViewType": "NEW_IMAGE"},
                  Tags=[{"Key": "team", "Value": "blue"}],
                  TimeToLiveSpecification={"AttributeName": "at", "Enabled": "true"})
    made = drive(first.create, this)
    assert made.id.startswith("shop-Orders-")
    assert made.attributes["StreamArn"].startswith(made.attributes["Arn"] + "/stream/")
    assert ddb.describe_time_to_live(TableName=made.id)["TimeToLiveDescription"]["AttributeName"] == "at"

    this.physical_id, this.attributes = made.id, made.attributes
    second = table(DeletionProtectionEnabled=True, GlobalSecondaryIndexes=[index("one"), index("two")],
                   AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in "pg"])
    changed = drive(second.update, this, first)
    assert changed.attributes == {"Arn": made.attributes["Arn"]}
    found = ddb.describe_table(TableName=made.id)["Table"]
    assert [one["IndexName"] for one in found["GlobalSecondaryIndexes"]] == ["one", "two"]
    assert "StreamSpecification" not in found
    assert ddb.list_tags_of_resource(ResourceArn=made.attributes["Arn"])["Tags"] == [{"Key": "stack",
                                                                                      "Value": "shop"}]
    expiry = ddb.describe_time_to_live(TableName=made.id)["TimeToLiveDescription"]
    assert expiry["TimeToLiveStatus"] == "DISABLED"

    with pytest.raises(AwsError, match="protected against deletion"):
        drive(second.delete, this)
    third = table(ProvisionedThroughput={"ReadCapacityUnits": "5", "WriteCapacityUnits": "5"},
                  BillingMode="PROVISIONED")
    drive(third.update, this, second)
    assert "GlobalSecondaryIndexes" not in ddb.describe_table(TableName=made.id)["Table"]
    drive(third.delete, this)
    drive(third.delete, this)
    assert made.id not in ddb.list_tables()["TableNames"]


def test_a_template_says_whether_a_table_can_be_had_as_it_was_and_who_is_told_and_let_in(cloudlet, drive):
    ddb, kinesis = cloudlet.client("dynamodb"), cloudlet.client("kinesis")
    kinesis.create_stream(StreamName="told", ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName="told")["StreamDescriptionSummary"]["StreamARN"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "111111111111"},
                "Action": "dynamodb:GetItem",
                "Resource": "*",
            }
        ],
    }
    first = table(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": "true",
                                                    "RecoveryPeriodInDays": 7},
                  KinesisStreamSpecification={"StreamArn": stream}, ResourcePolicy={"PolicyDocument": policy},
                  WarmThroughput={"ReadUnitsPerSecond": 13_000})
    this = This("Orders", "shop", "arn:stack")
    made = drive(first.create, this)

    def told():
        recovery = ddb.describe_continuous_backups(TableName=made.id)["ContinuousBackupsDescription"]
        streams = ddb.describe_kinesis_streaming_destination(TableName=made.id)
        return (recovery["PointInTimeRecoveryDescription"].get("RecoveryPeriodInDays"),
                [one["DestinationStatus"] for one in streams["KinesisDataStreamDestinations"]])

    assert told() == (7, ["ACTIVE"])
    read = ddb.get_resource_policy(ResourceArn=made.attributes["Arn"])["Policy"]
    assert msgspec.json.decode(read) == policy
    this.physical_id, this.attributes = made.id, made.attributes
    drive(table().update, this, first)
    assert told() == (None, ["DISABLED"])
    with pytest.raises(ddb.exceptions.PolicyNotFoundException):
        ddb.get_resource_policy(ResourceArn=made.attributes["Arn"])
    drive(table().delete, this)


def test_a_global_table_is_made_changed_and_removed_with_its_replicas(cloudlet, drive):
    def shared(*replicas, **more):
        given = {"KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
                 "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
                 "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                 "Replicas": [{"Region": "us-east-1"}, *replicas], **more}
        return msgspec.convert(given, GlobalTableResource, strict=False)

    def regions(name):
        table = cloudlet.client("dynamodb").describe_table(TableName=name)["Table"]
        return sorted(one["RegionName"] for one in table.get("Replicas", ()))

    this = This("Orders", "shop", "arn:stack")
    first = shared({"Region": "eu-west-1", "DeletionProtectionEnabled": "true",
                    "Tags": [{"Key": "team", "Value": "blue"}],
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
    made = drive(first.create, this)
    europe = cloudlet.client("dynamodb", region="eu-west-1")
    replica = europe.describe_table(TableName=made.id)["Table"]
    assert replica["TableStatus"] == "ACTIVE" and replica["DeletionProtectionEnabled"]
    assert set(made.attributes) == {"Arn", "TableId", "StreamArn"} and regions(made.id) == ["eu-west-1"]
    assert europe.list_tags_of_resource(ResourceArn=replica["TableArn"])["Tags"] == [
        {"Key": "team", "Value": "blue"}]
    recovery = europe.describe_continuous_backups(TableName=made.id)["ContinuousBackupsDescription"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"

    this.physical_id, this.attributes = made.id, made.attributes
    second = shared(
        {"Region": "ap-south-1"}, TimeToLiveSpecification={"AttributeName": "at", "Enabled": True}
    )
    drive(second.update, this, first)
    assert regions(made.id) == ["ap-south-1"]
    expiry = cloudlet.client("dynamodb", region="ap-south-1").describe_time_to_live(TableName=made.id)
    assert expiry["TimeToLiveDescription"]["AttributeName"] == "at"
    drive(second.delete, this)
    drive(second.delete, this)
    for region in ("us-east-1", "eu-west-1", "ap-south-1"):
        assert made.id not in cloudlet.client("dynamodb", region=region).list_tables()["TableNames"]


def test_a_property_that_is_not_honoured_is_refused():
    with pytest.raises(msgspec.ValidationError, match="SSESpecification"):
        table(SSESpecification={"SSEEnabled": True})
