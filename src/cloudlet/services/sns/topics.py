"""Topics: created, listed, set, deleted."""

import re
from typing import Any

from ...kernel import Call
from . import access, archive, fifo, limits
from . import attributes as texts
from .errors import InvalidStateException, invalid
from .records import (
    Counts,
    Topic,
    counts_of,
    forget,
    lookup,
    page_after,
    place_of,
    token_of,
    topics,
)
from .service import sns
from .tags import check_tags, merged

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SUFFIX = ".fifo"
Config = dict[str, Any]


@sns.operation
def create_topic(call: Call, name: str, attributes: dict[str, str] | None = None,
                 tags: list[dict[str, str]] | None = None) -> Config:
    """Create a topic; one that is there with the same attributes and tags is found again."""
    given, wanted_tags = attributes or {}, check_tags(tags or [])
    in_order = given.get("FifoTopic", "").lower() == "true"
    _check_name(name, in_order)
    wanted = Topic(name, call.arn(name), fifo=in_order)
    texts.write(call, wanted, given, Counts(), creating=True)
    existing = topics.get(call, name)
    if existing is not None:
        if texts.difference(call, existing, wanted, given):
            raise invalid("Attributes", "Topic already exists with different attributes")
        if any(existing.tags.get(key) != value for key, value in wanted_tags.items()):
            raise invalid("Tags", "Topic already exists with different tags")
        return {"TopicArn": existing.arn}
    wanted.tags = merged({}, wanted_tags)
    topics.put(call, name, record=wanted)
    return {"TopicArn": wanted.arn}


@sns.operation
def delete_topic(call: Call, topic_arn: str) -> None:
    """Delete a topic and its subscriptions; one that is not there is no error."""
    there, name = place_of(call, topic_arn)
    topic = topics.get(there, name)
    if topic is None:
        return
    access.authorize(there, topic, "DeleteTopic")
    if topic.archive:
        raise InvalidStateException
    fifo.forget(there, topic)
    forget(there, name)


@sns.operation
def list_topics(call: Call, next_token: str | None = None) -> Config:
    """The account's topics, a hundred at a time."""
    last = page_after(next_token)
    after = (last,) if last else None
    page = [topic for _, topic in topics.items(call, after=after, limit=limits.LIST_PAGE + 1)]
    found: Config = {"Topics": [{"TopicArn": topic.arn} for topic in page[:limits.LIST_PAGE]]}
    if len(page) > limits.LIST_PAGE:
        found["NextToken"] = token_of(page[limits.LIST_PAGE - 1].name)
    return found


@sns.operation
def get_topic_attributes(call: Call, topic_arn: str) -> Config:
    """The attributes of a topic."""
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "GetTopicAttributes")
    return {"Attributes": texts.read(there, topic, counts_of(there, topic.name))}


@sns.operation
def set_topic_attributes(call: Call, topic_arn: str, attribute_name: str,
                         attribute_value: str | None = None) -> None:
    """Change one attribute of a topic."""
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "SetTopicAttributes")
    before = archive.era_of(topic)
    texts.write(there, topic, {attribute_name: attribute_value or ""}, counts_of(there, topic.name),
                      creating=False)
    topics.put(there, topic.name, record=topic)
    if before and before != archive.era_of(topic):
        archive.forget(there, topic.name, before)


def _check_name(name: str, in_order: bool) -> None:
    stem = name.removesuffix(_SUFFIX) if in_order else name
    sound = _NAME.fullmatch(stem) is not None and len(name) <= limits.TOPIC_NAME_LONGEST
    if not sound or in_order != name.endswith(_SUFFIX):
        raise invalid("Topic Name")
