"""Debugging: a function waits for its editor, and its clock stands still at breakpoints."""

import base64
import json
import os
import socket
import struct
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def port():
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def connected(port):
    """A connection to what will listen there soon."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Editor:
    """An editor that speaks the Debug Adapter Protocol."""

    def __init__(self, port):
        self._socket = connected(port)
        self._file = self._socket.makefile("rb")
        self._number = 0

    def ask(self, command, **arguments):
        self._number += 1
        body = json.dumps({"seq": self._number, "type": "request", "command": command,
                           "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def until(self, **wanted):
        while True:
            size = 0
            while (line := self._file.readline().strip()) or not size:
                name, _, value = line.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            message = json.loads(self._file.read(size))
            if all(message.get(key) == value for key, value in wanted.items()):
                return message

    def close(self):
        self._file.close()
        self._socket.close()


def test_a_python_function_stands_at_a_breakpoint_longer_than_its_timeout(cloudlet, deploy, port):
    pytest.importorskip("debugpy")
    function = deploy("""
def handler(event, context):
    before = context.get_remaining_time_in_millis()
    stop = "here"
    return [stop, before - context.get_remaining_time_in_millis()]
""", Timeout=2)
    cloudlet.control("trials", {"function": function.name, "debugPort": port})
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(function)
        editor = Editor(port)
        editor.ask("initialize", adapterID="test")
        editor.until(type="response", command="initialize")
        editor.ask("attach", justMyCode=False)
        editor.until(type="event", event="initialized")
        editor.ask("setBreakpoints", source={"path": "/var/task/app.py"}, breakpoints=[{"line": 4}])
        editor.until(type="response", command="setBreakpoints")
        editor.ask("configurationDone")
        stopped = editor.until(type="event", event="stopped")["body"]
        time.sleep(2.5)  # longer than the function may run: this is what somebody looking does
        editor.ask("continue", threadId=stopped["threadId"])
        found, error = answer.result(30)
        editor.close()
    assert error is None, found
    assert found[0] == "here" and found[1] < 1500
    cloudlet.control("trials", {"function": function.name})
    assert function()[0][0] == "here"


class Inspector:
    """An editor that speaks the inspector's protocol over a WebSocket."""

    def __init__(self, port):
        connected(port).close()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            path = json.load(answer)[0]["webSocketDebuggerUrl"].partition(str(port))[2]
        self._socket = connected(port)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass
        self._number = 0

    def ask(self, method, **params):
        self._number += 1
        body = json.dumps({"id": self._number, "method": method, "params": params}).encode()
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack(">H", len(body))
        self._socket.sendall(b"\x81" + size + bytes(4) + body)

    def until(self, **wanted):
        while True:
            size = self._file.read(2)[1]
            if size > 125:
                size = int.from_bytes(self._file.read(2 if size == 126 else 8), "big")
            message = json.loads(self._file.read(size))
            if all(message.get(key) == value for key, value in wanted.items()):
                return message

    def close(self):
        self._file.close()
        self._socket.close()


def test_a_node_function_stands_at_a_breakpoint_longer_than_its_timeout(cloudlet, deploy, node, port):
    function = deploy("""
exports.handler = async (event, context) => {
  const before = context.getRemainingTimeInMillis();
  debugger;
  return ['here', before - context.getRemainingTimeInMillis()];
};
""", runtime=node, Timeout=2)
    cloudlet.control("trials", {"function": function.name, "debugPort": port})
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(function)
        editor = Inspector(port)
        for method in ("Runtime.enable", "Debugger.enable", "Runtime.runIfWaitingForDebugger"):
            editor.ask(method)
        editor.until(method="Debugger.paused")
        time.sleep(2.5)  # longer than the function may run: this is what somebody looking does
        editor.ask("Debugger.resume")
        found, error = answer.result(30)
        editor.close()
    assert error is None, found
    assert found[0] == "here" and found[1] < 1500


def test_only_a_function_that_is_debugged_can_stop_its_clock(deploy):
    function = deploy("""
import os, socket, time
def handler(event, context):
    for name in os.listdir("/proc/self/fd"):
        try:
            socket.socket(fileno=os.dup(int(name))).sendall(bytes([0, 0, 0, 1]) + b"P1")
        except OSError:
            pass
    time.sleep(5)
    return "got away"
""", Timeout=1)
    answer, error = function()
    assert error == "Unhandled" and answer["errorType"] == "Sandbox.Timedout"
