"""What an execution environment tells of itself: to the log, and to extensions as telemetry.

Source: docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import contextlib
import json
import math
import time
import typing

from .extensions_api import Extension
from .runtime_api import Turn
from .telemetry_api import Relay, stamp

Told = typing.Dict[str, typing.Any]
TIMED_OUT = "Sandbox.Timedout"
_EVENTS = "events"  # names a service: no, this is a member of AWS's record


class Reports:
    """Writes lines, and tells the same as events."""

    def __init__(self, setup: Told, relay: Relay, write: typing.Callable[[str], None]) -> None:
        self._setup, self._relay, self._write = setup, relay, write
        self._json = setup["environment"].get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
        self._init_ms: float | None = None  # told with the first invocation

    def say(self, line: str, kind: str = "function") -> None:
        """A line of the function's, or of an extension's."""
        self._write(line)
        record: object = line
        if self._json and line.startswith("{"):
            with contextlib.suppress(ValueError):
                record = json.loads(line)
        self._relay.tell(kind, record)

    def warn(self, line: str) -> None:
        """A line of cloudlet's own."""
        self._write(f"cloudlet: {line}")

    def subscribed(self, name: str, types: "list[str]") -> None:
        """An extension wants telemetry."""
        self._platform("telemetrySubscription", {"name": name, "state": "Subscribed", "types": types},
                       f"TELEMETRY\tName: {name}\tState: Subscribed\t"
                       f"Types: [{', '.join(one.capitalize() for one in types)}]")

    def init_begins(self, phase: str) -> None:
        """The initialisation starts."""
        self._tell("initStart", {**_kind_of(phase), **self._setup["instance"]})

    def runtime_initialised(self, phase: str, error: str = "") -> None:
        """The runtime has asked for its first event, or never will."""
        self._tell("initRuntimeDone", {**_kind_of(phase), **_outcome(error)})

    def init_ends(self, phase: str, ms: float, extensions: "typing.Iterable[Extension]", error: str) -> None:
        """The initialisation is over; AWS writes a line about extensions, and one about a failure."""
        for one in extensions:
            subscribed = sorted(one.events)
            record = {"name": one.name, "state": one.state, _EVENTS: subscribed}
            line = f"EXTENSION\tName: {one.name}\tState: {one.state}\tEvents: [{','.join(subscribed)}]"
            if one.error_type:
                record["errorType"], line = one.error_type, f"{line}\tError Type: {one.error_type}"
            self._platform("extension", record, line)
        report = {**_kind_of(phase), "metrics": {"durationMs": round(ms, 3)}, **_outcome(error)}
        if not error:
            self._init_ms = ms
            self._tell("initReport", report)
            return
        line = f"INIT_REPORT Init Duration: {ms:.2f} ms\tPhase: {phase}\tStatus: {report['status']}"
        self._platform("initReport", report, line + (f"\tError Type: {error}" if error != TIMED_OUT else ""))

    def begins(self, turn: Turn) -> None:
        """An invocation starts."""
        self._tell("start", {"requestId": turn.id, "version": self._setup["about"]["functionVersion"],
                             "tracing": tracing(turn)})

    def runtime_done(self, turn: Turn, error: str = "") -> None:
        """The runtime is through with it."""
        now = time.time()
        record = {"requestId": turn.id, "tracing": tracing(turn), **_outcome(error),
                  "metrics": {"durationMs": _ms(turn.begun, now), "producedBytes": turn.produced}}
        if not error:
            record["spans"] = [_span("responseLatency", turn.begun, turn.responded),
                               _span("responseDuration", turn.responded, turn.sent),
                               _span("runtimeOverhead", turn.sent, now)]
        self._tell("runtimeDone", record)

    def ends(self, turn: Turn, most_kb: int, waited_since: "float | None" = None, error: str = "") -> None:
        """An invocation is over; extensions were waited for since that moment."""
        now = time.time()
        ms, init_ms = _ms(turn.begun, now), self._init_ms
        metrics = {"durationMs": ms, "billedDurationMs": math.ceil(ms + (init_ms or 0)),
                   "memorySizeMB": self._setup["memory_mb"], "maxMemoryUsedMB": -(-most_kb // 1024)}
        if init_ms is not None:
            metrics["initDurationMs"], self._init_ms = round(init_ms, 3), None
        record = {"requestId": turn.id, "metrics": metrics, "tracing": tracing(turn), **_outcome(error)}
        if waited_since is not None:
            record["spans"] = [_span("extensionOverhead", waited_since, now)]
        self._tell("report", record)

    def _platform(self, kind: str, record: Told, line: str) -> None:
        event = {"time": stamp(), "type": f"platform.{kind}", "record": record}
        self._write(json.dumps(event) if self._json else line)
        self._tell(kind, record)

    def _tell(self, kind: str, record: Told) -> None:
        self._relay.tell(f"platform.{kind}", record)


def tracing(turn: Turn) -> Told:
    """The trace of an invocation, as events say it."""
    return {"type": "X-Amzn-Trace-Id", "value": turn.head["trace"]}


def _kind_of(phase: str) -> Told:
    return {"initializationType": "on-demand", "phase": phase}


def _outcome(error: str) -> Told:
    if not error:
        return {"status": "success"}
    return {"status": "timeout" if error == TIMED_OUT else "error", "errorType": error}


def _ms(begun: float, ended: float) -> float:
    return round(max(ended - begun, 0) * 1000, 3)


def _span(name: str, begun: float, ended: float) -> Told:
    return {"name": name, "start": stamp(begun), "durationMs": _ms(begun, ended)}
