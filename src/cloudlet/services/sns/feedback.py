"""Delivery status: what became of messages, written to CloudWatch Logs where a topic asks for it.

The logs are ``sns/REGION/ACCOUNT/TOPIC`` and the same with ``/Failure``; the roles that a topic names say
whether there are any, and are not assumed.
Source: https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html
"""

import hashlib
import json
import logging
from contextlib import suppress
from typing import Any

from ...errors import AwsError
from ...kernel import Call
from .message import Message
from .notices import stamp
from .records import Subscription, Topic, topics
from .service import sns

log = logging.getLogger(__name__)
_PREFIXES = {"http": "HTTP", "https": "HTTP", "lambda": "Lambda", "sqs": "SQS"}
_ANSWERS = {"sqs": (200, "sqsRequestId"), "lambda": (202, "lambdaRequestId")}


def note(topic: Topic, subscription: Subscription, message: Message) -> dict[str, Any]:
    """What :func:`delivered` must know of a delivery."""
    text = message.text_for(subscription.protocol)
    return {"topic": topic.name, "protocol": subscription.protocol, "destination": subscription.endpoint,
            "message_id": message.id, "published_ms": message.at_ms,
            "digest": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}


@sns.task
def delivered(call: Call, *, topic: str, protocol: str, destination: str, message_id: str, published_ms: int,
              digest: str, tries: int, error: str, status: int = 0) -> None:
    """A delivery is over: taken, or given up with ``error``. Log it, if the topic wants that."""
    found = topics.get(call, topic)
    prefix = _PREFIXES[protocol]
    kind = "Failure" if error else "Success"
    if found is None or not found.feedback.get(f"{prefix}{kind}FeedbackRoleArn"):
        return
    rate = int(found.feedback.get(f"{prefix}SuccessFeedbackSampleRate", "0"))
    if not error and int(call.ids.hex(8), 16) % 100 >= rate:
        return
    usual, request = _ANSWERS.get(protocol, (200, ""))
    answer: Any = error or ({request: call.ids.uuid()} if request else "OK")
    entry = {
        "notification": {"messageMD5Sum": digest, "messageId": message_id, "topicArn": found.arn,
                         "timestamp": stamp(published_ms).replace("T", " ").rstrip("Z")},
        "delivery": {"deliveryId": call.ids.uuid(), "destination": destination, "providerResponse":
                     json.dumps(answer) if isinstance(answer, dict) else answer,
                     "dwellTimeMs": call.now_ms - published_ms, "attempts": tries,
                     "statusCode": status or (400 if error else usual)},
        "status": "FAILURE" if error else "SUCCESS"}
    _write(call, f"sns/{call.region}/{call.account}/{topic}" + ("/Failure" if error else ""), entry)


def _write(call: Call, group: str, entry: dict[str, Any]) -> None:
    """Put an entry into a stream of its own; a log that can't be written stops no delivery."""
    stream: dict[str, Any] = {"logGroupName": group, "logStreamName": call.ids.uuid()}
    try:
        with call.tx.savepoint():
            with suppress(AwsError):  # most often it is there
                call.invoke("logs", "CreateLogGroup", logGroupName=group)
            call.invoke("logs", "CreateLogStream", **stream)
            call.invoke("logs", "PutLogEvents", **stream, logEvents=[
                {"timestamp": call.now_ms, "message": json.dumps(entry, separators=(",", ":"))}])
    except AwsError as error:
        log.warning("the delivery status could not be written to %s: %s", group, error)
