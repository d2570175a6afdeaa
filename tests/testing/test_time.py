"""Time goes by as it would have: through every due moment, in order, each with its own now."""

import asyncio
import itertools
import json
import warnings
from datetime import datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError

from cloudlet.clock import Clock
from cloudlet.fabric import timers

DAY_MS = 86_400_000
FAILING = "def handler(event, context):\n    raise ValueError('no')\n"


@pytest.fixture
def task(cloudlet, cloudlet_host, monkeypatch):
    """Register a task of the fabric's own, and schedule it."""
    running = cloudlet._running

    def schedule(function, *, in_ms, **arguments):
        monkeypatch.setitem(timers.TASKS, function.__name__, function)
        call = running.kernel.conversation(timers._PRINCIPAL, "timers")
        cloudlet_host.run(call.transact(lambda inner: timers.schedule(
            inner, function, at_ms=inner.now_ms + in_ms, id=str(arguments), **arguments)))

    return schedule


def test_a_rate_fires_as_often_as_it_would_have_and_each_time_at_its_own_moment(cloudlet, task):
    fired = []

    def tick(call, *, every_ms):
        fired.append(call.now_ms)
        timers.schedule(call, tick, at_ms=call.now_ms + every_ms, id="again", every_ms=every_ms)

    cloudlet.clock.freeze()
    began = round(cloudlet.clock.now.timestamp() * 1000)
    task(tick, in_ms=6 * 3_600_000, every_ms=6 * 3_600_000)
    cloudlet.clock.advance(days=31)
    assert fired == [began + n * 6 * 3_600_000 for n in range(1, 31 * 4 + 1)]


def test_a_schedule_of_the_event_bus_fires_on_every_day_of_a_month(cloudlet, function):
    target = function("on-tick", "def handler(event, context):\n    return event['time']\n")
    events = cloudlet.client("events")
    cloudlet.clock.freeze()
    began = cloudlet.clock.now
    rule = events.put_rule(Name="tick", ScheduleExpression="rate(1 day)")["RuleArn"]
    cloudlet.client("lambda").add_permission(
        FunctionName="on-tick", StatementId="tick", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule)
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": target}])
    cloudlet.clock.advance(days=31)
    found = cloudlet.invocations("on-tick")
    told = [datetime.fromisoformat(one.result) for one in found]
    assert len(told) == 31
    assert {after - before for before, after in itertools.pairwise(told)} == {timedelta(days=1)}
    assert told[0] - began < timedelta(days=1, minutes=1)
    assert [one.at.replace(microsecond=0) for one in found] == told


def test_an_event_of_the_bus_is_sent_and_seen_or_is_for_no_rule(cloudlet, function):
    target = function("listener", "def handler(event, context):\n    pass\n")
    events = cloudlet.client("events")
    rule = events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))["RuleArn"]
    cloudlet.client("lambda").add_permission(
        FunctionName="listener", StatementId="bus", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule)
    events.put_targets(Rule="orders", Targets=[{"Id": "1", "Arn": target}])
    for source in ("shop", "elsewhere"):
        events.put_events(Entries=[{"Source": source, "DetailType": "placed", "Detail": "{}"}])
    cloudlet.clock.rest()
    assert [one.json["source"] for one in cloudlet.sent("default")] == ["shop", "elsewhere"]
    assert [one.event["source"] for one in cloudlet.invocations("listener")] == ["shop"]
    no, = (one for one in cloudlet.events() if one.outcome == "filtered")
    assert no.why == "no rule of the bus matches it"


def test_timers_of_different_kinds_fire_in_the_order_of_their_moments(cloudlet, task):
    fired = []

    def first(call, *, n):
        fired.append(n)

    async def second(call, *, n):
        await call.transact(lambda inner: None)
        fired.append(n)

    for n in (5, 3, 1):
        task(first, in_ms=n * 1000, n=n)
        task(second, in_ms=n * 1000 + 500, n=n + 0.5)
    cloudlet.clock.advance(minutes=1)
    assert fired == [1, 1.5, 3, 3.5, 5, 5.5]


def test_what_a_task_schedules_on_the_way_happens_on_the_way(cloudlet, task):
    chain = []

    async def link(call, *, left):
        chain.append(call.now_ms)
        if left:
            await call.transact(lambda inner: timers.schedule(
                inner, link, at_ms=inner.now_ms + DAY_MS, id=str(left), left=left - 1))

    cloudlet.clock.freeze()
    task(link, in_ms=DAY_MS, left=9)
    cloudlet.clock.advance(days=10)
    assert [after - before for before, after in itertools.pairwise(chain)] == [DAY_MS] * 9
    assert chain[-1] == round(cloudlet.clock.now.timestamp() * 1000)


def test_a_clock_that_runs_shows_what_it_was_moved_to_and_runs_on(cloudlet):
    before = cloudlet.clock.now
    cloudlet.clock.advance(days=3, hours=1)
    assert timedelta(days=3, hours=1) <= cloudlet.clock.now - before < timedelta(days=3, hours=1, minutes=5)
    assert not cloudlet._running.clock.frozen_ms


def test_a_clock_can_be_turned_back(cloudlet):
    cloudlet.clock.freeze()
    then = cloudlet.clock.now
    cloudlet.clock.advance(days=2)
    cloudlet.clock.set(then)
    assert cloudlet.clock.now == then


def test_asynchronous_events_are_tried_again_after_one_minute_and_after_two(cloudlet, function):
    function("fails", FAILING)
    cloudlet.clock.freeze()
    cloudlet.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b"{}")
    began = cloudlet.clock.now
    cloudlet.clock.advance(hours=1)
    tries = cloudlet.invocations("fails")
    assert [one.at - began for one in tries] == [timedelta(0), timedelta(minutes=1), timedelta(minutes=3)]
    assert {one.error for one in tries} == {"ValueError: no"}


def test_a_message_is_a_dead_letter_after_three_receives(cloudlet, function, queue):
    function("fails", FAILING)
    grave_url, grave = queue("grave")
    url, arn = queue("work", VisibilityTimeout="30", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": grave, "maxReceiveCount": 3}))
    cloudlet.client("lambda").create_event_source_mapping(FunctionName="fails", EventSourceArn=arn)
    sqs = cloudlet.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    dead = cloudlet.eventually(lambda: sqs.receive_message(QueueUrl=grave_url).get("Messages"))
    assert [one["Body"] for one in dead] == ["poison"]
    assert len(cloudlet.invocations("fails")) == 3


def test_a_message_that_nobody_waits_for_comes_when_its_delay_is_over(cloudlet, queue):
    url, _ = queue("late", DelaySeconds="600")
    sqs = cloudlet.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    began = cloudlet.clock.now
    assert cloudlet.eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))
    assert timedelta(seconds=600) <= cloudlet.clock.now - began <= timedelta(seconds=1200)


def test_messages_are_gone_after_four_days(cloudlet, queue):
    url, _ = queue("kept")
    sqs = cloudlet.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    cloudlet.clock.advance(days=3, hours=23)
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    cloudlet.clock.advance(hours=2)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_an_items_time_to_live_ends_it(cloudlet):
    dynamodb = cloudlet.client("dynamodb")
    dynamodb.create_table(TableName="sessions", BillingMode="PAY_PER_REQUEST",
                          AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                          KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
    dynamodb.update_time_to_live(TableName="sessions", TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "ends"})
    ends = int(cloudlet.clock.now.timestamp()) + 3600
    dynamodb.put_item(TableName="sessions", Item={"id": {"S": "a"}, "ends": {"N": str(ends)}})
    cloudlet.clock.advance(minutes=59)
    assert dynamodb.scan(TableName="sessions")["Count"] == 1
    cloudlet.clock.advance(minutes=2)
    assert dynamodb.scan(TableName="sessions")["Count"] == 0


def test_a_token_ends_with_its_hour(cloudlet):
    given = cloudlet.client("sts").get_session_token(DurationSeconds=3600)["Credentials"]
    sts = boto3.client("sts", aws_access_key_id=given["AccessKeyId"],
                       aws_secret_access_key=given["SecretAccessKey"],
                       aws_session_token=given["SessionToken"])
    cloudlet.clock.advance(minutes=59)
    assert sts.get_caller_identity()["Account"] == cloudlet.account
    cloudlet.clock.advance(minutes=2)
    with pytest.raises(ClientError, match="Expired"):
        sts.get_caller_identity()


def test_time_waits_for_what_runs_but_not_for_ever(cloudlet, function):
    function("slow", "import time\ndef handler(event, context):\n    time.sleep(1)\n", Timeout=10)
    cloudlet.client("lambda").invoke(FunctionName="slow", InvocationType="Event", Payload=b"{}")
    with pytest.warns(RuntimeWarning, match="the function slow"):
        cloudlet.clock.advance(days=1, patience_s=0.05)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cloudlet.clock.advance(days=1)
    assert [one.error for one in cloudlet.invocations("slow")] == [""]


def test_a_condition_that_never_holds_is_told_with_what_it_gave(cloudlet):
    with pytest.raises(AssertionError, match=r"Not within 0:10:00 .* it still gives \[\]"):
        cloudlet.eventually(list, within=timedelta(minutes=10))


def test_an_assertion_that_does_not_hold_yet_is_asked_again(cloudlet):
    asked = []

    def check():
        asked.append(cloudlet.clock.now)
        assert len(asked) > 4, f"asked {len(asked)} times"
        return "enough"

    assert cloudlet.eventually(check) == "enough"
    asked.clear()
    with pytest.raises(AssertionError, match="asked 2 times"):
        cloudlet.eventually(check, within=timedelta(seconds=1))


def test_the_next_due_moment_is_known(cloudlet, task):
    def nothing(call):
        pass

    assert cloudlet.clock.next is None
    cloudlet.clock.freeze()
    task(nothing, in_ms=90_000)
    assert cloudlet.clock.next - cloudlet.clock.now == timedelta(seconds=90)


def test_whoever_begins_again_at_once_does_not_hold_time_for_ever():
    async def scene():
        clock = Clock()
        clock.freeze()
        stop = asyncio.Event()

        async def again():
            while not stop.is_set():
                with clock.holding("a loop"):
                    await asyncio.sleep(0)

        task = asyncio.create_task(again())
        late = await clock.travel(3_600_000, patience_s=0.05)
        stop.set()
        await task
        return late

    assert asyncio.run(scene())


def test_those_who_wait_for_one_moment_are_woken_in_the_order_they_came():
    async def scene():
        clock, woken = Clock(), []
        clock.freeze()

        async def wait(name, in_ms):
            await clock.sleep_until(clock.now_ms() + in_ms)
            woken.append(name)

        tasks = [asyncio.create_task(wait(name, in_ms)) for name, in_ms in
                 (("a", 20), ("b", 10), ("c", 20), ("d", 10))]
        await asyncio.sleep(0)
        await clock.travel(1000)
        await asyncio.gather(*tasks)
        return woken

    assert asyncio.run(scene()) == ["b", "d", "a", "c"]
