"""Dead letters: where messages go that were received too often, and who may send them there.

A queue names its dead-letter queue in its RedrivePolicy. A message that was received ``maxReceiveCount``
times and comes up again is moved in the transaction of the receive that would have had it.
"""

import base64
import json
from typing import Any

from ...arn import Arn
from ...kernel import Call
from . import limits
from .errors import InvalidParameterValueException, invalid
from .lanes import lane
from .message import Message
from .queue import Queue, by_arn, lookup, queues, url
from .service import sqs


@sqs.operation
def list_dead_letter_source_queues(call: Call, queue_url: str, next_token: str | None = None,
                                   max_results: int | None = None) -> dict[str, Any]:
    """The queues whose dead letters go to this one."""
    call, queue = lookup(call, queue_url, "ListDeadLetterSourceQueues")
    most = page_size(next_token, max_results)
    last = read_token(next_token) if next_token else ""
    names = [name for name in sources_of(call, queue) if name > last]
    page = names[:most]
    found: dict[str, Any] = {"queueUrls": [url(call, name) for name in page]}
    if len(names) > most and max_results:
        found["NextToken"] = token(page[-1])
    return found


def sources_of(call: Call, queue: Queue) -> list[str]:
    """The names of the queues whose dead letters go to ``queue``, in order."""
    return [str(key[0]) for key, _ in queues.find(call, "dead_letter", queue.arn)]


def bury(call: Call, queue: Queue, dead: list[Message]) -> None:
    """Move messages to the dead-letter queue of ``queue``.

    There they may be received as often as that queue allows, should it have dead letters of its own; the
    count that receivers see goes on. In a standard queue a message keeps its age, in a FIFO queue it begins
    anew, as AWS says.
    """
    there, target = by_arn(call, queue.dead_letter_arn)
    if target is None:
        return
    for message in dead:
        message.dead_letter_source = queue.arn
        message.receives_elsewhere = message.receives
        message.hidden_until_ms = 0
        message.forwarded = False
        if target.fifo:
            message.sent_ms = call.now_ms
        lane(target).put(there, target, message, 0)
        call.see("dead-lettered", target.arn, source=queue.arn, event=message.id,
                 payload=message.body.encode(), why=f"it was received {message.receives} times")
    there.tx.ring(target.arn)


def has_grave(call: Call, queue: Queue) -> bool:
    """Whether the dead-letter queue still exists; if not, messages stay where they are."""
    return bool(queue.dead_letter_arn) and by_arn(call, queue.dead_letter_arn)[1] is not None


def set_policy(call: Call, queue: Queue, text: str) -> None:
    """Set (or with an empty text remove) the RedrivePolicy of ``queue``."""
    if not text:
        queue.redrive, queue.dead_letter_arn, queue.max_receives = "", "", 0
        return

    def refuse(reason: str) -> InvalidParameterValueException:
        return invalid(text, "RedrivePolicy", reason)

    document = _object(text)
    if document is None:
        raise refuse("Redrive policy is not a valid JSON map.")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if document.get(name) in (None, ""):
            raise refuse(f"Redrive policy does not contain mandatory attribute: {name}.")
    if set(document) - {"deadLetterTargetArn", "maxReceiveCount"}:
        raise refuse("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
    count = _count(document["maxReceiveCount"])
    if not 1 <= count <= limits.MAX_RECEIVE_COUNT:
        raise refuse(f"Invalid value for maxReceiveCount: {document['maxReceiveCount']}, valid values are "
                     f"from 1 to {limits.MAX_RECEIVE_COUNT} both inclusive.")
    arn = document["deadLetterTargetArn"]
    reason = _unfit(call, queue, arn)
    if reason:
        raise refuse(reason)
    queue.redrive, queue.dead_letter_arn, queue.max_receives = text, arn, count


def set_allow_policy(queue: Queue, text: str) -> None:
    """Set (or with an empty text remove) the RedriveAllowPolicy of ``queue``."""
    document = _object(text) if text else {}

    def refuse(reason: str) -> InvalidParameterValueException:
        return invalid(text, "RedriveAllowPolicy", reason)

    if document is None:
        raise refuse("RedriveAllowPolicy is not a valid JSON map.")
    permission, arns = document.get("redrivePermission"), document.get("sourceQueueArns")
    if text and permission not in ("allowAll", "denyAll", "byQueue"):
        raise refuse("redrivePermission must be one of allowAll, denyAll, byQueue.")
    if arns is not None and permission != "byQueue":
        raise refuse("sourceQueueArns can be given only when redrivePermission is byQueue.")
    if permission == "byQueue" and not (isinstance(arns, list) and 0 < len(arns) <= limits.REDRIVE_SOURCES):
        raise refuse(f"sourceQueueArns must name 1 to {limits.REDRIVE_SOURCES} queues.")
    queue.redrive_allow = text


def page_size(next_token: str | None, max_results: int | None) -> int:
    """How many results a page of a list has."""
    if max_results is None:
        if next_token:
            raise invalid(next_token, "NextToken", "MaxResults must be given with it.")
        return limits.LIST_PAGE
    if not 1 <= max_results <= limits.LIST_PAGE:
        raise invalid(max_results, "MaxResults",
                      f"MaxResults must be an integer between 1 and {limits.LIST_PAGE}.")
    return max_results


def token(name: str) -> str:
    """The name of the last of a page, as clients get it."""
    return base64.b64encode(name.encode()).decode()


def read_token(text: str) -> str:
    """The name in a token."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:
        raise invalid(text, "NextToken", "It is not one that a list gave.") from None


def _unfit(call: Call, queue: Queue, arn: object) -> str:
    """Why ``arn`` can't be the dead-letter queue of ``queue``; empty if it can."""
    try:
        named = Arn.parse(str(arn))
    except ValueError:
        return "Invalid value for deadLetterTargetArn."
    if named.service != "sqs":
        return "Invalid value for deadLetterTargetArn."
    if (named.account, named.region) != (call.account, call.region):
        return "Dead letter target owner and region should be same as the source."
    _, target = by_arn(call, str(arn))
    if target is None:
        return "Dead letter target does not exist."
    if target.fifo != queue.fifo:
        return "Dead-letter queue must be same type of queue as the source."
    allowed = _object(target.redrive_allow) or {}
    permission = allowed.get("redrivePermission", "allowAll")
    if permission == "denyAll" or (permission == "byQueue" and queue.arn not in allowed["sourceQueueArns"]):
        return "The RedriveAllowPolicy of the dead-letter queue does not allow this source queue."
    return ""


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _count(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0
