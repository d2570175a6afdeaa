"""These tests are users of the plugin: ``cloudlet`` is its fixture here, and not ours."""

import io
import sys
import zipfile

import pytest

from cloudlet.testing.plugin import cloudlet, cloudlet_host  # noqa: F401

ROLE = "arn:aws:iam::000000000000:role/tested"
RUNTIME = "python" + ".".join(map(str, sys.version_info[:2]))


@pytest.fixture
def function(cloudlet):  # noqa: F811
    """Make a function of some Python."""
    def make(name, text, **options):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            files.writestr("app.py", text)
        made = cloudlet.client("lambda").create_function(
            FunctionName=name, Runtime=RUNTIME, Handler="app.handler", Role=ROLE,
            Code={"ZipFile": archive.getvalue()}, **options)
        return made["FunctionArn"]

    return make


@pytest.fixture
def queue(cloudlet):  # noqa: F811
    """Make a queue: its URL and its ARN."""
    def make(name, **attributes):
        sqs = cloudlet.client("sqs")
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    return make
