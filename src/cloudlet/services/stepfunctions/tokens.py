"""Task tokens: by which somebody outside answers for a strand that waits.

A token names the wait itself, so nothing is kept for it. The execution's id in it, which is never shown, is
what makes it hard to guess.
"""

import base64
import binascii

import msgspec

from ...kernel import Call
from .errors import InvalidToken
from .records import Execution

_encode = msgspec.msgpack.Encoder().encode


class Wait(msgspec.Struct, array_like=True, frozen=True):
    """One wait of one strand."""

    account: str
    region: str
    machine: str
    name: str
    run: str
    strand: int
    ticket: int


_decode = msgspec.msgpack.Decoder(Wait).decode


def token_of(call: Call, record: Execution, strand: int, ticket: int) -> str:
    """The token of a wait."""
    wait = Wait(call.account, call.region, record.machine, record.name, record.id, strand, ticket)
    return base64.urlsafe_b64encode(_encode(wait)).decode()


def read(token: str) -> Wait:
    """The wait that a token is for."""
    try:
        return _decode(base64.b64decode(token.encode(), b"-_", validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeEncodeError, ValueError):
        raise InvalidToken from None
