"""Log streams."""

from collections.abc import Iterator
from typing import Any

from ...kernel import Call
from . import expiry, limits
from .errors import InvalidParameterException, ResourceAlreadyExistsException, ResourceNotFoundException
from .groups import arn_of, need
from .records import MINUTE_MS, Group, Mark, Stream, recent, streams
from .service import logs


def need_stream(call: Call, group: Group, name: str) -> Stream:
    """The stream called ``name``."""
    stream = streams.get(call, group.number, name)
    if stream is None:
        raise ResourceNotFoundException("The specified log stream does not exist.")
    return stream


def starting(call: Call, group: Group, prefix: str, after: str | None = None) -> Iterator[Stream]:
    """Streams whose name starts with ``prefix``, in order of names, those after ``after`` only."""
    if after is None and prefix and (exact := streams.get(call, group.number, prefix)):
        yield exact
    edge = prefix if after is None else after
    for (_, name), stream in streams.items(call, group.number, after=(group.number, edge) if edge else None):
        if not str(name).startswith(prefix):
            break
        yield stream


def since(call: Call, group: Group, start_ms: int) -> Iterator[Stream]:
    """Streams whose last event may be at ``start_ms`` or later."""
    for key, _ in recent.items(call, group.number, after=(group.number, start_ms // MINUTE_MS)):
        stream = streams.get(call, group.number, key[2])
        if stream is not None and stream.last_ms >= start_ms:
            yield stream


def moved(call: Call, group: Group, stream: Stream, last_ms: int) -> None:
    """The last event of ``stream`` is now at ``last_ms``; the caller writes the stream itself."""
    before, now = stream.last_ms // MINUTE_MS, last_ms // MINUTE_MS
    if before != now or not stream.ingested_ms:
        if stream.ingested_ms:
            recent.delete(call, group.number, before, stream.name)
        recent.put(call, group.number, now, stream.name, record=Mark())
    stream.last_ms = last_ms


@logs.operation
def create_log_stream(call: Call, log_group_name: str, log_stream_name: str) -> dict[str, Any]:
    """Make a stream."""
    group = need(call, log_group_name)
    if streams.get(call, group.number, log_stream_name) is not None:
        raise ResourceAlreadyExistsException("The specified log stream already exists")
    number = int.from_bytes(call.ids.bytes(8), "big") >> 5
    streams.put(call, group.number, log_stream_name, record=Stream(log_stream_name, number, call.now_ms))
    return {}


@logs.operation
def delete_log_stream(call: Call, log_group_name: str, log_stream_name: str) -> dict[str, Any]:
    """Remove a stream and its events."""
    group = need(call, log_group_name)
    stream = need_stream(call, group, log_stream_name)
    streams.delete(call, group.number, stream.name)
    if stream.ingested_ms:
        recent.delete(call, group.number, stream.last_ms // MINUTE_MS, stream.name)
        expiry.clear_stream(call, group.number, stream.number)
    return {}


@logs.operation
def describe_log_streams(call: Call, log_group_name: str | None = None,
                         log_group_identifier: str | None = None, log_stream_name_prefix: str | None = None,
                         order_by: str = "LogStreamName", descending: bool = False,
                         next_token: str | None = None,
                         limit: int = limits.MAX_LISTED) -> dict[str, Any]:
    """Streams by name, or by the time of their last event."""
    group = need(call, log_group_name, log_group_identifier)
    if order_by == "LastEventTime":
        if log_stream_name_prefix is not None:
            raise InvalidParameterException("Cannot order by LastEventTime with a logStreamNamePrefix.")
        found = _by_time(call, group, descending, next_token)
    else:
        found = _by_name(call, group, log_stream_name_prefix or "", descending, next_token)
    page: list[Stream] = []
    for stream in found:
        if len(page) == limit:
            last = page[-1]
            token = f"{last.last_ms:d}/{last.name}" if order_by == "LastEventTime" else last.name
            return {"logStreams": [_described(call, group, one) for one in page], "nextToken": token}
        page.append(stream)
    return {"logStreams": [_described(call, group, one) for one in page]}


def _by_name(call: Call, group: Group, prefix: str, descending: bool, token: str | None) -> Iterator[Stream]:
    if not descending:
        yield from starting(call, group, prefix, token)
        return
    edge = token if token is not None else prefix + "\U0010ffff"
    for (_, name), stream in streams.items(call, group.number, after=(group.number, edge), reverse=True):
        if not str(name).startswith(prefix):
            break
        yield stream


def _by_time(call: Call, group: Group, descending: bool, token: str | None) -> Iterator[Stream]:
    """The index is exact to the minute: what it holds under one minute is put in order here.

    Streams that never had an event come before all others.
    """
    sign = -1 if descending else 1
    after = _position(token) if token else None
    if not descending and (after is None or after[0] == 0):
        yield from (stream for stream in starting(call, group, "", after[1] if after else None)
                    if not stream.ingested_ms)
        after = None
    edge = None if after is None else (group.number, after[0] // MINUTE_MS + (1 if descending else 0))
    minute, together = -1, list[Stream]()
    for key, _ in recent.items(call, group.number, after=edge, reverse=descending):
        if key[1] != minute:
            yield from _in_order(together, sign, after)
            minute, together = int(key[1]), []
        stream = streams.get(call, group.number, key[2])
        if stream is not None:
            together.append(stream)
    yield from _in_order(together, sign, after)
    if descending:
        names = after[1] if after and after[0] == 0 else None
        yield from (stream for stream in starting(call, group, "", names) if not stream.ingested_ms)


def _in_order(together: list[Stream], sign: int, after: tuple[int, str] | None) -> Iterator[Stream]:
    for stream in sorted(together, key=lambda one: (sign * one.last_ms, one.name)):
        if after is None or (sign * stream.last_ms, stream.name) > (sign * after[0], after[1]):
            yield stream


def _position(token: str) -> tuple[int, str]:
    moment, _, name = token.partition("/")
    if not moment.isdigit():
        raise InvalidParameterException("The specified nextToken is invalid.")
    return int(moment), name


def _described(call: Call, group: Group, stream: Stream) -> dict[str, Any]:
    found: dict[str, Any] = {
        "logStreamName": stream.name, "creationTime": stream.created_ms, "storedBytes": 0,
        "arn": f"{arn_of(call, group.name)}:log-stream:{stream.name}"}
    if stream.ingested_ms:
        found |= {"firstEventTimestamp": stream.first_ms, "lastEventTimestamp": stream.last_ms,
                  "lastIngestionTime": stream.ingested_ms,
                  "uploadSequenceToken": f"{stream.number:018d}{stream.next:038d}"}
    return found
