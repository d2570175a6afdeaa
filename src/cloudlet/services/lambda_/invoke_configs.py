"""How asynchronous events are handled: retries, age and destinations, for each qualifier of a function."""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from . import receivers
from .errors import InvalidParameterValueException, ResourceNotFoundException
from .records import LATEST, Name, Version, arn_of, name_of, version
from .service import lambda_

Config = dict[str, Any]
_ON_SUCCESS = ("sqs", "sns", "lambda", "events")
_ON_FAILURE = (*_ON_SUCCESS, "s3")


class InvokeConfig(msgspec.Struct):
    """How a function's asynchronous events are handled."""

    modified_ms: int
    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""


configs = Table("lambda.invoke-configs", InvokeConfig)


def config_of(call: Call, name: Name) -> InvokeConfig:
    """What holds for events that come for a qualifier."""
    return configs.get(call, name.name, name.qualifier or LATEST) or InvokeConfig(0)


@lambda_.operation
def put_function_event_invoke_config(
        call: Call, function_name: str, qualifier: str | None = None,
        maximum_retry_attempts: int | None = None, maximum_event_age_in_seconds: int | None = None,
        destination_config: Config | None = None) -> Config:
    """Say how asynchronous events are handled, all of it anew."""
    return _put(call, name_of(call, function_name, qualifier), InvokeConfig(0), maximum_retry_attempts,
                maximum_event_age_in_seconds, destination_config)


@lambda_.operation
def update_function_event_invoke_config(
        call: Call, function_name: str, qualifier: str | None = None,
        maximum_retry_attempts: int | None = None, maximum_event_age_in_seconds: int | None = None,
        destination_config: Config | None = None) -> Config:
    """Change how asynchronous events are handled."""
    name = name_of(call, function_name, qualifier)
    _version(call, name)
    return _put(call, name, _existing(call, name), maximum_retry_attempts, maximum_event_age_in_seconds,
                destination_config)


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
def list_function_event_invoke_configs(call: Call, function_name: str, marker: str | None = None,
                                       max_items: int = 50) -> Config:
    """What is said for each qualifier of a function."""
    name = name_of(call, function_name)
    _version(call, name._replace(qualifier=""))
    after = (name.name, marker) if marker else None
    found = list(configs.items(call, name.name, after=after, limit=max_items + 1))
    answer: Config = {"FunctionEventInvokeConfigs": [
        _shown(call, name._replace(qualifier=str(key[1])), record) for key, record in found[:max_items]]}
    if len(found) > max_items:
        answer["NextMarker"] = str(found[max_items - 1][0][1])
    return answer


def _put(call: Call, name: Name, record: InvokeConfig, retries: int | None, age_s: int | None,
         destinations: Config | None) -> Config:
    if retries is None and age_s is None and destinations is None:
        raise InvalidParameterValueException(
            "You must specify at least one of error handling or destination setting.")
    found = _version(call, name)
    if retries is not None:
        record.retries = retries
    if age_s is not None:
        record.age_s = age_s
    if destinations is not None:
        record.on_success, record.on_failure = _destinations(call, found, destinations)
    record.modified_ms = call.now_ms
    configs.put(call, name.name, name.qualifier or LATEST, record=record)
    return _shown(call, name, record)


def _destinations(call: Call, record: Version, wanted: Config) -> tuple[str, str]:
    """Where events go that succeeded and failed, once all of it is found to be sound."""
    success, failure = ((wanted.get(which) or {}).get("Destination") or ""
                        for which in ("OnSuccess", "OnFailure"))
    for arn, kinds in ((success, _ON_SUCCESS), (failure, _ON_FAILURE)):
        parsed = receivers.parse(arn) if arn else None
        if arn and (parsed is None or parsed.service not in kinds):
            told = (f"{shape}(destination={each})" if each else "null"
                    for shape, each in (("OnSuccess", success), ("OnFailure", failure)))
            raise InvalidParameterValueException(
                "The provided destination config DestinationConfig("
                f"onSuccess={next(told)}, onFailure={next(told)}) is invalid.")
        if parsed and parsed.service == "lambda" and arn.startswith(arn_of(call, record.name)) \
                and parsed.resource.split(":")[1] == record.name:
            raise InvalidParameterValueException(
                "You can't specify the function as a destination for itself.")
        if arn:
            receivers.check(call, arn, record, kinds=kinds)
    return success, failure


def _version(call: Call, name: Name) -> Version:
    try:
        return version(call, name.name, name.qualifier)
    except ResourceNotFoundException:
        raise ResourceNotFoundException("The function doesn't exist.") from None


def _existing(call: Call, name: Name) -> InvokeConfig:
    record = configs.get(call, name.name, name.qualifier or LATEST)
    if record is None:
        raise ResourceNotFoundException(
            f"The function {arn_of(call, name.name, name.qualifier or LATEST)} "
            "doesn't have an EventInvokeConfig")
    return record


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
