"""Histories: what happened in an execution, appended step by step and read in both directions.

A row holds the events of one step, up to a few dozen, under the id of the last of them: a step of many
states costs one row, and where to read on from is a seek.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from ...workflow.records import Recorded
from . import limits
from .errors import InvalidToken
from .records import Execution, find_execution
from .service import stepfunctions

_AT_ONCE = 64  # events in a row
_AT_ONCE_BYTES = 100_000
_DATA = frozenset(("input", "output", "inputDetails", "outputDetails", "assignedVariables",
                   "assignedVariablesDetails"))


class Page(msgspec.Struct, array_like=True):
    """Events that follow one another."""

    events: list[Recorded]


_pages = Table("states.history", Page)  # execution, the id of the last event


@stepfunctions.operation
def get_execution_history(call: Call, execution_arn: str, max_results: int | None = None,
                          reverse_order: bool = False, next_token: str | None = None,
                          include_execution_data: bool = True) -> dict[str, Any]:
    """What happened in an execution, the oldest first or the newest."""
    record = find_execution(call, execution_arn)
    limit = max_results or limits.PAGE
    found: list[Recorded] = []
    for event in (_backward if reverse_order else _forward)(call, record.id, _place(next_token)):
        if len(found) == limit:
            return {"events": [shown(one, include_execution_data) for one in found],
                    "nextToken": f"{event.id:016x}"}
        found.append(event)
    return {"events": [shown(one, include_execution_data) for one in found]}


def append(call: Call, run: str, events: list[Recorded]) -> None:
    """Add the events of a step."""
    page: list[Recorded] = []
    size = 0
    for event in events:
        details = event.details or {}
        size += 100 + len(details.get("input", "")) + len(details.get("output", ""))
        page.append(event)
        if len(page) == _AT_ONCE or size > _AT_ONCE_BYTES:
            _pages.put(call, run, event.id, record=Page(page))
            page, size = [], 0
    if page:
        _pages.put(call, run, page[-1].id, record=Page(page))


def first(call: Call, record: Execution) -> Recorded:
    """The event by which an execution started."""
    return next(_forward(call, record.id, 0))


def last(call: Call, record: Execution) -> Recorded:
    """The newest event."""
    return next(_backward(call, record.id, 0))


def forget(call: Call, run: str) -> None:
    """Forget a history."""
    for key, _ in list(_pages.items(call, run)):
        _pages.delete(call, *key)


def shown(event: Recorded, data: bool = True) -> dict[str, Any]:
    """An event as the API has it."""
    found: dict[str, Any] = {"timestamp": event.at_ms / 1000, "type": event.type, "id": event.id,
             "previousEventId": event.previous}
    if event.details is not None:
        details = event.details
        found[event.member] = details if data else {
            name: value for name, value in details.items() if name not in _DATA}
    return found


def _forward(call: Call, run: str, place: int) -> Iterator[Recorded]:
    for _, page in _pages.items(call, run, after=(run, place - 1) if place else None):
        yield from (event for event in page.events if event.id >= place)


def _backward(call: Call, run: str, place: int) -> Iterator[Recorded]:
    edge = None
    if place:
        for key, page in _pages.items(call, run, after=(run, place - 1), limit=1):
            edge = key
            yield from (event for event in reversed(page.events) if event.id <= place)
    for _, page in _pages.items(call, run, after=edge, reverse=True):
        yield from reversed(page.events)


def _place(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(token, 16) if len(token) == 16 else _refuse()
    except ValueError:
        return _refuse()


def _refuse() -> int:
    raise InvalidToken
