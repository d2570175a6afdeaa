"""``cloudlet logs``: what a function wrote, or writes."""

import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import click

from . import paper
from .names import function_name
from .remote import Refusal, Remote, endpoint_option, find

Event = dict[str, Any]
_ASK_AGAIN_S = 1.0  # for a group that is not there yet
_RECENT = 100_000  # events that are known to be seen
_OVERLAP_MS = 10_000  # events arrive a little out of order
_MISSING, _OVER = "ResourceNotFoundException", "SessionTimeoutException"


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
    try:
        for event in _followed(remote, group, lines) if follow else _last(_events(remote, group, 0), lines):
            _show(event, as_json)
    except KeyboardInterrupt:
        return
    except Refusal as refusal:
        if refusal.code != _MISSING:
            raise
        raise paper.fail(f"There is no log group {group}.", "A function's group appears when it "
                         "first runs; `cloudlet status` lists the functions.") from None


def _followed(remote: Remote, group: str, lines: int) -> Iterator[Event]:
    """The last lines, then what is written, for ever; each event once.

    A session of the tail ends after some hours, and another goes on; what came in between is listed.
    """
    seen, begun = deque[Event](maxlen=_RECENT), False
    while True:
        try:
            yield from _session(remote, group, seen, None if begun else lines)
        except Refusal as refusal:
            if refusal.code not in (_MISSING, _OVER):
                raise
            begun = begun or refusal.code == _OVER
            if refusal.code == _MISSING:
                time.sleep(_ASK_AGAIN_S)


def _session(remote: Remote, group: str, seen: deque[Event], lines: int | None) -> Iterator[Event]:
    """What was not seen yet (the last ``lines`` of it), then what is written while a tail lasts."""
    twice = Counter[tuple[Any, ...]]()  # what was listed, and may be told by the tail as well
    for name, said in remote.events("logs", "StartLiveTail", logGroupIdentifiers=[group]):
        if name == "sessionStart" or said.get("sessionMetadata", {}).get("sampled"):
            news = _missed(remote, group, seen)
            seen.extend(news)
            twice = Counter(map(_key, news))
            yield from news if lines is None else _last(news, lines)
            lines = None
            continue
        for event in said.get("sessionResults", ()):
            if not _take(twice, event):
                seen.append(event)
                yield event


def _missed(remote: Remote, group: str, seen: Iterable[Event]) -> list[Event]:
    """What is in the log and was not seen."""
    known = Counter(map(_key, seen))
    since_ms = max((event["timestamp"] for event in seen), default=0) - _OVERLAP_MS
    return [event for event in _events(remote, group, max(since_ms, 0)) if not _take(known, event)]


def _take(counted: Counter[tuple[Any, ...]], event: Event) -> bool:
    """Whether such an event was counted; it is counted no more."""
    key = _key(event)
    if not counted[key]:
        return False
    counted[key] -= 1
    return True


def _key(event: Event) -> tuple[Any, ...]:
    return event["logStreamName"], event["timestamp"], event["ingestionTime"], event["message"]


def _last(events: Iterable[Event], count: int) -> Iterable[Event]:
    return deque(events, maxlen=count)


def _events(remote: Remote, group: str, since_ms: int) -> Iterator[Event]:
    token: dict[str, str] = {}
    while True:
        answer = remote.json("logs", "FilterLogEvents", logGroupName=group, startTime=since_ms, **token)
        yield from answer.get("events", ())
        if not answer.get("nextToken"):
            return
        token = {"nextToken": answer["nextToken"]}


def _show(event: Event, as_json: bool) -> None:
    if as_json:
        paper.document(event, line=True)
        return
    moment = datetime.fromtimestamp(event["timestamp"] / 1000).strftime("%H:%M:%S.%f")[:-3]
    for line in event["message"].rstrip("\n").split("\n"):
        paper.say(f"{paper.faint(moment)} {line}")
