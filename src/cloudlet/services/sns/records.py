"""What topics and subscriptions are, and how they are found.

A topic's subscriptions lie beside each other under its name, so that a publish reads them in one scan; they
lie where the topic does, whoever subscribed.
"""

import msgspec

from ...arn import Arn
from ...kernel import Call
from ...store import Table
from .errors import NotFoundException, invalid

_PARTS = 6


class Topic(msgspec.Struct, array_like=True):
    """A topic and its settings; ``policy``, ``delivery`` and ``archive`` are JSON, empty if not set."""

    name: str
    arn: str
    fifo: bool = False
    display_name: str = ""
    policy: str = ""
    delivery: str = ""
    content_dedup: bool = False
    throughput_scope: str = ""
    signature_version: str = ""
    tracing: str = ""
    max_bytes: int = 0
    archive: str = ""
    retention_days: int = 0
    archived_since_ms: int = 0
    feedback: dict[str, str] = {}
    tags: dict[str, str] = {}


class Subscription(msgspec.Struct, array_like=True):
    """An endpoint that gets a topic's messages, once it is confirmed."""

    id: str
    topic: str  # its name
    arn: str
    protocol: str
    endpoint: str
    owner: str
    principal: str
    confirmed: bool = False
    authenticated: bool = False  # was it confirmed by somebody who signed?
    guarded: bool = False  # may only who signs end it?
    raw: bool = False
    filter: str = ""
    filter_scope: str = ""
    delivery: str = ""
    redrive: str = ""
    dead_letter_arn: str = ""
    replay: str = ""
    replay_status: str = ""
    replay_id: str = ""
    held: bool = False  # is what is published not for it: it replays, or has replayed up to an end
    role: str = ""  # that delivers to a Firehose stream

    @property
    def topic_arn(self) -> str:
        """The ARN of the topic."""
        return self.arn.rpartition(":")[0]


class Counts(msgspec.Struct, array_like=True):
    """How many subscriptions a topic has of each kind; ``filters`` is how many have a filter policy."""

    confirmed: int = 0
    pending: int = 0
    deleted: int = 0
    filters: int = 0


class Pace(msgspec.Struct, array_like=True):
    """When an endpoint that is not to be hurried may have its next message, in microseconds."""

    next_us: int = 0


topics = Table("sns.topics", Topic)
subscriptions = Table("sns.subscriptions", Subscription, indexes={
    "endpoint": lambda one: (one.topic, one.protocol, one.endpoint)})
paces = Table("sns.paces", Pace)
counts = Table("sns.counts", Counts)


def lookup(call: Call, arn: str, parameter: str = "TopicArn") -> tuple[Call, Topic]:
    """The topic that an ARN names, and the call as seen from the account that owns it."""
    there, name = place_of(call, arn, parameter)
    topic = topics.get(there, name)
    if topic is None:
        raise NotFoundException
    return there, topic


def place_of(call: Call, arn: str, parameter: str = "TopicArn") -> tuple[Call, str]:
    """Where the topic of an ARN is, or would be, and its name."""
    found = parse(arn, parameter)
    if found.service != "sns" or found.region != call.region or not found.resource or ":" in found.resource:
        raise invalid(parameter)
    return call.elsewhere(account=found.account), found.resource


def parse(arn: str, parameter: str) -> Arn:
    """An ARN taken apart."""
    parts = arn.split(":")
    if len(parts) < _PARTS:
        raise invalid(parameter, f"An ARN must have at least 6 elements, not {len(parts)}")
    try:
        return Arn.parse(arn)
    except ValueError:
        raise invalid(parameter, "An ARN must begin with arn:") from None


def find_subscription(call: Call, arn: str) -> tuple[Call, Subscription | None]:
    """The subscription that an ARN names, if it is there, and the call as seen from its topic."""
    if not arn:
        raise invalid("SubscriptionArn", "no value for required parameter")
    found = parse(arn, "SubscriptionArn")
    topic, _, id = found.resource.partition(":")
    if found.service != "sns" or not id:
        raise invalid("SubscriptionId")
    there = call.elsewhere(account=found.account, region=found.region)
    return there, subscriptions.get(there, topic, id)


def subscription(call: Call, arn: str) -> tuple[Call, Subscription]:
    """Like :func:`find_subscription`, but it is an error if there is none."""
    there, found = find_subscription(call, arn)
    if found is None:
        raise NotFoundException("Subscription does not exist")
    return there, found


def keep(call: Call, old: Subscription | None, new: Subscription | None) -> None:
    """Write a subscription that was ``old`` (or remove it), and count it."""
    either = new or old
    assert either
    kept = counts_of(call, either.topic)
    for one, sign in ((old, -1), (new, 1)):
        if one is not None:
            kept.confirmed += sign * one.confirmed
            kept.pending += sign * (not one.confirmed)
            kept.filters += sign * bool(one.filter)
    if new is None:
        kept.deleted += 1
        subscriptions.delete(call, either.topic, either.id)
        paces.delete(call, either.topic, either.id)
    else:
        subscriptions.put(call, new.topic, new.id, record=new)
    counts.put(call, either.topic, record=kept)


def counts_of(call: Call, topic: str) -> Counts:
    """How many subscriptions the topic has."""
    return counts.get(call, topic) or Counts()


def forget(call: Call, topic: str) -> None:
    """The topic is gone, and with it all who listened."""
    for key, _ in list(subscriptions.items(call, topic)):
        subscriptions.delete(call, *key)
        paces.delete(call, *key)
    counts.delete(call, topic)
    topics.delete(call, topic)


def page_after(token: str | None) -> str:
    """The key that a list goes on after: a token is the last key of its page, in hexadecimal."""
    try:
        return bytes.fromhex(token).decode() if token else ""
    except ValueError:
        raise invalid("NextToken") from None


def token_of(key: str) -> str:
    """The token of the page that follows ``key``."""
    return key.encode().hex()
