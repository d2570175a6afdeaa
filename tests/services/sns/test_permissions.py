"""Whom a topic's policy lets in: other accounts, services and nobody in particular."""

import asyncio
import json

import pytest
from botocore import UNSIGNED
from botocore.config import Config

from cloudlet.fabric import targets
from cloudlet.identity import root

OTHER = "111111111111"


def allow(topic, principal, action="SNS:Publish", effect="Allow", **more):
    return {"Effect": effect, "Principal": principal, "Action": action, "Resource": topic, **more}


def set_policy(sns, topic, *statements):
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(
        {"Version": "2012-10-17", "Statement": list(statements)}))


def deliver(running, topic, source, **more):
    """A delivery by a service, as its own transaction would make it."""
    call = running.cloudlet.kernel.conversation(root("000000000000"), "s3")
    delivery = targets.Delivery("1", b"x", source, **more)
    return asyncio.run_coroutine_threadsafe(
        call.transact(lambda inner: targets.deliver(inner, topic, delivery)), running._loop).result()


def test_statements_are_added_and_removed(cloudlet, sns, make, refused):
    topic = make(cloudlet)
    sns.add_permission(TopicArn=topic, Label="test", AWSAccountId=[OTHER],
                       ActionName=["Publish", "Subscribe"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][1] == {
        "Sid": "test", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": ["SNS:Publish", "SNS:Subscribe"], "Resource": topic}
    assert refused(sns.add_permission, TopicArn=topic, Label="test", AWSAccountId=[OTHER],
                   ActionName=["Publish"]) == ("InvalidParameter",
                                               "Invalid parameter: Statement already exists")
    assert refused(sns.add_permission, TopicArn=topic, Label="x", AWSAccountId=[OTHER],
                   ActionName=["Fly"]) == (
        "InvalidParameter", "Invalid parameter: Policy statement action out of service scope!")
    sns.remove_permission(TopicArn=topic, Label="test")
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["__default_statement_ID"]


def test_another_account_may_what_the_policy_says(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    other = cloudlet.client("sns", key=OTHER)
    code, message = refused(other.publish, TopicArn=topic, Message="x")
    assert code == "AuthorizationError" and message == (
        f"User: arn:aws:iam::{OTHER}:root is not authorized to perform: SNS:Publish on resource: {topic} "
        "because no resource-based policy allows the SNS:Publish action")
    sns.add_permission(TopicArn=topic, Label="other", AWSAccountId=[OTHER], ActionName=["Publish"])
    other.publish(TopicArn=topic, Message="let in")
    assert heard.heard() == ["let in"]
    assert refused(other.get_topic_attributes, TopicArn=topic)[0] == "AuthorizationError"


def test_a_policy_may_deny_its_own_account(cloudlet, sns, make, refused):
    topic = make(cloudlet)
    set_policy(sns, topic, allow(topic, "*", effect="Deny"))
    assert refused(sns.publish, TopicArn=topic, Message="x")[1].endswith(
        "with an explicit deny in a resource-based policy")


def test_subscribing_may_be_bound_to_a_protocol(cloudlet, sns, make, refused):
    topic = make(cloudlet)
    set_policy(sns, topic, allow(topic, {"AWS": OTHER}, "SNS:Subscribe",
                                 Condition={"StringEquals": {"SNS:Protocol": "https"}}))
    other = cloudlet.client("sns", key=OTHER)
    assert other.subscribe(TopicArn=topic, Protocol="https",
                           Endpoint="https://127.0.0.1:1/")["SubscriptionArn"]
    assert refused(other.subscribe, TopicArn=topic, Protocol="email", Endpoint="a@example.com")[0] == (
        "AuthorizationError")


def test_nobody_in_particular_is_let_in_by_a_policy_only(cloudlet, sns, make, listen, refused):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    anyone = cloudlet.client("sns", config=Config(signature_version=UNSIGNED))
    assert refused(anyone.publish, TopicArn=topic, Message="x")[0] == "AuthorizationError"
    set_policy(sns, topic, allow(topic, "*"))
    anyone.publish(TopicArn=topic, Message="public")
    assert heard.heard() == ["public"]


@pytest.mark.parametrize("source", ["s3", "events"])
def test_a_service_that_acts_under_its_own_name_must_be_let_in(cloudlet, sns, make, listen, source):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    mine = {"source_arn": "arn:aws:s3:::mine", "source_account": "000000000000"}
    with pytest.raises(Exception, match="not authorized"):
        deliver(cloudlet, topic, source, **mine)
    set_policy(sns, topic, allow(topic, {"Service": f"{source}.amazonaws.com"}, Condition={
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::mine"},
        "StringEquals": {"aws:SourceAccount": "000000000000"}}))
    deliver(cloudlet, topic, source, **mine)
    with pytest.raises(Exception, match="not authorized"):
        deliver(cloudlet, topic, source, **mine | {"source_arn": "arn:aws:s3:::other"})
    assert heard.heard() == ["x"]


def test_a_service_that_acts_with_a_role_counts_as_its_account(cloudlet, make, listen):
    topic = make(cloudlet)
    heard = listen(cloudlet, topic)
    deliver(cloudlet, topic, "lambda", source_account="000000000000")
    with pytest.raises(Exception, match="not authorized"):
        deliver(cloudlet, topic, "lambda", source_account=OTHER)
    assert heard.heard() == ["x"]
