"""A Kinesis stream whose cloudlet is killed while it is written and resharded: nothing told is lost."""

import threading
from contextlib import suppress

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .test_crash import Victim

KILLS, RECORDS = 3, 60


@pytest.fixture
def victim(tmp_path):
    found = Victim(tmp_path / "data", "process")
    found.start()
    yield found
    found.kill()
    found.log.close()


def write(victim, key, told):
    """Write numbers under one key, and note those that were acknowledged, until the cloudlet is gone."""
    client = victim.client("kinesis")
    with suppress(BotoCoreError, ClientError):
        for number in range(len(told), len(told) + RECORDS):
            answer = client.put_record(StreamName="clicks", PartitionKey=key, Data=b"%d" % number)
            told.append((int(answer["SequenceNumber"]), number))


def reshard(victim, count):
    """Split or merge shards meanwhile."""
    with suppress(BotoCoreError, ClientError):
        victim.client("kinesis").update_shard_count(StreamName="clicks", TargetShardCount=count,
                                                    ScalingType="UNIFORM_SCALING")


def kept(client):
    """By key what is there: numbers, in the order of the shards and of what is in them."""
    found = {}
    for shard in client.list_shards(StreamName="clicks")["Shards"]:
        iterator = client.get_shard_iterator(StreamName="clicks", ShardId=shard["ShardId"],
                                             ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        for one in client.get_records(ShardIterator=iterator)["Records"]:
            found.setdefault(one["PartitionKey"], []).append((int(one["SequenceNumber"]), int(one["Data"])))
    return found


def test_a_killed_cloudlet_keeps_every_record_it_acknowledged_in_order(victim):
    victim.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    told = {"a": [], "b": [], "c": []}
    for kill in range(KILLS):
        threads = [threading.Thread(target=write, args=(victim, key, told[key])) for key in told]
        threads.append(threading.Thread(target=reshard, args=(victim, (2, 1, 2)[kill])))
        before = len(told["a"])
        for one in threads:
            one.start()
        while len(told["a"]) < before + RECORDS // 3:
            pass
        victim.kill()  # in the middle of it
        for one in threads:
            one.join()
        victim.start()
    there = kept(victim.client("kinesis"))
    for key, acknowledged in told.items():
        assert set(acknowledged) <= set(there[key])
        numbers = [number for number, _ in there[key]]
        assert numbers == sorted(set(numbers))
    open_ = victim.client("kinesis").describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    assert victim.client("kinesis").describe_limits()["OpenShardCount"] == open_["OpenShardCount"]
