"""The history of an execution: an event for everything that happened, numbered, in order.

Events are written in the transaction of what they tell, and kept until the execution's retention is over.
"""

from typing import Any

import msgspec

from ....kernel import Call
from ....store import Table
from ..errors import InvalidParameterValueException
from ..limits import DURABLE_PAGE, DURABLE_PAGE_BYTES
from ..service import lambda_
from .executions import Execution, find
from .operations import Operation

Details = dict[str, Any]


class Event(msgspec.Struct):
    """One event; ``details`` as the API shows them."""

    type: str
    at_ms: int
    details: Details
    id: str = ""
    parent: str = ""
    name: str = ""
    sub_type: str = ""


events = Table("lambda.execution-events", Event)
_DATA = frozenset({"Input", "Result", "Error", "Reason"})


def note(call: Call, execution: Execution, type: str, operation: Operation | None = None,
         **details: Any) -> None:
    """Write an event. Who calls keeps the execution."""
    execution.events += 1
    event = Event(type, call.now_ms, {key: value for key, value in details.items() if value is not None})
    if operation is not None and operation.number:
        event.id, event.parent = operation.id, operation.parent
        event.name, event.sub_type = operation.name, operation.sub_type
    events.put(call, execution.id, execution.events, record=event)


def payload(value: Any) -> Details:
    """A result, an input or an error as an event has it."""
    return {} if value is None else {"Payload": value}


def outcome(result: str | None, error: Details | None, *, failed: bool) -> Details:
    """The details of something that ended."""
    return {"Error": payload(error)} if failed else {"Result": payload(result)}


@lambda_.operation
def get_durable_execution_history(
    call: Call,
    durable_execution_arn: str,
    include_execution_data: bool = True,
    max_items: int | None = None,
    marker: str | None = None,
    reverse_order: bool = False,
) -> Details:
    """What happened in an execution."""
    execution = find(call, durable_execution_arn)
    limit, after = max_items or DURABLE_PAGE, None
    if marker:
        if not (marker.isascii() and marker.isdigit() and len(marker) < 10):
            raise InvalidParameterValueException("Invalid Marker")
        after = (execution.id, int(marker))
    found: list[Details] = []
    size = 0
    for key, event in events.items(call, execution.id, after=after, reverse=reverse_order):
        one = _shown(int(key[1]), event, include_execution_data)
        size += len(str(one))
        if found and (len(found) == limit or size > DURABLE_PAGE_BYTES):
            return {"Events": found, "NextMarker": str(found[-1]["EventId"])}
        found.append(one)
    return {"Events": found}


def _shown(number: int, event: Event, whole: bool) -> Details:
    found: Details = {"EventType": event.type, "EventId": number, "EventTimestamp": event.at_ms / 1000}
    for key, value in (("Id", event.id), ("ParentId", event.parent), ("Name", event.name),
                       ("SubType", event.sub_type)):
        if value:
            found[key] = value
    found[f"{event.type}Details"] = {
        key: _enveloped(value, whole) if key in _DATA else value for key, value in event.details.items()}
    return found


def _enveloped(value: Details, whole: bool) -> Details:
    """A payload with its mark: it is left out where the data are not asked for."""
    if whole or not value:
        return value | {"Truncated": False}
    return {"Truncated": True}


def invoked(call: Call, execution: Execution, started_ms: int, request_id: str,
            error: Details | None) -> None:
    """Note that an invocation of the function is over. Who calls keeps the execution."""
    note(call, execution, "InvocationCompleted", StartTimestamp=started_ms / 1000,
         EndTimestamp=call.now_ms / 1000, RequestId=request_id, Error=payload(error) if error else None)
