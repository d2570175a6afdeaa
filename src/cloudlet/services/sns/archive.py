"""The archive of a FIFO topic, and its replay to a subscription.

A message is archived in the transaction that publishes it. A replay is a cursor through the archive; as long
as it runs the subscription gets nothing else, so the order holds, and the transaction that finds no more
hands over to what is published next. With an end it stays with what was replayed, as on AWS.
Source: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-archiving-replay.html
"""

import json
from datetime import datetime

import msgspec

from ...fabric import timers
from ...kernel import Call
from ...store import Table
from . import dispatch, fifo
from .errors import InvalidParameterException
from .message import Message
from .notices import Notice
from .records import Subscription, Topic, keep, subscriptions, topics
from .service import sns

_DAY_MS = 24 * 3600 * 1000
_AT_ONCE = 50
_END = 1 << 62

_archive = Table("sns.archive", Message)  # by topic, era, moment, number


class Span(msgspec.Struct, frozen=True):
    """What is to be replayed, in milliseconds; ``end_ms`` 0 is no end."""

    start_ms: int
    end_ms: int


def era_of(topic: Topic) -> int:
    """Since when the topic archives without a break; 0 if it does not."""
    return topic.archived_since_ms if topic.archive else 0


def add(call: Call, topic: Topic, message: Message) -> None:
    """Archive a message, if the topic archives."""
    era = era_of(topic)
    if not era:
        return
    if next(_archive.items(call, topic.name, era, limit=1), None) is None:
        _watch(call, topic.name, era, call.now_ms + topic.retention_days * _DAY_MS)
    _archive.put(call, topic.name, era, message.at_ms, message.sequence, record=message)


def forget(call: Call, name: str, era: int) -> None:
    """The topic archives no more: clear what it kept, in the background."""
    _clear_later(call, name, era)


def start(call: Call, topic: Topic, subscription: Subscription, text: str, say: str) -> None:
    """Begin (or with an empty text end) the replay of ``subscription``, which the caller saves."""
    subscription.replay_id = ""
    if not text or text.strip() == "{}":
        subscription.replay, subscription.replay_status, subscription.held = "", "", False
        return
    span = _span(topic, text, say)
    subscription.replay, subscription.replay_status, subscription.held = text, "Pending", True
    subscription.replay_id = call.ids.hex(16)
    _go_on(call, subscription, max(span.start_ms - 1, 0), "~")


@sns.task
def replay(call: Call, topic: str, subscription: str, replay_id: str, after_ms: int, after: str) -> None:
    """Deliver the next messages after a moment and a number."""
    found, one = topics.get(call, topic), subscriptions.get(call, topic, subscription)
    if found is None or one is None or one.replay_id != replay_id:
        return
    old = msgspec.structs.replace(one)
    era, oldest_ms = era_of(found), call.now_ms - found.retention_days * _DAY_MS
    span = _span(found, one.replay, "") if era else Span(0, 1)
    cursor = (topic, era, max(after_ms, oldest_ms), after)
    last_ms = span.end_ms or _END
    page = [message for _, message in _archive.items(call, topic, era, after=cursor, limit=_AT_ONCE)
            if message.at_ms <= last_ms]
    one.replay_status = "In progress"
    for message in page:
        message.replay = replay_id
        notice = Notice(call, found, message)
        if notice.passes(one):
            dispatch.hand_over(call, found, one, notice)
    if len(page) == _AT_ONCE:
        _go_on(call, one, page[-1].at_ms, page[-1].sequence)
    else:
        fifo.hold_off_publishers(call, found)
        one.replay_status = "Completed" if era else "Failed"
        one.held = bool(span.end_ms)
    keep(call, old, one)


@sns.task
def trim(call: Call, name: str, era: int) -> None:
    """Forget what is past its retention, and come again when more will be."""
    topic = topics.get(call, name)
    if topic is None or era_of(topic) != era:
        return
    span_ms = topic.retention_days * _DAY_MS
    for key, message in list(_archive.items(call, name, era, limit=_AT_ONCE)):
        if message.at_ms + span_ms > call.now_ms:
            _watch(call, name, era, message.at_ms + span_ms)
            return
        _archive.delete(call, *key)
    if next(_archive.items(call, name, era, limit=1), None) is not None:
        _watch(call, name, era, call.now_ms)


@sns.task
def clear(call: Call, name: str, era: int) -> None:
    """Forget an era that is over, some at a time."""
    page = list(_archive.items(call, name, era, limit=_AT_ONCE))
    for key, _ in page:
        _archive.delete(call, *key)
    if page:
        _clear_later(call, name, era)


def _watch(call: Call, name: str, era: int, at_ms: int) -> None:
    id = f"sns/trim/{call.arn(name)}/{era}/{at_ms}"
    timers.schedule(call, trim, at_ms=at_ms, id=id, name=name, era=era)


def _clear_later(call: Call, name: str, era: int) -> None:
    id = f"sns/clear/{call.arn(name)}/{era}/{call.ids.hex(8)}"
    timers.schedule(call, clear, at_ms=call.now_ms, id=id, name=name, era=era)


def _go_on(call: Call, one: Subscription, after_ms: int, after: str) -> None:
    timers.schedule(call, replay, at_ms=call.now_ms, id=f"sns/replay/{one.arn}/{one.replay_id}/{after}",
                    topic=one.topic, subscription=one.id, replay_id=one.replay_id, after_ms=after_ms,
                    after=after)


def _span(topic: Topic, text: str, say: str) -> Span:
    """What a ReplayPolicy asks for."""
    def refuse(reason: str) -> InvalidParameterException:
        return InvalidParameterException(f"Invalid parameter: {say}ReplayPolicy: {reason}")

    if not era_of(topic):
        raise refuse("the topic has no ArchivePolicy")
    try:
        document = json.loads(text)
        given = {name: document.pop(name, "") for name in ("PointType", "StartingPoint", "EndingPoint")}
        start_ms = _moment_ms(given["StartingPoint"])
        end_ms = _moment_ms(given["EndingPoint"]) if given["EndingPoint"] else 0
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError):
        raise refuse("StartingPoint and EndingPoint must be like 2026-01-31T10:00:00.000Z") from None
    if document or given["PointType"] != "Timestamp":
        raise refuse("PointType must be Timestamp, and there is nothing else to say")
    if end_ms and end_ms <= start_ms:
        raise refuse("EndingPoint must be after StartingPoint")
    return Span(start_ms, end_ms)


def _moment_ms(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round(moment.timestamp() * 1000)
