"""Archives of a bus, and replays of what they hold."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from .conftest import Bus, Inbox

NOON = datetime(2025, 1, 10, 12, tzinfo=UTC)
DAY = 86_400


@pytest.fixture
def running(fresh):
    """A cloudlet whose clock stands still at noon."""
    running = fresh()
    running.control("clock", {"freeze": True, "set": NOON.timestamp()})
    return running


def replay(bus, archive, name, *, start=-3600, end=3600, rules=()):
    """Replay what happened around noon."""
    return bus.events.start_replay(
        ReplayName=name, EventSourceArn=archive, EventStartTime=NOON + timedelta(seconds=start),
        EventEndTime=NOON + timedelta(seconds=end), Destination={"Arn": bus.arn, "FilterArns": list(rules)})


def over(running, bus, name, state="COMPLETED"):
    """The replay, once it is over."""
    for _ in range(500):
        found = bus.events.describe_replay(ReplayName=name)
        if found["State"] == state:
            return found
    raise AssertionError(found)


def test_an_archive_keeps_what_it_wants_and_counts_it(running, refused):
    bus = Bus(running)
    made = bus.events.create_archive(ArchiveName="all", EventSourceArn=bus.arn, Description="d",
                                     RetentionDays=3,
                                     EventPattern='{"source": ["core.update-account-command"]}')
    assert (made["State"], made["ArchiveArn"]) == ("ENABLED",
                                                   "arn:aws:events:us-east-1:000000000000:archive/all")
    detail = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
    for _ in range(10):
        bus.put(detail, source="core.update-account-command", detail_type="core.update-account-command")
    bus.put({}, source="other")
    found = bus.events.describe_archive(ArchiveName="all")
    assert (found["EventCount"], found["SizeBytes"], found["RetentionDays"]) == (10, 1590, 3)  # as AWS counts
    rule, = bus.events.list_rules(EventBusName=bus.name)["Rules"]
    assert (rule["Name"], rule["ManagedBy"]) == ("Events-Archive-all", "prod.vhs.events.aws.internal")
    assert refused(bus.events.delete_rule, Name=rule["Name"],
                   EventBusName=bus.name)[0] == "ManagedRuleException"
    assert refused(bus.events.create_archive, ArchiveName="all", EventSourceArn=bus.arn) == (
        "ResourceAlreadyExistsException", "Archive all already exists.")
    assert refused(bus.events.update_archive, ArchiveName="all") == (
        "ValidationException", "At least one of EventPattern, RetentionDays or Description must be provided.")
    listed = bus.events.list_archives(EventSourceArn=bus.arn)["Archives"]
    assert [(one["ArchiveName"], one["EventCount"]) for one in listed] == [("all", 10)]
    bus.events.update_archive(ArchiveName="all", EventPattern='{"source": ["other"]}')
    bus.put({}, source="other")
    assert bus.events.describe_archive(ArchiveName="all")["EventCount"] == 11
    bus.events.delete_archive(ArchiveName="all")
    assert bus.events.list_rules(EventBusName=bus.name)["Rules"] == []
    assert refused(bus.events.describe_archive, ArchiveName="all") == (
        "ResourceNotFoundException", "Archive all does not exist.")


def test_what_is_older_than_the_retention_is_forgotten(running):
    bus = Bus(running)
    bus.events.create_archive(ArchiveName="short", EventSourceArn=bus.arn, RetentionDays=2)
    bus.put({"n": 1})
    running.advance(DAY)
    bus.put({"n": 2})

    def count():
        return bus.events.describe_archive(ArchiveName="short")["EventCount"]

    assert count() == 2
    for expected in (1, 0):
        running.advance(DAY + 1)
        assert next(n for _ in range(500) if (n := count()) == expected) == expected


def test_a_replay_puts_events_of_a_stretch_of_time_before_the_rules_it_names(running):
    bus, inbox, other = Bus(running), Inbox(running), Inbox(running)
    archive = bus.events.create_archive(ArchiveName="all", EventSourceArn=bus.arn)["ArchiveArn"]
    name = bus.rule({"source": ["shop"]}, inbox.arn)
    bus.rule({"source": ["shop"]}, other.arn)
    for n in range(130):
        bus.put({"n": n}, Time=NOON - timedelta(minutes=n))
    assert len(inbox.events()) == len(other.events()) == 130
    rule = bus.events.describe_rule(Name=name, EventBusName=bus.name)["Arn"]
    started = replay(bus, archive, "again", start=-120 * 60, end=-60, rules=[rule])
    assert started["State"] == "STARTING"
    found = over(running, bus, "again")
    assert found["EventLastReplayedTime"] == NOON - timedelta(minutes=1)
    assert found["Destination"] == {"Arn": bus.arn, "FilterArns": [rule]}
    events = inbox.events()
    assert [event["detail"]["n"] for event in events] == list(range(120, 0, -1))
    assert {event["replay-name"] for event in events} == {"again"}
    assert list(events[0]) == ["version", "id", "detail-type", "source", "account", "time", "region",
                               "replay-name",
                               "resources", "detail"]
    assert other.events() == []
    assert bus.events.describe_archive(ArchiveName="all")["EventCount"] == 130  # none is archived again
    assert [one["ReplayName"] for one in bus.events.list_replays(State="COMPLETED")["Replays"]] == ["again"]


def test_a_replay_that_can_not_be_meant_is_refused(running, refused):
    bus, other = Bus(running), Bus(running)
    archive = bus.events.create_archive(ArchiveName="a", EventSourceArn=bus.arn)["ArchiveArn"]
    wrong = {"ReplayName": "r", "EventSourceArn": archive, "EventStartTime": NOON,
             "EventEndTime": NOON + timedelta(1), "Destination": {"Arn": bus.arn}}
    assert refused(bus.events.start_replay, **wrong | {"Destination": {"Arn": other.arn}}) == (
        "ValidationException",
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
    assert refused(bus.events.start_replay, **wrong | {"Destination": {"Arn": other.arn + "x"}}) == (
        "ResourceNotFoundException", f"Event bus {other.name}x does not exist.")
    assert refused(bus.events.start_replay, **wrong | {"EventSourceArn": archive + "x"}) == (
        "ValidationException", "Parameter EventSourceArn is not valid. Reason: Archive ax does not exist.")
    assert refused(bus.events.start_replay, **wrong | {"EventEndTime": NOON}) == (
        "ValidationException", "Parameter EventEndTime is not valid. Reason: EventStartTime must be before "
                               "EventEndTime.")
    bus.events.start_replay(**wrong)
    assert refused(bus.events.start_replay, **wrong) == (
        "ResourceAlreadyExistsException", "Replay r already exists.")
    over(running, bus, "r")
    assert refused(bus.events.cancel_replay, ReplayName="r")[0] == "IllegalStatusException"
    assert refused(bus.events.describe_replay, ReplayName="none") == (
        "ResourceNotFoundException", "Replay none does not exist.")


def test_a_replay_goes_on_after_a_restart_and_sends_nothing_twice(fresh):
    running = fresh()
    running.control("clock", {"freeze": True, "set": NOON.timestamp()})
    bus, inbox = Bus(running), Inbox(running)
    archive = bus.events.create_archive(ArchiveName="all", EventSourceArn=bus.arn)["ArchiveArn"]
    for batch in range(40):
        bus.events.put_events(Entries=[{
            "Source": "shop", "DetailType": "t", "Detail": json.dumps({"n": batch * 10 + n}),
            "EventBusName": bus.name} for n in range(10)])
    bus.rule({"source": ["shop"]}, inbox.arn)
    replay(bus, archive, "long")
    running.stop()
    running = fresh()
    bus.events, inbox.sqs = running.client("events"), running.client("sqs")
    inbox.url = inbox.sqs.get_queue_url(QueueName=inbox.name)["QueueUrl"]
    over(running, bus, "long")
    assert [event["detail"]["n"] for event in inbox.events()] == list(range(400))


def test_a_replay_can_be_cancelled(running):
    bus, inbox = Bus(running), Inbox(running)
    archive = bus.events.create_archive(ArchiveName="all", EventSourceArn=bus.arn)["ArchiveArn"]
    for _ in range(30):
        bus.events.put_events(Entries=[{"Source": "shop", "DetailType": "t", "Detail": "{}",
                                        "EventBusName": bus.name}] * 10)
    bus.rule({"source": ["shop"]}, inbox.arn)
    replay(bus, archive, "short")
    try:
        assert bus.events.cancel_replay(ReplayName="short")["State"] == "CANCELLING"
    except bus.events.exceptions.IllegalStatusException:
        return  # it was over before anybody could say so
    over(running, bus, "short", "CANCELLED")
    assert len(inbox.events()) < 300
