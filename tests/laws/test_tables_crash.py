"""A table whose cloudlet is killed while it is written, replicated, backed up and restored."""

import threading
import time
from contextlib import suppress

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .test_crash import QUICK, Victim

KILLS, WRITES, ITEMS = 2, 25, 1500


@pytest.fixture
def victim(tmp_path):
    found = Victim(tmp_path / "data", "process")
    found.start()
    yield found
    found.kill()
    found.log.close()


def client(victim, region="us-east-1"):
    return boto3.client("dynamodb", endpoint_url=f"http://127.0.0.1:{victim.port}", region_name=region,
                        aws_access_key_id="test", aws_secret_access_key="test", config=QUICK)


def write(victim, name, told):
    """Write numbers, and note those that were acknowledged, until the cloudlet is gone."""
    ddb = client(victim)
    with suppress(BotoCoreError, ClientError):
        for number in range(len(told), len(told) + 10_000):
            ddb.put_item(TableName="source", Item={"p": {"S": f"{name}-{number}"}})
            told.append(number)


def keys(ddb, table):
    pages = ddb.get_paginator("scan").paginate(TableName=table)
    return {item["p"]["S"] for page in pages for item in page["Items"]}


def until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "it never came true"


def test_replicas_backups_and_restores_survive_being_killed_in_the_middle_of_them(victim):
    ddb = client(victim)
    ddb.create_table(TableName="source", BillingMode="PAY_PER_REQUEST",
                     KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                     AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])
    for start in range(0, ITEMS, 25):
        ddb.batch_write_item(RequestItems={"source": [
            {"PutRequest": {"Item": {"p": {"S": f"first-{n}"}}}} for n in range(start, start + 25)]})
    first = {f"first-{n}" for n in range(ITEMS)}
    told, restored = {"a": [], "b": []}, []
    for kill in range(KILLS):
        ddb = client(victim)
        threads = [threading.Thread(target=write, args=(victim, name, told[name])) for name in told]
        before = len(told["a"])
        for one in threads:
            one.start()
        backup = ddb.create_backup(TableName="source", BackupName=f"backup-{kill}")["BackupDetails"][
            "BackupArn"
        ]
        if kill == 0:
            ddb.update_table(TableName="source", ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
        while len(told["a"]) < before + WRITES:
            pass
        victim.kill()
        for one in threads:
            one.join()
        victim.start()
        ddb = client(victim)
        until(lambda ddb=ddb, backup=backup: ddb.describe_backup(BackupArn=backup)[
            "BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
        restored.append(f"restored-{kill}")
        ddb.restore_table_from_backup(TargetTableName=restored[-1], BackupArn=backup)
    victim.kill()  # in the middle of a restore
    victim.start()
    ddb, europe = client(victim), client(victim, "eu-west-1")
    for name in restored:
        until(lambda name=name: ddb.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
        assert first <= keys(ddb, name)
    until(lambda: europe.describe_table(TableName="source")["Table"]["TableStatus"] == "ACTIVE")
    there = keys(ddb, "source")
    assert first | {f"{name}-{number}" for name, numbers in told.items() for number in numbers} <= there
    assert keys(europe, "source") == there
