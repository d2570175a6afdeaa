"""Confirmation: an endpoint proves by a token that it wants a topic's messages.

The token goes where the messages will go. One that is not used within two days takes its subscription with
it. A subscription that somebody ended who did not sign comes back by a token of the same kind.
"""

import re
from typing import Any

import msgspec

from ...fabric import timers
from ...fabric.targets import Delivery, Parcel, send
from ...kernel import Call
from ...store import Table
from . import letters, limits, posting, records
from .endpoints import POSTED, WRITTEN
from .errors import InvalidParameterException, invalid
from .notices import confirmation
from .records import Subscription, Topic, subscriptions, topics
from .service import sns

_TOKEN = re.compile(r"[0-9a-f]{256}")
_DIGITS = 256


class Token(msgspec.Struct):
    """What a token confirms, or brings back."""

    topic: str
    subscription: Subscription
    until_ms: int
    restores: bool = False


_tokens = Table("sns.tokens", Token)


@sns.operation
def confirm_subscription(call: Call, topic_arn: str, token: str,
                         authenticate_on_unsubscribe: str | None = None) -> dict[str, Any]:
    """Confirm a subscription with the token that its endpoint was sent; nobody needs to sign this."""
    signed = call.principal.kind != "anonymous"
    try:
        found = records.parse(topic_arn, "Topic")
    except InvalidParameterException:
        raise invalid("Topic") from None
    if found.service != "sns" or (signed and found.region != call.region):
        raise invalid("Topic")
    if not _TOKEN.fullmatch(token):
        raise InvalidParameterException("Invalid token")
    there = call.elsewhere(account=found.account, region=found.region)
    known = _tokens.get(there, token)
    if known is None or known.topic != found.resource or known.until_ms <= call.now_ms:
        raise invalid("Token")
    old = subscriptions.get(there, known.topic, known.subscription.id)
    if topics.get(there, known.topic) is None or (old is None and not known.restores):
        raise invalid("Token")
    if old is None or not old.confirmed:
        new = msgspec.structs.replace(known.subscription if old is None else old)
        new.confirmed, new.authenticated = True, signed
        new.guarded = signed and (authenticate_on_unsubscribe or "").lower() == "true"
        records.keep(there, old, new)
    return {"SubscriptionArn": known.subscription.arn}


@sns.task
def expire(call: Call, token: str) -> None:
    """A token is too old, and so is the subscription that nobody has confirmed with it."""
    known = _tokens.get(call, token)
    if known is None:
        return
    _tokens.delete(call, token)
    one = subscriptions.get(call, known.topic, known.subscription.id)
    if one is not None and not one.confirmed and not known.restores:
        records.keep(call, one, None)


def ask(call: Call, topic: Topic, one: Subscription, *, restores: bool = False) -> None:
    """Send the endpoint a token: to confirm, or (``restores``) to come back after it was unsubscribed."""
    token, until_ms = call.ids.hex(_DIGITS), call.now_ms + limits.TOKEN_MS
    _tokens.put(call, token, record=Token(topic.name, one, until_ms, restores))
    timers.schedule(call, expire, at_ms=until_ms, id=f"sns/token/{token}", token=token)
    kind = "UnsubscribeConfirmation" if restores else "SubscriptionConfirmation"
    if one.protocol in POSTED:
        posting.confirm(call, topic, one, kind, token)
    elif one.protocol in WRITTEN:
        letters.confirm(call, topic, one, kind, token)
    elif one.protocol == "sqs" and not restores:  # a queue of another account
        body = confirmation(call, topic, kind, token, one.arn)[0]
        line = {"MessageGroupId": topic.name, "MessageDeduplicationId": token[:64]}
        delivery = Delivery(call.ids.uuid(), body.encode(), "sns", topic.arn, call.account,
                            line if one.endpoint.endswith(".fifo") else {})
        send(call, Parcel(one.endpoint, delivery))
