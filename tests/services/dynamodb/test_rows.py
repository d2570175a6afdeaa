"""Items as they lie in the store: whichever way they are read, they come as they were written."""

import asyncio

import msgspec
import pytest

from cloudlet.identity.principal import root
from cloudlet.services.dynamodb import rows, tables

EVERYTHING = {
    "text": {"S": 'quotes " and \\, ä, 日本, 🙂 and \x00\x1f'}, "empty": {"S": ""},
    "number": {"N": "-1234567890.1234567890123456789012345678"}, "tiny": {"N": "0." + "0" * 129 + "1"},
    "bytes": {"B": bytes(range(256))}, "no-bytes": {"B": b""},
    "yes": {"BOOL": True}, "nothing": {"NULL": True},
    "list": {"L": [{"S": "a"}, {"L": []}, {"M": {}}, {"B": b"\xff"}]},
    "map": {"M": {"ä": {"M": {"deep": {"BS": [b"\x00", b"z"]}}}, "S": {"S": "S"}}},
    "texts": {"SS": ["a", "ä"]}, "numbers": {"NS": ["-1", "0.5", "2"]},
    "blobs": {"BS": [b"\x00", b"\xff\xfe"]}}


@pytest.fixture
def name(make):
    return make("p:S", "c:N", attributes=["g:S"], GlobalSecondaryIndexes=[
        {"IndexName": "by-g", "Projection": {"ProjectionType": "ALL"},
         "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}])


def item(n):
    return {"p": {"S": "p"}, "c": {"N": str(n)}, "g": {"S": "g"}, **EVERYTHING}


def key(n):
    return {"p": {"S": "p"}, "c": {"N": str(n)}}


def ways(ddb, name):
    """Every way to read the whole items 0 and 1."""
    where = {"TableName": name, "KeyConditionExpression": "p = :p",
             "ExpressionAttributeValues": {":p": {"S": "p"}}}
    keys = [key(0), key(1)]
    yield "GetItem", [ddb.get_item(TableName=name, Key=one)["Item"] for one in keys]
    yield "Query", ddb.query(**where)["Items"]
    first = ddb.query(**where, Limit=1)
    rest = ddb.query(**where, ExclusiveStartKey=first["LastEvaluatedKey"])
    yield "pages", first["Items"] + rest["Items"]
    yield "a filter", ddb.query(**where, FilterExpression="attribute_exists(#e)",
                                ExpressionAttributeNames={"#e": "empty"})["Items"]
    yield "backwards", ddb.query(**where, ScanIndexForward=False)["Items"][::-1]
    yield "an index", ddb.query(TableName=name, IndexName="by-g", KeyConditionExpression="g = :g",
                                ExpressionAttributeValues={":g": {"S": "g"}})["Items"]
    yield "Scan", ddb.scan(TableName=name)["Items"]
    found = ddb.batch_get_item(RequestItems={name: {"Keys": keys}})["Responses"][name]
    yield "BatchGetItem", sorted(found, key=lambda one: one["c"]["N"])
    yield "TransactGetItems", [one["Item"] for one in ddb.transact_get_items(
        TransactItems=[{"Get": {"TableName": name, "Key": one}} for one in keys])["Responses"]]
    yield "PartiQL", ddb.execute_statement(Statement=f"SELECT * FROM \"{name}\" WHERE p = 'p'")["Items"]


def inside(cloudlet, work):
    """What ``work`` gives, in one transaction of the cloudlet."""
    call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "dynamodb")
    return asyncio.run_coroutine_threadsafe(call.transact(work), cloudlet._loop).result(10)


def age(cloudlet, name):
    """Write all rows as they were written once: four bytes of size, and the item as MessagePack."""
    def rewrite(call):
        table = tables.find(call, name)
        for at, raw in list(call.tx.scan(*rows.everything(call.account, call.region, table.rows, 0))):
            row = rows.row_of(raw)
            call.tx.put(at, row.size.to_bytes(4, "big") + msgspec.msgpack.encode(row.item))
    inside(cloudlet, rewrite)


@pytest.mark.parametrize("old", [False, True])
def test_an_item_comes_as_it_was_written_whichever_way_it_is_read(ddb, cloudlet, name, old):
    for n in range(2):
        ddb.put_item(TableName=name, Item=item(n))
    if old:
        age(cloudlet, name)
    for way, found in ways(ddb, name):
        assert found == [item(0), item(1)], way


@pytest.mark.parametrize("old", [False, True])
def test_an_item_counts_for_its_size_and_can_be_changed(ddb, cloudlet, name, old):
    ddb.put_item(TableName=name, Item={**key(0), "v": {"N": "1"}})
    if old:
        age(cloudlet, name)
    assert ddb.describe_table(TableName=name)["Table"]["TableSizeBytes"] == 7
    change = ddb.update_item(TableName=name, Key=key(0), UpdateExpression="ADD v :one",
                             ReturnValues="UPDATED_NEW", ConditionExpression="v = :one",
                             ExpressionAttributeValues={":one": {"N": "1"}})
    assert change["Attributes"] == {"v": {"N": "2"}}
    before = ddb.delete_item(TableName=name, Key=key(0), ReturnValues="ALL_OLD")["Attributes"]
    assert before == {**key(0), "v": {"N": "2"}}


def test_whoever_asks_from_inside_gets_values_and_not_their_bytes(ddb, cloudlet, name):
    ddb.put_item(TableName=name, Item=item(0))
    call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "dynamodb")

    async def ask():
        one = await call.invoke("dynamodb", "GetItem", TableName=name, Key=key(0))
        return one["Item"], (await call.invoke("dynamodb", "Scan", TableName=name))["Items"]

    found = asyncio.run_coroutine_threadsafe(ask(), cloudlet._loop).result(10)
    assert found == (item(0), [item(0)])
