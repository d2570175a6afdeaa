"""Stories of what a table's stream holds; the service that reads it has stories of its own."""

import asyncio

from cloudlet.identity import root
from cloudlet.services.dynamodb import changes


def told(cloudlet, table, label):
    """The changes in the stream of a table."""
    call = cloudlet.cloudlet.kernel.conversation(root("000000000000"), "dynamodb")
    read = call.transact(lambda inner: [change for _, change in changes.log.after(inner, table, label)])
    return asyncio.run_coroutine_threadsafe(read, cloudlet._loop).result(20)


def test_every_change_is_told_with_its_images(cloudlet, ddb, make):
    name = make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    table = ddb.describe_table(TableName=name)["Table"]
    assert table["LatestStreamArn"] == f"{table['TableArn']}/stream/{table['LatestStreamLabel']}"
    key = {"p": {"S": "x"}}
    for count in ("1", "2", "2"):
        ddb.put_item(TableName=name, Item={**key, "n": {"N": count}})
    ddb.delete_item(TableName=name, Key=key)
    ddb.delete_item(TableName=name, Key=key)
    found = told(cloudlet, name, table["LatestStreamLabel"])
    assert [(one.name, (one.old or {}).get("n"), (one.new or {}).get("n")) for one in found] == [
        ("INSERT", None, {"N": "1"}), ("MODIFY", {"N": "1"}, {"N": "2"}), ("REMOVE", {"N": "2"}, None)]
    assert found[0].keys == key


def test_a_stream_that_ends_tells_nothing_more(cloudlet, ddb, make):
    name = make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    label = ddb.describe_table(TableName=name)["Table"]["LatestStreamLabel"]
    ddb.put_item(TableName=name, Item={"p": {"S": "x"}})
    ddb.update_table(TableName=name, StreamSpecification={"StreamEnabled": False})
    ddb.put_item(TableName=name, Item={"p": {"S": "y"}})
    found = told(cloudlet, name, label)
    assert [(one.keys, one.old, one.new) for one in found] == [({"p": {"S": "x"}}, None, None)]
