"""What a subscription may be to: an endpoint for each protocol."""

import re
from urllib.parse import urlsplit

from ...arn import Arn
from ...errors import NotHonoured
from ...kernel import Call
from . import limits, sms
from .errors import InvalidParameterException, invalid
from .records import Counts, Topic

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_LARGE = ("sqs", "lambda")
_MISSING = {"application": "sends nothing to mobile devices"}
POSTED = ("http", "https")
WRITTEN = ("email", "email-json")


def check(call: Call, topic: Topic, counts: Counts, protocol: str, endpoint: str) -> None:
    """Refuse an endpoint that the topic can't deliver to."""
    if protocol in _MISSING:
        raise NotHonoured(f"cloudlet {_MISSING[protocol]}, so it refuses the protocol {protocol}.")
    match protocol:
        case "http" | "https":
            _check_url(protocol, endpoint)
        case "email" | "email-json":
            if not _EMAIL.fullmatch(endpoint):
                raise invalid("Email address")
        case "sms":
            if not sms.is_endpoint(endpoint):
                raise InvalidParameterException(f"Invalid SMS endpoint: {endpoint}")
        case "sqs":
            _check_arn(endpoint, "sqs", "SQS endpoint ARN")
        case "firehose":
            _check_arn(endpoint, "firehose", "Firehose endpoint ARN")
        case "lambda":
            if _check_arn(endpoint, "lambda", "Lambda endpoint ARN").account != call.account:
                raise NotHonoured("cloudlet subscribes a function only for the account that owns it.")
        case _:
            raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if topic.fifo and protocol != "sqs":
        raise invalid("Invalid parameter: Endpoint", "FIFO topics deliver to SQS queues only")
    if not topic.fifo and protocol == "sqs" and endpoint.endswith(".fifo"):
        raise invalid("Invalid parameter: Endpoint",
                      "FIFO SQS Queues can not be subscribed to standard SNS topics")
    if topic.max_bytes > limits.MESSAGE_BYTES and (
            protocol not in _LARGE or counts.confirmed + counts.pending >= limits.SUBSCRIPTIONS_OF_LARGE):
        raise invalid("Invalid parameter: Endpoint", "a topic with a MaximumMessageSize above "
                      f"{limits.MESSAGE_BYTES} has at most {limits.SUBSCRIPTIONS_OF_LARGE} subscriptions, of "
                      "queues and functions only")


def confirms_itself(call: Call, protocol: str, endpoint: str) -> bool:
    """Whether a subscription needs no confirmation: its endpoint is the caller's own, or a phone."""
    if protocol in ("sqs", "lambda", "firehose"):
        return Arn.parse(endpoint).account == call.account
    return protocol == "sms"


def _check_url(protocol: str, endpoint: str) -> None:
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme == protocol and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        sound = False
    if not sound or not endpoint.isprintable() or " " in endpoint:
        raise invalid("Endpoint must match the specified protocol")


def _check_arn(endpoint: str, service: str, what: str) -> Arn:
    try:
        found = Arn.parse(endpoint)
    except ValueError:
        raise invalid(what) from None
    if found.service != service or not found.resource or not re.fullmatch(r"\d{12}", found.account):
        raise invalid(what)
    return found
