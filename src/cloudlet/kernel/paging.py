"""Lists, a page at a time. A token is the name after which the next page begins, and what it is a list of.

Services differ in how much a page holds, in what they call the token, and in how they refuse one that is not
theirs.
"""

import base64
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..errors import AwsError

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         token: str | None, limit: int, refusal: AwsError, called: str = "NextToken") -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    shown: list[Any] = []
    last = ""
    for name, row in rows(_read(member, token, refusal)):
        if len(shown) == limit:
            return {member: shown, called: base64.urlsafe_b64encode(f"{member} {last}".encode()).decode()}
        shown.append(show(row))
        last = name
    return {member: shown}


def _read(member: str, token: str | None, refusal: AwsError) -> str:
    if not token:
        return ""
    try:
        about, _, name = base64.urlsafe_b64decode(token).decode().partition(" ")
    except ValueError:
        raise refusal from None
    if about != member or not name:
        raise refusal
    return name
