"""Durable functions for the tests: AWS's own SDK in a layer, source text in, executions out."""

import importlib.util
import io
import json
import zipfile
from functools import cache
from pathlib import Path

import pytest

from .conftest import PYTHON, ROLE, zipped

SDK = "aws_durable_execution_sdk_python"
HEAD = """
from aws_durable_execution_sdk_python import DurableContext, durable_execution, durable_step
from aws_durable_execution_sdk_python.config import *
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision
"""


@cache
def layer() -> bytes:
    """AWS's durable execution SDK as a layer's package."""
    found = importlib.util.find_spec(SDK)
    if found is None:
        pytest.skip(f"{SDK} is not installed")
    folder, packed = Path(found.origin).parent, io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.rglob("*.py")):
            archive.write(path, f"python/{SDK}/{path.relative_to(folder)}")
    return packed.getvalue()


class Durable:
    """A durable function, and a client to drive its executions."""

    def __init__(self, cloudlet, name: str, source: str, *, seconds: int = 900, **settings) -> None:
        self.cloudlet, self.name = cloudlet, name
        self.client = cloudlet.client("lambda")
        arn = self.client.publish_layer_version(LayerName="durable", Content={"ZipFile": layer()})[
            "LayerVersionArn"]
        settings = {"Timeout": 60, "MemorySize": 512, "Runtime": PYTHON} | settings
        self.client.create_function(
            FunctionName=name, Role=ROLE, Handler="app.handler", Layers=[arn],
            Code={"ZipFile": zipped(app_py=HEAD + source)},
            DurableConfig={"ExecutionTimeout": seconds, "RetentionPeriodInDays": 7}, **settings)

    def __call__(self, event=None, **options):
        """Invoke and wait: what it answers, and the error if there was one."""
        answer = self.client.invoke(FunctionName=self.name, Qualifier="$LATEST", Payload=json.dumps(event),
                                    **options)
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def start(self, event=None, **options) -> str:
        """Invoke and don't wait: the execution's ARN."""
        answer = self.client.invoke(FunctionName=self.name, Qualifier="$LATEST", InvocationType="Event",
                                    Payload=json.dumps(event), **options)
        return answer["DurableExecutionArn"]

    def get(self, arn: str, **options) -> dict:
        """The execution as it is now."""
        return self.client.get_durable_execution(DurableExecutionArn=arn, **options)

    def events(self, arn: str, **options) -> list[dict]:
        """Its history."""
        return self.client.get_durable_execution_history(DurableExecutionArn=arn, MaxItems=1000, **options)[
            "Events"]

    def story(self, arn: str) -> list[str]:
        """The types of its events."""
        return [event["EventType"] for event in self.events(arn, IncludeExecutionData=False)]


PUPPET = """
import boto3, json
sqs = boto3.client("sqs")

def handler(event, context):
    url = "QUEUE"
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    while True:
        for message in sqs.receive_message(QueueUrl=url + "-back", WaitTimeSeconds=5).get("Messages", []):
            sqs.delete_message(QueueUrl=url + "-back", ReceiptHandle=message["ReceiptHandle"])
            return eval(message["Body"])
"""


class Puppet:
    """A durable function without the SDK: a test says what each of its invocations does."""

    def __init__(self, cloudlet, name: str, *, seconds: int = 900, **settings) -> None:
        self.name, self.client, self.sqs = name, cloudlet.client("lambda"), cloudlet.client("sqs")
        self.url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.back = self.sqs.create_queue(QueueName=f"{name}-back")["QueueUrl"]
        self.client.create_function(
            FunctionName=name, Role=ROLE, Handler="app.handler", Runtime=PYTHON, MemorySize=512,
            Code={"ZipFile": zipped(app_py=PUPPET.replace("QUEUE", self.url))},
            DurableConfig={"ExecutionTimeout": seconds}, **({"Timeout": 60} | settings))

    def start(self, event=None, **options) -> str:
        """Begin an execution; its ARN."""
        answer = self.client.invoke(FunctionName=self.name, Qualifier="$LATEST", InvocationType="Event",
                                    Payload=json.dumps(event), **options)
        return answer["DurableExecutionArn"]

    def called(self) -> dict:
        """The event of the next invocation."""
        found = self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=20)["Messages"][0]
        self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=found["ReceiptHandle"])
        return json.loads(found["Body"])

    def uncalled(self) -> bool:
        """Whether nobody invokes it just now."""
        return "Messages" not in self.sqs.receive_message(QueueUrl=self.url, WaitTimeSeconds=1)

    def answer(self, status: str, **members) -> None:
        """Let the present invocation return."""
        self.sqs.send_message(QueueUrl=self.back, MessageBody=repr({"Status": status} | members))

    def do(self, expression: str) -> None:
        """Let the present invocation do something else."""
        self.sqs.send_message(QueueUrl=self.back, MessageBody=expression)

    def checkpoint(self, arn: str, token: str, *updates: dict, **options) -> dict:
        """Keep updates, as the SDK does."""
        return self.client.checkpoint_durable_execution(
            DurableExecutionArn=arn, CheckpointToken=token, Updates=list(updates), **options)
