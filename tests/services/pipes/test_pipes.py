"""Pipes: from queues and streams, filtered, enriched and rewritten, to whatever takes deliveries."""

import io
import itertools
import json
import zipfile

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/any"
_numbers = itertools.count(1)


class Queue:
    """A queue of the test's own."""

    def __init__(self, running) -> None:
        self.sqs, self.name = running.client("sqs"), f"queue-{next(_numbers)}"
        self.url = self.sqs.create_queue(QueueName=self.name)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:000000000000:{self.name}"

    def send(self, *bodies):
        """Send messages."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def take(self, count):
        """The bodies of the next messages, waiting for them."""
        found = []
        while len(found) < count:
            got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=10)
            assert got.get("Messages"), found
            for one in got["Messages"]:
                found.append(one["Body"])
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=one["ReceiptHandle"])
        return found


@pytest.fixture
def pipes(cloudlet):
    """A client."""
    return cloudlet.client("pipes")


@pytest.fixture
def pair(cloudlet):
    """Where messages come from, and where they go."""
    return Queue(cloudlet), Queue(cloudlet)


@pytest.fixture
def pipe(pipes):
    """Makes a pipe between two queues, and waits until it reads."""
    made = []

    def make(source, target, **more):
        name = f"pipe-{next(_numbers)}"
        pipes.create_pipe(Name=name, **{"Source": source.arn, "Target": target.arn, "RoleArn": ROLE, **more})
        made.append(name)
        return name

    yield make
    for name in made:
        if pipes.list_pipes(NamePrefix=name)["Pipes"]:
            pipes.delete_pipe(Name=name)


@pytest.fixture
def function(cloudlet):
    """A function of that source, its ARN."""
    def deploy(source):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", source)
        return cloudlet.client("lambda").create_function(
            FunctionName=f"f-{next(_numbers)}", Role=ROLE, Runtime="python3.11", Handler="app.handler",
            Timeout=30, Code={"ZipFile": packed.getvalue()})["FunctionArn"]
    return deploy


def until(pipes, name, state):
    """Wait for a state by asking; each answer takes its time."""
    for _ in range(2000):
        found = pipes.describe_pipe(Name=name)["CurrentState"]
        if found == state:
            return
    raise AssertionError(found)


def refused(function, **params):
    with pytest.raises(ClientError) as caught:
        function(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_messages_that_a_filter_wants_go_on_rewritten(pair, pipe):
    source, target = pair
    name = pipe(
        source,
        target,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body": {"kind": ["a"]}}'}]}},
        TargetParameters={
            "InputTemplate": '{"n": <$.body.n>, "text": "<$.body.kind>-<aws.pipes.pipe-name>"}'
        },
    )
    source.send('{"kind": "b", "n": 1}', '{"kind": "a", "n": 2}')
    assert [json.loads(one) for one in target.take(1)] == [{"n": 2, "text": f"a-{name}"}]


def test_without_a_template_the_whole_event_goes_on(pair, pipe):
    source, target = pair
    pipe(source, target)
    source.send("hello")
    event = json.loads(target.take(1)[0])
    assert event["body"] == "hello" and event["eventSourceARN"] == source.arn


def test_a_function_enriches_and_may_swallow(pair, pipe, function):
    source, target = pair
    enrich = function("def handler(events, context):\n    return [e * 2 for e in events if e != 'no']\n")
    pipe(source, target, Enrichment=enrich, EnrichmentParameters={"InputTemplate": "<$.body>"})
    source.send("no", "yes")
    assert target.take(1) == ["yesyes"]


def test_what_a_function_reports_as_failed_is_read_again(pair, pipe, function):
    source, target = pair
    source.sqs.set_queue_attributes(QueueUrl=source.url, Attributes={"VisibilityTimeout": "0"})
    work = function("""
import json
def handler(events, context):
    return {"batchItemFailures": [{"itemIdentifier": e["messageId"]} for e in events
                                  if e["attributes"]["ApproximateReceiveCount"] == "1"]}
""")
    pipe(source, target, Target=work)
    source.send("again")
    for _ in range(2000):
        said = source.sqs.get_queue_attributes(QueueUrl=source.url, AttributeNames=["All"])["Attributes"]
        if said["ApproximateNumberOfMessages"] == said["ApproximateNumberOfMessagesNotVisible"] == "0":
            break
    else:
        raise AssertionError(said)


def test_a_table_flows_into_a_queue(cloudlet, pair, pipe):
    _, target = pair
    table = cloudlet.client("dynamodb")
    arn = table.create_table(
        TableName="flows",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    pipe(target, target, Source=arn,
         SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON"}},
         TargetParameters={"InputTemplate": "<$.eventName> <$.dynamodb.Keys.p.S>"})
    for key in ("a", "b"):
        table.put_item(TableName="flows", Item={"p": {"S": key}})
    assert target.take(2) == ["INSERT a", "INSERT b"]


def test_records_that_are_given_up_are_told_of(cloudlet, pair, pipe, function):
    _, dead = pair
    table = cloudlet.client("dynamodb")
    arn = table.create_table(
        TableName="fails",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]["LatestStreamArn"]
    name = pipe(
        dead,
        dead,
        Source=arn,
        Target=function("def handler(events, context):\n    raise ValueError\n"),
        SourceParameters={
            "DynamoDBStreamParameters": {
                "StartingPosition": "LATEST",
                "MaximumRetryAttempts": 0,
                "DeadLetterConfig": {"Arn": dead.arn},
            }
        },
    )
    table.put_item(TableName="fails", Item={"p": {"S": "x"}})
    letter = json.loads(dead.take(1)[0])
    assert letter["context"] == {"condition": "RetryAttemptsExhausted", "partnerResourceArn":
                                 f"arn:aws:pipes:us-east-1:000000000000:pipe/{name}"}
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1


def test_a_pipe_stops_starts_changes_and_goes(pipes, pair, pipe):
    source, target = pair
    name = pipe(source, target, DesiredState="STOPPED", TargetParameters={"InputTemplate": "1 <$.body>"})
    assert pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED"
    source.send("a")
    assert pipes.start_pipe(Name=name)["CurrentState"] == "STARTING"
    assert target.take(1) == ["1 a"]
    until(pipes, name, "RUNNING")
    pipes.update_pipe(Name=name, RoleArn=ROLE, TargetParameters={"InputTemplate": "2 <$.body>"})
    until(pipes, name, "RUNNING")
    source.send("b")
    assert target.take(1) == ["2 b"]
    pipes.stop_pipe(Name=name)
    until(pipes, name, "STOPPED")
    pipes.delete_pipe(Name=name)
    assert refused(pipes.describe_pipe, Name=name) == ("NotFoundException", f"Pipe {name} does not exist.")


def test_lists_and_tags(pipes, pair, pipe):
    names = sorted(pipe(*pair, DesiredState="STOPPED", Tags={"a": "1"}) for _ in range(3))
    pages = pipes.get_paginator("list_pipes").paginate(
        DesiredState="STOPPED", SourcePrefix=pair[0].arn, PaginationConfig={"PageSize": 2})
    assert [one["Name"] for page in pages for one in page["Pipes"]] == names
    arn = pipes.describe_pipe(Name=names[0])["Arn"]
    pipes.tag_resource(resourceArn=arn, tags={"b": "2"})
    pipes.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        ({"LogConfiguration": {"Level": "ERROR"}}, "NotHonoured", "LogConfiguration"),
        ({"Enrichment": "arn:aws:execute-api:us-east-1:000000000000:x/*/GET/"}, "NotHonoured", "enrich"),
        ({"Target": "arn:aws:ecs:us-east-1:000000000000:cluster/x"}, "NotHonoured", "ecs"),
        (
            {"SourceParameters": {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}},
            "ValidationException",
            "filter",
        ),
        ({"TargetParameters": {"InputTemplate": "<aws.pipes.nothing>"}}, "ValidationException", "nothing"),
        ({"SourceParameters": {"SqsQueueParameters": {"BatchSize": 11}}}, "ValidationException", "BatchSize"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(pipes, pair, more, code, said):
    source, target = pair
    found = refused(pipes.create_pipe, Name="bad", **{"Source": source.arn, "Target": target.arn,
                                                      "RoleArn": ROLE, **more})
    assert found[0] == code and said in found[1]


def test_a_stack_makes_changes_and_deletes_a_pipe(cloudlet, pipes, pair):
    source, target = pair
    client = cloudlet.client("cloudformation")

    def deploy(kind, **more):
        getattr(client, f"{kind}_stack")(StackName="piped", TemplateBody=json.dumps({"Resources": {"Pipe": {
            "Type": "AWS::Pipes::Pipe", "Properties": {
                "Name": "stacked", "Source": source.arn, "Target": target.arn, "RoleArn": ROLE, **more}}}}))
        client.get_waiter(f"stack_{kind}_complete").wait(StackName="piped", WaiterConfig={"Delay": 0.1})

    deploy("create", Tags={"a": "1"}, SourceParameters={"SqsQueueParameters": {"BatchSize": "5"}})
    until(pipes, "stacked", "RUNNING")
    deploy("update", TargetParameters={"InputTemplate": "new <$.body>"})
    until(pipes, "stacked", "RUNNING")
    source.send("a")
    assert target.take(1) == ["new a"]
    assert pipes.describe_pipe(Name="stacked")["SourceParameters"] == {}
    client.delete_stack(StackName="piped")
    client.get_waiter("stack_delete_complete").wait(StackName="piped", WaiterConfig={"Delay": 0.1})
