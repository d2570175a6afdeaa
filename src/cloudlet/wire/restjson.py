"""REST-JSON: members in the path, the query and the headers, the rest a JSON object."""

import json
from typing import Any

from ..errors import AwsError
from . import awsjson, rest
from .http import Request, Response
from .model import OperationModel, ServiceModel
from .shapes import Member

operation_name = rest.operation_name


def parse(request: Request, spec: OperationModel) -> dict[str, Any]:
    """The parameters of the operation, as botocore's callers write them."""
    return rest.parse(request, spec, lambda body, member: awsjson.read(awsjson.load(body), member))


def render(result: dict[str, Any], spec: OperationModel, request_id: str) -> Response:
    """The answer to a call that succeeded."""
    response = rest.bind(result, spec, awsjson.dump, "application/json")
    response.headers["x-amzn-requestid"] = request_id
    return response


def render_error(error: AwsError, model: ServiceModel, request_id: str) -> Response:
    """The answer to a call that failed."""
    spec = model.error(error.code, error.status)
    headers: dict[str, str | list[str]] = {
        "content-type": "application/json", "x-amzn-errortype": spec.code, "x-amzn-requestid": request_id}
    members: dict[str, Any] = dict(error.members)
    text = "message"
    if spec.shape:
        text = next((member.wire for member in spec.shape.members.values()
                     if member.name.lower() == "message"), "message")
        headers |= _bound(error, spec.shape.members)
        members = awsjson.write_members(error.members, spec.shape)
    document = {text: str(error), **members}
    return Response(spec.status, headers, json.dumps(document, separators=(",", ":")).encode())


def _bound(error: AwsError, members: dict[str, Member]) -> dict[str, str]:
    return {members[name].wire.lower(): str(value) for name, value in error.members.items()
            if value is not None and members[name].location == "header"}
