"""Asynchronous invocation: kept before it is answered, tried up to three times, then handed on.

The event is a timer, so it survives any crash. A function that fails is tried again after one and two
minutes; one that is throttled, for up to six hours with growing pauses. What becomes of the event goes to
the function's destinations or its dead-letter target.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import targets, timers
from ...functions import Outcome, Pool
from ...kernel import Call, Conversation
from ...store import Table
from .durable import starting
from .errors import InvalidParameterValueException, ResourceNotFoundException, TooManyRequestsException
from .limits import ASYNC_AGE_S, ASYNC_RETRIES, RETRY_DELAYS_MS
from .records import LATEST, Name, Version, arn_of, name_of, version
from .runner import chance_of, choose, counted_as, run
from .service import lambda_

_LONGEST_PAUSE_MS = 300_000
Config = dict[str, Any]


class InvokeConfig(msgspec.Struct):
    """How a function's asynchronous events are handled."""

    modified_ms: int
    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""


configs = Table("lambda.invoke-configs", InvokeConfig)


def accept(call: Call, name: Name, payload: bytes, id: str, execution_name: str = "") -> str:
    """Keep an event for a function; it is run as soon as this is committed.

    A durable function begins an execution, whose ARN comes back.
    """
    record = version(call, name.name, name.qualifier)
    if record.durable:
        record = choose(call, name, chance_of(call)).version
        return starting.accept(call, name, record, payload, id, execution_name)
    starting.refuse_name(execution_name)
    timers.schedule(
        call,
        attempt,
        at_ms=call.now_ms,
        id=f"lambda/{id}",
        name=name.name,
        qualifier=name.qualifier,
        payload=payload,
        event=id,
        accepted_ms=call.now_ms,
        tries=0,
        pauses=0,
    )
    return ""


@lambda_.task
async def attempt(
        call: Conversation, *, name: str, qualifier: str, payload: bytes, event: str, accepted_ms: int,
        tries: int, pauses: int) -> None:
    """Run an asynchronous event once."""
    where = Name(name, qualifier, call.account, call.region)
    config = await call.transact(lambda inner: _config(inner, where))
    retries = ASYNC_RETRIES if config.retries is None else config.retries
    age_ms = (ASYNC_AGE_S if config.age_s is None else config.age_s) * 1000

    async def again(at_ms: int, tries: int, pauses: int) -> None:
        await call.transact(
            lambda inner: timers.schedule(
                inner,
                attempt,
                at_ms=at_ms,
                id=f"lambda/{event}/{tries}/{pauses}",
                name=name,
                qualifier=qualifier,
                payload=payload,
                event=event,
                accepted_ms=accepted_ms,
                tries=tries,
                pauses=pauses,
            )
        )

    async def finish(tries: int, how: str, result: Config | None = None) -> None:
        await call.transact(lambda inner: _finish(inner, where, config, payload, event, tries, how, result))

    if call.now_ms - accepted_ms > age_ms:
        await finish(tries, "EventAgeExceeded")
        return
    try:
        outcome, ran = await _run_in_turn(call, where, payload or b"{}", event)
    except ResourceNotFoundException:
        return  # the function has been deleted meanwhile, and nobody is left to be told
    except TooManyRequestsException:
        await again(call.now_ms + min(1000 * 2**pauses, _LONGEST_PAUSE_MS), tries, pauses + 1)
        return
    tries += 1
    if outcome.error and tries <= retries:
        at_ms = call.now_ms + RETRY_DELAYS_MS[tries - 1]
        if at_ms - accepted_ms <= age_ms:
            await again(at_ms, tries, 0)
            return
    result = {"version": ran.version, "error": outcome.error, "payload": outcome.payload}
    await finish(tries, "RetriesExhausted" if outcome.error else "Success", result)


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


def _config(call: Call, name: Name) -> InvokeConfig:
    return configs.get(call, name.name, name.qualifier or LATEST) or InvokeConfig(0)


def _finish(
    call: Call,
    name: Name,
    config: InvokeConfig,
    payload: bytes,
    event: str,
    tries: int,
    condition: str,
    result: Config | None,
) -> None:
    """Hand the event on: to a destination with its envelope, or as it is to the dead-letter target."""
    source = arn_of(call, name.name)
    destination = config.on_success if condition == "Success" else config.on_failure
    if destination:
        envelope = _envelope(call, name, payload, event, tries, condition, result)
        _deliver(
            call,
            destination,
            targets.Delivery(event, json.dumps(envelope).encode(), "lambda", source, call.account),
        )
    if condition == "Success":
        return
    dead_letter = version(call, name.name, name.qualifier).dead_letter
    if dead_letter:
        error = json.loads(result["payload"] or b"{}") if result else {}
        attributes = {
            "RequestID": event,
            "ErrorCode": "200",
            "ErrorMessage": str(error.get("errorMessage", condition))[:1024],
        }
        parameters = {
            "MessageAttributes": {
                key: {"DataType": "Number" if key == "ErrorCode" else "String", "StringValue": value}
                for key, value in attributes.items()
            }
        }
        _deliver(
            call, dead_letter, targets.Delivery(event, payload, "lambda", source, call.account, parameters)
        )


def conclude(call: Call, name: Name, payload: bytes, event: str, ran: str, answer: bytes, *,
             failed: bool) -> None:
    """Hand on an event whose execution has ended; if its function is gone, nobody is left to be told."""
    result = {"version": ran, "error": "Unhandled" if failed else "", "payload": answer}
    with suppress(ResourceNotFoundException):
        _finish(call, name, _config(call, name), payload, event, 1,
                "RetriesExhausted" if failed else "Success", result)


def _deliver(call: Call, arn: str, delivery: targets.Delivery) -> None:
    try:
        targets.deliver(call, arn, delivery)
    except AwsError:
        targets.later(call, arn, delivery)


def _envelope(call: Call, name: Name, payload: bytes, event: str, tries: int, condition: str,
              result: Config | None) -> Config:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    stamp = (
        datetime.fromtimestamp(call.now_ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
    ran = result["version"] if result else name.qualifier or LATEST
    envelope: Config = {
        "version": "1.0",
        "timestamp": stamp,
        "requestContext": {
            "requestId": event,
            "functionArn": arn_of(call, name.name, name.qualifier or LATEST),
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": json.loads(payload or b"{}"),
    }
    if result:
        context: Config = {"statusCode": 200, "executedVersion": ran}
        if result["error"]:
            context["functionError"] = "Unhandled"
        envelope["responseContext"] = context
        envelope["responsePayload"] = json.loads(result["payload"] or b"null")
    return envelope


@lambda_.operation
def put_function_event_invoke_config(
    call: Call,
    function_name: str,
    qualifier: str | None = None,
    maximum_retry_attempts: int | None = None,
    maximum_event_age_in_seconds: int | None = None,
    destination_config: Config | None = None,
) -> Config:
    """Say how asynchronous events are handled, all of it anew."""
    name = name_of(call, function_name, qualifier)
    version(call, name.name, name.qualifier)
    record = InvokeConfig(
        call.now_ms,
        maximum_retry_attempts,
        maximum_event_age_in_seconds,
        _destination(destination_config, "OnSuccess"),
        _destination(destination_config, "OnFailure"),
    )
    configs.put(call, name.name, name.qualifier or LATEST, record=record)
    return _shown(call, name, record)


@lambda_.operation
def update_function_event_invoke_config(
    call: Call,
    function_name: str,
    qualifier: str | None = None,
    maximum_retry_attempts: int | None = None,
    maximum_event_age_in_seconds: int | None = None,
    destination_config: Config | None = None,
) -> Config:
    """Change how asynchronous events are handled."""
    name = name_of(call, function_name, qualifier)
    record = _existing(call, name)
    record.modified_ms = call.now_ms
    if maximum_retry_attempts is not None:
        record.retries = maximum_retry_attempts
    if maximum_event_age_in_seconds is not None:
        record.age_s = maximum_event_age_in_seconds
    if destination_config is not None:
        record.on_success = _destination(destination_config, "OnSuccess")
        record.on_failure = _destination(destination_config, "OnFailure")
    configs.put(call, name.name, name.qualifier or LATEST, record=record)
    return _shown(call, name, record)


@lambda_.operation
def get_function_event_invoke_config(call: Call, function_name: str, qualifier: str | None = None) -> Config:
    """How asynchronous events are handled."""
    name = name_of(call, function_name, qualifier)
    return _shown(call, name, _existing(call, name))


@lambda_.operation
def delete_function_event_invoke_config(call: Call, function_name: str, qualifier: str | None = None) -> None:
    """Handle asynchronous events as if nothing had been said."""
    name = name_of(call, function_name, qualifier)
    _existing(call, name)
    configs.delete(call, name.name, name.qualifier or LATEST)


@lambda_.operation
def list_function_event_invoke_configs(call: Call, function_name: str) -> Config:
    """What is said for each qualifier of a function."""
    name = name_of(call, function_name)
    return {
        "FunctionEventInvokeConfigs": [
            _shown(call, name._replace(qualifier=str(key[1])), record)
            for key, record in configs.items(call, name.name)
        ]
    }


def _existing(call: Call, name: Name) -> InvokeConfig:
    record = configs.get(call, name.name, name.qualifier or LATEST)
    if record is None:
        raise ResourceNotFoundException(
            f"The function {arn_of(call, name.name, name.qualifier or LATEST)} "
            "doesn't have an EventInvokeConfig",
            Type="User",
        )
    return record


def _destination(config: Config | None, which: str) -> str:
    arn = ((config or {}).get(which) or {}).get("Destination", "")
    if arn and not arn.startswith("arn:"):
        raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.")
    return str(arn)


def _shown(call: Call, name: Name, record: InvokeConfig) -> Config:
    found: Config = {
        "LastModified": record.modified_ms / 1000,
        "FunctionArn": arn_of(call, name.name, name.qualifier or LATEST),
        "DestinationConfig": {
            "OnSuccess": {"Destination": record.on_success} if record.on_success else {},
            "OnFailure": {"Destination": record.on_failure} if record.on_failure else {},
        },
    }
    if record.retries is not None:
        found["MaximumRetryAttempts"] = record.retries
    if record.age_s is not None:
        found["MaximumEventAgeInSeconds"] = record.age_s
    return found



