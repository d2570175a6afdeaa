"""Kinesis streams that feed functions; most stories have a stream of one shard."""

import base64
import itertools
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

HEAR = """
import base64, boto3, json, os, uuid
sqs = boto3.client("sqs")
def tell(what):
    sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=json.dumps(what), MessageGroupId="g",
                     MessageDeduplicationId=str(uuid.uuid4()))
def datas(event):
    return [base64.b64decode(one["kinesis"]["data"]).decode() for one in event["Records"]]
"""
COPY = HEAR + """
def handler(event, context):
    tell(datas(event))
"""
FAIL = HEAR + """
def handler(event, context):
    tell(datas(event))
    if "bad" in datas(event):
        raise ValueError("bad")
"""
_numbers = itertools.count(1)


class Story:
    """A stream, a function that hears of it, and a queue for what the function tells."""

    def __init__(self, running, deploy, source, shards=1):
        self.running, self.name = running, f"clicked-{next(_numbers)}"
        self.kinesis, self.sqs, self.client = (running.client(one) for one in ("kinesis", "sqs", "lambda"))
        self.out = self.sqs.create_queue(QueueName=f"{self.name}.fifo", Attributes={"FifoQueue": "true"})
        self.kinesis.create_stream(StreamName=self.name, ShardCount=shards)
        self.arn = f"arn:aws:kinesis:us-east-1:000000000000:stream/{self.name}"
        self.function = deploy(source, client=self.client, name=self.name, Timeout=20, MemorySize=512,
                               Environment={"Variables": {"OUT": self.out["QueueUrl"]}})
        self.heard = []

    def put(self, *datas, key="k"):
        for data in datas:
            found = self.kinesis.put_record(StreamName=self.name, Data=data.encode(), PartitionKey=key)
        return found

    def map(self, arn="", **settings):
        """Map the stream to the function, from its beginning if nothing else is said."""
        given = {"StartingPosition": "TRIM_HORIZON"} | settings
        self.uuid = self.client.create_event_source_mapping(
            EventSourceArn=arn or self.arn, FunctionName=self.name, **given)["UUID"]

    def hear(self, count):
        """The next ``count`` things that the function told."""
        found = []
        while len(found) < count:
            if not self.heard:
                got = self.sqs.receive_message(QueueUrl=self.out["QueueUrl"], WaitTimeSeconds=10,
                                               MaxNumberOfMessages=10).get("Messages")
                assert got, f"only {found} was told"
                for one in got:
                    self.sqs.delete_message(QueueUrl=self.out["QueueUrl"], ReceiptHandle=one["ReceiptHandle"])
                self.heard += [json.loads(one["Body"]) for one in got]
            found.append(self.heard.pop(0))
        return found

    def patient(self, count, step):
        """Like ``hear``, with the clock moved ahead until that much was told."""
        deadline = time.monotonic() + 60
        while len(self.heard) < count:
            assert time.monotonic() < deadline, f"only {self.heard} was told"
            self.running.advance(step)
            got = self.sqs.receive_message(QueueUrl=self.out["QueueUrl"], MaxNumberOfMessages=10)
            for one in got.get("Messages", ()):
                self.sqs.delete_message(QueueUrl=self.out["QueueUrl"], ReceiptHandle=one["ReceiptHandle"])
                self.heard.append(json.loads(one["Body"]))
        found, self.heard = self.heard[:count], self.heard[count:]
        return found


@pytest.fixture
def story(cloudlet, deploy):
    return lambda source=COPY, **options: Story(cloudlet, deploy, source, **options)


def test_a_record_reaches_the_function_in_the_documented_shape(story):
    told = story(HEAR + "def handler(event, context):\n    tell(event)\n")
    told.map()
    written = told.put("hello", key="key")
    event, = told.hear(1)
    record, = event.pop("Records")
    assert event == {}
    assert list(record) == ["kinesis", "eventSource", "eventVersion", "eventID", "eventName",
                            "invokeIdentityArn", "awsRegion", "eventSourceARN"]
    inner = record.pop("kinesis")
    assert list(inner) == ["kinesisSchemaVersion", "partitionKey", "sequenceNumber", "data",
                           "approximateArrivalTimestamp"]
    moment = datetime.fromtimestamp(inner.pop("approximateArrivalTimestamp"), UTC)
    now = datetime.fromtimestamp(told.running.control("clock")["now"], UTC)
    assert abs(now - moment) < timedelta(minutes=1)
    number = written["SequenceNumber"]
    assert inner == {"kinesisSchemaVersion": "1.0", "partitionKey": "key", "sequenceNumber": number,
                     "data": base64.b64encode(b"hello").decode()}
    assert record == {
        "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"shardId-000000000000:{number}",
        "eventName": "aws:kinesis:record", "invokeIdentityArn": "arn:aws:iam::000000000000:role/any",
        "awsRegion": "us-east-1", "eventSourceARN": told.arn}


def test_a_mapping_begins_where_it_is_told_to(fresh, deploy):
    told = Story(fresh(), deploy, COPY)
    told.put("first")
    told.running.advance(100)
    told.put("second")
    now = told.running.control("clock")["now"]
    told.map(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=now - 50)
    assert told.hear(1) == [["second"]]
    told.put("third")
    assert told.hear(1) == [["third"]]


def test_a_consumers_records_reach_the_function_under_its_arn(story):
    told = story(HEAR + "def handler(event, context):\n"
                        "    tell([datas(event), event['Records'][0]['eventSourceARN']])\n")
    arn = told.kinesis.register_stream_consumer(
        StreamARN=told.arn, ConsumerName="fast")["Consumer"]["ConsumerARN"]
    told.map(arn)
    told.put("x")
    assert told.hear(1) == [[["x"], arn]]


def test_shards_are_read_before_those_that_follow_them(story):
    told = story()
    told.put("1", "2")
    told.kinesis.split_shard(StreamName=told.name, ShardToSplit="shardId-000000000000",
                             NewStartingHashKey=str(2**127))
    told.put("3", "4")
    told.kinesis.merge_shards(StreamName=told.name, ShardToMerge="shardId-000000000001",
                              AdjacentShardToMerge="shardId-000000000002")
    told.put("5", "6")
    told.map()
    told.kinesis.update_shard_count(StreamName=told.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    told.put("7")
    seen = []
    while len(seen) < 7:
        seen += told.hear(1)[0]
    assert seen == list("1234567")


def test_records_are_filtered_by_their_data(story):
    told = story()
    told.map(FilterCriteria={"Filters": [{"Pattern": '{"data": {"kind": ["good"]}}'}]})
    good = '{"kind": "good"}'
    told.put('{"kind": "bad"}', good, "plain")
    assert told.hear(1) == [[good]]


def test_a_batch_is_split_until_the_bad_record_is_alone_and_given_up(story):
    told = story(FAIL)
    url = told.sqs.create_queue(QueueName=f"{told.name}-failed")["QueueUrl"]
    told.put("a", "bad", "c")
    told.map(BisectBatchOnFunctionError=True, MaximumRetryAttempts=0, BatchSize=10, DestinationConfig={
        "OnFailure": {"Destination": f"arn:aws:sqs:us-east-1:000000000000:{told.name}-failed"}})
    batches = told.patient(5, step=1)
    assert batches[0] == ["a", "bad", "c"] and batches[-1] == ["c"] and ["bad"] in batches
    lost, = told.sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    described = json.loads(lost["Body"])
    info = described["KinesisBatchInfo"]
    assert described["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert (info["shardId"], info["batchSize"], info["streamArn"]) == ("shardId-000000000000", 1, told.arn)
    assert info["startSequenceNumber"] == info["endSequenceNumber"] and len(info["endSequenceNumber"]) == 56
    moment = datetime.strptime(info["approximateArrivalOfFirstRecord"], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert moment.year > 2000


REPORT = HEAR + """
def handler(event, context):
    tell(datas(event))
    lost = [one["kinesis"]["sequenceNumber"] for one, data in zip(event["Records"], datas(event))
            if data == "later" and len(event["Records"]) > 1]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in lost]}
"""


def test_a_function_reports_the_record_to_go_on_from_by_its_number(story):
    told = story(REPORT)
    told.put("a", "later", "c")
    told.map(FunctionResponseTypes=["ReportBatchItemFailures"], BatchSize=2)
    assert told.hear(1) == [["a", "later"]]
    assert told.patient(2, step=1) == [["later"], ["c"]]


SUM = HEAR + """
def handler(event, context):
    tell([datas(event), event["isFinalInvokeForWindow"]])
    return {"state": {"sum": event["state"].get("sum", 0) + len(event["Records"])}}
"""


def test_a_tumbling_window_ends_with_a_last_call(story):
    told = story(SUM)
    told.map(TumblingWindowInSeconds=120, BatchSize=1)
    told.put("a")
    assert told.hear(1) == [[["a"], False]]
    told.running.advance(240)
    assert told.hear(1) == [[[], True]]


WAIT = HEAR + """
def handler(event, context):
    tell(datas(event))
    while not sqs.receive_message(QueueUrl=os.environ["OUT"].replace(".fifo", "-go"),
                                  WaitTimeSeconds=1).get("Messages"):
        pass
"""


def test_keys_of_a_shard_are_handled_at_the_same_time_if_that_is_wished(story):
    told = story(WAIT)
    go = told.sqs.create_queue(QueueName=f"{told.name}-go")["QueueUrl"]
    names = [f"k{number}" for number in range(16)]
    for name in names:
        told.kinesis.put_record(StreamName=told.name, Data=name.encode(), PartitionKey=name,
                                ExplicitHashKey="7")  # which says the shard, not the lane
    told.map(ParallelizationFactor=4, BatchSize=100)
    batches = told.hear(4)  # at once: none of them ends before it is told to
    assert sorted(name for one in batches for name in one) == sorted(names)
    for _ in batches:
        told.sqs.send_message(QueueUrl=go, MessageBody="go")


def test_a_template_of_sam_maps_a_stream_and_a_consumer(cloudlet):
    client, name = cloudlet.client("cloudformation"), "clicks-of-sam"
    event = {"Type": "Kinesis", "Properties": {
        "Stream": {"Fn::GetAtt": ["Clicks", "Arn"]}, "StartingPosition": "LATEST", "BatchSize": 7}}
    fast = {"Type": "Kinesis", "Properties": {"Stream": {"Ref": "Fast"}, "StartingPosition": "TRIM_HORIZON"}}
    template = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {
        "Clicks": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 2}},
        "Fast": {"Type": "AWS::Kinesis::StreamConsumer", "Properties": {
            "ConsumerName": "fast", "StreamARN": {"Fn::GetAtt": ["Clicks", "Arn"]}}},
        "Function": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler",
            "InlineCode": "def handler(event, context):\n    return {}\n",
            "Events": {"Slow": event, "Quick": fast}}}}}
    client.create_stack(StackName=name, TemplateBody=json.dumps(template),
                        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    there = {one["LogicalResourceId"]: one["PhysicalResourceId"]
             for one in client.list_stack_resources(StackName=name)["StackResourceSummaries"]}
    mappings = cloudlet.client("lambda").list_event_source_mappings(FunctionName=there["Function"])
    found = {one["EventSourceArn"]: one for one in mappings["EventSourceMappings"]}
    stream = f"arn:aws:kinesis:us-east-1:000000000000:stream/{there['Clicks']}"
    assert set(found) == {stream, there["Fast"]} and found[stream]["BatchSize"] == 7
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
    assert there["Clicks"] not in cloudlet.client("kinesis").list_streams()["StreamNames"]
