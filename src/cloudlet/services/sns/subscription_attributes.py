"""A subscription's attributes, between the texts of the API and :class:`.records.Subscription`."""

import json
from collections.abc import Mapping

import msgspec

from ...arn import Arn
from ...kernel import Call
from . import archive, delivery_policies, filters, limits
from .endpoints import POSTED
from .errors import FilterPolicyLimitExceededException, invalid
from .records import Subscription, Topic, counts_of

_RAW = (*POSTED, "sqs", "firehose")
# in the order in which they are set: what the policies may say depends on the others
_NAMES = ("RawMessageDelivery", "FilterPolicyScope", "FilterPolicy", "DeliveryPolicy", "RedrivePolicy",
          "SubscriptionRoleArn", "ReplayPolicy")
_DEFAULTS = {"FilterPolicyScope": filters.SCOPES[0], "RawMessageDelivery": "false"}


def read(topic: Topic | None, one: Subscription) -> dict[str, str]:
    """All attributes, as GetSubscriptionAttributes shows them."""
    policies = {"DeliveryPolicy": one.delivery, "FilterPolicy": one.filter,
                "FilterPolicyScope": (one.filter_scope or filters.SCOPES[0]) if one.filter else "",
                "RedrivePolicy": one.redrive, "ReplayPolicy": one.replay, "ReplayStatus": one.replay_status,
                "SubscriptionRoleArn": one.role}
    if one.protocol in POSTED:
        policies["EffectiveDeliveryPolicy"] = delivery_policies.shown_of_subscription(
            topic.delivery if topic else "", one.delivery)
    return {name: value for name, value in policies.items() if value} | {
        "ConfirmationWasAuthenticated": _word(one.authenticated), "Endpoint": one.endpoint,
        "Owner": one.owner, "PendingConfirmation": _word(not one.confirmed), "Protocol": one.protocol,
        "RawMessageDelivery": _word(one.raw), "SubscriptionArn": one.arn,
        "SubscriptionPrincipal": one.principal, "TopicArn": one.topic_arn}


def write(call: Call, topic: Topic, one: Subscription, given: Mapping[str, str], *, creating: bool) -> None:
    """Set attributes of a subscription, which the caller saves; an error if one of them is unsound."""
    say = "Attributes Reason: " if creating else ""
    for name in given:
        if name not in _NAMES:
            raise invalid(f"{say}AttributeName")
    for name in sorted(given, key=_NAMES.index):
        text = given[name] or ""
        match name:
            case "RawMessageDelivery":
                _set_raw(one, text, say)
            case "FilterPolicyScope":
                _set_scope(one, text, say, alone="FilterPolicy" not in given)
            case "FilterPolicy":
                _set_filter(call, one, text, say)
            case "DeliveryPolicy":
                if text and one.protocol not in POSTED:
                    raise invalid(f"{say}Delivery protocol [{one.protocol}] does not support delivery "
                                  "policies.")
                one.delivery = delivery_policies.of_subscription(text, say, raw=one.raw) if text else ""
            case "RedrivePolicy":
                _set_redrive(call, one, text, say)
            case "ReplayPolicy":
                archive.start(call, topic, one, text, say)
            case _:
                _set_role(one, text, say)
    if one.protocol == "firehose" and not one.role:
        raise invalid(f"{say}SubscriptionRoleArn", "a role must be given that delivers to the stream")


def same(one: Subscription, wanted: Subscription, given: Mapping[str, str]) -> bool:
    """Whether two subscriptions agree in the attributes that were ``given``."""
    mine, theirs = _DEFAULTS | read(None, one), _DEFAULTS | read(None, wanted)
    mine["FilterPolicyScope"] = one.filter_scope or filters.SCOPES[0]
    theirs["FilterPolicyScope"] = wanted.filter_scope or filters.SCOPES[0]
    return all(mine.get(name) == theirs.get(name) for name in given)


def _set_raw(one: Subscription, text: str, say: str) -> None:
    if text.lower() not in ("true", "false"):
        raise invalid(f"{say}RawMessageDelivery: Invalid value [{text}]. Must be true or false.")
    one.raw = text.lower() == "true"
    if one.raw and one.protocol not in _RAW:
        raise invalid(f"{say}Delivery protocol [{one.protocol}] does not support raw message delivery.")


def _set_scope(one: Subscription, text: str, say: str, *, alone: bool) -> None:
    if text not in filters.SCOPES:
        raise invalid(f"{say}FilterPolicyScope: Invalid value [{text}]. Please use either MessageBody or "
                      "MessageAttributes")
    one.filter_scope = text
    if one.filter and alone:
        filters.check(one.filter, text, say)


def _set_filter(call: Call, one: Subscription, text: str, say: str) -> None:
    if filters.is_empty(text):
        one.filter = ""
        return
    filters.check(text, one.filter_scope or filters.SCOPES[0], say)
    if not one.filter and counts_of(call, one.topic).filters >= limits.FILTERS_OF_TOPIC:
        raise FilterPolicyLimitExceededException
    one.filter = text


def _set_role(one: Subscription, text: str, say: str) -> None:
    if one.protocol != "firehose":
        raise invalid(f"{say}Delivery protocol [{one.protocol}] does not support SubscriptionRoleArn.")
    try:
        found = Arn.parse(text)
    except ValueError:
        found = None
    if found is None or found.service != "iam" or not found.resource.startswith("role/"):
        raise invalid(f"{say}SubscriptionRoleArn: must be the ARN of a role")
    one.role = text


def _set_redrive(call: Call, one: Subscription, text: str, say: str) -> None:
    if not text or text.strip() == "{}":
        one.redrive, one.dead_letter_arn = "", ""
        return
    try:
        document = json.loads(text)
        arn = document["deadLetterTargetArn"]
    except (ValueError, RecursionError) as error:
        raise invalid(f"{say}RedrivePolicy: failed to parse JSON. {error}") from None
    except (KeyError, TypeError):
        raise invalid(f"{say}RedrivePolicy: deadLetterTargetArn is missing") from None
    try:
        found = Arn.parse(arn)
    except (ValueError, AttributeError):
        raise invalid(f"{say}RedrivePolicy: deadLetterTargetArn is an invalid arn") from None
    if set(document) != {"deadLetterTargetArn"}:
        raise invalid(f"{say}RedrivePolicy: Unexpected JSON member: "
                      f"{next(name for name in document if name != 'deadLetterTargetArn')}")
    if found.service != "sqs" or (found.account, found.region) != (one.owner, call.region):
        raise invalid(f"{say}RedrivePolicy: deadLetterTargetArn must be the ARN of an SQS queue of the "
                      "subscription's account and region")
    if one.endpoint.endswith(".fifo") and not arn.endswith(".fifo"):
        raise invalid(f"{say}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO "
                      "Topic.")
    one.redrive, one.dead_letter_arn = text, arn


def copy(one: Subscription) -> Subscription:
    """A subscription to change, so that it can be held against what it was."""
    return msgspec.structs.replace(one)


def _word(flag: bool) -> str:
    return str(flag).lower()
