"""StartLiveTail and TestMetricFilter: patterns on what arrives, and on what is given.

A tail follows the numbers of events, not their times, so an event that tells of an earlier moment is
seen as well. It sleeps until the group's bell rings, or a second has passed: as in AWS there is an update
each second, be it an empty one, and so a client that has gone away is noticed.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from ...kernel import Call, Conversation
from . import limits
from .errors import InvalidParameterException, SessionTimeoutException
from .events import bell
from .groups import arn_of, need
from .patterns import Matcher, compile_pattern
from .records import Group, Stream, lines, streams
from .service import logs

Seen = dict[int, int]  # by a stream's number, the number of the event that comes next


@logs.operation
async def start_live_tail(call: Conversation, log_group_identifiers: list[str],
                          log_stream_names: list[str] | None = None,
                          log_stream_name_prefixes: list[str] | None = None,
                          log_event_filter_pattern: str = "") -> dict[str, Any]:
    """Events as they arrive, for up to three hours."""
    if log_stream_names and log_stream_name_prefixes:
        raise InvalidParameterException("logStreamNames and logStreamNamePrefixes are mutually exclusive.")
    if (log_stream_names or log_stream_name_prefixes) and len(log_group_identifiers) > 1:
        raise InvalidParameterException("Log streams can be named for one log group only.")
    matcher = compile_pattern(log_event_filter_pattern)

    def wanted(stream: Stream) -> bool:
        if log_stream_names:
            return stream.name in log_stream_names
        return not log_stream_name_prefixes or stream.name.startswith(tuple(log_stream_name_prefixes))

    def begin(call: Call) -> tuple[list[Group], Seen]:
        groups = [need(call, identifier=one.removesuffix(":*")) for one in log_group_identifiers]
        return groups, {stream.number: stream.next for group in groups
                        for _, stream in streams.items(call, group.number)}

    groups, seen = await call.transact(begin)
    start = {"requestId": call.id, "sessionId": call.ids.uuid(), "logGroupIdentifiers": log_group_identifiers,
             "logStreamNames": log_stream_names or [],
             "logStreamNamePrefixes": log_stream_name_prefixes or [],
             "logEventFilterPattern": log_event_filter_pattern}

    async def session() -> AsyncIterator[dict[str, Any]]:
        deadline_ms = call.now_ms + limits.TAIL_SESSION_MS
        yield {"sessionStart": start}
        yield _update([])
        while True:
            news = await call.until(lambda call: _news(call, groups, seen, wanted) or None,
                                    *(bell(group.name) for group in groups),
                                    deadline_ms=min(deadline_ms, call.now_ms + limits.TAIL_PULSE_MS))
            if news is None:
                if call.now_ms >= deadline_ms:
                    raise SessionTimeoutException
                yield _update([])
                continue
            for number, following, _ in news:
                seen[number] = following
            events = [event for _, _, some in news for event in some if matcher(event["message"]) is not None]
            if events:
                yield _update(sorted(events, key=lambda event: int(event["timestamp"])))

    return {"responseStream": session()}


@logs.operation
def test_metric_filter(call: Call, filter_pattern: str, log_event_messages: list[str]) -> dict[str, Any]:
    """Which of the messages a pattern matches, and what it takes out of them."""
    matcher: Matcher = compile_pattern(filter_pattern)
    return {"matches": [{"eventNumber": number, "eventMessage": message, "extractedValues": values}
                        for number, message in enumerate(log_event_messages, 1)
                        if (values := matcher(message)) is not None]}


def _update(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sessionUpdate": {"sessionMetadata": {"sampled": len(events) > limits.TAIL_UPDATE},
                              "sessionResults": events[:limits.TAIL_UPDATE]}}


def _news(call: Call, groups: list[Group], seen: Seen,
          wanted: Callable[[Stream], bool]) -> list[tuple[int, int, list[dict[str, Any]]]]:
    """By stream that has new events: its number, the number that follows, and the events."""
    found = []
    for group in groups:
        arn = arn_of(call, group.name)
        for _, stream in streams.items(call, group.number):
            missing = stream.next - seen.get(stream.number, 1)
            if missing > 0:
                events = _newest(call, stream, missing, arn) if wanted(stream) else []
                found.append((stream.number, stream.next, events))
    return found


def _newest(call: Call, stream: Stream, missing: int, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for key, line in lines.items(call, stream.number, reverse=True):
        if int(key[2]) >= stream.next - missing:
            events.append({"logStreamName": stream.name, "logGroupIdentifier": arn.split(":", 4)[4].replace(
                "log-group:", "", 1), "message": line.message, "timestamp": int(key[1]),
                "ingestionTime": line.ingested_ms})
            if len(events) == missing:
                break
    events.reverse()
    return events
