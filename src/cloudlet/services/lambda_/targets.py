"""Deliveries to functions: each is an asynchronous invocation."""

from ...fabric.targets import Delivery
from ...kernel import Call
from .asynchronous import accept
from .invoke import check_payload
from .limits import ASYNC_PAYLOAD
from .records import name_of
from .service import lambda_


@lambda_.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Keep the event; it runs once this transaction is committed."""
    check_payload(delivery.body, ASYNC_PAYLOAD)
    accept(call, name_of(call, arn), delivery.body, delivery.id)
