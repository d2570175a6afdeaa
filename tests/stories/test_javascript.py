"""The AWS SDKs for JavaScript, v3 and v2, each in one process of Node.js.

They come from npm once, into a folder of the user's cache. Packages are pinned, so what ran once runs again.
"""

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("javascript")
V3 = "3.1000.0"
PACKAGES = {"v3": [f"@aws-sdk/{name}@{V3}" for name in (
                "client-dynamodb", "client-lambda", "client-s3", "client-sqs", "lib-dynamodb")],
            "v2": ["aws-sdk@2.1693.0"], "kinesis": ["@aws-sdk/client-kinesis@3.1143.0"]}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cloudlet-tests"
HANDLER = """\
def handler(event, context):
    return {"hello": event["name"]}
"""

pytestmark = [
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node.js is not installed"),
    pytest.mark.timeout(300),  # the packages are fetched the first time
]


def installed(sdk):
    """The folder in which an SDK is installed."""
    name = "-".join([sdk, PACKAGES[sdk][0].rpartition("@")[2]])
    folder, beside = CACHE / name, CACHE / f"{name}.{os.getpid()}"
    if not folder.exists():
        beside.mkdir(parents=True, exist_ok=True)
        (beside / "package.json").write_text("{}")
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        try:
            done = subprocess.run([*command, *PACKAGES[sdk]], cwd=beside, capture_output=True, text=True,
                                  timeout=240)
            if done.returncode == 0 and not folder.exists():
                beside.rename(folder)
        except subprocess.TimeoutExpired:
            pytest.skip("npm's registry does not answer")
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        if done.returncode:
            pytest.skip(f"npm can't install the SDK: {done.stderr.strip()[:200]}")
    return folder


def run(cloudlet, program, sdk, folder, *arguments):
    """What a program saw."""
    copy = shutil.copy(PROGRAMS / program, folder)  # packages are found from where a program lies
    (folder / "node_modules").symlink_to(installed(sdk) / "node_modules")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_ENDPOINT_URL": cloudlet.url, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "000000000000",
        "AWS_SECRET_ACCESS_KEY": "cloudlet", "AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE": "1"}
    done = subprocess.run(
        ["node", copy, *arguments], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def v3(cloudlet, tmp_path_factory):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", HANDLER)
    return run(cloudlet, "v3.mjs", "v3", tmp_path_factory.mktemp("v3"),
               base64.b64encode(package.getvalue()).decode(),
               f"python{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture(scope="module")
def v2(cloudlet, tmp_path_factory):
    return run(cloudlet, "v2.cjs", "v2", tmp_path_factory.mktemp("v2"))


def test_v3_sends_and_receives_messages(v3):
    assert v3["sqs"] == {"body": "one", "colour": "blue", "sent": ["a"], "failed": ["b"],
                         "missing": "QueueDoesNotExist"}


def test_v3_keeps_documents_in_tables(v3):
    assert v3["dynamodb"] == {
        "n": 1,
        "tags": ["x", "y"],
        "deep": {"list": [1, "two", None, True]},
        "raw": "bin",
        "order": [2, 1],
        "again": "ConditionalCheckFailedException",
    }


@pytest.mark.parametrize("style", ["path", "host"])
def test_v3_keeps_objects_with_the_bucket_in_the_path_and_in_the_host(v3, style):
    assert v3["s3"][style] == {"body": "hello", "metadata": {"mine": "yes"}, "keys": ["a/b c+ü😀.txt"],
                               "missing": "NoSuchKey", "unknown": "NotFound"}


def test_v3_makes_and_invokes_functions(v3):
    assert v3["lambda"] == {"answer": [None, {"hello": "Ada"}], "failure": "Unhandled"}


def test_v2_sends_and_receives_messages(v2):
    assert v2["sqs"] == {"body": "one", "missing": "AWS.SimpleQueueService.NonExistentQueue"}
    assert v2["account"] == "000000000000"


def test_v2_keeps_documents_in_tables(v2):
    assert v2["dynamodb"] == {"item": {"id": "1", "deep": {"list": [1, "two"]}},
                              "missing": "ResourceNotFoundException"}


def test_v2_keeps_objects_uploads_in_parts_and_signs_addresses(v2):
    assert v2["s3"] == {"size": 11 << 20, "presigned": [206, [7, 7]], "missing": "NoSuchKey"}


def test_v3_signs_for_http2_with_a_key_that_was_made_here(cloudlet, tmp_path):
    iam = cloudlet.client("iam")
    iam.create_user(UserName="streamer")
    iam.put_user_policy(UserName="streamer", PolicyName="all", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kinesis:*", "Resource": "*"}}))
    key = iam.create_access_key(UserName="streamer")["AccessKey"]
    said = run(cloudlet, "kinesis.mjs", "kinesis", tmp_path, key["AccessKeyId"],
               key["SecretAccessKey"], "wrong")
    assert said == {"shard": "shardId-000000000000", "refused": "InvalidSignatureException"}
