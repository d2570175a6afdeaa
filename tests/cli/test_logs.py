"""``cloudlet logs -f``: every line that is written, once."""

import json
import os
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def follow(cloudlet):
    """Start following a group; ends with the test."""
    started = []

    def start(group, *options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "cloudlet", "logs", group, "-f", "--json", "--endpoint", cloudlet.url,
             *options],
            stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return lambda count: [json.loads(process.stdout.readline())["message"] for _ in range(count)]

    yield start
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(10)
        process.stdout.close()


def put(cloudlet, group, *messages):
    logs = cloudlet.client("logs")
    at_ms = round(cloudlet.control("clock")["now"] * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[
        {"timestamp": at_ms, "message": message} for message in messages])


def make(cloudlet, group):
    logs = cloudlet.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")


def test_the_last_lines_come_first_and_then_every_new_one(cloudlet, follow):
    make(cloudlet, "/app")
    put(cloudlet, "/app", "1", "2", "3")
    lines = follow("/app", "-n", "2")
    assert lines(2) == ["2", "3"]
    put(cloudlet, "/app", "same", "same")
    assert lines(2) == ["same", "same"]
    burst = [f"line {n}" for n in range(1500)]  # more than one update of a tail holds
    put(cloudlet, "/app", *burst)
    put(cloudlet, "/app", "end")
    assert lines(1501) == [*burst, "end"]


def test_a_group_may_come_later(cloudlet, follow):
    lines = follow("/later")
    make(cloudlet, "/later")
    put(cloudlet, "/later", "hello")
    assert lines(1) == ["hello"]
