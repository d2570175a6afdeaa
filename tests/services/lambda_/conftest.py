"""Functions for the tests: source text in, a running function out."""

import io
import itertools
import json
import time
import zipfile
from dataclasses import dataclass

import pytest

from cloudlet.functions.runtimes import found

ROLE = "arn:aws:iam::000000000000:role/any"
PYTHON = "python3.11"
_count = itertools.count()  # the names of two tests may begin alike


def zipped(**files: str) -> bytes:
    """A package of these files; ``app_py`` is ``app.py``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            stem, _, suffix = name.rpartition("_")
            archive.writestr(f"{stem}.{suffix}", text)
    return packed.getvalue()


@dataclass
class Deployed:
    """A function, and a client to call it."""

    client: object
    name: str

    def __call__(self, event=None, **options):
        """Invoke: the payload, and the error if there was one."""
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), **options)
        body = answer["Payload"].read()
        return (json.loads(body) if body else None), answer.get("FunctionError")


@pytest.fixture
def deploy(cloudlet, request):
    """Deploy source text as a function named after the test."""
    client = cloudlet.client("lambda")
    def deploy(
        source: str, *, name: str = "", runtime: str = PYTHON, handler: str = "app.handler",
        client=client, **settings
    ) -> Deployed:
        name = name or f"{request.node.name[:40]}-{next(_count)}"
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)
        suffix = {"python": "app_py", "nodejs": "app_js"}[runtime.rstrip("0123456789.x")]
        client.create_function(FunctionName=name, Role=ROLE, Runtime=runtime, Handler=handler,
                               Code={"ZipFile": zipped(**{suffix: source})}, **settings)
        return Deployed(client, name)

    return deploy


@pytest.fixture
def js(deploy, node):
    """Deploy JavaScript; the handler is ``app.handler``."""
    return lambda source, **settings: deploy(source, runtime=node, **settings)


@pytest.fixture
def publish():
    """Give a function a URL; every one may visit it if its ``AuthType`` is NONE, as SAM sees to it."""
    def publish(function, auth="NONE", *, public=True, qualifier=None, **settings):
        where = {"FunctionName": function.name, **({"Qualifier": qualifier} if qualifier else {})}
        made = function.client.create_function_url_config(AuthType=auth, **where, **settings)
        if auth == "NONE" and public:
            allow_visits(function.client, **where)
        return made["FunctionUrl"]
    return publish


def allow_visits(client, principal="*", auth="NONE", **where):
    """The two permissions that visitors of a function's URL need."""
    client.add_permission(StatementId="url", Action="lambda:InvokeFunctionUrl", Principal=principal,
                          FunctionUrlAuthType=auth, **where)
    client.add_permission(StatementId="function", Action="lambda:InvokeFunction", Principal=principal,
                          InvokedViaFunctionUrl=True, **where)


@pytest.fixture
def node():
    """The Node.js runtime of this machine, or a skip with the reason."""
    names = [name for name in found() if name.startswith("nodejs")]
    if not names:
        pytest.skip("node is not installed")
    return names[0]


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
