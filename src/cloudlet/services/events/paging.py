"""Lists of EventBridge, a page at a time."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...errors import ValidationException
from ...kernel import paging
from .limits import PAGE

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         next_token: str | None, limit: int | None) -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    return paging.page(member, rows, show, next_token, min(limit or PAGE, PAGE),
                       ValidationException("Parameter NextToken is not valid."))
