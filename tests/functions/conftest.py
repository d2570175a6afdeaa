"""Programs that speak AWS's APIs from inside a worker, and hostile ones, on cloudlets of every kind.

Each cloudlet for hostile functions is a program of its own, so that its memory can be looked at and its end
be told from ours.
"""

import io
import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cloudlet.functions.isolation import trial
from cloudlet.scratch import Scratch

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


HERE = Path(__file__).parent
ORDINARY = 61_234  # a user that no machine has
_QUICK = Config(retries={"max_attempts": 0}, read_timeout=40, s3={"addressing_style": "path"})
USERS = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]

# what every hostile handler has at hand
PRELUDE = """\
import ctypes, errno, json, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def tried(step, *arguments):
    try:
        return step(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))

def called(number, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *arguments)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else result

def read(path):
    with open(path, "rb") as file:
        return file.read(4096).decode("latin-1")

def write(path, text="x"):
    with open(path, "w") as file:
        return file.write(text)

"""


class Serving:
    """A cloudlet in a process of its own."""

    def __init__(self, user: str, network: str) -> None:
        self._scratch = Scratch("walls")
        self._scratch.path.chmod(0o711)
        self.folder = str(self._scratch.path / "home")
        Path(self.folder).mkdir(mode=0o700)
        uid = os.geteuid() if user == "root" or os.geteuid() else ORDINARY
        os.chown(self.folder, uid, -1)
        self.network = network
        with (Path(self.folder) / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, HERE / "serving.py", str(uid), network, self.folder], text=True,
                stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, "HOME": self.folder})
        line = self.process.stdout.readline()
        assert line, self.said()
        told = json.loads(line)
        self.port, self.token, self.abilities = told["port"], told["token"], told["abilities"]
        self.url = f"http://127.0.0.1:{self.port}"
        self._clients, self._count = {}, 0
        self.lambda_ = self.client("lambda")

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service, endpoint_url=self.url, region_name="us-east-1", config=_QUICK,
                aws_access_key_id="test", aws_secret_access_key="test")
        return self._clients[service]

    def deploy(self, source, *, runtime=PYTHON, package=None, **settings):
        """A hostile function; its name comes back."""
        self._count += 1
        name = f"hostile-{self._count}"
        if package is None:
            package = zipped({"app.py": PRELUDE + textwrap.dedent(source)} if runtime == PYTHON
                             else {"app.js": source})
        self.lambda_.create_function(FunctionName=name, Role=ROLE, Runtime=runtime, Handler="app.handler",
                                     Code={"ZipFile": package}, **settings)
        return name

    def invoke(self, name, event=None, **options):
        """What the function answered, and its error."""
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(event), **options)
        body = answer["Payload"].read()
        return json.loads(body) if body else None, answer.get("FunctionError")

    def run(self, source, event=None, **settings):
        """Deploy, invoke, and give the answer of a handler that is to succeed."""
        answer, error = self.invoke(self.deploy(source, **settings), event)
        assert error is None, answer
        return answer

    def control(self, path, body=None, token=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_cloudlet/{path}", data,
                                         {"x-cloudlet-token": self.token if token is None else token})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def memory_mb(self):
        """Memory that the cloudlet itself has in use."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) >> 10
        raise AssertionError("it has ended")

    def said(self):
        return (Path(self.folder) / "stderr").read_text()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.process.stdout.close()
        self._scratch.remove()


def zipped(files):
    """A package of these files; a name may bring its own ``ZipInfo``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


@pytest.fixture(scope="session")
def _served():
    """Every cloudlet that a test asked for, started once."""
    if trial():
        pytest.skip(f"no sandbox here: {trial()}")
    served = {}

    def serve(user, network):
        if (user, network) not in served:
            served[user, network] = Serving(user, network)
            ends.callback(served[user, network].stop)
        return served[user, network]

    with ExitStack() as ends:
        yield serve


def _checked(serving):
    """Lend it to a test; afterwards it and the functions of others must serve as before."""
    neighbour = getattr(serving, "neighbour", None)
    if neighbour is None:
        neighbour = serving.neighbour = serving.deploy("def handler(event, context): return event")
    yield serving
    assert serving.process.poll() is None, serving.said()
    assert serving.invoke(neighbour, "still here") == ("still here", None)
    assert serving.control("health")["status"] == "running"


@pytest.fixture(params=USERS)
def cloud(request, _served):
    """A cloudlet whose functions have the machine's network."""
    yield from _checked(_served(request.param, "host"))


@pytest.fixture(params=USERS)
def island(request, _served):
    """A cloudlet whose functions have networks of their own."""
    yield from _checked(_served(request.param, "isolated"))


@pytest.fixture(params=[(user, network) for user in USERS for network in ("host", "isolated")], ids="-".join)
def either(request, _served):
    """A cloudlet of either kind."""
    yield from _checked(_served(*request.param))
