"""What must hold of an item before it is written."""

from collections.abc import Mapping
from typing import Any

from . import legacy
from .conditions import NO_ITEM, holds
from .errors import ConditionalCheckFailedException
from .grammar import condition
from .placeholders import Placeholders
from .rows import Row
from .syntax import Condition


def guard_of(expression: str | None, holders: Placeholders, expected: Mapping[str, Any] | None = None,
             operator: str | None = None) -> Condition | None:
    """The condition that a request states, in whichever of the two ways."""
    if expression is not None:
        return condition(expression, holders)
    return legacy.expected(expected, operator)


def check(guard: Condition | None, row: Row | None, show: str | None = None) -> None:
    """Refuse unless the guard holds; ``show`` ALL_OLD puts the item in the refusal."""
    if guard is None or holds(guard, row.item if row else NO_ITEM):
        return
    if show == "ALL_OLD" and row:
        raise ConditionalCheckFailedException(Item=row.item)
    raise ConditionalCheckFailedException
