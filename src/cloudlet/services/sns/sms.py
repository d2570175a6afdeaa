"""Text messages: they go to the outbox. No number has ever opted out here, and there is no sandbox.

What an account sets for its text messages is kept in its region; those settings that are about money and
about reports change nothing here and are refused.
"""

import re
from typing import Any

import msgspec

from ...errors import NotHonoured
from ...fabric import outbox
from ...fabric.outbox import Letter
from ...kernel import Call
from ...store import Table
from . import limits
from .errors import InvalidParameterException, invalid
from .message import Attributes
from .records import Topic
from .service import sns

_NUMBER = re.compile(r"\+?[0-9]+(?:[-/.][0-9]+)*")  # AWS takes +1-555-0100, too
_E164 = re.compile(r"\+?[0-9]{4,15}")
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")
_TYPES = ("Promotional", "Transactional")
_MONEY = ("MonthlySpendLimit", "DeliveryStatusIAMRole", "DeliveryStatusSuccessSamplingRate",
          "UsageReportS3Bucket")
_SENDER, _ORIGIN, _TYPE = "AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber", "AWS.SNS.SMS.SMSType"


class Settings(msgspec.Struct):
    """What an account has set for its text messages."""

    attributes: dict[str, str] = {}


_settings = Table("sns.sms", Settings)


@sns.operation
def set_sms_attributes(call: Call, attributes: dict[str, str]) -> dict[str, Any]:
    """Set defaults of text messages: who they are from, and of which type they are."""
    for name, value in attributes.items():
        if name in _MONEY:
            raise NotHonoured(f"cloudlet sends no text messages and bills none, so it refuses {name} rather "
                              "than ignore it.")
        if name not in ("DefaultSenderID", "DefaultSMSType"):
            raise InvalidParameterException(f"{name} is not a valid attribute")
        if name == "DefaultSenderID" and not _SENDER_ID.fullmatch(value):
            raise InvalidParameterException("DefaultSendID is not a valid attribute")
        if name == "DefaultSMSType" and value not in _TYPES:
            raise InvalidParameterException("DefaultSMSType is invalid")
    _settings.put(call, record=Settings(_of(call) | attributes))
    return {}


@sns.operation
def get_sms_attributes(call: Call, attributes: list[str] | None = None) -> dict[str, Any]:
    """The defaults of text messages that are set, all of them or those asked for."""
    wanted = attributes or _of(call)
    return {"attributes": {name: value for name, value in _of(call).items() if name in wanted}}


@sns.operation
def check_if_phone_number_is_opted_out(call: Call, phone_number: str) -> dict[str, Any]:
    """Whether a number wants no text messages: none has said so."""
    _check(phone_number)
    return {"isOptedOut": False}


@sns.operation
def list_phone_numbers_opted_out(call: Call, next_token: str | None = None) -> dict[str, Any]:
    """The numbers that want no text messages: there are none."""
    return {"phoneNumbers": []}


@sns.operation
def opt_in_phone_number(call: Call, phone_number: str) -> dict[str, Any]:
    """Let a number have text messages again, which here it always may."""
    _check(phone_number)
    return {}


@sns.operation
def get_sms_sandbox_account_status(call: Call) -> dict[str, Any]:
    """Whether only verified numbers get text messages: here any does."""
    return {"IsInSandbox": False}


def is_endpoint(number: str) -> bool:
    """Whether a subscription may have that number."""
    return _NUMBER.fullmatch(number) is not None


def is_number(number: str) -> bool:
    """Whether a message can be published to that number."""
    return _E164.fullmatch(number) is not None


def write(call: Call, number: str, body: str, attributes: Attributes, topic: Topic | None = None) -> None:
    """Write a text message; one of a topic begins with its display name."""
    own = _of(call)
    defaults = {_SENDER: own.get("DefaultSenderID", ""), _TYPE: own.get("DefaultSMSType", _TYPES[0])}
    said = {name: str(value["StringValue"]) for name, value in attributes.items() if name.startswith("AWS.")
            and value.get("StringValue")}
    headers = {name: value for name, value in (defaults | said).items() if value}
    body = body[:limits.SMS_CHARACTERS]
    shown = f"{topic.display_name}> {body}" if topic and topic.display_name else body
    sender = headers.get(_SENDER) or headers.get(_ORIGIN, "")
    source = topic.arn if topic else ""
    outbox.post(call, Letter("sms", number, sender, "", shown, call.now_ms, source, headers))


def _of(call: Call) -> dict[str, str]:
    return (_settings.get(call) or Settings()).attributes


def _check(number: str) -> None:
    if not is_number(number):
        raise invalid("PhoneNumber", "input incorrectly formatted")
