"""Streams that feed functions: every story has a table of its own, and most have one shard."""

import itertools
import json
import threading

import pytest
from botocore.exceptions import ClientError

HEAR = """
import boto3, json, os, uuid
sqs = boto3.client("sqs")
def tell(what):
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(what), MessageGroupId="g",
                     MessageDeduplicationId=str(uuid.uuid4()))
def keys(event):
    return [next(iter(r["dynamodb"]["Keys"]["p"].values())) for r in event["Records"]]
def number(record):
    return record["dynamodb"]["SequenceNumber"]
"""
COPY = HEAR + """
def handler(event, context):
    tell(keys(event))
"""
_numbers = itertools.count(1)


class Story:
    """A table with a stream, a function that hears of it, and a queue for what the function tells."""

    def __init__(self, running, deploy, source, *, view="NEW_AND_OLD_IMAGES", billing="PROVISIONED",
                 **function):
        self.running, self.name = running, f"streamed-{next(_numbers)}"
        self.ddb, self.sqs, self.client = (running.client(one) for one in ("dynamodb", "sqs", "lambda"))
        self.out = self.sqs.create_queue(QueueName=f"{self.name}.fifo", Attributes={"FifoQueue": "true"})
        throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
        made = self.ddb.create_table(
            TableName=self.name, BillingMode=billing, KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
            **({"ProvisionedThroughput": throughput} if billing == "PROVISIONED" else {}))
        self.arn = made["TableDescription"]["LatestStreamArn"]
        self.function = deploy(source, client=self.client, name=self.name, Timeout=20, MemorySize=512,
                               Environment={"Variables": {"OUT": self.out["QueueUrl"]}}, **function)
        self.heard = []

    def put(self, *names, **more):
        for name in names:
            self.ddb.put_item(TableName=self.name, Item={"p": {"S": name}, **more})

    def map(self, **settings):
        """Map the stream to the function, from its beginning if nothing else is said."""
        given = {"StartingPosition": "TRIM_HORIZON"} | settings
        made = self.client.create_event_source_mapping(
            EventSourceArn=self.arn, FunctionName=self.name, **given)
        self.uuid = made["UUID"]
        return made

    def hear(self, count, step=0):
        """The next ``count`` things that the function tells, while the clock is moved by ``step`` seconds."""
        url, found, tries = self.out["QueueUrl"], [], 0
        while len(found) < count:
            if not self.heard:
                if step:
                    self.running.advance(step)
                got = self.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1,
                                               MaxNumberOfMessages=10).get("Messages", [])
                for one in got:
                    self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
                self.heard += [json.loads(one["Body"]) for one in got]
                tries += 1
                assert tries < 60, f"only {found} was told"
                continue
            found.append(self.heard.pop(0))
        return found

    def mapping(self):
        return self.client.get_event_source_mapping(UUID=self.uuid)

    def queue(self, suffix):
        """Another queue, as a destination."""
        url = self.sqs.create_queue(QueueName=f"{self.name}-{suffix}")["QueueUrl"]
        return url, f"arn:aws:sqs:us-east-1:000000000000:{self.name}-{suffix}"


@pytest.fixture
def story(cloudlet, deploy):
    return lambda source=COPY, **options: Story(cloudlet, deploy, source, **options)


def test_a_change_reaches_the_function_in_the_documented_shape(story):
    told = story(HEAR + "def handler(event, context):\n    tell(event)\n")
    told.map()
    told.put("a", blob={"B": b"foobar"})
    event, = told.hear(1)
    record, = event.pop("Records")
    assert event == {}
    body = record["dynamodb"]
    assert list(record) == ["eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
                            "eventSourceARN"]
    assert list(body) == ["ApproximateCreationDateTime", "Keys", "NewImage", "SequenceNumber", "SizeBytes",
                          "StreamViewType"]
    assert (record["eventName"], record["eventVersion"], record["eventSource"], record["awsRegion"],
            record["eventSourceARN"]) == ("INSERT", "1.1", "aws:dynamodb", "us-east-1", told.arn)
    assert len(record["eventID"]) == 32 and int(body["SequenceNumber"]) >= 10**20
    assert body["NewImage"] == {"p": {"S": "a"}, "blob": {"B": "Zm9vYmFy"}}
    assert (body["Keys"], body["SizeBytes"], body["StreamViewType"]) == (
        {"p": {"S": "a"}}, 2 + 2 + 10, "NEW_AND_OLD_IMAGES")
    assert isinstance(body["ApproximateCreationDateTime"], int)


def test_trim_horizon_begins_with_what_is_there_and_latest_with_what_comes(story):
    first = story()
    first.put("old")
    first.map(StartingPosition="TRIM_HORIZON", BatchSize=1)
    second = story()
    second.put("old")
    second.map(StartingPosition="LATEST")
    for one in (first, second):
        one.put("new")
    assert first.hear(2) == [["old"], ["new"]]
    assert second.hear(1) == [["new"]]


def test_the_batches_of_an_item_come_in_order(story):
    told = story(HEAR + """
def handler(event, context):
    tell([r["dynamodb"]["NewImage"]["n"]["N"] for r in event["Records"]])
""")
    told.map(BatchSize=3)
    for number in range(20):
        told.put("one", n={"N": str(number)})
    seen = []
    while len(seen) < 20:
        seen += told.hear(1)[0]
    assert seen == [str(number) for number in range(20)]


def test_filters_pass_over_what_they_do_not_let_through(story):
    told = story()
    patterns = [{"eventName": ["INSERT"], "dynamodb": {"Keys": {"p": {"S": [{"prefix": "x"}]}}}},
                {"dynamodb": {"NewImage": {"n": {"N": ["7"]}}}}]
    made = told.map(FilterCriteria={"Filters": [{"Pattern": json.dumps(one)} for one in patterns]},
                    BatchSize=1)
    assert [json.loads(one["Pattern"]) for one in made["FilterCriteria"]["Filters"]] == patterns
    told.put("a", "x1")
    told.put("b", n={"N": "7"})
    told.put("x2")
    assert told.hear(3) == [["x1"], ["b"], ["x2"]]


FAIL = HEAR + """
def handler(event, context):
    tell(keys(event))
    if "bad" in keys(event):
        raise ValueError("bad")
"""


def test_a_batch_that_fails_is_tried_again_and_given_up_with_a_description(story, eventually):
    told = story(FAIL)
    url, arn = told.queue("failed")
    told.map(BatchSize=10, MaximumRetryAttempts=2, DestinationConfig={"OnFailure": {"Destination": arn}})
    told.put("bad")
    assert told.hear(1) + told.hear(2, step=60) == [["bad"]] * 3
    message, = told.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert list(body) == ["requestContext", "responseContext", "version", "timestamp", "DDBStreamBatchInfo"]
    assert body["requestContext"] | {"requestId": ""} == {
        "requestId": "", "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{told.name}",
        "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 3}
    assert body["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    info = body["DDBStreamBatchInfo"]
    assert list(info) == ["shardId", "startSequenceNumber", "endSequenceNumber",
                          "approximateArrivalOfFirstRecord", "approximateArrivalOfLastRecord", "batchSize",
                          "streamArn"]
    assert info["batchSize"] == 1 and info["streamArn"] == told.arn
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
    assert len(info["approximateArrivalOfFirstRecord"]) == len("2026-01-01T00:00:00Z")
    told.put("good")
    assert told.hear(1) == [["good"]]
    assert eventually(lambda: told.mapping()["LastProcessingResult"] == "OK")


def test_a_failing_batch_is_shown_and_holds_up_its_shard_for_as_long_as_it_likes(story):
    told = story(FAIL)
    told.map(BatchSize=1)
    told.put("bad", "good")
    assert told.hear(1) + told.hear(3, step=60) == [["bad"]] * 4
    assert told.mapping()["LastProcessingResult"] == "PROBLEM: Function call failed"
    told.client.update_event_source_mapping(UUID=told.uuid, MaximumRetryAttempts=0)
    while (one := told.hear(1, step=60)) == [["bad"]]:
        pass  # a try from before the change
    assert one == [["good"]]


def test_a_batch_is_split_until_what_is_bad_is_alone(story):
    told = story(FAIL)
    url, arn = told.queue("failed")
    told.put("a", "b", "bad", "c")
    told.map(BatchSize=4, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0,
             DestinationConfig={"OnFailure": {"Destination": arn}})
    assert told.hear(5) == [["a", "b", "bad", "c"], ["a", "b"], ["bad", "c"], ["bad"], ["c"]]
    message, = told.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert json.loads(message["Body"])["requestContext"]["approximateInvokeCount"] == 1


def test_a_partial_failure_goes_on_from_its_lowest_number(story):
    told = story(HEAR + """
def handler(event, context):
    tell(keys(event))
    bad = [number(r) for r in event["Records"] if r["dynamodb"]["Keys"]["p"]["S"].startswith("bad")]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in reversed(bad)]}
""")
    url, arn = told.queue("failed")
    told.put("a", "bad1", "b", "bad2")
    told.map(BatchSize=4, FunctionResponseTypes=["ReportBatchItemFailures"], MaximumRetryAttempts=1,
             DestinationConfig={"OnFailure": {"Destination": arn}})
    assert told.hear(1) == [["a", "bad1", "b", "bad2"]]
    assert told.hear(2, step=60) == [["bad1", "b", "bad2"]] * 2
    message, = told.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert body["responseContext"]["functionError"] is None
    assert body["requestContext"]["approximateInvokeCount"] == 2
    assert body["DDBStreamBatchInfo"]["batchSize"] == 3


@pytest.mark.parametrize("answer, again", [
    ("None", False), ("{}", False), ('""', False), ('{"batchItemFailures": []}', False),
    ('{"batchItemFailures": None}', False), ('{"batchItemFailures": [{"itemIdentifier": ""}]}', True),
    ('{"batchItemFailures": [{"itemIdentifier": None}]}', True),
    ('{"batchItemFailures": [{"foo": 1}]}', True), ('{"batchItemFailures": 1}', True),
    ('{"batchItemFailures": [{"itemIdentifier": "7"}]}', True)])
def test_an_answer_about_failures_is_read_as_documented(story, answer, again):
    told = story(HEAR + f"def handler(event, context):\n    tell(keys(event))\n    return {answer}\n")
    told.put("a", "b")
    told.map(BatchSize=1, FunctionResponseTypes=["ReportBatchItemFailures"])
    heard = told.hear(1)
    heard += told.hear(1, step=60) if again else told.hear(1)
    assert heard == [["a"], ["a" if again else "b"]]


def test_records_that_are_too_old_are_given_up_untried(story):
    told = story()
    url, arn = told.queue("failed")
    told.put("old")
    told.running.advance(61)
    told.put("new")
    told.map(MaximumRecordAgeInSeconds=60, DestinationConfig={"OnFailure": {"Destination": arn}})
    assert told.hear(1) == [["new"]]
    message, = told.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert "responseContext" not in body and body["DDBStreamBatchInfo"]["batchSize"] == 1
    assert (body["requestContext"]["condition"], body["requestContext"]["approximateInvokeCount"]) == (
        "RecordAgeExceeded", 1)


def test_a_bucket_gets_the_whole_event(story):
    told = story(FAIL)
    s3 = told.running.client("s3")
    s3.create_bucket(Bucket=told.name)
    told.map(BatchSize=1, MaximumRetryAttempts=0, DestinationConfig={
        "OnFailure": {"Destination": f"arn:aws:s3:::{told.name}"}})
    told.put("bad", "good")
    assert told.hear(2) == [["bad"], ["good"]]
    listed, = s3.list_objects_v2(Bucket=told.name)["Contents"]
    parts = listed["Key"].split("/")
    assert parts[:3] == ["aws", "lambda", told.uuid] and parts[3].startswith("shardId-") and len(parts) == 8
    body = json.loads(s3.get_object(Bucket=told.name, Key=listed["Key"])["Body"].read())
    record, = json.loads(body["payload"])["Records"]
    assert record["dynamodb"]["Keys"] == {"p": {"S": "bad"}}
    assert body["DDBStreamBatchInfo"]["shardId"] == parts[3]


def test_a_batching_window_gathers_until_it_closes(story):
    told = story()
    told.map(BatchSize=10, MaximumBatchingWindowInSeconds=60)
    told.put("a", "b", "c")
    assert told.hear(1, step=61) == [["a", "b", "c"]]
    told.put(*"0123456789")
    assert told.hear(1) == [list("0123456789")]


SUM = HEAR + """
def handler(event, context):
    tell({key: event[key] for key in event if key != "Records"} | {"keys": keys(event)})
    return {"state": {"sum": event["state"].get("sum", 0) + len(event["Records"])}}
"""


def test_a_tumbling_window_carries_its_state_to_its_end(story):
    told = story(SUM)
    told.map(TumblingWindowInSeconds=120, BatchSize=1)
    told.put("a", "b")
    first, second = told.hear(2)
    last, = told.hear(1, step=120)
    assert [one["keys"] for one in (first, second, last)] == [["a"], ["b"], []]
    assert [one["isFinalInvokeForWindow"] for one in (first, second, last)] == [False, False, True]
    if first["window"] == second["window"]:  # they are not where a window happens to end between the two
        assert [one["state"] for one in (first, second, last)] == [{}, {"sum": 1}, {"sum": 2}]
    assert not last["isWindowTerminatedEarly"] and last["eventSourceARN"] == told.arn
    assert last["shardId"].startswith("shardId-")
    told.put("c")
    after, = told.hear(1)
    assert after["state"] == {} and after["window"]["start"] >= last["window"]["end"]


def test_an_answer_without_state_is_a_failed_one(story):
    told = story(HEAR + "def handler(event, context):\n    tell(keys(event))\n    return {}\n")
    told.map(TumblingWindowInSeconds=60, MaximumRetryAttempts=1, BatchSize=1)
    told.put("a")
    assert told.hear(1) + told.hear(1, step=1) == [["a"], ["a"]]


WAIT = HEAR + """
def handler(event, context):
    tell(keys(event))
    while not sqs.receive_message(QueueUrl=os.environ["OUT"].replace(".fifo", "-go"),
                                  WaitTimeSeconds=1).get("Messages"):
        pass
"""


def test_keys_of_a_shard_are_handled_at_the_same_time_if_that_is_wished(story):
    told = story(WAIT)
    go, _ = told.queue("go")
    names = [f"k{number}" for number in range(16)]
    told.put(*names)
    told.map(ParallelizationFactor=4, BatchSize=100)
    batches = told.hear(4)  # at once: none of them ends before it is told to
    assert sorted(name for one in batches for name in one) == sorted(names)
    assert [sorted(one, key=names.index) for one in batches] == batches
    for _ in batches:
        told.sqs.send_message(QueueUrl=go, MessageBody="go")


def test_a_disabled_mapping_stops_in_the_middle_of_its_retries_and_goes_on_from_there(story, eventually):
    told = story(FAIL)
    told.map(BatchSize=1)
    told.put("bad")
    told.hear(1)
    made = told.client.update_event_source_mapping(UUID=told.uuid, Enabled=False)
    assert made["State"] == "Disabling"
    assert eventually(lambda: told.mapping()["State"] == "Disabled")
    told.put("later")
    told.client.update_event_source_mapping(UUID=told.uuid, Enabled=True, MaximumRetryAttempts=0)
    assert told.hear(2) == [["bad"], ["later"]]


def test_every_shard_of_a_table_on_demand_is_read(story):
    told = story(billing="PAY_PER_REQUEST")
    told.map()
    names = [f"k{number}" for number in range(40)]
    threads = [threading.Thread(target=told.put, args=(name,)) for name in names[:4]]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    told.put(*names[4:])
    seen = []
    while len(seen) < len(names):
        seen += told.hear(1)[0]
    assert sorted(seen) == sorted(names)


def test_what_is_shown_of_a_mapping_is_what_aws_shows(story, eventually):
    told = story()
    made = told.map(StartingPosition="LATEST")
    del made["ResponseMetadata"], made["LastModified"]
    assert made == {
        "UUID": told.uuid, "StartingPosition": "LATEST", "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1,
        "EventSourceArn": told.arn, "DestinationConfig": {"OnFailure": {}},
        "FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{told.name}",
        "LastProcessingResult": "No records processed", "State": "Creating",
        "StateTransitionReason": "User action", "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False, "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{told.uuid}"}
    assert eventually(lambda: told.mapping()["State"] == "Enabled")


@pytest.mark.parametrize("settings, message", [
    ({"StartingPosition": None}, "Value null at 'startingPosition'"),
    ({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1}, "Unsupported starting position"),
    ({"ScalingConfig": {"MaximumConcurrency": 5}}, "Unsupported ScalingConfig parameter"),
    ({"MaximumRecordAgeInSeconds": 30}, "MaximumRecordAgeInSeconds must be -1, or between 60 and 604800"),
    ({"FilterCriteria": {"Filters": [{"Pattern": "plain"}]}}, "Invalid filter pattern definition."),
    ({"FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"=123}'}]}},
     "Invalid filter pattern definition."),
    ({"FilterCriteria": {"Filters": [{"Pattern": '{"a": ["b"]}'}] * 6}}, "less than or equal to 5"),
    ({"DestinationConfig": {"OnFailure": {"Destination": "kafka://topic"}}}, "SQS queue, an SNS topic"),
    ({"MetricsConfig": {"Metrics": ["EventCount"]}}, "does not honour the member MetricsConfig"),
    ({"FunctionName": "nobody"}, "Function does not exist"),
    ({"ParallelizationFactor": 11}, "less than or equal to 10")])
def test_what_a_stream_cannot_have_is_refused(story, settings, message):
    told = story()
    given = {"EventSourceArn": told.arn, "FunctionName": told.name, "StartingPosition": "LATEST"} | settings
    with pytest.raises(ClientError, match=message):
        told.client.create_event_source_mapping(
            **{key: value for key, value in given.items() if value is not None})


def test_a_stream_is_mapped_to_a_function_once_and_must_be_there(story):
    told = story()
    told.map()
    with pytest.raises(ClientError, match="provided mapping already exists"):
        told.map()
    with pytest.raises(ClientError, match="Stream not found: "):
        told.client.create_event_source_mapping(
            EventSourceArn=f"{told.arn.rpartition('/')[0]}/2020-01-01T00:00:00.000",
            FunctionName=told.name, StartingPosition="LATEST")


NUMBERS = HEAR + """
def handler(event, context):
    tell([r["dynamodb"]["NewImage"]["n"]["N"] for r in event["Records"]])
"""


def test_a_shard_is_read_before_those_that_follow_it(fresh, deploy):
    told = Story(fresh(), deploy, NUMBERS)
    for number in range(3):
        for part in range(2):
            told.put("one", n={"N": str(2 * number + part)})
        told.running.advance(4 * 3600)
    streams = told.running.client("dynamodbstreams")
    shards = streams.describe_stream(StreamArn=told.arn)["StreamDescription"]["Shards"]
    assert [one.get("ParentShardId") for one in shards] == [None, shards[0]["ShardId"], shards[1]["ShardId"]]
    told.map()
    told.put("one", n={"N": "6"})
    seen = []
    while len(seen) < 7:
        seen += told.hear(1)[0]
    assert seen == [str(number) for number in range(7)]


def test_a_cloudlet_that_starts_again_goes_on_where_it_was(fresh, deploy):
    told = Story(fresh(), deploy, NUMBERS)
    told.map(BatchSize=1)
    told.put("one", n={"N": "1"})
    assert told.hear(1) == [["1"]]
    told.put("one", n={"N": "2"})
    assert told.hear(1) == [["2"]]
    told.running.stop()
    again = fresh()
    for service in ("ddb", "sqs", "client"):
        setattr(told, service, again.client({"ddb": "dynamodb", "client": "lambda"}.get(service, service)))
    told.out["QueueUrl"] = again.client("sqs").get_queue_url(QueueName=f"{told.name}.fifo")["QueueUrl"]
    told.put("one", n={"N": "3"})
    assert told.hear(1) in ([["3"]], [["2"]])  # what was not written down yet when it stopped is done again
