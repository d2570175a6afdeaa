"""From an event to its targets: the rules that match it, and a delivery for each of their targets.

A target that can take it in this transaction does; else the delivery is tried again as its retry policy says
(see :mod:`cloudlet.fabric.targets`), and at last goes to the target's dead-letter queue. No event stops
another, nor the request that put it.
"""

from ...errors import AwsError
from ...fabric.targets import DeadLetter, Delivery, Parcel, send, settle
from ...kernel import Call
from . import routes
from .errors import ThirdBus
from .event import Event
from .records import Bus
from .roles import caller_of
from .routes import Route, Way
from .service import events

POST = "events:post"  # the task that carries to API destinations


def dispatch(call: Call, bus: Bus, event: Event, only: frozenset[str] = frozenset()) -> None:
    """Send an event to the targets of all rules that match it, or of those among ``only`` (ARNs).

    ``call`` is of the bus's account and region, and of this service.
    """
    known, payload = routes.of_bus(call, bus), event.json()
    call.see("sent", bus.arn, event=event.id, payload=payload)
    matching = list(known.index.matching(event.look()))
    if not matching:
        call.see("filtered", bus.arn, event=event.id, why="no rule of the bus matches it", payload=payload)
    for name in matching:
        route = known.by_name[name]
        if not only or route.rule.arn in only:
            trigger(call, route, event)


def trigger(call: Call, route: Route, event: Event) -> None:
    """Send an event to the targets of a rule."""
    for way in route.ways:
        _send(call, route, way, event)


def _send(call: Call, route: Route, way: Way, event: Event) -> None:
    rule, arn = route.rule, str(way.arn)
    delivery = Delivery(call.ids.uuid(), b"", events.name, rule.arn, call.account)
    parcel = Parcel(arn, delivery, way.retries, _dead_letter(call, route, way, event),
                    carrier=POST if way.kind == "api-destination" else "")
    try:
        if event.forwarded and way.kind == events.name and way.arn.resource.startswith("event-bus/"):
            raise ThirdBus
        delivery.caller = caller_of(call, way.given.get("RoleArn") or rule.role_arn, way.arn, rule.arn)
        delivery.body = way.make(event, rule.arn, rule.name)
        delivery.parameters = way.parameters(event)
    except AwsError as error:
        settle(call, parcel, error)
    else:
        send(call, parcel)


def _dead_letter(call: Call, route: Route, way: Way, event: Event) -> DeadLetter | None:
    """The event as it came, and which rule and target it was for."""
    if not way.dead_letter_arn:
        return None
    about = {"RULE_ARN": route.rule.arn, "TARGET_ARN": str(way.arn)}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in about.items()}
    delivery = Delivery(call.ids.uuid(), event.json(), events.name, route.rule.arn, call.account,
                        {"MessageAttributes": attributes})
    return DeadLetter(way.dead_letter_arn, delivery, explain=True, by_kind=True)
