"""A message comes in: it is retained, queued for whoever subscribes to it, and handed to the rules.

All of that is one transaction, and its publisher hears that it was taken once that is committed.
"""

import base64
import binascii
import json
from typing import Any

from ...errors import AwsError, NotHonoured
from ...fabric.targets import Delivery, deliver
from ...fabric.topics import is_topic
from ...kernel import Call
from . import limits, queues, routing
from .errors import InvalidRequestException, RequestEntityTooLargeException
from .records import Message, Publisher, Retained, retained
from .service import iot_data

_BASIC = "$aws/rules/"  # names a rule, and goes to no subscriber
_FORMATS = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}


@iot_data.operation
def publish(call: Call, topic: str, qos: int | None = None, retain: bool | None = None, payload: Any = b"",
            user_properties: Any = None, payload_format_indicator: str | None = None,
            content_type: str | None = None, response_topic: str | None = None,
            correlation_data: str | None = None, message_expiry: int | None = None) -> None:
    """Publish a message, with the properties that MQTT 5 has."""
    if response_topic and not is_topic(response_topic):
        raise InvalidRequestException("The response topic is not a topic.")
    if message_expiry is not None and message_expiry <= 0:
        raise InvalidRequestException("The message expiry must be a positive number of seconds.")
    message = Message(
        topic, _bytes(payload), qos or 0, call.now_ms,
        call.now_ms + message_expiry * 1000 if message_expiry else 0,
        _FORMATS[payload_format_indicator or "UNSPECIFIED_BYTES"], content_type or "", response_topic or "",
        _decoded(correlation_data), _properties(user_properties))
    accept(call, message, Publisher(principal=call.principal.id), retain=bool(retain))


def accept(call: Call, message: Message, publisher: Publisher, *, retain: bool = False) -> None:
    """Take a message: an error if it can't be, else it is on its way when this transaction is committed."""
    check(message, retain=retain)
    if not message.topic.startswith(_BASIC):
        if retain:
            _retain(call, message)
        for recipient in routing.recipients(call, message, publisher.client_id):
            queues.add(call, recipient, message, retain=retain)
    _to_rules(call, message, publisher)


def check(message: Message, *, retain: bool = False) -> None:
    """Refuse what AWS does not take."""
    topic = message.topic
    if not is_topic(topic):
        raise InvalidRequestException(f"{topic!r} is not a topic that can be published to.")
    inner = topic.split("/", 3)[-1] if topic.startswith(_BASIC) else topic
    if len(inner.encode()) > limits.TOPIC_BYTES or inner.count("/") > limits.TOPIC_SLASHES:
        raise InvalidRequestException(f"A topic can't have more than {limits.TOPIC_BYTES} bytes or "
                                      f"{limits.TOPIC_SLASHES} slashes.")
    if topic.startswith(_BASIC) and retain:
        raise InvalidRequestException("Messages to a rule can't be retained.")
    if topic.startswith("$") and not topic.startswith(_BASIC):
        raise NotHonoured(f"cloudlet has nothing behind the reserved topic {topic}, and refuses to publish "
                          "to it: of those that begin with $ it has $aws/rules/RULE.")
    if len(message.payload) > limits.PAYLOAD:
        raise RequestEntityTooLargeException
    if sum(len(name) + len(value) for name, value in message.user_properties) > limits.USER_PROPERTIES_BYTES:
        raise InvalidRequestException(f"User properties can't have more than {limits.USER_PROPERTIES_BYTES} "
                                      "bytes in all.")


def _retain(call: Call, message: Message) -> None:
    if message.payload:
        retained.put(call, message.topic, record=Retained(message, call.now_ms))
    else:
        retained.delete(call, message.topic)


def _to_rules(call: Call, message: Message, publisher: Publisher) -> None:
    """The rules' service has its own names for what it wants to know of a message."""
    properties = {"format_indicator": "UTF8_DATA" if message.format else "UNSPECIFIED_BYTES",
                  "content_type": message.content_type, "response_topic": message.response_topic,
                  "correlation_data": base64.b64encode(message.correlation_data).decode()}
    about = {"client_id": publisher.client_id, "principal": publisher.principal,
             "source_ip": publisher.source_ip, "trace_id": call.ids.uuid() if publisher.client_id else "",
             "properties": {name: text for name, text in properties.items() if text},
             "user_properties": message.user_properties}
    sender = call.arn(f"client/{publisher.client_id}", "iot") if publisher.client_id else ""
    delivery = Delivery(call.ids.uuid(), message.payload, iot_data.name, sender, call.account, about)
    try:
        deliver(call, call.arn(f"topic/{message.topic}", "iot"), delivery)
    except AwsError:
        return  # it was seen; a message is none the worse for rules that can't be run


def _bytes(payload: Any) -> bytes:
    if isinstance(payload, str):
        return payload.encode()
    return bytes(payload.read()) if hasattr(payload, "read") else bytes(payload)


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except binascii.Error:
        raise InvalidRequestException("The correlation data is not base64.") from None


def _properties(given: Any) -> list[tuple[str, str]]:
    """User properties: a list of objects, or a JSON text of one."""
    try:
        found = json.loads(given) if isinstance(given, str) else given or []
        pairs = [(name, value) for one in found for name, value in one.items()]
    except (ValueError, AttributeError, TypeError):
        raise InvalidRequestException("User properties are an array of JSON objects.") from None
    if not all(isinstance(value, str) for _, value in pairs):
        raise InvalidRequestException("The values of user properties are texts.")
    return pairs
