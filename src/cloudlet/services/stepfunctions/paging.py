"""Pages of lists: a token is the key of the last row shown."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from ...store.keys import Key
from . import limits
from .errors import InvalidToken

R = TypeVar("R")


def page(name: str, rows: Iterable[tuple[Key, R]], limit: int | None, show: Callable[[R], dict[str, Any]], *,
         most: int = limits.PAGE) -> dict[str, Any]:
    """As many rows as fit, and the token of the next page if there are more."""
    limit = limit or most
    shown: list[dict[str, Any]] = []
    last: Key = ()
    for key, row in rows:
        if len(shown) == limit:
            return {name: shown, "nextToken": base64.urlsafe_b64encode(msgspec.msgpack.encode(last)).decode()}
        shown.append(show(row))
        last = key
    return {name: shown}


def after(token: str | None) -> Key | None:
    """The key after which a page begins."""
    if token is None:
        return None
    try:
        return tuple(msgspec.msgpack.decode(base64.urlsafe_b64decode(token.encode()), type=list[str | int]))
    except (ValueError, msgspec.DecodeError):
        raise InvalidToken from None
