"""Rules: put, shown, listed, switched, deleted."""

from collections.abc import Iterator
from typing import Any

from ...errors import ValidationException
from ...fabric import schedules
from ...kernel import Call
from . import limits, patterns, scheduling, tags
from .errors import invalid
from .hearing import attend
from .paging import page
from .records import (
    DEFAULT,
    Bus,
    Rule,
    Target,
    check_mine,
    check_room,
    find_rule,
    own_bus,
    rules,
    save,
    targets,
    targets_of,
    told,
)
from .service import events

Config = dict[str, Any]
_ON, _OFF = "ENABLED", "DISABLED"


@events.operation
def put_rule(call: Call, name: str, schedule_expression: str | None = None, event_pattern: str | None = None,
             state: str | None = None, description: str | None = None, role_arn: str | None = None,
             tags: list[dict[str, str]] | None = None, event_bus_name: str | None = None) -> Config:
    """Create a rule, or replace what it says; its targets and tags stay."""
    bus = own_bus(call, event_bus_name)
    if not schedule_expression and not event_pattern:
        raise invalid("ScheduleExpression", "Either EventPattern or ScheduleExpression must be provided.")
    if schedule_expression:
        if bus.name != DEFAULT:
            raise ValidationException("ScheduleExpression is supported only on the default event bus.")
        _schedule(schedule_expression)
    if event_pattern:
        patterns.compiled(event_pattern)
    old = rules.get(call, bus.name, name)
    if old is None:
        check_room(bus.rules + 1, limits.RULES_PER_BUS)
        bus.rules += 1
    else:
        check_mine(call, old)
        scheduling.stop(call, old)
    path = name if bus.name == DEFAULT else f"{bus.name}/{name}"
    rule = Rule(name, bus.name, call.arn(f"rule/{path}"), event_pattern or "", schedule_expression or "",
                state or _ON, description or "", role_arn or "",
                managed_by=old.managed_by if old else _manager(call),
                created_by=old.created_by if old else call.account,
                tags=old.tags if old else _tagged(tags))
    scheduling.start(call, rule)
    _keep(call, bus, rule)
    return {"RuleArn": rule.arn}


@events.operation
def describe_rule(call: Call, name: str, event_bus_name: str | None = None) -> Config:
    """A rule."""
    rule = find_rule(call, own_bus(call, event_bus_name), name)
    return _shown(rule) | told(CreatedBy=rule.created_by)


@events.operation
def delete_rule(call: Call, name: str, event_bus_name: str | None = None, force: bool = False) -> None:
    """Delete a rule without targets; one that is not there is no error."""
    bus = own_bus(call, event_bus_name)
    rule = rules.get(call, bus.name, name)
    if rule is None:
        return
    if not force:
        check_mine(call, rule)
    if targets_of(call, rule):
        raise ValidationException("Rule can't be deleted since it has targets.")
    scheduling.stop(call, rule)
    rules.delete(call, bus.name, name)
    bus.rules -= 1
    save(call, bus, anew=True)
    attend(call, bus)


@events.operation
def enable_rule(call: Call, name: str, event_bus_name: str | None = None) -> None:
    """Let a rule work."""
    _switch(call, own_bus(call, event_bus_name), name, _ON)


@events.operation
def disable_rule(call: Call, name: str, event_bus_name: str | None = None) -> None:
    """Let a rule rest."""
    _switch(call, own_bus(call, event_bus_name), name, _OFF)


@events.operation
def list_rules(call: Call, name_prefix: str | None = None, event_bus_name: str | None = None,
               next_token: str | None = None, limit: int | None = None) -> Config:
    """Rules of a bus by name."""
    bus = own_bus(call, event_bus_name)
    wanted = name_prefix or ""

    def rows(after: str) -> Iterator[tuple[str, Rule]]:
        for (_, name), rule in rules.items(call, bus.name, after=(bus.name, after) if after else None):
            if str(name).startswith(wanted):
                yield str(name), rule

    return page("Rules", rows, _shown, next_token, limit)


@events.operation
def list_rule_names_by_target(call: Call, target_arn: str, event_bus_name: str | None = None,
                              next_token: str | None = None, limit: int | None = None) -> Config:
    """The rules of a bus that have this target."""
    bus = own_bus(call, event_bus_name)

    def rows(after: str) -> Iterator[tuple[str, str]]:
        found: Iterator[tuple[Any, Target]] = targets.find(call, "arn", target_arn)
        for name in sorted({str(key[1]) for key, _ in found if key[0] == bus.name}):
            if name > after:
                yield name, name

    return page("RuleNames", rows, str, next_token, limit)


def _switch(call: Call, bus: Bus, name: str, state: str) -> None:
    rule = find_rule(call, bus, name)
    check_mine(call, rule)
    if rule.enabled != (state == _ON):
        scheduling.stop(call, rule)
        rule.state = state
        scheduling.start(call, rule)
        _keep(call, bus, rule)


def _keep(call: Call, bus: Bus, rule: Rule) -> None:
    rules.put(call, bus.name, rule.name, record=rule)
    save(call, bus, anew=True)
    attend(call, bus)


def _schedule(text: str) -> None:
    try:
        schedules.parse(text)
    except schedules.ScheduleError:
        raise invalid("ScheduleExpression") from None


def _manager(call: Call) -> str:
    """The service that made a rule for the account; empty if the account did itself."""
    return call.principal.arn if call.principal.kind == "service" else ""


def _tagged(given: list[dict[str, str]] | None) -> dict[str, str]:
    return tags.merged({}, given or [])


def _shown(rule: Rule) -> Config:
    return told(Name=rule.name, Arn=rule.arn, EventPattern=rule.pattern, ScheduleExpression=rule.schedule,
                State=rule.state, Description=rule.description, RoleArn=rule.role_arn,
                ManagedBy=rule.managed_by, EventBusName=rule.bus)
