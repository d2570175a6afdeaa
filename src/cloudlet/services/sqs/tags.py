"""Tags of queues."""

from collections.abc import Mapping
from typing import Any

from ...kernel import Call
from . import limits
from .errors import InvalidParameterValueException
from .message import is_text
from .queue import Queue, lookup, save
from .service import sqs


@sqs.operation
def tag_queue(call: Call, queue_url: str, tags: dict[str, str]) -> None:
    """Add tags to a queue, or change them."""
    call, queue = lookup(call, queue_url, "TagQueue")
    queue.tags = check_tags(queue, tags)
    save(call, queue)


@sqs.operation
def untag_queue(call: Call, queue_url: str, tag_keys: list[str]) -> None:
    """Remove tags; those that are not there are no error."""
    call, queue = lookup(call, queue_url, "UntagQueue")
    queue.tags = {key: value for key, value in queue.tags.items() if key not in tag_keys}
    save(call, queue)


@sqs.operation
def list_queue_tags(call: Call, queue_url: str) -> dict[str, Any]:
    """The tags of a queue."""
    call, queue = lookup(call, queue_url, "ListQueueTags")
    return {"Tags": queue.tags} if queue.tags else {}


def check_tags(queue: Queue, more: Mapping[str, str]) -> dict[str, str]:
    """The tags of ``queue`` with ``more``; an error if that are too many, or one is unsound."""
    for key, value in more.items():
        sound = is_text(key) and is_text(value) and not key.lower().startswith("aws:")
        if not (sound and 1 <= len(key) <= 128 and len(value) <= 256):
            raise InvalidParameterValueException(
                f"The tag {key} is invalid: a key has 1 to 128 characters and does not start with 'aws:', a "
                "value has at most 256.")
    found = {**queue.tags, **more}
    if len(found) > limits.TAGS:
        raise InvalidParameterValueException(f"Too many tags added for queue {queue.name}.")
    return found
