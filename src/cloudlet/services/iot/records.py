"""Topic rules as they are remembered.

The rules of an account in a region have a ``generation``: a random name of what they are at the moment.
Whatever changes them gives it a new one, so what has been compiled for a generation stays right for it.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import UnauthorizedException

Config = dict[str, Any]


class Rule(msgspec.Struct):
    """A topic rule. ``actions`` and ``error_action`` are as they were given."""

    name: str
    arn: str
    sql: str
    topic: str
    version: str
    actions: list[Config]
    created_ms: int
    error_action: Config | None = None
    description: str = ""
    disabled: bool = False
    tags: dict[str, str] = {}


class Generation(msgspec.Struct):
    """What the rules are at the moment, and how many."""

    name: str = ""
    rules: int = 0


class Run(msgspec.Struct):
    """What one message has set off in one rule that has an error action, until all of it has ended."""

    rule: str
    topic: str
    client_id: str
    trace_id: str
    payload: bytes
    at_ms: int
    pending: int
    failures: list[Config] = []
    user_properties: list[tuple[str, str]] = []
    properties: dict[str, str] = {}
    principal: str = ""
    source_ip: str = ""


rules = Table("iot.rules", Rule)
generations = Table("iot.generations", Generation)
runs = Table("iot.runs", Run)


def find(call: Call, name: str) -> Rule:
    """The rule called ``name``, or AWS's way of saying that there is none."""
    rule = rules.get(call, name)
    if rule is None:
        raise UnauthorizedException(f"Access to topic rule '{name}' was denied")
    return rule


def save(call: Call, rule: Rule, *, more: int = 0) -> None:
    """Keep a rule, of which there is ``more`` than before."""
    rules.put(call, rule.name, record=rule)
    renew(call, more)


def renew(call: Call, more: int) -> None:
    """The rules are others now."""
    before = generations.get(call, "") or Generation()
    generations.put(call, "", record=Generation(call.ids.hex(24), before.rules + more))
