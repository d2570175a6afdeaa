"""Logs: AWS's records as text and as JSON, each kind at the level that was asked for."""

import base64
import json

import pytest

PYTHON = """
import logging
print("plain")
def handler(event, context):
    log = logging.getLogger("shop")
    log.debug("fine"); log.info("sold %s", event, extra={"colour": "red"}); log.warning("low")
    print('{"level": "error", "message": "printed"}')
    try: 1 / 0
    except ZeroDivisionError: log.exception("odd")
    if event == "fail": raise ValueError("no")
"""
NODE = """
exports.handler = async (event) => {
  console.trace('finest'); console.debug('fine'); console.log('sold %s', event); console.warn({ low: 1 });
  console.error('odd', new TypeError('no'));
  if (event === 'fail') throw new RangeError('far');
};
"""


@pytest.fixture
def lines():
    """Invoke a function: the lines of its log."""
    def lines(function, event="it"):
        answer = function.client.invoke(FunctionName=function.name, LogType="Tail", Payload=json.dumps(event))
        return base64.b64decode(answer["LogResult"]).decode().splitlines()

    return lines


def parsed(lines):
    """Those of the lines that are JSON objects."""
    return [json.loads(line) for line in lines if line.startswith("{")]


def kinds(lines):
    """What platform events and levels there are, in order."""
    return [one.get("type") or one.get("level") or one.get("log_level") for one in parsed(lines)]


def as_json(**levels):
    """A function's LoggingConfig."""
    return {"LoggingConfig": {"LogFormat": "JSON", **levels}}


def test_json_logs_of_python_have_awss_shape(deploy, lines):
    found = lines(deploy(PYTHON, **as_json()))
    assert found[0] == "plain"
    assert kinds(found) == ["platform.start", "INFO", "WARNING", "error", "ERROR", "platform.report"]
    start, sold, _, _, odd, report = parsed(found)
    id = start["record"]["requestId"]
    assert start["record"] == {"requestId": id, "version": "$LATEST"}
    assert {key: sold[key] for key in ("level", "message", "logger", "requestId", "colour")} == {
        "level": "INFO", "message": "sold it", "logger": "shop", "requestId": id, "colour": "red"}
    assert (odd["errorType"], odd["errorMessage"]) == ("ZeroDivisionError", "division by zero")
    assert odd["location"].startswith("/var/task/app.py:handler:")
    assert odd["stackTrace"][0].startswith('  File "/var/task/app.py"')
    assert (report["record"]["requestId"], report["record"]["status"]) == (id, "success")
    assert set(report["record"]["metrics"]) == {
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}


def test_json_logs_of_node_have_awss_shape(deploy, node, lines):
    found = lines(deploy(NODE, runtime=node, **as_json(ApplicationLogLevel="TRACE")))
    assert kinds(found) == ["platform.start", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "platform.report"]
    _, _, _, sold, low, odd, _ = parsed(found)
    assert sold["message"] == "sold it"
    assert low["message"] == {"low": 1}
    assert (odd["errorType"], odd["errorMessage"]) == ("TypeError", "no")
    assert odd["stackTrace"][0] == "TypeError: no"


@pytest.mark.parametrize(("level", "kept"), [
    ("DEBUG", ["DEBUG", "INFO", "WARNING", "error", "ERROR"]),
    ("INFO", ["INFO", "WARNING", "error", "ERROR"]),
    ("WARN", ["WARNING", "error", "ERROR"]), ("ERROR", ["error", "ERROR"]), ("FATAL", [])])
def test_the_application_level_is_held(deploy, lines, level, kept):
    function = deploy(PYTHON, name=f"level-{level}", **as_json(ApplicationLogLevel=level))
    found = lines(function)
    assert kinds(found)[1:-1] == kept
    assert ("plain" in found) == (level in ("DEBUG", "INFO"))  # what says no level counts as INFO


def test_the_application_level_is_held_in_node(deploy, node, lines):
    found = lines(deploy(NODE, runtime=node, **as_json(ApplicationLogLevel="WARN")))
    assert kinds(found)[1:-1] == ["WARN", "ERROR"]


def test_the_system_level_is_held(deploy, lines):
    quiet = deploy(PYTHON, **as_json(SystemLogLevel="WARN", ApplicationLogLevel="FATAL"))
    assert lines(quiet) == []
    found = parsed(lines(quiet, "fail"))
    assert [one["type"] for one in found] == ["platform.runtimeDone", "platform.report"]
    assert [one["record"]["status"] for one in found] == ["error", "error"]
    chatty = deploy(PYTHON, **as_json(SystemLogLevel="DEBUG", ApplicationLogLevel="FATAL"))
    assert kinds(lines(chatty)) == [
        "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
        "platform.runtimeDone", "platform.report"]
    assert kinds(lines(chatty)) == ["platform.start", "platform.runtimeDone", "platform.report"]


def test_an_error_is_json_too(deploy, node, lines):
    told = next(one for one in parsed(lines(deploy(PYTHON, **as_json()), "fail")) if "log_level" in one)
    assert (told["log_level"], told["errorType"], told["errorMessage"]) == ("ERROR", "ValueError", "no")
    told = parsed(lines(deploy(NODE, runtime=node, **as_json()), "fail"))[-3]  # then two of the platform's
    assert (told["level"], told["message"]["errorType"]) == ("ERROR", "RangeError")


def test_a_function_may_log_to_a_group_of_its_own(deploy, cloudlet, eventually):
    function = deploy("def handler(event, context): print(context.log_group_name)",
                      LoggingConfig={"LogGroup": "shared/all"})
    function()
    logs = cloudlet.client("logs")

    def written():
        try:
            return logs.filter_log_events(logGroupName="shared/all")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []

    assert [one["message"] for one in eventually(written)][1] == "shared/all"


TRACE = "import os\ndef handler(event, context): return os.environ['_X_AMZN_TRACE_ID']"


def test_a_function_is_sampled_if_it_asks_for_that_or_its_caller_does(deploy, cloudlet, lines):
    plain, active = (deploy(TRACE, name=f"traced-{mode}", TracingConfig={"Mode": mode})
                     for mode in ("PassThrough", "Active"))
    assert "Sampled=0" in plain()[0]
    assert "Sampled=1" in active()[0]
    assert not any("XRAY TraceId" in line for line in lines(plain))
    assert any("XRAY TraceId" in line for line in lines(active))
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"

    def carried(function, header):
        client = cloudlet.client("lambda")
        client.meta.events.register(
            "before-sign.lambda.Invoke",
            lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", header))
        return json.load(client.invoke(FunctionName=function.name)["Payload"])

    assert carried(plain, f"{root};Sampled=1").startswith(root)
    assert "Sampled=1" in carried(plain, f"{root};Sampled=1")
    assert "Sampled=0" in carried(active, f"{root};Sampled=0")
