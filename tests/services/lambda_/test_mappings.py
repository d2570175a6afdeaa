"""Queues that feed functions."""

import itertools
import json

import pytest
from botocore.exceptions import ClientError

_count = itertools.count()


@pytest.fixture
def pair(cloudlet, deploy):
    """A queue that feeds a function which copies what it is given to another queue."""
    sqs = cloudlet.client("sqs")
    def pair(source, *, attributes=None, fifo=False, **mapping):
        stem = f"m{next(_count)}"
        out = sqs.create_queue(QueueName=f"{stem}-out")["QueueUrl"]
        name = f"{stem}.fifo" if fifo else stem
        extra = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        url = sqs.create_queue(
            QueueName=name, Attributes={"VisibilityTimeout": "30", **extra, **(attributes or {})}
        )["QueueUrl"]
        timeout = min(60, int((attributes or {}).get("VisibilityTimeout", 20)))
        function = deploy(source, Environment={"Variables": {"OUT": out}}, Timeout=timeout, MemorySize=512)
        made = function.client.create_event_source_mapping(
            EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}", FunctionName=function.name, **mapping
        )

        def receive(moving=0):
            """What the function tells next; meanwhile the clock is moved by ``moving`` seconds at a time."""
            found = None
            for _ in range(40):
                if moving:
                    cloudlet.advance(moving, patience=0)
                found = sqs.receive_message(QueueUrl=out, WaitTimeSeconds=1).get("Messages")
                if found:
                    break
            assert found, "nothing was told"
            message, = found
            sqs.delete_message(QueueUrl=out, ReceiptHandle=message["ReceiptHandle"])
            return message["Body"]

        return sqs, url, receive, made["UUID"], function.client

    return pair


COPY = """
import boto3, json, os
sqs = boto3.client("sqs")
def handler(event, context):
    body = json.dumps([r["body"] for r in event["Records"]])
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=body)
"""


def test_a_message_reaches_its_function_and_is_gone(pair):
    sqs, url, receive, _, _ = pair(COPY)
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert json.loads(receive()) == ["hello"]


def test_a_record_has_the_documented_shape(pair):
    sqs, url, receive, _, _ = pair(
        COPY.replace('[r["body"] for r in event["Records"]]', 'event["Records"][0]')
    )
    sent = sqs.send_message(
        QueueUrl=url, MessageBody="hi", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}}
    )
    record = json.loads(receive())
    assert record["messageId"] == sent["MessageId"]
    assert (record["body"], record["eventSource"], record["awsRegion"]) == ("hi", "aws:sqs", "us-east-1")
    assert record["messageAttributes"]["a"]["stringValue"] == "b"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]


def test_partial_failures_come_back_alone(pair):
    source = (
        COPY
        + """    bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": id} for id in bad]}
"""
    )
    sqs, url, receive, _, _ = pair(
        source, attributes={"VisibilityTimeout": "2"}, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": b, "MessageBody": b} for b in ("good", "bad")])
    seen = []
    while seen.count("bad") < 2:
        seen += json.loads(receive())
    assert seen.count("good") == 1


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(pair):
    sqs, url, receive, uuid, client = pair(COPY, Enabled=False)
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    sqs.send_message(QueueUrl=url, MessageBody="later")
    client.update_event_source_mapping(UUID=uuid, Enabled=True)
    assert json.loads(receive()) == ["later"]


def test_the_order_of_a_group_is_kept(pair):
    sqs, url, receive, _, _ = pair(COPY, fifo=True)
    for n in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(n), MessageGroupId="one")
    seen = []
    while len(seen) < 6:
        seen += json.loads(receive())
    assert seen == [str(n) for n in range(6)]


def in_flight(sqs, url):
    """How many messages are to be had, and how many are hidden."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


def test_a_large_batch_is_gathered_while_its_window_is_open(pair, cloudlet):
    sqs, url, receive, _, _ = pair(COPY, attributes={"VisibilityTimeout": "40000"}, BatchSize=1000,
                                   MaximumBatchingWindowInSeconds=300)
    for start in range(0, 120, 10):
        sqs.send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(n), "MessageBody": str(n)} for n in range(start, start + 10)])
    seen = []
    while sum(seen) < 120:
        seen.append(len(json.loads(receive(moving=301))))
    assert len(seen) <= 2 and sum(seen) == 120


def test_a_batch_has_no_more_than_fits_into_a_payload(pair, cloudlet):
    sqs, url, receive, _, _ = pair(COPY.replace('[r["body"] for r', '[len(r["body"]) for r'),
                                   attributes={"VisibilityTimeout": "40000"}, BatchSize=20,
                                   MaximumBatchingWindowInSeconds=300)
    for _ in range(8):
        sqs.send_message(QueueUrl=url, MessageBody="x" * 1_000_000)
    seen = []
    while sum(map(len, seen)) < 8:
        seen.append(json.loads(receive(moving=301)))
    assert max(map(len, seen)) <= 6


TEXT, JSON, NONE = '{"body": ["hello", {"prefix": "he"}]}', '{"body": {"kind": ["a"]}}', \
    '{"attributes": {"SenderId": [{"exists": true}]}}'


@pytest.mark.parametrize("pattern, passed", [
    (TEXT, ["hello", "help"]), (JSON, ['{"kind": "a"}']),
    (NONE, ["hello", "help", '{"kind": "a"}', '{"kind": "b"}', "[1]"])])
def test_a_filter_lets_through_what_it_matches_and_the_rest_is_deleted(pair, eventually, pattern, passed):
    sqs, url, receive, _, _ = pair(COPY, FilterCriteria={"Filters": [{"Pattern": pattern}]}, BatchSize=10)
    bodies = ["hello", "help", '{"kind": "a"}', '{"kind": "b"}', "[1]"]
    sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)])
    seen = []
    while len(seen) < len(passed):
        seen += json.loads(receive())
    assert sorted(seen) == sorted(passed)
    assert eventually(lambda: in_flight(sqs, url) == (0, 0))


@pytest.mark.parametrize("answer", [
    '{"batchItemFailures": [{"itemIdentifier": ""}]}', '{"batchItemFailures": [{"itemIdentifier": None}]}',
    '{"batchItemFailures": [{"foo": "notvalid"}]}', '{"batchItemFailures": [{"itemIdentifier": "nobody"}]}',
    '{"batchItemFailures": "all"}'])
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(pair, answer):
    sqs, url, receive, _, _ = pair(f"{COPY}    return {answer}\n", attributes={"VisibilityTimeout": "2"},
                                   FunctionResponseTypes=["ReportBatchItemFailures"])
    sqs.send_message(QueueUrl=url, MessageBody="again")
    assert [json.loads(receive()) for _ in range(2)] == [["again"]] * 2


@pytest.mark.parametrize("answer", ["None", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": None}'])
def test_an_answer_without_failures_means_that_all_is_well(pair, eventually, answer):
    sqs, url, receive, _, _ = pair(f"{COPY}    return {answer}\n",
                                   FunctionResponseTypes=["ReportBatchItemFailures"])
    sqs.send_message(QueueUrl=url, MessageBody="once")
    assert json.loads(receive()) == ["once"]
    assert eventually(lambda: in_flight(sqs, url) == (0, 0))


WAIT = COPY + """
    while not sqs.receive_message(QueueUrl=os.environ["OUT"] + "-go", WaitTimeSeconds=1).get("Messages"):
        pass
"""


@pytest.fixture
def held(pair):
    """Like ``pair``, with a function that waits until it is let go."""
    def held(**options):
        sqs, url, receive, uuid, client = pair(WAIT, **options)
        out = f"{url.removesuffix('.fifo')}-out"
        go = sqs.create_queue(QueueName=f"{out.rpartition('/')[2]}-go",
                              Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
        return sqs, url, receive, uuid, client, lambda: sqs.send_message(QueueUrl=go, MessageBody="go")

    return held


def test_no_more_batches_run_at_once_than_the_mapping_allows(held):
    sqs, url, receive, _, _, let_go = held(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    for n in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    begun = [json.loads(receive())[0] for _ in range(2)]
    assert in_flight(sqs, url) == (3, 2)  # what can't run yet is not even taken
    for _ in range(3):
        let_go()
        begun += json.loads(receive())
    assert sorted(begun) == ["0", "1", "2", "3", "4"]
    for _ in range(2):
        let_go()


def test_a_mapping_begins_with_five_batches_and_grows_while_all_are_in_use(held, cloudlet):
    sqs, url, receive, _, _, let_go = held(BatchSize=1, attributes={"VisibilityTimeout": "40000"})
    for n in range(8):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    begun = [receive() for _ in range(5)]
    begun += [receive(moving=60) for _ in range(3)]
    assert len(set(begun)) == 8
    for _ in range(8):
        let_go()


def test_a_group_waits_for_its_batch_and_others_do_not(held):
    sqs, url, receive, _, _, let_go = held(BatchSize=1, fifo=True)
    for number, group in enumerate("aab"):
        sqs.send_message(QueueUrl=url, MessageBody=group, MessageGroupId=group,
                         MessageDeduplicationId=str(number))
    assert {receive(), receive()} == {'["a"]', '["b"]'}
    assert in_flight(sqs, url) == (1, 2)
    for _ in range(3):
        let_go()
    assert receive() == '["a"]'


def test_messages_of_a_throttled_function_wait_without_being_received_again(held, eventually):
    sqs, url, receive, uuid, client, let_go = held(BatchSize=1, attributes={"VisibilityTimeout": "60"})
    name = client.get_event_source_mapping(UUID=uuid)["FunctionArn"].rpartition(":")[2]
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    for n in range(6):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    begun = []
    for _ in range(6):
        begun += json.loads(receive())
        let_go()
    assert sorted(begun) == ["0", "1", "2", "3", "4", "5"]
    assert eventually(lambda: in_flight(sqs, url) == (0, 0))


def test_a_mapping_is_deleted_once_what_it_had_taken_is_handled(held, eventually):
    sqs, url, receive, uuid, client, let_go = held(BatchSize=1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receive()
    assert client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    for change in (client.update_event_source_mapping, client.delete_event_source_mapping):
        with pytest.raises(ClientError, match="because it is in use"):
            change(UUID=uuid)
    sqs.send_message(QueueUrl=url, MessageBody="y")
    let_go()

    def gone():
        try:
            return not client.get_event_source_mapping(UUID=uuid)
        except ClientError as error:
            return error.response["Error"]["Code"] == "ResourceNotFoundException"

    assert eventually(gone)
    assert in_flight(sqs, url) == (1, 0)  # the one was handled and acknowledged, the other is nobody's


def test_a_mapping_is_disabled_once_what_it_had_taken_is_handled(held, eventually):
    sqs, url, receive, uuid, client, let_go = held(BatchSize=1)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    receive()
    assert client.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Disabling"
    let_go()
    assert eventually(lambda: client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled")
    assert client.update_event_source_mapping(UUID=uuid, BatchSize=5)["State"] == "Updating"
    assert client.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    assert client.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    assert eventually(lambda: client.get_event_source_mapping(UUID=uuid)["State"] == "Enabled")


def test_every_setting_can_be_changed_and_taken_back(pair, eventually):
    sqs, url, receive, uuid, client = pair(COPY, Enabled=False)
    changed = {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 1,
               "FilterCriteria": {"Filters": [{"Pattern": '{"body": ["b"]}'}]},
               "ScalingConfig": {"MaximumConcurrency": 3},
               "FunctionResponseTypes": ["ReportBatchItemFailures"]}
    shown = client.update_event_source_mapping(UUID=uuid, **changed)
    assert {key: shown[key] for key in changed} == changed
    shown = client.update_event_source_mapping(
        UUID=uuid, FilterCriteria={"Filters": []}, ScalingConfig={}, FunctionResponseTypes=[], BatchSize=1,
        MaximumBatchingWindowInSeconds=0)
    assert "FilterCriteria" not in shown and "ScalingConfig" not in shown
    assert (shown["FunctionResponseTypes"], shown["BatchSize"]) == ([], 1)
    client.update_event_source_mapping(UUID=uuid, Enabled=True)
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": b, "MessageBody": b} for b in "ab"])
    assert sorted(json.loads(receive()) + json.loads(receive())) == ["a", "b"]


def test_a_mapping_reads_again_when_its_queue_comes_back(pair, cloudlet):
    sqs, url, receive, _, _ = pair(COPY)
    sqs.delete_queue(QueueUrl=url)
    cloudlet.advance(120)
    again = sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes={"VisibilityTimeout": "30"})
    sqs.send_message(QueueUrl=again["QueueUrl"], MessageBody="here")
    assert json.loads(receive(moving=60)) == ["here"]


@pytest.mark.parametrize("settings, message", [
    ({"StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event sources."),
    ({"BatchSize": 100}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
                         "greater than 10"),
    ({"ParallelizationFactor": 2}, "Unsupported ParallelizationFactor parameter for given event source"),
    ({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:x"}}},
     "Unsupported DestinationConfig parameter for given event source mapping type."),
    ({"ProvisionedPollerConfig": {"MinimumPollers": 2}}, "not honour the member ProvisionedPollerConfig"),
    ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "does not honour the member MetricsConfig"),
    ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, "does not honour the member LoggingConfig"),
    ({"FilterCriteria": {"Filters": [{"Pattern": '{"eventSource": "aws:sqs"}'}]}}, "Invalid filter pattern"),
    ({"FilterCriteria": {"Filters": [{"Pattern": '{"eventSource": []}'}]}}, "Invalid filter pattern"),
    ({"FunctionName": "nobody"}, "Function does not exist"),
    ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:nowhere"},
     "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue."),
    ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:plain.fifo", "MaximumBatchingWindowInSeconds": 1},
     "Batching window is not supported for FIFO queues"),
    ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:hasty"},
     "Queue visibility timeout: 1 seconds is less than Function timeout: 3 seconds"),
    ({"EventSourceArn": None}, "Unrecognized event source.")])
def test_what_a_mapping_cannot_do_is_refused(cloudlet, deploy, settings, message):
    function, sqs = deploy(COPY), cloudlet.client("sqs")
    sqs.create_queue(QueueName="plain")
    sqs.create_queue(QueueName="plain.fifo", Attributes={"FifoQueue": "true"})
    sqs.create_queue(QueueName="hasty", Attributes={"VisibilityTimeout": "1"})
    given = {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:plain", "FunctionName": function.name}
    given = {key: value for key, value in (given | settings).items() if value is not None}
    with pytest.raises(ClientError, match=message):
        function.client.create_event_source_mapping(**given)


def test_a_queue_is_mapped_to_a_function_once(pair):
    _, _, _, uuid, client = pair(COPY)
    found = client.get_event_source_mapping(UUID=uuid)
    with pytest.raises(ClientError, match=f"already exists. Please update or delete .* with UUID {uuid}"):
        client.create_event_source_mapping(EventSourceArn=found["EventSourceArn"],
                                           FunctionName=found["FunctionArn"])
