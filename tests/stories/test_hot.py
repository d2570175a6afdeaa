"""An afternoon with `cloudlet up`: a small SAM application is run, changed, broken, mended and kept."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from urllib.error import HTTPError

import pytest

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
TEMPLATE = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Greeting:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: {RUNTIME}
      Environment:
        Variables: {{TABLE: !Ref Visits}}
      Policies:
        - DynamoDBCrudPolicy: {{TableName: !Ref Visits}}
      Events:
        Hello:
          Type: HttpApi
          Properties: {{Path: /hello, Method: get}}
  Visits:
    Type: AWS::Serverless::SimpleTable
    Properties:
      PrimaryKey: {{Name: id, Type: String}}
Outputs:
  Url:
    Value: !Sub "https://${{ServerlessHttpApi}}.execute-api.${{AWS::Region}}.amazonaws.com/"
"""
ROUTE = """\
        Bye:
          Type: HttpApi
          Properties: {Path: /bye, Method: get}
"""
HANDLER = """\
import os
import boto3
import words

table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    print("visit of", event.get("rawPath"))
    seen = table.update_item(Key={"id": "all"}, UpdateExpression="ADD n :one", ReturnValues="UPDATED_NEW",
                             ExpressionAttributeValues={":one": 1})
    return {"word": words.WORD, "mark": "!", "visits": int(seen["Attributes"]["n"])}
"""


class Up:
    """``cloudlet up`` in a process of its own, on a copy of the application."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", "up", ".", "--port", "0", "--json"], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.ready = self.until("ready")
        self.endpoint = self.ready["endpoint"]
        self.deployed = self.until("deployed", "failed")

    def until(self, *kinds):
        """The next event of one of these kinds; what came before it is passed over."""
        for line in self.process.stdout:
            if (event := json.loads(line))["event"] in kinds:
                return event
        raise AssertionError(f"it ended before it told {kinds}: {self.process.stderr.read()}")

    def run(self, *arguments, text=None):
        """A command of ours, in the application's folder."""
        return subprocess.run([sys.executable, "-m", "cloudlet", *arguments], cwd=self.folder, text=True,
                              input=text, capture_output=True, timeout=60, env=environment())

    def get(self, path):
        """What a visitor sees: the status and the document."""
        url = self.deployed["urls"]["ServerlessHttpApi"].rstrip("/")
        try:
            with urllib.request.urlopen(url + path, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def stop(self):
        """SIGTERM, and what the process ended with."""
        self.process.send_signal(signal.SIGTERM)
        told = [json.loads(line)["event"] for line in self.process.stdout]
        code = self.process.wait(30)
        complaints = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, told, complaints


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "src" / "app.py").write_text(HANDLER)
    (tmp_path / "src" / "words.py").write_text('WORD = "hello"\n')
    return tmp_path


def test_an_application_is_run_changed_broken_mended_and_kept(folder, tmp_path_factory):
    up = Up(folder)
    try:
        it_is_well_and_the_application_answers(up)
        a_saved_handler_is_live_on_the_very_next_request(up, folder)
        another_saved_module_is_live_when_the_save_was_seen(up, folder)
        a_saved_template_is_an_update_and_a_new_route_answers(up, folder)
        a_broken_template_is_reported_and_the_old_application_goes_on(up, folder)
        it_goes_on_from_a_mended_template(up, folder)
        the_commands_speak_to_it(up, tmp_path_factory.mktemp("beside"))
        after_sigterm_and_a_new_start_everything_is_there_and_after_a_reset_nothing(up, folder)
    finally:
        if up.process.poll() is None:
            up.stop()


def it_is_well_and_the_application_answers(up):
    with urllib.request.urlopen(f"{up.endpoint}/_cloudlet/health") as answer:
        assert json.load(answer)["status"] == "running"
    assert (up.deployed["event"], up.deployed["action"]) == ("deployed", "create"), up.deployed
    assert up.get("/hello") == (200, {"word": "hello", "mark": "!", "visits": 1})
    assert up.get("/bye")[0] == 404


def a_saved_handler_is_live_on_the_very_next_request(up, folder):
    for mark in "?", ".", "!":
        (folder / "src" / "app.py").write_text(HANDLER.replace('"!"', f'"{mark}"'))
        status, answer = up.get("/hello")
        assert (status, answer["mark"]) == (200, mark)


def another_saved_module_is_live_when_the_save_was_seen(up, folder):
    up.run("invoke", "Greeting")
    (folder / "src" / "words.py").write_text('WORD = "good day"\n')
    while up.get("/hello")[1]["word"] != "good day":
        up.until("reloaded")  # also tells of the handlers that were saved before
    assert up.get("/hello")[1]["word"] == "good day"


def a_saved_template_is_an_update_and_a_new_route_answers(up, folder):
    (folder / "template.yaml").write_text(TEMPLATE.replace("  Visits:\n", ROUTE + "  Visits:\n", 1))
    again = up.until("deployed", "failed")
    assert (again["event"], again["action"]) == ("deployed", "update"), again
    assert up.get("/bye")[0] == 200
    assert up.get("/hello")[0] == 200


def a_broken_template_is_reported_and_the_old_application_goes_on(up, folder):
    for broken, named in (
        (TEMPLATE.replace("AWS::Serverless::SimpleTable", "AWS::Serverless::SimpleTabel"), "SimpleTabel"),
        (TEMPLATE.replace("      PrimaryKey:", "     PrimaryKey: ["), "template.yaml"),
        (TEMPLATE.replace("Handler: app.handler", "Handler: app.handler\n      MemorySize: 64"), "128"),
    ):
        (folder / "template.yaml").write_text(broken)
        failed = up.until("deployed", "failed")
        assert failed["event"] == "failed"
        assert named in failed["message"] + json.dumps(failed.get("failures", ""))
        assert up.get("/bye")[0] == 200


def it_goes_on_from_a_mended_template(up, folder):
    (folder / "template.yaml").write_text(TEMPLATE)
    assert up.until("deployed", "failed")["event"] == "deployed"
    assert (up.get("/hello")[0], up.get("/bye")[0]) == (200, 404)


def the_commands_speak_to_it(up, tmp_path):
    exported = dict(line.removeprefix("export ").split("=", 1) for line in up.run("env").stdout.splitlines())
    assert exported["AWS_ENDPOINT_URL"] == up.endpoint
    status = json.loads(up.run("status", "--json").stdout)
    assert [one["status"] for one in status["stacks"]] == ["UPDATE_COMPLETE"]
    assert [one["runtime"] for one in status["functions"]] == [RUNTIME]
    done = up.run("invoke", "Greeting", "-e", "-", text='{"rawPath": "/from-the-shell"}')
    assert done.returncode == 0 and json.loads(done.stdout)["word"] == "good day"
    assert "visit of /from-the-shell" in up.run("logs", "Greeting").stdout
    (tmp_path / "template.json").write_text('{"Resources": {"Letters": {"Type": "AWS::SQS::Queue"}}}')
    beside = up.run("deploy", str(tmp_path), "--json")
    assert (beside.returncode, json.loads(beside.stdout.splitlines()[-1])["action"]) == (0, "create")
    refused = up.run("reset", "--yes")
    assert refused.returncode == 1 and str(up.ready["pid"]) in refused.stderr


def after_sigterm_and_a_new_start_everything_is_there_and_after_a_reset_nothing(up, folder):
    visits = up.get("/hello")[1]["visits"]
    code, told, complaints = up.stop()
    assert (code, complaints) == (0, "")
    assert [event for event in told if event.startswith("stop")] == ["stopping", "stopped"]
    again = Up(folder)
    try:
        assert again.deployed["action"] == "none"
        assert again.get("/hello") == (200, {"word": "good day", "mark": "!", "visits": visits + 1})
    finally:
        assert again.stop()[0] == 0
    assert again.run("reset", "--yes").returncode == 0
    assert not (folder / ".cloudlet").exists()
