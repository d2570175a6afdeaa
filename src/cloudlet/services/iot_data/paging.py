"""Lists, a page at a time. A token is the name after which the next page begins."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .errors import InvalidRequestException

T = TypeVar("T")


def page(member: str, rows: Iterable[tuple[str, T]], show: Callable[[T], Any], limit: int) -> dict[str, Any]:
    """An answer with up to ``limit`` of the rows, each of which has a name."""
    shown: list[Any] = []
    last = ""
    for name, row in rows:
        if len(shown) == limit:
            return {member: shown, "nextToken": base64.urlsafe_b64encode(last.encode()).decode()}
        shown.append(show(row))
        last = name
    return {member: shown}


def read(token: str | None) -> str:
    """The name that a token says; empty without one."""
    try:
        return base64.urlsafe_b64decode(token).decode() if token else ""
    except ValueError:
        raise InvalidRequestException("The nextToken is not one of this list.") from None
