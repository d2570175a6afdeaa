"""A state is kept under a name and gone back to, while the cloudlet runs and while it does not."""

import asyncio
import io
import json
import threading
import urllib.error
import zipfile

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from cloudlet.cli import main
from cloudlet.fabric import leftovers
from cloudlet.store import Blobs

LARGE, OTHER = b"first" * 20_000, b"other" * 30_000
HANDLER = """
import boto3

def handler(event, context):
    if event.get("wait"):
        boto3.client("sqs").receive_message(QueueUrl=event["wait"], WaitTimeSeconds=20)
        boto3.client("dynamodb").put_item(TableName="notes", Item={"id": {"S": "late"}})
    return "hello"
"""
TABLE = {"TableName": "notes", "BillingMode": "PAY_PER_REQUEST",
         "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
         "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}


def furnish(running):
    s3, dynamodb, sqs = (running.client(name) for name in ("s3", "dynamodb", "sqs"))
    s3.create_bucket(Bucket="things")
    s3.put_object(Bucket="things", Key="large", Body=LARGE)
    s3.put_object(Bucket="things", Key="small", Body=b"small")
    dynamodb.create_table(**TABLE)
    dynamodb.put_item(TableName="notes", Item={"id": {"S": "first"}})
    url = sqs.create_queue(QueueName="work")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="first")
    return url


def change(running, url):
    s3, dynamodb, sqs = (running.client(name) for name in ("s3", "dynamodb", "sqs"))
    s3.put_object(Bucket="things", Key="large", Body=OTHER)
    s3.delete_object(Bucket="things", Key="small")
    s3.put_object(Bucket="things", Key="new", Body=OTHER)
    dynamodb.delete_item(TableName="notes", Key={"id": {"S": "first"}})
    sqs.purge_queue(QueueUrl=url)
    sqs.create_queue(QueueName="another")


def check(running, url):
    s3, dynamodb, sqs = (running.client(name) for name in ("s3", "dynamodb", "sqs"))
    assert s3.get_object(Bucket="things", Key="large")["Body"].read() == LARGE
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="things")["Contents"]] == ["large", "small"]
    assert dynamodb.scan(TableName="notes")["Items"] == [{"id": {"S": "first"}}]
    assert len(sqs.list_queues()["QueueUrls"]) == 1
    got = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    assert [one["Body"] for one in got] == ["first"]


def function(running, name="greet"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", HANDLER)
    running.client("lambda").create_function(
        FunctionName=name, Runtime="python3.11", Handler="index.handler", Timeout=60,
        Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": packed.getvalue()})


def await_ear(running, word):
    """Until somebody in the cloudlet waits for a bell of that kind."""
    while not any(word in bell for bell in tuple(running.cloudlet.store._belfry.ears)):
        threading.Event().wait(0.005)


@pytest.fixture(params=["on disk", "in memory"])
def running(request, fresh):
    return fresh(at="data" if request.param == "on disk" else "", nearest_runtime=True)


def test_a_running_cloudlet_goes_back_to_what_it_was_as_often_as_one_likes(running):
    url = furnish(running)
    made = running.control("snapshots", {"save": "clean"})
    assert made["name"] == "clean"
    assert (made["bodies"], made["body_bytes"]) == (1, len(LARGE))
    for _ in range(2):
        change(running, url)
        running.control("snapshots", {"restore": "clean"})
        check(running, url)
    assert [one["name"] for one in running.control("snapshots")["snapshots"]] == ["clean"]


def test_what_was_written_after_the_snapshot_leaves_no_file_behind(running):
    url = furnish(running)
    running.control("snapshots", {"save": "clean"})
    change(running, url)
    running.control("snapshots", {"restore": "clean"})
    left = asyncio.run_coroutine_threadsafe(swept(running.cloudlet), running._loop).result(20)
    assert left == 1


async def swept(cloudlet):
    """The number of bodies that lie there, once the sweep that follows a start is over."""
    await leftovers.sweep(cloudlet.kernel)
    return sum(len(names) for names in cloudlet.kernel.use(Blobs).names())


def test_the_clock_stands_again_where_it_stood(running):
    running.advance(86_400)
    running.control("snapshots", {"save": "tomorrow"})
    running.advance(86_400 * 30)
    running.control("snapshots", {"restore": "tomorrow"})
    assert 86_399 < running.control("clock")["offset"] < 86_401


def test_who_waits_while_the_state_is_replaced_is_asked_to_send_his_request_again(running):
    sqs = running.client("sqs")
    url = sqs.create_queue(QueueName="empty")["QueueUrl"]
    running.control("snapshots", {"save": "clean"})
    outcome = []

    def wait():
        try:
            sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
        except ClientError as error:
            outcome.append(error.response)

    waiting = threading.Thread(target=wait)
    waiting.start()
    await_ear(running, "sqs")
    running.control("snapshots", {"restore": "clean"})
    waiting.join(10)
    assert outcome[0]["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert "Send it again" in outcome[0]["Error"]["Message"]


def test_a_function_that_ran_when_the_state_was_replaced_writes_nothing_into_it(running):
    url = furnish(running)
    function(running)
    sqs, lambda_ = running.client("sqs"), running.client("lambda")
    empty = sqs.create_queue(QueueName="empty")["QueueUrl"]
    assert json.load(lambda_.invoke(FunctionName="greet", Payload="{}")["Payload"]) == "hello"
    running.control("snapshots", {"save": "clean"})
    lambda_.invoke(FunctionName="greet", InvocationType="Event", Payload=json.dumps({"wait": empty}))
    await_ear(running, "sqs")
    running.control("snapshots", {"restore": "clean"})
    assert json.load(lambda_.invoke(FunctionName="greet", Payload="{}")["Payload"]) == "hello"
    sqs.send_message(QueueUrl=empty, MessageBody="go")
    assert running.client("dynamodb").scan(TableName="notes")["Items"] == [{"id": {"S": "first"}}]
    assert url


def test_a_timer_that_was_set_before_the_snapshot_runs_again_after_going_back(running):
    sqs = running.client("sqs")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    scheduler = running.client("scheduler")
    scheduler.create_schedule(Name="once", ScheduleExpression="rate(1 hour)",
                              FlexibleTimeWindow={"Mode": "OFF"},
                              Target={"Arn": "arn:aws:sqs:us-east-1:000000000000:later", "Input": "tick",
                                      "RoleArn": "arn:aws:iam::000000000000:role/any"})
    running.advance(1)
    running.control("snapshots", {"save": "before"})
    for _ in range(2):
        running.advance(3_600)
        assert sqs.receive_message(QueueUrl=url).get("Messages")
        running.control("snapshots", {"restore": "before"})


@pytest.mark.parametrize(("wish", "words"), [
    ({"save": "clean"}, "There is a snapshot clean already"),
    ({"restore": "unknown"}, "There is no snapshot unknown. There are: clean."),
    ({"save": "../up"}, "can't be a snapshot's name"),
    ({"save": "a", "delete": "b"}, "one at a time"),
    ({"keep": "a"}, "Snapshots are asked for as"),
])
def test_what_can_not_be_done_is_refused_with_what_to_do(running, wish, words):
    running.control("snapshots", {"save": "clean"})
    with pytest.raises(urllib.error.HTTPError) as error:
        running.control("snapshots", wish)
    assert words in json.load(error.value)["message"]


def test_a_stopped_cloudlet_is_kept_and_put_back_by_the_command(fresh, tmp_path):
    running = fresh()
    url = furnish(running)
    running.stop()
    data, tell = str(tmp_path / "data"), CliRunner().invoke
    done = tell(main, ["snapshot", "save", "clean", "--data", data])
    assert done.exit_code == 0, done.output
    assert "Kept clean" in done.output
    running = fresh()
    change(running, url)
    running.stop()
    assert tell(main, ["snapshot", "restore", "clean", "--data", data]).exit_code == 0
    running = fresh()
    check(running, f"{running.url}/000000000000/work")
    running.stop()
    assert "clean" in tell(main, ["snapshot", "list", "--data", data]).output
    assert tell(main, ["snapshot", "delete", "clean", "--data", data]).exit_code == 0
    assert "There are none" in tell(main, ["snapshot", "list", "--data", data]).output


def test_a_branch_lives_its_own_life_with_the_functions_it_came_with(fresh, tmp_path):
    running = fresh(nearest_runtime=True)
    url = furnish(running)
    function(running)
    running.control("snapshots", {"save": "clean"})
    made = CliRunner().invoke(main, ["snapshot", "branch", "clean", str(tmp_path / "second"),
                                     "--data", str(tmp_path / "data")])
    assert made.exit_code == 0, made.output
    other = fresh(at="second", nearest_runtime=True)
    change(running, url)
    check(other, f"{other.url}/000000000000/work")
    running.stop()
    (tmp_path / "data" / "code").rename(tmp_path / "gone")
    invoked = other.client("lambda").invoke(FunctionName="greet", Payload="{}")
    assert json.load(invoked["Payload"]) == "hello"
    change(other, f"{other.url}/000000000000/work")


def test_a_branch_goes_into_no_folder_that_has_something_in_it(fresh, tmp_path):
    running = fresh()
    running.control("snapshots", {"save": "clean"})
    done = CliRunner().invoke(main, ["snapshot", "branch", "clean", str(tmp_path),
                                     "--data", str(tmp_path / "data")])
    assert done.exit_code == 1
    assert "is not empty" in done.output
