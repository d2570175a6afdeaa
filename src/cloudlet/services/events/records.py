"""Buses, rules and targets as they are remembered.

A bus has a ``generation``: a random name of what its rules and targets are at the moment. Whatever changes
them gives it a new one, so what has been compiled for a generation is right for as long as the bus says that
name, on any process and after any restart.
"""

import re
from typing import Any

import msgspec

from ...errors import NotHonoured
from ...kernel import Call
from ...store import Table
from .errors import LimitExceededException, ManagedRuleException, ResourceNotFoundException, wrong_arn

DEFAULT = "default"
_BUS_ARN = re.compile(r"arn:aws[\w-]*:events:([a-z0-9-]+):(\d{12}):event-bus/(.+)")


class Bus(msgspec.Struct):
    """An event bus; ``rules`` is how many it has."""

    name: str
    arn: str
    created_ms: int
    modified_ms: int
    generation: str = ""
    rules: int = 0
    description: str = ""
    policy: str = ""
    dead_letter_arn: str = ""
    tags: dict[str, str] = {}


class Rule(msgspec.Struct):
    """A rule. ``next_ms`` is when its schedule comes next, 0 if it has none or never comes again."""

    name: str
    bus: str
    arn: str
    pattern: str = ""
    schedule: str = ""
    state: str = "ENABLED"
    description: str = ""
    role_arn: str = ""
    managed_by: str = ""
    created_by: str = ""
    tags: dict[str, str] = {}
    next_ms: int = 0

    @property
    def enabled(self) -> bool:
        """Whether it does anything."""
        return self.state != "DISABLED"


class Target(msgspec.Struct):
    """A target of a rule: what PutTargets was given, without what is empty."""

    id: str
    arn: str
    given: dict[str, Any]


buses = Table("events.buses", Bus)
rules = Table("events.rules", Rule)
targets = Table("events.targets", Target, indexes={"arn": lambda target: (target.arn,)})


def find_bus(call: Call, name_or_arn: str | None) -> tuple[Call, Bus]:
    """The bus of that name or ARN, and the call as seen from its account and region.

    The default bus is there before anybody has done anything with it.
    """
    there, name = place_of(call, name_or_arn)
    bus = buses.get(there, name)
    if bus is None:
        if name != DEFAULT:
            raise ResourceNotFoundException(f"Event bus {name} does not exist.")
        bus = Bus(DEFAULT, there.arn("event-bus/default", "events"), 0, 0)
    return there, bus


def own_bus(call: Call, name_or_arn: str | None) -> Bus:
    """The bus of that name or ARN, which must be in the caller's account and region."""
    there, bus = find_bus(call, name_or_arn)
    if (there.account, there.region) != (call.account, call.region):
        raise ResourceNotFoundException(f"Event bus {name_or_arn} does not exist.")
    return bus


def place_of(call: Call, name_or_arn: str | None) -> tuple[Call, str]:
    """The name of the bus that is meant, and the call as seen from where it is."""
    if not name_or_arn or name_or_arn == DEFAULT:
        return call, DEFAULT
    if name_or_arn.startswith("arn:"):
        found = _BUS_ARN.fullmatch(name_or_arn)
        if found is None:
            raise wrong_arn(name_or_arn)
        return call.elsewhere(account=found[2], region=found[1], service="events"), found[3]
    if name_or_arn.startswith("aws.partner/"):
        raise NotHonoured("cloudlet has no partner event sources, and so no event buses of theirs.")
    return call, name_or_arn


def save(call: Call, bus: Bus, *, anew: bool = False) -> None:
    """Keep a bus; ``anew`` if its rules or targets are others now."""
    bus.created_ms = bus.created_ms or call.now_ms
    bus.modified_ms = bus.modified_ms or call.now_ms
    if anew:
        bus.generation = call.ids.hex(24)
    buses.put(call, bus.name, record=bus)


def find_rule(call: Call, bus: Bus, name: str) -> Rule:
    """The rule of that name, or the error that there is none."""
    rule = rules.get(call, bus.name, name)
    if rule is None:
        raise ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus.name}.")
    return rule


def check_mine(call: Call, rule: Rule) -> None:
    """Refuse to change a rule that a service manages for the account, unless that service asks."""
    if rule.managed_by and rule.managed_by != call.principal.arn:
        raise ManagedRuleException(
            f"Rule {rule.name} is managed by {rule.managed_by} and can't be changed by others.")


def targets_of(call: Call, rule: Rule) -> list[Target]:
    """The targets of a rule, by id."""
    return [target for _, target in targets.items(call, rule.bus, rule.name)]


def check_room(count: int, limit: int) -> None:
    """Refuse what would be more than a quota lets be."""
    if count > limit:
        raise LimitExceededException


def seconds(moment_ms: int) -> float | None:
    """A moment as answers have it; None if it never came."""
    return moment_ms / 1000 if moment_ms else None


def told(**members: Any) -> dict[str, Any]:
    """An answer without what is empty: numbers are never."""
    return {name: value for name, value in members.items() if value not in (None, "", {}, [])}
