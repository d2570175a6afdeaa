"""Receipt handles: which message, and which time it was received.

A handle says where its message lies, so that nothing has to be looked up, and how often it had been
received, so that an older handle of the same message is known to be stale.
"""

import base64
import binascii
from typing import Annotated, NamedTuple

import msgspec

from .errors import ReceiptHandleIsInvalid
from .message import Message

Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]


class Receipt(msgspec.Struct, array_like=True, frozen=True):
    """What a handle says. ``at_ms`` is when a standard queue's message was to come back."""

    queue: str
    position: str
    sent_ms: Number
    at_ms: Number
    receives: Number
    received_ms: Number
    group: str = ""
    sequence: Number = 0


class Taken(NamedTuple):
    """What one receive came to: messages for the receiver, and those it would be too often for."""

    messages: list[tuple[Message, Receipt]]
    dead: list[Message]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Receipt).decode


def handle(receipt: Receipt) -> str:
    """The receipt as clients get it.

    >>> read("x", handle(Receipt("x", "p", 1, 2, 1, 1))).at_ms
    2
    """
    return base64.b64encode(_encode(receipt)).decode()


def read(queue_id: str, text: str) -> Receipt:
    """The receipt that a client gave back; an error if it is none of the queue's."""
    try:
        found = _decode(base64.b64decode(text, validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError):
        found = None
    if found is None or found.queue != queue_id:
        raise ReceiptHandleIsInvalid(f'The input receipt handle "{text}" is not a valid receipt handle.')
    return found
