"""Rules on a schedule: their moments are an agenda, and one timer stands at the earliest.

They fire in the order of their moments, whatever rule they are of, and each moment exactly once: when the
clock is moved a month ahead, or the cloudlet was not there for an hour, all that was missed is made up for.
"""

import msgspec

from ...fabric import schedules, timers
from ...kernel import Call
from ...store import Agenda, Table
from . import routes
from .dispatch import trigger
from .event import Event, moment
from .records import DEFAULT, Bus, Rule, find_bus, rules
from .service import events

_AT_ONCE = 50  # moments in one transaction


class Moment(msgspec.Struct):
    """That a rule fires; its name is the row's."""


class Alarm(msgspec.Struct):
    """When the timer goes off, and its number."""

    at_ms: int
    number: int


_moments = Agenda("events.schedule", Moment)
_alarms = Table("events.alarm", Alarm)


def start(call: Call, rule: Rule) -> None:
    """Let an enabled rule's schedule run from now on; the caller keeps the rule."""
    rule.next_ms = 0
    if rule.schedule and rule.enabled:
        _plan(call, rule, call.now_ms)
        _set_alarm(call)


def stop(call: Call, rule: Rule) -> None:
    """Let a rule's schedule rest."""
    if rule.next_ms:
        _moments.remove(call, at_ms=rule.next_ms, id=rule.name)
        rule.next_ms = 0


@events.task
def fire(call: Call, number: int) -> None:
    """Fire what is due, the earliest first."""
    alarm = _alarms.get(call, "")
    if alarm is None or alarm.number != number:
        return
    _, bus = find_bus(call, DEFAULT)
    for _ in range(_AT_ONCE):  # one by one: a rule's next moment may come before that of another
        due = next(iter(_moments.due(call, now_ms=call.now_ms, limit=1)), None)
        if due is None:
            break
        _moments.remove(call, at_ms=due.at_ms, id=due.id)
        rule = rules.get(call, DEFAULT, due.id)
        if rule is not None and rule.next_ms == due.at_ms:
            _fire(call, bus, rule, due.at_ms)
    _alarms.delete(call, "")
    _set_alarm(call, number)


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
        _moments.add(call, at_ms=rule.next_ms, id=rule.name, work=Moment())


def _set_alarm(call: Call, last: int = 0) -> None:
    """See to it that the timer stands at the earliest moment."""
    earliest_ms, alarm = _moments.earliest_ms(call), _alarms.get(call, "")
    if earliest_ms is None or (alarm is not None and alarm.at_ms <= earliest_ms):
        return
    number = max(last, alarm.number if alarm else 0) + 1
    if alarm is not None:
        timers.cancel(call, at_ms=alarm.at_ms, id=_id(call, alarm.number))
    at_ms = max(earliest_ms, call.now_ms)
    _alarms.put(call, "", record=Alarm(at_ms, number))
    timers.schedule(call, fire, at_ms=at_ms, id=_id(call, number), number=number)


def _id(call: Call, number: int) -> str:
    return f"events/schedule/{call.account}/{call.region}/{number}"
