"""How much goes into and out of a shard, on a clock that stands still until it is moved."""

from .conftest import ACCOUNT

FIRST = "shardId-000000000000"
CODE = "ProvisionedThroughputExceededException"


def test_a_shard_takes_a_thousand_records_a_second(still, refused):
    stream = still()
    many = [("k", b"%d" % n) for n in range(400)]
    assert stream.put_all(*many)["FailedRecordCount"] == stream.put_all(*many)["FailedRecordCount"] == 0
    answer = stream.put_all(*many)
    assert answer["FailedRecordCount"] == 200
    assert all("SequenceNumber" in one for one in answer["Records"][:200])
    said = f"Rate exceeded for shard {FIRST} in stream {stream.name} under account {ACCOUNT}."
    assert answer["Records"][200] == {"ErrorCode": CODE, "ErrorMessage": said}
    stream.running.advance(0.5)
    assert stream.put_all(("k", b"x"))["FailedRecordCount"] == 1
    stream.running.advance(0.5)
    assert stream.put_all(("k", b"x"))["FailedRecordCount"] == 0
    assert len(stream.datas()) == 1001


def test_a_shard_takes_a_megabyte_a_second(still, refused):
    stream = still(2)
    heavy = {"ExplicitHashKey": "0", "PartitionKey": "k", "StreamName": stream.name}
    for _ in range(4):
        stream.client.put_record(Data=bytes(250_000), **heavy)
    code, said = refused(stream.client.put_record, Data=bytes(250_000), **heavy)
    assert (code, said) == (
        CODE, f"Rate exceeded for shard {FIRST} in stream {stream.name} under account {ACCOUNT}.")
    stream.client.put_record(Data=bytes(1000), **heavy)  # for that there is room
    other = stream.put(bytes(1_000_000), ExplicitHashKey=str(2**127))
    assert other["ShardId"] == "shardId-000000000001"  # each shard counts for itself
    stream.running.advance(1)
    stream.client.put_record(Data=bytes(1_000_000), **heavy)


def test_a_large_record_borrows_from_the_seconds_that_follow(still):
    stream = still(MaxRecordSizeInKiB=10_240)
    stream.put(bytes(5 << 20))
    assert stream.put_all(("k", b"small"))["FailedRecordCount"] == 1
    stream.running.advance(4)
    assert stream.put_all(("k", b"small"))["FailedRecordCount"] == 1
    stream.running.advance(1.1)
    assert stream.put_all(("k", b"small"))["FailedRecordCount"] == 0


def test_what_was_written_counts_on_after_a_restart(fresh, still):
    stream = still()
    stream.put_all(*(("k", b"x") for _ in range(500)))
    stream.put_all(*(("k", b"x") for _ in range(500)))
    moment = stream.running.control("clock")["now"]
    stream.running.stop()
    again = fresh()
    again.control("clock", {"freeze": True})
    again.control("clock", {"set": moment})
    client = again.client("kinesis")
    ask = {"StreamName": stream.name, "Records": [{"Data": b"x", "PartitionKey": "k"}]}
    assert client.put_records(**ask)["FailedRecordCount"] == 1
    again.advance(1)
    assert client.put_records(**ask)["FailedRecordCount"] == 0


def test_a_shard_answers_five_times_a_second(still, refused):
    stream = still(2)
    stream.put(b"x", ExplicitHashKey="0")
    iterator = stream.iterator()
    for _ in range(5):
        stream.client.get_records(ShardIterator=iterator)
    assert refused(stream.client.get_records, ShardIterator=iterator) == (
        CODE, f"Rate exceeded for Shard - {ACCOUNT}/{stream.name}/{FIRST}")
    assert stream.datas(shard="shardId-000000000001") == []  # each shard counts for itself
    stream.running.advance(1)
    assert len(stream.client.get_records(ShardIterator=iterator)["Records"]) == 1


def test_a_shard_gives_two_megabytes_a_second(still, refused):
    stream = still()
    for _ in range(10):
        stream.put(bytes(1_000_000))
        stream.running.advance(1)
    first = stream.read(limit=2)
    third = stream.client.get_records(ShardIterator=first["NextShardIterator"], Limit=1)
    code, _ = refused(stream.client.get_records, ShardIterator=third["NextShardIterator"])
    assert code == CODE
    stream.running.advance(2)
    rest = stream.client.get_records(ShardIterator=third["NextShardIterator"])
    assert len(rest["Records"]) == 7  # in one answer there may be more than in a second,
    stream.running.advance(3)
    assert refused(stream.read)[0] == CODE  # but it is paid for
    stream.running.advance(1)
    stream.read()


def test_a_stream_on_demand_grows_with_its_traffic(still):
    stream = still(None)
    half = [(f"{n}", b"x") for n in range(500)]

    def write(times):
        failed = sum(stream.put_all(*half)["FailedRecordCount"] for _ in range(times))
        return failed, stream.summary()["OpenShardCount"]

    assert write(1) == (0, 4)
    failed, shards = write(10)
    assert shards == 8  # a thousand for each of the first four, and for each of their children
    parents = {one["ShardId"]: one.get("ParentShardId") for one in stream.shards()}
    assert len(parents) == 12 and sum(parent is None for parent in parents.values()) == 4
    stream.running.advance(1)
    assert write(10)[1] == 8  # it has doubled just now
    stream.running.advance(15 * 60)
    assert write(12)[1] == 16
    stream.running.advance(1)
    assert write(10) == (0, 16)
    assert failed == 0
