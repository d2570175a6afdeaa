"""Streams as their readers see them."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(1)
DAY = 24 * 3600
KEY = {"p": {"S": "x"}}


class Told:
    """A table with a stream, and what is read from it."""

    def __init__(self, running, *, view="NEW_AND_OLD_IMAGES", billing="PROVISIONED", units=1):
        self.running, self.name = running, f"told-{next(_numbers)}"
        self.ddb, self.client = running.client("dynamodb"), running.client("dynamodbstreams")
        throughput = {"ReadCapacityUnits": units, "WriteCapacityUnits": units}
        made = self.ddb.create_table(
            TableName=self.name, BillingMode=billing, KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
            **({"ProvisionedThroughput": throughput} if billing == "PROVISIONED" else {}))
        self.arn = made["TableDescription"]["LatestStreamArn"]

    def put(self, *names, **more):
        for name in names:
            self.ddb.put_item(TableName=self.name, Item={"p": {"S": name}, **more})

    def describe(self, **more):
        return self.client.describe_stream(StreamArn=self.arn, **more)["StreamDescription"]

    def shards(self):
        return [one["ShardId"] for one in self.describe()["Shards"]]

    def iterator(self, kind="TRIM_HORIZON", shard=None, **more):
        return self.client.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard or self.shards()[-1], ShardIteratorType=kind, **more
        )["ShardIterator"]

    def read(self, kind="TRIM_HORIZON", shard=None, limit=None, **more):
        return self.client.get_records(ShardIterator=self.iterator(kind, shard, **more),
                                       **({"Limit": limit} if limit else {}))

    def keys(self, *args, **more):
        return [one["dynamodb"]["Keys"]["p"]["S"] for one in self.read(*args, **more)["Records"]]


@pytest.fixture
def told(cloudlet):
    return lambda **options: Told(cloudlet, **options)


@pytest.mark.parametrize("view, images", [
    ("KEYS_ONLY", [(False, False)] * 3), ("NEW_IMAGE", [(False, True), (False, True), (False, False)]),
    ("OLD_IMAGE", [(False, False), (True, False), (True, False)]),
    ("NEW_AND_OLD_IMAGES", [(False, True), (True, True), (True, False)])])
def test_every_change_is_told_with_the_images_of_the_view(told, view, images):
    one = told(view=view)
    for count in ("1", "2", "2"):
        one.ddb.put_item(TableName=one.name, Item={**KEY, "n": {"N": count}})
    one.ddb.delete_item(TableName=one.name, Key=KEY)
    one.ddb.delete_item(TableName=one.name, Key=KEY)
    records = one.read()["Records"]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    bodies = [record["dynamodb"] for record in records]
    assert [("OldImage" in body, "NewImage" in body) for body in bodies] == images
    assert [body.get("NewImage", {}).get("n", {}).get("N") for body in bodies] == [
        count if new else None for count, (_, new) in zip(("1", "2", None), images, strict=True)]
    first = records[0]
    assert (first["eventVersion"], first["eventSource"], first["awsRegion"]) == (
        "1.1", "aws:dynamodb", "us-east-1")
    assert first["dynamodb"]["Keys"] == KEY and first["dynamodb"]["StreamViewType"] == view
    assert len({record["eventID"] for record in records}) == 3 and "userIdentity" not in first


def test_a_stream_is_described_with_its_table_and_shards(told):
    one = told(view="KEYS_ONLY")
    table = one.ddb.describe_table(TableName=one.name)["Table"]
    shown = one.describe()
    assert shown["StreamArn"] == table["LatestStreamArn"]
    assert shown["StreamArn"] == f"{table['TableArn']}/stream/{shown['StreamLabel']}"
    assert (shown["StreamStatus"], shown["StreamViewType"], shown["TableName"]) == (
        "ENABLED", "KEYS_ONLY", one.name)
    assert shown["KeySchema"] == [{"AttributeName": "p", "KeyType": "HASH"}]
    shard, = shown["Shards"]
    assert 28 <= len(shard["ShardId"]) <= 65 and "ParentShardId" not in shard
    assert list(shard["SequenceNumberRange"]) == ["StartingSequenceNumber"]
    assert 21 <= len(shard["SequenceNumberRange"]["StartingSequenceNumber"]) <= 40


@pytest.mark.parametrize("options, count", [
    ({"billing": "PAY_PER_REQUEST"}, 4), ({"units": 1}, 1), ({"units": 2000}, 3)])
def test_a_stream_has_as_many_shards_as_its_table_has_partitions(told, options, count):
    one = told(**options)
    names = [f"k{number}" for number in range(60)]
    one.put(*names)
    shards = one.shards()
    assert len(shards) == count and shards == sorted(shards)
    read = [one.keys(shard=shard) for shard in shards]
    assert sorted(key for keys in read for key in keys) == sorted(names) and all(read)
    one.put("k7")  # nothing changes: nothing is told
    one.put("k7", n={"N": "1"})
    assert sorted(one.keys(shard=shard).count("k7") for shard in shards) == [0] * (count - 1) + [2]


def test_streams_are_listed_page_by_page(told):
    one, other = told(), told()
    only, = one.client.list_streams(TableName=one.name)["Streams"]
    assert (only["StreamArn"], only["TableName"]) == (one.arn, one.name)
    seen, more = [], {}
    while True:
        page = one.client.list_streams(Limit=1, **more)
        assert len(page["Streams"]) <= 1
        seen += [found["TableName"] for found in page["Streams"]]
        if "LastEvaluatedStreamArn" not in page:
            break
        more = {"ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"]}
    assert seen.count(one.name) == seen.count(other.name) == 1
    assert one.client.list_streams(TableName="nobody")["Streams"] == []


def test_shards_are_described_page_by_page(told):
    one = told(billing="PAY_PER_REQUEST")
    first = one.describe(Limit=3)
    assert first["LastEvaluatedShardId"] == first["Shards"][-1]["ShardId"]
    rest = one.describe(ExclusiveStartShardId=first["LastEvaluatedShardId"])
    assert [shard["ShardId"] for shard in first["Shards"] + rest["Shards"]] == one.shards()
    assert "LastEvaluatedShardId" not in rest


def test_an_iterator_stands_where_it_is_asked_to(told):
    one = told()
    one.put("a", "b")
    numbers = [record["dynamodb"]["SequenceNumber"] for record in one.read()["Records"]]
    latest = one.iterator("LATEST")
    one.put("c")
    assert one.keys() == ["a", "b", "c"]
    assert one.keys("AT_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == ["b", "c"]
    assert one.keys("AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == ["c"]
    records = one.client.get_records(ShardIterator=latest)
    assert [record["dynamodb"]["Keys"]["p"]["S"] for record in records["Records"]] == ["c"]
    assert one.client.get_records(ShardIterator=records["NextShardIterator"])["Records"] == []


def test_an_iterator_can_stand_at_a_moment(fresh):
    one = Told(fresh())
    one.put("a")
    one.running.advance(100)
    one.put("b", "c")
    now = datetime.fromtimestamp(one.running.control("clock")["now"], UTC)
    assert one.keys("AT_TIMESTAMP", Timestamp=now - timedelta(seconds=50)) == ["b", "c"]
    assert one.keys("AT_TIMESTAMP", Timestamp=now - timedelta(seconds=150)) == ["a", "b", "c"]
    assert one.keys("AT_TIMESTAMP", Timestamp=now + timedelta(seconds=50)) == []


def test_a_page_has_as_many_records_as_asked_and_no_more_than_a_megabyte(told):
    one = told(view="NEW_IMAGE")
    one.put("a", "b", "c")
    page = one.read(limit=2)
    assert len(page["Records"]) == 2
    assert len(one.client.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 1
    heavy = told(view="NEW_IMAGE")
    for name in "abcd":
        heavy.put(name, blob={"S": "x" * 300_000})
    page = heavy.read()
    assert len(page["Records"]) == 3
    assert len(heavy.client.get_records(ShardIterator=page["NextShardIterator"])["Records"]) == 1


def test_an_item_that_expired_is_marked_as_deleted_by_the_service(fresh):
    one = Told(fresh())
    one.ddb.update_time_to_live(TableName=one.name, TimeToLiveSpecification={
        "AttributeName": "until", "Enabled": True})
    moment = int(one.running.control("clock")["now"]) + 60
    one.put("a", until={"N": str(moment)})
    latest = one.iterator("LATEST")
    one.running.advance(61)
    while not (found := one.client.get_records(ShardIterator=latest)["Records"]):
        pass
    record, = found
    assert record["eventName"] == "REMOVE" and record["dynamodb"]["OldImage"]["p"] == {"S": "a"}
    assert record["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def test_a_stream_that_ends_can_be_read_for_another_day(fresh):
    one = Told(fresh(), view="KEYS_ONLY")
    one.put("x")
    one.ddb.update_table(TableName=one.name, StreamSpecification={"StreamEnabled": False})
    one.put("y")
    shown = one.describe()
    assert shown["StreamStatus"] == "DISABLED"
    number, = {record["dynamodb"]["SequenceNumber"] for record in one.read()["Records"]}
    assert shown["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"] == number
    page = one.read()
    assert len(page["Records"]) == 1 and "NextShardIterator" not in page
    again = one.ddb.update_table(TableName=one.name, StreamSpecification={
        "StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})["TableDescription"]
    assert again["LatestStreamArn"] != one.arn
    assert len(one.client.list_streams(TableName=one.name)["Streams"]) == 2
    one.ddb.delete_table(TableName=one.name)
    one.running.advance(DAY - 60)
    assert one.keys() == ["x"]
    one.running.advance(120)
    while one.client.list_streams(TableName=one.name)["Streams"]:
        pass  # the timer that removes them has come due
    with pytest.raises(ClientError, match=r"Stream: .* not found"):
        one.describe()


def test_records_are_forgotten_after_a_day_and_iterators_before_them_say_so(fresh):
    one = Told(fresh())
    one.put("old")
    number = one.read()["Records"][0]["dynamodb"]["SequenceNumber"]
    one.running.advance(DAY - 100)
    iterator = one.iterator("AT_SEQUENCE_NUMBER", shard=one.shards()[0], SequenceNumber=number)
    one.put("new")
    one.running.advance(200)
    with pytest.raises(ClientError, match="TrimmedDataAccessException"):
        one.client.get_records(ShardIterator=iterator)
    with pytest.raises(ClientError, match=r"TrimmedDataAccessException|Shard does not exist"):
        one.iterator("AT_SEQUENCE_NUMBER", shard=one.shards()[0], SequenceNumber=number)
    assert [key for shard in one.shards() for key in one.keys(shard=shard)] == ["new"]


def test_an_iterator_expires_after_fifteen_minutes(fresh):
    one = Told(fresh())
    one.put("a")
    iterator = one.iterator()
    one.running.advance(14 * 60)
    following = one.client.get_records(ShardIterator=iterator)["NextShardIterator"]
    one.running.advance(2 * 60)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        one.client.get_records(ShardIterator=iterator)
    assert one.client.get_records(ShardIterator=following)["Records"] == []


def test_a_shard_gives_way_to_a_child_after_some_hours(fresh):
    one = Told(fresh())
    one.put("a")
    one.running.advance(5 * 3600)
    one.put("b")
    parent, child = one.describe()["Shards"]
    assert child["ParentShardId"] == parent["ShardId"]
    assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(
        parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert (one.keys(shard=parent["ShardId"]), one.keys(shard=child["ShardId"])) == (["a"], ["b"])
    assert "NextShardIterator" not in one.read(shard=parent["ShardId"])
    children = one.describe(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": parent["ShardId"]})["Shards"]
    assert children == [child]
    assert one.describe(ShardFilter={"Type": "CHILD_SHARDS", "ShardId": child["ShardId"]})["Shards"] == []
    one.running.advance(DAY)  # since the parent was closed: it is forgotten
    while len(one.shards()) > 1:
        pass
    assert one.describe()["Shards"][0]["ShardId"] == child["ShardId"]


@pytest.mark.parametrize("wish, error", [
    ({"ShardIteratorType": "AT_SEQUENCE_NUMBER"}, "ValidationException"),
    ({"ShardIteratorType": "LATEST", "SequenceNumber": "1" * 21}, "ValidationException"),
    ({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": "9" * 30}, "ValidationException"),
    ({"ShardIteratorType": "AT_TIMESTAMP"}, "ValidationException"),
    ({"ShardIteratorType": "bulle"}, "ValidationException"),
    ({"ShardIteratorType": "LATEST", "ShardId": "shardId-" + "7" * 30}, "ResourceNotFoundException"),
    ({"ShardIteratorType": "LATEST", "StreamArn": "x" * 40}, "ValidationException"),
    ({"ShardIteratorType": "LATEST",
      "StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/nobody/stream/2020-01-01T00:00:00.000"},
     "ResourceNotFoundException")])
def test_an_iterator_that_cannot_be_is_refused(told, wish, error):
    one = told()
    given = {"StreamArn": one.arn, "ShardId": one.shards()[0], **wish}
    with pytest.raises(ClientError, match=error):
        one.client.get_shard_iterator(**given)


def test_nonsense_is_refused(told):
    one = told()
    for iterator in ("nonsense", f"{one.arn}|1|AAAA", f"{one.arn}|1|%%%"):
        with pytest.raises(ClientError, match="Invalid ShardIterator"):
            one.client.get_records(ShardIterator=iterator)
    for call in (lambda: one.client.list_streams(Limit=101), lambda: one.describe(Limit=101),
                 lambda: one.client.get_records(ShardIterator=one.iterator(), Limit=1001),
                 lambda: one.client.list_streams(ExclusiveStartStreamArn="k" * 50)):
        with pytest.raises(ClientError, match="ValidationException"):
            call()
