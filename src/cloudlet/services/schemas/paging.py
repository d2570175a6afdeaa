"""Lists, a page at a time. A token is the name after which the next page begins."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from .errors import bad
from .limits import PAGE

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         next_token: str | None, limit: int | None) -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    most = min(max(limit or PAGE, 1), PAGE)
    shown: list[Any] = []
    last = ""
    for name, row in rows(_read(next_token)):
        if len(shown) == most:
            return {member: shown, "NextToken": base64.urlsafe_b64encode(last.encode()).decode()}
        shown.append(show(row))
        last = name
    return {member: shown}


def _read(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode() if token else ""
    except ValueError:
        raise bad("The NextToken is not one that a list gave.") from None
