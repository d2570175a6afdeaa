"""Smithy's RPC v2 over CBOR: the operation is in the path, the body a CBOR map."""

import io
import math
from datetime import UTC, datetime
from typing import Any

import cbor2

from ..errors import AwsError, SerializationException
from . import awsjson
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member, Shape
from .values import read_timestamp


def operation_name(request: Request, model: ServiceModel) -> str:
    """``/service/CloudWatch/operation/PutMetricData`` names PutMetricData."""
    return request.path.rstrip("/").rpartition("/")[2]


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    if spec.input is None or not request.body:
        return {}
    try:
        source = io.BytesIO(request.body)
        document = cbor2.CBORDecoder(source).decode()
    except (cbor2.CBORError, ValueError, EOFError, RecursionError, TypeError, OverflowError, MemoryError):
        raise SerializationException("The request body is not well-formed CBOR.") from None
    if source.read(1):
        raise SerializationException("The request body goes on after its end.")
    found: dict[str, Any] = read(document, spec.input)
    return found


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    body = dump(write(result, spec.output)) if spec.output else dump({})
    return Response(200, _headers(request_id), body)


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    members = _write_members(error.members, spec.shape) if spec.shape else error.members
    document = {"__type": awsjson.error_type(error, model), "message": str(error), **members}
    headers = _headers(request_id)
    if "awsQueryCompatible" in model.metadata:
        headers["x-amzn-query-error"] = f"{spec.code};{'Sender' if spec.status < 500 else 'Receiver'}"
    return Response(spec.status, headers, dump(document))


def dump(value: Any) -> bytes:
    """A value as CBOR; moments are seconds since 1970 under tag 1."""
    return cbor2.dumps(value, datetime_as_timestamp=True, timezone=UTC)


def read(value: Any, member: Member) -> Any:
    """A CBOR value as the Python value its shape describes."""
    shape = member.shape
    match shape.type:
        case "blob" if isinstance(value, bytes):
            return value
        case "timestamp" if isinstance(value, datetime):
            return value
        case "timestamp" if isinstance(value, int | float) and not isinstance(value, bool):
            return read_timestamp(value)
        case "structure" if isinstance(value, dict) and not shape.document:
            return {found.name: read(item, found) for name, item in value.items()
                    if item is not None and isinstance(name, str) and (found := shape.wires.get(name))}
        case "list" if isinstance(value, list) and shape.item:
            return [read(item, shape.item) for item in value]
        case "map" if isinstance(value, dict) and shape.value:
            return {key: read(item, shape.value) for key, item in value.items()
                    if item is not None and isinstance(key, str)}
        case "float" | "double" if isinstance(value, float):
            return value
        case "blob" | "timestamp":
            raise SerializationException(f"Unexpected value type for {member.name}")
    return awsjson.read(value, member)


def write(value: Any, member: Member) -> Any:
    """A Python value as the CBOR its shape describes."""
    shape = member.shape
    match shape.type:
        case "structure" if not shape.document:
            return _write_members(value, shape)
        case "list" if shape.item:
            return [write(item, shape.item) for item in value]
        case "map" if shape.value:
            return {key: write(item, shape.value) for key, item in value.items() if item is not None}
        case "timestamp":
            return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
        case "float" | "double" if math.isfinite(value):
            return float(value)
    return value


def _write_members(value: dict[str, Any], shape: Shape) -> dict[str, Any]:
    return {shape.members[name].wire: write(item, shape.members[name])
            for name, item in value.items() if item is not None}


def _headers(request_id: str) -> dict[str, str | list[str]]:
    return {
        "content-type": "application/cbor",
        "smithy-protocol": "rpc-v2-cbor",
        "x-amzn-requestid": request_id,
    }
