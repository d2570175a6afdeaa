"""The `aws` command line, as it is, pointed here by what `cloudlet env` prints."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

AWS = Path(sys.executable).with_name("aws")
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ROLE = "arn:aws:iam::000000000000:role/greeter"
TEMPLATE = """\
Parameters:
  Delay: {Type: Number, Default: 1}
Resources:
  Letters:
    Type: AWS::SQS::Queue
    Properties: {DelaySeconds: !Ref Delay}
Outputs:
  Letters: {Value: !Ref Letters}
"""

def version_2():
    """The aws of version 2 that is installed on this machine; None if there is none."""
    found = shutil.which("aws")
    told = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    return found if told.startswith("aws-cli/2") else None


VERSION_2 = version_2()
pytestmark = pytest.mark.skipif(
    not AWS.exists(), reason="the aws command line is not installed beside this Python (pip install awscli)")


class Shell:
    """A shell in which the lines that `cloudlet env` prints were evaluated."""

    def __init__(self, endpoint, folder):
        self.folder = folder
        env = [sys.executable, "-m", "cloudlet", "env", "--endpoint", endpoint]
        printed = subprocess.run(env, check=True, capture_output=True, text=True, env=without_aws()).stdout
        exported = dict(re.findall(r"^export (\w+)=(.*)$", printed, re.MULTILINE))
        self.environment = without_aws() | exported | {
            "AWS_CONFIG_FILE": str(folder / "config"), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1",
            "AWS_EC2_METADATA_DISABLED": "true"}

    def start(self, *words, command=AWS):
        """A command that goes on."""
        return subprocess.Popen([str(command), *words], cwd=self.folder, env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def refused(self, *words):
        """What a command that fails complains of."""
        done = subprocess.run([str(AWS), *words], cwd=self.folder, env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def text(self, *words, command=AWS):
        """What a command prints."""
        done = subprocess.run([str(command), *words], cwd=self.folder, env=self.environment, text=True,
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def __call__(self, *words):
        """The document that a command prints."""
        return json.loads(self.text(*words, "--output", "json") or "null")


def without_aws():
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@pytest.fixture(scope="module")
def aws(cloudlet, tmp_path_factory):
    return Shell(cloudlet.url, tmp_path_factory.mktemp("shell"))


def test_it_knows_who_asks(aws):
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"


def test_objects_of_every_size_are_copied_there_and_back(aws):
    big = aws.folder / "big.bin"
    big.write_bytes(bytes(range(256)) * 80_000)  # 20 MB: three parts
    assert "make_bucket: pictures" in aws.text("s3", "mb", "s3://pictures")
    aws.text("s3", "cp", "big.bin", "s3://pictures/deep/big one.bin", "--only-show-errors")
    kept = aws("s3api", "head-object", "--bucket", "pictures", "--key", "deep/big one.bin")
    assert kept["ContentLength"] == big.stat().st_size and kept["ETag"].endswith('-3"')
    aws.text("s3", "cp", "s3://pictures/deep/big one.bin", "back.bin", "--only-show-errors")
    assert (aws.folder / "back.bin").read_bytes() == big.read_bytes()
    assert re.search(r" 20480000 big one.bin$", aws.text("s3", "ls", "s3://pictures/deep/").rstrip())
    assert "404" in aws.refused("s3", "cp", "s3://pictures/nothing", "-")


def test_a_folder_of_hundreds_of_files_is_synchronised(aws):
    site = aws.folder / "site"
    for number in range(300):
        path = site / f"{number % 7}" / f"page {number}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"page {number}")
    aws.text("s3", "mb", "s3://site")
    assert aws.text("s3", "sync", "site", "s3://site").count("upload:") == 300
    assert aws.text("s3", "sync", "site", "s3://site") == ""
    (site / "0" / "page 0.html").write_text("page 0, and more")
    (site / "1" / "page 1.html").unlink()
    changed = aws.text("s3", "sync", "site", "s3://site", "--delete", "--no-progress").splitlines()
    assert sorted(line.split(":")[0] for line in changed) == ["delete", "upload"]
    aws.text("s3", "sync", "s3://site/0", "copy", "--only-show-errors")
    assert (aws.folder / "copy" / "page 0.html").read_text() == "page 0, and more"
    assert len(list((aws.folder / "copy").iterdir())) == 43
    assert aws.text("s3", "rm", "s3://site", "--recursive").count("delete:") == 299
    assert aws.text("s3", "ls", "s3://site") == ""


def test_a_table_is_made_filled_and_asked(aws):
    made = aws("dynamodb", "create-table", "--table-name", "Notes", "--billing-mode", "PAY_PER_REQUEST",
               "--attribute-definitions", "AttributeName=who,AttributeType=S",
               "AttributeName=at,AttributeType=N",
               "--key-schema", "AttributeName=who,KeyType=HASH", "AttributeName=at,KeyType=RANGE")
    assert made["TableDescription"]["TableArn"].endswith(":table/Notes")
    for at in 1, 2:
        item = {"who": {"S": "Ada"}, "at": {"N": str(at)}, "text": {"S": f"note {at}"}}
        aws("dynamodb", "put-item", "--table-name", "Notes", "--item", json.dumps(item))
    one = aws("dynamodb", "get-item", "--table-name", "Notes",
              "--key", '{"who": {"S": "Ada"}, "at": {"N": "1"}}')
    assert one["Item"]["text"] == {"S": "note 1"}
    assert aws.text("dynamodb", "query", "--table-name", "Notes", "--key-condition-expression", "who = :w",
                    "--expression-attribute-values", '{":w": {"S": "Ada"}}', "--no-scan-index-forward",
                    "--query", "Items[].text.S", "--output", "text").split("\t") == ["note 2", "note 1\n"]


def test_a_message_is_sent_and_received(aws):
    # version 1 asks queue.amazonaws.com for queues, whatever the environment says, unless it is told here
    sqs = "sqs", "--endpoint-url", aws.environment["AWS_ENDPOINT_URL"]
    url = aws(*sqs, "create-queue", "--queue-name", "orders")["QueueUrl"]
    sent = aws(*sqs, "send-message", "--queue-url", url, "--message-body", "two cups")
    got, = aws(*sqs, "receive-message", "--queue-url", url)["Messages"]
    assert (got["MessageId"], got["Body"]) == (sent["MessageId"], "two cups")
    assert "AWS.SimpleQueueService.NonExistentQueue" in aws.refused(
        *sqs, "get-queue-url", "--queue-name", "none")


def test_a_function_runs_and_its_log_is_read(aws, cloudlet):
    with zipfile.ZipFile(aws.folder / "greeter.zip", "w") as package:
        package.writestr("app.py", "def handler(event, context):\n"
                                   "    print('greeting', event['name'])\n"
                                   "    return {'hello': event['name']}\n")
    aws("lambda", "create-function", "--function-name", "greeter", "--runtime", RUNTIME, "--role", ROLE,
        "--handler", "app.handler", "--zip-file", "fileb://greeter.zip")
    (aws.folder / "event.json").write_text('{"name": "Ada"}')
    answered = aws("lambda", "invoke", "--function-name", "greeter", "--payload", "fileb://event.json",
                   "answer.json")
    assert answered["StatusCode"] == 200 and "FunctionError" not in answered
    assert json.loads((aws.folder / "answer.json").read_text()) == {"hello": "Ada"}
    logs = cloudlet.client("logs")  # a function's answer does not wait for its log
    while not written(logs, "/aws/lambda/greeter", "REPORT"):
        pass
    events = aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/greeter")["events"]
    assert [event["message"].split()[0] for event in events] == ["START", "greeting", "END", "REPORT"]


def test_a_log_is_followed_while_lines_arrive(aws, cloudlet):
    logs = cloudlet.client("logs")
    logs.create_log_group(logGroupName="/lines")
    logs.create_log_stream(logGroupName="/lines", logStreamName="one")
    write_line(cloudlet, "before")
    arn = logs.describe_log_groups(logGroupNamePrefix="/lines")["logGroups"][0]["logGroupArn"]
    tail = aws.start("logs", "start-live-tail", "--log-group-identifiers", arn)
    with writing(cloudlet, "afterwards"), ended(tail):
        assert tail.stdout.readline().strip() == "afterwards"


def test_a_log_is_tailed(aws, cloudlet):
    if not VERSION_2:
        pytest.skip("`aws logs tail` is of version 2 of the command line, which PyPI does not have")
    write_line(cloudlet, "for the tail")
    assert "for the tail" in aws.text("logs", "tail", "/lines", command=VERSION_2)
    tail = aws.start("logs", "tail", "/lines", "--follow", "--format", "short", "--since", "1s",
                     command=VERSION_2)
    with writing(cloudlet, "for the follower"), ended(tail):
        while "for the follower" not in tail.stdout.readline():
            pass


def test_a_stack_is_deployed_updated_and_left_as_it_is(aws, cloudlet):
    (aws.folder / "stack.yaml").write_text(TEMPLATE)
    deploy = "cloudformation", "deploy", "--stack-name", "post", "--template-file", "stack.yaml"
    assert "Successfully created/updated stack - post" in aws.text(*deploy)
    another_second()
    assert "Successfully" in aws.text(*deploy, "--parameter-overrides", "Delay=2")
    another_second()
    assert "No changes to deploy. Stack post is up to date" in aws.text(
        *deploy, "--no-fail-on-empty-changeset")
    stack, = aws("cloudformation", "describe-stacks", "--stack-name", "post")["Stacks"]
    assert (stack["StackStatus"], stack["Parameters"][0]["ParameterValue"]) == ("UPDATE_COMPLETE", "2")
    url = stack["Outputs"][0]["OutputValue"]
    sent = cloudlet.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert sent["Attributes"] == {"DelaySeconds": "2"}


def test_parameters_and_secrets_are_kept(aws):
    aws("ssm", "put-parameter", "--name", "/shop/greeting", "--value", "hello", "--type", "SecureString")
    got = aws("ssm", "get-parameter", "--name", "/shop/greeting", "--with-decryption")["Parameter"]
    assert (got["Value"], got["Type"], got["Version"]) == ("hello", "SecureString", 1)
    made = aws("secretsmanager", "create-secret", "--name", "door", "--secret-string", '{"code": 7}')
    kept = aws("secretsmanager", "get-secret-value", "--secret-id", made["ARN"])
    assert kept["SecretString"] == '{"code": 7}'
    assert "ResourceNotFoundException" in aws.refused(
        "secretsmanager", "get-secret-value", "--secret-id", "window")


def another_second():
    """The command line names its change sets by the second."""
    now = int(time.time())
    while int(time.time()) == now:
        pass


def written(logs, group, word):
    """The events of a log group that have a word; none while there is no such group."""
    try:
        return logs.filter_log_events(logGroupName=group, filterPattern=word)["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []


def write_line(cloudlet, text):
    at_ms = round(cloudlet.control("clock")["now"] * 1000)
    cloudlet.client("logs").put_log_events(logGroupName="/lines", logStreamName="one",
                                           logEvents=[{"timestamp": at_ms, "message": text}])


@contextmanager
def writing(cloudlet, text):
    """A line is written again and again, since nobody can say when a tail has begun to listen."""
    enough = threading.Event()

    def write():
        while not enough.wait(0.1):
            write_line(cloudlet, text)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def ended(process):
    """The process is ended when the block is."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()
