"""Tags of topics."""

from collections.abc import Mapping
from typing import Any

from ...kernel import Call
from . import limits
from .errors import NotFoundException, ResourceNotFoundException, TagLimitExceededException, invalid
from .records import Topic, lookup, topics
from .service import sns

Tags = list[dict[str, str]]


@sns.operation
def tag_resource(call: Call, resource_arn: str, tags: Tags) -> dict[str, Any]:
    """Add tags to a topic, or change them."""
    there, topic = _topic(call, resource_arn)
    topic.tags = merged(topic.tags, check_tags(tags))
    topics.put(there, topic.name, record=topic)
    return {}


@sns.operation
def untag_resource(call: Call, resource_arn: str, tag_keys: list[str]) -> dict[str, Any]:
    """Remove tags; those that are not there are no error."""
    there, topic = _topic(call, resource_arn)
    topic.tags = {key: value for key, value in topic.tags.items() if key not in tag_keys}
    topics.put(there, topic.name, record=topic)
    return {}


@sns.operation
def list_tags_for_resource(call: Call, resource_arn: str) -> dict[str, Any]:
    """The tags of a topic."""
    _, topic = _topic(call, resource_arn)
    return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}


def check_tags(tags: Tags) -> dict[str, str]:
    """Tags by their keys; an error if one is there twice, or is AWS's."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    if len(found) != len(tags):
        raise invalid("Duplicated keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in found):
        raise invalid("Tags", "Tag keys can't start with aws:")
    return found


def merged(tags: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both together, if those are not too many."""
    found = {**tags, **more}
    if len(found) > limits.TAGS:
        raise TagLimitExceededException
    return found


def _topic(call: Call, arn: str) -> tuple[Call, Topic]:
    try:
        return lookup(call, arn, "ResourceArn")
    except NotFoundException:
        raise ResourceNotFoundException from None
