"""What a message is: what may be in it, how large it is, and the digests that SDKs compare.

Sources: the API reference of SendMessage, and "Calculating the MD5 message digest for message attributes"
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from . import limits
from .errors import InvalidMessageContents, InvalidParameterValueException, UnsupportedOperation, missing

Attributes = dict[str, dict[str, Any]]  # as in the API: {"x": {"DataType": "String", "StringValue": "y"}}

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_NAME = re.compile(r"[\w.\-]+")
_RESERVED = re.compile(r"(aws\.|amazon\.|\.)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TYPES = ("String", "Number", "Binary")
TRACE = "AWSTraceHeader"


class Message(msgspec.Struct, array_like=True):
    """One message. Moments are in milliseconds; 0 is never."""

    id: str
    body: str
    sender: str
    sent_ms: int
    receives: int = 0
    first_received_ms: int = 0
    received_ms: int = 0
    hidden_until_ms: int = 0  # while it is delayed or in flight
    trace: str = ""
    group: str = ""
    attributes: Attributes | None = None
    dead_letter_source: str = ""
    dedup: str = ""
    sequence: int = 0
    forwarded: bool = False  # its receipt names a moment that was changed since
    receives_elsewhere: int = 0  # before it became a dead letter

    def is_dead(self, max_receives: int) -> bool:
        """Whether its queue has given it out as often as it may (0: there is no limit)."""
        return 0 < max_receives <= self.receives - self.receives_elsewhere


class Draft(msgspec.Struct):
    """What somebody wants to send, once it has been found to be sound."""

    body: str
    body_md5: str
    size: int
    attributes: Attributes | None = None
    attributes_md5: str = ""
    system_md5: str = ""
    trace: str = ""


def draft(body: str, attributes: Attributes | None = None, system: Attributes | None = None) -> Draft:
    """Check what is to be sent, and take its measure."""
    if not body:
        raise missing("MessageBody")
    if _FORBIDDEN.search(body):
        raise InvalidMessageContents("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD "
                                     "| #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
    raw = body.encode()
    found = Draft(body, md5(raw), len(raw))
    if attributes:
        _check_attributes(attributes)
        found.attributes, found.attributes_md5 = attributes, digest(attributes)
        found.size += sum(_size(name, value) for name, value in attributes.items())
    if system:
        for name in system:
            if name != TRACE:
                raise InvalidParameterValueException(
                    f"Message (system) attribute name '{name}' is not supported; the only one is '{TRACE}'.")
        _check_attributes(system, kind="system")
        if not system[TRACE]["DataType"].startswith("String"):
            raise InvalidParameterValueException(
                f"Message (system) attribute '{TRACE}' must be of type 'String'.")
        found.trace, found.system_md5 = system[TRACE]["StringValue"], digest(system)
    return found


def check_size(size: int, most: int) -> None:
    """Refuse what is larger than its queue takes."""
    if size > most:
        raise InvalidParameterValueException(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.")


def md5(raw: bytes) -> str:
    """The digest of a body."""
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def digest(attributes: Attributes) -> str:
    """The digest of message attributes: names, types and values in the order of the names."""
    found = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        text = value.get("StringValue")
        raw, mark = (value.get("BinaryValue") or b"", b"\x02") if text is None else (text.encode(), b"\x01")
        for piece in (name.encode(), value["DataType"].encode()):
            found.update(len(piece).to_bytes(4, "big") + piece)
        found.update(mark + len(raw).to_bytes(4, "big") + raw)
    return found.hexdigest()


def chosen(attributes: Attributes, patterns: Iterable[str]) -> Attributes:
    """The attributes that a receiver asked for: by name, by ``prefix.*``, or all of them.

    >>> list(chosen({"a.b": {}, "a.c": {}, "d": {}}, ["a.*"]))
    ['a.b', 'a.c']
    """
    wanted = {pattern for pattern in patterns if pattern}
    if wanted & {"All", ".*", "*"}:
        return attributes
    prefixes = tuple(pattern[:-2] for pattern in wanted if pattern.endswith(".*"))
    return {name: value for name, value in attributes.items()
            if name in wanted or (prefixes and name.startswith(prefixes))}


def is_text(value: str) -> bool:
    """Whether a text can be written down: JSON may bring halves of a character."""
    return value.isascii() or not _SURROGATES.search(value)


def _check_attributes(attributes: Mapping[str, dict[str, Any]], kind: str = "user") -> None:
    if len(attributes) > limits.MESSAGE_ATTRIBUTES:
        raise InvalidParameterValueException(f"Number of message attributes [{len(attributes)}] exceeds the "
                                             f"allowed maximum [{limits.MESSAGE_ATTRIBUTES}].")
    for name, value in attributes.items():
        _check_name(name, kind)
        _check_value(f"Message ({kind}) attribute '{name}'", name, value, kind)


def _check_name(name: str, kind: str) -> None:
    if not name or len(name) > limits.ATTRIBUTE_NAME_LONGEST:
        raise InvalidParameterValueException(
            f"Message ({kind}) attribute names must be 1 to {limits.ATTRIBUTE_NAME_LONGEST} characters long.")
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidParameterValueException(
            f"Message ({kind}) attribute name '{name}' is invalid. It can only contain letters, digits, "
            "hyphens, underscores and periods, and no periods in succession.")
    if _RESERVED.match(name) or name.endswith("."):
        raise InvalidParameterValueException(
            f"Message ({kind}) attribute name '{name}' is invalid. It can't start with 'AWS.', 'Amazon.' or "
            "'.', nor end with '.'.")


def _check_value(subject: str, name: str, value: dict[str, Any], kind: str) -> None:
    data_type = value.get("DataType")
    if not data_type:
        raise InvalidParameterValueException(f"The message attribute '{name}' must contain non-empty message "
                                             "attribute type.")
    base, dot, label = data_type.partition(".")
    sound = len(data_type) <= limits.ATTRIBUTE_NAME_LONGEST and not _FORBIDDEN.search(data_type)
    if base not in _TYPES or (dot and not label) or not sound:
        raise InvalidParameterValueException(
            f"The type of message ({kind}) attribute '{name}' is invalid. You must use only the following "
            "supported type prefixes: Binary, Number, String.")
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise UnsupportedOperation("Message attribute list values in SendMessage operation are not "
                                   "supported.")
    member = "BinaryValue" if base == "Binary" else "StringValue"
    found = value.get(member)
    other = "StringValue" if base == "Binary" else "BinaryValue"
    if not found or value.get(other):
        raise InvalidParameterValueException(f"{subject} must contain a non-empty value of type '{base}'.")
    if isinstance(found, str) and _FORBIDDEN.search(found):
        raise InvalidParameterValueException(f"{subject} contains characters outside the allowed set.")
    if base == "Number" and not _NUMBER.fullmatch(found):
        raise InvalidParameterValueException(f"Can't cast the value of message ({kind}) attribute '{name}' "
                                             "to a number.")


def _size(name: str, value: dict[str, Any]) -> int:
    text, raw = value.get("StringValue") or "", value.get("BinaryValue") or b""
    return len(name.encode()) + len(value["DataType"].encode()) + len(text.encode()) + len(raw)
