"""The Telemetry API: what extensions that subscribed are told of a function's life."""

import asyncio
import json
import socket

import pytest

from cloudlet.functions.guest.telemetry_api import Relay

COLLECT = """
import http.server, socketserver, threading
received = []
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: received.append(json.loads(line))
def listen(handler, host="127.0.0.1"):
    server = socketserver.ThreadingTCPServer((host, 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
def subscribe(id, destination, types=("platform", "function", "extension"), **more):
    return call("PUT", "/2022-07-01/telemetry", json.dumps(
        {"schemaVersion": "2022-12-13", "types": types, "destination": destination, **more}),
        {"Lambda-Extension-Identifier": id})
def follow(id):
    while event(id)["eventType"] != "SHUTDOWN": pass
    for one in received: say("EVENT", json.dumps(one))
    say("THAT IS ALL")
"""
OVER_HTTP = COLLECT + """
id = enlist("INVOKE", "SHUTDOWN")
told = subscribe(id, {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{listen(Listener)}/some/path"})
say("TOLD", told[0], json.dumps(told[2]))
follow(id)
"""
SPEAK = "import os\nprint('loaded')\ndef handler(event, context):\n    print('at work')\n    return event"


def events(function) -> list[dict]:
    """What the extension received, once it has ended."""
    function.retire()
    function.wrote("THAT IS ALL")
    return [json.loads(line.partition(" ")[2]) for line in function.lines() if line.startswith("EVENT {")]


def test_everything_is_told_in_order(machine):
    function = machine.python(SPEAK, Layers=[machine.extension("collect", OVER_HTTP)], MemorySize=256)
    assert function(1) == (1, None)
    assert function(2) == (2, None)
    told = events(function)
    assert [one["type"] for one in told if one["type"] != "extension"] == [
        "platform.initStart", "platform.telemetrySubscription", "function", "platform.initRuntimeDone",
        "platform.extension", "platform.initReport",
        *["platform.start", "function", "platform.runtimeDone", "platform.report"] * 2]
    assert function.wrote('TOLD 200 "OK"')
    assert function.wrote("TELEMETRY\tName: collect\tState: Subscribed\t"
                          "Types: [Platform, Function, Extension]")
    record = {one["type"]: one["record"] for one in reversed(told)}
    assert record["platform.initStart"] == {
        "initializationType": "on-demand", "phase": "init", "functionName": function.name,
        "functionVersion": "$LATEST", "instanceId": record["platform.initStart"]["instanceId"],
        "instanceMaxMemory": 256 << 20}
    assert record["platform.telemetrySubscription"] == {
        "name": "collect", "state": "Subscribed", "types": ["platform", "function", "extension"]}
    assert record["platform.extension"] == {
        "name": "collect", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    assert record["platform.initReport"]["status"] == "success"
    assert record["platform.initReport"]["metrics"]["durationMs"] > 0
    assert record["function"] == "loaded"
    start, done = record["platform.start"], record["platform.runtimeDone"]
    assert start["version"] == "$LATEST"
    assert start["tracing"]["value"].startswith("Root=1-")
    assert done["requestId"] == start["requestId"] == record["platform.report"]["requestId"]
    assert done["status"] == "success"
    assert done["metrics"]["producedBytes"] == 1
    spans = [span["name"] for span in done["spans"]]
    assert spans == ["responseLatency", "responseDuration", "runtimeOverhead"]
    metrics = record["platform.report"]["metrics"]
    assert metrics["memorySizeMB"] == 256
    assert metrics["maxMemoryUsedMB"] > 0
    assert metrics["initDurationMs"] > 0
    assert metrics["billedDurationMs"] >= metrics["durationMs"]
    second = [one for one in told if one["type"] == "platform.report"][1]["record"]
    assert "initDurationMs" not in second["metrics"]
    assert all(one["time"].endswith("Z") and len(one["time"]) == 24 for one in told)


def test_lines_over_tcp_and_only_what_was_asked_for(machine):
    layer = machine.extension("collect", COLLECT + """
id = enlist("INVOKE", "SHUTDOWN")
say("TOLD", subscribe(id, {"protocol": "TCP", "port": listen(Lines)}, ["function"],
                      buffering={"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25})[0])
event(id)
while len(received) < 2: time.sleep(0.01)
follow(id)
""")
    function = machine.python(SPEAK, Layers=[layer])
    assert function(1) == (1, None)
    assert function.wrote("TOLD 200")
    told = events(function)
    assert [(one["type"], one["record"]) for one in told] == [("function", "loaded"), ("function", "at work")]


def test_a_custom_runtime_is_told_of_too_and_so_are_its_failures(machine):
    function = machine.custom("""
print("up", flush=True)
while True:
    event, id, _ = invocation()
    if event == "end": sys.exit(1)
    respond(id, event)
""", Layers=[machine.extension("collect", OVER_HTTP)])
    assert function("x") == ("x", None)
    assert function("end")[0]["errorType"] == "Runtime.ExitError"
    told = events(function)
    record = {one["type"]: one["record"] for one in told}
    for kind in ("platform.runtimeDone", "platform.report"):
        assert (record[kind]["status"], record[kind]["errorType"]) == ("error", "Runtime.ExitError")


def test_objects_are_records_where_the_log_is_json(machine):
    function = machine.python("""
import json
def handler(event, context):
    print(json.dumps({"colour": "blue"}))
    print("{plain")
""", Layers=[machine.extension("collect", OVER_HTTP)], LoggingConfig={"LogFormat": "JSON"})
    function()
    records = [one["record"] for one in events(function) if one["type"] == "function"]
    assert records == [{"colour": "blue"}, "{plain"]
    line = json.loads(function.wrote('"type": "platform.extension"')[0])
    assert line["record"]["name"] == "collect"


@pytest.mark.parametrize(("change", "message"), [
    ({"types": []}, "types should not be empty"),
    ({"types": ["platform", "other"]}, "types must be among platform, function, extension"),
    ({"schemaVersion": "2020-01-01"}, "schemaVersion must be one of 2022-07-01, 2022-12-13, 2025-01-29"),
    ({"destination": {"protocol": "UDP"}}, "destination.protocol must be HTTP or TCP"),
    ({"destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}}, "URI port is not provided"),
    ({"destination": {"protocol": "HTTP", "URI": "http://example.com:80"}},
     "URI host must be sandbox.localdomain, over http or tcp"),
    ({"buffering": {"maxItems": 999}}, "buffering.maxItems must be between 1000 and 10000"),
    ({"buffering": {"maxBytes": 1 << 21}}, "buffering.maxBytes must be between 262144 and 1048576"),
    ({"buffering": {"timeoutMs": 24}}, "buffering.timeoutMs must be between 25 and 30000"),
])
def test_a_subscription_that_is_wrong_is_told_why(change, message):
    asked = {"schemaVersion": "2022-07-01", "types": ["platform"],
             "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}}
    relay = Relay(lambda address: True)
    answer, types = relay.subscribe("one", json.dumps(asked | change).encode())
    assert (answer.status, types) == (400, [])
    assert answer.document == {"errorType": "ValidationError", "errorMessage": message}


def test_nobody_subscribes_after_the_initialisation(machine):
    layer = machine.extension("late", COLLECT + """
id = enlist("INVOKE")
event(id)
say("TOLD", json.dumps(subscribe(id, {"protocol": "TCP", "port": 1})[2]))
say("UNKNOWN", subscribe("11111111-2222-3333-4444-555555555555", {})[2]["errorType"])
event(id)
""")
    function = machine.python(SPEAK, Layers=[layer])
    assert function(1) == (1, None)
    assert "Telemetry.SubscriptionClosed" in function.wrote("TOLD")[0]
    assert function.wrote("UNKNOWN Extension.UnknownExtensionIdentifier")


def test_the_logs_api_says_that_it_is_not_here(machine):
    layer = machine.extension("old", """
id = enlist()
status, _, document = call("PUT", "/2020-08-15/logs", "{}", {"Lambda-Extension-Identifier": id})
say("TOLD", status, document["errorType"])
event(id)
""")
    function = machine.python(SPEAK, Layers=[layer])
    assert function(1) == (1, None)
    assert function.wrote("TOLD 202 Logs.NotSupported")  # what AWS documents for local environments
    assert function.wrote("asked for the Logs API, which is not served; the Telemetry API is")


def test_the_listeners_name_resolves_inside(machine, sandboxed):
    look = machine.python("import socket\ndef handler(event, context): return socket.gethostbyname(event)")
    assert look("sandbox.localdomain") == ("127.0.0.1", None)
    assert look("localhost") == ("127.0.0.1", None)


def test_telemetry_goes_to_nobody_else_on_the_machine(machine, sandboxed):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.setblocking(False)
        layer = machine.extension("lured", COLLECT + f"""
id = enlist("INVOKE", "SHUTDOWN")
subscribe(id, {{"protocol": "HTTP", "URI": "http://sandbox.localdomain:{outside.getsockname()[1]}"}})
subscribe(id, {{"protocol": "HTTP", "URI": "http://sandbox.localdomain:{outside.getsockname()[1]}"}},
          buffering={{"timeoutMs": 25}})
while event(id)["eventType"] != "SHUTDOWN": pass
say("ENDED")
""")
        function = machine.python(SPEAK, Layers=[layer])
        assert function(1) == (1, None)
        function.retire()
        function.wrote("ENDED")
        with pytest.raises(BlockingIOError):
            heard.append(outside.accept())


def test_what_nobody_takes_is_kept_and_dropped_when_there_is_too_much():
    asyncio.run(_fall_behind())


async def _fall_behind() -> None:
    """A subscriber whose listener comes up late."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    up = False
    relay = Relay(lambda address: up)
    relay.subscribe("late", json.dumps({
        "schemaVersion": "2022-07-01", "types": ["platform", "function"],
        "destination": {"protocol": "TCP", "port": port}, "buffering": {"timeoutMs": 25}}).encode())
    for number in range(700):
        relay.tell("function", f"{number} " + "x" * 1000)
    received: list[dict] = []
    full, closed = asyncio.Event(), asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            received.append(json.loads(line))
            if received[-1]["type"] == "platform.logsDropped":
                full.set()
        writer.close()
        await writer.wait_closed()
        closed.set()

    up = True
    async with await asyncio.start_server(take, "127.0.0.1", port):
        await full.wait()
        relay.close()
        await closed.wait()
    lines = [one["record"].split()[0] for one in received if one["type"] == "function"]
    dropped = received[-1]["record"]
    assert lines == [str(number) for number in range(len(lines))]
    assert 480 < len(lines) < 520  # twice 256 KB
    assert dropped["droppedRecords"] == 700 - len(lines)
    assert dropped["droppedBytes"] > 1000 * dropped["droppedRecords"]
    assert dropped["reason"]
