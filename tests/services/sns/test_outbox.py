"""What topics write to people lies in the outbox, with the links that confirm."""

import json
import re

import pytest


def letters(cloudlet, to, kind=""):
    return cloudlet.control(f"outbox?to={to}&kind={kind}")["letters"]


def link(letter):
    return re.search(r"http://\S+", letter["body"]).group()


def test_an_address_confirms_by_the_link_in_its_letter(cloudlet, sns, make, visit):
    topic = make(cloudlet, DisplayName="Orders")
    made = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="me@example.com")
    assert made["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="too early")
    asked, = letters(cloudlet, "me@example.com")
    assert asked["kind"] == "email" and topic in asked["body"]
    visit(link(asked))
    sns.publish(TopicArn=topic, Message="hello", Subject="Hi")
    sns.publish(TopicArn=topic, Message=json.dumps({"default": "d", "email": "e"}), MessageStructure="json")
    _, first, second = letters(cloudlet, "me@example.com")
    assert (first["subject"], second["subject"]) == ("Hi", "AWS Notification Message")
    assert first["body"].startswith("hello\n") and second["body"].startswith("e\n")
    assert first["sender"] == "Orders <no-reply@sns.amazonaws.com>" and first["source_arn"] == topic
    visit(link(first))
    told = letters(cloudlet, "me@example.com")[-1]
    assert told["subject"].endswith("Unsubscribe Confirmation")
    sns.publish(TopicArn=topic, Message="unheard")
    assert letters(cloudlet, "me@example.com")[-1] == told


def test_json_goes_to_addresses_as_to_endpoints(cloudlet, sns, make, visit):
    topic = make(cloudlet)
    sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="json@example.com")
    visit(json.loads(letters(cloudlet, "json@example.com")[0]["body"])["SubscribeURL"])
    sns.publish(TopicArn=topic, Message="x")
    found = json.loads(letters(cloudlet, "json@example.com")[-1]["body"])
    assert (found["Type"], found["Message"], found["SignatureVersion"]) == ("Notification", "x", "1")


def test_a_phone_is_subscribed_at_once(cloudlet, sns, make):
    topic = make(cloudlet, DisplayName="Shop")
    arn = sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint="+15550001111")["SubscriptionArn"]
    assert arn.startswith(topic)
    sns.publish(TopicArn=topic, Message="sold")
    letter, = letters(cloudlet, "%2B15550001111", "sms")
    assert (letter["body"], letter["kind"]) == ("Shop> sold", "sms")


def test_a_text_message_is_written_to_a_number(cloudlet, sns, refused):
    sns.set_sms_attributes(attributes={"DefaultSenderID": "LSTest", "DefaultSMSType": "Promotional"})
    found = sns.get_sms_attributes(attributes=["DefaultSenderID"])["attributes"]
    assert found == {"DefaultSenderID": "LSTest"}
    sns.publish(PhoneNumber="+15550002222", Message="plain")
    sns.publish(PhoneNumber="+15550002222", Message="mine", MessageAttributes={
        "AWS.SNS.SMS.SenderID": {"DataType": "String", "StringValue": "Me"},
        "AWS.SNS.SMS.SMSType": {"DataType": "String", "StringValue": "Transactional"}})
    first, second = letters(cloudlet, "%2B15550002222")
    assert (first["sender"], first["headers"]["AWS.SNS.SMS.SMSType"]) == ("LSTest", "Promotional")
    assert (second["sender"], second["headers"]["AWS.SNS.SMS.SMSType"]) == ("Me", "Transactional")
    assert refused(sns.publish, PhoneNumber="+15550002222", Message="x" * 1601)[1] == (
        "Invalid parameter: Message too long")


@pytest.mark.parametrize(("given", "code", "message"), [
    ({"InvalidAttribute": "x"}, "InvalidParameter", "InvalidAttribute is not a valid attribute"),
    ({"DefaultSenderID": "thisistoolong"}, "InvalidParameter", "DefaultSendID is not a valid attribute"),
    ({"DefaultSenderID": "123456"}, "InvalidParameter", "DefaultSendID is not a valid attribute"),
    ({"DefaultSMSType": "Other"}, "InvalidParameter", "DefaultSMSType is invalid")])
def test_an_unsound_setting_is_refused(sns, refused, given, code, message):
    assert refused(sns.set_sms_attributes, attributes=given) == (code, message)


def test_nobody_has_opted_out_and_there_is_no_sandbox(sns, refused):
    assert sns.check_if_phone_number_is_opted_out(phoneNumber="+15550001111")["isOptedOut"] is False
    assert sns.list_phone_numbers_opted_out()["phoneNumbers"] == []
    assert sns.get_sms_sandbox_account_status()["IsInSandbox"] is False
    assert refused(sns.opt_in_phone_number, phoneNumber="no number") == (
        "InvalidParameter", "Invalid parameter: PhoneNumber Reason: input incorrectly formatted")
    assert refused(sns.set_sms_attributes, attributes={"MonthlySpendLimit": "1"})[0] == "NotHonoured"
    assert refused(sns.create_sms_sandbox_phone_number, PhoneNumber="+15550001111")[0] == "NotHonoured"


def test_the_outbox_is_read_from_where_one_left_off(fresh):
    cloudlet = fresh()
    sns = cloudlet.client("sns")
    for n in range(5):
        sns.publish(PhoneNumber="+15550003333", Message=str(n))
    assert [one["body"] for one in cloudlet.control("outbox?after=2&limit=2")["letters"]] == ["2", "3"]
    assert [one["number"] for one in cloudlet.control("outbox")["letters"]] == [1, 2, 3, 4, 5]
    cloudlet.stop()
    again = fresh()
    assert len(again.control("outbox")["letters"]) == 5
    with pytest.raises(OSError, match="400"):
        again.control("outbox?after=x")
