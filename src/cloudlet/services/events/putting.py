"""PutEvents: events of customers' own, each of which may fail for itself."""

from datetime import datetime
from typing import Any

from ...errors import AwsError, ValidationException
from ...kernel import Call
from ...telemetry import Trace
from . import limits
from .dispatch import dispatch
from .errors import InvalidArgument, MalformedDetail, NotAuthorizedForSourceException, missing
from .event import Event, minified, moment
from .permissions import permit
from .records import DEFAULT, Bus, buses, place_of
from .service import events

Entry = dict[str, Any]
_TIME_BYTES = 14  # that a Time counts for, however it is written
_REQUIRED = ("Source", "DetailType", "Detail")
_LONGEST = {"Source": 256, "DetailType": 128}


@events.operation
def put_events(call: Call, entries: list[Entry]) -> dict[str, Any]:
    """Put up to ten events onto buses."""
    if sum(map(size_of, entries)) > limits.ENTRIES_BYTES:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    results: list[Entry] = []
    failed = 0
    for entry in entries:
        try:
            results.append({"EventId": _put(call, entry)})
        except AwsError as error:
            failed += 1
            results.append({"ErrorCode": error.code, "ErrorMessage": str(error)})
    return {"FailedEntryCount": failed, "Entries": results}


def size_of(entry: Entry) -> int:
    """The size of an entry as EventBridge counts it, in bytes.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    """
    size = _TIME_BYTES if entry.get("Time") is not None else 0
    for name in _REQUIRED:
        size += len((entry.get(name) or "").encode())
    return size + sum(len(resource.encode()) for resource in entry.get("Resources") or () if resource)


def _put(call: Call, entry: Entry) -> str:
    """Put one event, and give its id; a bus that is not there takes anything and does nothing."""
    for name in _REQUIRED:
        if not entry.get(name):
            raise missing(name)
        if len(entry[name]) > _LONGEST.get(name, 1 << 30):
            raise InvalidArgument(f"Parameter {name} is not valid. Reason: {name} can have at most "
                                  f"{_LONGEST[name]} characters.")
    source = entry["Source"]
    if source.startswith("aws."):
        raise NotAuthorizedForSourceException
    detail = minified(entry["Detail"])
    if detail is None:
        raise MalformedDetail
    there, name = place_of(call, entry.get("EventBusName"))
    bus = buses.get(there, name)
    if bus is not None or name == DEFAULT:
        bus = bus or Bus(DEFAULT, there.arn("event-bus/default", "events"), 0, 0)
        permit(there, bus, source, entry["DetailType"])
    id = call.ids.uuid()
    if bus is not None and bus.rules:
        event = Event(id, source, entry["DetailType"], call.principal.account or call.account, call.region,
                      _time(call, entry), detail, entry.get("Resources") or [], call.now_ms)
        dispatch(_traced(there, entry), bus, event)
    return id


def _time(call: Call, entry: Entry) -> str:
    given = entry.get("Time")
    return moment(round(given.timestamp() * 1000) if isinstance(given, datetime) else call.now_ms)


def _traced(call: Call, entry: Entry) -> Call:
    """The call in the trace that an entry brings along, if it brings one."""
    trace = Trace.parse(entry["TraceHeader"]) if entry.get("TraceHeader") else None
    if trace is not None:
        call = call.elsewhere()
        call.trace = trace
    return call
