"""Tables with replicas in other regions."""

import pytest

from cloudlet.errors import AwsError

from .test_backups import inside, items, put, refusal, status


@pytest.fixture(scope="module")
def still(cloudlet):
    cloudlet.control("clock", {"freeze": True})
    return cloudlet


@pytest.fixture
def europe(still):
    return still.client("dynamodb", region="eu-west-1")


@pytest.fixture
def asia(still):
    return still.client("dynamodb", region="ap-south-1")


@pytest.fixture
def settle(still):
    return lambda: still.advance(0)


def replicate(ddb, table, region, **more):
    return ddb.update_table(TableName=table, ReplicaUpdates=[{"Create": {"RegionName": region, **more}}])


def replicas(ddb, table):
    return {one["RegionName"]: one["ReplicaStatus"]
            for one in ddb.describe_table(TableName=table)["Table"].get("Replicas", ())}


def changes(still, ddb, table, region):
    streams = still.client("dynamodbstreams", region=region)
    arn = ddb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    found = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                              ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        found += streams.get_records(ShardIterator=iterator)["Records"]
    return found


def test_a_replica_gets_what_was_there_and_what_is_written_anywhere_since(ddb, make, europe, asia, settle):
    table = make()
    put(ddb, table, "before")
    replicate(ddb, table, "eu-west-1")
    settle()
    assert replicas(ddb, table) == {"eu-west-1": "ACTIVE"} and replicas(europe, table) == {
        "us-east-1": "ACTIVE"
    }
    assert ddb.describe_table(TableName=table)["Table"]["GlobalTableVersion"] == "2019.11.21"
    put(ddb, table, "here")
    put(europe, table, "there")
    replicate(europe, table, "ap-south-1")
    settle()
    put(asia, table, "here", v={"S": "asia"})
    ddb.delete_item(TableName=table, Key={"p": {"S": "before"}})
    for client in (ddb, europe, asia):
        assert items(client, table) == [("here", "asia"), ("there", "")]
    assert set(replicas(asia, table)) == {"us-east-1", "eu-west-1"}


def test_the_last_writer_wins_everywhere(ddb, make, europe, settle):
    table = make()
    replicate(ddb, table, "eu-west-1")
    settle()
    for n, client in enumerate((ddb, europe, ddb, europe)):
        put(client, table, "k", v={"S": str(n)})
    assert items(ddb, table) == items(europe, table) == [("k", "3")]
    ddb.update_item(TableName=table, Key={"p": {"S": "k"}}, UpdateExpression="SET n = :n",
                    ExpressionAttributeValues={":n": {"N": "1"}})
    assert europe.get_item(TableName=table, Key={"p": {"S": "k"}})["Item"]["n"] == {"N": "1"}


def test_a_large_table_is_copied_while_it_is_written(ddb, make, europe, settle):
    table = make()
    for start in range(0, 2500, 25):
        ddb.batch_write_item(RequestItems={table: [
            {"PutRequest": {"Item": {"p": {"S": f"k{n}"}}}} for n in range(start, start + 25)]})
    replicate(ddb, table, "eu-west-1")
    for n in range(0, 2500, 50):
        put(ddb, table, f"k{n}", v={"S": "new"})
        ddb.delete_item(TableName=table, Key={"p": {"S": f"k{n + 1}"}})
    settle()
    assert len(items(europe, table)) == 2450
    assert items(europe, table) == items(ddb, table)


def test_every_replica_has_a_stream_and_only_where_an_item_expired_is_it_the_services_doing(
        ddb, make, europe, still, settle):
    table = make()
    replicate(ddb, table, "eu-west-1")
    settle()
    ddb.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "t"})
    ttl = europe.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "t"}
    now = int(still.control("clock")["now"])
    put(europe, table, "k", t={"N": str(now + 60)})
    still.advance(120)
    assert items(ddb, table) == items(europe, table) == []
    told = [(one["eventName"], "userIdentity" in one) for client, region in (
        (ddb, "us-east-1"), (europe, "eu-west-1")) for one in changes(still, client, table, region)]
    assert sorted(told) == [("INSERT", False), ("INSERT", False), ("REMOVE", False), ("REMOVE", True)]


def test_indexes_are_made_in_every_region(ddb, make, europe, settle):
    table = make()
    replicate(ddb, table, "eu-west-1")
    settle()
    put(europe, table, "k", v={"S": "red"})
    ddb.update_table(
        TableName=table, AttributeDefinitions=[{"AttributeName": "v", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "by-v", "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}}])
    settle()
    assert europe.scan(TableName=table, IndexName="by-v")["Count"] == 1


def test_a_replica_can_be_removed_and_the_rest_go_on(ddb, make, europe, asia, settle):
    table = make()
    for region in ("eu-west-1", "ap-south-1"):
        replicate(ddb, table, region)
    settle()
    ddb.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": "eu-west-1"}}])
    assert refusal(europe, "describe_table", TableName=table)[0] == "ResourceNotFoundException"
    put(asia, table, "k")
    assert items(ddb, table) == [("k", "")]
    assert replicas(asia, table) == {"us-east-1": "ACTIVE"}
    asia.delete_table(TableName=table)
    assert replicas(ddb, table) == {}
    put(ddb, table, "alone")
    assert status(ddb, table) == "ACTIVE"


def test_a_table_stays_until_its_new_replica_is_filled(ddb, make, europe, still, settle):
    table = make()

    def busy(call):
        call.invoke("dynamodb", "UpdateTable", TableName=table,
                    ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])
        with pytest.raises(AwsError, match="has a replica that is being created"):
            call.invoke("dynamodb", "DeleteTable", TableName=table)

    inside(still, busy)
    settle()
    assert refusal(ddb, "update_table", TableName=table, BillingMode="PROVISIONED",
                   ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})[0] == (
        "ValidationException")
    ddb.delete_table(TableName=table)
    put(europe, table, "alone")
    assert replicas(europe, table) == {}


def test_what_can_not_be_replicated_says_why(ddb, make, europe, settle):
    table = make()
    code, message = refusal(ddb, "update_table", TableName=table,
                            ReplicaUpdates=[{"Create": {"RegionName": "us-east-1"}}])
    assert (code, message[:32]) == ("ValidationException", "Cannot add, delete, or update th")
    provisioned = make(BillingMode="PROVISIONED",
                       ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
    assert refusal(ddb, "update_table", TableName=provisioned,
                   ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])[1] == (
        "Table write capacity should either be Pay-Per-Request or AutoScaled.")
    assert refusal(ddb, "update_table", TableName=table, ReplicaUpdates=[
        {"Create": {"RegionName": "eu-west-1", "KMSMasterKeyId": "alias/x"}}])[0] == "NotHonoured"
    keys = make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    assert refusal(ddb, "update_table", TableName=keys,
                   ReplicaUpdates=[{"Create": {"RegionName": "eu-west-1"}}])[0] == "ValidationException"
    assert refusal(ddb, "create_global_table", GlobalTableName=table,
                   ReplicationGroup=[{"RegionName": "eu-west-1"}])[0] == "NotHonoured"
    replicate(ddb, table, "eu-west-1")
    settle()
    assert refusal(ddb, "update_table", TableName=table, StreamSpecification={"StreamEnabled": False})[0] == (
        "ValidationException")
