"""Stories of tables: their life, their indexes, their settings."""

import time

import pytest
from botocore.exceptions import ClientError


def refused(call, code="ValidationException", **params):
    """The message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    return caught.value.response["Error"]["Message"]


def keys(*names):
    return [{"AttributeName": name, "KeyType": kind} for name,
            kind in zip(names, ("HASH", "RANGE", "RANGE"), strict=False)]


def attributes(**kinds):
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()]


def until(condition):
    """Wait for work that the cloudlet does after it has answered."""
    while not condition():
        pass
    return True


def test_a_table_is_creating_then_active_then_gone(ddb):
    made = ddb.create_table(TableName="life", KeySchema=keys("p"), AttributeDefinitions=attributes(p="S"),
                            ProvisionedThroughput={"ReadCapacityUnits": 5,
                                                   "WriteCapacityUnits": 6})["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    ddb.get_waiter("table_exists").wait(TableName="life")
    table = ddb.describe_table(TableName="life")["Table"]
    assert table["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/life"
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    assert refused(ddb.create_table, "ResourceInUseException", TableName="life", KeySchema=keys("p"),
                   AttributeDefinitions=attributes(p="S"), BillingMode="PAY_PER_REQUEST") == (
        "Table already exists: life")
    assert ddb.delete_table(TableName="life")["TableDescription"]["TableStatus"] == "DELETING"
    ddb.get_waiter("table_not_exists").wait(TableName="life")
    assert refused(ddb.describe_table, "ResourceNotFoundException", TableName="life") == (
        "Requested resource not found: Table: life not found")


def test_a_table_of_an_old_name_is_empty(ddb, make):
    name = make()
    ddb.put_item(TableName=name, Item={"p": {"S": "x"}})
    ddb.delete_table(TableName=name)
    ddb.create_table(TableName=name, KeySchema=keys("p"), AttributeDefinitions=attributes(p="S"),
                     BillingMode="PAY_PER_REQUEST")
    assert ddb.scan(TableName=name)["Items"] == []


def test_tables_are_listed_page_by_page(cloudlet):
    ddb = cloudlet.client("dynamodb", region="eu-west-1")
    for name in ("one", "three", "two"):
        ddb.create_table(TableName=name, KeySchema=keys("p"), AttributeDefinitions=attributes(p="S"),
                         BillingMode="PAY_PER_REQUEST")
    page = ddb.list_tables(Limit=2)
    assert (page["TableNames"], page["LastEvaluatedTableName"]) == (["one", "three"], "three")
    assert ddb.list_tables(ExclusiveStartTableName="three")["TableNames"] == ["two"]


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"AttributeDefinitions": []}, "Some index key attributes are not defined in AttributeDefinitions"),
        (
            {"AttributeDefinitions": attributes(p="S", q="S")},
            "Number of attributes in KeySchema does not exactly match",
        ),
        (
            {"KeySchema": [{"AttributeName": "p", "KeyType": "RANGE"}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        ({"KeySchema": keys("p", "q")}, "Invalid KeySchema: Some index key attribute have no definition"),
        (
            {"KeySchema": keys("p", "q", "r")},
            "Value '[KeySchemaElement(attributeName=p, keyType=HASH), KeySchema",
        ),
        ({"BillingMode": "PROVISIONED"}, "ReadCapacityUnits and WriteCapacityUnits must both be specified"),
        ({"TableName": "no!"}, "Member must satisfy regular expression pattern"),
        (
            {
                "LocalSecondaryIndexes": [
                    {"IndexName": "lsi", "KeySchema": keys("p", "p"), "Projection": {"ProjectionType": "ALL"}}
                ]
            },
            "have the same name",
        ),
        (
            {
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "gsi",
                        "KeySchema": keys("p"),
                        "Projection": {"ProjectionType": "KEYS_ONLY", "NonKeyAttributes": ["a"]},
                    }
                ]
            },
            "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified",
        ),
    ],
)
def test_a_table_that_can_not_be_is_refused(ddb, wrong, complaint):
    given = {"TableName": "wrong", "KeySchema": keys("p"), "AttributeDefinitions": attributes(p="S"),
             "BillingMode": "PAY_PER_REQUEST"}
    assert complaint in refused(ddb.create_table, **{**given, **wrong})


def test_an_index_is_added_to_a_full_table_and_taken_away(ddb, make):
    name = make()
    for n in range(300):
        ddb.put_item(TableName=name, Item={"p": {"S": str(n)}, "g": {"S": "all"}})
    ddb.update_table(TableName=name, AttributeDefinitions=attributes(g="S"), GlobalSecondaryIndexUpdates=[
        {"Create": {"IndexName": "by-g", "KeySchema": keys("g"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"}}}])

    def index():
        return ddb.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [{}])[0]

    until(lambda: index()["IndexStatus"] == "ACTIVE")
    assert index()["ItemCount"] == 300
    assert ddb.query(TableName=name, IndexName="by-g", KeyConditionExpression="g = :g",
                     ExpressionAttributeValues={":g": {"S": "all"}})["Count"] == 300
    ddb.update_table(TableName=name, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-g"}}])
    assert index() == {}


def test_a_protected_table_can_not_be_deleted(ddb, make):
    name = make(DeletionProtectionEnabled=True)
    assert "protected against deletion" in refused(ddb.delete_table, TableName=name)
    ddb.update_table(TableName=name, DeletionProtectionEnabled=False)
    ddb.delete_table(TableName=name)


def test_billing_can_be_changed(ddb, make):
    name = make()
    ddb.update_table(TableName=name, BillingMode="PROVISIONED",
                     ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 2})
    table = ddb.describe_table(TableName=name)["Table"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 2
    assert "The provisioned throughput for the table will not change" in refused(
        ddb.update_table, TableName=name, ProvisionedThroughput={"ReadCapacityUnits": 1,
                                                                 "WriteCapacityUnits": 2})


def test_tags_are_set_listed_and_removed(ddb, make):
    name = make(Tags=[{"Key": "team", "Value": "blue"}])
    arn = ddb.describe_table(TableName=name)["Table"]["TableArn"]
    ddb.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    ddb.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert ddb.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]


def test_items_and_bytes_are_counted(ddb, make):
    name = make()
    for n in range(3):
        ddb.put_item(TableName=name, Item={"p": {"S": f"item{n}"}, "n": {"N": "10"}})
    table = ddb.describe_table(TableName=name)["Table"]
    assert (table["ItemCount"], table["TableSizeBytes"]) == (3, 3 * (1 + 5 + 1 + 2))


def test_what_is_not_honoured_is_refused(ddb):
    assert "encrypts nothing" in refused(
        ddb.create_table, "NotHonoured", TableName="secret", BillingMode="PAY_PER_REQUEST",
        KeySchema=keys("p"),
        AttributeDefinitions=attributes(p="S"), SSESpecification={"Enabled": True})


def test_an_item_goes_when_its_time_has_come(fresh):
    running = fresh()
    ddb = running.client("dynamodb")
    ddb.create_table(TableName="ttl", KeySchema=keys("p"), AttributeDefinitions=attributes(p="S"),
                     BillingMode="PAY_PER_REQUEST")
    running.control("clock", {"freeze": True})
    now = int(time.time())
    for key, at in (("before", now + 100), ("never", None)):
        ddb.put_item(TableName="ttl", Item={"p": {"S": key}, **({"at": {"N": str(at)}} if at else {})})
    ddb.update_time_to_live(TableName="ttl", TimeToLiveSpecification={"AttributeName": "at", "Enabled": True})
    assert ddb.describe_time_to_live(TableName="ttl")["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED", "AttributeName": "at"}
    ddb.put_item(TableName="ttl", Item={"p": {"S": "soon"}, "at": {"N": str(now + 50)}})
    ddb.put_item(TableName="ttl", Item={"p": {"S": "moved"}, "at": {"N": str(now + 60)}})
    ddb.put_item(TableName="ttl", Item={"p": {"S": "moved"}, "at": {"N": str(now + 9_000)}})

    def left():
        return sorted(item["p"]["S"] for item in ddb.scan(TableName="ttl")["Items"])

    assert left() == ["before", "moved", "never", "soon"]
    running.advance(70)
    assert until(lambda: left() == ["before", "moved", "never"])
    running.advance(70)
    assert until(lambda: left() == ["moved", "never"])
    running.advance(10_000)
    assert until(lambda: left() == ["never"])


def test_tables_and_items_survive_a_restart(fresh):
    running = fresh()
    ddb = running.client("dynamodb")
    ddb.create_table(TableName="kept", KeySchema=keys("p"), AttributeDefinitions=attributes(p="S"),
                     BillingMode="PAY_PER_REQUEST")
    ddb.put_item(TableName="kept", Item={"p": {"S": "x"}})
    running.stop()
    again = fresh().client("dynamodb")
    assert again.get_item(TableName="kept", Key={"p": {"S": "x"}})["Item"] == {"p": {"S": "x"}}
