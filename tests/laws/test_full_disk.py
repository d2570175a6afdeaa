"""A full disk is an error of the server that says what to do; nothing acknowledged is lost, and it passes."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

PROGRAM = Path(__file__).with_name("crashing.py")
QUICK = Config(retries={"max_attempts": 0}, read_timeout=30, s3={"addressing_style": "path"})
BALLAST = 6 << 20  # bytes that are given back in the end
SMALL_DISK = ('mount -t tmpfs -o size=40m none "$0" || exit 77; '
              f'head -c {BALLAST} /dev/zero > "$0/ballast"; exec "$@"')
PIECE, MOST = 1 << 20, 60
HANDLER_S = 20.0


class Small:
    """A cloudlet whose data folder is a disk of 40 MB."""

    def __init__(self, folder):
        if os.geteuid() or not shutil.which("unshare") or not shutil.which("nsenter"):
            pytest.skip("a small disk can only be mounted by root, with unshare and nsenter (util-linux)")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", SMALL_DISK, folder, sys.executable, PROGRAM, folder / "data",
             "0", "process"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            pytest.skip(f"a small disk can't be mounted here: {self.process.stderr.read().strip()}")
        self.url = f"http://127.0.0.1:{int(line)}"
        # the folder as the cloudlet sees it: others find the disk through the process
        self.data, self.folder = folder / "data", Path(f"/proc/{self.process.pid}/root{folder}")

    def inside(self, *command):
        """Run a command that sees the disk."""
        return subprocess.run(["nsenter", "--mount", f"--target={self.process.pid}", *command],
                              capture_output=True, text=True, timeout=60)

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", config=QUICK,
                            aws_access_key_id="test", aws_secret_access_key="test")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    found = Small(folder)
    yield found
    found.stop()


def fill(write):
    """Write until it is refused: how often it went well, and the refusal."""
    for n in range(MOST):
        try:
            write(n)
        except ClientError as error:
            return n, error.response
    raise AssertionError(f"{MOST} writes fit on a disk of 40 MB")


def refused(answer):
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert answer["Error"]["Code"] == "ServiceUnavailable"
    assert "Free some space on the disk of the data folder, then send it again" in answer["Error"]["Message"]


def body(n):
    return hashlib.sha256(b"%d" % n).digest() * (PIECE // 32)


def test_a_full_disk_refuses_keeps_all_and_is_forgotten_once_there_is_room(small):
    s3, dynamodb, sqs = (small.client(name) for name in ("s3", "dynamodb", "sqs"))
    s3.create_bucket(Bucket="full")
    dynamodb.create_table(TableName="full", BillingMode="PAY_PER_REQUEST",
                          KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                          AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
    url = sqs.create_queue(QueueName="full")["QueueUrl"]
    objects, answer = fill(lambda n: s3.put_object(Bucket="full", Key=str(n), Body=body(n)))
    refused(answer)
    items, answer = fill(lambda n: dynamodb.put_item(TableName="full", Item={
        "pk": {"S": str(n)}, "text": {"S": str(n) * 200_000}}))
    refused(answer)
    _, answer = fill(lambda n: sqs.send_message(QueueUrl=url, MessageBody=str(n) * 100_000))
    refused(answer)
    assert not list((small.folder / "data" / "blobs" / "incoming").iterdir())

    def holds():
        assert small.process.poll() is None
        for n in range(objects):
            assert s3.get_object(Bucket="full", Key=str(n))["Body"].read() == body(n)
        found = [item["pk"]["S"] for page in dynamodb.get_paginator("scan").paginate(TableName="full")
                 for item in page["Items"]]
        assert {str(n) for n in range(items)} <= set(found) <= {*map(str, range(items + 1)), "after"}

    holds()
    (small.folder / "ballast").unlink()
    s3.put_object(Bucket="full", Key="after", Body=body(0))
    dynamodb.put_item(TableName="full", Item={"pk": {"S": "after"}})
    sqs.send_message(QueueUrl=url, MessageBody="after")
    holds()
    s3.delete_object(Bucket="full", Key="after")
    until = time.monotonic() + HANDLER_S
    while bodies(small) > objects:  # the clock's work went on: the file goes with its object
        assert time.monotonic() < until
        time.sleep(0.02)
    done = small.inside(sys.executable, "-m", "cloudlet", "fsck", "--data", small.data)
    assert "Everything is as it should be" in done.stdout, done.stdout + done.stderr


def bodies(small):
    return len(list((small.folder / "data" / "blobs").glob("??/*")))
