"""Subscriptions: made, listed, set, ended."""

from typing import Any

from ...kernel import Call
from . import access, endpoints, limits
from . import subscription_attributes as texts
from .confirming import ask
from .errors import AuthorizationErrorException, invalid
from .records import (
    Subscription,
    Topic,
    counts_of,
    find_subscription,
    keep,
    lookup,
    page_after,
    subscription,
    subscriptions,
    token_of,
    topics,
)
from .service import sns

_PENDING = "pending confirmation"
Config = dict[str, Any]


@sns.operation
def subscribe(call: Call, topic_arn: str, protocol: str, endpoint: str | None = None,
              attributes: dict[str, str] | None = None,
              return_subscription_arn: bool | None = None) -> Config:
    """Subscribe an endpoint; one that is subscribed with the same attributes is found again."""
    there, topic = lookup(call, topic_arn)
    endpoint, given = endpoint or "", attributes or {}
    access.authorize(there, topic, "Subscribe", sns_Protocol=protocol, sns_Endpoint=endpoint)
    endpoints.check(call, topic, counts_of(there, topic.name), protocol, endpoint)
    id = call.ids.uuid()
    wanted = Subscription(id, topic.name, f"{topic.arn}:{id}", protocol, endpoint, call.account,
                          call.principal.arn)
    wanted.confirmed = wanted.authenticated = endpoints.confirms_itself(call, protocol, endpoint)
    texts.write(there, topic, wanted, given, creating=True)
    existing = next((one for _, one in subscriptions.find(there, "endpoint", topic.name, protocol, endpoint)),
                    None)
    if existing is None:
        keep(there, None, wanted)
    elif not texts.same(existing, wanted, given):
        raise invalid("Attributes", "Subscription already exists with different attributes")
    one = existing or wanted
    if not one.confirmed:
        ask(there, topic, one)
    return {"SubscriptionArn": one.arn if one.confirmed or return_subscription_arn else _PENDING}


@sns.operation
def unsubscribe(call: Call, subscription_arn: str) -> None:
    """End a subscription; one that is not there is no error, and nobody needs to sign unless it says so.

    An endpoint that somebody else has unsubscribed is told how it can come back.
    """
    there, one = find_subscription(call, subscription_arn)
    if one is None:
        return
    principal = call.principal
    own = principal.kind != "anonymous" and principal.account in (one.owner, there.account)
    if not own and (one.guarded or principal.kind != "anonymous"):
        raise AuthorizationErrorException
    keep(there, one, None)
    topic = topics.get(there, one.topic)
    if not own and one.confirmed and topic is not None:
        ask(there, topic, one, restores=True)


@sns.operation
def list_subscriptions(call: Call, next_token: str | None = None) -> Config:
    """The subscriptions of the account's topics, a hundred at a time."""
    topic, _, id = page_after(next_token).partition(":")
    rows = subscriptions.items(call, after=(topic, id) if topic else None, limit=limits.LIST_PAGE + 1)
    return _page([one for _, one in rows])


@sns.operation
def list_subscriptions_by_topic(call: Call, topic_arn: str, next_token: str | None = None) -> Config:
    """The subscriptions of one topic, a hundred at a time."""
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "ListSubscriptionsByTopic")
    _, _, id = page_after(next_token).partition(":")
    rows = subscriptions.items(there, topic.name, after=(topic.name, id) if id else None,
                               limit=limits.LIST_PAGE + 1)
    return _page([one for _, one in rows])


@sns.operation
def get_subscription_attributes(call: Call, subscription_arn: str) -> Config:
    """The attributes of a subscription."""
    there, one = _own(call, subscription_arn)
    return {"Attributes": texts.read(topics.get(there, one.topic), one)}


@sns.operation
def set_subscription_attributes(call: Call, subscription_arn: str, attribute_name: str,
                                attribute_value: str | None = None) -> None:
    """Change one attribute of a subscription."""
    there, one = _own(call, subscription_arn)
    _, topic = lookup(call, one.topic_arn)
    old = texts.copy(one)
    texts.write(there, topic, one, {attribute_name: attribute_value or ""}, creating=False)
    keep(there, old, one)


def all_of(call: Call, topic: Topic) -> list[Subscription]:
    """The subscriptions that get what is published to the topic now."""
    return [one for _, one in subscriptions.items(call, topic.name) if one.confirmed and not one.held]


def _own(call: Call, arn: str) -> tuple[Call, Subscription]:
    """A subscription of the caller's, or on a topic of the caller's."""
    there, one = subscription(call, arn)
    if call.principal.account not in (one.owner, there.account):
        raise AuthorizationErrorException
    return there, one


def _page(found: list[Subscription]) -> Config:
    page: Config = {"Subscriptions": [{
        "SubscriptionArn": one.arn if one.confirmed else "PendingConfirmation", "Owner": one.owner,
        "Protocol": one.protocol, "Endpoint": one.endpoint, "TopicArn": one.topic_arn}
        for one in found[:limits.LIST_PAGE]]}
    if len(found) > limits.LIST_PAGE:
        last = found[limits.LIST_PAGE - 1]
        page["NextToken"] = token_of(f"{last.topic}:{last.id}")
    return page
