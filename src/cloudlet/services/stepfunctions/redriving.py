"""Redriving: an execution that failed is taken up again where it failed.

What had succeeded stays; the state that failed is run again with the input it had. A distributed Map goes on
with its Map Run: children that failed are redriven in their turn, Express ones started anew.
"""

from ...kernel import Call
from ...workflow.records import Redrive
from . import engine, history, limits
from .errors import ExecutionNotRedrivable
from .records import ABORTED, FAILED, RUNNING, TIMED_OUT, Config, Execution, enter, find_execution
from .service import stepfunctions


@stepfunctions.operation
def redrive_execution(call: Call, execution_arn: str, client_token: str | None = None) -> Config:
    """Run again what failed."""
    record = find_execution(call, execution_arn)
    if client_token and record.redrive_token == client_token and record.redrives:
        return {"redriveDate": record.redriven_ms / 1000}
    if reason := _reason(call, record):
        raise ExecutionNotRedrivable(f"Execution Not Redrivable: '{reason}'")
    record.redrive_token = client_token or ""
    take_up(call, record)
    return {"redriveDate": call.now_ms / 1000}


def take_up(call: Call, record: Execution) -> None:
    """Let an execution that had ended go on where it failed."""
    engine.keep_on(call, record)
    record.redrives, record.redriven_ms, record.stopped_ms = record.redrives + 1, call.now_ms, 0
    enter(call, record, RUNNING)
    engine.drive(call, record, Redrive())


def has_room(call: Call, record: Execution) -> bool:
    """Whether the history of an execution can be continued."""
    return history.last(call, record).id < limits.REDRIVE_EVENTS


def status(call: Call, record: Execution) -> Config:
    """Whether an execution could be redriven, and why not."""
    reason = _reason(call, record)
    if reason is None:
        found: Config = {"redriveStatus": "REDRIVABLE"}
    else:
        found = {"redriveStatus": "REDRIVABLE_BY_MAP_RUN" if record.map_run else "NOT_REDRIVABLE",
                 "redriveStatusReason": reason}
    return found | ({"redriveDate": record.redriven_ms / 1000} if record.redrives else {})


def _reason(call: Call, record: Execution) -> str | None:
    if record.map_run:
        return "Execution is the child of a Map Run and can only be redriven with it"
    if record.status not in (FAILED, ABORTED, TIMED_OUT):
        return f"Execution is {record.status} and cannot be redriven"
    if call.now_ms - record.stopped_ms > limits.REDRIVABLE_MS:
        return "Execution has exceeded the redrivable period of 14 days"
    if not has_room(call, record):
        return "Execution history event limit exceeded"
    return None
