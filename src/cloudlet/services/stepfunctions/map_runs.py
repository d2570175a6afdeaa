"""Map Runs as those see them who look after them."""

from typing import Any

import msgspec

from ...errors import ValidationException
from ...kernel import Call
from ...workflow import records as flow
from . import engine
from .errors import ResourceNotFound
from .maps import MapRun, map_runs, runs_of
from .memory import Rows
from .naming import MAP_RUN, execution_arn, machine_arn, read
from .paging import after, page
from .records import ABORTED, FAILED, RUNNING, SUCCEEDED, TIMED_OUT, Config, find_execution
from .service import stepfunctions

_ENDS = {SUCCEEDED: "succeeded", FAILED: "failed", TIMED_OUT: "timedOut", ABORTED: "aborted"}
_decode_strand = msgspec.msgpack.Decoder(flow.Strand).decode
_decode_head = msgspec.msgpack.Decoder(flow.Head).decode


@stepfunctions.operation
def describe_map_run(call: Call, map_run_arn: str) -> Config:
    """A Map Run, with what has become of its items and children so far."""
    run = _find(call, map_run_arn)
    found: Config = {
        "mapRunArn": run.arn, "executionArn": execution_arn(call, run.machine, run.name),
        "status": run.status, "startDate": run.started_ms / 1000, "maxConcurrency": run.limit,
        "toleratedFailurePercentage": run.percentage, "toleratedFailureCount": run.tolerated,
        "itemCounts": _counts(run.items, run.taken, run.total) | _redrives(run, 1),
        "executionCounts": _counts(run.executions, run.begun, run.begun) | _redrives(run, 0),
        "redriveCount": run.redrives}
    if run.redrives:
        found["redriveDate"] = run.redriven_ms / 1000
    return found | ({"stopDate": run.stopped_ms / 1000} if run.stopped_ms else {})


def _counts(ended: dict[str, int], begun: int, total: int) -> dict[str, int]:
    found = {name: ended.get(status, 0) for status, name in _ENDS.items()}
    return {**found, "pending": total - begun, "running": begun - sum(found.values()), "total": total}


def _redrives(run: MapRun, which: int) -> dict[str, int]:
    return {"resultsWritten": run.written, "failuresNotRedrivable": run.lost[which],
            "pendingRedrive": run.waiting[which] if run.status == RUNNING else 0}


@stepfunctions.operation
def list_map_runs(call: Call, execution_arn: str, max_results: int | None = None,
                  next_token: str | None = None) -> Config:
    """The Map Runs of an execution."""
    record = find_execution(call, execution_arn)
    rows = ((key, run) for key, entry in runs_of.items(call, record.id, after=after(next_token))
            if (run := map_runs.get(call, entry.arn)))

    def shown(run: MapRun) -> dict[str, Any]:
        found: Config = {
            "executionArn": execution_arn,
            "mapRunArn": run.arn,
            "stateMachineArn": machine_arn(call, run.machine),
            "startDate": run.started_ms / 1000,
        }
        return found | ({"stopDate": run.stopped_ms / 1000} if run.stopped_ms else {})

    return page("mapRuns", rows, max_results, shown)


@stepfunctions.operation
def update_map_run(call: Call, map_run_arn: str, max_concurrency: int | None = None,
                   tolerated_failure_percentage: float | None = None,
                   tolerated_failure_count: int | None = None) -> Config:
    """Change how many children run at once and how many may fail, while they run."""
    run = _find(call, map_run_arn)
    if run.status != RUNNING:
        raise ValidationException("Map Run is not running", reason="CANNOT_UPDATE_COMPLETED_MAP_RUN")
    record = engine.find(call, run.machine, run.name, run.run)
    rows = Rows(call, run.run)
    strand = _decode_strand(rows.get(("strand", run.strand, 0)) or b"")
    if record is None or strand.fan is None:
        raise ValidationException("Map Run is not running", reason="CANNOT_UPDATE_COMPLETED_MAP_RUN")
    if max_concurrency is not None:
        run.limit = strand.fan.limit = max_concurrency or 10_000
    if tolerated_failure_percentage is not None:
        run.percentage = strand.fan.percentage = tolerated_failure_percentage
    if tolerated_failure_count is not None:
        run.tolerated = strand.fan.tolerated = tolerated_failure_count
    map_runs.put(call, run.arn, record=run)
    rows.put(("strand", run.strand, 0), msgspec.msgpack.encode(strand))
    head = _decode_head(rows.get(("head", -1, 0)) or b"")
    if ("fan", run.strand) not in head.pending:  # there may be room for more children now
        head.pending.append(("fan", run.strand))
        rows.put(("head", -1, 0), msgspec.msgpack.encode(head))
    rows.flush()
    engine.drive(call, record, flow.Continue())
    return {}


def _find(call: Call, arn: str) -> MapRun:
    read(arn, MAP_RUN)
    run = map_runs.get(call, arn)
    if run is None:
        raise ResourceNotFound(f"Resource not found: '{arn}'", resourceName=arn)
    return run
