"""Rules on a schedule, on a clock that is moved."""

import json

import pytest

from .conftest import Bus, Inbox

EVENING = 1736539200  # 2025-01-10T20:00:00Z


@pytest.fixture
def running(fresh):
    """A cloudlet whose clock stands still on the evening of a 10th of January."""
    running = fresh()
    running.control("clock", {"freeze": True, "set": EVENING})
    return running


def test_a_month_ahead_the_first_has_come_once_and_everything_in_order(running):
    bus, inbox = Bus(running, "default"), Inbox(running)
    bus.rule(None, {"Arn": inbox.arn, "Input": '{"rule": "first"}'}, ScheduleExpression="cron(0 8 1 * ? *)")
    bus.rule(None, inbox.arn, name="weekly", ScheduleExpression="cron(30 9 ? * MON *)")
    bus.rule(None, {"Arn": inbox.arn, "InputPath": "$.time"}, ScheduleExpression="cron(0 0 15 * ? *)")
    found = []
    for days in (12, 12, 7):  # a queue keeps its messages for two weeks at most
        running.advance(days * 86_400)
        found += inbox.events()
    assert [event if isinstance(event, str) else event.get("rule", event.get("time")) for event in found] == [
        "2025-01-13T09:30:00Z", "2025-01-15T00:00:00Z", "2025-01-20T09:30:00Z", "2025-01-27T09:30:00Z",
        "first",
        "2025-02-03T09:30:00Z", "2025-02-10T09:30:00Z"]
    event = found[0]
    event.pop("id")
    assert event == {
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000",
        "time": "2025-01-13T09:30:00Z", "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/weekly"], "detail": {}}


def test_a_rate_begins_when_its_rule_does_and_rests_with_it(running):
    bus, inbox = Bus(running, "default"), Inbox(running)
    name = bus.rule(None, inbox.arn, ScheduleExpression="rate(10 minutes)")
    running.advance(599)
    assert inbox.events() == []
    running.advance(1)
    assert [event["time"] for event in inbox.await_events(1)] == ["2025-01-10T20:10:00Z"]
    bus.events.disable_rule(Name=name)
    running.advance(3600)
    bus.events.enable_rule(Name=name)
    running.advance(1200)
    assert [event["time"] for event in inbox.await_events(2)] == [
        "2025-01-10T21:20:00Z", "2025-01-10T21:30:00Z"]
    bus.events.put_rule(Name=name, ScheduleExpression="rate(1 hour)")
    running.advance(3600)
    assert [event["time"] for event in inbox.await_events(1)] == ["2025-01-10T22:30:00Z"]
    bus.events.remove_targets(Rule=name, Ids=["0"])
    bus.events.delete_rule(Name=name)
    running.advance(7200)
    assert inbox.events() == []


def test_a_scheduled_rule_does_not_hear_events_but_one_with_both_does(running):
    bus, inbox = Bus(running, "default"), Inbox(running)
    bus.rule(None, {"Arn": inbox.arn, "Input": '"scheduled"'}, ScheduleExpression="rate(1 day)")
    bus.rule(None, {"Arn": inbox.arn, "InputPath": "$.source"}, ScheduleExpression="rate(1 day)",
             EventPattern=json.dumps({"source": ["shop"]}))
    bus.put({})
    assert inbox.events() == ["shop"]
    running.advance(86_400)
    assert inbox.await_events(2) == ["scheduled", "aws.events"]


def test_moments_survive_a_restart(fresh):
    running = fresh()
    running.control("clock", {"freeze": True, "set": EVENING})
    bus, inbox = Bus(running, "default"), Inbox(running)
    bus.rule(None, inbox.arn, ScheduleExpression="cron(0 0 * * ? *)")
    running.stop()
    running = fresh()
    inbox.sqs = running.client("sqs")
    inbox.url = inbox.sqs.get_queue_url(QueueName=inbox.name)["QueueUrl"]
    running.advance(40 * 3600)
    assert [event["time"] for event in inbox.await_events(2)] == [
        "2025-01-11T00:00:00Z", "2025-01-12T00:00:00Z"]
