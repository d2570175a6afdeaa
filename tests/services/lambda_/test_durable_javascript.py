"""AWS's durable execution SDK for JavaScript keeps the same contract.

It comes from npm once, into a folder of the user's cache.
"""

import io
import json
import os
import shutil
import subprocess
import zipfile

import pytest

from ...stories.test_javascript import CACHE
from .conftest import ROLE

SDK = "@aws/durable-execution-sdk-js@2.4.0"
DAY = 86_400
SOURCE = """
const { withDurableExecution } = require("@aws/durable-execution-sdk-js");
exports.handler = withDurableExecution(async (event, context) => {
  const more = await context.step("add", async () => event.n + 1);
  await context.wait("sleep", { days: 2 });
  const tenfold = await context.invoke("call", "tenfold", { n: more });
  const fan = await context.map("fan", [1, 2], async (child, item) => {
    await child.wait({ hours: item });
    return child.step("times", async () => item * tenfold);
  });
  const said = await context.waitForCallback("ask", async () => {}, { timeout: { hours: 5 } });
  return { more, tenfold, fan: fan.getResults(), said };
});
"""

pytestmark = [
    pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="Node.js is not installed"),
    pytest.mark.timeout(300),  # the package is fetched the first time
]


def installed():
    """The folder in which the SDK is installed."""
    folder = CACHE / SDK.rpartition("/")[2]
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    if folder.exists():
        return folder
    beside.mkdir(parents=True, exist_ok=True)
    (beside / "package.json").write_text("{}")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", SDK]
    try:
        done = subprocess.run(command, cwd=beside, capture_output=True, text=True, timeout=240)
        if done.returncode == 0 and not folder.exists():
            beside.rename(folder)
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    if done.returncode:
        pytest.skip(f"npm can't install the SDK: {done.stderr.strip()[:200]}")
    return folder


def packed():
    folder, archive = installed(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for path in sorted((folder / "node_modules").rglob("*")):
            if path.suffix in (".js", ".cjs", ".mjs", ".json") and path.is_file():
                files.write(path, path.relative_to(folder))
        files.writestr("index.js", SOURCE)
    return archive.getvalue()


def test_an_execution_in_javascript_waits_invokes_fans_out_and_is_called_back(
        cloudlet, deploy, node, eventually):
    client = cloudlet.client("lambda")
    deploy("def handler(event, context): return event['n'] * 10", name="tenfold")
    client.create_function(FunctionName="script", Role=ROLE, Runtime=node, Handler="index.handler",
                           Timeout=60, MemorySize=1024, Code={"ZipFile": packed()},
                           DurableConfig={"ExecutionTimeout": 30 * DAY})
    arn = client.invoke(FunctionName="script", Qualifier="$LATEST", InvocationType="Event",
                        Payload=b'{"n": 1}')["DurableExecutionArn"]

    def events(kind=""):
        found = client.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
        return [event for event in found if event["EventType"].startswith(kind)]

    eventually(lambda: events("WaitStarted") and events("InvocationCompleted"))
    cloudlet.advance(2 * DAY)
    eventually(lambda: len(events("WaitStarted")) == 3)
    cloudlet.advance(3600)
    eventually(lambda: len(events("WaitSucceeded")) == 2)
    cloudlet.advance(3600)
    (asked,) = eventually(lambda: events("CallbackStarted"))
    client.send_durable_execution_callback_success(
        CallbackId=asked["CallbackStartedDetails"]["CallbackId"], Result=b"fine")
    found = eventually(lambda: (found := client.get_durable_execution(DurableExecutionArn=arn))[
        "Status"] != "RUNNING" and found)
    assert json.loads(found["Result"]) == {"more": 2, "tenfold": 20, "fan": [20, 40], "said": "fine"}
