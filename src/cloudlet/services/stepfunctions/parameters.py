"""A task's parameters, from the names Step Functions has for them to the model's, and its answer back.

Step Functions calls members as the AWS SDK for Java does, with a capital: ``MD5OfMessageBody`` is
``Md5OfMessageBody`` there. Bodies are texts, moments are ISO 8601, and what isn't there is left out.
"""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ...errors import AwsError, SerializationException
from ...kernel import Services
from ...wire.shapes import Shape
from ...wire.values import read_timestamp
from ...workflow import Diagnostic
from ...workflow.intrinsics import json_text
from .integrations import Integration, api_name, operation_of

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "long": (int,), "short": (int,), "byte": (int,),
    "float": (int, float), "double": (int, float)}
_LOOSE = frozenset(("lambda:invoke", "sqs:sendMessage", "sns:publish", "events:putEvents",
                    "states:startExecution"))
_ITEMS = ("Item", "Key", "ExpressionAttributeValues")
_EXTRA = {"apigateway:invoke": ("ApiEndpoint", "Method"), "http:invoke": ("ApiEndpoint", "Method")}
_FIELDS = {
    "apigateway:invoke": ("ApiEndpoint", "Method", "Headers", "Stage", "Path", "QueryParameters",
                          "RequestBody", "AllowNullValues", "AuthType"),
    "http:invoke": ("ApiEndpoint", "Method", "Authentication", "InvocationConfig", "Headers",
                    "QueryParameters", "RequestBody", "Transform"),
}


class Unfit(AwsError):
    """The parameters can't be meant."""


def diagnose(services: Services, one: Integration, given: Any, at: str) -> Iterator[Diagnostic]:
    """What can be said of a task's parameters before it runs: their names, and those that are lacking."""
    if one.kind in ("function", "activity") or not isinstance(given, dict):
        return
    names, required = _names_of(services, one)
    plain = {name.removesuffix(".$") for name in given}
    for name in plain:
        if name not in names:
            yield Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED",
                             f"The field '{name}' is not supported by Step Functions", at)
    for name in required:
        if plain.isdisjoint((capital(name), api_name(name))):
            yield Diagnostic("ERROR", "SCHEMA_VALIDATION_FAILED",
                             f"The field '{capital(name)}' is required but was missing", at)


def _names_of(services: Services, one: Integration) -> tuple[set[str], list[str]]:
    """The names that parameters may have, and the members that are needed."""
    if one.name in _FIELDS:
        return set(_FIELDS[one.name]), list(_EXTRA[one.name])
    spec = operation_of(services, one).spec
    if spec.input is None:
        return set(), []
    shape = spec.input.shape
    needed = [name for name in shape.required if not shape.members[name].token]
    return set(_members(shape)), needed


def taken(one: Integration, services: Services, given: Any) -> dict[str, Any]:
    """The parameters of the operation behind a task; :class:`Unfit` says what is wrong with them."""
    operation = operation_of(services, one)
    if not isinstance(given, dict):
        raise Unfit("The parameters must be an object.")
    if operation.spec.input is None:
        return {}
    loose = one.kind == "optimised" and one.name in _LOOSE
    if one.kind == "optimised" and one.name.startswith("dynamodb:"):
        given = {name: _attributes(value) if name in _ITEMS else value for name, value in given.items()}
    return _structure(given, operation.spec.input.shape, loose)


def _attributes(item: Any) -> Any:
    """An item whose texts are strings: published workflows write ``"id": "1"`` for ``"id": {"S": "1"}``."""
    return {name: {"S": value} if isinstance(value, str) else value for name, value in item.items()} if (
        isinstance(item, dict)) else item


def _read(value: Any, shape: Shape, where: str, loose: bool) -> Any:
    match shape.type:
        case "structure" if isinstance(value, dict) and not shape.document:
            return _structure(value, shape, loose)
        case "list" if isinstance(value, list) and shape.item:
            return [_read(item, shape.item.shape, where, loose) for item in value]
        case "map" if isinstance(value, dict) and shape.value:
            return {key: _read(item, shape.value.shape, where, loose) for key, item in value.items()}
        case "blob" if isinstance(value, str):
            return value.encode()
        case "blob":
            return json_text(value).encode()
        case "timestamp" if isinstance(value, str | int | float):
            try:
                return read_timestamp(value)
            except SerializationException as error:
                raise Unfit(str(error)) from None
        case "string" if loose and not isinstance(value, str):
            return json_text(value)  # a message, a detail or an input may be given as an object
    kinds = (object,) if shape.document else _KINDS.get(shape.type, ())
    if shape.type in ("float", "double", "integer", "long") and isinstance(value, float) and (
            value.is_integer()):
        value = int(value)
    if not isinstance(value, kinds) or (isinstance(value, bool) and shape.type != "boolean"):
        raise Unfit(f"The value of {where} must be a {shape.type}")
    return value


def _structure(value: dict[str, Any], shape: Shape, loose: bool) -> dict[str, Any]:
    names = _members(shape)
    for name in value:
        if name not in names:
            raise Unfit(f"The field '{name}' is not supported by Step Functions")
    return {names[name].name: _read(item, names[name].shape, name, loose) for name, item in value.items()
            if item is not None}


@lru_cache(maxsize=1024)
def _members(shape: Shape) -> dict[str, Any]:
    found = {capital(name): member for name, member in shape.members.items()}
    return found | {api_name(name): member for name, member in shape.members.items()}


def capital(name: str) -> str:
    """A name of a model with a capital."""
    return name[:1].upper() + name[1:]


def told(one: Integration, services: Services, answer: dict[str, Any]) -> Any:
    """An operation's answer as a task's result."""
    spec = operation_of(services, one).spec
    if spec.output is None:
        return {}
    return _write(answer, spec.output.shape, one.kind == "sdk")


def _write(value: Any, shape: Shape, sdk: bool) -> Any:
    if value is None:
        return None
    match shape.type:
        case "structure" if not shape.document:
            return {(api_name if sdk else capital)(name): _write(value[name], member.shape, sdk)
                    for name, member in shape.members.items() if value.get(name) is not None}
        case "list" if shape.item:
            return [_write(item, shape.item.shape, sdk) for item in value]
        case "map" if shape.value:
            return {str(key): _write(item, shape.value.shape, sdk) for key, item in value.items()}
        case "timestamp":
            if not sdk:
                seconds = value.timestamp() if isinstance(value, datetime) else value
                return round(seconds * 1000)
            moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
            text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond
                                                    else "seconds")
            return text.replace("+00:00", "Z")
        case "blob":
            return _text(bytes(value))
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()
