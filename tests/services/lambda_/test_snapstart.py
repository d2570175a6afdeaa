"""SnapStart: a published version is initialised once, and every worker is a copy of that process."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from cloudlet.functions.runtimes import found

from .conftest import ROLE, zipped

RUNTIME = next((name for name in ("python3.13", "python3.12", "python3.14") if name in found()), "")
here = pytest.mark.skipif(not RUNTIME, reason="no Python 3.12 or newer, which SnapStart needs")
SETTINGS = {"runtime": RUNTIME, "SnapStart": {"ApplyOn": "PublishedVersions"}, "Timeout": 20}


def publish(function, eventually):
    client, name = function.client, function.name
    published = client.publish_version(FunctionName=name)
    assert (published["State"], published["SnapStart"]) == (
        "Pending", {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"})

    def ask():
        config = client.get_function_configuration(FunctionName=name, Qualifier=published["Version"])
        return config if config["State"] != "Pending" else None
    return eventually(ask)


@here
def test_workers_are_copies_of_one_initialised_process(deploy, eventually):
    function = deploy("""
import os, random, secrets, time, uuid
LOADED = str(uuid.uuid4())
random.seed(7)
def handler(event, context):
    time.sleep(event)
    return {"loaded": LOADED, "random": [random.random(), secrets.token_hex(8), str(uuid.uuid4())],
            "stream": context.log_stream_name, "how": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
            "pid": os.getpid(), "tmp": os.listdir("/tmp")}
""", **SETTINGS)
    assert publish(function, eventually)["State"] == "Active"
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: function(0.5, Qualifier="1")[0], range(4)))
    assert len({answer["loaded"] for answer in answers}) == 1
    for part in range(3):
        assert len({answer["random"][part] for answer in answers}) == 4
    assert len({answer["stream"] for answer in answers}) == 4
    assert {answer["how"] for answer in answers} == {"snap-start"}
    assert function(0)[0]["how"] == "on-demand"  # $LATEST is not snapped


@here
def test_the_log_says_how_long_the_restore_took_and_nothing_of_an_init(deploy, eventually):
    function = deploy("def handler(event, context): pass", **SETTINGS)
    publish(function, eventually)
    answer = function.client.invoke(FunctionName=function.name, Qualifier="1", LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert "Restore Duration: " in log and "Init Duration" not in log


@here
def test_hooks_run_before_the_snapshot_and_after_each_restore(deploy, eventually):
    function = deploy("""
from snapshot_restore_py import register_after_restore, register_before_snapshot
said = []
@register_before_snapshot
def first(): said.append("before 1")
register_before_snapshot(said.append, "before 2")
@register_after_restore
def third(): said.append("after 1")
register_after_restore(said.append, "after 2")
def handler(event, context): return said
""", **SETTINGS)
    publish(function, eventually)
    assert function(Qualifier="1") == (["before 2", "before 1", "after 1", "after 2"], None)


@here
def test_a_restored_worker_has_walls_limits_and_a_tmp_of_its_own(deploy, eventually):
    function = deploy("""
import ctypes, os
open("/tmp/model", "w").write("from the snapshot")
def handler(event, context):
    if event == "write":
        open("/tmp/mine", "w").write("x")
    if event == "hoard":
        return len(b"x" * (400 << 20))
    if event == "exit":
        os._exit(3)
    libc = ctypes.CDLL(None, use_errno=True)
    unshared = libc.unshare(0x10000000)
    return {"tmp": sorted(os.listdir("/tmp")), "model": open("/tmp/model").read(), "unshare": unshared,
            "others": [one for one in os.listdir("/proc") if one.isdigit() and int(one) != os.getpid()]}
""", MemorySize=128, **SETTINGS)
    publish(function, eventually)
    seen, error = function("write", Qualifier="1")
    assert error is None and seen["tmp"] == ["mine", "model"] and seen["model"] == "from the snapshot"
    assert seen["unshare"] == -1 and seen["others"] == []
    assert function("hoard", Qualifier="1")[0]["errorType"] == "Runtime.OutOfMemory"
    assert function("exit", Qualifier="1")[0]["errorMessage"].endswith("exit status 3")
    assert function(None, Qualifier="1")[0]["tmp"] == ["model"]


@here
def test_threads_and_connections_of_the_snapshot_do_not_haunt_its_copies(deploy, eventually):
    function = deploy("""
import boto3, threading
forever = threading.Event()
threading.Thread(target=forever.wait, daemon=True).start()
client = boto3.client("sts")
first = client.get_caller_identity()["Account"]
def handler(event, context):
    return [first, client.get_caller_identity()["Account"], threading.active_count()]
""", **SETTINGS)
    publish(function, eventually)
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: function(Qualifier="1"), range(9)))
    assert answers == [(["000000000000", "000000000000", 1], None)] * 9


@here
def test_a_version_that_cannot_be_initialised_is_failed_and_says_why(deploy, eventually):
    function = deploy("raise ValueError('no snapshot of this')", **SETTINGS)
    config = publish(function, eventually)
    assert config["State"] == "Failed" and "no snapshot of this" in config["StateReason"]
    with pytest.raises(ClientError, match="no snapshot of this"):
        function(Qualifier="1")


def test_a_runtime_without_snapshots_is_refused(deploy):
    with pytest.raises(ClientError, match=r"python3\.11 is not supported for SnapStart enabled functions"):
        deploy("", SnapStart={"ApplyOn": "PublishedVersions"})


@here
def test_snapstart_and_provisioned_concurrency_exclude_each_other(deploy, eventually):
    function = deploy("def handler(event, context): pass", **SETTINGS)
    publish(function, eventually)
    with pytest.raises(ClientError, match="not supported for SnapStart enabled functions"):
        function.client.put_provisioned_concurrency_config(
            FunctionName=function.name, Qualifier="1", ProvisionedConcurrentExecutions=1)


@here
def test_a_version_is_initialised_again_after_a_restart_and_stays_provisioned(fresh, eventually):
    source = "import uuid\nLOADED = str(uuid.uuid4())\ndef handler(event, context): return LOADED"
    running = fresh()
    client = running.client("lambda")
    common = {"Role": ROLE, "Runtime": RUNTIME, "Handler": "app.handler", "Publish": True,
              "Code": {"ZipFile": zipped(app_py=source)}}
    client.create_function(FunctionName="snapped", SnapStart={"ApplyOn": "PublishedVersions"}, **common)
    client.create_function(FunctionName="kept", **common)
    client.put_provisioned_concurrency_config(FunctionName="kept", Qualifier="1",
                                              ProvisionedConcurrentExecutions=1)
    client.get_waiter("published_version_active").wait(FunctionName="snapped", Qualifier="1",
                                                       WaiterConfig={"Delay": 0.05})
    before = client.invoke(FunctionName="snapped", Qualifier="1")["Payload"].read()
    running.stop()
    running = fresh()
    client = running.client("lambda")
    after = client.invoke(FunctionName="snapped", Qualifier="1")["Payload"].read()
    assert before != after
    eventually(lambda: client.get_provisioned_concurrency_config(
        FunctionName="kept", Qualifier="1")["AvailableProvisionedConcurrentExecutions"] == 1)


@here
def test_what_a_hostile_snapshot_says_is_not_believed(deploy, eventually):
    """While it loads, the function speaks on every socket that it finds, in place of what serves restores."""
    for said in (b"no json", b"[]", b'{"ready": 7}', b'{"started": {}}', b'{"ended": null, "status": "x"}',
                 b'{"started": "somebody", "ended": "else", "status": 1}'):
        function = deploy(f"""
import os, socket, stat
for name in os.listdir("/proc/self/fd"):
    handle = int(name)
    if handle > 2 and os.path.exists(f"/proc/self/fd/{{name}}") and stat.S_ISSOCK(os.fstat(handle).st_mode):
        one = socket.socket(fileno=os.dup(handle))
        if one.type == socket.SOCK_SEQPACKET:
            one.send({said!r})
def handler(event, context):
    return event
""", **SETTINGS)
        publish(function, eventually)
        outcome = None
        try:
            outcome = function("mine", Qualifier="1")
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 500, error
        assert outcome in (None, ("mine", None)) or outcome[1]
    assert deploy("def handler(event, context): return event")("others go on") == ("others go on", None)


@here
def test_a_snapshot_that_cannot_be_taken_again_is_no_fault_of_the_cloudlets(fresh):
    source = """
import os
if not os.environ.get("AWS_ENDPOINT_URL", "").endswith(os.environ["PORT"]):
    raise ValueError("this is another cloudlet")
def handler(event, context): return 1
"""
    running = fresh()
    client = running.client("lambda")
    client.create_function(
        FunctionName="moody", Role=ROLE, Runtime=RUNTIME, Handler="app.handler", Publish=True,
        Code={"ZipFile": zipped(app_py=source)}, SnapStart={"ApplyOn": "PublishedVersions"},
        Environment={"Variables": {"PORT": client.meta.endpoint_url.rpartition(":")[2]}})
    client.get_waiter("published_version_active").wait(FunctionName="moody", Qualifier="1",
                                                       WaiterConfig={"Delay": 0.05})
    running.stop()
    client = fresh().client("lambda")
    with pytest.raises(ClientError, match="this is another cloudlet") as refused:
        client.invoke(FunctionName="moody", Qualifier="1")
    assert refused.value.response["Error"]["Code"] == "SnapStartException"


@here
def test_restores_are_told_in_json_logs_as_restores(deploy, eventually):
    function = deploy("def handler(event, context): pass", **SETTINGS,
                      LoggingConfig={"LogFormat": "JSON", "SystemLogLevel": "DEBUG"})
    publish(function, eventually)
    answer = function.client.invoke(FunctionName=function.name, Qualifier="1", LogType="Tail")
    lines = [json.loads(line) for line in base64.b64decode(answer["LogResult"]).decode().splitlines()]
    assert [line["type"] for line in lines][:3] == [
        "platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport"]
    assert lines[2]["record"]["metrics"]["durationMs"] > 0
