"""Writing events and reading them from one stream."""

import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def logs(cloudlet):
    return cloudlet.client("logs")


def now_ms():
    return int(time.time() * 1000)


def stream(logs, group, name="one"):
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=name)
    return {"logGroupName": group, "logStreamName": name}


def put(logs, where, *messages, at=None):
    at = at or now_ms()
    return logs.put_log_events(**where, logEvents=[
        {"timestamp": at + n, "message": message} for n, message in enumerate(messages)])


def messages(page):
    return [event["message"] for event in page["events"]]


def refusal(call, **params):
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_what_is_put_is_read_in_order(logs):
    where = stream(logs, "put-and-read")
    answer = put(logs, where, "a", "b", "c")
    assert "rejectedLogEventsInfo" not in answer
    page = logs.get_log_events(**where, startFromHead=True)
    assert messages(page) == ["a", "b", "c"]
    assert all(abs(event["ingestionTime"] - now_ms()) < 60_000 for event in page["events"])


def test_the_newest_page_comes_first_unless_asked_otherwise(logs):
    where = stream(logs, "newest-first")
    put(logs, where, *"abcdef")
    last = logs.get_log_events(**where, limit=2)
    assert messages(last) == ["e", "f"]
    before = logs.get_log_events(**where, limit=3, nextToken=last["nextBackwardToken"])
    assert messages(before) == ["b", "c", "d"]
    again = logs.get_log_events(**where, limit=2, nextToken=before["nextForwardToken"], startFromHead=True)
    assert messages(again) == ["e", "f"]


def test_at_the_end_the_same_token_comes_back_and_goes_on_with_what_comes_later(logs):
    where = stream(logs, "same-token")
    put(logs, where, "a")
    page = logs.get_log_events(**where, startFromHead=True)
    end = logs.get_log_events(**where, startFromHead=True, nextToken=page["nextForwardToken"])
    assert end["events"] == [] and end["nextForwardToken"] == page["nextForwardToken"]
    put(logs, where, "b", at=now_ms() + 5)
    assert messages(logs.get_log_events(**where, nextToken=end["nextForwardToken"])) == ["b"]


def test_an_empty_stream_gives_tokens_that_find_the_first_event(logs):
    where = stream(logs, "empty-stream")
    page = logs.get_log_events(**where)
    put(logs, where, "first")
    assert messages(logs.get_log_events(**where, nextToken=page["nextForwardToken"])) == ["first"]


def test_a_range_includes_its_start_and_excludes_its_end(logs):
    where, at = stream(logs, "range"), now_ms()
    put(logs, where, *"abcd", at=at)
    page = logs.get_log_events(**where, startTime=at + 1, endTime=at + 3)
    assert messages(page) == ["b", "c"]


def test_events_of_several_batches_are_ordered_by_their_time(logs):
    where, at = stream(logs, "late"), now_ms()
    put(logs, where, "second", at=at)
    put(logs, where, "first", at=at - 1000)
    put(logs, where, "also second", at=at)
    assert messages(logs.get_log_events(**where)) == ["first", "second", "also second"]


def test_events_too_old_or_too_new_are_left_out_and_named(logs):
    where, at = stream(logs, "rejected"), now_ms()
    day = 86_400_000
    answer = put(logs, where, "x", at=at - 15 * day)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    answer = logs.put_log_events(**where, logEvents=[
        {"timestamp": at, "message": "now"}, {"timestamp": at + 3 * 3_600_000, "message": "later"}])
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert messages(logs.get_log_events(**where)) == ["now"]


def test_a_batch_is_held_against_its_limits(logs):
    where, at = stream(logs, "batch-limits"), now_ms()
    disorder = [{"timestamp": at, "message": "b"}, {"timestamp": at - 1, "message": "a"}]
    assert refusal(logs.put_log_events, **where, logEvents=disorder) == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.")
    long = [{"timestamp": at - 90_000_000, "message": "b"}, {"timestamp": at, "message": "a"}]
    assert "24 hours" in refusal(logs.put_log_events, **where, logEvents=long)[1]
    large = [{"timestamp": at, "message": "x" * 600_000}] * 2
    assert refusal(logs.put_log_events, **where, logEvents=large)[1] == (
        "Upload too large: 1200052 bytes exceeds limit of 1048576")
    assert logs.get_log_events(**where)["events"] == []


def test_groups_and_streams_that_are_not_there_are_named(logs):
    event = [{"timestamp": now_ms(), "message": "x"}]
    assert refusal(logs.put_log_events, logGroupName="nowhere", logStreamName="s", logEvents=event) == (
        "ResourceNotFoundException", "The specified log group does not exist.")
    logs.create_log_group(logGroupName="no-stream")
    assert refusal(logs.put_log_events, logGroupName="no-stream", logStreamName="s", logEvents=event) == (
        "ResourceNotFoundException", "The specified log stream does not exist.")


def test_a_wrong_token_is_refused(logs):
    where = stream(logs, "wrong-token")
    assert refusal(logs.get_log_events, **where, nextToken="f/nonsense/s") == (
        "InvalidParameterException", "The specified nextToken is invalid.")


def test_a_page_holds_at_most_a_megabyte(logs):
    where = stream(logs, "megabyte")
    for n in range(3):
        put(logs, where, str(n) * 500_000, at=now_ms() + n)
    page = logs.get_log_events(**where, startFromHead=True)
    assert [message[0] for message in messages(page)] == ["0", "1"]


def test_any_sequence_token_is_taken(logs):
    where = stream(logs, "sequence")
    logs.put_log_events(
        **where, sequenceToken="whatever", logEvents=[{"timestamp": now_ms(), "message": "x"}]
    )
    assert messages(logs.get_log_events(**where)) == ["x"]


def test_retention_is_honoured_on_the_clock(fresh):
    cloudlet = fresh()
    logs = cloudlet.client("logs")
    where = stream(logs, "short-lived")
    put(logs, where, "x" * 100)
    logs.put_retention_policy(logGroupName="short-lived", retentionInDays=1)
    assert logs.describe_log_groups()["logGroups"][0]["storedBytes"] == 126
    cloudlet.advance(86_400 + 60)
    assert logs.get_log_events(**where)["events"] == []
    assert logs.filter_log_events(logGroupName="short-lived")["events"] == []
    answer = put(logs, where, "expired")
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    logs.delete_retention_policy(logGroupName="short-lived")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]
    assert refusal(logs.put_retention_policy, logGroupName="short-lived", retentionInDays=2)[0] == (
        "InvalidParameterException")
