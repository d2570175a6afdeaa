"""Messages: what may be published, and the forms in which queues and functions get it."""

import base64
import json
import re

import pytest

ATTRIBUTES = {
    "s": {"DataType": "String", "StringValue": "t"}, "n": {"DataType": "Number", "StringValue": "1.50"},
    "b": {"DataType": "Binary", "BinaryValue": b"\x02\x03"},
    "a": {"DataType": "String.Array", "StringValue": '["x", "y"]'}}


def test_a_queue_gets_an_envelope_in_awss_layout(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    sent = sns.publish(TopicArn=arn, Message='Grüße, "you"\n', Subject="Hi", MessageAttributes=ATTRIBUTES)
    body, = heard.bodies()
    assert body.startswith('{\n  "Type" : "Notification",\n  "MessageId" : "')
    assert '"s" : {"Type":"String","Value":"t"}' in body
    found = json.loads(body)
    assert list(found) == ["Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp",
                           "SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL",
                           "MessageAttributes"]
    assert (found["MessageId"], found["TopicArn"], found["Subject"], found["Message"]) == (
        sent["MessageId"], arn, "Hi", 'Grüße, "you"\n')
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["Timestamp"])
    assert found["MessageAttributes"] == {
        "s": {"Type": "String", "Value": "t"}, "n": {"Type": "Number", "Value": "1.50"},
        "b": {"Type": "Binary", "Value": base64.b64encode(b"\x02\x03").decode()},
        "a": {"Type": "String.Array", "Value": '["x", "y"]'}}
    assert found["UnsubscribeURL"].endswith(f"/?Action=Unsubscribe&SubscriptionArn={heard.subscription}")


def test_raw_delivery_is_the_message_and_its_attributes(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn, RawMessageDelivery="true")
    sns.publish(TopicArn=arn, Message="plain", Subject="gone", MessageAttributes=ATTRIBUTES)
    message, = heard.messages()
    assert message["Body"] == "plain"
    assert message["MessageAttributes"] == ATTRIBUTES


def test_a_message_may_differ_by_protocol(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    for texts in ({"default": "d", "sqs": "q", "lambda": "l", "http": 3}, {"default": "d", "email": "e"}):
        sns.publish(TopicArn=arn, Message=json.dumps(texts), MessageStructure="json")
    assert sorted(heard.heard()) == ["d", "q"]


@pytest.mark.parametrize("message", ["{", '{"default": 1}', '{"sqs": "x"}', "[]"])
def test_a_message_for_many_protocols_needs_a_default(cloudlet, sns, make, refused, message):
    code, said = refused(sns.publish, TopicArn=make(cloudlet), Message=message, MessageStructure="json")
    assert code == "InvalidParameter" and said in (
        "Invalid parameter: Message Structure - JSON message body failed to parse",
        "Invalid parameter: Message Structure - No default entry in JSON message body")


@pytest.mark.parametrize(("given", "message"), [
    ({"Message": ""}, "Empty message"), ({"Message": "x", "Subject": ""}, "Subject"),
    ({"Message": "x", "Subject": "a\nb"}, "Subject"), ({"Message": "x", "Subject": "a" * 101}, "Subject"),
    ({"Message": "x" * 262_145}, "Message too long"),
    ({"Message": "x" * 262_140, "MessageAttributes": {"s": ATTRIBUTES["s"]}}, "Message too long"),
    ({"Message": "x", "MessageStructure": "xml"}, "MessageStructure"),
    ({"Message": "x", "MessageDeduplicationId": "d"},
     "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid "
     "for this topic type")])
def test_an_unsound_message_is_refused(cloudlet, sns, make, refused, given, message):
    assert refused(sns.publish, TopicArn=make(cloudlet), **given) == (
        "InvalidParameter", f"Invalid parameter: {message}")


@pytest.mark.parametrize(("name", "value", "message"), [
    ("attr1", {"DataType": "String", "StringValue": ""},
     "The message attribute 'attr1' must contain non-empty message attribute value for message "
     "attribute type 'String'."),
    ("attr1", {"DataType": "String"},
     "The message attribute 'attr1' must contain non-empty message attribute value for message "
     "attribute type 'String'."),
    ("attr1", {"DataType": "String", "BinaryValue": b"x"},
     "The message attribute 'attr1' with type 'String' must use field 'String'."),
    ("attr1", {"DataType": "Number", "BinaryValue": b"x"},
     "The message attribute 'attr1' with type 'Number' must use field 'String'."),
    ("attr1", {"DataType": "Binary", "StringValue": "x"},
     "The message attribute 'attr1' with type 'Binary' must use field 'Binary'."),
    ("attr1", {"DataType": "Number", "StringValue": "one"},
     "Could not cast message attribute 'attr1' value to number."),
    ("attr1", {"DataType": "InvalidType", "StringValue": "x"},
     "The message attribute 'attr1' has an invalid message attribute type, the set of supported type "
     "prefixes is Binary, Number, and String."),
    ("a" * 257, {"DataType": "String", "StringValue": "x"},
     "Length of message attribute name must be less than 256 bytes."),
    ("a^b", {"DataType": "String", "StringValue": "x"},
     "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. Can only include "
     "alphanumeric characters, hyphens, underscores, or dots."),
    (".a", {"DataType": "String", "StringValue": "x"},
     "Invalid message attribute name starting with character '.' was found."),
    ("a.", {"DataType": "String", "StringValue": "x"},
     "Invalid message attribute name ending with character '.' was found."),
    ("a..b", {"DataType": "String", "StringValue": "x"},
     "Message attribute name can not have successive '.' character.")])
def test_an_unsound_attribute_is_refused_in_awss_words(cloudlet, sns, make, refused, name, value, message):
    arn = make(cloudlet)
    assert refused(sns.publish, TopicArn=arn, Message="x", MessageAttributes={name: value}) == (
        "ParameterValueInvalid", message)
    entry = {"Id": "1", "Message": "x", "MessageAttributes": {name: value}}
    assert refused(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=[entry])[1] == message


def test_a_batch_is_published_in_order(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=[
        {"Id": str(n), "Message": f"m{n}", "Subject": "s"} for n in range(10)])
    assert [one["Id"] for one in answer["Successful"]] == [str(n) for n in range(10)]
    assert answer["Failed"] == []
    assert heard.heard() == [f"m{n}" for n in range(10)]


@pytest.mark.parametrize(("entries", "code"), [
    ([], "EmptyBatchRequest"),
    ([{"Id": str(n), "Message": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
    ([{"Id": "1", "Message": "x"}] * 2, "BatchEntryIdsNotDistinct"),
    ([{"Id": "a.b", "Message": "x"}], "InvalidBatchEntryId"), ([{"Id": "a" * 81, "Message": "x"}],
                                                               "InvalidBatchEntryId"),
    ([{"Id": str(n), "Message": "x" * 200_000} for n in range(2)], "BatchRequestTooLong"),
    ([{"Id": "1", "Message": "x"}, {"Id": "2", "Message": "{", "MessageStructure": "json"}],
     "InvalidParameter")])
def test_an_unsound_batch_publishes_nothing(cloudlet, sns, make, listen, refused, entries, code):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    assert refused(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)[0] == code
    assert heard.bodies() == []


def test_a_topic_may_take_larger_messages_for_queues_only(cloudlet, sns, make, listen, refused):
    arn = make(cloudlet, MaximumMessageSize="1048576")
    heard = listen(cloudlet, arn, RawMessageDelivery="true")
    sns.publish(TopicArn=arn, Message="x" * 1_000_000)
    assert [len(body) for body in heard.bodies()] == [1_000_000]
    assert refused(sns.publish, TopicArn=arn, Message="x" * 1_048_577)[1] == (
        "Invalid parameter: Message too long")
    assert refused(sns.subscribe, TopicArn=arn, Protocol="email", Endpoint="a@example.com")[0] == (
        "InvalidParameter")


def test_the_group_of_a_standard_topic_reaches_queues(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    sns.publish(TopicArn=arn, Message="x", MessageGroupId="tenant-1")
    assert heard.messages()[0]["Attributes"]["MessageGroupId"] == "tenant-1"


def test_one_publish_reaches_a_hundred_queues(fresh, make, listen):
    cloudlet = fresh()
    arn = make(cloudlet)
    queues = [listen(cloudlet, arn) for _ in range(100)]
    cloudlet.client("sns").publish(TopicArn=arn, Message="to all")
    envelopes = [one.envelopes() for one in queues]
    assert all([one["Message"] for one in got] == ["to all"] for got in envelopes)
    assert len({got[0]["Signature"] for got in envelopes}) == 1
    assert len({got[0]["UnsubscribeURL"] for got in envelopes}) == 100


def test_a_publish_needs_one_address(sns, refused):
    assert refused(sns.publish, Message="x")[1] == (
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter")
    assert refused(sns.publish, Message="x", PhoneNumber="NAA+15551234567") == (
        "InvalidParameter",
        "Invalid parameter: PhoneNumber Reason: NAA+15551234567 is not valid to publish to")
    assert refused(sns.publish, Message="x",
                   TargetArn="arn:aws:sns:us-east-1:000000000000:endpoint/GCM/a/b")[1] == (
        "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified")


def test_a_target_arn_may_be_a_topic(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    sns.publish(TargetArn=arn, Message="x")
    assert heard.heard() == ["x"]


def test_the_tracing_header_is_handed_on(cloudlet, sns, make, listen):
    arn = make(cloudlet)
    heard = listen(cloudlet, arn)
    header = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
    sns.meta.events.register("before-sign.sns.Publish",
                             lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", header))
    sns.publish(TopicArn=arn, Message="x")
    assert "1-3152b799-8954dae64eda91bc9a23a7e8" in heard.messages()[0]["Attributes"]["AWSTraceHeader"]
