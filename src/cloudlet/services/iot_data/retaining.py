"""Retained messages: the last of a topic, for whoever subscribes later."""

import json
from collections.abc import Iterator
from typing import Any

from ...fabric.topics import levels, matches
from ...kernel import Call
from ...kernel.paging import page
from . import limits
from .errors import InvalidRequestException, ResourceNotFoundException
from .records import Retained, retained
from .service import iot_data


@iot_data.operation
def get_retained_message(call: Call, topic: str) -> dict[str, Any]:
    """The retained message of a topic."""
    found = retained.get(call, topic)
    if found is None or is_over(call, found):
        raise ResourceNotFoundException(f"No retained message found for topic: {topic}")
    message = found.message
    shown: dict[str, Any] = {"topic": topic, "payload": message.payload, "qos": message.qos,
                             "lastModifiedTime": found.modified_ms}
    if message.user_properties:
        text = json.dumps([{name: value} for name, value in message.user_properties])
        shown["userProperties"] = text.encode()
    return shown


@iot_data.operation
def list_retained_messages(call: Call, next_token: str | None = None,
                           max_results: int | None = None) -> dict[str, Any]:
    """The topics that have a retained message."""
    def rows(after: str) -> Iterator[tuple[str, Retained]]:
        return ((str(key[0]), found) for key, found in retained.items(call, after=(after,) if after else None)
                if not is_over(call, found))

    return page("retainedTopics", rows, _shown, next_token, max_results or limits.PAGE,
                InvalidRequestException("The nextToken is not one of this list."), "nextToken")


def choose(call: Call, pattern: str) -> list[Retained]:
    """Those whose topic a filter chooses; only topics that begin as the filter does are looked at."""
    fixed: list[str] = []
    for level in levels(pattern):
        if level in ("+", "#"):
            break
        fixed.append(level)
    if len(fixed) == pattern.count("/") + 1:
        one = retained.get(call, pattern)
        found = [one] if one else []
    else:
        found = [one for _, one in retained.starting(call, "/".join(fixed))
                 if matches(pattern, one.message.topic)]
    return [one for one in found if not is_over(call, one)]


def is_over(call: Call, found: Retained) -> bool:
    """Whether the message has expired."""
    return 0 < found.message.expires_ms <= call.now_ms


def _shown(found: Retained) -> dict[str, Any]:
    message = found.message
    return {"topic": message.topic, "payloadSize": len(message.payload), "qos": message.qos,
            "lastModifiedTime": found.modified_ms}
