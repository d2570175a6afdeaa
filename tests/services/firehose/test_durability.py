"""After SIGKILL at any instant every record that was acknowledged is in an object, and in one only."""

import random
import threading
from collections import Counter

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from cloudlet.services.firehose import batches

from ...laws.test_crash import Victim
from .conftest import ROLE, eventually

KILLS = 3


@pytest.fixture
def victim(tmp_path):
    """A cloudlet in a process of its own."""
    victim = Victim(tmp_path / "data", "process")
    victim.start()
    yield victim
    victim.kill()
    victim.log.close()


def lines(victim):
    """How often each record is in the bucket."""
    s3 = victim.client("s3")
    keys = [one["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="kept")
            for one in page.get("Contents", [])]
    return Counter(line for key in keys
                   for line in s3.get_object(Bucket="kept", Key=key)["Body"].read().decode().split())


def test_what_is_acknowledged_is_written_once(victim):
    victim.client("s3").create_bucket(Bucket="kept")
    victim.client("firehose").create_delivery_stream(
        DeliveryStreamName="s", ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::kept",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}})
    sent, acknowledged = set(), set()
    moment = random.Random(3)
    for kill in range(KILLS):
        over, client = threading.Event(), victim.client("firehose")

        def put(kill=kill, over=over, firehose=client):
            for n in range(10_000):
                text = f"{kill}-{n}"
                sent.add(text)
                try:
                    firehose.put_record(DeliveryStreamName="s", Record={"Data": f"{text}\n".encode()})
                except (BotoCoreError, ClientError):
                    return
                acknowledged.add(text)
                if over.is_set():
                    return

        worker = threading.Thread(target=put)
        worker.start()
        over.wait(moment.uniform(0.2, 0.6))
        victim.kill()
        over.set()
        worker.join()
        victim.start()
    eventually(lambda: acknowledged <= lines(victim).keys())
    found = lines(victim)
    assert acknowledged <= found.keys() <= sent and set(found.values()) == {1}


def test_a_step_that_broke_off_behind_its_object_does_not_write_it_twice(fresh, stream, monkeypatch):
    running = fresh()
    made = stream(running)
    made.s3.put_bucket_versioning(Bucket=made.bucket, VersioningConfiguration={"Status": "Enabled"})
    settle, broken = batches.settle, []

    def once(call, batch):
        broken.append(batch)
        if len(broken) == 1:
            raise RuntimeError("as if the program had ended here")
        settle(call, batch)

    monkeypatch.setattr(batches, "settle", once)
    made.put(b"x")
    made.objects()
    eventually(lambda: running.advance(1) or len(broken) > 1)
    assert len(made.s3.list_object_versions(Bucket=made.bucket)["Versions"]) == 1
