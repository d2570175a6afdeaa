"""A stack's events, told to the topics of its NotificationARNs and to the event bus of its account."""

import logging
from datetime import UTC, datetime

from ...errors import AwsError
from ...fabric import announcements
from ...fabric.targets import Delivery, deliver
from ...kernel import Call
from .records import Stack

log = logging.getLogger(__name__)


def announce(
    call: Call, stack: Stack, logical_id: str, physical_id: str, type: str, status: str, reason: str
) -> None:
    """Tell the bus and the topics; one that takes nothing does not stop a deployment."""
    _tell_bus(call, stack, logical_id, physical_id, type, status, reason)
    if not stack.notification_arns:
        return
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    fields = {
        "StackId": stack.id,
        "Timestamp": moment,
        "LogicalResourceId": logical_id,
        "Namespace": call.account,
        "PhysicalResourceId": physical_id,
        "ResourceProperties": "null",
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ResourceType": type,
        "StackName": stack.name,
    }
    body = "".join(f"{name}='{value}'\n" for name, value in fields.items()).encode()
    for arn in stack.notification_arns:
        delivery = Delivery(call.ids.uuid(), body, "cloudformation", stack.id, call.account,
                            {"Subject": "AWS CloudFormation Notification"})
        try:
            with call.tx.savepoint():
                deliver(call, arn, delivery)
        except AwsError as error:
            log.warning("%s could not be told about %s: %s", arn, stack.name, error)


def _tell_bus(
    call: Call, stack: Stack, logical_id: str, physical_id: str, type: str, status: str, reason: str
) -> None:
    """Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/events-detail-reference.html"""
    detail: dict[str, object] = {"stack-id": stack.id}
    kind = "Stack"
    if physical_id != stack.id:
        kind = "Resource"
        detail |= {"logical-resource-id": logical_id, "physical-resource-id": physical_id}
    detail["status-details"] = {"status": status, "status-reason": reason}
    if kind == "Resource":
        detail["resource-type"] = type
    announcements.announce(
        call, "aws.cloudformation", f"CloudFormation {kind} Status Change",
        detail | {"client-request-token": stack.token}, [stack.id],
    )
