"""Events: written to a stream, and read from one."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ...kernel import Call
from . import expiry, forwarding, limits
from .errors import InvalidParameterException
from .groups import need
from .records import Group, Line, Stream, lines, streams
from .service import logs
from .streams import moved, need_stream

Place = tuple[int, int]  # an event's time, and its running number
Entry = tuple[int, int, Line]  # the same, and the event


def bell(group: str) -> str:
    """What rings when the group called ``group`` gets events."""
    return f"logs/{group}"


@logs.operation
def put_log_events(call: Call, log_group_name: str, log_stream_name: str,
                   log_events: list[dict[str, Any]]) -> dict[str, Any]:
    """Append events to a stream; those too old or too new are left out, and the answer says which."""
    size = _check(log_events)
    group = need(call, log_group_name)
    stream = need_stream(call, group, log_stream_name)
    kept, rejected = _acceptable(call, group, log_events)
    if kept:
        now, begin = call.now_ms, stream.next
        for event in kept:
            line = Line(event["message"], now)
            lines.put(call, stream.number, event["timestamp"], stream.next, record=line)
            stream.next += 1
        first, last = kept[0]["timestamp"], kept[-1]["timestamp"]
        moved(call, group, stream, max(last, stream.last_ms))
        stream.first_ms = min(first, stream.first_ms) if stream.ingested_ms else first
        stream.ingested_ms = now
        streams.put(call, group.number, stream.name, record=stream)
        size = size if kept is log_events else sum(map(_size, kept))
        expiry.count(call, group.number, stream.number, size)
        call.tx.ring(bell(group.name))
        if group.subscriptions:
            forwarding.forward(call, group, stream, begin, kept)
    result: dict[str, Any] = {"nextSequenceToken": f"{stream.number:018d}{stream.next:038d}"}
    return result | ({"rejectedLogEventsInfo": rejected} if rejected else {})


@logs.operation
def get_log_events(call: Call, log_stream_name: str, log_group_name: str | None = None,
                   log_group_identifier: str | None = None, start_time: int | None = None,
                   end_time: int | None = None, next_token: str | None = None, limit: int = limits.MAX_PAGE,
                   start_from_head: bool = False) -> dict[str, Any]:
    """A page of a stream's events, and the tokens of the pages before and after it."""
    group = need(call, log_group_name, log_group_identifier)
    stream = need_stream(call, group, log_stream_name)
    forward, place = _read_token(next_token) if next_token else (start_from_head, None)
    start_ms = max(start_time or 0, expiry.cutoff_ms(call, group))
    if forward:
        found = _forward(call, stream, max(place or (0, 0), (start_ms, 0)), end_time)
    else:
        found = _backward(call, stream, place or (None if end_time is None else (end_time, 0)), start_ms)
    page: list[Entry] = []
    room = limits.MAX_PAGE_BYTES
    for moment, number, line in found:
        room -= len(line.message.encode()) + limits.EVENT_OVERHEAD
        if page and room < 0:
            break
        page.append((moment, number, line))
        if len(page) == limit:
            break
    if not forward:
        page.reverse()
    first, last = (page[0][:2], page[-1][:2]) if page else (place or (0, 0), place or (0, 0))
    return {"events": [{"timestamp": moment, "message": line.message, "ingestionTime": line.ingested_ms}
                       for moment, _, line in page],
            "nextForwardToken": _token("f", last), "nextBackwardToken": _token("b", first)}


def _forward(call: Call, stream: Stream, after: Place, end_ms: int | None) -> Iterator[Entry]:
    for key, line in lines.items(call, stream.number, after=(stream.number, *after)):
        moment = int(key[1])
        if end_ms is not None and moment >= end_ms:
            break
        yield moment, int(key[2]), line


def _backward(call: Call, stream: Stream, before: Place | None, start_ms: int) -> Iterator[Entry]:
    edge = None if before is None else (stream.number, *before)
    for key, line in lines.items(call, stream.number, after=edge, reverse=True):
        moment = int(key[1])
        if moment < start_ms:
            break
        yield moment, int(key[2]), line


def _token(kind: str, place: Place) -> str:
    return f"{kind}/{place[0]:020d}{place[1]:036d}/s"


def _read_token(token: str) -> tuple[bool, Place]:
    kind, digits = token[:2], token[2:58]
    if kind not in ("f/", "b/") or len(digits) != 56 or not digits.isdigit():
        raise InvalidParameterException("The specified nextToken is invalid.")
    return kind == "f/", (int(digits[:20]), int(digits[20:]))


def _check(events: list[dict[str, Any]]) -> int:
    """Hold a batch against its limits; its size in bytes."""
    total = 0
    for event in events:
        size = _size(event)
        if size > limits.MAX_EVENT:
            raise InvalidParameterException(
                f"Log event too large: {size} bytes exceeds limit of {limits.MAX_EVENT}")
        total += size
    if total > limits.MAX_BATCH:
        raise InvalidParameterException(
            f"Upload too large: {total} bytes exceeds limit of {limits.MAX_BATCH}")
    if any(later["timestamp"] < earlier["timestamp"] for earlier, later in pairwise(events)):
        raise InvalidParameterException(
            "Log events in a single PutLogEvents request must be in chronological order.")
    if events[-1]["timestamp"] - events[0]["timestamp"] > limits.MAX_SPAN_MS:
        raise InvalidParameterException(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return total


def _size(event: dict[str, Any]) -> int:
    return len(event["message"].encode("utf-8", "surrogatepass")) + limits.EVENT_OVERHEAD


def _acceptable(call: Call, group: Group,
                events: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The events that can be kept, and what the answer says of the others. They are in order of time."""
    oldest, expired = call.now_ms - limits.MAX_AGE_MS, expiry.cutoff_ms(call, group)
    newest = call.now_ms + limits.MAX_AHEAD_MS
    if events[0]["timestamp"] >= max(oldest, expired) and events[-1]["timestamp"] <= newest:
        return events, {}
    rejected: dict[str, int] = {}
    start, stop = 0, len(events)
    for n, event in enumerate(events):
        moment = event["timestamp"]
        if moment < oldest:
            rejected["tooOldLogEventEndIndex"] = start = n + 1
        elif moment < expired:
            rejected["expiredLogEventEndIndex"] = start = n + 1
        elif moment > newest:
            rejected["tooNewLogEventStartIndex"] = stop = n
            break
    return events[start:stop], rejected
