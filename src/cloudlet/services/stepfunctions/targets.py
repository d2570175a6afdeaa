"""Deliveries to state machines: each starts an execution, in the transaction of whoever delivers."""

from ...fabric.targets import Delivery
from ...kernel import Call
from .service import stepfunctions
from .starting import begin


@stepfunctions.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Start an execution with what is delivered as its input.

    It has a name of its own: an event may start the same state machine by two rules.
    """
    begin(call, arn, None, delivery.body.decode("utf-8", "replace"), call.trace.header())
