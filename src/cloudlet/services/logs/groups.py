"""Log groups: their life, their retention and their tags.

A group has a number beside its name, and all that is in it lies under that number: so a group that is
deleted is gone at once, however large, and its events are cleared away afterwards (:mod:`.expiry`).
"""

from collections.abc import Mapping
from typing import Any

from ...kernel import Call
from . import expiry, limits
from .errors import (
    InvalidParameterException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    TooManyTagsException,
    ValidationException,
)
from .records import Group, Size, groups, sizes, subscriptions
from .service import logs

_NO_GROUP = "The specified log group does not exist."
_CLASSES = "cloudlet knows the log group class STANDARD only."


def need(call: Call, name: str | None = None, identifier: str | None = None) -> Group:
    """The group of that name, or of that name or ARN."""
    if name is not None and identifier is not None:
        raise InvalidParameterException("LogGroup name and LogGroup Identifier cannot both be provided")
    if name is None and identifier is None:
        raise InvalidParameterException("Either LogGroup name or LogGroup Identifier must be provided")
    group = groups.get(call, name if name is not None else _name_of(identifier or ""))
    if group is None:
        raise ResourceNotFoundException(_NO_GROUP)
    return group


def arn_of(call: Call, name: str) -> str:
    """The group's ARN, without the ``:*`` that stands for its streams."""
    return call.arn(f"log-group:{name}", "logs")


@logs.operation
def create_log_group(call: Call, log_group_name: str, tags: dict[str, str] | None = None,
                     log_group_class: str = "STANDARD",
                     deletion_protection_enabled: bool = False) -> dict[str, Any]:
    """Make a group."""
    if log_group_class != "STANDARD":
        raise InvalidParameterException(_CLASSES)
    if groups.get(call, log_group_name) is not None:
        raise ResourceAlreadyExistsException("The specified log group already exists")
    number = int.from_bytes(call.ids.bytes(8), "big") >> 5
    groups.put(call, log_group_name, record=Group(
        log_group_name, number, call.now_ms, tags=_tagged({}, tags or {}),
        protected=deletion_protection_enabled))
    return {}


@logs.operation
def delete_log_group(call: Call, log_group_name: str) -> dict[str, Any]:
    """Remove a group and all its events."""
    group = need(call, log_group_name)
    if group.protected:
        raise ValidationException("The log group cannot be deleted because deletion protection is enabled.")
    groups.delete(call, log_group_name)
    for key, _ in list(subscriptions.items(call, group.number)):
        subscriptions.delete(call, *key)
    expiry.clear_group(call, group.number)
    return {}


@logs.operation
def put_log_group_deletion_protection(call: Call, log_group_identifier: str,
                                      deletion_protection_enabled: bool) -> dict[str, Any]:
    """Let a group be deleted, or not."""
    group = need(call, identifier=log_group_identifier)
    group.protected = deletion_protection_enabled
    groups.put(call, group.name, record=group)
    return {}


@logs.operation
def describe_log_groups(call: Call, log_group_name_prefix: str | None = None,
                        log_group_name_pattern: str | None = None, next_token: str | None = None,
                        limit: int = limits.MAX_LISTED, log_group_class: str | None = None,
                        log_group_identifiers: list[str] | None = None) -> dict[str, Any]:
    """Groups by name."""
    if log_group_name_prefix is not None and log_group_name_pattern is not None:
        raise InvalidParameterException(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    if log_group_class not in (None, "STANDARD"):
        return {"logGroups": []}
    if log_group_identifiers:
        found = [groups.get(call, _name_of(one)) for one in log_group_identifiers]
        return {"logGroups": [_described(call, group) for group in found if group]}
    page, more = _page(call, log_group_name_prefix or "", log_group_name_pattern, next_token, limit)
    result: dict[str, Any] = {"logGroups": [_described(call, group) for group in page]}
    return result | ({"nextToken": page[-1].name} if more else {})


@logs.operation
def list_log_groups(call: Call, log_group_name_pattern: str | None = None, log_group_class: str | None = None,
                    next_token: str | None = None, limit: int = limits.MAX_LISTED) -> dict[str, Any]:
    """Names and ARNs of groups whose name contains a text, or, with ``^``, starts with it."""
    if log_group_class not in (None, "STANDARD"):
        return {"logGroups": []}
    prefix, pattern = "", log_group_name_pattern
    if pattern and pattern.startswith("^"):
        prefix, pattern = pattern[1:], None
    page, more = _page(call, prefix, pattern, next_token, limit)
    result: dict[str, Any] = {"logGroups": [
        {"logGroupName": group.name, "logGroupArn": arn_of(call, group.name), "logGroupClass": "STANDARD"}
        for group in page]}
    return result | ({"nextToken": page[-1].name} if more else {})


@logs.operation
def put_retention_policy(call: Call, log_group_name: str, retention_in_days: int) -> dict[str, Any]:
    """Let events of the group live for so many days."""
    if retention_in_days not in limits.RETENTIONS:
        allowed = ", ".join(map(str, limits.RETENTIONS))
        raise InvalidParameterException(
            f"1 validation error detected: Value '{retention_in_days}' at 'retentionInDays' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{allowed}]")
    group = need(call, log_group_name)
    group.retention_days = retention_in_days
    expiry.begin(call, group)
    return {}


@logs.operation
def delete_retention_policy(call: Call, log_group_name: str) -> dict[str, Any]:
    """Let events of the group live for ever."""
    group = need(call, log_group_name)
    group.retention_days = 0
    groups.put(call, group.name, record=group)
    return {}


@logs.operation
def tag_resource(call: Call, resource_arn: str, tags: dict[str, str]) -> dict[str, Any]:
    """Add tags to a group."""
    return _retag(call, need(call, identifier=resource_arn), tags)


@logs.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> dict[str, Any]:
    """Take tags off a group."""
    return _untag(call, need(call, identifier=resource_arn), tag_keys)


@logs.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """The tags of a group."""
    return {"tags": need(call, identifier=resource_arn).tags}


@logs.operation
def tag_log_group(call: Call, log_group_name: str, tags: dict[str, str]) -> dict[str, Any]:
    """Add tags to a group; the old form of TagResource."""
    return _retag(call, need(call, log_group_name), tags)


@logs.operation
def untag_log_group(call: Call, log_group_name: str, tags: list[str]) -> dict[str, Any]:
    """Take tags off a group; the old form of UntagResource."""
    return _untag(call, need(call, log_group_name), tags)


@logs.operation
def list_tags_log_group(call: Call, log_group_name: str) -> dict[str, Any]:
    """The tags of a group; the old form of ListTagsForResource."""
    return {"tags": need(call, log_group_name).tags}


def _name_of(identifier: str) -> str:
    if not identifier.startswith("arn:"):
        return identifier
    return identifier.partition(":log-group:")[2].partition(":")[0]


def _page(call: Call, prefix: str, pattern: str | None, token: str | None,
          limit: int) -> tuple[list[Group], bool]:
    """Groups after ``token`` with a name of that prefix and pattern, and whether there are more."""
    found: list[Group] = []
    wanted = (pattern or "").lower()
    if prefix and token is None and (exact := groups.get(call, prefix)):
        found.append(exact)
    start = max(prefix, token or "")
    for (name, *_), group in groups.items(call, after=(start,) if start else None):
        if not str(name).startswith(prefix):
            break
        if wanted in str(name).lower():
            found.append(group)
            if len(found) > limit:
                break
    return found[:limit], len(found) > limit


def _described(call: Call, group: Group) -> dict[str, Any]:
    arn = arn_of(call, group.name)
    held: list[Size] = [size for _, size in sizes.items(call, group.number)]
    return {"logGroupName": group.name, "creationTime": group.created_ms, "metricFilterCount": 0,
            "arn": f"{arn}:*", "logGroupArn": arn, "logGroupClass": "STANDARD",
            "storedBytes": max(0, sum(size.bytes for size in held)),
            "deletionProtectionEnabled": group.protected,
            **({"retentionInDays": group.retention_days} if group.retention_days else {})}


def _retag(call: Call, group: Group, tags: Mapping[str, str]) -> dict[str, Any]:
    group.tags = _tagged(group.tags, tags)
    groups.put(call, group.name, record=group)
    return {}


def _untag(call: Call, group: Group, keys: list[str]) -> dict[str, Any]:
    group.tags = {key: value for key, value in group.tags.items() if key not in keys}
    groups.put(call, group.name, record=group)
    return {}


def _tagged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    if any(key.lower().startswith("aws:") for key in new):
        raise InvalidParameterException("aws: prefixed tag key names are not allowed for external use.")
    tags = {**old, **new}
    if len(tags) > limits.MAX_TAGS:
        raise TooManyTagsException
    return tags
