"""Tags, which only groups have."""

from typing import Any

from ...errors import ValidationException
from ...kernel import Call
from . import limits
from .errors import ServiceQuotaExceededException
from .records import Group, find_group, groups
from .service import scheduler

Tags = list[dict[str, str]]


@scheduler.operation
def tag_resource(call: Call, resource_arn: str, tags: Tags) -> dict[str, Any]:
    """Add tags to a group, or change them."""
    group = _group(call, resource_arn)
    group.tags = checked(group.tags, tags)
    groups.put(call, group.name, record=group)
    return {}


@scheduler.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> dict[str, Any]:
    """Remove tags; those that are not there are no error."""
    group = _group(call, resource_arn)
    group.tags = {key: value for key, value in group.tags.items() if key not in tag_keys}
    groups.put(call, group.name, record=group)
    return {}


@scheduler.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """The tags of a group."""
    return {"Tags": [{"Key": key, "Value": value} for key, value in _group(call, resource_arn).tags.items()]}


def checked(had: dict[str, str], tags: Tags) -> dict[str, str]:
    """Tags with more of them, if they may be and are not too many."""
    found = had | {tag["Key"]: tag["Value"] for tag in tags}
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise ValidationException("Tag keys can't start with aws:.")
    if len(found) > limits.TAGS:
        raise ServiceQuotaExceededException(f"A schedule group can have at most {limits.TAGS} tags.")
    return found


def _group(call: Call, arn: str) -> Group:
    _, _, name = arn.rpartition("/")
    found = find_group(call, name)
    if found.arn != arn:
        raise ValidationException(f"{arn} is not a schedule group of this account and region.")
    return found
