"""Deliveries to functions: each is an asynchronous invocation."""

from ...fabric.targets import Delivery
from ...kernel import Call
from .access import permit
from .asynchronous import accept
from .invoke import check_payload
from .limits import ASYNC_PAYLOAD
from .records import name_of
from .service import lambda_


@lambda_.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Keep the event, if its sender may invoke the function; it runs once this transaction is committed.

    What other functions send to their destinations is sent with their own roles, so no policy is asked.
    """
    check_payload(delivery.body, ASYNC_PAYLOAD)
    name = name_of(call, arn)
    if delivery.source != "lambda":
        permit(call, name)
    accept(call, name, delivery.body, delivery.id, copy=delivery.copy)
