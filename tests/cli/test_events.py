"""What travelled, as a person sees it, and how it is sent again."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest


@pytest.fixture(scope="module")
def app(cloudlet):
    """A topic with two queues behind it, one of which filters."""
    sns, sqs = cloudlet.client("sns"), cloudlet.client("sqs")
    topic = sns.create_topic(Name="orders")["TopicArn"]
    urls = {}
    for name, policy in (("all", None), ("paid", {"state": ["paid"]})):
        urls[name] = sqs.create_queue(
            QueueName=name,
            Attributes={
                "Policy": json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": "*",
                                "Action": "sqs:SendMessage",
                                "Resource": "*",
                            }
                        ],
                    }
                )
            },
        )["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=urls[name], AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        more = {"FilterPolicy": json.dumps(policy), "FilterPolicyScope": "MessageBody"} if policy else {}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn,
                      Attributes={"RawMessageDelivery": "true", **more})
    sns.publish(TopicArn=topic, Message='{"state": "open"}')
    sns.publish(TopicArn=topic, Message='{"state": "paid"}')
    return cloudlet, urls


def run(cloudlet, *arguments, code=0):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["CLOUDLET_TOKEN"] = cloudlet.cloudlet.token
    done = subprocess.run([sys.executable, "-m", "cloudlet", *arguments, "--endpoint", cloudlet.url],
                          capture_output=True, text=True, timeout=30, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def events(cloudlet, *arguments):
    return [json.loads(line) for line in run(cloudlet, "events", "--json", *arguments).splitlines()]


def ways(found):
    return [(one["outcome"], one["target"].rpartition(":")[2], one["payload"]["state"]) for one in found]


def test_every_step_of_a_message_is_listed_and_so_is_the_filter_that_said_no(app):
    cloudlet, _ = app
    found = ways(events(cloudlet))
    assert [found[0], found[4]] == [("sent", "orders", "open"), ("sent", "orders", "paid")]
    assert found.index(("sent", "all", "open")) < found.index(("delivered", "all", "open"))
    assert sorted(found[1:4] + found[5:]) == [
        ("delivered", "all", "open"), ("delivered", "all", "paid"), ("delivered", "paid", "paid"),
        ("filtered", "paid", "open"),
        ("sent", "all", "open"), ("sent", "all", "paid"), ("sent", "paid", "paid")]
    no, = events(cloudlet, "--outcome", "filtered")
    assert no["why"] == "the subscription's filter policy does not let it through"


def test_events_are_asked_for_by_source_target_pattern_and_number(app):
    cloudlet, _ = app
    assert {one["target"].rpartition(":")[2] for one in events(cloudlet, "--source", "orders")} == {
        "all",
        "paid",
    }
    assert ways(events(cloudlet, "--target", "paid", "--outcome", "delivered,filtered")) == [
        ("filtered", "paid", "open"), ("delivered", "paid", "paid")]
    assert len(events(cloudlet, "--source", "sns", "--pattern", '{"payload": {"state": ["open"]}}')) == 2
    assert len(events(cloudlet, "--last", "2")) == 2


def test_a_question_that_can_not_be_meant_is_answered_with_why(app):
    cloudlet, _ = app
    assert "There is no outcome 'deliverd'" in run(cloudlet, "events", "--outcome", "deliverd", code=1)
    assert "must be an object or an array" in run(cloudlet, "events", "--pattern", '{"payload": 1}', code=1)


def test_people_read_lines(app):
    cloudlet, _ = app
    line = run(cloudlet, "events", "--outcome", "filtered").splitlines()[0]
    assert "sns:orders → sqs:paid" in line
    assert '{"state": "open"}' in line


def test_whoever_follows_sees_what_comes(app):
    cloudlet, _ = app
    asked = urllib.request.Request(f"{cloudlet.url}/_cloudlet/events?follow=1&last=1&target=news",
                                   headers={"x-cloudlet-token": cloudlet.cloudlet.token})
    with urllib.request.urlopen(asked) as answer:
        url = cloudlet.client("sqs").create_queue(QueueName="news")["QueueUrl"]
        cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="fresh")
        assert json.loads(answer.readline())["payload"] == "fresh"


def test_an_event_is_sent_again_to_where_it_went_or_elsewhere(app):
    cloudlet, urls = app
    sqs = cloudlet.client("sqs")
    filtered, = events(cloudlet, "--outcome", "filtered")
    sqs.purge_queue(QueueUrl=urls["paid"])
    assert "delivered to arn:aws:sqs:us-east-1:000000000000:paid" in run(
        cloudlet, "replay", str(filtered["number"]))
    assert [one["Body"] for one in sqs.receive_message(QueueUrl=urls["paid"])["Messages"]] == [
        '{"state": "open"}'
    ]
    fifo = sqs.create_queue(QueueName="strict.fifo", Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    sqs.send_message(QueueUrl=fifo, MessageBody="again", MessageGroupId="g")
    sent, = events(cloudlet, "--target", "strict.fifo")
    for _ in range(2):
        run(cloudlet, "replay", str(sent["number"]))
    assert [
        one["Body"] for one in sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    ] == ["again"] * 3
    answer = json.loads(run(cloudlet, "replay", str(sent["number"]), "--json", "--to",
                            "arn:aws:sqs:us-east-1:000000000000:all"))
    assert answer["target"].endswith(":all")


def test_what_can_not_be_sent_again_says_why(app):
    cloudlet, _ = app
    assert "There is no event 999999" in run(cloudlet, "replay", "999999", code=1)
    refused = run(cloudlet, "replay", "1", "--to", "arn:aws:sqs:us-east-1:000000000000:nowhere", code=1)
    assert "did not take it" in refused
