"""Notices: a message on its way to subscribers, in the forms they get it.

What all copies share (the signature, the head of the envelope, what filters look at) is made once, when the
first subscriber needs it. As on AWS a FIFO topic's envelope is not signed, and functions get signatures of
version 1 whatever the topic says.

Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...kernel import Call
from ...kernel.place import Place
from . import filters, signing
from .message import Message
from .records import Subscription, Topic

_NO_JSON: Any = object()
_text = json.JSONEncoder(ensure_ascii=False).encode


class Notice:
    """One message of one topic, for as long as it is handed out."""

    def __init__(self, call: Call, topic: Topic, message: Message) -> None:
        self.call, self.topic, self.message = call, topic, message
        self.stamp = stamp(message.at_ms)
        self._heads: dict[str, str] = {}
        self._signatures: dict[tuple[str, str], str] = {}
        self._bodies: dict[str, Any] = {}
        self._seen: dict[str, Any] | None = None
        self._tail: str | None = None

    def passes(self, subscription: Subscription) -> bool:
        """Whether the subscription's filter policy lets the message through."""
        if not subscription.filter:
            return True
        policy = filters.compiled(subscription.filter)
        if subscription.filter_scope == "MessageBody":
            body = self._body(self.message.text_for(subscription.protocol))
            return body is not _NO_JSON and policy.matches(body)
        if self._seen is None:
            self._seen = {name: _value(value) for name, value in self.message.attributes.items()
                          if not value["DataType"].startswith("Binary")}
        return policy.matches(self._seen)

    def letter(self, subscription: Subscription) -> tuple[str, dict[str, dict[str, Any]]]:
        """The text and the message attributes that a queue gets, raw or in an envelope."""
        text = self.message.text_for(subscription.protocol)
        if subscription.raw:
            return text, self.message.attributes
        return self.envelope(subscription), {}

    def envelope(self, subscription: Subscription) -> str:
        """The JSON that carries the message, in AWS's own layout."""
        text = self.message.text_for(subscription.protocol)
        head = self._heads.get(text)
        if head is None:
            head = self._heads[text] = self._head(text)
        if self._tail is None:
            self._tail = self._attributes()
        address = _text(unsubscribe_url(self.call, subscription.arn))
        return f'{head},\n  "UnsubscribeURL" : {address}{self._tail}\n}}'

    def line(self, subscription: Subscription) -> bytes:
        """The record that a Firehose stream gets: raw as it is, else one line of JSON that nobody signed."""
        text, message = self.message.text_for(subscription.protocol), self.message
        if subscription.raw:
            return text.encode()
        said: dict[str, Any] = {"Type": "Notification", "MessageId": message.id, "TopicArn": self.topic.arn}
        if message.subject:
            said["Subject"] = message.subject
        said |= {"Message": text, "Timestamp": self.stamp,
                 "UnsubscribeURL": unsubscribe_url(self.call, subscription.arn)}
        if message.attributes:
            said["MessageAttributes"] = {name: {"Type": value["DataType"], "Value": _spoken(value)}
                                         for name, value in message.attributes.items()}
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    def event(self, subscription: Subscription) -> bytes:
        """The event that a function gets."""
        text, message = self.message.text_for(subscription.protocol), self.message
        attributes = {name: {"Type": "Binary" if value["DataType"].startswith("Binary") else "String",
                             "Value": _spoken(value)} for name, value in message.attributes.items()}
        said = {"Type": "Notification", "MessageId": message.id, "TopicArn": self.topic.arn,
                "Subject": message.subject or None, "Message": text, "Timestamp": self.stamp,
                "SignatureVersion": "1", "Signature": self._signature(text, "1"),
                "SigningCertUrl": signing.certificate_url(self.call),
                "UnsubscribeUrl": unsubscribe_url(self.call, subscription.arn),
                "MessageAttributes": attributes}
        return msgspec.json.encode({"Records": [{
            "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn,
            "Sns": said}]})

    def _head(self, text: str) -> str:
        message = self.message
        said = {"Type": "Notification", "MessageId": message.id}
        if message.sequence:
            said["SequenceNumber"] = message.sequence
        said["TopicArn"] = self.topic.arn
        if message.subject:
            said["Subject"] = message.subject
        said |= {"Message": text, "Timestamp": self.stamp}
        if not self.topic.fifo:
            version = self.topic.signature_version or "1"
            said |= {"SignatureVersion": version, "Signature": self._signature(text, version),
                     "SigningCertURL": signing.certificate_url(self.call)}
        return "{\n" + ",\n".join(f'  "{name}" : {_text(value)}' for name, value in said.items())

    def _attributes(self) -> str:
        """The end of the envelope: what follows the unsubscribe URL."""
        tail = ',\n  "Replayed" : true' if self.message.replay else ""
        if self.message.attributes:
            lines = ",\n".join(
                f'    {_text(name)} : {{"Type":{_text(value["DataType"])},"Value":{_text(_spoken(value))}}}'
                for name, value in self.message.attributes.items())
            tail += f',\n  "MessageAttributes" : {{\n{lines}\n  }}'
        return tail

    def _signature(self, text: str, version: str) -> str:
        found = self._signatures.get((text, version))
        if found is None:
            said = {"Message": text, "MessageId": self.message.id, "Timestamp": self.stamp,
                    "TopicArn": self.topic.arn, "Type": "Notification"}
            if self.message.subject:
                said["Subject"] = self.message.subject
            found = self._signatures[text, version] = signing.sign(self.call, said, version)
        return found

    def _body(self, text: str) -> Any:
        """The message as JSON; what is no object matches nothing."""
        found = self._bodies.get(text)
        if found is None:
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = _NO_JSON
            if not isinstance(found, dict):
                found = _NO_JSON
            self._bodies[text] = found
        return found


def confirmation(call: Call, topic: Topic, kind: str, token: str, subscription_arn: str) -> tuple[str, str]:
    """The message that asks an endpoint to confirm (or tells it how to come back), and its id."""
    if kind == "SubscriptionConfirmation":
        text = (f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit "
                "the SubscribeURL included in this message.")
    else:
        text = (f"You have chosen to deactivate subscription {subscription_arn}.\nTo cancel this operation "
                "and restore the subscription, visit the SubscribeURL included in this message.")
    id, version = call.ids.uuid(), topic.signature_version or "1"
    said = {"Type": kind, "MessageId": id, "Token": token, "TopicArn": topic.arn, "Message": text,
            "SubscribeURL": subscribe_url(call, topic.arn, token), "Timestamp": stamp(call.now_ms)}
    signature = signing.sign(call, said, version)
    said |= {"SignatureVersion": version, "Signature": signature,
             "SigningCertURL": signing.certificate_url(call)}
    return "{\n" + ",\n".join(f'  "{name}" : {_text(value)}' for name, value in said.items()) + "\n}", id


def subscribe_url(call: Call, topic_arn: str, token: str) -> str:
    """The link that confirms a subscription."""
    return f"{call.use(Place).endpoint}/?Action=ConfirmSubscription&TopicArn={topic_arn}&Token={token}"


def unsubscribe_url(call: Call, subscription_arn: str) -> str:
    """The link that ends a subscription."""
    return f"{call.use(Place).endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"


def stamp(at_ms: int) -> str:
    """A moment as SNS writes it."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _spoken(value: dict[str, Any]) -> str:
    text = value.get("StringValue")
    return base64.b64encode(value["BinaryValue"]).decode() if text is None else str(text)


def _value(value: dict[str, Any]) -> Any:
    """An attribute as filter policies see it: a number, the elements of an array, or a text."""
    text, (base, _, label) = value["StringValue"], value["DataType"].partition(".")
    if base != "Number" and label != "Array":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # JSON has no +5 and no .5
        return float(text) if value["DataType"] == "Number" else text
