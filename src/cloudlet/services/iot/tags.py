"""Tags of rules."""

from collections.abc import Iterable, Mapping
from typing import Any

from ...arn import Arn
from ...kernel import Call
from . import limits
from .errors import InvalidRequestException, LimitExceededException, ResourceNotFoundException
from .records import Rule, rules
from .service import iot


@iot.operation
def tag_resource(call: Call, resource_arn: str, tags: list[dict[str, str]]) -> None:
    """Add tags to a rule, or change them."""
    rule = _owner(call, resource_arn)
    rule.tags = merged(rule.tags, tags)
    rules.put(call, rule.name, record=rule)


@iot.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> None:
    """Remove tags; those that are not there are no error."""
    rule = _owner(call, resource_arn)
    rule.tags = {key: value for key, value in rule.tags.items() if key not in tag_keys}
    rules.put(call, rule.name, record=rule)


@iot.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """The tags of a rule, all of them at once."""
    return {"tags": [{"Key": key, "Value": value} for key, value in _owner(call, resource_arn).tags.items()]}


def merged(before: Mapping[str, str], more: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags with others added."""
    more = list(more)
    if len({tag["Key"] for tag in more}) != len(more):
        raise InvalidRequestException("Duplicate tag keys are not allowed.")
    found = {**before, **{tag["Key"]: tag.get("Value", "") for tag in more}}
    if any(key.lower().startswith("aws:") for key in found):
        raise InvalidRequestException("Tag keys that begin with aws: are kept for AWS.")
    if len(found) > limits.TAGS:
        raise LimitExceededException(f"A resource can't have more than {limits.TAGS} tags.")
    return found


def _owner(call: Call, arn: str) -> Rule:
    try:
        kind, _, name = Arn.parse(arn).resource.partition("/")
    except ValueError:
        raise InvalidRequestException(f"{arn} is not an ARN.") from None
    found = rules.get(call, name) if kind == "rule" else None
    if found is None or found.arn != arn:
        raise ResourceNotFoundException(f"{arn} does not exist.")
    return found
