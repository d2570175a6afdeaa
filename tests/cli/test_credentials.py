"""`cloudlet up --credentials known`, and the commands that then must sign."""

import json
import os
import re
import signal
import subprocess
import sys

import boto3
import pytest

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: |
        import boto3
        def handler(event, context):
            print("heard", event)
            return boto3.client("sts").get_caller_identity()["Arn"]
      Handler: index.handler
      Runtime: python{version}
""".format(version=".".join(map(str, sys.version_info[:2])))


def environment(more=None):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLOUDLET_"))}
    return kept | (more or {})


def run(*arguments, cwd, env=None):
    return subprocess.run([sys.executable, "-m", "cloudlet", *arguments], cwd=cwd, text=True,
                          capture_output=True, timeout=60, env=environment(env))


class Up:
    """``cloudlet up`` in a process of its own; ``lines`` are what it has said."""

    def __init__(self, folder, *arguments, last="Ctrl-C stops", env=None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", "up", str(folder), "--port", "0", *arguments],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment({"PYTHONUNBUFFERED": "1"} | (env or {})),
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if last in line:
                break

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def up():
    started = []

    def start(*arguments, **options):
        started.append(Up(*arguments, **options))
        return started[-1].lines

    yield start
    for one in started:
        one.stop()


def test_the_commands_sign_with_the_root_key(up, tmp_path, tmp_path_factory):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    up(tmp_path, "--credentials", "known", "--json", last='"deployed"')
    status = json.loads(run("status", "--json", cwd=tmp_path).stdout)
    assert [stack["status"] for stack in status["stacks"]] == ["CREATE_COMPLETE"]
    invoked = run("invoke", "Hello", cwd=tmp_path)
    assert ":assumed-role/" in invoked.stdout, invoked.stderr
    assert "heard" in run("logs", "Hello", cwd=tmp_path).stdout
    given = json.loads(run("env", "--json", cwd=tmp_path).stdout)
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", given["AWS_ACCESS_KEY_ID"])
    client = {"endpoint_url": given["AWS_ENDPOINT_URL"], "region_name": "us-east-1",
              "aws_access_key_id": given["AWS_ACCESS_KEY_ID"],
              "aws_secret_access_key": given["AWS_SECRET_ACCESS_KEY"]}
    assert boto3.client("lambda", **client).list_functions()["Functions"]
    keys = {name: given[name] for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert ":assumed-role/" in run("invoke", "Hello", cwd=elsewhere, env=keys).stdout
    refused = run("invoke", "Hello", cwd=elsewhere, env={"AWS_ENDPOINT_URL": given["AWS_ENDPOINT_URL"]})
    assert refused.returncode and "The security token included in the request is invalid" in refused.stderr
    other = json.loads(run("env", "--json", "--account", "000000000009", cwd=tmp_path).stdout)
    assert other["AWS_ACCESS_KEY_ID"] != given["AWS_ACCESS_KEY_ID"]
    renewed = json.loads(run("env", "--json", "--renew", cwd=tmp_path).stdout)
    assert renewed["AWS_ACCESS_KEY_ID"] not in (given["AWS_ACCESS_KEY_ID"], other["AWS_ACCESS_KEY_ID"])


def test_there_is_no_root_key_to_renew_where_all_are_believed(up, tmp_path):
    up(tmp_path)
    failed = run("env", "--renew", cwd=tmp_path)
    assert failed.returncode and "no root key to renew" in failed.stderr
    assert "AWS_ACCESS_KEY_ID=000000000000\n" in run("env", cwd=tmp_path).stdout


@pytest.mark.parametrize(("arguments", "told"), [
    ((), ""),
    (("--credentials", "known"), "only keys that were made here are believed"),
    (("--host", "0.0.0.0"), "only keys that were made here are believed"),
    (("--host", "0.0.0.0", "--credentials", "any"), "everybody who can reach this address is believed")])
def test_who_is_believed_is_said_at_the_start(up, tmp_path, arguments, told):
    said = [line for line in up(tmp_path, *arguments) if re.search(r"\b(is|are) believed\b", line)]
    assert [told in line for line in said] == [True] * bool(told)


def test_a_root_key_that_nobody_could_learn_is_not_made(up, tmp_path):
    refused = run("up", str(tmp_path), "--port", "0", "--ephemeral", "--credentials", "known", cwd=tmp_path)
    assert refused.returncode and "nobody could learn the root key" in refused.stderr
    assert "CLOUDLET_TOKEN" in refused.stderr
    token = {"CLOUDLET_TOKEN": "mine"}
    lines = up(tmp_path, "--ephemeral", "--credentials", "known", env=token)
    endpoint = {"AWS_ENDPOINT_URL": re.search(r"http://\S+", lines[0])[0]}
    given = json.loads(run("env", "--json", cwd=tmp_path, env=token | endpoint).stdout)
    assert given["AWS_ACCESS_KEY_ID"].startswith("AKIA")
