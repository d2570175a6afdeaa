"""SubscribeToShard: the records of a shard are pushed to a consumer as they come.

The answer is an event stream over HTTP/1.1. It sleeps until the shard's bell rings; if no record comes for
five seconds it sends an event without any, as AWS does, and so notices a client that has gone away.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from ...fabric.shards import Shard, Stream
from ...fabric.shards import bell as shard_bell
from ...kernel import Call, Conversation
from . import limits
from .consumer import (
    Consumer,
    Subscription,
    bell,
    consumer_arn,
    of_consumer_arn,
    subscriptions,
    unregistered,
)
from .errors import DryRunOperationException, ResourceInUseException
from .naming import children, shard_of
from .positions import position
from .reading import behind_ms, page, shown
from .sequence import sequence_number
from .service import kinesis, streams
from .stream import absent, horizon
from .throughput import Meter, over_ms

_RATE = limits.READS[1]  # of each consumer's own
_ENTRIES = 1000


class Session(NamedTuple):
    """A subscription and whose it is; ``account`` is the stream's."""

    id: str
    account: str
    stream: Stream
    consumer: Consumer
    shard: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it is written down."""
        return self.stream.home, self.consumer.name, self.shard

    def held(self, call: Call) -> ResourceInUseException:
        """Somebody else has it."""
        return ResourceInUseException("Another active subscription exists for this consumer: " + ":".join(
            (call.account, self.stream.name, self.shard, self.consumer.name)))


class News(NamedTuple):
    """An event, how far it leads, and how many bytes of records it brings."""

    event: dict[str, Any]
    after: int
    size: int
    ended: bool = False


@kinesis.operation
async def subscribe_to_shard(call: Conversation, consumer_arn: str, shard_id: str,
                             starting_position: dict[str, Any], dry_run: bool = False) -> dict[str, Any]:
    """Records as they come, for five minutes or until the shard ends."""
    session, after = await call.transact(
        lambda inner: _begin(inner, consumer_arn, shard_id, starting_position, dry_run))
    return {"EventStream": _events(call.elsewhere(account=session.account), session, after)}


def _begin(call: Call, arn: str, shard_id: str, start: dict[str, Any], dry_run: bool) -> tuple[Session, int]:
    """Take the subscription, if nobody has taken it just now: who had it before loses it."""
    there, stream, consumer = of_consumer_arn(call, arn, "SubscribeToShard")
    shard = shard_of(there, stream, shard_id)
    at: datetime | None = start.get("Timestamp")
    after = position(there, stream, shard, start["Type"], start.get("SequenceNumber"), at, "SubscribeToShard")
    session = Session(call.ids.uuid(), there.account, stream, consumer, shard.id)
    known = subscriptions.get(there, *session.key)
    if known and 0 <= call.now_ms - known.since_ms < limits.SUBSCRIPTION_HELD_MS:
        raise session.held(there)
    if dry_run:
        raise DryRunOperationException
    subscriptions.put(there, *session.key, record=Subscription(session.id, call.now_ms))
    call.tx.ring(bell(stream, consumer))
    return session, after


async def _events(call: Conversation, session: Session, after: int) -> AsyncIterator[dict[str, Any]]:
    stream, deadline_ms = session.stream, call.now_ms + limits.SUBSCRIPTION_MS
    bells = shard_bell(stream, session.shard), shard_bell(stream), bell(stream, session.consumer)
    spent = Meter(call.now_ms)
    while call.now_ms < deadline_ms:
        pulse_ms = min(deadline_ms, call.now_ms + limits.SUBSCRIPTION_PULSE_MS)
        news = await call.until(partial(_news, session=session, after=after), *bells, deadline_ms=pulse_ms)
        news = news or _quiet(session, after)
        yield {"SubscribeToShardEvent": news.event}
        if news.ended:
            return
        after = news.after
        spent = spent if call.now_ms < over_ms(spent, _RATE) else Meter(call.now_ms)
        spent = spent.and_one(news.size)
        if spent.size >= _RATE:
            await call.kernel.clock.sleep_until(min(over_ms(spent, _RATE), deadline_ms))


def _news(call: Call, session: Session, after: int) -> News | None:
    """What there is behind ``after``; None, if there is nothing yet."""
    stream, shard = _current(call, session)
    if shard is None:
        return News({"Records": [], "MillisBehindLatest": 0, "ChildShards": []}, after, 0, ended=True)
    after = max(after, horizon(call, stream, shard))
    entries, size = page(call, stream, shard, after, _ENTRIES, limits.EVENT_BYTES)
    after = entries[-1].number if entries else after
    ended = not shard.is_open and after >= shard.last
    if not entries and not ended:
        return None
    event: dict[str, Any] = {"Records": [shown(stream, entry) for entry in entries],
                             "MillisBehindLatest": behind_ms(call, stream, shard, after, entries)}
    if ended:  # without a number to go on from: there is nothing more
        subscriptions.delete(call, *session.key)
        return News(event | {"ChildShards": children(call, stream, shard)}, after, size, ended=True)
    return News(event | {"ContinuationSequenceNumber": sequence_number(stream, after)}, after, size)


def _quiet(session: Session, after: int) -> News:
    """An event that says that there is nothing."""
    return News({"Records": [], "ContinuationSequenceNumber": sequence_number(session.stream, after),
                 "MillisBehindLatest": 0}, after, 0)


def _current(call: Call, session: Session) -> tuple[Stream, Shard | None]:
    """The stream and the shard as they are now, as long as the subscription is not somebody else's."""
    stream, consumer = streams.find(call, session.stream.name), session.consumer
    if stream is None or stream.home != session.stream.home:
        raise absent(call, session.stream.name)
    held = subscriptions.get(call, *session.key)
    if held is None:
        raise unregistered(call, stream, consumer_arn(call, stream, consumer))
    if held.id != session.id:
        raise session.held(call)
    return stream, streams.shard(call, stream, session.shard)
