"""Lists, a page at a time. A token is the names after which the next page begins."""

import base64

import msgspec

from ...errors import ValidationException


def token(*names: str) -> str:
    """What the next page is asked for with."""
    return base64.urlsafe_b64encode(msgspec.json.encode(names)).decode()


def read(text: str | None, parts: int) -> tuple[str, ...]:
    """The names in a token; empty ones if there is no token."""
    if not text:
        return ("",) * parts
    try:
        names = msgspec.json.decode(base64.urlsafe_b64decode(text), type=list[str])
    except ValueError:
        names = []
    if len(names) != parts:
        raise ValidationException("Invalid NextToken provided.")
    return tuple(names)
