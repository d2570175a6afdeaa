"""AWS's own runtime interface clients run unchanged, as custom runtimes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON_HANDLER = """
import logging
logging.getLogger().setLevel("INFO")
def handler(event, context):
    if event == "fail": raise ValueError("no " + context.function_name)
    logging.info("handled %s", event)
    return {"event": event, "arn": context.invoked_function_arn, "id": len(context.aws_request_id),
            "left": context.get_remaining_time_in_millis() > 1000,
            "custom": context.client_context.custom if context.client_context else None}
"""
NODE_HANDLER = """
exports.handler = async (event, context) => {
  if (event === 'fail') throw new TypeError('no');
  return { event, id: context.awsRequestId.length };
};
exports.stream = awslambda.streamifyResponse(async (event, out) => { out.write('[1,'); out.end('2]'); });
"""


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def awslambdaric(tmp_path_factory):
    """The Python client and what it needs, from the package index."""
    folder = tmp_path_factory.mktemp("python")
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                           "--only-binary=:all:", "--target", folder, "awslambdaric"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"awslambdaric can't be installed here: {done.stderr.strip().splitlines()[-1:]}")
    return files_of(folder)


@pytest.fixture(scope="module")
def node_client():
    """The Node.js client. It compiles libcurl for minutes, so somebody has to have installed it."""
    home = os.environ.get("AWS_LAMBDA_RIC")
    if shutil.which("node") is None or not home:
        pytest.skip("run `npm install aws-lambda-ric` in some folder, and name that in AWS_LAMBDA_RIC")
    package = Path(home) / "node_modules" / "aws-lambda-ric"
    return {f"ric/{name}": content for name, content in files_of(package).items()
            if name.startswith(("bin/", "dist/")) or name == "package.json"}


def test_the_python_client_serves_a_function(machine, awslambdaric):
    bootstrap = f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -S -m awslambdaric "$_HANDLER"\n'
    function = machine.deploy({**awslambdaric, "bootstrap": bootstrap, "app.py": PYTHON_HANDLER})
    answer, error = function({"n": 1}, ClientContext="eyJjdXN0b20iOiB7ImEiOiAxfX0=")
    assert error is None
    assert answer == {"event": {"n": 1}, "id": 36, "left": True, "custom": {"a": 1},
                      "arn": f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"}
    answer, error = function("fail")
    assert (error, answer["errorType"]) == ("Unhandled", "ValueError")
    assert answer["errorMessage"] == f"no {function.name}"
    assert function("again")[0]["event"] == "again"
    assert function.wrote("handled again")[0].startswith("[INFO]\t")


def test_the_python_client_tells_what_it_can_not_import(machine, awslambdaric):
    bootstrap = f'#!/bin/sh\nexec {Path(sys.executable).resolve()} -S -m awslambdaric "$_HANDLER"\n'
    files = {**awslambdaric, "bootstrap": bootstrap, "app.py": "import nowhere_to_be_found"}
    function = machine.deploy(files)
    answer, error = function()
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_the_node_client_serves_a_function(machine, node_client):
    bootstrap = '#!/bin/sh\nexec node ric/bin/index.mjs "$_HANDLER"\n'
    files = {**node_client, "bootstrap": bootstrap, "app.js": NODE_HANDLER}
    function = machine.deploy(files)
    assert function(1) == ({"event": 1, "id": 36}, None)
    answer, error = function("fail")
    assert (error, answer["errorType"]) == ("Unhandled", "TypeError")
    assert machine.deploy(files, Handler="app.stream")() == ([1, 2], None)
