"""Event buses: created, shown, changed, deleted.

A bus's dead-letter queue is for events that can't be encrypted with a customer's key; where there are no such
keys, as here, it never gets any. It is kept and shown.
"""

from collections.abc import Iterator
from typing import Any

from ...errors import ValidationException
from ...kernel import Call
from . import limits, tags
from .errors import ResourceAlreadyExistsException
from .paging import page
from .records import DEFAULT, Bus, buses, check_room, own_bus, save, seconds, told
from .service import events

Config = dict[str, Any]


@events.operation
def create_event_bus(call: Call, name: str, description: str | None = None,
                     dead_letter_config: Config | None = None,
                     tags: list[dict[str, str]] | None = None) -> Config:
    """Create a custom bus."""
    if "/" in name:
        raise ValidationException("Event bus name must not contain '/'.")
    if name == DEFAULT or buses.get(call, name) is not None:
        raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
    check_room(sum(1 for _ in buses.items(call, limit=limits.BUSES)) + 1, limits.BUSES)
    bus = Bus(name, call.arn(f"event-bus/{name}"), call.now_ms, call.now_ms, description=description or "",
              dead_letter_arn=(dead_letter_config or {}).get("Arn") or "", tags=_tagged(tags))
    save(call, bus, anew=True)
    return told(EventBusArn=bus.arn, Description=bus.description, DeadLetterConfig=_dead_letters(bus))


@events.operation
def describe_event_bus(call: Call, name: str | None = None) -> Config:
    """A bus and its policy."""
    bus = own_bus(call, name)
    return _shown(bus) | told(DeadLetterConfig=_dead_letters(bus))


@events.operation
def update_event_bus(call: Call, name: str | None = None, description: str | None = None,
                     dead_letter_config: Config | None = None) -> Config:
    """Change what is given; the rest stays."""
    bus = own_bus(call, name)
    if description is not None:
        bus.description = description
    if dead_letter_config is not None:
        bus.dead_letter_arn = dead_letter_config.get("Arn") or ""
    bus.modified_ms = call.now_ms
    save(call, bus)
    return told(Arn=bus.arn, Name=bus.name, Description=bus.description, DeadLetterConfig=_dead_letters(bus))


@events.operation
def delete_event_bus(call: Call, name: str) -> None:
    """Delete a custom bus without rules."""
    bus = own_bus(call, name)
    if bus.name == DEFAULT:
        raise ValidationException("Cannot delete event bus default.")
    if bus.rules:
        raise ValidationException(f"Event bus {bus.name} can't be deleted since it has rules.")
    buses.delete(call, bus.name)


@events.operation
def list_event_buses(call: Call, name_prefix: str | None = None, next_token: str | None = None,
                     limit: int | None = None) -> Config:
    """Buses by name, the default one among them."""
    wanted = name_prefix or ""

    def rows(after: str) -> Iterator[tuple[str, Bus]]:
        known = {bus.name: bus for _, bus in buses.items(call)}
        if DEFAULT not in known:
            known[DEFAULT] = own_bus(call, DEFAULT)
        for name in sorted(known):
            if name > after and name.startswith(wanted):
                yield name, known[name]

    return page("EventBuses", rows, _shown, next_token, limit)


def _tagged(given: list[dict[str, str]] | None) -> dict[str, str]:
    return tags.merged({}, given or [])


def _shown(bus: Bus) -> Config:
    return told(Name=bus.name, Arn=bus.arn, Description=bus.description, Policy=bus.policy,
                CreationTime=seconds(bus.created_ms), LastModifiedTime=seconds(bus.modified_ms))


def _dead_letters(bus: Bus) -> Config:
    return told(Arn=bus.dead_letter_arn)
