"""What `cloudlet up` and `cloudlet deploy` tell: on paper for people, as JSON lines for programs.

Both are told the same events, as plain documents, so that a running cloudlet can send them to the command
that asked for a deployment.
"""

import sys
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Protocol

from . import paper
from .debugging import explain

Event = dict[str, Any]
_QUIET = ("START RequestId:", "END RequestId:", "INIT_START")  # `cloudlet logs` has every line
_PLUMBING = frozenset({"AWS::IAM::Role", "AWS::IAM::Policy", "AWS::Lambda::Permission",
                       "AWS::ApiGatewayV2::Stage"})
_UNREAD = 10_000  # events
_PATIENCE_S = 2.0
_ERASE = "\r\x1b[2K"


class Report(Protocol):
    """One who is told what happens."""

    def tell(self, event: Event) -> None: ...


class Aside:
    """Lets another report tell in a thread of its own: who reads slowly, or not at all, delays nobody.

    When too much is unread, what functions write is left out, and said to be; their logs have it.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._left_out = 0
        self._thread = Thread(target=self._write, name="report", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Take the event, and return at once."""
        if event["event"] in ("log", "progress") and self._events.qsize() > _UNREAD:
            self._left_out += event["event"] == "log"
            return
        if self._left_out:
            self._events.put({"event": "log", "function": "cloudlet", "timestamp": event.get("timestamp"),
                              "message": f"{self._left_out} lines were left out, for they were not read"})
            self._left_out = 0
        self._events.put(event)

    def close(self) -> None:
        """Wait a moment for what is unread."""
        self._events.put(None)
        self._thread.join(_PATIENCE_S)

    def _write(self) -> None:
        with suppress(BrokenPipeError):  # nobody reads any more; the cloudlet goes on
            while (event := self._events.get()) is not None:
                self._report.tell(event)


class JsonLines:
    """Every event as one line of JSON."""

    def tell(self, event: Event) -> None:
        """Write the event, and let it go at once."""
        paper.document(event, line=True)
        sys.stdout.flush()


class Paper:
    """Calm lines and tables. On a terminal, what is under way stands in one line that is overwritten."""

    def __init__(self) -> None:
        self._passing = False
        self._names: dict[str, str] = {}  # of functions: physical → logical
        self._shown: set[str] = set()  # stacks

    def tell(self, event: Event) -> None:
        """Show the event."""
        if event["event"] != "progress":
            self._erase()
        getattr(self, f"_{event['event']}")(event)
        sys.stdout.flush()

    def _ready(self, event: Event) -> None:
        data = event["data"]
        kept = f"state is kept in {short(data)}" if data else "nothing is kept"
        paper.say(f"cloudlet is up at {paper.bold(event['endpoint'])} after {event['startedMs']:.0f} ms")
        if event["credentials"] == "known":
            paper.say("only keys that were made here are believed; `cloudlet env` gives you the root key",
                      dim=True)
        elif event["reachable"]:
            paper.say(paper.warning("everybody who can reach this address is believed without proof, and may "
                                    "do everything; --credentials known ends that"))
        if event["mqttPort"]:
            paper.say(f"it speaks MQTT at port {event['mqttPort']}", dim=True)
        paper.say(f'{kept}; eval "$(cloudlet env)" points your tools here; Ctrl-C stops', dim=True)

    def _isolation(self, event: Event) -> None:
        if event["network"] == "isolated":
            paper.say("functions have a network of their own, in which only the cloudlet answers", dim=True)
        if event["missing"]:
            paper.say(paper.warning(f"functions are not fully isolated here: {', '.join(event['missing'])} "
                                    "(`cloudlet doctor` says why)"))

    def _empty(self, event: Event) -> None:
        paper.say()
        paper.say(f"There is no template in {short(event['path'])}, so it is empty. "
                  "`cloudlet deploy PATH` deploys an application to it.")

    def _progress(self, event: Event) -> None:
        if paper.on_terminal():
            sys.stdout.write(f"{_ERASE}  {paper.faint(event['text'][:100])}")
            self._passing = True
        elif event["stage"] != "resource":
            paper.say(f"  {event['text']}")

    def _deployed(self, event: Event) -> None:
        self._names.update({one["physicalId"]: one["logicalId"] for one in event["resources"]
                            if one["type"] == "AWS::Lambda::Function"})
        paper.say()
        done = {"create": "created", "update": "updated", "none": "is as it was"}[event["action"]]
        paper.say(f"stack {paper.bold(event['stack'])} {done}, "
                  f"{len(event['resources'])} resources, {event['seconds']:.2f} s")
        if event["action"] == "create" or event["stack"] not in self._shown:
            paper.table(("", ""), created(event["resources"]), heading=False)
        if event["action"] != "none" or event["stack"] not in self._shown:
            _addresses(event)
        for notice in event["notices"]:
            paper.say(f"  {paper.warning(notice)}")
        self._shown.add(event["stack"])

    def _failed(self, event: Event) -> None:
        paper.say()
        paper.say(paper.bad(event["message"]), err=True)
        for one in event.get("failures", ()):
            paper.say(f"  {one['logicalId']} ({one['type']}): {one['reason']}", err=True)
        if event.get("watching"):
            paper.say("Save the template and it is tried again.", dim=True, err=True)

    def _debug(self, event: Event) -> None:
        explain(event["function"], event["runtime"], event["port"])

    def _reloaded(self, event: Event) -> None:
        paper.say(f"{moment()} {short(event['folder'])} changed: live on the next request", dim=True)

    def _log(self, event: Event) -> None:
        if event["message"].startswith(_QUIET):
            return
        name = str(self._names.get(event["function"], event["function"]))
        text = event["message"].rstrip("\n")
        shown = paper.faint(_figures(text)) if text.startswith("REPORT RequestId:") else text
        paper.say(f"{paper.faint(moment(event['timestamp']))} {paper.bold(name)} {shown}")

    def _stopping(self, event: Event) -> None:
        paper.say()
        paper.say("stopping: what is being answered is finished first", dim=True)

    def _stopped(self, event: Event) -> None:
        """Nothing: the prompt says it."""

    def _erase(self) -> None:
        if self._passing:
            sys.stdout.write(_ERASE)
            self._passing = False


def created(resources: list[dict[str, str]]) -> list[tuple[str, str]]:
    """What was created, by type; the plumbing that SAM adds comes last, as a number."""
    by_type: dict[str, list[str]] = defaultdict(list)
    for one in resources:
        by_type[one["type"]].append(one["logicalId"])
    rows = [(paper.faint(type_.removeprefix("AWS::").replace("::", " ")), ", ".join(sorted(names)))
            for type_, names in sorted(by_type.items()) if type_ not in _PLUMBING]
    hidden = [(type_.rpartition("::")[2], len(names)) for type_, names in by_type.items()
              if type_ in _PLUMBING]
    if hidden:
        rows.append((paper.faint("and"), paper.faint(", ".join(
            f"{count} {kind.lower()}{'s' * (count > 1)}" for kind, count in sorted(hidden)))))
    return rows


def _addresses(event: Event) -> None:
    """URLs first, then whatever else the stack gives out."""
    urls = event["urls"]
    rest = {name: value for name, value in event["outputs"].items() if value not in urls.values()}
    if urls or rest:
        paper.say()
        paper.table(("", ""), [(name, paper.bold(value)) for name, value in {**urls, **rest}.items()],
                    heading=False)


def _figures(line: str) -> str:
    """A REPORT line, short: how long it took and how much memory it needed."""
    found = dict(part.split(": ", 1) for part in line.split("\t") if ": " in part)
    used = found.get("Max Memory Used", "?").removesuffix(" MB")
    init = f", initialised in {found['Init Duration']}" if "Init Duration" in found else ""
    return f"took {found.get('Duration', '?')}{init}, {used} of {found.get('Memory Size', '?')}"


def report(as_json: bool) -> Report:
    """The one that was asked for."""
    return JsonLines() if as_json else Paper()


def short(path: object) -> str:
    """A path as one would type it here."""
    text, home = str(path), str(Path.home())
    here = f"{Path.cwd()}/"
    if text.startswith(here):
        return text.removeprefix(here)
    return f"~{text[len(home):]}" if text.startswith(f"{home}/") else text


def moment(at_ms: int | None = None) -> str:
    """A time of day."""
    when = datetime.fromtimestamp(at_ms / 1000) if at_ms else datetime.now()
    return when.strftime("%H:%M:%S")
