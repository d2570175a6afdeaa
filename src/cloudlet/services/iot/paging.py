"""Lists, a page at a time. A token is the name after which the next page begins."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .errors import InvalidRequestException
from .limits import PAGE

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         token: str | None, limit: int | None) -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    most = min(limit or PAGE, PAGE)
    shown: list[Any] = []
    last = ""
    for name, row in rows(_read(token)):
        if len(shown) == most:
            return {member: shown, "nextToken": base64.urlsafe_b64encode(last.encode()).decode()}
        shown.append(show(row))
        last = name
    return {member: shown}


def _read(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode() if token else ""
    except ValueError:
        raise InvalidRequestException("The nextToken is not one of this list.") from None
