"""The plugin in pytest sessions of their own, as its users have them."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest


@pytest.fixture
def session(tmp_path):
    """Run pytest on a file; what it says comes back."""
    def run(text, *arguments, code=0):
        (tmp_path / "test_it.py").write_text(text)
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith(("AWS_", "PYTEST_"))}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q",
             "-rA", *arguments, "test_it.py"], cwd=tmp_path, capture_output=True, text=True, timeout=100,
            env=environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_failure_tells_what_travelled(session):
    told = session("""
def test_it(cloudlet):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="the culprit")
    cloudlet.clock.freeze()
    assert cloudlet.sent("orders") == []
""", code=1)
    assert "cloudlet: what travelled" in told
    assert "sqs:orders  the culprit" in told
    assert "the clock shows 20" in told


def test_a_session_without_a_cloudlet_imports_nothing_of_it(session):
    session("""
import sys

def test_it():
    found = {name for name in sys.modules if name.startswith("cloudlet")}
    assert found <= {"cloudlet", "cloudlet.testing", "cloudlet.testing.plugin"}, found
    assert not {"boto3", "uvloop", "msgspec"} & set(sys.modules)
""")


def test_the_environment_is_the_tests_and_is_put_back(session):
    session("""
import os

def test_one(cloudlet, request):
    request.config.seen = cloudlet.endpoint
    assert os.environ["AWS_ENDPOINT_URL"] == cloudlet.endpoint
    assert "AWS_PROFILE" not in os.environ

def test_two(request):
    assert "AWS_ENDPOINT_URL" not in os.environ

def test_three(cloudlet, request):
    assert cloudlet.endpoint == request.config.seen
""")


@pytest.mark.skipif(find_spec("xdist") is None, reason="pytest-xdist is not installed")
def test_tests_run_side_by_side(session):
    told = session("""
import pytest


@pytest.mark.parametrize("n", range(6))
def test_it(cloudlet, n):
    sqs = cloudlet.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=str(n))
    cloudlet.clock.advance(days=n)
    assert [one.body for one in cloudlet.sent("orders")] == [str(n)]
    cloudlet.client("s3").create_bucket(Bucket="shared-by-name")
""", "-n", "2")
    assert "6 passed" in told
