"""Deliveries to what EventBridge has: buses, archives and API destinations.

A rule sends its event on as it is. What any other service delivers to a bus is put there as the detail of an
event; its parameters may say ``Source``, ``DetailType`` and ``Resources``.
"""

import msgspec

from ...arn import Arn
from ...errors import ValidationException
from ...fabric.targets import Delivery, NotATarget, Parcel, send
from ...kernel import Call
from . import archives, limits
from .dispatch import POST, dispatch
from .errors import MalformedDetail
from .event import Event, minified, moment, read
from .permissions import permit
from .records import find_bus
from .service import events


@events.target
def deliver(call: Call, arn: str, delivery: Delivery) -> None:
    """Put an event onto a bus, into an archive, or on its way to an API destination."""
    kind, _, _ = Arn.parse(arn).resource.partition("/")
    match kind:
        case "event-bus":
            _onto_bus(call, arn, delivery)
        case "archive":
            archives.keep(call, arn, delivery.body)
        case "api-destination":
            send(call, Parcel(arn, delivery, carrier=POST))
        case _:
            raise NotATarget(f"Nothing can be delivered to {arn}.")


def _onto_bus(call: Call, arn: str, delivery: Delivery) -> None:
    there, bus = find_bus(call, arn)
    event = _forwarded(there, delivery) if delivery.source == events.name else _wrapped(there, delivery)
    permit(there, bus, event.source, event.detail_type, by_rule=delivery.source == events.name)
    dispatch(there, bus, event)


def _forwarded(call: Call, delivery: Delivery) -> Event:
    """An event from another bus. Beyond its region it has another id, as on AWS."""
    try:
        event = read(delivery.body)
    except msgspec.DecodeError:
        raise MalformedDetail("What comes from another bus must be an event.") from None
    sender = Arn.parse(delivery.source_arn).region if delivery.source_arn else call.region
    if sender != call.region:
        event.id = call.ids.uuid()
    event.ingested_ms, event.forwarded = call.now_ms, True
    return event


def _wrapped(call: Call, delivery: Delivery) -> Event:
    """An event about what a service delivers."""
    detail = minified(delivery.body.decode("utf-8", "replace"))
    if detail is None:
        raise MalformedDetail
    if len(delivery.body) > limits.ENTRIES_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    given = delivery.parameters
    source = given.get("Source") or delivery.source
    resources = given.get("Resources") or ([delivery.source_arn] if delivery.source_arn else [])
    account = delivery.source_account or call.account
    return Event(call.ids.uuid(), source, given.get("DetailType") or source, account, call.region,
                 moment(call.now_ms), detail, resources, call.now_ms)
