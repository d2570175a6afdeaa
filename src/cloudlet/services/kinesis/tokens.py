"""Tokens: places in lists and shards, given to clients to come back with. Nothing is kept of them here."""

import base64
import binascii
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
_FRONT = bytes(7) + b"\1"  # as AWS's begin
_encode = msgspec.msgpack.Encoder().encode


def token_of(place: Any) -> str:
    """A place as a text."""
    return base64.b64encode(_FRONT + _encode(place)).decode()


def place_of(text: str, kind: type[T]) -> T | None:
    """The place that a text says; None if it says none of that kind."""
    try:
        raw = base64.b64decode(text, validate=True)
        return msgspec.msgpack.decode(raw.removeprefix(_FRONT), type=kind) if raw.startswith(_FRONT) else None
    except (binascii.Error, msgspec.DecodeError, ValueError):
        return None
