"""The commands, as a person or a script runs them: real processes, one small application."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from cloudlet.functions.cgroups import Groups

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Runtime: python{version}
  Letters:
    Type: AWS::SQS::Queue
Outputs:
  Letters:
    Value: !Ref Letters
""".format(version=".".join(map(str, sys.version_info[:2])))
HANDLER = """\
def handler(event, context):
    if "fail" in event:
        raise ValueError("asked to")
    print("heard", event)
    return {"hello": event.get("name", "world")}
"""


class Up:
    """``cloudlet up --json`` in a process of its own."""

    def __init__(self, folder, *arguments):
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", "up", str(folder), "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.endpoint = self.until("ready")["endpoint"]

    def until(self, *kinds):
        """The next event of one of these kinds."""
        for line in self.process.stdout:
            event = json.loads(line)
            if event["event"] in kinds:
                return event
        raise AssertionError(self.process.stderr.read())

    def run(self, *arguments, **options):
        return run(*arguments, cwd=self.folder, **options)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def run(*arguments, cwd, text=None):
    """A command: what it gave back."""
    return subprocess.run([sys.executable, "-m", "cloudlet", *map(str, arguments)], cwd=cwd, input=text,
                          text=True, capture_output=True, timeout=60, env=environment())


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hello")
    (folder / "src").mkdir()
    (folder / "template.yaml").write_text(TEMPLATE)
    (folder / "src" / "app.py").write_text(HANDLER)
    return folder


@pytest.fixture(scope="module")
def up(application):
    running = Up(application)
    running.deployed = running.until("deployed", "failed")
    yield running
    assert running.stop() == 0


def test_up_finds_the_application_and_deploys_it(up):
    assert up.deployed["event"] == "deployed", up.deployed
    assert {one["type"] for one in up.deployed["resources"]} == {
        "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::SQS::Queue"}
    assert up.deployed["outputs"]["Letters"].startswith(up.endpoint)


def test_the_commands_find_the_cloudlet_of_the_folder_they_run_in(up):
    status = json.loads(up.run("status", "--json").stdout)
    assert status["endpoint"] == up.endpoint
    assert [stack["status"] for stack in status["stacks"]] == ["CREATE_COMPLETE"]
    assert f"export AWS_ENDPOINT_URL={up.endpoint}\n" in up.run("env").stdout


@pytest.mark.skipif("cpu" not in Groups().controls, reason="processor time can't be limited here")
def test_tuning_tries_sizes_and_leaves_the_function_as_it_was(up, tmp_path):
    picture = tmp_path / "tuning.png"
    done = up.run("tune", "Hello", "--sizes", "256,128", "--runs", "2", "--json", "--png", picture)
    told = json.loads(done.stdout)
    assert [one["memoryMb"] for one in told["sizes"]] == [128, 256]
    assert {told["cheapest"], told["fastest"], told["balanced"]} <= {128, 256}
    assert all(one["pricePerMillion"] > 0.2 for one in told["sizes"])
    assert picture.read_bytes().startswith(b"\x89PNG")
    logged = up.run("invoke", "Hello", "--json")
    assert "Memory Size: 128 MB" in "".join(json.loads(logged.stdout)["log"])


@pytest.mark.skipif("cpu" not in Groups().controls, reason="processor time can't be limited here")
def test_a_function_that_fails_is_told_for_each_size(up):
    done = up.run("tune", "Hello", "-e", "-", "--sizes", "128", "--runs", "1", text='{"fail": 1}')
    assert "asked to" in done.stdout


def test_a_function_is_invoked_by_its_logical_name(up):
    done = up.run("invoke", "Hello", "-e", "-", text='{"name": "Ada"}')
    assert (done.returncode, json.loads(done.stdout)) == (0, {"hello": "Ada"})
    assert "heard {'name': 'Ada'}" in done.stderr


def test_a_function_that_fails_makes_the_command_fail(up):
    done = up.run("invoke", "Hello", "-e", "-", "--json", text='{"fail": 1}')
    assert done.returncode == 1
    assert json.loads(done.stdout)["payload"]["errorMessage"] == "asked to"


def test_an_event_that_is_no_json_is_refused_before_it_is_sent(up):
    done = up.run("invoke", "Hello", "-e", "-", text="{")
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no JSON" in done.stderr


def test_a_function_that_is_not_there_is_named(up):
    done = up.run("invoke", "Nobody")
    assert done.returncode == 1 and "Nobody" in done.stderr


def test_logs_show_what_a_function_wrote(up):
    up.run("invoke", "Hello", "-e", "-", text='{"name": "Grace"}')
    while "heard {'name': 'Grace'}" not in (event := up.until("log"))["message"]:
        pass
    assert event["function"].startswith(up.deployed["stack"])
    assert "heard {'name': 'Grace'}" in up.run("logs", "Hello").stdout
    assert "There is no log group" in up.run("logs", "Nobody").stderr


def test_a_saved_handler_is_live_on_the_next_request(up, application):
    handler = application / "src" / "app.py"
    handler.write_text(HANDLER.replace('"hello"', '"hallo"'))
    assert json.loads(up.run("invoke", "Hello").stdout) == {"hallo": "world"}
    handler.write_text(HANDLER)
    assert json.loads(up.run("invoke", "Hello").stdout) == {"hello": "world"}


def test_a_saved_template_updates_the_stack(up, application):
    template = application / "template.yaml"
    template.write_text(TEMPLATE.replace("AWS::SQS::Queue", "AWS::SQS::Queu"))
    assert "AWS::SQS::Queu" in up.until("failed")["message"]
    template.write_text(TEMPLATE.replace("    Type: AWS::SQS::Queue",
                                         "    Type: AWS::SQS::Queue\n    Properties: {DelaySeconds: 1}"))
    assert up.until("deployed")["action"] == "update"
    template.write_text(TEMPLATE)
    assert up.until("deployed")["action"] == "update"


def test_another_folder_is_deployed_to_the_same_cloudlet(up, tmp_path):
    (tmp_path / "template.json").write_text('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')
    done = up.run("deploy", tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "deployed"
    empty = up.run("deploy", tmp_path.parent)
    assert empty.returncode == 1 and "There is no template.yaml" in empty.stderr


def test_a_folder_in_use_is_not_reset(up):
    refused = up.run("reset", "--yes")
    assert refused.returncode == 1 and str(up.process.pid) in refused.stderr


def test_a_second_cloudlet_on_the_same_data_is_refused(up):
    second = up.run("up", "--port", "0")
    assert second.returncode == 1
    assert second.stderr.startswith("Error: ") and str(up.process.pid) in second.stderr


def test_a_port_that_is_taken_is_named(up, tmp_path):
    port = re.search(r"\d+$", up.endpoint)[0]
    second = run("up", tmp_path, "--ephemeral", "--port", port, cwd=tmp_path)
    assert second.returncode == 1 and f"Port {port}" in second.stderr and "--port" in second.stderr


def test_what_was_acknowledged_is_there_when_it_starts_again_and_gone_after_a_reset(tmp_path):
    (tmp_path / "template.json").write_text('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')
    first = Up(tmp_path)
    assert first.until("deployed", "failed")["action"] == "create"
    assert first.stop() == 0
    assert not (tmp_path / ".cloudlet" / "endpoint").exists()
    again = Up(tmp_path)
    assert again.until("deployed", "failed")["action"] == "none"
    assert again.stop() == 0
    assert run("reset", cwd=tmp_path, text="n\n").returncode == 1
    assert (tmp_path / ".cloudlet").exists()
    assert run("reset", cwd=tmp_path, text="y\n").returncode == 0
    assert not (tmp_path / ".cloudlet").exists()


def test_a_folder_that_is_no_data_is_never_removed(tmp_path):
    (tmp_path / "precious").write_text("")
    done = run("reset", "--yes", "--data", tmp_path, cwd=tmp_path)
    assert done.returncode == 1 and (tmp_path / "precious").exists()


def test_an_empty_folder_starts_an_empty_cloudlet(tmp_path):
    running = Up(tmp_path, "--ephemeral")
    assert running.until("empty", "deployed", "failed")["event"] == "empty"
    assert running.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_endpoint_is_said_with_what_to_do(tmp_path):
    done = run("status", "--endpoint", "http://127.0.0.1:9", cwd=tmp_path)
    assert done.returncode == 1
    assert "http://127.0.0.1:9" in done.stderr and "cloudlet up" in done.stderr


def test_doctor_and_coverage_speak_json(tmp_path):
    findings = json.loads(run("doctor", "--json", cwd=tmp_path).stdout)["findings"]
    assert {"machine", "namespaces", "functions", "runtimes"} == {one["area"] for one in findings}
    covered = json.loads(run("coverage", "sqs", "--json", cwd=tmp_path).stdout)[0]
    assert "SendMessage" in [one["name"] for one in covered["operations"]]
    unknown = run("coverage", "nothing", cwd=tmp_path)
    assert unknown.returncode == 1 and "sqs" in unknown.stderr


def test_every_command_explains_itself(tmp_path):
    told = run("--help", cwd=tmp_path).stdout.partition("Commands:")[2]
    listed = re.findall(r"^  (\w+) ", told, re.MULTILINE)
    assert listed == [
        "up", "deploy", "invoke", "tune", "logs", "events", "replay", "status", "env", "reset", "workflow",
        "snapshot", "fsck", "coverage", "doctor"]
    assert run("frobnicate", cwd=tmp_path).returncode == 2


def test_no_colour_where_nobody_watches(tmp_path):
    assert "\x1b" not in run("doctor", cwd=tmp_path).stdout
