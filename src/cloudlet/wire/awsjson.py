"""AWS JSON 1.0 and 1.1: the operation is a header, the body an object."""

import base64
import binascii
import json
import math
from typing import Any

import msgspec

from ..errors import AwsError, SerializationException
from . import typed
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member, Shape
from .values import read_timestamp, write_float, write_timestamp

_KINDS = {
    str: "STRING_VALUE",
    int: "NUMBER_VALUE",
    float: "DECIMAL_VALUE",
    bool: "TRUE_VALUE",
    dict: "Start of structure or map found where not expected.",
    list: "Start of list found where not expected",
}
_NAMES = {"string": "String", "integer": "Integer", "long": "Long", "boolean": "Boolean",
          "float": "Float", "double": "Double", "short": "Short", "byte": "Byte"}
_CORAL = {"SerializationException": "service", "ValidationException": "validate"}  # of AWS's own framework
_BITS = {"byte": 7, "short": 15, "integer": 31, "long": 63}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def operation_name(request: Request, model: ServiceModel) -> str:
    """``AmazonSQS.SendMessage`` names SendMessage."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    if spec.input is None:
        return {}
    result: dict[str, Any]
    quick = typed.decoder(spec.input.shape)
    if quick is not None:
        try:
            result = quick(request.body)
            return result
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
    result = read(load(request.body), spec.input)
    return result


def load(body: bytes) -> Any:
    """The JSON document in a request's body; nothing at all counts as an empty object."""
    if not body:
        return {}
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _load_lenient(body)


def _load_lenient(body: bytes) -> Any:
    """Python's own parser is asked again: it takes NaN, as AWS does. Half a surrogate pair is no text."""
    try:
        document = json.loads(body)
        json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise SerializationException(
            f"The request body is not well-formed JSON: {error.msg} at {error.pos}"
        ) from None
    except (ValueError, RecursionError):
        raise SerializationException("The request body is not well-formed JSON.") from None
    return document


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    body = dump(result, spec.output) if spec.output else b""
    return Response(200, _headers(spec.service, request_id), body)


def dump(result: Any, member: Member) -> bytes:
    """A result as a JSON document."""
    if member.shape.is_plain():
        try:
            return _encode(result)
        except (TypeError, ValueError, UnicodeEncodeError):
            pass  # a lone surrogate or a NaN: the slow road knows how
    return json.dumps(write(result, member), separators=(",", ":")).encode()


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    members = write_members(error.members, spec.shape) if spec.shape else error.members
    document = {"__type": error_type(error, model), "message": str(error), **members}
    headers = _headers(model, request_id)
    if "awsQueryCompatible" in model.metadata:
        headers["x-amzn-query-error"] = f"{spec.code};{'Sender' if spec.status < 500 else 'Receiver'}"
    return Response(spec.status, headers, json.dumps(document, separators=(",", ":")).encode())


def error_type(error: AwsError, model: ServiceModel) -> str:
    """The qualified name of an error: AWS puts the service's namespace before those it models.

    ``com.amazonaws.sqs#QueueDoesNotExist``, ``com.amazonaws.dynamodb.v20120810#ResourceNotFoundException``
    """
    if error.code in _CORAL:
        return f"com.amazon.coral.{_CORAL[error.code]}#{error.code}"
    if error.code not in model.error_names:
        return error.code
    name, _, version = str(model.metadata.get("targetPrefix", "")).rpartition(".")[2].partition("_")
    space = f"{name.lower()}.v{version}" if version else str(model.metadata["endpointPrefix"])
    return f"com.amazonaws.{space}#{error.code}"


def read(value: Any, member: Member | Shape) -> Any:
    """A JSON value as the Python value its shape describes."""
    shape = member if isinstance(member, Shape) else member.shape
    kind, expected = type(value), shape.type
    if expected == "string":
        if kind is str or (isinstance(member, Member) and member.jsonvalue):
            return value
    elif expected == "structure":
        if shape.document:
            return value
        if kind is dict:
            wires = shape.wires
            return {found.name: read(item, found) for name, item in value.items()
                    if item is not None and (found := wires.get(name)) is not None}
    elif expected == "map" and shape.value is not None:
        if kind is dict:
            inner = shape.value
            return {key: read(item, inner) for key, item in value.items() if item is not None}
    elif expected == "list" and shape.item is not None:
        if kind is list:
            inner = shape.item
            return [read(item, inner) for item in value]
    elif expected == "boolean":
        if kind is bool:
            return value
    else:
        return _read_scalar(value, kind, shape)
    raise _misfit(value, shape)


def _read_scalar(value: Any, kind: type, shape: Shape) -> Any:
    expected = shape.type
    if expected == "blob" and kind is str:
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise SerializationException("Invalid base64 encoding") from None
    if expected == "timestamp" and kind in (int, float, str):
        return read_timestamp(value)
    if expected in _BITS and (kind is int or (kind is float and math.isfinite(value) and value.is_integer())):
        if not -(1 << _BITS[expected]) <= value < 1 << _BITS[expected]:
            raise SerializationException(f"Value {value} is out of range for {_NAMES[expected]}")
        return int(value)
    if expected in ("float", "double"):
        if kind in (int, float):
            return float(value)
        if value in ("NaN", "Infinity", "-Infinity"):
            return float(value)
    raise _misfit(value, shape)


def _misfit(value: Any, shape: Shape) -> SerializationException:
    found = _KINDS.get(type(value), "NULL_VALUE")
    if isinstance(value, dict | list):
        return SerializationException(found)
    if shape.type in ("structure", "map", "list"):
        return SerializationException("Unexpected value type in payload")
    return SerializationException(f"{found} cannot be converted to {_NAMES.get(shape.type, shape.type)}")


def write(value: Any, member: Member) -> Any:
    """A Python value as the JSON its shape describes; KeyError for a member that does not exist."""
    if isinstance(value, msgspec.Raw):  # it is that already
        return _decode(value)
    shape = member.shape
    match shape.type:
        case "structure" if not shape.document:
            return write_members(value, shape)
        case "list" if shape.item:
            return [write(item, shape.item) for item in value]
        case "map" if shape.value:
            return {key: write(item, shape.value) for key, item in value.items() if item is not None}
        case "blob":
            return base64.b64encode(value).decode()
        case "timestamp":
            return write_timestamp(value, member.timestamp_format or "unixTimestamp")
        case "float" | "double" if not math.isfinite(value):
            return write_float(value)
    return value


def write_members(value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """The members of a structure that belong to the body."""
    found = {}
    for name, item in value.items():
        member = shape.members[name]
        if item is not None and member.location is None:
            found[member.wire] = write(item, member)
    return found


def _headers(model: ServiceModel, request_id: str) -> dict[str, str | list[str]]:
    version = model.metadata.get("jsonVersion", "1.0")
    return {"content-type": f"application/x-amz-json-{version}", "x-amzn-requestid": request_id}
