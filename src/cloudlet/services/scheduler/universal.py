"""Universal targets: any operation of any service here that changes something, called by its name.

``arn:aws:scheduler:::aws-sdk:sqs:sendMessage`` is SendMessage of SQS. A service is called as AWS's SDKs
identify it (``sfn``, ``eventbridge``, ``cloudwatchlogs``), the input is the operation's parameters as JSON,
in which every name begins with a capital.
Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

import json
import re
from typing import Any

from ...errors import SerializationException, ValidationException
from ...kernel import Services
from ...kernel.service import Operation
from ...wire.shapes import Shape
from ...wire.values import read_timestamp
from .errors import bad_request

_PREFIX = "arn:aws:scheduler:::aws-sdk:"
_NO_NAME = re.compile(r"[^a-z0-9]")
_READ_ONLY = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read",
              "lookup", "discover", "validate", "batchGet", "batchDescribe", "batchRead", "transactGet",
              "adminGet", "adminList", "testMigration", "retrieve", "testConnection", "translateDocument",
              "isAuthorized", "invokeModel")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "integer": (int,), "long": (int,), "short": (int,), "byte": (int,),
    "float": (int, float), "double": (int, float)}


def is_universal(arn: str) -> bool:
    """Whether a target is an operation."""
    return arn.startswith(_PREFIX)


def resolve(services: Services, arn: str) -> tuple[str, Operation]:
    """The service and the operation that a target names."""
    identifier, _, action = arn.removeprefix(_PREFIX).partition(":")
    name = next((name for name, said in services.metadata.items()
                 if _NO_NAME.sub("", said["serviceId"].lower()) == identifier), None)
    if name is None:
        raise ValidationException(f"{identifier} is not a supported service for a target.")
    service = services[name]
    known = next((one for one in service.model.operation_names if one.lower() == action.lower()), None)
    if known is None or action.startswith(_READ_ONLY):
        raise ValidationException(f"{action} API is not supported.")
    return name, service.find(known)


def arguments(operation: Operation, text: str) -> dict[str, Any]:
    """The parameters that an input gives an operation, or why it can't be meant."""
    try:
        given = json.loads(text)
    except ValueError:
        raise ValidationException("JSON syntax error in input for the target.") from None
    if operation.spec.input is None:
        return {}
    found: dict[str, Any] = _read(given, operation.spec.input.shape, "the input")
    operation.arguments(found)
    return found


def _read(value: Any, shape: Shape, where: str) -> Any:
    """A value of JSON as the operation takes it. Bytes are written as text."""
    match shape.type:
        case "structure" if isinstance(value, dict) and not shape.document:
            return _structure(value, shape)
        case "list" if isinstance(value, list) and shape.item:
            return [_read(item, shape.item.shape, where) for item in value]
        case "map" if isinstance(value, dict) and shape.value:
            return {key: _read(item, shape.value.shape, where) for key, item in value.items()}
        case "blob" if isinstance(value, str):
            return value.encode()
        case "timestamp" if isinstance(value, str | int | float):
            try:
                return read_timestamp(value)
            except SerializationException as error:
                raise bad_request(str(error)) from None
    kinds = (object,) if shape.document else _KINDS.get(shape.type, ())
    if not isinstance(value, kinds) or (isinstance(value, bool) and shape.type != "boolean"):
        raise bad_request(f"{where} must be a {shape.type}")
    return value


def _structure(value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    names = {_capital(name): member for name, member in shape.members.items()}
    unknown = [name for name in value if name not in names]
    if unknown:
        raise bad_request(f"Request payload has the following unknown field(s): {', '.join(unknown)}")
    missing = [_capital(name) for name in shape.required
               if value.get(_capital(name)) is None and not shape.members[name].token]
    if missing:
        raise bad_request(f"Request payload is missing the following field(s): {', '.join(missing)}")
    return {names[name].name: _read(item, names[name].shape, name) for name, item in value.items()
            if item is not None}


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
