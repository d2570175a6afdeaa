"""A topic's attributes, between the texts of the API and the fields of :class:`.records.Topic`.

Each is honoured or refused by name: nothing here encrypts with keys of one's own, vends X-Ray segments, or
delivers to mobile devices, and deliveries to Firehose are not logged.
"""

import json
import re
from collections.abc import Callable, Mapping

from ...errors import NotHonoured
from ...identity.policy import Malformed, compiled
from ...kernel import Call
from . import access, delivery_policies, limits
from .errors import invalid
from .notices import stamp
from .records import Counts, Topic

LOGGED = ("HTTP", "Lambda", "SQS")  # endpoints whose deliveries can be logged
_NOT_LOGGED = ("Firehose", "Application")
_FEEDBACK = re.compile(r"(HTTP|Lambda|SQS|Firehose|Application)"
                       r"((?:Success|Failure)FeedbackRoleArn|SuccessFeedbackSampleRate)")
_CHOICES = {
    "SignatureVersion": ("signature_version", ("1", "2")),
    "FifoThroughputScope": ("throughput_scope", ("Topic", "MessageGroup")),
    "TracingConfig": ("tracing", ("PassThrough", "Active")),
}
_FIFO_ONLY = ("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy")
_ACTIONS = frozenset(f"sns:{action.lower()}" for action in (
    *access.OWNERS, "Receive", "GetDataProtectionPolicy", "PutDataProtectionPolicy", "ListTagsForResource",
    "TagResource", "UntagResource"))
_NO_KEYS = ("cloudlet does not encrypt with KMS keys, so it refuses KmsMasterKeyId rather than ignore it. "
            "Leave it out: what is stored lies in the cloudlet's own folder.")
_NO_SEGMENTS = ("cloudlet sends no segments to X-Ray, so it refuses the tracing mode Active rather than "
                "ignore it. PassThrough hands the tracing header on.")


def read(call: Call, topic: Topic, counts: Counts) -> dict[str, str]:
    """All attributes, as GetTopicAttributes shows them."""
    policy = topic.policy or access.default_policy(topic.arn, call.account)
    found = {
        "ArchivePolicy": topic.archive, "ContentBasedDeduplication": str(topic.content_dedup).lower(),
        "BeginningArchiveTime": stamp(_archive_begins_ms(call, topic)) if topic.archive else "",
        "DeliveryPolicy": topic.delivery, "FifoThroughputScope": topic.throughput_scope, "FifoTopic": "true",
        "MaximumMessageSize": str(topic.max_bytes or ""), "SignatureVersion": topic.signature_version,
        "TracingConfig": topic.tracing}
    shown = {name: value for name, value in found.items() if value and (topic.fifo or name not in (
        "ContentBasedDeduplication", "FifoTopic"))}
    return shown | topic.feedback | {
        "DisplayName": topic.display_name,
        "EffectiveDeliveryPolicy": delivery_policies.shown_of_topic(topic.delivery), "Owner": call.account,
        "Policy": policy, "SubscriptionsConfirmed": str(counts.confirmed),
        "SubscriptionsDeleted": str(counts.deleted), "SubscriptionsPending": str(counts.pending),
        "TopicArn": topic.arn}


def write(call: Call, topic: Topic, given: Mapping[str, str], counts: Counts, *, creating: bool) -> None:
    """Set attributes of ``topic``, which the caller saves; an error if one of them is unsound."""
    say = "Attributes Reason: " if creating else ""
    for name, text in given.items():
        if name == "FifoTopic" and creating:
            continue  # the name has decided
        if name in _FIFO_ONLY and not topic.fifo and (text or "false").lower() != "false":
            raise invalid(f"{say}{name} can only be set for FIFO topics")
        writer = _WRITERS.get(name)
        if writer is not None:
            writer(call, topic, text or "", say)
        elif name in _CHOICES:
            _choose(topic, name, text or "", say)
        elif name == "MaximumMessageSize":
            _set_size(topic, text or "", counts, say)
        elif _FEEDBACK.fullmatch(name):
            _set_feedback(topic, name, text or "", say)
        else:
            raise invalid(f"{say}AttributeName")


def _set_name(call: Call, topic: Topic, text: str, say: str) -> None:
    if len(text) > limits.DISPLAY_NAME_LONGEST or (text and not text.isprintable()):
        raise invalid(f"{say}DisplayName",
                      f"it has at most {limits.DISPLAY_NAME_LONGEST} printable characters")
    topic.display_name = text


def _set_policy(call: Call, topic: Topic, text: str, say: str) -> None:
    topic.policy = check_policy(text, say)


def _set_delivery(call: Call, topic: Topic, text: str, say: str) -> None:
    topic.delivery = delivery_policies.of_topic(text, say) if text else ""


def _set_deduplication(call: Call, topic: Topic, text: str, say: str) -> None:
    if text.lower() not in ("true", "false"):
        raise invalid(f"{say}ContentBasedDeduplication: Invalid value [{text}]. Must be true or false.")
    topic.content_dedup = text.lower() == "true"


def _set_key(call: Call, topic: Topic, text: str, say: str) -> None:
    if text:
        raise NotHonoured(_NO_KEYS)


def _set_archive(call: Call, topic: Topic, text: str, say: str) -> None:
    """How many days a FIFO topic keeps its messages; ``{}`` ends it."""
    least, most = limits.ARCHIVE_DAYS
    try:
        document = json.loads(text or "{}")
        days = int(document["MessageRetentionPeriod"]) if document else 0
        if document and (set(document) != {"MessageRetentionPeriod"} or not least <= days <= most):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise invalid(f"{say}ArchivePolicy: MessageRetentionPeriod must be an integer between {least} and "
                      f"{most}") from None
    if not days:
        topic.archive, topic.retention_days = "", 0
        return
    topic.archived_since_ms = topic.archived_since_ms if topic.archive else call.now_ms
    topic.archive, topic.retention_days = text, days


def check_policy(text: str, say: str) -> str:
    """A topic's policy as it is kept: empty for AWS's own, which owners are given."""
    if not text:
        return ""
    if len(text.encode("utf-8", "replace")) > limits.POLICY_BYTES:
        raise invalid(f"{say}Policy Error: the policy is larger than {limits.POLICY_BYTES} bytes")
    try:
        statements = compiled(text).statements
    except Malformed:
        raise invalid(f"{say}Policy Error: null") from None
    for statement in statements:
        if not statement.actions or not all(action.lower() in _ACTIONS for action in statement.actions):
            raise invalid(f"{say}Policy statement action out of service scope!")
        if statement.principals is None:
            raise invalid(f"{say}Policy Error: a statement needs a Principal")
    return text


def _choose(topic: Topic, name: str, text: str, say: str) -> None:
    field, choices = _CHOICES[name]
    if text not in choices:
        raise invalid(f"{say}{name}: Invalid value [{text}]. Must be one of: {', '.join(choices)}.")
    if text == "Active":
        raise NotHonoured(_NO_SEGMENTS)
    setattr(topic, field, text)


def _set_size(topic: Topic, text: str, counts: Counts, say: str) -> None:
    least, most = limits.MESSAGE_BYTES_SET
    if not _is_number(text, least, most):
        raise invalid(f"{say}MaximumMessageSize: it must be an integer between {least} and {most}")
    there = counts.confirmed + counts.pending
    if int(text) > limits.MESSAGE_BYTES and there > limits.SUBSCRIPTIONS_OF_LARGE:
        raise invalid(f"{say}MaximumMessageSize: above {limits.MESSAGE_BYTES} a topic can have at most "
                      f"{limits.SUBSCRIPTIONS_OF_LARGE} subscriptions")
    topic.max_bytes = int(text)


def _set_feedback(topic: Topic, name: str, text: str, say: str) -> None:
    if name.startswith(_NOT_LOGGED):
        raise NotHonoured(f"cloudlet delivers nothing to such endpoints, so it refuses {name}.")
    if name.endswith("SampleRate"):
        if not _is_number(text, 0, 100):
            raise invalid(f"{say}{name}: {text} value provided is not an integer between 0-100")
    elif text and not text.startswith("arn:"):
        raise invalid(f"{say}{name}: Invalid value [{text}]. It must be the ARN of a role.")
    topic.feedback = {key: value for key, value in (topic.feedback | {name: text}).items() if value}


def _is_number(text: str, least: int, most: int) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None and least <= int(text) <= most


def _archive_begins_ms(call: Call, topic: Topic) -> int:
    """The earliest moment that can be replayed."""
    return max(topic.archived_since_ms, call.now_ms - topic.retention_days * 24 * 3600 * 1000)


def difference(call: Call, topic: Topic, wanted: Topic, given: Mapping[str, str]) -> bool:
    """Whether ``topic`` has another value of an attribute in ``given``, which makes a topic ``wanted``."""
    mine, theirs = read(call, topic, Counts()), read(call, wanted, Counts())
    return any(mine.get(name) != theirs.get(name) for name in given)


Writer = Callable[[Call, Topic, str, str], None]
_WRITERS: dict[str, Writer] = {
    "DisplayName": _set_name, "Policy": _set_policy, "DeliveryPolicy": _set_delivery,
    "ContentBasedDeduplication": _set_deduplication, "KmsMasterKeyId": _set_key,
    "ArchivePolicy": _set_archive,
}
