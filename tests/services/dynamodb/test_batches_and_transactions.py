"""Stories of requests about many items."""

import pytest
from botocore.exceptions import ClientError


def key(name):
    return {"p": {"S": name}}


def test_a_batch_writes_and_reads_several_tables(ddb, make):
    one, two = make(), make()
    answer = ddb.batch_write_item(RequestItems={
        one: [{"PutRequest": {"Item": {**key(f"i{n}"), "n": {"N": str(n)}}}} for n in range(20)],
        two: [{"PutRequest": {"Item": key("x")}}]})
    assert answer["UnprocessedItems"] == {}
    ddb.batch_write_item(RequestItems={one: [{"DeleteRequest": {"Key": key("i0")}}]})
    found = ddb.batch_get_item(RequestItems={
        one: {"Keys": [key("i0"), key("i1")], "ProjectionExpression": "n"}, two: {"Keys": [key("x")]}})
    assert found["Responses"] == {one: [{"n": {"N": "1"}}], two: [key("x")]}
    assert found["UnprocessedKeys"] == {}


def test_what_does_not_fit_16_megabytes_is_left_for_the_next_batch(ddb, make):
    table = make()
    for n in range(45):
        ddb.put_item(TableName=table, Item={**key(f"i{n}"), "x": {"S": "y" * 400_000}})
    keys = [key(f"i{n}") for n in range(45)]
    found = ddb.batch_get_item(RequestItems={table: {"Keys": keys}})
    left = found["UnprocessedKeys"][table]["Keys"]
    assert len(found["Responses"][table]) + len(left) == 45
    assert len(ddb.batch_get_item(RequestItems={table: {"Keys": left}})["Responses"][table]) == len(left) > 0


@pytest.mark.parametrize("requests, complaint", [
    ([{"PutRequest": {"Item": key("a")}}, {"DeleteRequest": {"Key": key("a")}}],
     "Provided list of item keys contains duplicates"),
    ([{"PutRequest": {"Item": {"q": {"S": "a"}}}}], "The provided key element does not match the schema"),
    ([{"PutRequest": {"Item": key(str(n))}} for n in range(26)], "less than or equal to 25")])
def test_a_batch_that_can_not_be_is_refused(ddb, make, requests, complaint):
    with pytest.raises(ClientError, match=complaint):
        ddb.batch_write_item(RequestItems={make(): requests})


def test_a_transaction_does_everything_or_nothing(ddb, make):
    table = make()
    ddb.put_item(TableName=table, Item={**key("account"), "n": {"N": "10"}})
    take = {"TableName": table, "Key": key("account"), "UpdateExpression": "SET n = n - :x",
            "ConditionExpression": "n >= :x"}

    def spend(amount):
        ddb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": {**key(f"receipt{amount}"), "n": {"N": str(amount)}}}},
            {"Update": {**take, "ExpressionAttributeValues": {":x": {"N": str(amount)}}}}])

    spend(7)
    with pytest.raises(ClientError) as caught:
        spend(5)
    assert caught.value.response["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, "
        "ConditionalCheckFailed]")
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}]
    found = ddb.transact_get_items(TransactItems=[
        {"Get": {"TableName": table, "Key": key(name)}} for name in ("account", "receipt7", "receipt5")])
    assert [one.get("Item", {}).get("n") for one in found["Responses"]] == [{"N": "3"}, {"N": "7"}, None]


def test_a_transaction_under_a_token_happens_once_in_ten_minutes(fresh):
    running = fresh()
    ddb = running.client("dynamodb")
    ddb.create_table(TableName="once", BillingMode="PAY_PER_REQUEST",
                     KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
                     AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}])

    def count(amount="1"):
        ddb.transact_write_items(ClientRequestToken="token", TransactItems=[{"Update": {
            "TableName": "once", "Key": key("a"), "UpdateExpression": "ADD n :x",
            "ExpressionAttributeValues": {":x": {"N": amount}}}}])
        return ddb.get_item(TableName="once", Key=key("a"))["Item"]["n"]["N"]

    assert [count(), count()] == ["1", "1"]
    with pytest.raises(ClientError, match="IdempotentParameterMismatchException"):
        count("2")
    running.advance(601)
    assert count() == "2"


def test_a_transaction_may_name_an_item_once(ddb, make):
    table = make()
    with pytest.raises(ClientError, match="Transaction request cannot include multiple operations on one "
                                          "item"):
        ddb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": key("a")}}, {"Delete": {"TableName": table,
                                                                         "Key": key("a")}}])


def reasons(call, **params):
    """Why a transaction was cancelled, by item."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    return [one.get("Message") for one in caught.value.response["CancellationReasons"]]


MISMATCH = "The provided key element does not match the schema"


def test_a_key_of_a_wrong_type_cancels_any_transaction(ddb, make):
    table, good, wrong = make(), key("a"), {"p": {"N": "1"}}
    for kind, more in (("Delete", {}), ("ConditionCheck", {"ConditionExpression": "attribute_exists(p)"}),
                       ("Update", {"UpdateExpression": "REMOVE x"})):
        assert reasons(ddb.transact_write_items, TransactItems=[
            {"Put": {"TableName": table, "Item": good}},
            {kind: {"TableName": table, "Key": wrong, **more}}]) == [None, MISMATCH]
    assert reasons(ddb.transact_get_items, TransactItems=[
        {"Get": {"TableName": table, "Key": wrong}}, {"Get": {"TableName": table, "Key": good}}]) == [
        MISMATCH, None]


def test_an_empty_key_and_an_item_that_is_too_large_are_refused_before_a_transaction(ddb, make):
    table = make()
    for item, complaint in ((key(""), "ValidationException.*cannot contain an empty string value. Key: p"),
                            ({**key("a"), "x": {"S": "x" * 409_600}},
                             "ValidationException.*Item size has exceeded the maximum allowed size")):
        with pytest.raises(ClientError, match=complaint):
            ddb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}])
    assert reasons(ddb.transact_write_items, TransactItems=[{"Update": {
        "TableName": table, "Key": key("a"), "UpdateExpression": "SET x = :x",
        "ExpressionAttributeValues": {":x": {"S": "x" * 409_600}}}}]) == [
        "Item size to update has exceeded the maximum allowed size"]


def test_a_transaction_reads_4_megabytes_at_most(ddb, make):
    table = make()
    for n in range(11):
        ddb.put_item(TableName=table, Item={**key(f"i{n}"), "x": {"S": "x" * 400_000}})
    gets = [{"Get": {"TableName": table, "Key": key(f"i{n}")}} for n in range(11)]
    assert len(ddb.transact_get_items(TransactItems=gets[:10])["Responses"]) == 10
    with pytest.raises(ClientError, match="cannot exceed 4 MB"):
        ddb.transact_get_items(TransactItems=gets)


def test_a_transaction_stays_in_its_region(cloudlet, ddb, make):
    there = cloudlet.client("dynamodb", region="eu-west-1")
    table = make(client=there)
    arn = there.describe_table(TableName=table)["Table"]["TableArn"]
    assert "different account or Region" in reasons(ddb.transact_write_items, TransactItems=[
        {"Put": {"TableName": arn, "Item": key("a")}}])[0]
    assert there.scan(TableName=table)["Count"] == 0


def test_a_wrong_key_cancels_a_transaction_with_a_reason(ddb, make):
    table = make()
    with pytest.raises(ClientError) as caught:
        ddb.transact_write_items(TransactItems=[
            {"Put": {"TableName": table, "Item": key("a")}},
            {"Put": {"TableName": table, "Item": {"p": {"N": "1"}}}}])
    assert [one["Code"] for one in caught.value.response["CancellationReasons"]] == ["None",
                                                                                     "ValidationError"]
