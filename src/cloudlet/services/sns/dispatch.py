"""Dispatch: one notice to one subscription, over its protocol.

Queues and functions get it in the publisher's transaction, and retries as AWS makes them where they refuse.
HTTP endpoints get it from a task, emails and text messages go to the outbox.
"""

from typing import Any

from ...arn import Arn
from ...fabric.targets import DeadLetter, Delivery, Parcel, Retries, send
from ...identity import Principal
from ...kernel import Call
from . import feedback, letters, posting, sms
from .notices import Notice
from .records import Subscription, Topic

_GROWING = tuple(round(1000 * 20 ** (n / 9)) for n in range(10))
RETRIES = Retries(attempts=100_015, age_ms=1 << 50, pauses_ms=(0, 0, 0, 1000, 1000, *_GROWING, 20_000))


def hand_over(call: Call, topic: Topic, subscription: Subscription, notice: Notice) -> None:
    """Let the subscriber have it: now, or later; a refusal is no error of the publisher's."""
    match subscription.protocol:
        case "sqs" | "lambda" | "firehose":
            _to_target(call, topic, subscription, notice)
        case "http" | "https":
            posting.schedule(call, topic, subscription, notice, grave_of(call, topic, subscription, notice))
        case "email" | "email-json":
            letters.notify(call, topic, subscription, notice)
        case "sms":
            sms.write(call, subscription.endpoint, notice.message.text_for("sms"), notice.message.attributes,
                      topic)


def grave_of(call: Call, topic: Topic, subscription: Subscription, notice: Notice) -> DeadLetter | None:
    """The subscription's dead-letter queue, and what it gets: what a queue would have got."""
    arn = subscription.dead_letter_arn
    return DeadLetter(arn, _letter(call, topic, subscription, notice, arn)) if arn else None


def _to_target(call: Call, topic: Topic, subscription: Subscription, notice: Notice) -> None:
    if subscription.protocol == "lambda":
        delivery = Delivery(call.ids.uuid(), notice.event(subscription), "sns", topic.arn, call.account)
    elif subscription.protocol == "firehose":
        delivery = Delivery(call.ids.uuid(), notice.line(subscription), "sns", topic.arn, call.account,
                            caller=_acting(subscription.role))
    else:
        delivery = _letter(call, topic, subscription, notice, subscription.endpoint)
    parcel = Parcel(subscription.endpoint, delivery, RETRIES, grave_of(call, topic, subscription, notice))
    if topic.feedback:
        parcel.tell, parcel.note = "delivered", feedback.note(topic, subscription, notice.message)
    send(call, parcel)


def _acting(role: str) -> Principal:
    """SNS with the subscription's role."""
    account, name = Arn.parse(role).account, role.rpartition("/")[2]
    return Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/AWS-SNS", "role", role_arn=role)


def _letter(call: Call, topic: Topic, subscription: Subscription, notice: Notice, queue_arn: str) -> Delivery:
    """What a queue gets; the ids of groups and duplicates go to a FIFO queue only, and a group without order
    to a standard queue."""
    text, attributes = notice.letter(subscription)
    message = notice.message
    parameters: dict[str, Any] = {"MessageAttributes": attributes} if attributes else {}
    if queue_arn.endswith(".fifo"):
        # a replay is meant to come again, so it must not look like what was sent before
        dedup = f"{message.replay}-{message.id}" if message.replay else message.dedup
        parameters |= {"MessageGroupId": message.group, "MessageDeduplicationId": dedup}
    elif message.group and not topic.fifo:
        parameters["MessageGroupId"] = message.group
    return Delivery(call.ids.uuid(), text.encode(), "sns", topic.arn, call.account, parameters)
