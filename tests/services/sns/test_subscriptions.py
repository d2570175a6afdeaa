"""Subscriptions: made, found again, listed, set and ended, and where messages go that nobody takes."""

import json

import pytest

from .conftest import OPEN


def attributes(sns, arn):
    return sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


def test_a_subscribed_queue_is_confirmed_at_once(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    assert attributes(sns, heard.subscription) == {
        "ConfirmationWasAuthenticated": "true", "Endpoint": heard.arn, "Owner": "000000000000",
        "PendingConfirmation": "false", "Protocol": "sqs", "RawMessageDelivery": "false",
        "SubscriptionArn": heard.subscription, "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "TopicArn": topic}
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["SubscriptionsConfirmed"], found["SubscriptionsPending"]) == ("1", "0")


def test_the_same_subscription_is_found_again_and_another_is_refused(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic, RawMessageDelivery="True")
    same = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": heard.arn}
    for given in ({}, {"RawMessageDelivery": "true"}, {"FilterPolicyScope": "MessageAttributes"}):
        assert sns.subscribe(**same, Attributes=given)["SubscriptionArn"] == heard.subscription
    assert refused(sns.subscribe, **same, Attributes={"RawMessageDelivery": "false"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")


@pytest.mark.parametrize(("protocol", "endpoint", "message"), [
    ("test-protocol", "x",
     "Invalid parameter: Amazon SNS does not support this protocol string: test-protocol"),
    ("sqs", "http://localhost/q", "Invalid parameter: SQS endpoint ARN"),
    ("lambda", "arn:aws:sqs:us-east-1:000000000000:q", "Invalid parameter: Lambda endpoint ARN"),
    ("email", "nobody", "Invalid parameter: Email address"),
    ("http", "https://example.com", "Invalid parameter: Endpoint must match the specified protocol"),
    ("sms", "+15--551234567", "Invalid SMS endpoint: +15--551234567"),
    ("sms", "NAA+15551234567", "Invalid SMS endpoint: NAA+15551234567"),
    ("sms", "+15551234567.", "Invalid SMS endpoint: +15551234567."),
    ("sqs", "arn:aws:sqs:us-east-1:000000000000:q.fifo",
     "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to "
     "standard SNS topics")])
def test_an_endpoint_must_be_one(cloudlet, sns, make, refused, protocol, endpoint, message):
    assert refused(sns.subscribe, TopicArn=make(cloudlet), Protocol=protocol, Endpoint=endpoint) == (
        "InvalidParameter", message)


def test_what_nothing_can_be_delivered_to_is_refused_by_name(cloudlet, sns, make, refused):
    code, message = refused(sns.subscribe, TopicArn=make(cloudlet), Protocol="application", Endpoint="arn:x")
    assert code == "NotHonoured" and "application" in message


@pytest.mark.parametrize(("name", "value", "message"), [
    ("Fake", "x", "AttributeName"),
    ("RawMessageDelivery", "test-ValUe",
     "RawMessageDelivery: Invalid value [test-ValUe]. Must be true or false."),
    ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
    ("FilterPolicyScope", "RandomValue",
     "FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody or MessageAttributes"),
    ("RedrivePolicy", json.dumps({"deadLetterTargetArn": "fake-arn"}),
     "RedrivePolicy: deadLetterTargetArn is an invalid arn")])
def test_an_unsound_attribute_is_refused(cloudlet, sns, make, listen, refused, name, value, message):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    assert refused(sns.set_subscription_attributes, SubscriptionArn=heard.subscription, AttributeName=name,
                   AttributeValue=value) == ("InvalidParameter", f"Invalid parameter: {message}")


def test_raw_delivery_is_not_for_people(cloudlet, sns, make, refused):
    assert refused(sns.subscribe, TopicArn=make(cloudlet), Protocol="email", Endpoint="a@example.com",
                   Attributes={"RawMessageDelivery": "true"})[1] == (
        "Invalid parameter: Attributes Reason: Delivery protocol [email] does not support raw message "
        "delivery.")


def test_subscriptions_are_listed(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = {listen(cloudlet, topic).subscription for _ in range(3)}
    found = sns.list_subscriptions_by_topic(TopicArn=topic)
    assert {one["SubscriptionArn"] for one in found["Subscriptions"]} == heard and "NextToken" not in found
    assert heard <= {one["SubscriptionArn"] for page in sns.get_paginator("list_subscriptions").paginate()
                     for one in page["Subscriptions"]}


def test_many_subscriptions_are_listed_by_the_hundred(cloudlet, sns, make):
    topic = make(cloudlet)
    for n in range(120):
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint=f"+1555{n:06}")
    first = sns.list_subscriptions_by_topic(TopicArn=topic)
    second = sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
    ends = [one["Endpoint"] for one in first["Subscriptions"] + second["Subscriptions"]]
    assert len(first["Subscriptions"]) == 100 and sorted(ends) == [f"+1555{n:06}" for n in range(120)]


def test_who_unsubscribes_hears_no_more(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    sns.unsubscribe(SubscriptionArn=heard.subscription)
    sns.unsubscribe(SubscriptionArn=heard.subscription)
    sns.publish(TopicArn=topic, Message="x")
    assert heard.bodies() == []


@pytest.mark.parametrize(("arn", "message"), [
    ("randomstring", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 1"),
    ("arn:aws:sns:us-east-1:random", "SubscriptionArn Reason: An ARN must have at least 6 elements, not 5"),
    ("arn:aws:sns:us-east-1:000000000000:topic", "SubscriptionId"),
    ("", "SubscriptionArn Reason: no value for required parameter")])
def test_an_arn_must_be_that_of_a_subscription(sns, refused, arn, message):
    assert refused(sns.unsubscribe, SubscriptionArn=arn) == (
        "InvalidParameter", f"Invalid parameter: {message}")


def test_a_subscription_that_is_not_there_is_not_found(sns, refused):
    arn = "arn:aws:sns:us-east-1:000000000000:topic:00000000-0000-0000-0000-000000000000"
    assert refused(sns.get_subscription_attributes, SubscriptionArn=arn) == (
        "NotFound", "Subscription does not exist")


@pytest.mark.parametrize("raw", ["true", "false"])
def test_what_a_deleted_queue_can_not_take_becomes_a_dead_letter(cloudlet, sns, make, listen, raw):
    topic, grave = make(cloudlet), listen(cloudlet)
    heard = listen(cloudlet, topic, RawMessageDelivery=raw,
                   RedrivePolicy=json.dumps({"deadLetterTargetArn": grave.arn}))
    other = listen(cloudlet, topic)
    heard.sqs.delete_queue(QueueUrl=heard.url)
    sns.publish(TopicArn=topic, Message="x", MessageAttributes={
        "n": {"DataType": "Number", "StringValue": "1"}})
    letter, = grave.messages()
    if raw == "true":
        assert letter["Body"] == "x" and letter["MessageAttributes"]["n"]["StringValue"] == "1"
    else:
        assert json.loads(letter["Body"])["UnsubscribeURL"].endswith(heard.subscription)
        assert "MessageAttributes" not in letter
    assert other.heard() == ["x"]


def test_a_queue_that_refuses_one_message_does_not_stop_another(cloudlet, sns, make, listen):
    topic = make(cloudlet)
    small, large = listen(cloudlet, topic), listen(cloudlet, topic)
    small.sqs.set_queue_attributes(QueueUrl=small.url, Attributes={"MaximumMessageSize": "1024"})
    sns.publish(TopicArn=topic, Message="x" * 5000)
    sns.publish(TopicArn=topic, Message="y")
    assert [message[0] for message in large.heard()] == ["x", "y"]
    assert small.heard() == ["y"]


def test_a_queue_of_another_account_confirms_with_the_token_it_is_sent(cloudlet, sns, make):
    topic = make(cloudlet)
    other = cloudlet.client("sqs", key="111111111111")
    url = other.create_queue(QueueName="foreign", Attributes={"Policy": OPEN})["QueueUrl"]
    made = sns.subscribe(TopicArn=topic, Protocol="sqs",
                         Endpoint="arn:aws:sqs:us-east-1:111111111111:foreign")
    assert made["SubscriptionArn"] == "pending confirmation"
    message, = other.receive_message(QueueUrl=url)["Messages"]
    asked = json.loads(message["Body"])
    assert asked["Type"] == "SubscriptionConfirmation"
    sns.confirm_subscription(TopicArn=topic, Token=asked["Token"])
    sns.publish(TopicArn=topic, Message="x")
    message, = other.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Message"] == "x"
