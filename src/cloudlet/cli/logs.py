"""``cloudlet logs``: what a function wrote, or writes."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from . import paper
from .names import function_name
from .remote import Refusal, Remote, endpoint_option, find

_ASK_AGAIN_S = 0.25
_OVERLAP_MS = 10_000  # lines arrive a little out of order; what was shown is not shown again


@click.command("logs")
@click.argument("name")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on, until Ctrl-C.")
@click.option("-n", "--lines", default=100, show_default=True,
              help="How many of the last lines to show first.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@endpoint_option
def command(name: str, follow: bool, lines: int, as_json: bool, endpoint: str | None) -> None:
    """Show the log of the function NAME (or of the log group, if it begins with /)."""
    remote = find(endpoint)
    group = name
    if not name.startswith("/"):
        group = f"/aws/lambda/{function_name(remote, name).rpartition(':function:')[2]}"
    shown: dict[str, int] = {}
    try:
        past = list(_events(remote, group, 0))
    except Refusal as refusal:
        if refusal.code != "ResourceNotFoundException":
            raise
        if not follow:
            raise paper.fail(f"There is no log group {group}.", "A function's group appears when it "
                             "first runs; `cloudlet status` lists the functions.") from None
        past = []
    for event in past[-lines:] if lines else ():
        _show(event, as_json)
    shown.update((event["eventId"], event["timestamp"]) for event in past)
    try:
        while follow:
            time.sleep(_ASK_AGAIN_S)
            _news(remote, group, shown, as_json)
    except KeyboardInterrupt:
        return


def _news(remote: Remote, group: str, shown: dict[str, int], as_json: bool) -> None:
    since = max(shown.values(), default=0) - _OVERLAP_MS
    for old in [id for id, moment in shown.items() if moment < since]:
        del shown[old]
    try:
        for event in _events(remote, group, max(since, 0)):
            if event["eventId"] not in shown:
                shown[event["eventId"]] = event["timestamp"]
                _show(event, as_json)
    except Refusal as refusal:
        if refusal.code != "ResourceNotFoundException":
            raise


def _events(remote: Remote, group: str, since_ms: int) -> Iterator[dict[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = remote.json("logs", "FilterLogEvents", logGroupName=group, startTime=since_ms, **token)
        yield from answer.get("events", ())
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}


def _show(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        paper.document(event, line=True)
        return
    moment = datetime.fromtimestamp(event["timestamp"] / 1000).strftime("%H:%M:%S.%f")[:-3]
    for line in event["message"].rstrip("\n").split("\n"):
        paper.say(f"{paper.faint(moment)} {line}")
