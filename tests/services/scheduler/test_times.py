"""When schedules fire: once, at a rate, by a cron, in a zone, in a window, between two dates."""

import json
from datetime import datetime, timedelta

import pytest

from .conftest import OFF


def make(running, name, expression, **more):
    """A schedule that sends the moments it was meant for to the box."""
    target = running.box.target(Input=more.pop("Input", "<aws.scheduler.scheduled-time>"))
    running.scheduler.create_schedule(Name=name, ScheduleExpression=expression, Target=target,
                                      **{"FlexibleTimeWindow": OFF, **more})


def test_a_one_time_schedule_fires_once_at_its_moment_in_its_zone(still):
    running = still("2030-07-01T12:00:00")
    make(running, "once", "at(2030-07-01T15:30:00)", ScheduleExpressionTimezone="Europe/Berlin")
    running.go("2030-07-01T13:29:59")
    assert running.box.bodies() == []
    running.go("2030-07-01T13:30:00")
    assert running.box.bodies(1) == ["2030-07-01T13:30:00Z"]
    running.go("2031-07-01T13:30:00")
    assert running.box.bodies() == []
    assert running.scheduler.get_schedule(Name="once")["State"] == "ENABLED"


def test_a_one_time_schedule_of_the_past_never_fires(still):
    running = still("2030-07-01T12:00:00")
    make(running, "past", "at(2030-07-01T11:58:59)")
    make(running, "just", "at(2030-07-01T11:59:30)")
    make(running, "later", "at(2030-07-02T00:00:00)")
    running.go("2030-07-02T00:00:00")
    assert running.box.bodies(2) == ["2030-07-01T11:59:30Z", "2030-07-02T00:00:00Z"]


def test_a_schedule_that_is_done_can_delete_itself(still, refused):
    running = still("2030-01-01T00:00:00")
    make(running, "gone", "at(2030-01-01T01:00:00)", ActionAfterCompletion="DELETE")
    make(running, "last", "rate(1 hour)", EndDate=datetime.fromisoformat("2030-01-01T01:30:00Z"),
         ActionAfterCompletion="DELETE")
    running.go("2030-01-01T01:00:00")
    assert len(running.box.bodies(3)) == 3
    for name in ("gone", "last"):
        assert refused(running.scheduler.get_schedule, Name=name) == (
            "ResourceNotFoundException", f"Schedule {name} does not exist.")
    assert running.scheduler.list_schedules()["Schedules"] == []


def test_a_rate_fires_at_once_and_then_every_so_often(still):
    running = still("2030-01-01T00:00:07")
    make(running, "rate", "rate(5 minutes)")
    assert running.box.bodies(1) == ["2030-01-01T00:00:07Z"]
    running.go("2030-01-01T00:05:06")
    assert running.box.bodies() == []
    running.go("2030-01-01T00:10:07")
    assert running.box.bodies(2) == ["2030-01-01T00:05:07Z", "2030-01-01T00:10:07Z"]


def test_a_rate_with_a_start_counts_from_there(still):
    running = still("2030-01-01T00:00:00")
    make(running, "rate", "rate(1 days)", StartDate=datetime.fromisoformat("2030-01-01T06:00:00Z"),
         EndDate=datetime.fromisoformat("2030-01-03T06:00:00Z"))
    running.go("2030-01-09T00:00:00")
    assert running.box.bodies(3) == [f"2030-01-0{day}T06:00:00Z" for day in (1, 2, 3)]
    assert running.box.bodies() == []


def test_a_month_has_every_moment_in_order(still):
    running = still("2030-01-01T00:00:30")
    make(running, "days", "cron(0 12 * * ? *)", Input="day <aws.scheduler.scheduled-time>")
    make(running, "hours", "cron(30 0/6 * * ? *)")
    found = []
    for day in ("2030-01-11", "2030-01-21", "2030-02-01"):
        running.go(f"{day}T00:00:30")
        found += running.box.bodies()
    begin = datetime.fromisoformat("2030-01-01T00:00:00")
    due = [((begin + timedelta(days=day, hours=hour, minutes=30)), "") for day in range(31)
           for hour in (0, 6, 12, 18)]
    due += [(begin + timedelta(days=day, hours=12), "day ") for day in range(31)]
    assert found == [f"{text}{moment.isoformat()}Z" for moment, text in sorted(due)]
    assert running.box.bodies() == []


@pytest.mark.parametrize(("night", "expected"), [
    # the clocks leap from 02:00 to 03:00: 02:30 does not exist that day
    ("2030-03-09", ["2030-03-09T07:30:00Z", "2030-03-11T06:30:00Z"]),
    # they go back from 02:00 to 01:00: 01:30 is there twice, and fires the first time
    ("2030-11-02", ["2030-11-02T05:30:00Z", "2030-11-03T05:30:00Z", "2030-11-04T06:30:00Z"])])
def test_summer_time_leaves_out_and_never_repeats(still, night, expected):
    running = still(f"{night}T00:00:00")
    hour = 2 if night.startswith("2030-03") else 1
    make(running, "cron", f"cron(30 {hour} * * ? *)", ScheduleExpressionTimezone="America/New_York")
    running.go((datetime.fromisoformat(night) + timedelta(days=3)).isoformat())
    assert running.box.bodies(len(expected)) == expected
    assert running.box.bodies() == []


def test_a_rate_of_days_is_not_moved_by_summer_time(still):
    running = still("2030-03-09T12:00:00")
    make(running, "rate", "rate(1 day)", ScheduleExpressionTimezone="America/New_York")
    running.go("2030-03-11T12:00:00")
    assert running.box.bodies(3) == [f"2030-03-{day}T12:00:00Z" for day in ("09", "10", "11")]


def test_a_flexible_window_fires_once_within_it(still):
    running = still("2030-01-01T00:00:00")
    for n in range(40):
        make(running, f"s{n}", "at(2030-01-01T01:00:00)", Input=str(n),
             FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 60})
    running.go("2030-01-01T00:59:59")
    assert running.box.bodies() == []
    running.go("2030-01-01T01:30:00")
    running.scheduler.list_schedules()
    running.go("2030-01-01T02:00:00")
    found = running.box.take(40)
    assert sorted(int(one["Body"]) for one in found) == list(range(40))
    sent = {int(one["Attributes"]["SentTimestamp"]) for one in found}
    begin = datetime.fromisoformat("2030-01-01T01:00:00Z").timestamp() * 1000
    assert len(sent) > 20 and all(begin <= moment < begin + 3_600_000 for moment in sent)
    assert running.box.bodies() == []


def test_a_disabled_schedule_rests_until_it_is_enabled(still):
    running = still("2030-01-01T00:00:00")
    make(running, "cron", "cron(0 * * * ? *)", State="DISABLED")
    running.go("2030-01-01T05:00:30")
    said = running.scheduler.get_schedule(Name="cron")
    given = {key: said[key] for key in ("Name", "ScheduleExpression", "Target", "FlexibleTimeWindow")}
    running.scheduler.update_schedule(**given)
    running.go("2030-01-01T06:00:00")
    assert running.box.bodies(1) == ["2030-01-01T06:00:00Z"]
    running.scheduler.update_schedule(**given, State="DISABLED")
    running.go("2030-01-02T00:00:00")
    assert running.box.bodies() == []


def test_an_update_of_something_else_does_not_move_a_rate(still):
    running = still("2030-01-01T00:00:00")
    make(running, "rate", "rate(1 hour)")
    assert len(running.box.bodies(1)) == 1
    running.go("2030-01-01T00:40:00")
    said = running.scheduler.get_schedule(Name="rate")
    given = {key: said[key] for key in ("Name", "Target", "FlexibleTimeWindow")}
    running.scheduler.update_schedule(**given, ScheduleExpression="rate(1 hour)", Description="new")
    running.go("2030-01-01T01:00:00")
    assert running.box.bodies(1) == ["2030-01-01T01:00:00Z"]
    running.scheduler.update_schedule(**given, ScheduleExpression="rate(2 hours)")
    assert running.box.bodies(1) == ["2030-01-01T01:00:00Z"]


def test_what_fell_due_while_the_cloudlet_was_not_there_is_made_up_for(still, fresh):
    running = still("2030-01-01T00:30:00")
    make(running, "cron", "cron(0 * * * ? *)")
    running.stop()
    again = fresh()
    again.control("clock", {"advance": 3 * 3600})
    running.box.sqs = again.client("sqs")
    assert running.box.bodies(3) == [f"2030-01-01T0{hour}:00:00Z" for hour in (1, 2, 3)]


def test_many_schedules_of_one_minute_all_fire_in_order(still):
    running = still("2030-01-01T00:00:00")
    for n in range(300):
        make(running, f"s{n}", f"at(2030-01-01T01:00:{n % 60:02})", ActionAfterCompletion="DELETE")
    running.go("2030-01-01T01:01:00")
    found = running.box.bodies(300)
    assert found == sorted(found) and len(found) == 300
    assert running.scheduler.list_schedules()["Schedules"] == []


def test_without_an_input_aws_says_what_it_is(still):
    running = still("2030-01-01T00:00:00")
    running.scheduler.create_schedule(Name="plain", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF,
                                      Target=running.box.target())
    found = json.loads(running.box.bodies(1)[0])
    assert found.pop("id")
    assert found == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": "2030-01-01T00:00:00Z",
        "region": "us-east-1",
        "detail": "{}",
        "resources": ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/plain"],
    }
