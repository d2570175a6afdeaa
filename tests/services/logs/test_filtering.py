"""Searching a group, and following it."""

import json
import threading
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def logs(cloudlet):
    return cloudlet.client("logs")


def fill(logs, group, **streams):
    """Streams with events at the given offsets from a base time."""
    base = int(time.time() * 1000) - 600_000
    logs.create_log_group(logGroupName=group)
    for name, offsets in streams.items():
        logs.create_log_stream(logGroupName=group, logStreamName=name)
        logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=[
            {"timestamp": base + offset, "message": f"{name}{offset}"} for offset in offsets])
    return base


def found(logs, group, size=None, **params):
    config = {"PageSize": size} if size else {}
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, PaginationConfig=config, **params
    )
    return [event["message"] for page in pages for event in page["events"]]


@pytest.mark.parametrize("size", [None, 1, 2, 3])
def test_events_of_all_streams_come_in_order_of_time_in_pages_of_any_size(logs, size):
    group = f"merged-{size}"
    fill(logs, group, a=[0, 3, 3, 6], b=[1, 3, 4], c=[2, 90_000])
    expected = ["a0", "b1", "c2", "a3", "a3", "b3", "b4", "a6", "c90000"]
    assert sorted(found(logs, group, size)[3:6]) == ["a3", "a3", "b3"]
    assert [m[1:] for m in found(logs, group, size)] == [m[1:] for m in expected]
    assert found(logs, group, size, startFromHead=False) == found(logs, group, size)[::-1]


def test_a_search_may_name_streams_a_prefix_and_a_range(logs):
    base = fill(logs, "narrow", ab=[0, 10], ac=[5], b=[7])
    assert found(logs, "narrow", logStreamNames=["b", "ac"]) == ["ac5", "b7"]
    assert found(logs, "narrow", logStreamNamePrefix="a") == ["ab0", "ac5", "ab10"]
    assert found(logs, "narrow", startTime=base + 5, endTime=base + 7) == ["ac5", "b7"]
    assert found(logs, "narrow", filterPattern="?b7 ?ab10") == ["b7", "ab10"]
    with pytest.raises(ClientError, match="log stream does not exist"):
        found(logs, "narrow", logStreamNames=["x"])
    with pytest.raises(ClientError, match="mutually exclusive"):
        found(logs, "narrow", logStreamNames=["b"], logStreamNamePrefix="a")


def test_every_event_has_an_id_of_its_own(logs):
    fill(logs, "ids", a=[0, 0, 1], b=[0])
    events = logs.filter_log_events(logGroupName="ids")["events"]
    assert len({event["eventId"] for event in events}) == 4
    assert all(len(event["eventId"]) == 56 for event in events)


def test_a_group_may_be_named_by_its_arn(logs):
    fill(logs, "by-arn", a=[0])
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:by-arn"
    assert logs.filter_log_events(logGroupIdentifier=arn)["events"][0]["message"] == "a0"
    with pytest.raises(ClientError, match="cannot both be provided"):
        logs.filter_log_events(logGroupIdentifier=arn, logGroupName="by-arn")


def test_a_pattern_is_tested_on_messages(logs):
    matches = logs.test_metric_filter(
        filterPattern='{ $.level = "ERROR" }',
        logEventMessages=[json.dumps({"level": "ERROR"}), json.dumps({"level": "INFO"}), "no json"],
    )["matches"]
    assert matches == [{"eventNumber": 1, "eventMessage": '{"level": "ERROR"}',
                        "extractedValues": {"$.level": "ERROR"}}]


def test_a_live_tail_sees_what_arrives_even_with_an_earlier_time(cloudlet, logs):
    base = fill(logs, "tailed", a=[0])
    tail = cloudlet.client("logs", config=Config(inject_host_prefix=False))
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:tailed"
    stream = tail.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="new")["responseStream"]
    events = iter(stream)
    assert next(events)["sessionStart"]["logGroupIdentifiers"] == [arn]
    assert next(events)["sessionUpdate"]["sessionResults"] == []

    def write():
        logs.put_log_events(logGroupName="tailed", logStreamName="a", logEvents=[
            {"timestamp": base - 5, "message": "new but early"}, {"timestamp": base - 4, "message": "other"}])

    writer = threading.Thread(target=write)
    writer.start()
    result = next(found for event in events if (found := event["sessionUpdate"]["sessionResults"]))
    writer.join()
    stream.close()
    for _ in range(2):  # whoever has gone away is noticed when there is something to tell him
        write()
    assert [(event["message"], event["logStreamName"]) for event in result] == [("new but early", "a")]
