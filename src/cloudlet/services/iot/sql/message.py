"""What a statement sees of a message: its payload, and what is known of how it came."""

from collections.abc import Callable
from typing import Any

import msgspec


class Message(msgspec.Struct):
    """One message on its way through the rules. ``principal`` is the id of who published it."""

    topic: str
    payload: bytes
    account: str
    at_ms: int
    uuid: Callable[[], str]
    random: Callable[[int], bytes]
    client_id: str = ""
    principal: str = ""
    source_ip: str = ""
    trace_id: str = ""
    properties: dict[str, str] = {}  # of MQTT 5: format_indicator, content_type, response_topic, …
    user_properties: list[tuple[str, str]] = []


class Facts(msgspec.Struct):
    """A message as one rule sees it: the topic without the rule's own prefix, and the version of its SQL."""

    message: Message
    topic: str
    version: str
    value: Any  # the payload as JSON says it, or UNDEFINED
