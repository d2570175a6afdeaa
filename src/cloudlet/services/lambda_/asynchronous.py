"""Asynchronous invocation: kept before it is answered, tried up to three times, then handed on.

The event is a timer, so it survives any crash. A function that fails is tried again after one and two
minutes; one that is throttled, or that the cloudlet can't run just now, with growing pauses for as long as
the event may be old. What becomes of the event goes to the function's destinations or its dead-letter target.
"""

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import timers
from ...functions import Outcome, Pool
from ...kernel import Call, Conversation
from . import receivers, recursion
from .durable import starting
from .errors import RecursiveInvocationException, ResourceNotFoundException, TooManyRequestsException
from .invoke_configs import InvokeConfig, config_of
from .limits import ASYNC_AGE_S, ASYNC_RETRIES, RETRY_DELAYS_MS, THROTTLED_DELAY_MS
from .records import LATEST, Name, Version, arn_of, function, version
from .runner import chance_of, choose, counted_as, run
from .service import lambda_

log = logging.getLogger(__name__)
Config = dict[str, Any]


class Event(msgspec.Struct):
    """An event that nobody waits for."""

    id: str
    name: str
    qualifier: str
    payload: bytes
    accepted_ms: int
    traced: bool = False  # whoever sent it brought a trace along, and so has said whether it is sampled
    tries: int = 0
    pauses: int = 0  # since the last try
    copy: int = 0  # tells an event that a fault rule brings twice from its double: both have one id


class End(msgspec.Struct, frozen=True):
    """How it ended with an event; ``version`` is empty if the function was not run at all."""

    condition: str
    version: str = ""
    error: str = ""
    payload: bytes = b""
    status: int = 200
    message: str = ""


def accept(call: Call, name: Name, payload: bytes, id: str, execution_name: str = "", copy: int = 0) -> str:
    """Keep an event for a function; it is run as soon as this is committed.

    A durable function begins an execution, whose ARN comes back.
    """
    record = version(call, name.name, name.qualifier)
    if record.durable:
        record = choose(call, name, chance_of(call)).version
        return starting.accept(call, name, record, payload, id, execution_name)
    starting.refuse_name(execution_name)
    event = Event(id, name.name, name.qualifier, payload, call.now_ms, call.trace.given, copy=copy)
    _schedule(call, event, call.now_ms)
    return ""


@lambda_.task
async def attempt(call: Conversation, *, event: Config) -> None:
    """Run an asynchronous event once."""
    with suppress(ResourceNotFoundException):  # deleted meanwhile: nobody is left to be told
        await _attempt(call, msgspec.convert(event, type=Event))


async def _attempt(call: Conversation, one: Event) -> None:
    name = Name(one.name, one.qualifier, call.account, call.region)
    call.trace = msgspec.structs.replace(call.trace, given=one.traced)
    config = await call.transact(lambda inner: config_of(inner, name))
    age_ms = (ASYNC_AGE_S if config.age_s is None else config.age_s) * 1000
    last_ms = one.accepted_ms + age_ms
    end = End("EventAgeExceeded", status=429, message="Rate Exceeded.")
    if call.now_ms <= last_ms:
        try:
            outcome, ran = await _run_in_turn(call, name, one.payload or b"{}", one.id)
        except RecursiveInvocationException as error:
            end = End("RecursiveInvocation", status=error.status, message=str(error))
        except ResourceNotFoundException:
            raise
        except (AwsError, RuntimeError) as error:
            if not await _is_closed(call, name):
                await _pause(call, one, error)
                return
            end = End("ZeroReservedConcurrency", status=429, message=str(error))
        else:
            one.tries += 1
            retry = await _retry(call, one, config, outcome, last_ms)
            if retry is None:
                return
            end = End(retry, ran.version, outcome.error, outcome.payload, message=_message(outcome))
    await call.transact(lambda inner: _finish(inner, name, config, one, end))


async def _run_in_turn(call: Conversation, name: Name, payload: bytes, event: str) -> tuple[Outcome, Version]:
    """Run an event as soon as its function has a place; a function that has none at all throttles it."""
    turns, key = call.use(Pool).turns, counted_as(call, name.name)
    while True:
        try:
            return await run(call, name, payload, request_id=event)
        except TooManyRequestsException:
            if not turns.running[key]:
                raise
        await turns.wait(key)


async def _is_closed(call: Conversation, name: Name) -> bool:
    """Whether the function has been stopped by reserving nothing for it: its events are not kept then."""
    return await call.transact(lambda inner: function(inner, name.name).reserved) == 0


async def _pause(call: Conversation, event: Event, error: Exception) -> None:
    """Try again what could not be run, after a while that grows."""
    if not isinstance(error, TooManyRequestsException):
        log.warning("an event of %s could not be run and will be tried again: %s", event.name, error)
    first_ms, longest_ms = THROTTLED_DELAY_MS
    at_ms = call.now_ms + min(first_ms << min(event.pauses, 20), longest_ms)
    event.pauses += 1
    await call.transact(lambda inner: _schedule(inner, event, at_ms))


async def _retry(call: Conversation, event: Event, config: InvokeConfig, outcome: Outcome,
                 last_ms: int) -> str | None:
    """See to the next try, if there is one: then None, else how it ended."""
    if not outcome.error:
        return "Success"
    retries = ASYNC_RETRIES if config.retries is None else config.retries
    if event.tries > retries:
        return "RetriesExhausted"
    at_ms = call.now_ms + RETRY_DELAYS_MS[event.tries - 1]
    if at_ms > last_ms:
        return "EventAgeExceeded"
    event.pauses = 0
    await call.transact(lambda inner: _schedule(inner, event, at_ms))
    return None


def _schedule(call: Call, event: Event, at_ms: int) -> None:
    arn = arn_of(call, event.name, event.qualifier)
    timers.schedule(call, attempt, at_ms=at_ms,
                    id=f"{arn}/{event.id}/{event.tries}/{event.pauses}/{event.copy}",
                    event=msgspec.to_builtins(event, builtin_types=(bytes,)))


def _finish(call: Call, name: Name, config: InvokeConfig, event: Event, end: End) -> None:
    """Hand the event on: to a destination with its envelope, or as it is to the dead-letter target."""
    failed = end.condition != "Success"
    whole, record = function(call, name.name), version(call, name.name, name.qualifier)
    if end.version:  # what is told of it has been through the function
        with suppress(RecursiveInvocationException):
            trace = recursion.through(call.trace, arn_of(call, name.name), allowed=whole.recursive)
            call.trace = msgspec.structs.replace(trace, given=True)
    source = arn_of(call, name.name, name.qualifier or LATEST)
    destination = config.on_failure if failed else config.on_success
    if destination:
        envelope = json.dumps(_envelope(call, source, event, end)).encode()
        receivers.tell(call, destination, record, receivers.Told(envelope, source, failed))
    dead_letter = version(call, name.name).dead_letter if failed else ""
    if dead_letter:
        receivers.tell(call, dead_letter, record, receivers.Told(
            event.payload or b"{}", source, failed, receivers.dead_letter(event.id, end.status, end.message)))
    if failed and not (destination or dead_letter):
        log.warning("an event of %s is dropped (%s, request %s): it has neither a destination for failures "
                    "nor a dead-letter target", source, end.condition, event.id)


def conclude(call: Call, name: Name, payload: bytes, event: str, ran: str, answer: bytes, *,
             failed: bool) -> None:
    """Hand on an event whose execution has ended; if its function is gone, nobody is left to be told."""
    one = Event(event, name.name, name.qualifier, payload, call.now_ms, False, tries=1)
    error = "Unhandled" if failed else ""
    end = End("RetriesExhausted" if failed else "Success", ran, error, answer,
              message=_message(Outcome(answer, error)))
    with suppress(ResourceNotFoundException):
        _finish(call, name, config_of(call, name), one, end)


def _envelope(call: Call, source: str, event: Event, end: End) -> Config:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    stamp = (
        datetime.fromtimestamp(call.now_ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    envelope: Config = {
        "version": "1.0",
        "timestamp": stamp,
        "requestContext": {
            "requestId": event.id,
            "functionArn": source,
            "condition": end.condition,
            "approximateInvokeCount": event.tries,
        },
        "requestPayload": _document(event.payload or b"{}"),
    }
    if end.version:
        context: Config = {"statusCode": end.status, "executedVersion": end.version}
        if end.error:
            context["functionError"] = "Unhandled"
        envelope["responseContext"] = context
        envelope["responsePayload"] = _document(end.payload or b"null")
    return envelope


def _message(outcome: Outcome) -> str:
    """What a failed function said."""
    found = _document(outcome.payload) if outcome.error else None
    told = found.get("errorMessage") or found.get("errorType") if isinstance(found, dict) else None
    return str(told or outcome.error)


def _document(payload: bytes) -> Any:
    """A payload as JSON; a text, if a runtime answered with something else."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return payload.decode("utf-8", "replace")
