"""Answers from outside: whoever has a task's token says that it is done, has failed, or still goes on."""

import msgspec

from ...kernel import Call
from ...workflow import records as flow
from . import engine
from .errors import InvalidOutput, TaskTimedOut
from .limits import INPUT_BYTES
from .records import executions
from .service import stepfunctions
from .tokens import read


@stepfunctions.operation
def send_task_success(call: Call, task_token: str, output: str) -> None:
    """The task is done."""
    if len(output.encode("utf-8", "surrogatepass")) > INPUT_BYTES:
        raise InvalidOutput(f"Invalid Output: it has more than {INPUT_BYTES} bytes")
    try:
        msgspec.json.decode(output)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidOutput(f"Invalid Output: '{error}'") from None
    wait = read(task_token)
    _tell(call, task_token, flow.Answer(wait.strand, wait.ticket, "done", output))


@stepfunctions.operation
def send_task_failure(call: Call, task_token: str, error: str | None = None,
                      cause: str | None = None) -> None:
    """The task has failed."""
    wait = read(task_token)
    _tell(call, task_token, flow.Failed(wait.strand, wait.ticket, error, cause))


@stepfunctions.operation
def send_task_heartbeat(call: Call, task_token: str) -> None:
    """The task goes on: its time to the next sign of life begins anew."""
    wait = read(task_token)
    _tell(call, task_token, flow.Answer(wait.strand, wait.ticket, "alive"))


def _tell(call: Call, token: str, event: flow.Answer | flow.Failed) -> None:
    wait = read(token)
    if (wait.account, wait.region) != (call.account, call.region):
        raise TaskTimedOut
    record = executions.get(call, wait.machine, wait.name)
    if record is None or record.id != wait.run or not engine.is_awaited(call, record, wait.strand,
                                                                        wait.ticket):
        raise TaskTimedOut
    engine.drive(call, record, event)
