"""What the platform writes into a function's log: how an invocation began, ended and what it took.

As text, AWS's START, END and REPORT. As JSON, its platform events, each with the level that AWS gives it, so
that ``SystemLogLevel`` says which are written. There is no version of a runtime here to tell.
Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

import json
import math
from datetime import UTC, datetime
from typing import Any

from ...functions import Invocation, Outcome, Spec
from ...telemetry import Trace

Lines = list[tuple[int, str]]
_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


def lines(spec: Spec, invocation: Invocation, outcome: Outcome, logging: dict[str, str], trace: Trace,
          now_ms: int) -> Lines:
    """What the function wrote, with what the platform has to say around it."""
    loading, running = outcome.log[: outcome.init_lines], outcome.log[outcome.init_lines :]
    began_ms = now_ms - math.ceil(outcome.duration_ms)
    start_ms = min([max([began_ms, *(at_ms for at_ms, _ in loading)]), *(at_ms for at_ms, _ in running[:1])])
    if logging["LogFormat"] == "JSON":
        least = _LEVELS[logging["SystemLogLevel"]]
        init_ms = min([start_ms, *(at_ms for at_ms, _ in loading[:1])])
        init, start, end = _events(spec, invocation, outcome, trace)
        return [*_written(init[:1], init_ms, least), *loading, *_written(init[1:], start_ms, least),
                *_written(start, start_ms, least), *running, *_written(end, now_ms, least)]
    id = invocation.request_id
    return [*loading, (start_ms, f"START RequestId: {id} Version: {spec.version}"), *running,
            (now_ms, f"END RequestId: {id}"), (now_ms, _report(spec, id, outcome, trace))]


def _report(spec: Spec, id: str, outcome: Outcome, trace: Trace) -> str:
    report = (f"REPORT RequestId: {id}\tDuration: {outcome.duration_ms:.2f} ms\t"
              f"Billed Duration: {_billed_ms(outcome)} ms\t"
              f"Memory Size: {spec.memory_mb} MB\tMax Memory Used: {outcome.memory_mb} MB\t")
    if outcome.init_ms:
        report += f"Init Duration: {outcome.init_ms:.2f} ms\t"
    if outcome.restore_ms:
        report += (f"Restore Duration: {outcome.restore_ms:.2f} ms\t"
                   f"Billed Restore Duration: {math.ceil(outcome.restore_ms)} ms\t")
    if trace.sampled:
        report += f"\nXRAY TraceId: {trace.root}\tSegmentId: {trace.parent}\tSampled: true\t"
    if outcome.error and outcome.error != "Unhandled":
        status = _status(outcome)
        report += f"Status: {status}" + (f"\tError Type: {outcome.error}" if status == "error" else "")
    return report


Event = tuple[str, str, dict[str, Any]]  # level, type, record


def _events(spec: Spec, invocation: Invocation, outcome: Outcome,
            trace: Trace) -> tuple[list[Event], list[Event], list[Event]]:
    """The platform's events around loading, and before and after what the function wrote."""
    id, status = {"requestId": invocation.request_id}, _status(outcome)
    tracing = {"tracing": {"spanId": trace.parent, "type": "X-Amzn-Trace-Id", "value": invocation.trace}}
    own = tracing if trace.sampled else {}
    init: list[Event] = []
    if outcome.restore_ms:
        init = [
            ("DEBUG", "platform.restoreStart",
             {"functionName": spec.name, "functionVersion": spec.version}),
            ("DEBUG", "platform.restoreRuntimeDone", {"status": "success"}),
            ("DEBUG", "platform.restoreReport",
             {"status": "success", "metrics": {"durationMs": round(outcome.restore_ms, 3)}}),
        ]
    elif outcome.init_ms:
        phase = {"initializationType": "on-demand", "phase": "init"}
        ended, level = ("error", "WARN") if outcome.init_failed else ("success", "DEBUG")
        init = [
            ("DEBUG", "platform.initStart",
             {**phase, "functionName": spec.name, "functionVersion": spec.version}),
            (level, "platform.initRuntimeDone", {**phase, "status": ended}),
            (level, "platform.initReport",
             {**phase, "status": ended, "metrics": {"durationMs": round(outcome.init_ms, 3)}}),
        ]
    start: list[Event] = [("INFO", "platform.start", {**id, "version": spec.version, **own})]
    metrics: dict[str, Any] = {
        "durationMs": round(outcome.duration_ms, 3), "billedDurationMs": _billed_ms(outcome),
        "memorySizeMB": spec.memory_mb, "maxMemoryUsedMB": outcome.memory_mb}
    if outcome.init_ms:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    if outcome.restore_ms:
        metrics["restoreDurationMs"] = round(outcome.restore_ms, 3)
    failure = {"errorType": outcome.error} if status == "error" and outcome.error != "Unhandled" else {}
    done = {"status": status, **failure, **own}
    level = "WARN" if status != "success" else ""
    return init, start, [
        (level or "DEBUG", "platform.runtimeDone",
         {**id, **done, "metrics": {"durationMs": round(outcome.duration_ms, 3)}}),
        (level or "INFO", "platform.report", {**id, "metrics": metrics, **done})]


def _written(events: list[Event], at_ms: int, least: int) -> Lines:
    """The events of enough weight, as JSON."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    return [(at_ms, json.dumps({"time": moment, "type": type, "record": record}, separators=(",", ":")))
            for level, type, record in events if _LEVELS[level] >= least]


def _status(outcome: Outcome) -> str:
    if not outcome.error:
        return "success"
    return "timeout" if outcome.error == "Sandbox.Timedout" else "error"


def _billed_ms(outcome: Outcome) -> int:
    return math.ceil(outcome.duration_ms + outcome.init_ms)
