"""A queue's attributes, between the texts of the API and the fields of :class:`.queue.Queue`.

Each attribute is honoured; the two of KMS are refused by name, because nothing here encrypts with a key
of one's own. ``SqsManagedSseEnabled`` is kept as asked: on AWS too it changes nothing that can be seen.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import NotHonoured
from ...kernel import Call
from . import dead_letters, limits
from .errors import InvalidAttributeName, InvalidAttributeValue
from .message import is_text
from .queue import Queue
from .tally import Tally

# name: (field, least, most)
_NUMBERS = {
    "DelaySeconds": ("delay_s", 0, limits.DELAY_S),
    "MaximumMessageSize": ("max_bytes", limits.MESSAGE_BYTES_LEAST, limits.MESSAGE_BYTES),
    "MessageRetentionPeriod": ("retention_s", *limits.RETENTION_S),
    "ReceiveMessageWaitTimeSeconds": ("wait_s", 0, limits.WAIT_S),
    "VisibilityTimeout": ("visibility_s", 0, limits.VISIBILITY_S),
}
_CHOICES = {
    "DeduplicationScope": ("dedup_scope", ("messageGroup", "queue")),
    "FifoThroughputLimit": ("throughput_limit", ("perQueue", "perMessageGroupId")),
}
_KMS = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds")
_READ_ONLY = ("QueueArn", "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible",
              "ApproximateNumberOfMessagesDelayed", "CreatedTimestamp", "LastModifiedTimestamp")
_BOOLEANS = {"true": True, "false": False}

Reader = Callable[[Queue, Tally], Any]
_READERS: dict[str, Reader] = {
    "ApproximateNumberOfMessages": lambda queue, tally: tally.ready,
    "ApproximateNumberOfMessagesNotVisible": lambda queue, tally: tally.in_flight,
    "ApproximateNumberOfMessagesDelayed": lambda queue, tally: tally.delayed,
    "CreatedTimestamp": lambda queue, tally: queue.created_ms // 1000,
    "LastModifiedTimestamp": lambda queue, tally: queue.modified_ms // 1000,
    "QueueArn": lambda queue, tally: queue.arn,
    "VisibilityTimeout": lambda queue, tally: queue.visibility_s,
    "MaximumMessageSize": lambda queue, tally: queue.max_bytes,
    "MessageRetentionPeriod": lambda queue, tally: queue.retention_s,
    "DelaySeconds": lambda queue, tally: queue.delay_s,
    "ReceiveMessageWaitTimeSeconds": lambda queue, tally: queue.wait_s,
    "SqsManagedSseEnabled": lambda queue, tally: queue.managed_sse,
    "Policy": lambda queue, tally: queue.policy or None,
    "RedrivePolicy": lambda queue, tally: queue.redrive or None,
    "RedriveAllowPolicy": lambda queue, tally: queue.redrive_allow or None,
    "FifoQueue": lambda queue, tally: queue.fifo or None,
    "ContentBasedDeduplication": lambda queue, tally: queue.content_dedup if queue.fifo else None,
    "DeduplicationScope": lambda queue, tally: queue.dedup_scope if queue.fifo else None,
    "FifoThroughputLimit": lambda queue, tally: queue.throughput_limit if queue.fifo else None,
}
NAMES = frozenset(_READERS) | {"All", *_KMS}


def read(queue: Queue, wanted: list[str], tally: Tally) -> dict[str, str]:
    """The attributes that were asked for and are set, as texts."""
    for name in wanted:
        if name not in NAMES:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    names = _READERS if "All" in wanted else [name for name in _READERS if name in wanted]
    found = {}
    for name in names:
        value = _READERS[name](queue, tally)
        if value is not None:
            found[name] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def write(call: Call, queue: Queue, given: Mapping[str, str], *, creating: bool = False) -> None:
    """Set attributes of ``queue``, which the caller saves; an error if one of them is unsound."""
    for name, text in given.items():
        if not is_text(text):
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        if name in _NUMBERS:
            field, least, most = _NUMBERS[name]
            setattr(queue, field, _number(name, text, least, most))
        elif name == "FifoQueue":
            _check_kind(queue, text, creating)
        elif name == "ContentBasedDeduplication":
            if not queue.fifo:
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
            queue.content_dedup = _boolean(name, text)
        elif name in _CHOICES:
            _choose(queue, name, text)
        elif name == "SqsManagedSseEnabled":
            queue.managed_sse = _boolean(name, text)
        elif name == "Policy":
            queue.policy = _policy(text)
        elif name == "RedrivePolicy":
            dead_letters.set_policy(call, queue, text)
        elif name == "RedriveAllowPolicy":
            dead_letters.set_allow_policy(queue, text)
        elif name in _KMS and text:
            raise NotHonoured(f"cloudlet does not encrypt with KMS keys, so it refuses {name} rather than "
                              "ignore it. Leave it out: what is stored lies in the cloudlet's own folder.")
        elif name not in _KMS:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    if queue.throughput_limit == "perMessageGroupId" and queue.dedup_scope != "messageGroup":
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is allowed only "
            "when DeduplicationScope is messageGroup.")


def check_settable(given: Mapping[str, str]) -> None:
    """Refuse what only AWS sets."""
    for name in given:
        if name in _READ_ONLY or name == "All":
            raise InvalidAttributeName(f"Unknown Attribute {name}.")


def difference(queue: Queue, given: Mapping[str, str], wanted: Queue) -> str:
    """The first attribute of ``given`` (which makes the queue ``wanted``) that ``queue`` has otherwise."""
    nothing = Tally()
    mine, theirs = read(queue, ["All"], nothing), read(wanted, ["All"], nothing)
    return next((name for name in given if mine.get(name) != theirs.get(name)), "")


def _check_kind(queue: Queue, text: str, creating: bool) -> None:
    if not queue.fifo:
        raise InvalidAttributeName("Unknown Attribute FifoQueue.")
    if not _boolean("FifoQueue", text):
        reason = "" if creating else " Reason: Modifying queue type is not supported."
        raise InvalidAttributeValue(f"Invalid value for the parameter FifoQueue.{reason}")


def _choose(queue: Queue, name: str, text: str) -> None:
    field, choices = _CHOICES[name]
    if not queue.fifo:
        raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
    if text not in choices:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    setattr(queue, field, text)


def _number(name: str, text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except (ValueError, TypeError):
        number = -1
    if not least <= number <= most:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return number


def _boolean(name: str, text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except (KeyError, AttributeError):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.") from None


def _policy(text: str) -> str:
    if not text:
        return ""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    statements = document.get("Statement") if isinstance(document, dict) else None
    several = statements if isinstance(statements, list) else [statements]
    if not all(isinstance(statement, dict) for statement in several):
        raise InvalidAttributeValue("Invalid value for the parameter Policy.")
    return text
