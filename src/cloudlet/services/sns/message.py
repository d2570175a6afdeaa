"""What a message is: what may be in it, and how large it may be.

Sources: the API reference of Publish, and "Amazon SNS message attributes"
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
"""

import json
import re
from typing import Any

import msgspec

from . import limits
from .errors import InvalidParameterValueException, invalid

Attributes = dict[str, dict[str, Any]]  # as in the API: {"x": {"DataType": "String", "StringValue": "y"}}

_NAME = re.compile(r"[A-Za-z0-9_.\-]")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FIFO_ID = re.compile(rf"[!-~]{{1,{limits.FIFO_ID_LONGEST}}}")
_RESERVED = re.compile(r"(aws|amazon)\.", re.IGNORECASE)
_KNOWN = ("AWS.SNS.", "AWS.MM.", "AWS.XRay")  # reserved names that mean something to SNS
_TYPES = ("String", "Number", "Binary")


class Message(msgspec.Struct):
    """One published message. ``texts`` are those for single protocols, if they differ from ``text``."""

    id: str
    text: str
    at_ms: int
    texts: dict[str, str] = {}
    subject: str = ""
    attributes: Attributes = {}
    group: str = ""
    dedup: str = ""
    sequence: str = ""
    replay: str = ""  # of which replay this is a copy

    def text_for(self, protocol: str) -> str:
        """What subscribers of that protocol get."""
        return self.texts.get(protocol, self.text)


def draft(message: str, subject: str | None, structure: str | None, attributes: Attributes | None,
          group: str | None, dedup: str | None) -> tuple[Message, int]:
    """Check what is to be published; a message that has no id yet, and its size in bytes."""
    if not message:
        raise invalid("Empty message")
    if _UNSPEAKABLE.search(message):
        raise invalid("Message", "it has characters that can't be sent")
    if subject is not None and (not 0 < len(subject) <= limits.SUBJECT_LONGEST or _CONTROL.search(subject)):
        raise invalid("Subject")
    found = Message("", message, 0, subject=subject or "", attributes=attributes or {}, group=group or "",
                    dedup=dedup or "")
    if structure == "json":
        found.texts = _texts(message)
        found.text = found.texts["default"]
    elif structure:
        raise invalid("MessageStructure")
    for name, value in found.attributes.items():
        _check_name(name)
        _check_value(name, value)
    for parameter, id in (("MessageGroupId", group), ("MessageDeduplicationId", dedup)):
        if id is not None and not _FIFO_ID.fullmatch(id):
            raise invalid(parameter, f"{parameter} can only include alphanumeric and punctuation characters. "
                                     "1 to 128 in length")
    return found, len(message.encode()) + sum(_size(name, value) for name, value in found.attributes.items())


def _texts(message: str) -> dict[str, str]:
    """The texts of a message for several protocols; what is no text counts as not said."""
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key is there twice")
        return dict(pairs)

    try:
        document = json.loads(message, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise invalid("Message Structure - JSON message body failed to parse") from None
    texts = {name: text for name, text in document.items() if isinstance(text, str)} if isinstance(
        document, dict) else {}
    if any(_UNSPEAKABLE.search(text) for text in texts.values()):
        raise invalid("Message Structure - JSON message body failed to parse")
    if "default" not in texts:
        raise invalid("Message Structure - No default entry in JSON message body")
    return texts


def _check_name(name: str) -> None:
    def refuse(reason: str) -> InvalidParameterValueException:
        return InvalidParameterValueException(reason)

    if len(name.encode("utf-8", "replace")) > limits.ATTRIBUTE_NAME_BYTES:
        raise refuse("Length of message attribute name must be less than "
                     f"{limits.ATTRIBUTE_NAME_BYTES} bytes.")
    for character in name:
        if not _NAME.match(character):
            raise refuse(f"Invalid non-alphanumeric character '#x{ord(character):X}' was found in the "
                         "message attribute name. Can only include alphanumeric characters, hyphens, "
                         "underscores, or dots.")
    if not name or name[0] == ".":
        raise refuse("Invalid message attribute name starting with character '.' was found.")
    if name[-1] == ".":
        raise refuse("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise refuse("Message attribute name can not have successive '.' character.")
    if _RESERVED.match(name) and not name.startswith(_KNOWN):
        raise refuse(f"The message attribute name '{name}' is reserved: it can't start with AWS. or Amazon.")


def _check_value(name: str, value: dict[str, Any]) -> None:
    def refuse(reason: str) -> InvalidParameterValueException:
        return InvalidParameterValueException(f"The message attribute '{name}' {reason}")

    data_type = value["DataType"]
    base, dot, label = data_type.partition(".")
    if base not in _TYPES or (dot and not label) or _UNSPEAKABLE.search(data_type):
        raise refuse("has an invalid message attribute type, the set of supported type prefixes is Binary, "
                     "Number, and String.")
    field = "Binary" if base == "Binary" else "String"
    found = value.get(f"{field}Value")
    other = value.get("StringValue" if field == "Binary" else "BinaryValue")
    if found is None and other is not None:
        raise refuse(f"with type '{data_type}' must use field '{field}'.")
    if not found:
        raise refuse(f"must contain non-empty message attribute value for message attribute type "
                     f"'{data_type}'.")
    if field == "String" and _UNSPEAKABLE.search(found):
        raise InvalidParameterValueException("Invalid attribute value was passed in for message attribute")
    if base == "Number" and not dot and not _NUMBER.fullmatch(found):
        raise InvalidParameterValueException(
            f"Could not cast message attribute '{name}' value to number.")


def _size(name: str, value: dict[str, Any]) -> int:
    text = value.get("StringValue")
    size = len(value.get("BinaryValue") or b"") if text is None else len(text.encode())
    return len(name.encode()) + len(value["DataType"].encode()) + size
