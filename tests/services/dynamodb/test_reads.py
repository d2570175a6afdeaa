"""Stories of Query and Scan."""

import pytest
from botocore.exceptions import ClientError

P = {"S": "p"}


def number(value):
    return {"N": str(value)}


@pytest.fixture(scope="module")
def table(cloudlet):
    """Twenty items of one partition with sort keys from -10 to 9, and two indexes."""
    ddb = cloudlet.client("dynamodb")
    ddb.create_table(
        TableName="reads", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"},
                              {"AttributeName": "c", "AttributeType": "N"},
                              {"AttributeName": "g", "AttributeType": "S"}, {"AttributeName": "t",
                                                                             "AttributeType": "S"}],
        GlobalSecondaryIndexes=[{"IndexName": "by-g", "Projection": {"ProjectionType": "KEYS_ONLY"},
                                 "KeySchema": [
            {"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}]}],
        LocalSecondaryIndexes=[{"IndexName": "by-t", "KeySchema": [
            {"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "t", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["even"]}}])
    for c in range(-10, 10):
        item = {"p": P, "c": number(c), "t": {"S": f"t{c % 5}"}, "even": {"BOOL": c % 2 == 0},
                "x": {"S": "more"}}
        if c >= 0:
            item["g"] = {"S": f"group{c % 2}"}
        ddb.put_item(TableName="reads", Item=item)
    return "reads"


def query(ddb, condition, values, **more):
    found = ddb.query(TableName="reads", KeyConditionExpression=condition,
                      ExpressionAttributeValues={":p": P, **values}, **more)
    return [int(item["c"]["N"]) for item in found["Items"]]


@pytest.mark.parametrize("condition, expected", [
    ("p = :p AND c = :a", [2]), ("p = :p AND c < :a", list(range(-10, 2))), ("p = :p AND c <= :a",
                                                                             list(range(-10, 3))),
    ("p = :p AND c > :a", list(range(3, 10))), (":a <= c AND p = :p", list(range(2, 10)))])
def test_a_key_condition_finds_its_range(ddb, table, condition, expected):
    assert query(ddb, condition, {":a": number(2)}) == expected


def test_numbers_are_in_order_both_ways_and_between_bounds(ddb, table):
    values = {":a": number(-3), ":b": number("1.5")}
    assert query(ddb, "p = :p AND c BETWEEN :a AND :b", values) == [-3, -2, -1, 0, 1]
    assert query(ddb, "p = :p AND c BETWEEN :a AND :b", values, ScanIndexForward=False) == [1, 0, -1, -2, -3]


def test_pages_follow_one_another(ddb, table):
    found, key = [], {}
    while True:
        page = ddb.query(TableName="reads", KeyConditionExpression="p = :p", Limit=6,
                         ExpressionAttributeValues={":p": P}, **key)
        found += [int(item["c"]["N"]) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        assert page["Count"] == 6
        key = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == list(range(-10, 10))


def test_a_filter_is_applied_after_the_limit(ddb, table):
    page = ddb.query(TableName="reads", KeyConditionExpression="p = :p", FilterExpression="even = :t",
                     Limit=5,
                     ExpressionAttributeValues={":p": P, ":t": {"BOOL": True}})
    assert (page["Count"], page["ScannedCount"]) == (3, 5)


def test_a_megabyte_is_a_page(ddb, make):
    name = make("p:S", "c:N")
    for c in range(4):
        ddb.put_item(TableName=name, Item={"p": P, "c": number(c), "x": {"S": "y" * 390_000}})
    page = ddb.scan(TableName=name)
    assert (page["Count"], page["LastEvaluatedKey"]) == (3, {"p": P, "c": number(2)})
    assert ddb.scan(TableName=name, ExclusiveStartKey=page["LastEvaluatedKey"])["Count"] == 1


def test_a_global_index_has_the_items_that_have_its_key(ddb, table):
    values = {":g": {"S": "group1"}, ":a": number(3)}
    found = ddb.query(TableName="reads", IndexName="by-g", KeyConditionExpression="g = :g AND c > :a",
                      ExpressionAttributeValues=values)["Items"]
    assert found == [{"g": {"S": "group1"}, "p": P, "c": number(c)} for c in (5, 7, 9)]
    assert ddb.scan(TableName="reads", IndexName="by-g", Select="COUNT")["Count"] == 10


def test_an_index_follows_its_items(ddb, make):
    name = make("p:S", attributes=("g:S",), GlobalSecondaryIndexes=[
        {"IndexName": "by-g", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
         "Projection": {"ProjectionType": "ALL"}}])

    def found(group):
        return [item["p"]["S"] for item in ddb.query(
            TableName=name, IndexName="by-g", KeyConditionExpression="g = :g",
            ExpressionAttributeValues={":g": {"S": group}})["Items"]]

    ddb.put_item(TableName=name, Item={"p": P, "g": {"S": "one"}})
    ddb.update_item(TableName=name, Key={"p": P}, UpdateExpression="SET g = :g",
                    ExpressionAttributeValues={":g": {"S": "two"}})
    assert (found("one"), found("two")) == ([], ["p"])
    ddb.delete_item(TableName=name, Key={"p": P})
    assert found("two") == []
    with pytest.raises(ClientError, match="Type mismatch for Index Key g Expected: S Actual: N IndexName: "
                                          "by-g"):
        ddb.put_item(TableName=name, Item={"p": P, "g": number(1)})


def test_a_local_index_reaches_for_what_it_does_not_hold(ddb, table):
    ask = {"TableName": "reads", "IndexName": "by-t",
           "KeyConditionExpression": "p = :p AND begins_with(t, :t)",
           "ExpressionAttributeValues": {":p": P, ":t": {"S": "t3"}}, "ConsistentRead": True, "Limit": 1}
    assert set(ddb.query(**ask)["Items"][0]) == {"p", "c", "t", "even"}
    assert "x" in ddb.query(**ask, Select="ALL_ATTRIBUTES")["Items"][0]
    assert ddb.query(**ask, ProjectionExpression="x")["Items"] == [{"x": {"S": "more"}}]


def test_what_a_local_index_reaches_for_costs_a_read_of_the_table_each(ddb, table):
    ask = {"TableName": "reads", "IndexName": "by-t", "KeyConditionExpression": "p = :p",
           "ExpressionAttributeValues": {":p": P}, "ReturnConsumedCapacity": "INDEXES"}
    near = ddb.query(**ask)["ConsumedCapacity"]
    far = ddb.query(**ask, Select="ALL_ATTRIBUTES")["ConsumedCapacity"]
    assert [(one["Table"]["CapacityUnits"], one["LocalSecondaryIndexes"]["by-t"]["CapacityUnits"])
            for one in (near, far)] == [(0, 0.5), (10, 0.5)]


def test_segments_together_are_the_whole_table(ddb, make):
    name = make()
    for n in range(40):
        ddb.put_item(TableName=name, Item={"p": {"S": f"item{n}"}})
    parts = [{item["p"]["S"] for item in ddb.scan(TableName=name, Segment=n, TotalSegments=4)["Items"]}
             for n in range(4)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40
    assert all(parts)


@pytest.mark.parametrize("ask, complaint", [
    ({"KeyConditionExpression": "c = :a"}, "Query condition missed key schema element: p"),
    ({"KeyConditionExpression": "p > :a"}, "Query key condition not supported"),
    ({"KeyConditionExpression": "p = :p AND c > :a AND c < :a"},
     "Invalid KeyConditionExpression: KeyConditionExpressions must only contain one condition per key"),
    ({"KeyConditionExpression": "p = :p AND c > :a AND x = :a"},
     "The number of query conditions (3) exceeds the number of key attributes defined in the schema (2)"),
    ({"KeyConditionExpression": "p = :p AND x = :a"}, "Query condition missed key schema element: c"),
    ({"KeyConditionExpression": "p = :p OR c = :a"}, "Invalid operator used in KeyConditionExpression: OR"),
    ({"KeyConditionExpression": "p = :p AND c = :a AND c = :a"},
     "KeyConditionExpressions must only contain one condition per key"),
    ({"KeyConditionExpression": "p = :p", "FilterExpression": "c = :a"},
     "Filter Expression can only contain non-primary key attributes: Primary key attribute: c"),
    ({"KeyConditionExpression": "p = :p AND c = :a", "IndexName": "nope"},
     "The table does not have the specified index: nope"),
    ({"KeyConditionExpression": "p = :p AND c = :a", "IndexName": "by-g", "ConsistentRead": True},
     "Consistent reads are not supported on global secondary indexes"),
    ({"KeyConditionExpression": "p = :p AND c = :a", "Select": "ALL_PROJECTED_ATTRIBUTES"},
     "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"),
    ({"KeyConditionExpression": "p = :p AND c = :a", "ExclusiveStartKey": {"p": P}},
     "The provided starting key is invalid"),
])
def test_a_query_that_can_not_be_is_told_why(ddb, table, ask, complaint):
    values = {name: value for name, value in {":p": P, ":a": number(1)}.items() if name in str(ask)}
    with pytest.raises(ClientError) as caught:
        ddb.query(TableName="reads", ExpressionAttributeValues=values, **ask)
    assert complaint in caught.value.response["Error"]["Message"]


def test_legacy_conditions_find_the_same(ddb, table):
    found = ddb.query(TableName="reads", KeyConditions={
        "p": {"ComparisonOperator": "EQ", "AttributeValueList": [P]},
        "c": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [number(0), number(5)]}},
        QueryFilter={"even": {"ComparisonOperator": "EQ", "AttributeValueList": [{"BOOL": True}]}})
    assert [int(item["c"]["N"]) for item in found["Items"]] == [0, 2, 4]
    assert ddb.scan(TableName="reads", ScanFilter={
        "g": {"ComparisonOperator": "NOT_NULL"}, "even": {"ComparisonOperator": "NE", "AttributeValueList": [
            {"BOOL": False}]}}, ConditionalOperator="AND")["Count"] == 5


def test_an_index_may_have_keys_of_several_attributes(ddb, make):
    name = make("p:S", attributes=("a:S", "b:N", "c:S", "d:N"), GlobalSecondaryIndexes=[
        {"IndexName": "wide", "Projection": {"ProjectionType": "ALL"}, "KeySchema": [
            {"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "HASH"},
            {"AttributeName": "c", "KeyType": "RANGE"}, {"AttributeName": "d", "KeyType": "RANGE"}]}])
    for n in range(6):
        ddb.put_item(TableName=name, Item={"p": {"S": f"i{n}"}, "a": {"S": "a"}, "b": number(1),
                                           "c": {"S": "x" if n < 3 else "y"}, "d": number(n)})
    found = ddb.query(TableName=name, IndexName="wide",
                      KeyConditionExpression="a = :a AND b = :b AND c = :c AND d > :d",
                      ExpressionAttributeValues={":a": {"S": "a"}, ":b": number(1), ":c": {"S": "y"},
                                                 ":d": number(3)})
    assert [item["p"]["S"] for item in found["Items"]] == ["i4", "i5"]
    with pytest.raises(
        ClientError,
        match="RANGE key attributes c must have equality conditions specified in the "
        "query because a condition is present on key attribute d",
    ):
        ddb.query(TableName=name, IndexName="wide", KeyConditionExpression="a = :a AND b = :b AND d > :b",
                  ExpressionAttributeValues={":a": {"S": "a"}, ":b": number(1)})
