"""A stream that feeds a function, killed again and again: every change arrives, an item's in their order."""

import io
import time
import zipfile
from functools import partial

import pytest

from .test_crash import Victim

ITEMS, CHANGES, KILLS = 4, 40, 2
HANDLER = """
import boto3
table = boto3.client("dynamodb")

def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        table.update_item(TableName="heard", Key={"pk": image["pk"]},
                          UpdateExpression="SET ns = list_append(if_not_exists(ns, :none), :one)",
                          ExpressionAttributeValues={":one": {"L": [image["n"]]}, ":none": {"L": []}})
"""


@pytest.fixture
def victim(tmp_path):
    found = Victim(tmp_path / "data", "process")
    found.start()
    yield found
    found.kill()
    found.log.close()


def package():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", HANDLER)
    return packed.getvalue()


def heard(ddb, items):
    """What the function was given of each item, each number where it came first."""
    found = {}
    for item in items:
        row = ddb.get_item(TableName="heard", Key={"pk": {"S": item}}).get("Item", {})
        numbers = [int(one["N"]) for one in row.get("ns", {"L": []})["L"]]
        found[item] = list(dict.fromkeys(numbers))
    return found


def has_heard(ddb, items, number):
    """Whether anything from ``number`` on has reached the function."""
    return any(max(numbers, default=-1) >= number for numbers in heard(ddb, items).values())


def until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_a_killed_cloudlet_gives_its_function_every_change_in_order(victim):
    ddb, functions = victim.client("dynamodb"), victim.client("lambda")
    streamed = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}}
    for name, extra in (("heard", {}), ("items", streamed)):
        made = ddb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            **extra)["TableDescription"]
    functions.create_function(FunctionName="hear", Role="arn:aws:iam::000000000000:role/any", Timeout=20,
                              Runtime="python3.11", Handler="app.handler", Code={"ZipFile": package()})
    functions.create_event_source_mapping(
        EventSourceArn=made["LatestStreamArn"], FunctionName="hear", BatchSize=5,
        StartingPosition="TRIM_HORIZON", ParallelizationFactor=2)
    acknowledged = {f"i{number}": [] for number in range(ITEMS)}
    for kill in range(KILLS):
        for change in range(CHANGES):
            item = f"i{change % ITEMS}"
            number = kill * CHANGES + change
            ddb.put_item(TableName="items", Item={"pk": {"S": item}, "n": {"N": str(number)}})
            acknowledged[item].append(number)
        until(partial(has_heard, ddb, acknowledged, kill * CHANGES))
        victim.kill()  # in the middle of it
        victim.start()
        ddb = victim.client("dynamodb")
    until(lambda: heard(ddb, acknowledged) == acknowledged)
