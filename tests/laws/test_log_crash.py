"""A bucket with an access log whose cloudlet is killed: what was answered is in the log."""

import threading
from contextlib import suppress

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from .test_crash import Victim

KILLS, WRITES = 2, 40


@pytest.fixture
def victim(tmp_path):
    found = Victim(tmp_path / "data", "process")
    found.start()
    yield found
    found.kill()
    found.log.close()


def ask(victim, name, told):
    """Write and read objects, and note what was answered, until the cloudlet is gone."""
    client = victim.client("s3")
    with suppress(BotoCoreError, ClientError):
        for number in range(len(told), len(told) + WRITES):
            key = f"{name}-{number}"
            client.put_object(Bucket="source", Key=key, Body=b"x")
            told.append(f"REST.PUT.OBJECT {key}")
            client.get_object(Bucket="source", Key=key)
            told.append(f"REST.GET.OBJECT {key}")


def logged(s3):
    """What the log says so far."""
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="logs").get("Contents", ())]
    text = "".join(s3.get_object(Bucket="logs", Key=key)["Body"].read().decode() for key in keys)
    return {" ".join(line.split()[7:9]) for line in text.splitlines()}  # the time is two words


def test_what_was_answered_is_in_the_log_of_a_killed_cloudlet(victim, fresh):
    s3 = victim.client("s3")
    for name in ("source", "logs"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_acl(Bucket="logs", ACL="log-delivery-write")
    s3.put_bucket_logging(Bucket="source", BucketLoggingStatus={"LoggingEnabled": {
        "TargetBucket": "logs", "TargetPrefix": ""}})
    told = {"a": [], "b": []}
    for _ in range(KILLS):
        threads = [threading.Thread(target=ask, args=(victim, name, told[name])) for name in told]
        before = len(told["a"])
        for one in threads:
            one.start()
        while len(told["a"]) < before + WRITES // 2:
            pass
        victim.kill()  # in the middle of it
        for one in threads:
            one.join()
        victim.start()
    victim.kill()
    cloudlet = fresh()
    cloudlet.advance(5 * 60)
    wanted, found = {*told["a"], *told["b"]}, set()
    for _ in range(300):
        found = logged(cloudlet.client("s3"))
        if wanted <= found:
            break
    assert wanted - found == set()
