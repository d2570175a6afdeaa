"""A crash at any step of a body leaves the old object or the new one, and no file behind.

CLOUDLET_BODY_KILLS says how many of the steps are tried with each durability (12; 0 tries all of them), and
CLOUDLET_CRASH_SEED which.
"""

import asyncio
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from cloudlet.cli.fsck import examine
from cloudlet.fabric import leftovers

KILLS = int(os.environ.get("CLOUDLET_BODY_KILLS", "12"))
SEED = int(os.environ.get("CLOUDLET_CRASH_SEED", "1"))
STEPS = 120  # there are a few more than that in a life


@pytest.fixture(scope="module")
def lives():
    """Lets a cloudlet live until a step, in a program that has imported everything already."""
    program = subprocess.Popen([sys.executable, Path(__file__).with_name("dying.py")], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def live(folder, last, durability):
        program.stdin.write(f"{folder} {last} {durability}\n")
        program.stdin.flush()
        return program.stdout.readline().strip()

    yield live
    program.stdin.close()
    program.wait(20)
    program.stdout.close()


def moments(durability):
    some = range(1, STEPS + 1)
    return list(some) if not KILLS else sorted(random.Random(f"{SEED}/{durability}").sample(some, KILLS))


def allowed(told):
    """What each key may hold: what was acknowledged last, or what was tried after that."""
    found = {}
    for line in told.read_text().splitlines() if told.exists() else ():
        what, key, digest = line.split()
        found[key] = {digest} if what == "done" else found.get(key, {"-"}) | {digest}
    return found


def held(running, key):
    try:
        body = running.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read()
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket")
        return "-"
    return hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.timeout(600)
def test_a_crash_at_any_step_leaves_the_old_or_the_new_and_nothing_else(tmp_path, fresh, lives, durability):
    killed = 0
    for last in moments(durability):
        folder = tmp_path / str(last)
        killed += lives(folder, last, durability) == "killed"
        running = fresh(at=str(last))
        sweep = leftovers.sweep(running.cloudlet.kernel)
        asyncio.run_coroutine_threadsafe(sweep, running._loop).result(20)
        for key, digests in allowed(folder.with_suffix(".told")).items():
            assert held(running, key) in digests, (last, key)
        running.stop()
        assert [(one.what, one.where) for one in examine(folder).findings] == [], last
    assert killed >= len(moments(durability)) // 2


def test_a_life_that_nobody_ends_has_that_many_steps(tmp_path, lives):
    assert lives(tmp_path / "whole", 0, "process") == "lived"
    assert lives(tmp_path / "other", STEPS, "process") == "killed"
