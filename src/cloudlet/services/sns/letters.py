"""Letters: what SNS writes to people. They go to the outbox, and nowhere else.

An address confirms its subscription by the link in its first letter, as anywhere.
"""

from ...fabric import outbox
from ...fabric.outbox import Letter
from ...kernel import Call
from .notices import Notice, confirmation, subscribe_url, unsubscribe_url
from .records import Subscription, Topic

_ADDRESS = "no-reply@sns.amazonaws.com"
_OURS = f"AWS Notifications <{_ADDRESS}>"
_FOOTER = ("\n\n--\nIf you wish to stop receiving notifications from this topic, please click or visit the "
           "link below to unsubscribe:\n{url}\n")
_CONFIRM = ("You have chosen to subscribe to the topic:\n{topic}\n\nTo confirm this subscription, click or "
            "visit the link below (If this was in error no action is necessary):\n{url}\n")
_RETURN = ("Your subscription to the topic below has been deactivated:\n{topic}\n\nIf this was in error, "
           "click or visit the link below to subscribe again:\n{url}\n")


def notify(call: Call, topic: Topic, subscription: Subscription, notice: Notice) -> None:
    """Write a message to an address, as it is or as JSON."""
    message = notice.message
    if subscription.protocol == "email-json":
        body = notice.envelope(subscription)
    else:
        body = message.text_for("email") + _FOOTER.format(url=unsubscribe_url(call, subscription.arn))
    sender = f"{topic.display_name} <{_ADDRESS}>" if topic.display_name else _OURS
    subject = message.subject or "AWS Notification Message"
    outbox.post(call, Letter("email", subscription.endpoint, sender, subject, body, call.now_ms, topic.arn))


def confirm(call: Call, topic: Topic, subscription: Subscription, kind: str, token: str) -> None:
    """Ask an address to confirm, or tell it how to come back."""
    asks = kind == "SubscriptionConfirmation"
    if subscription.protocol == "email-json":
        body = confirmation(call, topic, kind, token, subscription.arn)[0]
    else:
        url = subscribe_url(call, topic.arn, token)
        body = (_CONFIRM if asks else _RETURN).format(topic=topic.arn, url=url)
    subject = f"AWS Notification - {'Subscription' if asks else 'Unsubscribe'} Confirmation"
    outbox.post(call, Letter("email", subscription.endpoint, _OURS, subject, body, call.now_ms, topic.arn))
