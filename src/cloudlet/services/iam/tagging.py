"""Tags of users, roles, policies and instance profiles."""

from collections.abc import Iterable
from typing import Any

from . import limits, paging
from .errors import InvalidInputException, LimitExceededException

Tags = list[dict[str, str]]


def read(tags: Tags | None) -> dict[str, str]:
    """The tags of a request."""
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len({key.lower() for key in found}) != len(tags or ()):
        raise InvalidInputException(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.lower().startswith("aws:") for key in found):
        raise InvalidInputException("Tag keys that start with aws: are reserved for system use.")
    return found


def merged(old: dict[str, str], tags: Tags) -> dict[str, str]:
    """``old`` with the tags of a request; a key that differs in case only is the same key."""
    new = read(tags)
    folded = {key.lower() for key in new}
    found = {key: value for key, value in old.items() if key.lower() not in folded} | new
    if len(found) > limits.TAGS:
        raise LimitExceededException(f"The number of tags has reached the maximum limit: {limits.TAGS}")
    return found


def without(old: dict[str, str], keys: Iterable[str]) -> dict[str, str]:
    """``old`` without the keys that a request names."""
    folded = {key.lower() for key in keys}
    return {key: value for key, value in old.items() if key.lower() not in folded}


def show(tags: dict[str, str]) -> list[dict[str, Any]]:
    """Tags as answers give them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def page(tags: dict[str, str], marker: str | None, max_items: int | None) -> dict[str, Any]:
    """One page of them, by key."""
    pairs = [(key, (key, value)) for key, value in tags.items()]
    found, rest = paging.page(paging.listed(pairs), marker, max_items, lambda pair: dict([pair]))
    return {"Tags": [tag for each in found for tag in show(each)], **rest}
