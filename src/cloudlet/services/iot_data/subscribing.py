"""Subscriptions: made, ended, listed."""

from typing import Literal

import msgspec

from ...fabric.topics import is_filter
from ...kernel import Call
from . import limits, queues, retaining
from .records import SHARED, Entry, Subscription, subscriptions

ALWAYS, IF_NEW, NEVER = range(3)  # when retained messages are sent


class Refused(msgspec.Struct, frozen=True):
    """A filter is not subscribed to: for its form, for there being too many, or for nothing ever coming."""

    why: Literal["form", "many", "never"]


def read(client_id: str, given: str, qos: int) -> Subscription | Refused:
    """A filter as it was given: AWS's limits of topics hold without what makes it shared."""
    group, pattern = "", given
    if given.startswith(SHARED):
        _, group, pattern = (*given.split("/", 2), "", "")[:3]
        if not group or "+" in group or "#" in group:
            return Refused("form")
    plain = is_filter(pattern) and len(pattern.encode()) <= limits.TOPIC_BYTES
    if not plain or pattern.count("/") > limits.TOPIC_SLASHES:
        return Refused("form")
    if pattern.startswith("$"):
        return Refused("never")
    return Subscription(client_id, given, pattern, min(qos, 1), group)


def subscribe(call: Call, one: Subscription, retain: int) -> Refused | None:
    """Subscribe, or change what was; what is retained goes into the client's queue."""
    known = subscriptions.get(call, one.client_id, one.given)
    if known is None and count(call, one.client_id) >= limits.SUBSCRIPTIONS_PER_CONNECTION:
        return Refused("many")
    subscriptions.put(call, one.client_id, one.given, record=one)
    if not one.group and (retain == ALWAYS or (retain == IF_NEW and known is None)):
        for found in retaining.choose(call, one.pattern):
            qos = min(one.qos, found.message.qos)
            queues.put(call, one.client_id, Entry(found.message, qos, True, [one.id] if one.id else []))
    return None


def unsubscribe(call: Call, client_id: str, given: str) -> bool:
    """End a subscription; whether there was one."""
    known = subscriptions.get(call, client_id, given) is not None
    if known:
        subscriptions.delete(call, client_id, given)
    return known


def count(call: Call, client_id: str) -> int:
    """How many subscriptions a client has."""
    return sum(1 for _ in subscriptions.items(call, client_id))


def clear(call: Call, client_id: str) -> None:
    """End all of a client's."""
    for key, _ in list(subscriptions.items(call, client_id)):
        subscriptions.delete(call, *key)
