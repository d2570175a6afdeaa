"""Topics: their names, attributes and tags, and what AWS says to those that are unsound."""

import json

import pytest

RETRY = {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}


def attributes(sns, arn):
    return sns.get_topic_attributes(TopicArn=arn)["Attributes"]


def test_a_new_topic_has_awss_attributes(cloudlet, sns, make):
    arn = make(cloudlet)
    found = attributes(sns, arn)
    policy, effective = json.loads(found.pop("Policy")), json.loads(found.pop("EffectiveDeliveryPolicy"))
    assert found == {"DisplayName": "", "Owner": "000000000000", "SubscriptionsConfirmed": "0",
                     "SubscriptionsDeleted": "0", "SubscriptionsPending": "0", "TopicArn": arn}
    assert policy["Id"] == "__default_policy_ID" and policy["Statement"][0]["Condition"] == {
        "StringEquals": {"AWS:SourceOwner": "000000000000"}}
    assert effective == {"http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20, "maxDelayTarget": 20, "numRetries": 3, "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear"},
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"}}}


def test_the_same_topic_is_found_again_and_another_is_refused(sns, refused):
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    arn = sns.create_topic(Name="same", Attributes={"DisplayName": "x"}, Tags=tags)["TopicArn"]
    assert arn == "arn:aws:sns:us-east-1:000000000000:same"
    for more in ({}, {"Attributes": {"DisplayName": "x"}}, {"Tags": tags[:1]}):
        assert sns.create_topic(Name="same", **more)["TopicArn"] == arn
    for given in ({"DisplayName": "y"}, {"SignatureVersion": "2"},
                  {"DisplayName": "x", "SignatureVersion": "2"}):
        assert refused(sns.create_topic, Name="same", Attributes=given) == (
            "InvalidParameter",
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes")
    assert refused(sns.create_topic, Name="same", Tags=[{"Key": "c", "Value": "3"}]) == (
        "InvalidParameter", "Invalid parameter: Tags Reason: Topic already exists with different tags")


@pytest.mark.parametrize(("name", "given"), [
    ("", {}), ("a" * 257, {}), ("test.fifo", {}), ("test", {"FifoTopic": "true"}), ("bad name", {}),
    ("b:d", {})])
def test_a_name_must_be_one(sns, refused, name, given):
    assert refused(sns.create_topic, Name=name, Attributes=given) == (
        "InvalidParameter", "Invalid parameter: Topic Name")


@pytest.mark.parametrize(("arn", "code", "message"), [
    ("x", "InvalidParameter",
     "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
    ("", "InvalidParameter",
     "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1"),
    ("arn:aws:sns:eu-west-1:000000000000:x", "InvalidParameter", "Invalid parameter: TopicArn"),
    ("arn:aws:sns:us-east-1:000000000000:none", "NotFound", "Topic does not exist")])
def test_an_arn_must_be_that_of_a_topic(sns, refused, arn, code, message):
    assert refused(sns.get_topic_attributes, TopicArn=arn) == (code, message)
    assert refused(sns.publish, TopicArn=arn, Message="x") == (code, message)


def test_attributes_are_set_one_by_one(cloudlet, sns, make):
    arn = make(cloudlet)
    for name, value in (("DisplayName", "Orders"), ("SignatureVersion", "2"),
                        ("TracingConfig", "PassThrough"), ("MaximumMessageSize", "2048")):
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
        assert attributes(sns, arn)[name] == value


@pytest.mark.parametrize(("name", "value", "message"), [
    ("FifoTopic", "false", "AttributeName"), ("Nothing", "x", "AttributeName"),
    ("ContentBasedDeduplication", "true", "ContentBasedDeduplication can only be set for FIFO topics"),
    ("SQSSuccessFeedbackSampleRate", "500",
     "SQSSuccessFeedbackSampleRate: 500 value provided is not an integer between 0-100"),
    ("Policy", "{", "Policy Error: null"),
    ("Policy", json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:Fly",
                                         "Resource": "*"}}),
     "Policy statement action out of service scope!")])
def test_an_unsound_attribute_is_refused(cloudlet, sns, make, refused, name, value, message):
    arn = make(cloudlet)
    assert refused(sns.set_topic_attributes, TopicArn=arn, AttributeName=name, AttributeValue=value) == (
        "InvalidParameter", f"Invalid parameter: {message}")


@pytest.mark.parametrize(("name", "value"), [
    ("KmsMasterKeyId", "alias/aws/sns"), ("TracingConfig", "Active"),
    ("FirehoseSuccessFeedbackRoleArn", "arn:aws:iam::000000000000:role/x")])
def test_what_is_not_honoured_is_refused_by_name(cloudlet, sns, make, refused, name, value):
    arn = make(cloudlet)
    code, message = refused(sns.set_topic_attributes, TopicArn=arn, AttributeName=name, AttributeValue=value)
    assert code == "NotHonoured"
    assert refused(sns.create_topic, Name="never", Attributes={name: value})[0] == "NotHonoured"
    assert "cloudlet" in message


def test_a_data_protection_policy_is_refused_by_name(sns, refused):
    assert refused(sns.create_topic, Name="protected", DataProtectionPolicy="{}")[0] == "NotHonoured"
    assert refused(sns.put_data_protection_policy, ResourceArn="x",
                   DataProtectionPolicy="{}")[0] == "NotHonoured"
    assert refused(sns.create_platform_application, Name="x", Platform="GCM",
                   Attributes={})[0] == "NotHonoured"


def test_a_delivery_policy_is_kept_as_aws_keeps_it(cloudlet, sns, make):
    arn = make(cloudlet)

    def set_policy(policy):
        sns.set_topic_attributes(TopicArn=arn, AttributeName="DeliveryPolicy",
                                 AttributeValue=json.dumps(policy) if policy else "")
        found = attributes(sns, arn)
        effective = json.loads(found["EffectiveDeliveryPolicy"])["http"]
        return json.loads(found.get("DeliveryPolicy", "null")), effective

    own, effective = set_policy({"http": {"defaultRequestPolicy": {"headerContentType": "application/json"}}})
    assert own == {"http": {"disableSubscriptionOverrides": False,
                            "defaultRequestPolicy": {"headerContentType": "application/json"}}}
    assert effective["defaultRequestPolicy"] == {"headerContentType": "application/json"}
    own, effective = set_policy({"http": {"defaultHealthyRetryPolicy": RETRY}})
    assert own["http"]["defaultHealthyRetryPolicy"] == RETRY
    assert effective["defaultHealthyRetryPolicy"] == RETRY | {
        "numMaxDelayRetries": 0, "numNoDelayRetries": 0, "numMinDelayRetries": 0, "backoffFunction": "linear"}
    own, _ = set_policy({"http": {"defaultHealthyRetryPolicy": None}})
    assert own == {"http": {"disableSubscriptionOverrides": False}}
    assert set_policy(None)[0] is None


@pytest.mark.parametrize(("retry", "message"), [
    (RETRY | {"numRetries": 300}, "numRetries must be less than or equal to 100"),
    (RETRY | {"minDelayTarget": 0}, "minDelayTarget must be greater than or equal to 1"),
    (RETRY | {"maxDelayTarget": 4}, "maxDelayTarget must be greater than or equal to minDelayTarget"),
    ({"numRetries": 3}, "minDelayTarget must be specified"),
    (RETRY | {"backoffFunction": "slow"},
     "backoffFunction must be one of: linear, arithmetic, geometric, exponential")])
def test_a_delivery_policy_that_is_none_is_refused(cloudlet, sns, make, refused, retry, message):
    policy = json.dumps({"http": {"defaultHealthyRetryPolicy": retry}})
    arn, path = make(cloudlet), "http.defaultHealthyRetryPolicy"
    assert refused(sns.set_topic_attributes, TopicArn=arn, AttributeName="DeliveryPolicy",
                   AttributeValue=policy) == (
        "InvalidParameter", f"Invalid parameter: DeliveryPolicy: {path}.{message}")
    assert refused(sns.create_topic, Name="never", Attributes={"DeliveryPolicy": policy}) == (
        "InvalidParameter", f"Invalid parameter: Attributes Reason: DeliveryPolicy: {path}.{message}")
    assert refused(sns.set_topic_attributes, TopicArn=arn, AttributeName="DeliveryPolicy",
                   AttributeValue='{"throttlePolicy": {}}')[1] == (
        "Invalid parameter: DeliveryPolicy: Unexpected JSON member: throttlePolicy")


def test_tags_are_added_and_removed(cloudlet, sns, make, refused):
    arn = make(cloudlet)
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["a", "never"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": ""}]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert refused(sns.tag_resource, ResourceArn=arn, Tags=twice) == (
        "InvalidParameter", "Invalid parameter: Duplicated keys are not allowed.")
    many = [{"Key": str(n), "Value": ""} for n in range(51)]
    assert refused(sns.tag_resource, ResourceArn=arn, Tags=many) == (
        "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    assert refused(sns.list_tags_for_resource, ResourceArn=arn + "x")[0] == "ResourceNotFound"


def test_topics_are_listed_by_the_hundred(fresh):
    sns = fresh().client("sns")
    made = {sns.create_topic(Name=f"topic-{n}")["TopicArn"] for n in range(120)}
    first = sns.list_topics()
    assert len(first["Topics"]) == 100
    second = sns.list_topics(NextToken=first["NextToken"])
    assert {one["TopicArn"] for one in first["Topics"] + second["Topics"]} == made
    assert "NextToken" not in second


def test_a_deleted_topic_takes_its_subscriptions_along(cloudlet, sns, make, listen, refused):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert refused(sns.publish, TopicArn=arn, Message="x") == ("NotFound", "Topic does not exist")
    sns.create_topic(Name=arn.rpartition(":")[2])
    sns.publish(TopicArn=arn, Message="x")
    assert heard.bodies() == []
    assert attributes(sns, arn)["SubscriptionsConfirmed"] == "0"
