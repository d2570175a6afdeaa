"""A cloudlet that keeps nothing leaves nothing, and the next takes away what a killed one could not."""

import json
import os
import signal
import subprocess
import sys

import boto3
import pytest

TEMPLATE = f"""\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: hello
      InlineCode: |
        def handler(event, context):
            return "hello"
      Handler: index.handler
      Runtime: python{sys.version_info.major}.{sys.version_info.minor}
"""


class Up:
    """``cloudlet up --ephemeral`` in a process of its own, with a folder for its temporary files."""

    def __init__(self, application, temporary):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", "up", application, "--ephemeral", "--port", "0", "--json"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)})
        self.endpoint = self._until("ready")["endpoint"]
        self._until("deployed")

    def _until(self, kind):
        for line in self.process.stdout:
            event = json.loads(line)
            assert event["event"] != "failed", event
            if event["event"] == kind:
                return event
        raise AssertionError(f"it ended before it was {kind}")

    def invoke(self):
        client = boto3.client("lambda", endpoint_url=self.endpoint, region_name="us-east-1",
                              aws_access_key_id="test", aws_secret_access_key="test")
        return json.loads(client.invoke(FunctionName="hello")["Payload"].read())

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait(30)


@pytest.fixture
def start(tmp_path):
    """Starts one beside those that run."""
    application = tmp_path / "application"
    application.mkdir()
    (application / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "tmp").mkdir()
    started = []

    def start():
        started.append(Up(application, tmp_path / "tmp"))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end(signal.SIGKILL)


def test_the_next_start_takes_away_what_a_killed_cloudlet_has_left_and_nothing_of_one_that_runs(
        start, tmp_path):
    def present():
        return {one.name for one in (tmp_path / "tmp").iterdir()}

    running = start()
    assert running.invoke() == "hello"
    its_own = present()
    killed = start()
    assert killed.invoke() == "hello"
    killed.end(signal.SIGKILL)
    left = present() - its_own
    assert {name.rpartition("-")[0] for name in left} == {"cloudlet-data", "cloudlet-zygote"}
    following = start()
    assert not present() & left
    assert its_own <= present()
    assert [running.invoke(), following.invoke()] == ["hello", "hello"]
    running.end()
    following.end()
    assert present() == set()
