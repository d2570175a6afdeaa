"""What happens to a batch: it is enriched, then given to the target, which takes all of it or nothing.

A function or a state machine gets the batch as one array; any other target gets each event by itself, all in
one transaction.
What a function reports in ``batchItemFailures`` is read again, the rest is done with.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from ...arn import Arn
from ...errors import AwsError
from ...fabric.handler import Verdict, reported
from ...fabric.sources import Record
from ...fabric.targets import Delivery, deliver, is_permanent
from ...identity import Principal
from ...kernel import Call, Conversation
from . import roles, templates
from .checks import parameters_of
from .records import Pipe

log = logging.getLogger(__name__)


class Failed(AwsError):
    """The function failed."""


async def handle(call: Conversation, pipe: Pipe, records: list[Record]) -> Verdict:
    """Take a batch through a pipe, and say what became of it."""
    try:
        principal = await call.transact(lambda inner: roles.acting(inner, pipe))
        events: list[Any] = [_event(record) for record in records]
        if pipe.enrichment:
            template = pipe.enrichment_parameters.get("InputTemplate")
            answer = await _invoke(call, principal, pipe.enrichment,
                                   [_json(text) for text in _texts(call, pipe, template, events)])
            events = answer if isinstance(answer, list) else [] if answer is None else [answer]
        if not events:
            return Verdict()
        texts = _texts(call, pipe, pipe.target_parameters.get("InputTemplate"), events)
        answer = await _give(call, pipe, principal, events, texts)
    except AwsError as error:
        log.warning("the pipe %s could not deliver: %s: %s", pipe.name, error.code, error)
        return Verdict(None, throttled=not is_permanent(error), failed=True)
    told = isinstance(answer, dict) and "batchItemFailures" in answer
    return Verdict(reported(answer, records) if told else frozenset(), answer=answer)


async def _give(
    call: Conversation, pipe: Pipe, principal: Principal, events: list[Any], texts: list[str]
) -> Any:
    """Hand events to the target; what it answers, if it does."""
    own = parameters_of(pipe)
    if Arn.parse(pipe.target).service in ("lambda", "states"):
        how = "Event" if own.get("InvocationType") == "FIRE_AND_FORGET" else "RequestResponse"
        return await _invoke(call, principal, pipe.target, [_json(text) for text in texts], how)

    def work(inner: Call) -> None:
        for event, text in zip(events, texts, strict=True):
            given = {name: _filled(value, event) for name, value in own.items() if value is not None}
            deliver(
                inner,
                pipe.target,
                Delivery(inner.ids.uuid(), text.encode(), "pipes", pipe.arn, inner.account, given, principal),
            )

    await call.transact(work)
    return None


async def _invoke(call: Conversation, principal: Principal, function: str, events: list[Any],
                  how: str = "RequestResponse") -> Any:
    """Give a function or a state machine events; what it answers. One that fails is an error."""
    if Arn.parse(function).service == "states":
        return await _run(call, principal, function, json.dumps(events), how)
    answer = await call.invoke("lambda", "Invoke", as_principal=principal, FunctionName=function,
                               InvocationType=how, Payload=json.dumps(events).encode())
    payload = answer.get("Payload") or b""
    if answer.get("FunctionError"):
        raise Failed(f"{function} failed: {bytes(payload)[:500].decode('utf-8', 'replace')}")
    return json.loads(payload) if payload and how == "RequestResponse" else None


async def _run(call: Conversation, principal: Principal, machine: str, events: str, how: str) -> Any:
    """Have a state machine take events, and wait for what it makes of them unless nobody wants to know."""
    operation = "StartExecution" if how == "Event" else "StartSyncExecution"
    answer = await call.invoke("stepfunctions", operation, as_principal=principal, stateMachineArn=machine,
                               input=events)
    if answer.get("status", "SUCCEEDED") != "SUCCEEDED":
        raise Failed(f"{machine} failed: {answer.get('error')}: {answer.get('cause')}"[:500])
    return json.loads(answer["output"]) if "output" in answer else None


def _event(record: Record) -> Any:
    """A record as pipes have it: what Kinesis says lies beside the rest, not within it."""
    inner = record.event.get("kinesis")
    if not isinstance(inner, dict):
        return record.event
    return inner | {name: value for name, value in record.event.items() if name != "kinesis"}


def _texts(call: Conversation, pipe: Pipe, template: str | None, events: list[Any]) -> list[str]:
    """What the next one gets of each event."""
    if not template:
        return [
            event if isinstance(event, str) else json.dumps(event, separators=(",", ":")) for event in events
        ]
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC).isoformat(timespec="milliseconds")
    said = {"pipe-arn": pipe.arn, "pipe-name": pipe.name, "source-arn": pipe.source,
            "enrichment-arn": pipe.enrichment, "target-arn": pipe.target,
            "event.ingestion-time": moment.replace("+00:00", "Z")}
    return [templates.render(template, event, said) for event in events]


def _json(text: str) -> Any:
    """A text as a function gets it: what it says, or the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _filled(value: Any, event: Any) -> Any:
    """A parameter of the target: a path stands for what it leads to."""
    if isinstance(value, list):
        return [_filled(one, event) for one in value]
    if not (isinstance(value, str) and value.startswith("$.")):
        return value
    found = templates.look(event, value)
    return found if isinstance(found, str) else json.dumps(found)
