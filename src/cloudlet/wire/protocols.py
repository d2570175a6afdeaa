"""Which protocol a request speaks, and the module that speaks it."""

from typing import Any, Protocol

from ..errors import AwsError, UnknownOperationException
from . import amzcbor, awsjson, query, restjson, restxml, rpccbor
from .http import Request, Response
from .model import OperationModel, ServiceModel


class Wire(Protocol):
    """What each protocol's module can do."""

    def operation_name(self, request: Request, model: ServiceModel, /) -> str: ...
    def parse(self, request: Request, spec: OperationModel, /) -> dict[str, Any]: ...
    def render(self, result: dict[str, Any], spec: OperationModel, request_id: str, /) -> Response: ...
    def render_error(self, error: AwsError, model: ServiceModel, request_id: str, /) -> Response: ...


WIRES: dict[str, Wire] = {
    "smithy-rpc-v2-cbor": rpccbor,
    "json": awsjson,
    "rest-json": restjson,
    "rest-xml": restxml,
    "query": query,
}


def wire_of(request: Request, model: ServiceModel) -> Wire:
    """The protocol of ``request``: what it says itself, if the service lists it, else the service's own."""
    headers = request.headers
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        asked = "smithy-rpc-v2-cbor"
    elif "x-amz-target" in headers:
        if "json" in model.protocols and headers.get("content-type", "").startswith(amzcbor.CONTENT):
            return amzcbor
        asked = "json"
    elif (headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
          or "Action=" in request.query):
        asked = "query"
    else:
        asked = model.protocols[0]
    return WIRES[asked if asked in _spoken(model) else model.protocols[0]]


def operation_of(wire: Wire, request: Request, model: ServiceModel) -> OperationModel:
    """The operation that ``request`` asks for."""
    name = wire.operation_name(request, model)
    try:
        return model.operation(name)
    except KeyError:
        raise UnknownOperationException(
            f"Unknown operation: {name or f'{request.method} {request.path}'}") from None


def _spoken(model: ServiceModel) -> tuple[str, ...]:
    """A service that moved from forms to JSON still understands forms, as SQS does."""
    return (*model.protocols, "query") if "awsQueryCompatible" in model.metadata else model.protocols
