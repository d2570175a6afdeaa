"""Extensions beside every kind of runtime: when they hear what, and what becomes of a function whose fail."""

import json
import shutil
import socket

import pytest

from cloudlet.functions.runtimes import found

WATCH = """
id = enlist("INVOKE", "SHUTDOWN")
while True:
    heard = event(id)
    say("HEARD", json.dumps(heard))
    if heard["eventType"] == "SHUTDOWN": break
"""
ECHO = "def handler(event, context): return event"
FROM_WITHIN = """
import json, os, threading, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
def ask(path, data=None, **headers):
    with urllib.request.urlopen(urllib.request.Request(API + path, data, headers)) as answer:
        return answer.headers, json.load(answer)
headers, about = ask("register", b'{"events": ["INVOKE"]}', **{"Lambda-Extension-Name": "inner"})
id = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
heard = []
def follow():
    while True: heard.append(ask("event/next", **id)[1])
threading.Thread(target=follow, daemon=True).start()
"""


def heard(function, count: int = 1) -> list[dict]:
    """The events that an extension says it was told."""
    return [json.loads(line.partition(" ")[2]) for line in function.wrote("HEARD", count)]


def arn_of(function) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"


@pytest.fixture
def node():
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    return next(name for name in found() if name.startswith("nodejs"))


def test_an_extension_of_a_python_function_is_told_of_events_and_of_the_end(machine):
    echo = machine.python(ECHO, Layers=[machine.extension("watch", WATCH)], Timeout=9)
    assert echo(1) == (1, None)
    assert echo(2) == (2, None)
    first, second = heard(echo, 2)
    assert first["eventType"] == second["eventType"] == "INVOKE"
    assert first["requestId"] != second["requestId"]
    assert first["invokedFunctionArn"].endswith(f":function:{echo.name}")
    assert first["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert first["tracing"]["value"].startswith("Root=1-")
    assert 0 < second["deadlineMs"] - first["deadlineMs"] < 9_000
    assert echo.wrote("EXTENSION\tName: watch\tState: Ready\tEvents: [INVOKE,SHUTDOWN]")
    echo.retire()
    end = heard(echo, 3)[2]
    assert set(end) == {"eventType", "shutdownReason", "deadlineMs"}
    assert end["shutdownReason"] == "spindown"


def test_extensions_stand_beside_node_and_custom_runtimes(machine, node):
    layer = machine.extension("watch", WATCH)
    js = machine.deploy({"app.js": "exports.handler = async (event) => event;"}, runtime=node, Layers=[layer])
    custom = machine.custom("""
while True:
    event, id, _ = invocation()
    respond(id, event)
""", Layers=[layer])
    for function in (js, custom):
        assert function("x") == ("x", None)
        assert function("y") == ("y", None)
        function.retire()
        assert [one["eventType"] for one in heard(function, 3)] == ["INVOKE", "INVOKE", "SHUTDOWN"]


def test_an_invocation_is_over_when_its_extensions_are_done(machine):
    layer = machine.extension("slow", """
id = enlist("INVOKE")
while True:
    event(id)
    time.sleep(0.2)
    open("/tmp/done", "a").write("x")
""")
    count = machine.python("""
import os
def handler(event, context):
    return os.path.getsize("/tmp/done") if os.path.exists("/tmp/done") else 0
""", Layers=[layer])
    assert [count()[0] for _ in range(3)] == [0, 1, 2]


def test_the_initialisation_waits_for_every_extension(machine):
    layer = machine.extension("slow", """
id = enlist()
time.sleep(0.3)
open("/tmp/ready", "w").close()
event(id)
""")
    look = machine.python("import os\ndef handler(event, context): return os.path.exists('/tmp/ready')",
                          Layers=[layer])
    assert look() == (True, None)


def test_the_function_begins_after_its_extensions_have_registered(machine):
    layer = machine.extension("first", "time.sleep(0.3)\nopen('/tmp/up', 'w').close()\nevent(enlist())")
    look = machine.python("import os\nup = os.path.exists('/tmp/up')\ndef handler(event, context): return up",
                          Layers=[layer])
    assert look() == (True, None)


def test_what_an_extension_is_told_and_refused_when_it_registers(machine):
    layer = machine.extension("asks", """
def next(id):
    return call("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": id})
def fail(id):
    return call("POST", "/2020-01-01/extension/init/error", "{}", {"Lambda-Extension-Identifier": id})
told = [
    register("inner"),
    register("inner"),
    register(""),
    register("other", "SHUTDOWN"),
    register("other", "OTHER"),
    call("POST", "/2020-01-01/extension/register", "no json", {"Lambda-Extension-Name": "other"}),
    call("GET", "/2020-01-01/extension/event/next"),
    next("x"),
    next("11111111-2222-3333-4444-555555555555"),
    register("asks", "INVOKE", **{"Lambda-Extension-Accept-Feature": "accountId, other"}),
    register("asks", "INVOKE"),
]
inner, id = (told[index][1]["Lambda-Extension-Identifier"] for index in (0, 9))
told.append(fail(id))
import threading
threading.Thread(target=event, args=(inner,), daemon=True).start()
event(id)
say("TOLD", json.dumps([[status, document] for status, _, document in told]))
say("TARDY", json.dumps(register("late")[2]), json.dumps(event(inner)))
event(id)
""")
    echo = machine.python(ECHO, Layers=[layer])
    assert echo(1) == (1, None)
    told = json.loads(echo.wrote("TOLD")[0].partition(" ")[2])
    about = {"functionName": echo.name, "functionVersion": "$LATEST", "handler": "app.handler"}
    assert told[0] == [200, about]
    assert told[9] == [200, {**about, "accountId": "000000000000"}]
    refusals = [(status, document["errorType"].removeprefix("Extension."))
                for index, (status, document) in enumerate(told) if index not in (0, 9)]
    assert refusals == [(403, kind) for kind in (
        "InvalidExtensionState", "InvalidExtensionName", "InvalidEventType", "InvalidEventType",
        "InvalidRequestFormat", "MissingExtensionIdentifier", "InvalidExtensionIdentifier",
        "UnknownExtensionIdentifier", "InvalidExtensionState", "MissingHeader")]
    assert told[10][1]["errorMessage"] == ("State transition from Registered to Registered failed for "
                                          "extension asks. Error: State transition is not allowed")
    late = echo.wrote("TARDY")[0]
    assert '{"errorType": "Extension.RegistrationClosed"' in late
    assert "State transition from Ready to Ready failed for extension" in late


def test_code_that_registers_from_within_is_heard_without_being_asked_for(machine):
    inner = machine.python(FROM_WITHIN + "def handler(event, context): return [about['handler'], len(heard)]")
    (handler, _), error = inner()
    assert (handler, error) == ("app.handler", None)
    assert inner()[0][1] >= 1
    assert inner.wrote("EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]")


def test_node_code_registers_from_within_too(machine, node):
    inner = machine.deploy({"app.mjs": """
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2020-01-01/extension`;
const answer = await fetch(`${api}/register`, { method: 'POST', body: '{"events": []}',
  headers: { 'Lambda-Extension-Name': 'inner' } });
const id = answer.headers.get('lambda-extension-identifier');
fetch(`${api}/event/next`, { headers: { 'Lambda-Extension-Identifier': id } }).catch(() => {});
export const handler = async () => (await answer.json()).functionName;
"""}, runtime=node)
    assert inner() == (inner.name, None)


@pytest.mark.parametrize(("source", "kind", "message"), [
    ("sys.exit(0)", "Extension.Crash", "exit code 0"),
    ("enlist()\nsys.exit(3)", "Extension.Crash", "exit status 3"),
    ("""
id = enlist()
call("POST", "/2020-01-01/extension/init/error", "{}", {"Lambda-Extension-Identifier": id,
     "Lambda-Extension-Function-Error-Type": "Fatal.NoNetwork"})
sys.exit(2)""", "Extension.InitError", "exit status 2"),
])
def test_an_extension_that_fails_to_start_fails_the_function(machine, source, kind, message):
    broken = machine.python(ECHO, Layers=[machine.extension("broken", source)])
    answer, error = broken(1)
    assert (error, answer["errorType"]) == ("Unhandled", kind)
    assert answer["errorMessage"].endswith(f"Error: {message}")
    assert broken.wrote("EXTENSION\tName: broken\tState: ")


def test_an_extension_that_crashes_during_an_event_takes_the_environment_with_it(machine):
    layer = machine.extension("moody", """
id = enlist("INVOKE")
event(id)
event(id)
call("POST", "/2020-01-01/extension/exit/error", "{}", {"Lambda-Extension-Identifier": id,
     "Lambda-Extension-Function-Error-Type": "Fatal.Mood"})
sys.exit(1)
""")
    slow = machine.python("import time\ndef handler(event, context): time.sleep(event or 0); return 'fine'",
                          Layers=[layer])
    assert slow() == ("fine", None)
    answer, error = slow(10)
    assert (error, answer["errorType"]) == ("Unhandled", "Extension.ExitError")
    assert slow() == ("fine", None)


def test_no_more_than_ten(machine):
    def layer(count: int) -> str:
        idle = machine.program("event(enlist())")
        return machine.layer({f"extensions/e{number:02}": idle for number in range(count)})

    answer, _ = machine.python(ECHO, Layers=[layer(11)])()
    assert answer["errorType"] == "Extension.LaunchError"
    assert machine.python(ECHO, Layers=[layer(10)])(5) == (5, None)


def test_an_extension_that_can_not_be_run_is_told(machine, sandboxed):
    layer = machine.layer({"extensions/plain": "no program"}, mode=0o644)
    broken = machine.python(ECHO, Layers=[layer])
    answer, _ = broken()
    assert answer["errorType"] == "Extension.LaunchError"
    assert answer["errorMessage"].endswith("fork/exec /opt/extensions/plain: permission denied")
    assert broken.wrote("Name: plain\tState: LaunchError\tEvents: []\tError Type: PermissionDenied")


@pytest.mark.parametrize(("source", "reason"), [
    ("import time\ndef handler(event, context): time.sleep(60)", "timeout"),
    ("import os\ndef handler(event, context): os._exit(1)", "failure"),
])
def test_extensions_hear_why_the_end_came(machine, source, reason):
    function = machine.python(source, Layers=[machine.extension("watch", WATCH)], Timeout=1)
    function()
    assert heard(function, 2)[1]["shutdownReason"] == reason


def test_the_runtime_may_end_gracefully_before_its_extensions(machine):
    graceful = machine.python("""
import signal, sys
def end(*_):
    print("GOODBYE", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
def handler(event, context): return 1
""", Layers=[machine.extension("watch", WATCH)])
    assert graceful() == (1, None)
    graceful.retire()
    assert graceful.wrote("GOODBYE")
    assert heard(graceful, 2)[1]["shutdownReason"] == "spindown"
    lines = graceful.lines()
    assert lines.index("GOODBYE") < next(n for n, line in enumerate(lines) if "SHUTDOWN\"" in line)


def test_an_extension_that_will_not_end_is_killed(machine, sandboxed, eventually):
    layer = machine.extension("stays", """
import threading
id = enlist("INVOKE", "SHUTDOWN")
event(id)
threading.Thread(target=event, args=(id,), daemon=True).start()
while True:
    say("ALIVE", time.time())
    time.sleep(0.1)
""")
    echo = machine.python(ECHO, Layers=[layer])
    assert echo(1, InvocationType="RequestResponse")[0] == 1
    pool = machine.cloudlet.cloudlet.pool
    assert sum(one.spec.arn == arn_of(echo) for one in pool._workers.values()) == 1
    echo.retire()
    eventually(lambda: all(one.spec.arn != arn_of(echo) for one in pool._workers.values()))


def test_an_extension_finds_its_port_free_after_a_change(machine):
    layer = machine.extension("listens", """
import socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
id = enlist("SHUTDOWN")
event(id)
time.sleep(0.3)
""")
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = str(reserved.getsockname()[1])
    echo = machine.python(ECHO, Layers=[layer], Environment={"Variables": {"PORT": port}})
    assert echo(1) == (1, None)
    echo.retire()
    assert echo(2) == (2, None)


def test_the_environment_of_an_extension_is_not_the_runtimes(machine, sandboxed):
    layer = machine.extension("looks", "say('ENV', json.dumps(dict(os.environ)))\nevent(enlist())")
    echo = machine.python(ECHO, Layers=[layer], Environment={"Variables": {"COLOUR": "blue"}})
    assert echo(1) == (1, None)
    environment = json.loads(echo.wrote("ENV")[0].partition(" ")[2])
    assert environment["COLOUR"] == "blue"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == echo.name
    assert environment["AWS_ACCESS_KEY_ID"]
    assert not {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME"} & {
        *environment}


def test_a_python_wrapper_script_starts_the_runtime(machine, sandboxed):
    layer = machine.layer({"wrap": '#!/bin/sh\nexport COLOUR=green PYTHONPATH=/opt/more\nexec "$@"\n',
                           "more/extra.py": "WORD = 'extra'",
                           "more/sitecustomize.py": "import builtins\nbuiltins.early = 'yes'\n"})
    wrapped = machine.python("""
import os, sys, boto3, extra
def handler(event, context):
    print("a line")
    return [event, os.environ["COLOUR"], extra.WORD, early, boto3.__name__,
            [name for name in os.environ if name.startswith("_CLOUDLET")],
            [path for path in sys.path if "-packages" in path and not path.startswith("/opt")]]
""", Layers=[layer], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap", "COLOUR": "red"}})
    assert wrapped(1) == ([1, "green", "extra", "yes", "boto3", [], []], None)
    assert wrapped(2)[0][0] == 2
    assert wrapped.wrote("a line", 2)


def test_a_node_wrapper_script_starts_the_runtime(machine, node, sandboxed):
    layer = machine.layer({"wrap": '#!/bin/sh\nexport NODE_OPTIONS="--require /opt/early.js"\nexec "$@"\n',
                           "early.js": "globalThis.early = 'yes';"})
    wrapped = machine.deploy({"app.js": "exports.handler = async (event) => [event, globalThis.early];"},
                             runtime=node, Layers=[layer],
                             Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}})
    assert wrapped(1) == ([1, "yes"], None)
    assert wrapped(2) == ([2, "yes"], None)


def test_a_wrapper_script_that_is_not_there_is_told(machine, sandboxed):
    broken = machine.python(ECHO, Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"}})
    answer, _ = broken()
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("Runtime exited with error: exit status 127")
    assert broken.wrote("/opt/none: does not exist")


def test_a_handler_that_can_not_be_imported_is_told_beside_extensions(machine, node):
    layer = machine.extension("watch", WATCH)
    python = machine.python("import nowhere_to_be_found", Layers=[layer])
    js = machine.deploy({"app.js": "require('nowhere');"}, runtime=node, Layers=[layer])
    for function in (python, js):
        answer, error = function()
        assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")
        assert heard(function)[0]["shutdownReason"] == "failure"


def test_a_plain_function_has_neither_an_init_nor_a_process_more(machine, sandboxed):
    look = machine.python("import os\ndef handler(event, context):\n"
                          "    return [os.getpid(), [one for one in os.listdir('/proc') if one.isdigit()]]")
    assert look() == ([1, ["1"]], None)
