"""Checkpoints: the function says what it did, and learns what happened meanwhile.

Each checkpoint consumes a token and gives the next one, so what an invocation that was given up says late is
refused. A checkpoint that is asked for once more, with the same client token, is answered once more.
"""

from typing import Any

from ....kernel import Call
from ..limits import DURABLE_PAGE, DURABLE_PAGE_BYTES
from ..service import lambda_
from .executions import PAUSING, Answer, Execution, executions, holder, parts_of, save, token_of
from .operations import after_of, page, shown, told
from .pausing import take_effect
from .updates import apply

Config = dict[str, Any]


@lambda_.operation
def checkpoint_durable_execution(
    call: Call,
    durable_execution_arn: str,
    checkpoint_token: str,
    updates: list[Config] | None = None,
    client_token: str | None = None,
) -> Config:
    """Keep what a function did, and tell it what has changed."""
    again = _answered(call, durable_execution_arn, checkpoint_token, client_token)
    if again is not None:
        return again
    record = holder(call, durable_execution_arn, checkpoint_token)
    apply(call, record, updates or [])
    if not record.is_open:
        return {"NewExecutionState": {}}
    if record.status == PAUSING:
        record.invocation, record.answer, record.owed = "", None, True
        take_effect(call, record)
        save(call, record)
        return {"NewExecutionState": {}}
    record.tokens += 1
    record.answer = Answer(client_token, checkpoint_token, record.unseen) if client_token else None
    answer = _answer(call, record, record.unseen)
    record.unseen = []
    save(call, record)
    return answer


@lambda_.operation
def get_durable_execution_state(
    call: Call,
    durable_execution_arn: str,
    checkpoint_token: str,
    marker: str | None = None,
    max_items: int | None = None,
) -> Config:
    """What an execution remembers, page by page."""
    record = holder(call, durable_execution_arn, checkpoint_token)
    found, after = page(call, record, after=after_of(marker), limit=max_items or DURABLE_PAGE,
                        size=DURABLE_PAGE_BYTES)
    answer: Config = {"Operations": [shown(one) for one in found]}
    if after:
        answer["NextMarker"] = after
    return answer


def _answered(call: Call, arn: str, token: str, client_token: str | None) -> Config | None:
    """The answer to a checkpoint that was made before and is the last one."""
    record = executions.get(call, *parts_of(arn)) if client_token else None
    if record is None or not record.invocation or record.answer is None:
        return None
    if (record.answer.client_token, record.answer.token) != (client_token, token):
        return None
    return _answer(call, record, record.answer.numbers)


def _answer(call: Call, record: Execution, numbers: list[int]) -> Config:
    return {"CheckpointToken": token_of(record),
            "NewExecutionState": {"Operations": [shown(one) for one in told(call, record, numbers)]}}
