"""FIFO topics: order, duplicates, the archive and its replay."""

import json
from datetime import UTC, datetime

import pytest


def publish(sns, topic, message, group="g", **more):
    return sns.publish(TopicArn=topic, Message=message, MessageGroupId=group, **more)


def stamp(cloudlet, seconds=0):
    at = datetime.fromtimestamp(cloudlet.control("clock")["now"] + seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def test_order_holds_in_each_group_and_numbers_grow(cloudlet, sns, make, listen):
    topic = make(cloudlet, fifo=True)
    heard = listen(cloudlet, topic, fifo=True)
    numbers = [publish(sns, topic, f"{group}{n}", group,
                       MessageDeduplicationId=f"{group}{n}")["SequenceNumber"]
               for n in range(5) for group in "ab"]
    assert numbers == sorted(numbers) and len({len(number) for number in numbers}) == 1
    messages = heard.messages()
    found = [json.loads(one["Body"]) for one in messages]
    for group in "ab":
        mine = [one["Message"] for one in found if one["Message"][0] == group]
        assert mine == [f"{group}{n}" for n in range(5)]
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"a", "b"}
    assert sorted(one["SequenceNumber"] for one in found) == numbers


def test_the_envelope_of_a_fifo_topic_is_not_signed(cloudlet, sns, make, listen):
    topic = make(cloudlet, fifo=True, ContentBasedDeduplication="true")
    heard, standard = listen(cloudlet, topic, fifo=True), listen(cloudlet, topic)
    publish(sns, topic, "x")
    assert list(heard.envelopes()[0]) == [
        "Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"]
    message, = standard.messages()
    assert json.loads(message["Body"])["Message"] == "x" and "MessageGroupId" not in message["Attributes"]


def test_duplicates_are_swallowed_for_five_minutes(fresh, make, listen):
    cloudlet = fresh()
    sns, topic = cloudlet.client("sns"), make(cloudlet, fifo=True, ContentBasedDeduplication="true")
    heard = listen(cloudlet, topic, fifo=True, RawMessageDelivery="true")
    first = publish(sns, topic, "same")
    again = publish(sns, topic, "same", "other")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    publish(sns, topic, "other", MessageDeduplicationId="1")
    publish(sns, topic, "swallowed", MessageDeduplicationId="1")
    assert heard.bodies() == ["same", "other"]
    cloudlet.advance(301)
    assert publish(sns, topic, "same")["MessageId"] != first["MessageId"]
    assert heard.bodies() == ["same"]


def test_duplicates_may_be_looked_for_in_each_group_alone(cloudlet, sns, make, listen):
    topic = make(cloudlet, fifo=True, ContentBasedDeduplication="true", FifoThroughputScope="MessageGroup")
    first, second = publish(sns, topic, "same", "a"), publish(sns, topic, "same", "b")
    assert first["MessageId"] != second["MessageId"]
    assert publish(sns, topic, "same", "a")["MessageId"] == first["MessageId"]
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["FifoThroughputScope"] == "MessageGroup"


def test_what_order_needs_must_be_given(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet, fifo=True)
    assert refused(sns.publish, TopicArn=topic, Message="x") == (
        "InvalidParameter", "Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
    assert refused(sns.publish, TopicArn=topic, Message="x", MessageGroupId="g") == (
        "InvalidParameter", "Invalid parameter: The topic should either have ContentBasedDeduplication "
                            "enabled or MessageDeduplicationId provided explicitly")
    assert refused(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint="a@example.com")[0] == (
        "InvalidParameter")
    heard = listen(cloudlet, topic, fifo=True)
    standard = listen(cloudlet)
    assert refused(sns.set_subscription_attributes, SubscriptionArn=heard.subscription,
                   AttributeName="RedrivePolicy",
                   AttributeValue=json.dumps({"deadLetterTargetArn": standard.arn}))[1] == (
        "Invalid parameter: RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO "
        "Topic.")


def test_a_batch_keeps_its_order_and_has_numbers(cloudlet, sns, make, listen):
    topic = make(cloudlet, fifo=True)
    heard = listen(cloudlet, topic, fifo=True, RawMessageDelivery="true")
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
        {"Id": str(n), "Message": str(n), "MessageGroupId": "g", "MessageDeduplicationId": str(n // 2)}
        for n in range(6)])
    numbers = [one["SequenceNumber"] for one in answer["Successful"]]
    assert numbers == sorted(numbers) and len(set(numbers)) == 3
    assert heard.bodies() == ["0", "2", "4"]


def test_dead_letters_keep_their_group(cloudlet, sns, make, listen):
    topic, grave = make(cloudlet, fifo=True), listen(cloudlet, fifo=True)
    heard = listen(cloudlet, topic, fifo=True, RedrivePolicy=json.dumps({"deadLetterTargetArn": grave.arn}))
    heard.sqs.delete_queue(QueueUrl=heard.url)
    publish(sns, topic, "x", MessageDeduplicationId="d")
    letter, = grave.messages()
    found = letter["Attributes"]
    assert (found["MessageGroupId"], found["MessageDeduplicationId"]) == ("g", "d")


def replay(sns, heard, **span):
    policy = json.dumps({"PointType": "Timestamp", **span})
    sns.set_subscription_attributes(SubscriptionArn=heard.subscription, AttributeName="ReplayPolicy",
                                    AttributeValue=policy)


def status(sns, heard):
    found = sns.get_subscription_attributes(SubscriptionArn=heard.subscription)["Attributes"]
    return found.get("ReplayStatus")


def heard_of(sns, heard, many):
    """The envelopes of a replay, once it is over."""
    found = []
    while len(found) < many:
        got = heard.envelopes(5)
        assert got, found
        found += got
    return found


def test_an_archive_is_replayed_and_goes_on_with_what_is_new(fresh, make, listen):
    cloudlet = fresh()
    sns = cloudlet.client("sns")
    topic = make(cloudlet, fifo=True, ContentBasedDeduplication="true",
                 ArchivePolicy=json.dumps({"MessageRetentionPeriod": "30"}))
    heard = listen(cloudlet, topic, fifo=True)
    publish(sns, topic, "early")
    cloudlet.advance(60)
    start = stamp(cloudlet)
    ids = [publish(sns, topic, f"m{n}")["MessageId"] for n in range(120)]
    assert len(heard_of(sns, heard, 121)) == 121
    replay(sns, heard, StartingPoint=start)
    again = heard_of(sns, heard, 120)
    assert [one["MessageId"] for one in again] == ids and all(one["Replayed"] is True for one in again)
    publish(sns, topic, "new")
    assert heard.heard(5) == ["new"] and status(sns, heard) == "Completed"


def test_a_replay_with_an_end_stays_there(fresh, make, listen):
    cloudlet = fresh()
    sns = cloudlet.client("sns")
    topic = make(cloudlet, fifo=True, ContentBasedDeduplication="true",
                 ArchivePolicy='{"MessageRetentionPeriod": 1}')
    start = stamp(cloudlet)
    publish(sns, topic, "old")
    cloudlet.advance(60)
    end = stamp(cloudlet, -30)
    publish(sns, topic, "late")
    heard = listen(cloudlet, topic, fifo=True,
                   ReplayPolicy=json.dumps({"PointType": "Timestamp", "StartingPoint": start,
                                            "EndingPoint": end}))
    assert heard.heard(5) == ["old"]
    publish(sns, topic, "new")
    assert heard.bodies() == [] and status(sns, heard) == "Completed"
    sns.set_subscription_attributes(SubscriptionArn=heard.subscription, AttributeName="ReplayPolicy",
                                    AttributeValue="{}")
    publish(sns, topic, "newer")
    assert heard.heard() == ["newer"] and status(sns, heard) is None


def test_an_archive_forgets_what_is_past_its_retention(fresh, make, listen):
    cloudlet = fresh()
    sns = cloudlet.client("sns")
    topic = make(cloudlet, fifo=True, ContentBasedDeduplication="true",
                 ArchivePolicy='{"MessageRetentionPeriod": 2}')
    start = stamp(cloudlet)
    publish(sns, topic, "first")
    cloudlet.advance(86_400)
    publish(sns, topic, "second")
    cloudlet.advance(86_400 + 60)
    heard = listen(cloudlet, topic, fifo=True)
    replay(sns, heard, StartingPoint=start)
    assert heard.heard(5) == ["second"]
    begins = sns.get_topic_attributes(TopicArn=topic)["Attributes"]["BeginningArchiveTime"]
    assert begins > start


def test_a_topic_with_an_archive_is_not_deleted(cloudlet, sns, make, refused):
    topic = make(cloudlet, fifo=True, ArchivePolicy='{"MessageRetentionPeriod": 1}')
    assert refused(sns.delete_topic, TopicArn=topic)[0] == "InvalidState"
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    sns.delete_topic(TopicArn=topic)


@pytest.mark.parametrize("policy", [
    '{"MessageRetentionPeriod": 0}', '{"MessageRetentionPeriod": 366}', '{"Days": 1}', "{", "[]x"])
def test_an_archive_policy_must_be_one(cloudlet, sns, make, refused, policy):
    topic = make(cloudlet, fifo=True)
    assert refused(sns.set_topic_attributes, TopicArn=topic, AttributeName="ArchivePolicy",
                   AttributeValue=policy)[0] == "InvalidParameter"


@pytest.mark.parametrize("policy", [
    {"StartingPoint": "yesterday"}, {"PointType": "Offset", "StartingPoint": "2026-01-01T00:00:00Z"},
    {"StartingPoint": "2026-01-02T00:00:00Z", "EndingPoint": "2026-01-01T00:00:00Z"}, {}])
def test_a_replay_policy_must_be_one(cloudlet, sns, make, listen, refused, policy):
    topic = make(cloudlet, fifo=True, ArchivePolicy='{"MessageRetentionPeriod": 1}')
    heard = listen(cloudlet, topic, fifo=True)
    assert refused(sns.set_subscription_attributes, SubscriptionArn=heard.subscription,
                   AttributeName="ReplayPolicy",
                   AttributeValue=json.dumps({"PointType": "Timestamp"} | policy))[0] == "InvalidParameter"
