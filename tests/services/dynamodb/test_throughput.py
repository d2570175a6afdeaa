"""Capacity: what may be asked for and how often it may change; and, where that is wished, what throttles."""

import pytest

from cloudlet.services.dynamodb.limits import TABLE_UNITS

from ...conftest import Running
from .test_backups import refusal

ONE = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
FIVE = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
EXCEEDED = "ProvisionedThroughputExceededException"


@pytest.fixture(scope="module")
def cloudlet(tmp_path_factory):
    """A cloudlet that throttles, and whose clock stands still."""
    running = Running(tmp_path_factory.mktemp("data"), dynamodb_throughput="enforce")
    running.control("clock", {"freeze": True})
    yield running
    running.stop()


def put(ddb, table, key, size=1):
    ddb.put_item(TableName=table, Item={"p": {"S": key}, "v": {"S": "x" * (size * 1024 - 40)}})


def written(ddb, table, most=2000):
    """How many writes pass."""
    for n in range(most):
        try:
            put(ddb, table, f"k{n}")
        except ddb.exceptions.ProvisionedThroughputExceededException:
            return n
    return most


def test_writes_pass_at_the_rate_that_is_provisioned(ddb, make, cloudlet):
    table = make(BillingMode="PROVISIONED", ProvisionedThroughput=FIVE)
    assert written(ddb, table) == 5
    cloudlet.advance(2)
    assert written(ddb, table) == 10
    with pytest.raises(ddb.exceptions.ProvisionedThroughputExceededException) as caught:
        put(ddb, table, "more")
    answer = caught.value.response
    assert answer["Error"]["Message"] == (
        "The level of configured provisioned throughput for the table was exceeded. Consider increasing your "
        "provisioning level with the UpdateTable API.")
    arn = ddb.describe_table(TableName=table)["Table"]["TableArn"]
    assert answer["ThrottlingReasons"] == [{"reason": "TableWriteProvisionedThroughputExceeded",
                                            "resource": arn}]
    assert ddb.get_item(TableName=table, Key={"p": {"S": "k0"}})["Item"]  # reads have a capacity of their own


def test_what_was_not_used_in_300_seconds_can_be_used_at_once_and_no_more(ddb, make, cloudlet):
    table = make(BillingMode="PROVISIONED", ProvisionedThroughput=ONE)
    cloudlet.advance(10_000)
    assert written(ddb, table) == 300


def test_one_large_write_passes_and_is_paid_for_afterwards(ddb, make, cloudlet):
    table = make(BillingMode="PROVISIONED", ProvisionedThroughput=FIVE)
    put(ddb, table, "large", size=20)
    cloudlet.advance(3)
    assert written(ddb, table) == 0
    cloudlet.advance(1)
    assert written(ddb, table) == 5


def test_reads_cost_half_unless_they_are_consistent_and_a_page_what_is_in_it(ddb, make, cloudlet):
    table = make(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 99}
    )
    for n in range(16):
        put(ddb, table, f"k{n}")
    for _ in range(4):
        ddb.get_item(TableName=table, Key={"p": {"S": "k0"}})
    assert refusal(ddb, "get_item", TableName=table, Key={"p": {"S": "k0"}})[0] == EXCEEDED
    cloudlet.advance(1)
    ddb.scan(TableName=table)
    assert refusal(ddb, "scan", TableName=table)[0] == EXCEEDED
    cloudlet.advance(1)
    for _ in range(2):
        ddb.get_item(TableName=table, Key={"p": {"S": "k0"}}, ConsistentRead=True)
    assert refusal(ddb, "get_item", TableName=table, Key={"p": {"S": "k0"}})[0] == EXCEEDED


def test_a_batch_leaves_what_finds_no_capacity_and_a_transaction_is_cancelled(ddb, make, cloudlet):
    table = make(BillingMode="PROVISIONED", ProvisionedThroughput=FIVE)
    wanted = [{"PutRequest": {"Item": {"p": {"S": f"k{n}"}}}} for n in range(8)]
    left = ddb.batch_write_item(RequestItems={table: wanted})["UnprocessedItems"]
    assert left == {table: wanted[5:]}
    assert refusal(ddb, "batch_write_item", RequestItems={table: wanted})[0] == EXCEEDED
    cloudlet.advance(1)
    with pytest.raises(ddb.exceptions.TransactionCanceledException) as caught:
        ddb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": {"p": {"S": f"t{n}"}}}} for n in range(3)])
    codes = [one["Code"] for one in caught.value.response["CancellationReasons"]]
    assert codes == ["None", "None", "ProvisionedThroughputExceeded"]
    assert ddb.scan(TableName=table)["Count"] == 5


def test_an_index_throttles_the_writes_of_its_table(ddb, make):
    table = make(attributes=("i:S",), BillingMode="PROVISIONED", ProvisionedThroughput=FIVE,
                 GlobalSecondaryIndexes=[{
                     "IndexName": "by-i", "KeySchema": [{"AttributeName": "i", "KeyType": "HASH"}],
                     "Projection": {"ProjectionType": "ALL"}, "ProvisionedThroughput": ONE}])
    ddb.put_item(TableName=table, Item={"p": {"S": "1"}, "i": {"S": "x"}})
    ddb.put_item(TableName=table, Item={"p": {"S": "2"}})
    code, message = refusal(ddb, "put_item", TableName=table, Item={"p": {"S": "3"}, "i": {"S": "x"}})
    assert code == EXCEEDED and "for one or more global secondary indexes" in message


def test_an_on_demand_table_is_held_to_its_own_limit_only(ddb, make):
    free, bound = make(), make(OnDemandThroughput={"MaxReadRequestUnits": 1, "MaxWriteRequestUnits": 2})
    assert written(ddb, free, 20) == 20
    put(ddb, bound, "a")
    put(ddb, bound, "b")
    assert refusal(ddb, "put_item", TableName=bound, Item={"p": {"S": "c"}}) == (
        "ThrottlingException",
        "Throughput exceeds the maximum OnDemandThroughput configured on table or index",
    )


def test_throughput_may_be_decreased_four_times_a_day_and_then_once_an_hour(ddb, make, cloudlet):
    cloudlet.control("clock", {"set": 20_000_000 * 86_400 // 1000})  # the beginning of a day
    table = make(
        BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 20, "WriteCapacityUnits": 20}
    )

    def decrease(to):
        ddb.update_table(
            TableName=table, ProvisionedThroughput={"ReadCapacityUnits": to, "WriteCapacityUnits": 20}
        )

    for to in (19, 18, 17, 16):
        decrease(to)
    code, message = refusal(ddb, "update_table", TableName=table, ProvisionedThroughput=FIVE)
    assert code == "LimitExceededException" and "Number of decreases today: 4." in message
    cloudlet.advance(3600)
    decrease(15)
    told = ddb.describe_table(TableName=table)["Table"]["ProvisionedThroughput"]
    assert told["NumberOfDecreasesToday"] == 5
    cloudlet.advance(86_400)
    decrease(14)
    told = ddb.describe_table(TableName=table)["Table"]["ProvisionedThroughput"]
    assert told["NumberOfDecreasesToday"] == 1


def test_a_table_may_have_so_much_capacity_and_no_more(ddb, make):
    too_much = {"ReadCapacityUnits": TABLE_UNITS + 1, "WriteCapacityUnits": 1}
    with pytest.raises(ddb.exceptions.LimitExceededException):
        make(BillingMode="PROVISIONED", ProvisionedThroughput=too_much)
    table = make(BillingMode="PROVISIONED", ProvisionedThroughput=ONE)
    assert refusal(ddb, "update_table", TableName=table, ProvisionedThroughput=too_much)[0] == (
        "LimitExceededException")
    assert ddb.describe_limits()["TableMaxReadCapacityUnits"] == TABLE_UNITS


def test_warm_throughput_is_described_and_only_grows(ddb, make):
    table = make(WarmThroughput={"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 5_000})
    warm = ddb.describe_table(TableName=table)["Table"]["WarmThroughput"]
    assert warm == {"ReadUnitsPerSecond": 15_000, "WriteUnitsPerSecond": 5_000, "Status": "ACTIVE"}
    ddb.update_table(TableName=table, WarmThroughput={"WriteUnitsPerSecond": 6_000})
    assert ddb.describe_table(TableName=table)["Table"]["WarmThroughput"]["WriteUnitsPerSecond"] == 6_000
    assert refusal(ddb, "update_table", TableName=table, WarmThroughput={"ReadUnitsPerSecond": 13_000})[
        0
    ] == ("ValidationException")
    plain = ddb.describe_table(TableName=make())["Table"]["WarmThroughput"]
    assert (plain["ReadUnitsPerSecond"], plain["WriteUnitsPerSecond"]) == (12_000, 4_000)
