"""What a test lets go wrong, goes wrong: for whom it said, as often as it said, the same way every time."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

SAYING = "def handler(event, context):\n    return [r['body'] for r in event['Records']]\n"
ECHO = "def handler(event, context):\n    return event\n"


def code_of(refused):
    return refused.value.response["Error"]["Code"]


def handled(cloudlet, name):
    return [body for one in cloudlet.invocations(name) for body in one.result]


def test_an_error_is_for_one_resource_and_ends_with_its_block(cloudlet, queue):
    sqs = cloudlet.client("sqs")
    (orders, _), (others, _) = queue("orders"), queue("others")
    with cloudlet.faults.error("orders", code="KmsThrottled", status=400):
        with pytest.raises(ClientError) as refused:
            sqs.send_message(QueueUrl=orders, MessageBody="x")
        assert code_of(refused) == "KmsThrottled"
        sqs.send_message(QueueUrl=others, MessageBody="x")
    sqs.send_message(QueueUrl=orders, MessageBody="x")


def test_a_resource_may_be_named_by_its_arn_and_a_table_within_a_batch(cloudlet):
    dynamodb = cloudlet.client("dynamodb")
    for name in ("stock", "prices"):
        arn = dynamodb.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])["TableDescription"][
                "TableArn"]
    cloudlet.faults.throttle(arn)
    key = {"id": {"S": "1"}}
    dynamodb.get_item(TableName="stock", Key=key)
    for ask in (lambda: dynamodb.get_item(TableName="prices", Key=key),
                lambda: dynamodb.batch_get_item(RequestItems={"prices": {"Keys": [key]}})):
        with pytest.raises(ClientError, match="ThrottlingException"):
            ask()


def test_an_error_that_happens_twice_is_survived_by_a_client_that_tries_again(cloudlet, queue):
    url, _ = queue("orders")
    cloudlet.faults.error("orders", operation="SendMessage", service="sqs", times=2)
    trying = boto3.client("sqs", config=Config(retries={"mode": "standard", "max_attempts": 3}))
    trying.send_message(QueueUrl=url, MessageBody="x")
    assert len(cloudlet.sent("orders")) == 1


def test_chance_is_drawn_from_the_seed(cloudlet):
    sts = cloudlet.client("sts")

    def outcomes(seed):
        with cloudlet.faults.error(service="sts", probability=0.5, seed=seed):
            found = ""
            for _ in range(20):
                try:
                    sts.get_caller_identity()
                    found += "."
                except ClientError:
                    found += "x"
            return found

    first = outcomes(7)
    assert outcomes(7) == first
    assert outcomes(8) != first
    assert {".", "x"} == set(first)


@pytest.fixture
def pictures(cloudlet):
    """A bucket that tells a queue or a function of its objects."""
    def make(kind, arn):
        s3 = cloudlet.client("s3")
        s3.create_bucket(Bucket="pictures")
        s3.put_bucket_notification_configuration(Bucket="pictures", NotificationConfiguration={
            f"{kind}Configurations": [{"LambdaFunctionArn" if kind == "LambdaFunction" else f"{kind}Arn": arn,
                                       "Events": ["s3:ObjectCreated:*"]}]})
        return s3

    return make


def test_what_is_delayed_on_its_way_arrives_later_on_the_cloudlets_clock(cloudlet, function, pictures):
    arn = function("echo", ECHO)
    cloudlet.client("lambda").add_permission(
        FunctionName="echo", StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
    s3 = pictures("LambdaFunction", arn)
    cloudlet.clock.freeze()
    began = cloudlet.clock.now
    cloudlet.faults.delay(arn, by=timedelta(hours=2))
    s3.put_object(Bucket="pictures", Key="k", Body=b"x")
    cloudlet.clock.advance(minutes=119)
    assert cloudlet.invocations("echo") == []
    cloudlet.clock.advance(hours=1)
    assert [one.at - began for one in cloudlet.invocations("echo")] == [timedelta(hours=2)]


def test_a_request_waits_on_the_cloudlets_clock_or_on_the_machines(cloudlet):
    sts = cloudlet.client("sts")
    with cloudlet.faults.delay(service="sts", stall=timedelta(milliseconds=5)):
        sts.get_caller_identity()
    cloudlet.clock.freeze()
    began = cloudlet.clock.now
    with cloudlet.faults.delay(service="sts", by=timedelta(days=1)), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(sts.get_session_token)
        while (cloudlet.clock.next or began) < began + timedelta(days=1):
            pass  # the request is on its way to the cloudlet
        cloudlet.clock.advance(days=1)
    late = asked.result()["Credentials"]["Expiration"] - began
    assert timedelta(days=1, minutes=59) < late <= timedelta(days=1, hours=1)


def test_a_lost_answer_is_lost_after_the_work_was_done(cloudlet, queue):
    url, _ = queue("orders")
    sqs = cloudlet.client("sqs")
    cloudlet.faults.drop_answer("orders", service="sqs", operation="SendMessage", times=1)
    with pytest.raises(ConnectionClosedError):
        sqs.send_message(QueueUrl=url, MessageBody="once")
    sqs.send_message(QueueUrl=url, MessageBody="twice")
    assert [one.body for one in cloudlet.sent("orders")] == ["once", "twice"]


def test_a_lost_answer_may_be_an_error_instead(cloudlet, queue):
    url, _ = queue("orders")
    cloudlet.faults.drop_answer("orders", code="InternalFailure", status=500)
    with pytest.raises(ClientError) as refused:
        cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="once")
    assert code_of(refused) == "InternalFailure"
    assert len(cloudlet.sent("orders")) == 1


def test_what_a_queue_carries_to_its_function_comes_twice(cloudlet, queue, function):
    function("worker", SAYING)
    url, arn = queue("orders")
    cloudlet.client("lambda").create_event_source_mapping(FunctionName="worker", EventSourceArn=arn)
    cloudlet.faults.duplicate("orders")
    cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    cloudlet.eventually(lambda: cloudlet.invocations("worker"))
    assert handled(cloudlet, "worker") == ["x", "x"]


def test_an_event_that_comes_twice_has_the_same_id_and_is_tried_again_twice(cloudlet, function):
    function("fails", "def handler(event, context):\n    raise ValueError('no')\n")
    cloudlet.faults.duplicate("fails")
    cloudlet.client("lambda").invoke(FunctionName="fails", InvocationType="Event", Payload=b"{}")
    cloudlet.clock.advance(hours=1)
    found = cloudlet.invocations("fails")
    assert len(found) == 6
    assert len({one.id for one in found}) == 1


def test_a_notification_comes_twice_to_a_queue(cloudlet, queue, pictures):
    url, arn = queue("uploads")
    cloudlet.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn}]})})
    s3 = pictures("Queue", arn)
    before = len(cloudlet.sent("uploads"))
    with cloudlet.faults.duplicate("pictures", times=1):
        s3.put_object(Bucket="pictures", Key="a", Body=b"1")
        s3.put_object(Bucket="pictures", Key="b", Body=b"2")
    keys = [one.json["Records"][0]["s3"]["object"]["key"] for one in cloudlet.sent("uploads")[before:]]
    assert keys == ["a", "a", "b"]


def test_messages_come_in_another_order_and_those_of_a_fifo_queue_do_not(cloudlet, queue, function):
    function("worker", SAYING)
    function("strict", SAYING)
    for name, target, more in (("loose", "worker", {}), ("tight.fifo", "strict", {
            "FifoQueue": "true", "ContentBasedDeduplication": "true"})):
        url, arn = queue(name, **more)
        entries = [{"Id": str(n), "MessageBody": str(n), **({"MessageGroupId": "g"} if more else {})}
                   for n in range(8)]
        cloudlet.client("sqs").send_message_batch(QueueUrl=url, Entries=entries)
        cloudlet.faults.reorder(name, seed=1)
        cloudlet.client("lambda").create_event_source_mapping(FunctionName=target, EventSourceArn=arn)
    cloudlet.eventually(lambda: len(handled(cloudlet, "worker")) == len(handled(cloudlet, "strict")) == 8)
    in_order = [str(n) for n in range(8)]
    assert handled(cloudlet, "strict") == in_order
    assert handled(cloudlet, "worker") != in_order
    assert sorted(handled(cloudlet, "worker")) == in_order


def test_a_throttled_way_leaves_messages_where_they_are_until_it_is_free(cloudlet, queue, function):
    function("worker", SAYING)
    url, arn = queue("orders", VisibilityTimeout="20")
    cloudlet.client("lambda").create_event_source_mapping(FunctionName="worker", EventSourceArn=arn)
    with cloudlet.faults.throttle(arn, service="lambda"):
        cloudlet.client("sqs").send_message(QueueUrl=url, MessageBody="x")
        cloudlet.clock.advance(minutes=1)
        assert cloudlet.invocations("worker") == []
    cloudlet.eventually(lambda: handled(cloudlet, "worker") == ["x"])


def test_a_rule_that_can_not_be_meant_says_why(cloudlet):
    faults = cloudlet.faults
    for wrong, why in (
            (lambda: faults.error("x", service="sqs", operation="SendMesage"), "has no operation"),
            (lambda: faults.error(service="sqss"), "There is no service 'sqss' here. There are: "),
            (lambda: faults.error(), "A rule says whom it is for"),
            (lambda: faults.delay("x"), "this one says nothing"),
            (lambda: faults.delay("x", by=timedelta(1), stall=timedelta(seconds=1)), "delay_ms and stall_ms"),
            (lambda: faults.error("x", operation="SendMessage"), "needs its service")):
        with pytest.raises(ValueError, match=why):
            wrong()
