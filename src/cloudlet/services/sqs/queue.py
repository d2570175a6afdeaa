"""What a queue is, and how it is found.

A queue's messages live under its ``home``, a random name, and not under its own: to purge a queue is to
give it a new home, at the same cost for ten messages as for a million. What is left in the old one is
cleared in the background (:mod:`.upkeep`).
"""

from functools import lru_cache

import msgspec

from ...arn import Arn
from ...kernel import Call
from ...kernel.permissions import is_outsider, judge
from ...kernel.place import Place
from ...store import Table
from .errors import AccessDenied, InvalidAddress, QueueDoesNotExist

_SUFFIX = ".fifo"
_HOME = 12


# what a policy can let others do; the rest is the owner's alone. Source: "Amazon SQS API permissions" in
# docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide
SHARED = frozenset({"SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility",
                    "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue"})


class Queue(msgspec.Struct, array_like=True):
    """A queue and its settings; ``redrive``, ``redrive_allow`` and ``policy`` are JSON as it was given."""

    name: str
    id: str  # of this incarnation: receipts of a deleted namesake are not valid here
    home: str
    arn: str
    created_ms: int
    modified_ms: int
    fifo: bool = False
    delay_s: int = 0
    visibility_s: int = 30
    retention_s: int = 345_600
    wait_s: int = 0
    max_bytes: int = 1_048_576
    content_dedup: bool = False
    dedup_scope: str = "queue"
    throughput_limit: str = "perQueue"
    policy: str = ""
    redrive: str = ""
    dead_letter_arn: str = ""
    max_receives: int = 0
    redrive_allow: str = ""
    managed_sse: bool = True
    tags: dict[str, str] = {}
    purged_ms: int = 0
    swept: bool = False  # whether a timer will look for messages that are too old


class Deleted(msgspec.Struct):
    """That a queue of this name was deleted, and when."""

    at_ms: int


queues = Table("sqs.queues", Queue, indexes={
    "dead_letter": lambda queue: (queue.dead_letter_arn,) if queue.dead_letter_arn else None})
deleted = Table("sqs.deleted", Deleted)


def lookup(call: Call, queue_url: str, action: str) -> tuple[Call, Queue]:
    """The queue that a URL means, and the call as seen from the account that owns it.

    The host of the URL does not matter: a cloudlet has many names, and templates carry AWS's. Whether another
    account may do ``action`` is for the queue's policy to say.
    """
    account, name = _owner_and_name(queue_url)
    if account == call.account:
        return call, require(call, name)
    there = call.elsewhere(account=account)
    queue = require(there, name)
    permit(there, queue, action)
    return there, queue


def permit(call: Call, queue: Queue, action: str) -> None:
    """Let a caller from outside the queue's account do ``action``, if the queue's policy does."""
    if is_outsider(call):
        if action not in SHARED:
            raise AccessDenied(f"Access to the resource {url(call, queue.name)} is denied.")
        verdict = judge(call, f"sqs:{action}", queue.arn, queue.policy)
        if not verdict.allowed:
            raise AccessDenied(verdict.sentence)


def require(call: Call, name: str) -> Queue:
    """The queue called ``name``, or the error that there is none."""
    queue = queues.get(call, name)
    if queue is None:
        raise QueueDoesNotExist
    return queue


def by_arn(call: Call, arn: str) -> tuple[Call, Queue | None]:
    """The queue that an ARN names, if there is one, and the call as seen from where it is."""
    try:
        found = Arn.parse(arn)
    except ValueError:
        return call, None
    if found.service != "sqs":
        return call, None
    there = call.elsewhere(account=found.account, region=found.region, service="sqs")
    return there, queues.get(there, found.resource)


def of_arn(call: Call, arn: str) -> tuple[Call, Queue]:
    """Like :func:`by_arn`, but it is an error if there is none."""
    there, queue = by_arn(call, arn)
    if queue is None:
        raise QueueDoesNotExist
    return there, queue


def save(call: Call, queue: Queue) -> None:
    """Keep what changed."""
    queues.put(call, queue.name, record=queue)


def url(call: Call, name: str) -> str:
    """The URL of the queue ``name`` in the account of ``call``."""
    return f"{call.use(Place).endpoint}/{call.account}/{name}"


def new_home(call: Call) -> str:
    """A name for where messages live."""
    return call.ids.hex(_HOME)


def is_fifo_name(name: str) -> bool:
    """Whether a name is one that only FIFO queues may have."""
    return name.endswith(_SUFFIX)


@lru_cache(maxsize=4096)
def _owner_and_name(queue_url: str) -> tuple[str, str]:
    """The last two steps of a URL's path.

    >>> _owner_and_name("https://sqs.us-east-1.amazonaws.com/123456789012/orders")
    ('123456789012', 'orders')
    """
    parts = queue_url.rstrip("/").split("/")
    if len(parts) >= 3 and len(parts[-2]) == 12 and parts[-2].isdigit():
        return parts[-2], parts[-1]
    raise InvalidAddress(f"The address {queue_url} is not valid for this endpoint.")
