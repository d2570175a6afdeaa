"""Aliases: names for versions, with weights that really split traffic."""

from typing import Any

from ...kernel import Call
from . import provisioned
from .belongings import forget
from .errors import (
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from .records import LATEST, Alias, aliases, arn_of, name_of, version
from .service import lambda_

Config = dict[str, Any]


@lambda_.operation
def create_alias(call: Call, function_name: str, name: str, function_version: str, description: str = "",
                 routing_config: Config | None = None) -> Config:
    """Create an alias."""
    function = name_of(call, function_name).name
    weights = _weights(routing_config)
    _check(call, function, function_version, weights)
    if aliases.get(call, function, name):
        raise ResourceConflictException(f"Alias already exists: {arn_of(call, function, name)}")
    record = Alias(name, function_version, call.ids.uuid(), description, weights)
    aliases.put(call, function, name, record=record)
    return _shown(call, function, record)


@lambda_.operation
def update_alias(call: Call, function_name: str, name: str, function_version: str | None = None,
                 description: str | None = None, routing_config: Config | None = None,
                 revision_id: str | None = None) -> Config:
    """Change an alias."""
    function = name_of(call, function_name).name
    record = aliases.get(call, function, name)
    if record is None:
        raise ResourceNotFoundException(f"Alias not found: {arn_of(call, function, name)}")
    if revision_id and revision_id != record.revision:
        raise PreconditionFailedException
    record.version = function_version or record.version
    record.description = record.description if description is None else description
    record.weights = record.weights if routing_config is None else _weights(routing_config)
    _check(call, function, record.version, record.weights)
    record.revision = call.ids.uuid()
    aliases.put(call, function, name, record=record)
    provisioned.start(call, function, name)
    return _shown(call, function, record)


@lambda_.operation
def get_alias(call: Call, function_name: str, name: str) -> Config:
    """An alias."""
    function = name_of(call, function_name).name
    record = aliases.get(call, function, name)
    if record is None:
        raise ResourceNotFoundException(f"Cannot find alias arn: {arn_of(call, function, name)}")
    return _shown(call, function, record)


@lambda_.operation
def delete_alias(call: Call, function_name: str, name: str) -> None:
    """Delete an alias with what is its own; no error if there is none."""
    function = name_of(call, function_name).name
    if aliases.get(call, function, name):
        aliases.delete(call, function, name)
        forget(call, function, name)


@lambda_.operation
def list_aliases(
    call: Call,
    function_name: str,
    function_version: str | None = None,
    marker: str | None = None,
    max_items: int = 50,
) -> Config:
    """The aliases of a function, by name."""
    function = name_of(call, function_name).name
    version(call, function)
    found: list[Alias] = []
    for _, record in aliases.items(call, function, after=(function, marker) if marker else None):
        if function_version and record.version != function_version:
            continue
        if len(found) == max_items:
            return {"Aliases": [_shown(call, function, one) for one in found], "NextMarker": found[-1].name}
        found.append(record)
    return {"Aliases": [_shown(call, function, one) for one in found]}


def _weights(routing: Config | None) -> dict[str, float]:
    """The other version and its weight."""
    weights: dict[str, float] = dict((routing or {}).get("AdditionalVersionWeights") or {})
    if len(weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1")
    return weights


def _check(call: Call, function: str, main: str, weights: dict[str, float]) -> None:
    """The versions must be there, and two different ones."""
    if weights and main == LATEST:
        raise InvalidParameterValueException(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    version(call, function, main)
    for other in weights:
        if other == main:
            raise InvalidParameterValueException(
                f"Invalid function version {main}. Function version {main} is already included in routing "
                "configuration.")
        version(call, function, other)


def _shown(call: Call, function: str, record: Alias) -> Config:
    found: Config = {
        "AliasArn": arn_of(call, function, record.name),
        "Name": record.name,
        "FunctionVersion": record.version,
        "Description": record.description,
        "RevisionId": record.revision,
    }
    if record.weights:
        found["RoutingConfig"] = {"AdditionalVersionWeights": record.weights}
    return found
