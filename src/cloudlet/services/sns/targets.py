"""How a notification, a rule or a destination delivers to a topic: it publishes."""

from ...fabric.targets import Delivery
from ...kernel import Call
from . import access
from .message import draft
from .publishing import Draft, check, issue
from .records import lookup
from .service import sns


@sns.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Publish what is delivered, in the transaction of whoever delivers, if the topic's policy lets it.

    Parameters: ``Subject``, ``MessageAttributes``, ``MessageGroupId``, ``MessageDeduplicationId``, each as
    Publish has it.
    """
    there, topic = lookup(call, arn)
    access.authorize(there, topic, "Publish", aws_SourceArn=delivery.source_arn,
                     aws_SourceAccount=delivery.source_account)
    given, text = delivery.parameters, delivery.body.decode("utf-8", "replace")
    found = Draft(*draft(text, given.get("Subject"), None, given.get("MessageAttributes"),
                         given.get("MessageGroupId"), given.get("MessageDeduplicationId")))
    issue(there, topic, check(topic, found, text))
