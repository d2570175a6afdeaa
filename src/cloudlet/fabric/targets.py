"""Targets: how something is delivered to an ARN, whoever sends it.

A service says once how it takes a delivery (``@sqs.target``); notifications, topics, rules, pipes,
schedules and destinations all use that: N+M, never N×M. A delivery happens in the sender's own
transaction. One that is refused becomes a row that is tried again, and at last goes to its dead-letter
target: at least once, with the delivery's id for idempotence.
"""

import logging
from typing import Any

import msgspec

from ..arn import Arn
from ..errors import AwsError
from ..identity import Principal, service_principal
from ..kernel import Call
from . import timers

log = logging.getLogger(__name__)
_GIVE_UP_MS = 24 * 3600 * 1000


class Delivery(msgspec.Struct):
    """Something that is on its way to an ARN.

    ``body`` is what the target gets, JSON for most. ``source`` is the sending service's name as in its
    principal (``s3``), ``source_arn`` what in it sends; resource policies may ask for both.
    ``parameters`` are the target's own (an SQS target knows ``MessageGroupId`` and ``MessageAttributes``).
    ``caller`` is who acts where the sending service doesn't act of its own: a role, or whoever asked it.
    """

    id: str
    body: bytes
    source: str
    source_arn: str = ""
    source_account: str = ""
    parameters: dict[str, Any] = {}
    caller: Principal | None = None

    @property
    def principal(self) -> Principal:
        """On whose behalf the target acts: resource policies judge it."""
        return self.caller or service_principal(self.source, self.source_account, self.source_arn)


def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Hand ``delivery`` to the target ``arn`` in this transaction; an :class:`AwsError` if it is refused."""
    target = Arn.parse(arn)
    service = call.kernel.services.of_arn(target.service)
    if not service.targets:
        raise NotATarget(f"Nothing can be delivered to {arn}: {service.name} takes no deliveries here.")
    there = call.elsewhere(account=target.account or call.account, region=target.region or call.region,
                           service=service.name, principal=delivery.principal)
    service.targets[0](there, arn, delivery)


def later(call: Call, arn: str, delivery: Delivery, *, tries: int = 1) -> None:
    """Try again what was refused, after a while that grows; given up after a day."""
    pause_ms = min(1000 * 2**tries, 300_000)
    first_ms = int(delivery.parameters.get("_first_ms", call.now_ms))
    if call.now_ms - first_ms > _GIVE_UP_MS:
        log.error("nothing could be delivered to %s for a day; the event %s is given up", arn, delivery.id)
        return
    delivery.parameters["_first_ms"] = first_ms
    timers.schedule(call, _again, at_ms=call.now_ms + pause_ms, id=f"delivery/{arn}/{delivery.id}/{tries}",
                    arn=arn, delivery=msgspec.to_builtins(delivery, builtin_types=(bytes,)), tries=tries)


def _again(call: Call, *, arn: str, delivery: dict[str, Any], tries: int) -> None:
    one = msgspec.convert(delivery, type=Delivery)
    try:
        deliver(call, arn, one)
    except AwsError as error:
        log.warning("%s refused the event %s: %s", arn, one.id, error)
        later(call, arn, one, tries=tries + 1)


timers.TASKS["_again"] = _again


class NotATarget(AwsError):
    """Nothing can be delivered there."""
