"""Groups and streams: their life and how they are listed."""

import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def logs(cloudlet):
    return cloudlet.client("logs")


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def names(answer):
    return [one["logGroupName"] for one in answer["logGroups"]]


def test_a_group_is_described_as_it_was_made(logs):
    logs.create_log_group(logGroupName="/aws/made", tags={"team": "a"})
    group = logs.describe_log_groups(logGroupNamePrefix="/aws/made")["logGroups"][0]
    assert group["arn"] == "arn:aws:logs:us-east-1:000000000000:log-group:/aws/made:*"
    assert group["logGroupArn"] == group["arn"][:-2]
    assert (group["storedBytes"], group["metricFilterCount"], group["logGroupClass"]) == (0, 0, "STANDARD")
    assert refusal(logs.create_log_group, logGroupName="/aws/made") == (
        "ResourceAlreadyExistsException", "The specified log group already exists")


def test_groups_are_listed_by_prefix_pattern_and_page(logs):
    for name in ("list/a", "list/b", "list/c", "list", "other-LIST"):
        logs.create_log_group(logGroupName=name)
    assert names(logs.describe_log_groups(logGroupNamePrefix="list")) == [
        "list",
        "list/a",
        "list/b",
        "list/c",
    ]
    assert names(logs.describe_log_groups(logGroupNamePattern="r-list")) == ["other-LIST"]
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix="list", PaginationConfig={"PageSize": 2})
    assert [names(page) for page in pages] == [["list", "list/a"], ["list/b", "list/c"]]
    assert names(logs.list_log_groups(logGroupNamePattern="^list/")) == ["list/a", "list/b", "list/c"]
    assert refusal(logs.describe_log_groups, logGroupNamePrefix="a", logGroupNamePattern="b")[0] == (
        "InvalidParameterException")


def test_a_deleted_group_takes_its_events_with_it(logs):
    where = {"logGroupName": "doomed", "logStreamName": "s"}
    for _ in range(2):
        logs.create_log_group(logGroupName="doomed")
        logs.create_log_stream(**where)
        assert logs.get_log_events(**where)["events"] == []
        logs.put_log_events(**where, logEvents=[{"timestamp": int(time.time() * 1000), "message": "x"}])
        logs.delete_log_group(logGroupName="doomed")
        assert refusal(logs.get_log_events, **where)[0] == "ResourceNotFoundException"
    assert refusal(logs.delete_log_group, logGroupName="doomed")[0] == "ResourceNotFoundException"


def test_a_protected_group_is_not_deleted(logs):
    logs.create_log_group(logGroupName="protected", deletionProtectionEnabled=True)
    assert refusal(logs.delete_log_group, logGroupName="protected")[0] == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier="protected", deletionProtectionEnabled=False)
    logs.delete_log_group(logGroupName="protected")


def test_tags_are_kept_in_either_form(logs):
    logs.create_log_group(logGroupName="tagged", tags={"a": "1"})
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:tagged"
    logs.tag_resource(resourceArn=arn, tags={"b": "2"})
    logs.tag_log_group(logGroupName="tagged", tags={"c": "3"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1", "b": "2", "c": "3"}
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    logs.untag_log_group(logGroupName="tagged", tags=["b"])
    assert logs.list_tags_log_group(logGroupName="tagged")["tags"] == {"c": "3"}
    assert refusal(logs.tag_resource, resourceArn=arn, tags={"aws:x": "y"})[0] == "InvalidParameterException"


def test_streams_are_ordered_by_name_or_by_their_last_event(logs):
    logs.create_log_group(logGroupName="ordered")
    now = int(time.time() * 1000)
    for name, age in (("a", 5000), ("b", 120_000), ("c", 0), ("d", 4000), ("e", None)):
        logs.create_log_stream(logGroupName="ordered", logStreamName=name)
        if age is not None:
            logs.put_log_events(logGroupName="ordered", logStreamName=name,
                                logEvents=[{"timestamp": now - age, "message": "x"}])

    def listed(size=50, **params):
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName="ordered", PaginationConfig={"PageSize": size}, **params)
        return "".join(stream["logStreamName"] for page in pages for stream in page["logStreams"])

    for size in (1, 2, 50):
        assert listed(size) == "abcde"
        assert listed(size, descending=True) == "edcba"
        assert listed(size, orderBy="LastEventTime", descending=True) == "cdabe"
        assert listed(size, orderBy="LastEventTime") == "ebadc"
    assert listed(logStreamNamePrefix="c") == "c"
    assert refusal(logs.describe_log_streams, logGroupName="ordered", orderBy="LastEventTime",
                   logStreamNamePrefix="a")[0] == "InvalidParameterException"


def test_a_stream_tells_of_its_events_and_goes_with_them(logs):
    logs.create_log_group(logGroupName="streams")
    where = {"logGroupName": "streams", "logStreamName": "s"}
    logs.create_log_stream(**where)
    assert refusal(logs.create_log_stream, **where) == (
        "ResourceAlreadyExistsException", "The specified log stream already exists")
    now = int(time.time() * 1000)
    logs.put_log_events(**where, logEvents=[{"timestamp": now - 10, "message": "x"},
                                            {"timestamp": now, "message": "y"}])
    found = logs.describe_log_streams(logGroupName="streams")["logStreams"][0]
    assert (found["firstEventTimestamp"], found["lastEventTimestamp"]) == (now - 10, now)
    assert found["arn"].endswith(":log-group:streams:log-stream:s")
    logs.delete_log_stream(**where)
    assert logs.filter_log_events(logGroupName="streams")["events"] == []
    logs.create_log_stream(**where)
    assert logs.get_log_events(**where)["events"] == []


def test_what_the_model_forbids_is_an_invalid_parameter(logs):
    code, message = refusal(logs.create_log_group, logGroupName="with spaces")
    assert code == "InvalidParameterException" and "'logGroupName' failed to satisfy constraint" in message
    code, message = refusal(logs.create_log_group, logGroupName="k", kmsKeyId="arn:aws:kms:x")
    assert code == "NotHonoured" and "kmsKeyId" in message
