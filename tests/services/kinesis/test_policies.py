"""Resource policies: what other accounts may do."""

import json

import pytest

OTHER = "111122223333"


@pytest.fixture
def other(cloudlet):
    """Somebody of another account."""
    return cloudlet.client("kinesis", key=OTHER)


def allow(arn, *actions, principal=OTHER):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": principal}, "Resource": arn,
        "Action": [f"kinesis:{one}" for one in actions]}]})


def test_another_account_may_do_what_the_policy_lets_it_and_nothing_else(make, other, refused):
    stream = make()
    asks = {
        "PutRecord": lambda: other.put_record(StreamARN=stream.arn, Data=b"from afar", PartitionKey="k"),
        "ListShards": lambda: other.list_shards(StreamARN=stream.arn),
        "GetShardIterator": lambda: other.get_shard_iterator(
            StreamARN=stream.arn, ShardId="0", ShardIteratorType="TRIM_HORIZON"),
        "DeleteStream": lambda: other.delete_stream(StreamARN=stream.arn)}
    for name, ask in asks.items():
        code, said = refused(ask)
        assert code == "AccessDeniedException"
        assert f"not authorized to perform: kinesis:{name} on resource: {stream.arn}" in said
    policy = allow(stream.arn, "PutRecord", "ListShards", "GetShardIterator")
    stream.client.put_resource_policy(ResourceARN=stream.arn, Policy=policy)
    assert stream.client.get_resource_policy(ResourceARN=stream.arn)["Policy"] == policy
    asks["PutRecord"]()
    asks["ListShards"]()
    iterator = asks["GetShardIterator"]()["ShardIterator"]
    assert refused(asks["DeleteStream"])[0] == "AccessDeniedException"
    assert refused(other.get_records, ShardIterator=iterator)[0] == "AccessDeniedException"
    stream.client.put_resource_policy(ResourceARN=stream.arn, Policy=allow(stream.arn, "GetRecords"))
    record, = other.get_records(ShardIterator=iterator)["Records"]
    assert record["Data"] == b"from afar"
    assert refused(asks["PutRecord"])[0] == "AccessDeniedException"
    stream.client.delete_resource_policy(ResourceARN=stream.arn)
    assert refused(other.get_records, ShardIterator=iterator)[0] == "AccessDeniedException"


def test_a_consumer_has_a_policy_of_its_own(make, other, refused):
    stream = make()
    arn = stream.consumer()
    ask = {"ConsumerARN": arn, "ShardId": "0", "StartingPosition": {"Type": "TRIM_HORIZON"}}
    assert refused(other.subscribe_to_shard, **ask)[0] == "AccessDeniedException"
    stream.client.put_resource_policy(ResourceARN=arn, Policy=allow(arn, "SubscribeToShard"))
    stream.put(b"x")
    feed = other.subscribe_to_shard(**ask)["EventStream"]
    record, = next(iter(feed))["SubscribeToShardEvent"]["Records"]
    feed.close()
    assert record["Data"] == b"x"
    assert refused(other.describe_stream_consumer, ConsumerARN=arn)[0] == "AccessDeniedException"
    assert (
        refused(stream.client.get_resource_policy, ResourceARN=stream.arn)[0] == "ResourceNotFoundException"
    )


def test_a_policy_is_its_owners_matter_and_well_formed(make, other, refused):
    stream = make()
    put = {"ResourceARN": stream.arn, "Policy": allow(stream.arn, "*")}
    assert refused(other.put_resource_policy, **put)[0] == "AccessDeniedException"
    stream.client.put_resource_policy(**put)
    assert refused(other.get_resource_policy, ResourceARN=stream.arn)[0] == "AccessDeniedException"
    for policy in ("{", json.dumps({"Version": "2012-10-17"}), allow(stream.arn + "x", "PutRecord")):
        assert refused(stream.client.put_resource_policy, ResourceARN=stream.arn, Policy=policy)[0] == (
            "InvalidArgumentException")
