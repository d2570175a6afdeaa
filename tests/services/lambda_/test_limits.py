"""Limits are real: time, memory, /tmp, processes, the size of answers; and nobody else is harmed."""

import pytest
from botocore.exceptions import ClientError

from cloudlet.functions.cgroups import Groups
from cloudlet.functions.isolation import trial

sandboxed = pytest.mark.skipif(bool(trial()), reason=f"no sandbox here: {trial()}")
limited = pytest.mark.skipif(
    "memory" not in Groups().controls, reason="control groups can't limit memory here"
)


def test_an_endless_loop_ends_at_the_timeout(deploy):
    spin = deploy("def handler(event, context):\n    while event: pass\n    return 'done'", Timeout=1)
    answer, error = spin(True)
    assert error == "Unhandled"
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert spin(False) == ("done", None)


def test_an_exit_is_told_with_its_status(deploy):
    answer, error = deploy("import os\ndef handler(event, context): os._exit(3)")()
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")


def test_a_crash_is_told_with_its_signal(deploy):
    answer, _ = deploy("import os\ndef handler(event, context): os.kill(os.getpid(), 11); os.abort()")()
    assert answer["errorType"] == "Runtime.ExitError"


@limited
def test_more_memory_than_the_function_has_is_the_end(deploy):
    hoard = deploy("def handler(event, context): return len(b'x' * (event << 20))", MemorySize=128)
    assert hoard(60) == (60 << 20, None)
    answer, error = hoard(400)
    assert error == "Unhandled"
    assert answer["errorType"] == "Runtime.OutOfMemory"
    assert hoard(1) == (1 << 20, None)


@sandboxed
def test_tmp_has_its_size_and_is_not_the_functions_memory(deploy):
    fill = deploy("""
def handler(event, context):
    with open("/tmp/file", "wb") as file:
        for _ in range(event): file.write(b"x" * (1 << 20))
    return event
""", MemorySize=128, EphemeralStorage={"Size": 512}, Timeout=20)
    assert fill(300) == (300, None)
    answer, _ = fill(600)
    assert answer["errorMessage"] == "[Errno 28] No space left on device"


@sandboxed
def test_a_fork_bomb_harms_only_itself(deploy):
    calm = deploy("def handler(event, context): return 'calm'")
    bomb = deploy("import os\ndef handler(event, context):\n    while True: os.fork()", Timeout=2)
    _, error = bomb()
    assert error == "Unhandled"
    assert calm() == ("calm", None)


def test_an_answer_larger_than_six_megabytes_is_refused(deploy):
    large = deploy("def handler(event, context): return 'x' * event")
    answer, error = large(7 << 20)
    assert error == "Unhandled"
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert (
        answer["errorMessage"]
        == "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
    )
    assert large(3)[0] == "xxx"


def test_an_event_larger_than_six_megabytes_is_refused(deploy):
    echo = deploy("def handler(event, context): return len(event)")
    with pytest.raises(ClientError) as refused:
        echo("x" * (7 << 20))
    assert refused.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_an_event_that_is_no_json_is_refused(deploy):
    echo = deploy("def handler(event, context): return event")
    with pytest.raises(echo.client.exceptions.InvalidRequestContentException):
        echo.client.invoke(FunctionName=echo.name, Payload=b"{not json")


@sandboxed
def test_a_function_sees_its_code_and_nothing_else_of_the_machine(deploy):
    look = deploy("""
import os
def handler(event, context):
    def tried(path):
        try: open(path, "w"); return "written"
        except OSError as error: return error.strerror
    return {"root": sorted(os.listdir("/")), "home": os.listdir("/root"), "user": os.getuid(),
            "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
            "code": tried("/var/task/app.py"), "usr": tried("/usr/x"), "tmp": tried("/tmp/x")}
""")
    seen, error = look()
    assert error is None
    assert not {"home", "work", "data"} & set(seen["root"])
    assert seen["home"] in ([], [".pyenv"])
    assert (seen["processes"], seen["user"]) == (1, 993)
    assert (seen["code"], seen["usr"], seen["tmp"]) == (
        "Read-only file system",
        "Read-only file system",
        "written",
    )


@sandboxed
def test_a_function_gains_no_privileges(deploy):
    climb = deploy("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def tried(result): return os.strerror(ctypes.get_errno()) if result else "allowed"
def handler(event, context):
    return [tried(libc.unshare(0x10000000)), tried(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)),
            tried(libc.setuid(0)), open("/proc/self/status").read().split("CapEff:")[1].split()[0]]
""")
    answer, _ = climb()
    assert answer[:2] == ["Operation not permitted"] * 2
    assert answer[2] != "allowed"
    assert answer[3] == "0" * 16


def test_reserved_concurrency_of_zero_stops_a_function(deploy):
    stop = deploy("def handler(event, context): return 1")
    stop.client.put_function_concurrency(FunctionName=stop.name, ReservedConcurrentExecutions=0)
    with pytest.raises(stop.client.exceptions.TooManyRequestsException) as refused:
        stop()
    assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    stop.client.delete_function_concurrency(FunctionName=stop.name)
    assert stop() == (1, None)


def test_functions_that_call_functions_do_not_starve(deploy):
    inner = deploy("def handler(event, context): return event + 1")
    outer = deploy(f"""
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    return json.load(client.invoke(FunctionName="{inner.name}", Payload=json.dumps(event))["Payload"])
""", Timeout=20, MemorySize=512)
    assert outer(1) == (2, None)
