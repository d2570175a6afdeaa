"""``AWS::DynamoDB::Table`` as a deployment drives it."""

import asyncio

import msgspec
import pytest

from cloudlet.errors import AwsError
from cloudlet.identity import root
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


def test_a_property_that_is_not_honoured_is_refused():
    with pytest.raises(msgspec.ValidationError, match="SSESpecification"):
        table(SSESpecification={"SSEEnabled": True})
