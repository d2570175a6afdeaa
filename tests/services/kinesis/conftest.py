"""What the tests of Kinesis have in common."""

import itertools
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

_numbers = itertools.count(1)
_feeds = []
ACCOUNT = "000000000000"


class Stream:
    """A stream and the client that works with it."""

    def __init__(self, running, count: int | None = 1, **given) -> None:
        self.running, self.name = running, f"stream-{next(_numbers)}"
        self.client = running.client("kinesis")
        self.arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{self.name}"
        if count:
            given["ShardCount"] = count
        self.client.create_stream(StreamName=self.name, **given)

    def put(self, *datas, key="k", **more):
        """Write records one by one; the last answer."""
        for data in datas:
            found = self.client.put_record(StreamName=self.name, Data=data, PartitionKey=key, **more)
        return found

    def put_all(self, *pairs):
        """Write pairs of key and data at once."""
        return self.client.put_records(StreamName=self.name, Records=[
            {"PartitionKey": key, "Data": data} for key, data in pairs])

    def shards(self, **filtered):
        """The shards by name; with some of a ShardFilter's members, those it lets through."""
        more = {"ShardFilter": filtered} if filtered else {}
        return self.client.list_shards(StreamName=self.name, **more)["Shards"]

    def open(self):
        """The ids of the open shards, by hash."""
        shards = [one for one in self.shards() if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
        return [one["ShardId"] for one in sorted(
            shards, key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]))]

    def iterator(self, kind="TRIM_HORIZON", shard="shardId-000000000000", **more):
        """A place in a shard."""
        return self.client.get_shard_iterator(StreamName=self.name, ShardId=shard, ShardIteratorType=kind,
                                              **more)["ShardIterator"]

    def read(self, kind="TRIM_HORIZON", shard="shardId-000000000000", limit=None, **more):
        """What GetRecords answers there."""
        return self.client.get_records(ShardIterator=self.iterator(kind, shard, **more),
                                       **({"Limit": limit} if limit else {}))

    def datas(self, *args, **more):
        """The data of the records there."""
        return [one["Data"] for one in self.read(*args, **more)["Records"]]

    def split(self, shard=None, **more):
        """Split a shard in the middle."""
        shard = shard or self.open()[0]
        found, = (one["HashKeyRange"] for one in self.shards() if one["ShardId"] == shard)
        middle = (int(found["StartingHashKey"]) + int(found["EndingHashKey"]) + 1) // 2
        self.client.split_shard(StreamName=self.name, ShardToSplit=shard, NewStartingHashKey=str(middle))

    def summary(self):
        """What DescribeStreamSummary says."""
        return self.client.describe_stream_summary(StreamName=self.name)["StreamDescriptionSummary"]

    def consumer(self, name="reader"):
        """Register a consumer; its ARN."""
        return self.client.register_stream_consumer(
            StreamARN=self.arn, ConsumerName=name)["Consumer"]["ConsumerARN"]

    def subscribe(self, consumer, kind="TRIM_HORIZON", shard="shardId-000000000000", **more):
        """The events of a subscription."""
        found = self.client.subscribe_to_shard(ConsumerARN=consumer, ShardId=shard,
                                               StartingPosition={"Type": kind, **more})["EventStream"]
        _feeds.append(found)
        return (one["SubscribeToShardEvent"] for one in found)

    def now(self):
        """The moment the cloudlet's clock shows."""
        return datetime.fromtimestamp(self.running.control("clock")["now"], UTC)


@pytest.fixture(autouse=True)
def hang_up():
    """End the subscriptions of a test with it."""
    yield
    while _feeds:
        _feeds.pop().close()


@pytest.fixture
def make(cloudlet):
    """A new stream of a name of its own."""
    return lambda *args, **given: Stream(cloudlet, *args, **given)


@pytest.fixture
def still(fresh):
    """A stream of a cloudlet whose clock moves only when it is told to."""
    def new(*args, **given):
        running = fresh()
        running.control("clock", {"freeze": True})
        return Stream(running, *args, **given)

    return new


@pytest.fixture
def refused():
    """Call what must be refused: the code and the message."""
    def call(function, **params):
        with pytest.raises(ClientError) as caught:
            function(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
