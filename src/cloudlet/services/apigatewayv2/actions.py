"""Integrations with a subtype: an operation of another service that a route leads to, without a function.

Its parameters are mapped from the request, and its answer is the visitor's as the service renders it: SQS in
the XML of its Query protocol, the others in JSON. What the service refuses is a 500 to the visitor, and why
stands in ``$context.integrationErrorMessage``.
Source: "Integration subtype reference for HTTP APIs" of API Gateway's developer guide. That what a service
refuses is a 500, and an empty value a 400, is what AWS was seen to do.
"""

import json
import logging
from typing import Any, NamedTuple

from ...errors import AwsError, NotHonoured, SerializationException
from ...identity import Principal, root, service_principal
from ...kernel import Call, Conversation
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role
from ...wire import awsjson
from ...wire.http import Response
from ...wire.model import OperationModel
from ...wire.protocols import WIRES
from ...wire.shapes import Member, Shape
from ...wire.values import read_text
from .answers import failure
from .errors import BadRequestException
from .expressions import Around, Unresolved, compiled
from .records import Integration
from .transforms import transformed
from .visits import Visit

log = logging.getLogger(__name__)
_REGION = "Region"
_OTHERWISE = {"AttributeName": "AttributeNames"}  # as AWS's reference calls a member
_CLOSED = ("API Gateway doesn't have permissions to assume the IAM role configured on the integration. "
           "Check the permissions and try again.")
_START = ("StateMachineArn",), ("Name", "Input")


class Action(NamedTuple):
    """An operation, and the parameters that may be mapped."""

    service: str
    operation: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


ACTIONS = {
    "EventBridge-PutEvents": Action("events", "PutEvents", ("Detail", "DetailType", "Source"),
                                    ("Time", "EventBusName", "Resources", "TraceHeader")),
    "SQS-SendMessage": Action("sqs", "SendMessage", ("QueueUrl", "MessageBody"), (
        "DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId",
        "MessageSystemAttributes")),
    "SQS-ReceiveMessage": Action("sqs", "ReceiveMessage", ("QueueUrl",), (
        "AttributeName", "AttributeNames", "MaxNumberOfMessages", "MessageAttributeNames",
        "ReceiveRequestAttemptId", "VisibilityTimeout", "WaitTimeSeconds")),
    "SQS-DeleteMessage": Action("sqs", "DeleteMessage", ("QueueUrl", "ReceiptHandle")),
    "SQS-PurgeQueue": Action("sqs", "PurgeQueue", ("QueueUrl",)),
    "Kinesis-PutRecord": Action("kinesis", "PutRecord", ("StreamName", "Data", "PartitionKey"),
                                ("SequenceNumberForOrdering", "ExplicitHashKey")),
    "StepFunctions-StartExecution": Action("stepfunctions", "StartExecution", *_START),
    "StepFunctions-StartSyncExecution": Action(
        "stepfunctions", "StartSyncExecution", _START[0], (*_START[1], "TraceHeader")),
    "StepFunctions-StopExecution": Action("stepfunctions", "StopExecution", ("ExecutionArn",),
                                          ("Cause", "Error")),
}


# -- as they are defined


def check(one: Integration) -> None:
    """Refuse a subtype, or parameters of it, that can't work."""
    if one.integration_subtype == "AppConfig-GetConfiguration":
        raise NotHonoured("cloudlet has no AppConfig, so it refuses the integration subtype "
                          "AppConfig-GetConfiguration.")
    action = ACTIONS.get(one.integration_subtype or "")
    if action is None or one.payload_format_version != "1.0":
        version = "" if action is None else f" with the payload format version {one.payload_format_version}"
        raise BadRequestException(f"Operation: {one.integration_subtype}{version} is not supported.")
    if one.integration_uri:
        raise BadRequestException("An integration with a subtype has no URI")
    if not one.credentials_arn:
        raise BadRequestException("An integration with a subtype needs the CredentialsArn of a role")
    given = one.request_parameters or {}
    if not given.keys() >= set(action.required):
        raise BadRequestException(
            f"Operation: {one.integration_subtype} requires enabling passthrough, or defining all of the "
            f"following parameters: {', '.join(action.required)}")
    for name, source in given.items():
        if name not in (*action.required, *action.optional, _REGION):
            raise BadRequestException(f"Operation: {one.integration_subtype} has no parameter {name}")
        try:
            compiled(source)
        except ValueError:
            raise BadRequestException(
                "Invalid selection expression specified: Validation Result: warnings : [], errors : "
                f"[Invalid source: {source} specified for destination: {name}]") from None


# -- as they are visited


async def act(call: Conversation, visit: Visit, one: Integration) -> Response:
    """What the service answers, as the visitor gets it. If it refuses, the visit knows why."""
    action = ACTIONS[one.integration_subtype or ""]
    model = call.kernel.services[action.service].model
    spec = model.operation(action.operation)
    try:
        values = _mapped(visit, one)
        region = values.pop(_REGION, visit.region)
        params = _parameters(spec, values)
    except Unresolved as problem:
        visit.problem = str(problem)
        return failure(400, "Bad Request")
    try:
        who = await call.transact(lambda inner: acting(inner, visit, one))
        result = await call.invoke(action.service, action.operation, as_principal=who, region=region,
                                   **params)
    except AwsError as error:
        visit.problem = str(error)
        log.warning("the API %s can't call %s: %s", visit.api.api_id, one.integration_subtype, error)
        return failure(500, "Internal Server Error")
    wire = WIRES["query" if "awsQueryCompatible" in model.metadata else "json"]
    return transformed(visit, one, wire.render(result, spec, call.ids.uuid()))


def acting(call: Call, visit: Visit, one: Integration) -> Principal:
    """Whom the integration is to others: a session of its role, which must let API Gateway in.

    A role that does not exist here gives the account's own rights: an application can be tried before its
    roles are.
    """
    itself = service_principal("apigateway", visit.account, visit.source_arn())
    try:
        found = with_role(call, one.credentials_arn or "", itself, "BackplaneAssumeRoleSession")
    except NotTrusted:
        raise NotTrusted(_CLOSED) from None
    return found or root(visit.account)


def _mapped(visit: Visit, one: Integration) -> dict[str, str]:
    around, found = Around(visit), {}
    for name, source in (one.request_parameters or {}).items():
        try:
            found[_OTHERWISE.get(name, name)] = compiled(source)(around)
        except Unresolved:
            raise Unresolved(f"Unable to resolve property {name} from source {source}.") from None
    return found


def _parameters(spec: OperationModel, values: dict[str, str]) -> dict[str, Any]:
    """Texts as the members they stand for. The one entry of PutEvents is made of all of them."""
    assert spec.input
    shape = spec.input.shape
    entries = shape.members.get("Entries")
    if entries is not None and entries.shape.item is not None:
        return {"Entries": [_members(entries.shape.item.shape, values)]}
    return _members(shape, values)


def _members(shape: Shape, values: dict[str, str]) -> dict[str, Any]:
    names = {name[:1].upper() + name[1:]: name for name in shape.members}
    return {names[name]: _typed(name, text, shape.members[names[name]]) for name, text in values.items()}


def _typed(name: str, text: str, member: Member) -> Any:
    """A text as a member's value: lists and maps are JSON, and a list may be names with commas between."""
    try:
        match member.type:
            case "blob":
                return text.encode()
            case "list" if not text.lstrip().startswith("["):
                return text.split(",")
            case "list" | "map" | "structure":
                return awsjson.read(json.loads(text), member)
        return read_text(text, member)
    except (SerializationException, ValueError, RecursionError):
        raise Unresolved(f"The value of {name} is no {member.type}.") from None
