"""Programs that speak AWS's APIs from inside a worker, as packages and layers."""

import io
import itertools
import json
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloudlet.functions.isolation import trial

ROLE = "arn:aws:iam::000000000000:role/any"
PYTHON = f"python3.{sys.version_info.minor}"
INTERPRETER = Path(sys.executable).resolve()
COUNT = itertools.count(1)  # of what has been given a name
CALLS = '''
import http.client, json, os, sys, time
def call(method, path, body=None, headers={}):
    """One request on a connection of its own: status, headers, document."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    raw = answer.read()
    try: document = json.loads(raw)
    except ValueError: document = raw.decode()
    return answer.status, dict(answer.headers), document
def runtime(method, path, body=None, headers={}):
    return call(method, "/2018-06-01/runtime/" + path, body, headers)
def invocation():
    """The next event, its id and headers."""
    status, headers, event = runtime("GET", "invocation/next")
    return event, headers["Lambda-Runtime-Aws-Request-Id"], headers
def respond(id, answer):
    return runtime("POST", "invocation/" + id + "/response", json.dumps(answer))
def register(name, *events, **headers):
    return call("POST", "/2020-01-01/extension/register", json.dumps({"events": events}),
                {"Lambda-Extension-Name": name, **headers})
def enlist(*events):
    """Register this file as the external extension that it is."""
    return register(os.path.basename(sys.argv[0]), *events)[1]["Lambda-Extension-Identifier"]
def event(id):
    return call("GET", "/2020-01-01/extension/event/next", headers={"Lambda-Extension-Identifier": id})[2]
def say(*words):
    print(*words, flush=True)
'''


def program(source: str) -> str:
    """A Python program that can be run as it is, and has the functions above."""
    return f"#!{INTERPRETER} -S\n{CALLS}\n{source}"


def packed(files: dict[str, str | bytes], mode: int = 0o755) -> bytes:
    """A package of programs, by path."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = mode << 16
            writer.writestr(entry, content)
    return archive.getvalue()


@dataclass
class Function:
    """A function, and clients to call it and to read its log."""

    client: object
    logs: object
    name: str

    def __call__(self, event=None, **options):
        """Invoke: the payload, and the error if there was one."""
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), **options)
        body = answer["Payload"].read()
        return (json.loads(body) if body else None), answer.get("FunctionError")

    def lines(self) -> list[str]:
        """All it has written so far."""
        try:
            found = self.logs.filter_log_events(logGroupName=f"/aws/lambda/{self.name}")
        except self.logs.exceptions.ResourceNotFoundException:
            return []
        return [one["message"].rstrip("\n") for one in found["events"]]

    def wrote(self, text: str, count: int = 1) -> list[str]:
        """The lines with this text, as soon as there are as many."""
        deadline = time.monotonic() + 20
        while len(found := [line for line in self.lines() if text in line]) < count:
            assert time.monotonic() < deadline, f"{text!r} was never written, but {self.lines()}"
            time.sleep(0.01)
        return found

    def retire(self) -> None:
        """Have its workers ended, by a change."""
        self.client.update_function_configuration(FunctionName=self.name, Description=str(time.time()))


@dataclass
class Machine:
    """Where functions are deployed."""

    cloudlet: object
    test: str

    def deploy(self, files: dict[str, str | bytes], *, runtime: str = "provided.al2023", mode: int = 0o755,
               **settings) -> Function:
        """A function of these files."""
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in f"{self.test[:50]}-{next(COUNT)}")
        client = self.cloudlet.client("lambda")
        client.create_function(FunctionName=name, Role=ROLE, Runtime=runtime,
                               **{"Handler": "app.handler", "Timeout": 20, "MemorySize": 512, **settings},
                               Code={"ZipFile": packed(files, mode)})
        return Function(client, self.cloudlet.client("logs"), name)

    def custom(self, source: str, **settings) -> Function:
        """A function whose bootstrap is this Python program."""
        return self.deploy({"bootstrap": program(source)}, **settings)

    def python(self, source: str, **settings) -> Function:
        """A function of Python's managed runtime."""
        return self.deploy({"app.py": source}, runtime=PYTHON, **settings)

    def layer(self, files: dict[str, str | bytes], mode: int = 0o755) -> str:
        """A layer of these files."""
        published = self.cloudlet.client("lambda").publish_layer_version(
            LayerName=f"layer-{next(COUNT)}", Content={"ZipFile": packed(files, mode)})
        return published["LayerVersionArn"]

    def program(self, source: str) -> str:
        """A Python program that can be run as it is."""
        return program(source)

    def extension(self, name: str, source: str) -> str:
        """A layer with this Python program as an extension."""
        return self.layer({f"extensions/{name}": program(source)})


@pytest.fixture
def machine(cloudlet, request):
    """A cloudlet that the tests of one module share."""
    return Machine(cloudlet, request.node.name)


@pytest.fixture
def unwalled(fresh, monkeypatch, request):
    """One whose workers are plain processes."""
    monkeypatch.setenv("CLOUDLET_SANDBOX", "off")
    return Machine(fresh(), request.node.name)


@pytest.fixture
def sandboxed():
    """Skips where there is no sandbox."""
    if trial():
        pytest.skip(f"no sandbox here: {trial()}")


@pytest.fixture
def eventually():
    """What becomes true soon: asked again and again, for ten seconds at most."""
    def eventually(ask):
        deadline = time.monotonic() + 10
        while not (found := ask()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.01)
        return found
    return eventually
