"""Publish: a message is checked, numbered where there is an order, and handed to every subscriber.

Queues have it in the same transaction: a topic with a hundred queues is one commit.
"""

import re
from typing import Any

import msgspec

from ...kernel import Call
from . import access, archive, dispatch, fifo, limits, sms
from .errors import (
    BatchEntryIdsNotDistinctException,
    BatchRequestTooLongException,
    EmptyBatchRequestException,
    InvalidBatchEntryIdException,
    TooManyEntriesInBatchRequestException,
    invalid,
)
from .message import Attributes, Message, draft
from .notices import Notice
from .records import Topic, lookup
from .service import sns
from .subscriptions import all_of

_BATCH_ID = re.compile(r"[A-Za-z0-9_-]+")
Config = dict[str, Any]


class Draft(msgspec.Struct):
    """What somebody wants to publish, once it has been found to be sound."""

    message: Message
    size: int


@sns.operation
def publish(call: Call, message: str, topic_arn: str | None = None, target_arn: str | None = None,
            phone_number: str | None = None, subject: str | None = None, message_structure: str | None = None,
            message_attributes: Attributes | None = None, message_deduplication_id: str | None = None,
            message_group_id: str | None = None) -> Config:
    """Publish a message to a topic, or write a text message to a phone number."""
    if [topic_arn, target_arn, phone_number].count(None) != 2:
        raise invalid("TopicArn or TargetArn", "no value for required parameter")
    found, size = draft(message, subject, message_structure, message_attributes, message_group_id,
                        message_deduplication_id)
    if phone_number is not None:
        if not sms.is_number(phone_number):
            raise invalid("PhoneNumber", f"{phone_number} is not valid to publish to")
        if len(found.text_for("sms")) > limits.SMS_CHARACTERS:
            raise invalid("Message too long")
        sms.write(call, phone_number, found.text_for("sms"), found.attributes)
        return {"MessageId": call.ids.uuid()}
    arn = topic_arn if topic_arn is not None else target_arn or ""
    if topic_arn is None and ":endpoint/" in arn:
        raise invalid("TargetArn", "No endpoint found for the target arn specified")
    there, topic = lookup(call, arn)
    access.authorize(there, topic, "Publish")
    return issue(there, topic, check(topic, Draft(found, size), message))


@sns.operation
def publish_batch(call: Call, topic_arn: str, publish_batch_request_entries: list[Config]) -> Config:
    """Publish up to ten messages. As on AWS one that is unsound fails them all."""
    entries = publish_batch_request_entries
    there, topic = lookup(call, topic_arn)
    access.authorize(there, topic, "Publish")
    _check_batch(entries)
    drafts = []
    for entry in entries:
        found = Draft(*draft(entry["Message"], entry.get("Subject"), entry.get("MessageStructure"),
                             entry.get("MessageAttributes"), entry.get("MessageGroupId"),
                             entry.get("MessageDeduplicationId")))
        drafts.append(found)
    if sum(found.size for found in drafts) > (topic.max_bytes or limits.MESSAGE_BYTES):
        raise BatchRequestTooLongException
    checked = [check(topic, found, entry["Message"]) for entry, found in zip(entries, drafts, strict=True)]
    return {"Successful": [{"Id": entry["Id"], **issue(there, topic, found)}
                           for entry, found in zip(entries, checked, strict=True)], "Failed": []}


def check(topic: Topic, found: Draft, whole: str) -> Message:
    """Hold a draft against its topic; ``whole`` is the text that was published, for all protocols."""
    message = found.message
    if found.size > (topic.max_bytes or limits.MESSAGE_BYTES):
        raise invalid("Message too long")
    if not topic.fifo:
        if message.dedup:
            raise invalid("MessageDeduplicationId", "The request includes MessageDeduplicationId parameter "
                                                    "that is not valid for this topic type")
        return message
    if not message.group:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    message.dedup = fifo.dedup_of(topic, message, whole)
    if not message.dedup:
        raise invalid("The topic should either have ContentBasedDeduplication enabled or "
                      "MessageDeduplicationId provided explicitly")
    return message


def issue(call: Call, topic: Topic, message: Message) -> Config:
    """Hand a sound message to the subscribers; the answer is Publish's."""
    if topic.fifo:
        known = fifo.recall(call, topic, message)
        if known is not None:
            return {"MessageId": known.id, "SequenceNumber": known.sequence}
    message.id, message.at_ms = call.ids.uuid(), call.now_ms
    answer = {"MessageId": message.id}
    if topic.fifo:
        fifo.number(call, topic, message)
        archive.add(call, topic, message)
        answer["SequenceNumber"] = message.sequence
    notice, text = Notice(call, topic, message), message.text.encode()
    given = {"Subject": message.subject, "MessageAttributes": message.attributes,
             "MessageGroupId": message.group}
    call.see("sent", topic.arn, event=message.id, payload=text,
             parameters={name: value for name, value in given.items() if value})
    for one in all_of(call, topic):
        if notice.passes(one):
            dispatch.hand_over(call, topic, one, notice)
        else:
            call.see("filtered", one.endpoint, source=topic.arn, event=message.id, payload=text,
                     why="the subscription's filter policy does not let it through")
    return answer


def _check_batch(entries: list[Config]) -> None:
    if not entries:
        raise EmptyBatchRequestException
    if len(entries) > limits.BATCH_ENTRIES:
        raise TooManyEntriesInBatchRequestException
    for entry in entries:
        id = entry["Id"]
        if len(id) > limits.BATCH_ID_LONGEST:
            raise InvalidBatchEntryIdException(
                f"The Id of a batch entry in the batch request is too long: {id}")
        if not _BATCH_ID.fullmatch(id):
            raise InvalidBatchEntryIdException(
                f"The Id of a batch entry in the batch request contains an impermissible character: {id}")
    if len({entry["Id"] for entry in entries}) != len(entries):
        raise BatchEntryIdsNotDistinctException
