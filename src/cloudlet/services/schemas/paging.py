"""Lists of the schema registry, a page at a time."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...kernel import paging
from .errors import bad
from .limits import PAGE

T = TypeVar("T")


def page(member: str, rows: Callable[[str], Iterable[tuple[str, T]]], show: Callable[[T], Any],
         next_token: str | None, limit: int | None) -> dict[str, Any]:
    """An answer with up to ``limit`` entries of what ``rows`` gives after a name (``""``: from the start)."""
    return paging.page(member, rows, show, next_token, min(max(limit or PAGE, 1), PAGE),
                       bad("The NextToken is not one that a list gave."))
