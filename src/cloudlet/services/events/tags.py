"""Tags of buses and rules."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ValidationException
from ...kernel import Call
from . import limits
from .errors import LimitExceededException, wrong_arn
from .records import DEFAULT, Bus, Rule, find_rule, own_bus, rules, save
from .service import events

_ARN = re.compile(r"arn:aws[\w-]*:events:[a-z0-9-]+:\d{12}:(rule|event-bus)/(.+)")


@events.operation
def tag_resource(call: Call, resource_arn: str, tags: list[dict[str, str]]) -> None:
    """Add tags, or change them."""
    owner = _owner(call, resource_arn)
    owner.tags = merged(owner.tags, tags)
    _keep(call, owner)


@events.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Remove tags; those that are not there are no error."""
    owner = _owner(call, resource_arn)
    owner.tags = {key: value for key, value in owner.tags.items() if key not in tag_keys}
    _keep(call, owner)


@events.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """The tags of a bus or a rule."""
    owner = _owner(call, resource_arn)
    return {"Tags": [{"Key": key, "Value": value} for key, value in owner.tags.items()]}


def merged(before: Mapping[str, str], more: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags with others added."""
    more = list(more)
    if len({tag["Key"] for tag in more}) != len(more):
        raise ValidationException("Invalid parameter: Duplicated keys are not allowed.")
    found = {**before, **{tag["Key"]: tag["Value"] for tag in more}}
    if any(key.lower().startswith("aws:") for key in found):
        raise ValidationException("aws: prefixed tag key names are not allowed for external use.")
    if len(found) > limits.TAGS:
        raise LimitExceededException
    return found


def _owner(call: Call, arn: str) -> Bus | Rule:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise wrong_arn(arn)
    kind, path = found.groups()
    if kind == "event-bus":
        return own_bus(call, path)
    bus, _, name = path.rpartition("/")
    return find_rule(call, own_bus(call, bus or DEFAULT), name)


def _keep(call: Call, owner: Bus | Rule) -> None:
    if isinstance(owner, Bus):
        save(call, owner)
    else:
        rules.put(call, owner.bus, owner.name, record=owner)
