"""FilterLogEvents: the events of many streams of a group as one, in order of time.

Streams are merged with a heap, and a stream is opened only when the merge reaches its first event, so
a search costs what lies in its range of time. Long searches run in several short transactions.
"""

import heapq
from collections.abc import Iterator
from typing import Any

import msgspec

from ...kernel import Call, Conversation
from . import expiry, limits
from .errors import InvalidParameterException
from .groups import need
from .patterns import Matcher, compile_pattern
from .records import Group, Line, Stream, event_id, lines
from .service import logs
from .streams import need_stream, since, starting

# Where a merge stands: time, time of ingestion, the stream's number, the event's number in it.
Position = tuple[int, int, int, int]
_AT_ONCE = 1_000  # events looked at in one transaction, so that others get their turn
_EVER = 1 << 62


class Search(msgspec.Struct, frozen=True):
    """What is looked for."""

    start_ms: int
    end_ms: int
    matcher: Matcher
    names: tuple[str, ...] = ()
    prefix: str = ""
    newest_first: bool = False


class Page(msgspec.Struct, frozen=True):
    """What a search has found so far, and how far it came."""

    events: list[dict[str, Any]]
    position: Position | None
    room: int = limits.MAX_PAGE_BYTES
    scanned: int = 0
    complete: bool = False


@logs.operation
async def filter_log_events(call: Conversation, log_group_name: str | None = None,
                            log_group_identifier: str | None = None,
                            log_stream_names: list[str] | None = None,
                            log_stream_name_prefix: str | None = None, start_time: int | None = None,
                            end_time: int | None = None, filter_pattern: str = "",
                            next_token: str | None = None, limit: int = limits.MAX_PAGE,
                            start_from_head: bool = True) -> dict[str, Any]:
    """Events of a group's streams that match a pattern, in order of time."""
    if log_stream_names and log_stream_name_prefix is not None:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefix are mutually exclusive.")
    if start_time is not None and end_time is not None and start_time > end_time:
        raise InvalidParameterException("startTime must be less than or equal to endTime.")
    newest_first, position = _read_token(next_token) if next_token else (not start_from_head, None)
    search = Search(start_time or 0, _EVER if end_time is None else end_time, compile_pattern(filter_pattern),
                    tuple(log_stream_names or ()), log_stream_name_prefix or "", newest_first)
    page = Page([], position)
    while not (page.complete or page.room <= 0 or len(page.events) >= limit
               or page.scanned >= limits.MAX_SCANNED):
        page = await call.transact(lambda call, page=page: _look(  # type: ignore[misc]
            call, need(call, log_group_name, log_group_identifier), search, page, limit))
    result: dict[str, Any] = {"events": page.events, "searchedLogStreams": []}
    if not page.complete and page.position:
        result["nextToken"] = _token(newest_first, page.position)
    return result


def _look(call: Call, group: Group, search: Search, page: Page, limit: int) -> Page:
    """The page with what one transaction adds to it."""
    events, room, scanned, position = [*page.events], page.room, 0, page.position
    for place, stream, line in _merged(call, group, search, page.position):
        if len(events) >= limit or room <= 0 or scanned >= _AT_ONCE:
            return Page(events, position, room, page.scanned + scanned)
        scanned, position = scanned + 1, place
        if search.matcher(line.message) is not None:
            room -= len(line.message.encode()) + limits.EVENT_OVERHEAD
            events.append({
                "logStreamName": stream.name, "timestamp": place[0], "message": line.message,
                "ingestionTime": line.ingested_ms, "eventId": event_id(place[0], stream.number, place[3])})
    return Page(events, position, room, page.scanned + scanned, complete=True)


def _merged(call: Call, group: Group, search: Search,
            position: Position | None) -> Iterator[tuple[Position, Stream, Line]]:
    """The events in the search's range, after ``position``, in its order."""
    sign = -1 if search.newest_first else 1
    heap: list[tuple[Position, int, Any]] = []
    start_ms = max(search.start_ms, expiry.cutoff_ms(call, group))
    by_number: dict[int, Stream] = {}
    for stream in _streams(call, group, search, start_ms):
        if not stream.ingested_ms or stream.first_ms > search.end_ms or stream.last_ms < start_ms:
            continue
        by_number[stream.number] = stream
        edge = stream.last_ms + 1 if search.newest_first else stream.first_ms
        heap.append(((sign * edge, 0, 0, 0), stream.number, None))
    heapq.heapify(heap)
    while heap:
        signed, number, entry = heapq.heappop(heap)
        if entry is None:
            events = _events(call, number, search, start_ms, position)
        else:
            place, line, events = entry
            yield place, by_number[number], line
        following = next(events, None)
        if following is not None:
            place, line = following
            signed = (sign * place[0], sign * place[1], sign * place[2], sign * place[3])
            heapq.heappush(heap, (signed, number, (place, line, events)))


def _events(call: Call, number: int, search: Search, start_ms: int,
            position: Position | None) -> Iterator[tuple[Position, Line]]:
    """One stream's events in the search's range, after ``position``, in its order."""
    if search.newest_first:
        edge = (search.end_ms, _EVER) if position is None else (position[0], _edge(number, position, _EVER))
    else:
        edge = (start_ms, 0) if position is None else (max(position[0], start_ms), _edge(number, position, 0))
    for key, line in lines.items(call, number, after=(number, *edge), reverse=search.newest_first):
        place = (int(key[1]), line.ingested_ms, number, int(key[2]))
        if not start_ms <= place[0] <= search.end_ms:
            break
        if position is None or (place < position if search.newest_first else place > position):
            yield place, line


def _edge(number: int, position: Position, otherwise: int) -> int:
    return position[3] if position[2] == number else otherwise


def _streams(call: Call, group: Group, search: Search, start_ms: int) -> Iterator[Stream]:
    if search.names:
        return iter([need_stream(call, group, name) for name in dict.fromkeys(search.names)])
    if search.prefix:
        return starting(call, group, search.prefix)
    return since(call, group, start_ms)


def _token(newest_first: bool, position: Position) -> str:
    return "-".join(("b" if newest_first else "f", *map(str, position)))


def _read_token(token: str) -> tuple[bool, Position]:
    kind, *parts = token.split("-")
    if kind not in ("f", "b") or len(parts) != 4 or not all(part.isdigit() for part in parts):
        raise InvalidParameterException("The specified nextToken is invalid.")
    moment, ingested, stream, number = map(int, parts)
    return kind == "b", (moment, ingested, stream, number)
