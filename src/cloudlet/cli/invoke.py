"""``cloudlet invoke``: run a function with an event, and see what it answered and wrote."""

import base64
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

import click

from . import paper
from .debugging import explain, port_of
from .names import function_name
from .remote import Refusal, Remote, endpoint_option, find


@click.command("invoke")
@click.argument("name")
@click.option("-e", "--event", default="", metavar="FILE|-",
              help="The event, as JSON; - reads it from standard input.")
@click.option("--later", is_flag=True, help="Asynchronously: do not wait for the answer.")
@click.option("--debug", is_flag=True, help="Wait for an editor to attach; nothing times out meanwhile.")
@click.option("--debug-port", type=click.IntRange(1, 65535), help="Where; 5678 for Python, 9229 for Node.js.")
@click.option("--json", "as_json", is_flag=True, help="Answer, log and duration as one JSON object.")
@endpoint_option
def command(name: str, event: str, later: bool, debug: bool, debug_port: int | None, as_json: bool,
            endpoint: str | None) -> None:
    """Invoke the function NAME: its name, its logical id in a template, or its ARN.

    The answer goes to standard output, what the function wrote to standard error. Exits with 1 if the
    function failed.
    """
    if debug and later:
        raise click.UsageError("--debug waits for the answer, so it can't be --later.")
    remote, payload = find(endpoint), event_from(event)
    function = function_name(remote, name)
    path = f"/2015-03-31/functions/{quote(function, safe='')}/invocations"
    headers = {"x-amz-invocation-type": "Event" if later else "RequestResponse",
               "content-type": "application/json"}
    if not later:
        headers["x-amz-log-type"] = "Tail"
    began = time.perf_counter()
    with _debugged(remote, function, debug_port or 0) if debug else nullcontext():
        status, answer, body = remote.signed("lambda", "POST", path, headers, payload)
    duration_ms = (time.perf_counter() - began) * 1000
    if status >= 400:
        raise _refusal(status, answer.get("x-amzn-errortype", ""), body)
    failure = answer.get("x-amz-function-error", "")
    log = base64.b64decode(answer.get("x-amz-log-result", "")).decode(errors="replace")
    if as_json:
        paper.document({"status": status, "error": failure or None, "durationMs": round(duration_ms, 2),
                        "payload": _loaded(body), "log": log.splitlines()})
    else:
        _show(remote, body, log, failure, duration_ms, later)
    if failure:
        sys.exit(1)


@contextmanager
def _debugged(remote: Remote, function: str, wanted: int) -> Iterator[None]:
    """Let the function wait for an editor, for as long as this lasts."""
    told = remote.rest("lambda", "GET", f"/2015-03-31/functions/{quote(function, safe='')}/configuration")
    port = port_of(told["Runtime"], wanted)
    remote.control("trials", {"function": told["FunctionName"], "debugPort": port})
    remote.patience_s = None
    explain(told["FunctionName"], told["Runtime"], port)
    try:
        yield
    finally:
        remote.control("trials", {"function": told["FunctionName"]})


def _show(remote: Remote, body: bytes, log: str, failure: str, duration_ms: float, later: bool) -> None:
    for line in log.splitlines():
        paper.say(line, dim=True, err=True)
    if later:
        paper.say("accepted", err=True)
        return
    document = _loaded(body)
    pretty = json.dumps(document, indent=2) if paper.on_terminal() else body.decode(errors="replace")
    paper.say(paper.bad(pretty) if failure else pretty)
    if paper.on_terminal():
        paper.say(f"{failure or 'answered'} in {duration_ms:.1f} ms", dim=True, err=True)


def event_from(source: str) -> bytes:
    """The event in a file, or on standard input for ``-``; an empty object if none is named."""
    if not source:
        return b"{}"
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise paper.fail(f"The event {source} can't be read: {error.strerror}.") from None
    try:
        json.loads(raw)
    except ValueError as error:
        raise paper.fail(f"The event in {source} is no JSON: {error}.") from None
    return raw


def _loaded(body: bytes) -> object:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")


def _refusal(status: int, code: str, body: bytes) -> click.ClickException:
    document = _loaded(body)
    told = document if isinstance(document, dict) else {}
    message = told.get("message") or told.get("Message") or f"status {status}"
    return Refusal(code.partition(":")[0], str(message), status)
