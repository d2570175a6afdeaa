"""Recursion: a loop through queues, buckets or functions ends after sixteen calls."""

import json

import pytest
from botocore.exceptions import ClientError

from cloudlet.services.lambda_.recursion import Lineage

from .conftest import ROLE, zipped

# every call leaves an object, and goes on as it was told to
START = """
import boto3, os, uuid
s3 = boto3.client("s3")
def mark(name="calls"): s3.put_object(Bucket=os.environ["CALLS"], Key=f"{name}/{uuid.uuid4()}", Body=b"")
"""
ITSELF = START + """
def handler(event, context):
    mark()
    boto3.client("lambda").invoke(FunctionName=context.function_name, InvocationType="Event", Payload=b"{}")
"""
WAITING = START + """
import json
def handler(event, context):
    mark()
    try: answer = boto3.client("lambda").invoke(FunctionName=context.function_name, Payload=b"{}")
    except Exception as error: return [error.response["Error"]["Code"], str(error)]
    return json.load(answer["Payload"])
"""
QUEUE = START + """
def handler(event, context):
    mark()
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="again")
"""
BUCKET = START + """
def handler(event, context):
    mark()
    s3.put_object(Bucket=os.environ["LOOP"], Key="again", Body=b"")
"""
PARTNER = START + """
def handler(event, context):
    mark(context.function_name)
    boto3.client("lambda").invoke(FunctionName=os.environ["NEXT"], InvocationType="Event", Payload=b"{}")
"""


@pytest.fixture
def start(cloudlet, request):
    """Deploy a function that leaves an object for each call; how many there are tells the second."""
    s3, client = cloudlet.client("s3"), cloudlet.client("lambda")
    stem = f"loop-{abs(hash(request.node.name))}"
    s3.create_bucket(Bucket=stem)

    def start(source, name=stem, **variables):
        client.create_function(
            FunctionName=name, Role=ROLE, Runtime="python3.11", Handler="app.handler", Timeout=60,
            MemorySize=512, Code={"ZipFile": zipped(app_py=source)},
            Environment={"Variables": {"CALLS": stem, **variables}})
        return name

    def calls(name="calls"):
        return s3.list_objects_v2(Bucket=stem, Prefix=f"{name}/")["KeyCount"]

    return start, calls


@pytest.fixture
def dead(cloudlet):
    """A queue for dead letters: its ARN, and a function that takes one."""
    sqs = cloudlet.client("sqs")

    def dead(name):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        return arn, lambda: sqs.receive_message(
            QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])["Messages"][0]

    return dead


def test_a_function_that_calls_itself_is_stopped_after_sixteen_calls(cloudlet, start, dead):
    deploy, calls = start
    name, client = deploy(ITSELF), cloudlet.client("lambda")
    (letters, take), (told, hear) = dead("itself-dead"), dead("itself-told")
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": letters})
    client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": told}})
    client.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"n": 1}')
    letter = take()
    assert letter["Body"] == "{}"
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"].startswith(
        "Lambda has detected your function being invoked in a recursive loop")
    record = json.loads(hear()["Body"])
    assert record["requestContext"]["condition"] == "RecursiveInvocation"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert calls() == 16


def test_who_waits_for_itself_is_told(cloudlet, start):
    deploy, calls = start
    answer = cloudlet.client("lambda").invoke(FunctionName=deploy(WAITING))
    code, message = json.load(answer["Payload"])
    assert code == "RecursiveInvocationException"
    assert "recursive loop" in message
    assert calls() == 16


def test_a_loop_through_a_queue_ends_in_its_dead_letters(cloudlet, start, dead):
    deploy, calls = start
    sqs, (letters, take) = cloudlet.client("sqs"), dead("queue-dead")
    url = sqs.create_queue(QueueName="loop", Attributes={
        "VisibilityTimeout": "3",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": letters, "maxReceiveCount": 1})})["QueueUrl"]
    name, client = deploy(QUEUE, QUEUE=url), cloudlet.client("lambda")
    client.update_function_configuration(FunctionName=name, Timeout=3)
    client.create_event_source_mapping(
        FunctionName=name, EventSourceArn="arn:aws:sqs:us-east-1:000000000000:loop")
    sqs.send_message(QueueUrl=url, MessageBody="begin")
    assert take()["Body"] == "again"
    assert calls() == 16


def test_a_loop_through_a_bucket_is_stopped(cloudlet, start, dead):
    deploy, calls = start
    name, client, s3 = deploy(BUCKET, LOOP="loop-objects"), cloudlet.client("lambda"), cloudlet.client("s3")
    letters, take = dead("bucket-dead")
    client.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": letters})
    s3.create_bucket(Bucket="loop-objects")
    client.add_permission(FunctionName=name, StatementId="s3", Action="lambda:InvokeFunction",
                          Principal="s3.amazonaws.com")
    s3.put_bucket_notification_configuration(
        Bucket="loop-objects", NotificationConfiguration={"LambdaFunctionConfigurations": [{
            "LambdaFunctionArn": client.get_function_configuration(FunctionName=name)["FunctionArn"],
            "Events": ["s3:ObjectCreated:*"]}]})
    s3.put_object(Bucket="loop-objects", Key="begin", Body=b"")
    assert json.loads(take()["Body"])["Records"][0]["s3"]["object"]["key"] == "again"
    assert calls() == 16


def test_two_functions_that_call_each_other_are_stopped(cloudlet, start, dead):
    deploy, calls = start
    letters, take = dead("pair-dead")
    for name, other in (("ping", "pong"), ("pong", "ping")):
        deploy(PARTNER, name=name, NEXT=other)
        cloudlet.client("lambda").update_function_configuration(
            FunctionName=name, DeadLetterConfig={"TargetArn": letters})
    cloudlet.client("lambda").invoke(FunctionName="ping", InvocationType="Event", Payload=b"{}")
    take()
    assert {calls("ping"), calls("pong")} <= {16, 17, 18}


def test_a_function_that_is_allowed_to_goes_on(cloudlet, start, eventually):
    deploy, calls = start
    name, client = deploy(ITSELF), cloudlet.client("lambda")
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    client.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    eventually(lambda: calls() > 20)
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Terminate")
    with pytest.raises(ClientError, match=r"Member must satisfy enum value set: \[Allow, Terminate\]"):
        client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Maybe")


def test_many_calls_that_are_no_loop_are_not_stopped(cloudlet, start, eventually):
    deploy, calls = start
    name = deploy(START + """
def handler(event, context):
    mark()
    if event: [boto3.client("lambda").invoke(FunctionName=context.function_name, InvocationType="Event",
                                             Payload=b"0") for _ in range(20)]
""")
    cloudlet.client("lambda").invoke(FunctionName=name, Payload=b"1")
    eventually(lambda: calls() == 21)


def walk(*functions):
    """How often each function of a chain runs until one of them is stopped."""
    lineage, ran = None, []
    for function in functions:
        lineage = lineage.through(function) if lineage else Lineage(1, function, 1)
        if lineage.loops > 16:
            break
        ran.append(function)
    return ran


@pytest.mark.parametrize("loop", [["a"], ["b", "a"], ["c", "a", "b"], ["e", "d", "c", "b", "a"]])
@pytest.mark.parametrize("before", [[], ["0"], ["0", "1", "2"], ["9", "0", "8"]])
def test_every_loop_is_found_whatever_leads_into_it(loop, before):
    names = {name: name * 8 for name in "0123456789abcdef"}
    ran = walk(*[names[one] for one in before], *[names[one] for one in loop * 100])
    turns = ran.count(names[loop[0]])
    assert 16 <= turns <= (18 if not before else 24)


def test_a_long_chain_is_no_loop():
    assert len(walk(*[f"{n * 7919 % 5003:08x}" for n in range(2000)])) == 2000
