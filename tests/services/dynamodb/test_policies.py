"""Resource policies of tables and streams."""

import json

import pytest

from .test_backups import refusal

OTHER = "111111111111"


@pytest.fixture
def stranger(cloudlet):
    """A client of another account."""
    return cloudlet.client("dynamodb", key=OTHER)


def arn(table):
    return f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"


def policy(resource, *actions, effect="Allow", principal=OTHER):
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": effect, "Principal": {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": [f"dynamodb:{action}" for action in actions], "Resource": resource}]})


def test_another_account_may_do_what_the_tables_policy_allows_and_nothing_else(ddb, make, stranger):
    table = make()
    item, key = {"p": {"S": "k"}}, {"p": {"S": "k"}}
    assert refusal(stranger, "put_item", TableName=arn(table), Item=item)[0] == "AccessDeniedException"
    ddb.put_resource_policy(ResourceArn=arn(table), Policy=policy(arn(table), "PutItem", "DescribeTable"))
    stranger.put_item(TableName=arn(table), Item=item)
    assert stranger.describe_table(TableName=arn(table))["Table"]["TableName"] == table
    for operation, params in (("get_item", {"Key": key}), ("delete_item", {"Key": key}), ("scan", {}),
                              ("delete_table", {}), ("create_backup", {"BackupName": "abc"})):
        code, message = refusal(stranger, operation, TableName=arn(table), **params)
        assert code == "AccessDeniedException"
        action = "".join(word.title() for word in operation.split("_"))
        assert f"dynamodb:{action}" in message
    assert ddb.get_item(TableName=table, Key=key)["Item"] == item


def test_a_policy_can_deny_its_own_account(ddb, make):
    table = make()
    ddb.put_resource_policy(ResourceArn=arn(table), Policy=policy(
        arn(table), "DeleteItem", effect="Deny", principal="000000000000"))
    ddb.put_item(TableName=table, Item={"p": {"S": "k"}})
    assert refusal(ddb, "delete_item", TableName=table, Key={"p": {"S": "k"}})[0] == "AccessDeniedException"


def test_policies_are_put_read_and_deleted_with_revisions(ddb, make):
    table = make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    stream = ddb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    for resource, action in ((arn(table), "GetItem"), (stream, "GetRecords")):
        assert refusal(ddb, "get_resource_policy", ResourceArn=resource)[0] == "PolicyNotFoundException"
        text = policy(resource, action)
        first = ddb.put_resource_policy(ResourceArn=resource, Policy=text,
                                        ExpectedRevisionId="NO_POLICY")["RevisionId"]
        assert ddb.put_resource_policy(ResourceArn=resource, Policy=text)["RevisionId"] == first
        read = ddb.get_resource_policy(ResourceArn=resource)
        assert (read["Policy"], read["RevisionId"]) == (text, first)
        second = ddb.put_resource_policy(ResourceArn=resource, Policy=policy(resource, "*"))["RevisionId"]
        assert second != first
        assert refusal(ddb, "put_resource_policy", ResourceArn=resource, Policy=text,
                       ExpectedRevisionId=first)[0] == "PolicyNotFoundException"
        assert refusal(ddb, "delete_resource_policy", ResourceArn=resource, ExpectedRevisionId=first)[0] == (
            "PolicyNotFoundException")
        assert ddb.delete_resource_policy(ResourceArn=resource)["RevisionId"] == second
        assert "RevisionId" not in ddb.delete_resource_policy(ResourceArn=resource)


def test_a_policy_that_can_not_be_is_refused(ddb, make):
    table = make()
    other = policy(arn("other-table"), "GetItem")
    assert (
        refusal(ddb, "put_resource_policy", ResourceArn=arn(table), Policy=other)[0] == "ValidationException"
    )
    assert (
        refusal(ddb, "put_resource_policy", ResourceArn=arn(table), Policy="{}")[0] == "ValidationException"
    )
    lock = policy(arn(table), "PutResourcePolicy", effect="Deny", principal="000000000000")
    assert (
        refusal(ddb, "put_resource_policy", ResourceArn=arn(table), Policy=lock)[0] == "ValidationException"
    )
    assert refusal(ddb, "put_resource_policy", ResourceArn=arn("nowhere"), Policy=lock)[0] == (
        "ResourceNotFoundException")


def test_a_table_can_be_made_with_its_policy(ddb, make, stranger):
    table = make(ResourcePolicy=policy("*", "PutItem"))
    stranger.put_item(TableName=arn(table), Item={"p": {"S": "k"}})


def test_a_stream_is_read_by_another_account_as_its_policy_says(ddb, make, cloudlet):
    table = make(StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    stream = ddb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    streams = cloudlet.client("dynamodbstreams", key=OTHER)
    assert refusal(streams, "describe_stream", StreamArn=stream)[0] == "AccessDeniedException"
    ddb.put_resource_policy(ResourceArn=stream, Policy=policy(stream, "DescribeStream"))
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]
    assert refusal(streams, "get_shard_iterator", StreamArn=stream, ShardId=shard["ShardId"],
                   ShardIteratorType="LATEST")[0] == "AccessDeniedException"
