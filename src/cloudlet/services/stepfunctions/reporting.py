"""What the default event bus hears of Standard executions: that they run, and how they ended.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from ...fabric.announcements import announce
from ...kernel import Call
from ...workflow import records as flow
from .limits import EVENT_BYTES
from .naming import execution_arn, machine_arn
from .records import Config, Execution


def changed(call: Call, record: Execution, text: str, finish: flow.Finish | None = None) -> None:
    """An execution has begun with the input ``text``, or has ended."""
    arn = execution_arn(call, record.machine, record.name)
    found: Config = {
        "executionArn": arn, "stateMachineArn": machine_arn(call, record.machine), "name": record.name,
        "status": record.status, "startDate": record.started_ms, "stopDate": record.stopped_ms or None,
        "input": text if _fits(text) else None, "output": None,
        "inputDetails": {"included": _fits(text)}, "outputDetails": None,
        "error": None, "cause": None, "stateMachineVersionArn": _of(call, record, record.version),
        "stateMachineAliasArn": _of(call, record, record.alias), "redriveCount": record.redrives,
        "redriveDate": record.redriven_ms or None, "redriveStatus": None, "redriveStatusReason": None}
    if finish:
        found |= {"error": finish.error, "cause": finish.cause}
    if finish and finish.output is not None:
        fits = _fits(finish.output)
        found |= {"output": finish.output if fits else None, "outputDetails": {"included": fits}}
    announce(call.elsewhere(service="stepfunctions"), "aws.states",
             "Step Functions Execution Status Change", found, [arn])


def _fits(text: str) -> bool:
    return len(text) <= EVENT_BYTES // 4 or len(text.encode()) <= EVENT_BYTES


def _of(call: Call, record: Execution, qualifier: str) -> str | None:
    return machine_arn(call, record.machine, qualifier) if qualifier else None
