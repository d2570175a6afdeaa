"""Escapes through the socket a worker has its events from: it can say what it likes, but only of itself."""

import time

import pytest

RAW = """
import struct
def frame(kind, body=b""):
    return struct.pack(">IB", len(body), ord(kind)) + body
def say(*frames):
    channel = socket.socket(fileno=os.dup(3))
    channel.setblocking(True)
    for one in frames:
        channel.sendall(one)
    channel.detach()
"""


def test_a_worker_that_answers_twice_is_ended(cloud):
    name = cloud.deploy(RAW + """
def handler(event, context):
    if event == "twice":
        say(frame("A", bytes(8) + b'"first"') + frame("A", bytes(8) + b'"second"'))
    return event
""")
    assert cloud.invoke(name, "twice") == ("first", None)
    assert cloud.invoke(name, "next") == ("next", None), "neither the second answer nor the third"


def test_an_answer_that_nobody_asked_for_is_the_end_of_the_worker(cloud, eventually):
    name = cloud.deploy(RAW + """
import threading
def handler(event, context):
    if event == "later":
        threading.Timer(0.05, say, [frame("A", bytes(8) + b'"forged"')]).start()
    return os.path.exists("/tmp/mark") or bool(write("/tmp/mark") > 1)
""")
    assert cloud.invoke(name) == (False, None)
    assert cloud.invoke(name, "later") == (True, None)
    eventually(lambda: "what nobody had asked it" in cloud.said())
    eventually(lambda: cloud.invoke(name) == (False, None))


def test_an_answer_while_it_loads_is_no_answer(cloud):
    name = cloud.deploy(RAW + """
say(frame("A", bytes(8) + b'"forged"'))
def handler(event, context):
    return "real"
""")
    answer, error = cloud.invoke(name)
    assert error and answer["errorType"] == "Runtime.ExitError", answer


@pytest.mark.parametrize("bytes_", [
    r'b"\xff" * 5', r'b"\xff" * 100_000', r'struct.pack(">IB", 0xFFFFFFFF, ord("A"))',
    r'struct.pack(">IB", 1 << 24, ord("L")) + b"x" * (1 << 22)', r'frame("Z")', r'frame("B")',
    r'frame("R", b"{")', r'frame("\0")', r'frame("I", b"x" * 100)', r'frame("C", b"{}")'],
    ids=["noise", "much noise", "giant", "giant line", "unknown", "stands", "ready", "zero", "event",
         "become"])
def test_frames_that_make_no_sense_end_their_sender(cloud, bytes_):
    answer, error = cloud.invoke(cloud.deploy(RAW + f"""
def handler(event, context):
    say({bytes_})
    time.sleep(5)
""", Timeout=4))
    assert error and answer["errorType"] in ("Runtime.ExitError", "Function.ResponseSizeTooLarge"), answer


@pytest.mark.parametrize("body", [r'b""', r'b"\xff\xfe"', r'bytes(8)', r'bytes(8) + b"{"',
                                  r'b"\xff" * 8 + b"null"'],
                         ids=["empty", "short", "nothing", "half", "memory"])
def test_an_answer_that_is_no_json_is_the_functions_own_trouble(cloud, body):
    name = cloud.deploy(RAW + f"""
def handler(event, context):
    say(frame("A", {body}))
    time.sleep(5)
""", Timeout=4)
    answer = cloud.lambda_.invoke(FunctionName=name)
    assert answer["StatusCode"] == 200
    answer["Payload"].read()


def test_a_failure_that_is_no_json_still_reaches_the_dead_letters(cloud, eventually):
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"letters-{time.time_ns()}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    name = cloud.deploy(RAW + """
def handler(event, context):
    say(frame("E", bytes(8) + b"[" * 100_000))
    time.sleep(5)
""", Timeout=4, DeadLetterConfig={"TargetArn": arn})
    cloud.lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    cloud.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"a": 1}')
    letter, = eventually(lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages"))
    assert letter["Body"] == '{"a": 1}'


def test_a_million_tiny_frames_hold_nobody_up(cloud):
    name = cloud.deploy(RAW + """
def handler(event, context):
    many = frame("L") * 20_000
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        say(many)
""", Timeout=20)
    flood = cloud.lambda_.invoke(FunctionName=name, InvocationType="Event")
    assert flood["StatusCode"] == 202
    for _ in range(10):
        assert cloud.invoke(cloud.neighbour, "meanwhile") == ("meanwhile", None)
    assert cloud.memory_mb() < 400


def test_a_worker_that_hangs_up_is_ended(cloud):
    answer, error = cloud.invoke(cloud.deploy("""
def handler(event, context):
    socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
    time.sleep(3)
""", Timeout=1))
    assert error and answer["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout"), answer


def test_a_worker_that_does_not_listen_costs_one_event(cloud):
    name = cloud.deploy("""
import threading
def handler(event, context):
    if event == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        time.sleep(10)
    return len(event or "")
""", Timeout=1)
    assert cloud.invoke(name, "deaf")[1]
    assert cloud.invoke(name, "x" * 5_000_000) == (5_000_000, None)


def test_the_parent_cannot_be_found_let_alone_ended(cloud):
    assert cloud.run("""
def handler(event, context):
    return [os.getppid(), tried(os.kill, os.getppid() or 2, 9), tried(os.stat, "/proc/2"),
            [tried(socket.socket(fileno=os.dup(3)).sendmsg, [b""],
                   [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, struct_of(0))])]]
import struct
def struct_of(uid):
    return struct.pack("3i", 1, uid, uid)
""") == [0, "ESRCH", "ENOENT", ["EINVAL"]]
