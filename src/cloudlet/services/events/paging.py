"""Lists, a page at a time. A token is the name after which the next page begins, and what it is a list of."""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...errors import ValidationException
from .limits import PAGE

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         next_token: str | None, limit: int | None) -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    most = min(limit or PAGE, PAGE)
    shown: list[Any] = []
    last = ""
    for name, row in rows(_read(member, next_token)):
        if len(shown) == most:
            return {member: shown, "NextToken": _token(member, last)}
        shown.append(show(row))
        last = name
    return {member: shown}


def _token(member: str, name: str) -> str:
    return base64.urlsafe_b64encode(f"{member} {name}".encode()).decode()


def _read(member: str, token: str | None) -> str:
    if not token:
        return ""
    try:
        about, _, name = base64.urlsafe_b64decode(token).decode().partition(" ")
    except ValueError:
        about, name = "", ""
    if about != member or not name:
        raise ValidationException("Parameter NextToken is not valid.")
    return name
