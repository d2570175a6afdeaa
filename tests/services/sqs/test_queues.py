"""Queues: created, found, listed, changed, purged, deleted."""

import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def test_a_queue_is_created_once_and_found_again(cloudlet, make):
    queue = make(cloudlet, DelaySeconds="3")
    again = queue.sqs.create_queue(QueueName=queue.name, Attributes={"DelaySeconds": "3"})
    assert again["QueueUrl"] == queue.url == f"{cloudlet.url}/000000000000/{queue.name}"
    assert queue.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"] == queue.url


def test_a_queue_with_other_attributes_is_in_the_way(cloudlet, make, refused):
    queue = make(cloudlet)
    assert refused(queue.sqs.create_queue, QueueName=queue.name, Attributes={"DelaySeconds": "1"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds")


def test_a_queue_that_is_not_there_is_named_as_aws_names_it(cloudlet, refused):
    sqs = cloudlet.client("sqs")
    assert refused(sqs.get_queue_url, QueueName="nowhere") == (
        "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def test_names_have_rules(cloudlet, refused):
    sqs = cloudlet.client("sqs")
    plain = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    assert refused(sqs.create_queue, QueueName="a b") == ("InvalidParameterValue", plain)
    assert refused(sqs.create_queue, QueueName="x" * 81) == ("InvalidParameterValue", plain)
    assert refused(sqs.create_queue, QueueName="x.fifo") == ("InvalidParameterValue", plain)
    fifo = {"FifoQueue": "true"}
    assert "must end with .fifo" in refused(sqs.create_queue, QueueName="x", Attributes=fifo)[1]


def test_any_host_in_a_url_will_do_but_it_must_be_a_url(cloudlet, make, refused):
    queue = make(cloudlet)
    sqs = queue.sqs
    url = f"https://sqs.us-east-1.amazonaws.com/000000000000/{queue.name}"
    assert sqs.send_message(QueueUrl=url, MessageBody="x")["MessageId"]
    assert refused(sqs.purge_queue, QueueUrl="orders") == (
        "InvalidAddress", "The address orders is not valid for this endpoint.")


def test_another_account_may_do_what_the_policy_lets_it_and_nothing_else(cloudlet, make):
    queue = make(cloudlet)
    other = cloudlet.client("sqs", key="111122223333")

    def asks():
        yield lambda: other.send_message(QueueUrl=queue.url, MessageBody="from afar")
        yield lambda: other.get_queue_url(QueueName=queue.name, QueueOwnerAWSAccountId="000000000000")
        yield lambda: other.receive_message(QueueUrl=queue.url)
        yield lambda: other.delete_queue(QueueUrl=queue.url)

    for ask in asks():
        with pytest.raises(ClientError) as refused:
            ask()
        assert refused.value.response["Error"]["Code"] == "AccessDenied"
    queue.sqs.add_permission(QueueUrl=queue.url, Label="afar", AWSAccountIds=["111122223333"],
                                Actions=["SendMessage", "GetQueueUrl"])
    send, find, *others = asks()
    assert send()["MessageId"] and find()["QueueUrl"] == queue.url
    for ask in others:
        with pytest.raises(ClientError, match=r"is denied|not authorized"):
            ask()
    message, = queue.receive(AttributeNames=["SenderId"])
    assert (message["Body"], message["Attributes"]["SenderId"]) == ("from afar", "111122223333")


def test_lists_are_by_name_and_have_pages(cloudlet):
    sqs = cloudlet.client("sqs", region="eu-west-1")
    assert "QueueUrls" not in sqs.list_queues()
    for n in range(5):
        sqs.create_queue(QueueName=f"page-{n}")
    sqs.create_queue(QueueName="other")
    first = sqs.list_queues(QueueNamePrefix="page-", MaxResults=3)
    second = sqs.list_queues(QueueNamePrefix="page-", MaxResults=3, NextToken=first["NextToken"])
    names = [url.rpartition("/")[2] for url in first["QueueUrls"] + second["QueueUrls"]]
    assert names == [f"page-{n}" for n in range(5)] and "NextToken" not in second
    assert len(sqs.list_queues()["QueueUrls"]) == 6


def test_a_new_queue_has_the_attributes_of_aws(cloudlet, make):
    found = make(cloudlet).attributes()
    assert found.pop("CreatedTimestamp") == found.pop("LastModifiedTimestamp")
    assert found.pop("QueueArn").startswith("arn:aws:sqs:us-east-1:000000000000:queue-")
    assert found == {
        "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30"}


def test_a_new_fifo_queue_has_four_more(cloudlet, make):
    found = make(cloudlet, fifo=True).attributes(
        "FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit", "Policy")
    assert found == {"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
                     "FifoThroughputLimit": "perQueue"}


def test_attributes_are_set_within_their_ranges(cloudlet, make, refused):
    queue = make(cloudlet)
    queue.set(VisibilityTimeout="43200", MaximumMessageSize="1024", MessageRetentionPeriod="1209600")
    assert queue.attributes("VisibilityTimeout") == {"VisibilityTimeout": "43200"}
    for name, value in (("DelaySeconds", "901"), ("MaximumMessageSize", "1023"),
                        ("MessageRetentionPeriod", "59"), ("ReceiveMessageWaitTimeSeconds", "21"),
                        ("VisibilityTimeout", "soon"), ("Policy", "{"), ("SqsManagedSseEnabled", "perhaps")):
        assert refused(queue.set, **{name: value}) == (
            "InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def test_attributes_that_are_none_are_refused_by_name(cloudlet, make, refused):
    queue = make(cloudlet)
    for name in ("Colour", "QueueArn", "FifoQueue", "ContentBasedDeduplication"):
        assert refused(queue.set, **{name: "true"}) == ("InvalidAttributeName", f"Unknown Attribute {name}.")
    assert refused(queue.sqs.get_queue_attributes, QueueUrl=queue.url, AttributeNames=["Colour"]) == (
        "InvalidAttributeName", "Unknown Attribute Colour.")
    assert refused(queue.set, DeduplicationScope="queue") == (
        "InvalidAttributeName", "You can specify the DeduplicationScope only when FifoQueue is set to true.")


def test_a_queue_does_not_become_another_kind(cloudlet, make, refused):
    assert refused(make(cloudlet, fifo=True).set, FifoQueue="false") == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")


def test_high_throughput_needs_both_its_settings(cloudlet, make, refused):
    queue = make(cloudlet, fifo=True)
    assert refused(queue.set, FifoThroughputLimit="perMessageGroupId")[0] == "InvalidAttributeValue"
    queue.set(FifoThroughputLimit="perMessageGroupId", DeduplicationScope="messageGroup")
    assert queue.attributes("FifoThroughputLimit") == {"FifoThroughputLimit": "perMessageGroupId"}


def test_keys_of_kms_are_refused_because_nothing_is_encrypted_with_them(cloudlet, make, refused):
    code, message = refused(make(cloudlet).set, KmsMasterKeyId="alias/mine")
    assert code == "NotHonoured" and "KmsMasterKeyId" in message


def test_no_attributes_are_no_attributes(cloudlet, make):
    queue = make(cloudlet)
    assert "Attributes" not in queue.sqs.get_queue_attributes(QueueUrl=queue.url)


def test_tags_come_and_go(cloudlet, make, refused):
    queue = make(cloudlet)
    sqs = queue.sqs
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=queue.url)
    sqs.tag_queue(QueueUrl=queue.url, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=queue.url, TagKeys=["a", "c"])
    assert sqs.list_queue_tags(QueueUrl=queue.url)["Tags"] == {"b": "2"}
    many = {str(n): "" for n in range(50)}
    assert refused(sqs.tag_queue, QueueUrl=queue.url, Tags=many) == (
        "InvalidParameterValue", f"Too many tags added for queue {queue.name}.")
    tagged = sqs.create_queue(QueueName="tagged", tags={"stage": "test"})["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=tagged)["Tags"] == {"stage": "test"}


def test_permissions_are_statements_of_the_policy(cloudlet, make, refused):
    queue = make(cloudlet)
    sqs, arn = queue.sqs, queue.arn
    give = {"QueueUrl": queue.url, "Label": "friend", "AWSAccountIds": ["111122223333"],
            "Actions": ["ReceiveMessage"]}
    sqs.add_permission(**give)
    assert json.loads(queue.attributes("Policy")["Policy"]) == {
        "Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": [{
            "Sid": "friend", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "SQS:ReceiveMessage", "Resource": arn}]}
    assert refused(sqs.add_permission, **give) == (
        "InvalidParameterValue", "Value friend for parameter Label is invalid. Reason: Already exists.")
    assert "SQS:Fly" in refused(sqs.add_permission, **give | {"Label": "x", "Actions": ["Fly"]})[1]
    eight = ["SendMessage"] * 8
    assert refused(sqs.add_permission, **give | {"Label": "x", "Actions": eight})[0] == "OverLimit"
    sqs.remove_permission(QueueUrl=queue.url, Label="friend")
    assert queue.attributes("Policy") == {}
    assert refused(sqs.remove_permission, QueueUrl=queue.url, Label="friend") == (
        "InvalidParameterValue", "Value friend for parameter Label is invalid. Reason: can't find label.")


def test_a_purge_empties_a_queue_once_a_minute(fresh, make, refused):
    running = fresh()
    queue = make(running)
    for n in range(3):
        queue.send(str(n))
    held = queue.receive(1)[0]
    queue.sqs.purge_queue(QueueUrl=queue.url)
    assert queue.counts() == (0, 0, 0) and queue.receive() == []
    queue.delete(held)
    assert refused(queue.sqs.purge_queue, QueueUrl=queue.url) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds.")
    running.advance(61)
    queue.sqs.purge_queue(QueueUrl=queue.url)


def test_a_deleted_queue_is_gone_and_its_name_rests_for_a_minute(fresh, make, refused):
    running = fresh()
    queue = make(running)
    queue.send("lost")
    message = queue.receive()[0]
    queue.sqs.delete_queue(QueueUrl=queue.url)
    assert refused(queue.send)[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refused(queue.sqs.create_queue, QueueName=queue.name) == (
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
    running.advance(60)
    queue.sqs.create_queue(QueueName=queue.name)
    assert queue.counts() == (0, 0, 0)
    assert refused(queue.delete, message=message)[0] == "ReceiptHandleIsInvalid"


def test_what_a_request_lacks_is_named_in_sqs_own_words(cloudlet):
    sqs = cloudlet.client("sqs", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        sqs.send_message(MessageBody="x")
    error = caught.value.response["Error"]
    assert error["Message"] == "The request must contain the parameter QueueUrl."
    assert error["Code"] == "MissingParameter"
    assert error["QueryErrorCode"] == "MissingRequiredParameterException"
