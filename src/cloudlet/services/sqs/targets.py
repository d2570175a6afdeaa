"""How a notification, a topic, a rule or a schedule delivers to a queue."""

from ...fabric.targets import Delivery
from ...kernel import Call
from .message import draft
from .queue import of_arn, permit
from .sending import send
from .service import sqs


@sqs.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Send what is delivered as a message, in the transaction of whoever delivers, if the policy lets.

    It is not asked about what mappings of functions give up, which is sent in nobody's name.
    Parameters: ``MessageGroupId``, ``MessageDeduplicationId``, ``MessageAttributes``,
    ``MessageSystemAttributes``, each as SendMessage has it.
    """
    there, queue = of_arn(call, arn)
    if delivery.caller or delivery.source != "lambda":
        permit(there, queue, "SendMessage")
    given = delivery.parameters
    found = draft(delivery.body.decode("utf-8", "replace"), given.get("MessageAttributes"),
                  given.get("MessageSystemAttributes"))
    send(there, queue, found, None, given.get("MessageGroupId"), given.get("MessageDeduplicationId"))
