"""Escapes by sheer amount: memory, processes, files, output, time. Whoever overdoes it harms only itself."""

import json
import os
import time
from pathlib import Path

import pytest

import cloudlet.functions.outlet as outlet

from .conftest import PRELUDE, ROLE, zipped

KILLED = "Runtime exited with error: signal: killed"


def need_group(cloud):
    """Skip where no control group holds memory: `cloudlet doctor` says so, and strict refuses to start."""
    if not cloud.abilities["memory limit"]:
        pytest.skip("no control group holds memory here")


# -- memory


def test_a_memory_bomb_is_ended(cloud):
    answer, error = cloud.invoke(cloud.deploy("""
def handler(event, context):
    hoard = []
    while True:
        hoard.append(b"x" * (16 << 20))
""", MemorySize=128, Timeout=20))
    assert error and answer["errorType"] == "Runtime.OutOfMemory", answer


def test_memory_in_files_counts_too(cloud):
    need_group(cloud)
    answer, error = cloud.invoke(cloud.deploy("""
def handler(event, context):
    hoard = []
    while True:
        handle = os.memfd_create("hoard")
        os.write(handle, b"x" * (16 << 20))
        hoard.append(handle)
""", MemorySize=128, Timeout=20))
    assert error and answer["errorType"] == "Runtime.OutOfMemory", answer


def test_memory_of_many_processes_is_that_of_one_worker(cloud):
    need_group(cloud)
    answer, error = cloud.invoke(cloud.deploy("""
def handler(event, context):
    for _ in range(20):
        if os.fork() == 0:
            hoard = b"x" * (64 << 20)
            signal.pause()
    time.sleep(20)
""", MemorySize=256, Timeout=20))
    assert error and answer["errorType"] == "Runtime.OutOfMemory", answer


def test_shared_memory_has_a_size(cloud):
    assert cloud.run("""
def fill():
    with open("/dev/shm/file", "wb") as file:
        for _ in range(200):
            file.write(b"x" * (1 << 20))
def handler(event, context):
    return [tried(fill), os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize >> 20]
""", MemorySize=512) == ["ENOSPC", 64]


# -- disk


def test_a_full_tmp_is_full_and_nothing_else(cloud):
    before = os.statvfs(cloud.folder).f_bavail
    assert cloud.run("""
def fill():
    with open("/tmp/file", "wb") as file:
        for _ in range(1000):
            file.write(b"x" * (1 << 20))
def handler(event, context):
    return [tried(fill), os.path.getsize("/tmp/file") >> 20]
""", MemorySize=512, Timeout=30) == ["ENOSPC", 512]
    assert os.statvfs(cloud.folder).f_bavail > before // 2


def test_tmp_takes_so_many_files(cloud):
    assert cloud.run("""
def handler(event, context):
    found = os.statvfs("/tmp")
    return [found.f_files, found.f_blocks * found.f_frsize >> 20]
""", EphemeralStorage={"Size": 600}) == [600 * 256, 600]


# -- processes and descriptors


def test_a_fork_bomb_stops_at_its_limit(cloud):
    """Threads count as processes, and are quicker made."""
    count, refused = cloud.run("""
import _thread
def handler(event, context):
    _thread.stack_size(1 << 15)
    wait, count = _thread.allocate_lock(), 0
    wait.acquire()
    try:
        while True:
            _thread.start_new_thread(wait.acquire, ())
            count += 1
    except RuntimeError as error:
        return [count, [str(error), tried(os.fork)]]
""", MemorySize=1024, Timeout=30)
    assert (900 < count < 1024, refused) == (True, ["can't start new thread", "EAGAIN"])


def test_an_endless_fork_bomb_ends_with_its_time(cloud):
    answer, error = cloud.invoke(cloud.deploy("""
def handler(event, context):
    while True:
        tried(os.fork)
""", MemorySize=128, Timeout=1))
    assert error and answer["errorType"] in ("Sandbox.Timedout", "Runtime.OutOfMemory"), answer


def test_resources_are_limited_and_stay_so(cloud):
    assert cloud.run("""
import resource
def handler(event, context):
    names = ("CORE", "NOFILE", "RTPRIO", "NPROC")
    found = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in names]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16))
    except ValueError as error:
        return [found, str(error), tried(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
                tried(os.nice, -5)]
""") == [[0, 1024, 0, 1024], "not allowed to raise maximum limit", "EPERM", "EPERM"]


def test_watches_of_files_are_rationed(cloud):
    """They are counted by user, and an ordinary user's editor needs some, too."""
    assert cloud.run("""
def handler(event, context):
    handles = []
    while (handle := libc.inotify_init()) >= 0:
        handles.append(handle)
    return [len(handles), errno.errorcode[ctypes.get_errno()]]
""") == [32, "EMFILE"]


# -- output


def test_a_flood_of_lines_neither_fills_the_cloudlet_nor_the_store(cloud):
    before = cloud.memory_mb()
    name = cloud.deploy("""
def handler(event, context):
    line = b"x" * 4000 + b"\\n"
    end = time.monotonic() + 0.4
    written = 0
    while time.monotonic() < end or written < event:
        written += os.write(1, line * 16)
    return written
""", Timeout=20)
    written, error = cloud.invoke(name, 2 * outlet.EVENT_LIMIT)
    assert error is None and written >= 2 * outlet.EVENT_LIMIT, (written, error)
    assert cloud.memory_mb() - before < 150
    kept, lines = kept_of(cloud, name)
    assert kept < outlet.EVENT_LIMIT + (1 << 16)
    assert any("cloudlet left out" in line for line in lines)
    assert lines[-1].startswith("REPORT RequestId"), "what the cloudlet itself says is there all the same"


def test_a_flood_through_the_log_handler_is_held_likewise(cloud):
    before = cloud.memory_mb()
    name = cloud.deploy("""
import logging
def handler(event, context):
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        logging.error("x" * 50)
        logging.error("x" * 1_000_000)
""", Timeout=20)
    assert cloud.invoke(name) == (None, None)
    assert cloud.memory_mb() - before < 150
    kept, lines = kept_of(cloud, name)
    assert kept < outlet.EVENT_LIMIT + (1 << 20)
    assert max(map(len, lines)) <= outlet.LINE_LIMIT


def test_a_huge_line_is_cut_into_events_that_fit(cloud):
    name = cloud.deploy("def handler(event, context): print('y' * 3_000_000)")
    assert cloud.invoke(name) == (None, None)
    _, lines = kept_of(cloud, name)
    pieces = [line for line in lines if line.startswith("y")]
    assert sum(map(len, pieces)) == 3_000_000 and max(map(len, pieces)) <= outlet.LINE_LIMIT


def kept_of(cloud, name):
    """What the log has of a function's only invocation: bytes, and lines. Its last is the report."""
    logs, deadline = cloud.client("logs"), time.monotonic() + 20
    while True:
        lines, token = [], None
        try:
            stream, = logs.describe_log_streams(logGroupName=f"/aws/lambda/{name}")["logStreams"]
            while True:
                page = logs.get_log_events(logGroupName=f"/aws/lambda/{name}", startFromHead=True,
                                           logStreamName=stream["logStreamName"],
                                           **({"nextToken": token} if token else {}))
                lines += [event["message"] for event in page["events"]]
                if not page["events"]:
                    break
                token = page["nextForwardToken"]
        except (logs.exceptions.ResourceNotFoundException, ValueError):
            pass  # neither group nor stream are there before the first line is
        if any(line.startswith("REPORT") for line in lines):
            return sum(len(line.encode()) for line in lines), lines
        assert time.monotonic() < deadline, "its report never came"
        time.sleep(0.05)


def test_a_huge_answer_is_refused(cloud):
    name = cloud.deploy("def handler(event, context): return 'x' * event", MemorySize=512, Timeout=20)
    answer, error = cloud.invoke(name, 30 << 20)
    assert error and answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert cloud.invoke(name, 3) == ("xxx", None)


def test_an_answer_nested_without_end_breaks_nobody_who_reads_it(cloud):
    """Its own runtime would never say it, so it is said behind that one's back."""
    name = cloud.deploy(FORGED.replace("FRAMES", "[frame('A', bytes(8) + b'[' * 1_000_000)]"))
    body = cloud.lambda_.invoke(FunctionName=name)["Payload"].read()
    assert body == b"[" * 1_000_000
    for action, more in (("InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("InvokeFunction", {})):
        cloud.lambda_.add_permission(FunctionName=name, StatementId=action, Principal="*",
                                     Action=f"lambda:{action}", **more)
    url = cloud.lambda_.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    assert status_of(url) in (200, 502)


FORGED = """
import struct
def frame(kind, body):
    return struct.pack(">IB", len(body), ord(kind)) + body
def handler(event, context):
    channel = socket.socket(fileno=os.dup(3))
    for one in FRAMES:
        channel.sendall(one)
    time.sleep(0.2)
    os._exit(0)
"""


def status_of(url):
    import urllib.error
    import urllib.request
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


# -- time


def test_what_a_handler_leaves_running_ends_with_its_worker(cloud, eventually):
    """AWS freezes it between events; here it goes on, within the worker's limits, and never outlives it."""
    name = cloud.deploy("""
def handler(event, context):
    if event == "end":
        os._exit(1)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.execv("/usr/bin/env", ["env", f"left=by-{event}", "sleep", "1000"])
        os._exit(0)
    return os.wait()[1]
""")
    mark = str(time.time_ns())
    assert cloud.invoke(name, mark) == (0, None)
    eventually(lambda: running(f"left=by-{mark}"))
    cloud.invoke(name, "end")
    eventually(lambda: not running(f"left=by-{mark}"))


def running(mark):
    """Processes of this machine whose environment has that."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [path.parent.name] if mark.encode() in path.read_bytes().split(b"\0") else []
        except OSError:
            continue
    return found


def test_a_handler_that_stops_itself_is_ended_at_its_time(cloud):
    name = cloud.deploy("""
def handler(event, context):
    if event == "stop":
        for thread in os.listdir("/proc/self/task"):
            os.kill(int(thread), signal.SIGSTOP)
        if os.fork() == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        os.wait()
    return event
""", Timeout=1)
    answer, error = cloud.invoke(name, "stop")
    assert error and answer["errorType"] == "Sandbox.Timedout"
    assert cloud.invoke(name, "go") == ("go", None)


def test_a_handler_that_no_signal_can_end_is_ended(cloud):
    name = cloud.deploy("""
def handler(event, context):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    while True:
        tried(time.sleep, 100)
""", Timeout=1)
    answer, error = cloud.invoke(name)
    assert error and answer["errorType"] == "Sandbox.Timedout"


def test_a_package_that_hangs_while_it_loads_harms_nobody(cloud):
    cloud.lambda_.create_function(
        FunctionName="endless", Role=ROLE, Runtime="python3.11", Handler="app.handler",
        Code={"ZipFile": zipped({"app.py": PRELUDE + "os._exit(7)\ndef handler(event, context): pass\n"})})
    answer, error = cloud.invoke("endless")
    assert error and "exit status 7" in json.dumps(answer)
