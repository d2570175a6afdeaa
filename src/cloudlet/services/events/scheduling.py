"""Rules on a schedule: they fire in the order of their moments, and each moment exactly once."""

import msgspec

from ...fabric import schedules
from ...fabric.moments import Moments
from ...kernel import Call
from . import routes
from .dispatch import trigger
from .event import Event, moment
from .records import DEFAULT, Bus, Rule, find_bus, rules
from .service import events

_moments = Moments("events.schedule", "events.alarm", "events/schedule", "fire")


def start(call: Call, rule: Rule) -> None:
    """Let an enabled rule's schedule run from now on; the caller keeps the rule."""
    rule.next_ms = 0
    if rule.schedule and rule.enabled:
        _plan(call, rule, call.now_ms)
        _moments.wind(call)


def stop(call: Call, rule: Rule) -> None:
    """Let a rule's schedule rest."""
    if rule.next_ms:
        _moments.remove(call, at_ms=rule.next_ms, id=rule.name)
        rule.next_ms = 0


@events.task
def fire(call: Call, number: int) -> None:
    """Fire what is due, the earliest first."""
    _, bus = find_bus(call, DEFAULT)
    for due in _moments.due(call, number):
        rule = rules.get(call, DEFAULT, due.id)
        if rule is not None and rule.next_ms == due.at_ms:
            _fire(call, bus, rule, due.at_ms)


def _fire(call: Call, bus: Bus, rule: Rule, at_ms: int) -> None:
    _plan(call, rule, at_ms)
    rules.put(call, DEFAULT, rule.name, record=rule)
    route = routes.of_bus(call, bus).by_name.get(rule.name)
    if route is not None:
        event = Event(call.ids.uuid(), "aws.events", "Scheduled Event", call.account, call.region,
                      moment(at_ms), msgspec.Raw(b"{}"), [rule.arn], call.now_ms)
        trigger(call, route, event)


def _plan(call: Call, rule: Rule, after_ms: int) -> None:
    """Put down when a rule fires next."""
    rule.next_ms = schedules.parse(rule.schedule).next_ms(after_ms) or 0
    if rule.next_ms:
        _moments.add(call, at_ms=rule.next_ms, id=rule.name)
