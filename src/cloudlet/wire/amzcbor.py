"""AWS JSON's elder twin in CBOR, which the Java SDKs and the Kinesis libraries speak to Kinesis.

As in AWS JSON the operation is a header. What differs from :mod:`.rpccbor` are the moments: tag 1 holds
milliseconds, where CBOR's own standard has seconds.
"""

import io
from datetime import UTC, datetime
from typing import Any

import cbor2

from ..errors import AwsError, SerializationException
from . import awsjson, rpccbor
from .http import Request, Response
from .model import OperationModel, ServiceModel

CONTENT = "application/x-amz-cbor-1.1"
_MOMENT = 1

operation_name = awsjson.operation_name


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    if spec.input is None or not request.body:
        return {}
    source = io.BytesIO(request.body)
    try:
        document = cbor2.CBORDecoder(source, semantic_decoders={_MOMENT: _moment}).decode()
    except (cbor2.CBORError, ValueError, EOFError, RecursionError, TypeError, OverflowError, MemoryError):
        raise SerializationException("The request body is not well-formed CBOR.") from None
    if source.read(1):
        raise SerializationException("The request body goes on after its end.")
    found: dict[str, Any] = rpccbor.read(document, spec.input)
    return found


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    document = rpccbor.write(result, spec.output) if spec.output else {}
    return _response(200, document, request_id)


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    document = {**error.members, "__type": awsjson.error_type(error, model), "message": str(error)}
    return _response(spec.status, document, request_id)


def _moment(value: Any, *_: Any) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def _response(status: int, document: Any, request_id: str) -> Response:
    headers: dict[str, str | list[str]] = {"content-type": CONTENT, "x-amzn-requestid": request_id}
    return Response(status, headers, cbor2.dumps(_tagged(document)))


def _tagged(value: Any) -> Any:
    """A value with its moments in milliseconds."""
    match value:
        case datetime():
            return cbor2.CBORTag(_MOMENT, round(value.timestamp() * 1000))
        case dict():
            return {key: _tagged(item) for key, item in value.items()}
        case list():
            return [_tagged(item) for item in value]
    return value
