"""Consumers: readers with a name, to each of which a shard's records are pushed at full speed."""

import msgspec

from ...fabric.shards import Stream
from ...kernel import Call
from ...store import Table
from .errors import ResourceNotFoundException
from .stream import arn_of, is_foreign, of_arn, permit, require


class Consumer(msgspec.Struct, frozen=True):
    """A registered consumer of a stream."""

    name: str
    made_ms: int
    tags: dict[str, str] = {}
    policy: str = ""


class Subscription(msgspec.Struct, frozen=True, array_like=True):
    """Who has records of a shard pushed to him now, and since when."""

    id: str
    since_ms: int


consumers = Table("kinesis.consumers", Consumer)  # by the stream's home and their name
subscriptions = Table("kinesis.subscriptions", Subscription)  # by home, consumer and shard


def bell(stream: Stream, consumer: Consumer) -> str:
    """What rings when somebody else subscribes, or the consumer is gone."""
    return f"kinesis/{stream.home}/{consumer.name}"


def of_stream(call: Call, stream: Stream) -> list[Consumer]:
    """The consumers of a stream by name: there are but a few."""
    return [one for _, one in consumers.items(call, stream.home)]


def forget(call: Call, stream: Stream, consumer: Consumer) -> None:
    """Let a consumer be no more; what is pushed to it ends."""
    consumers.delete(call, stream.home, consumer.name)
    for key, _ in list(subscriptions.items(call, stream.home, consumer.name)):
        subscriptions.delete(call, *key)
    call.tx.ring(bell(stream, consumer))


def consumer_arn(call: Call, stream: Stream, consumer: Consumer) -> str:
    """The ARN of a consumer, which names the moment it was made."""
    return f"{arn_of(call, stream.name)}/consumer/{consumer.name}:{consumer.made_ms // 1000}"


def is_consumer(arn: str) -> bool:
    """Whether an ARN is of a consumer."""
    return "/consumer/" in arn


def stream_arn(arn: str) -> str:
    """The ARN of the stream, of a stream's or a consumer's."""
    return arn.partition("/consumer/")[0]


def of_consumer_arn(call: Call, arn: str, action: str) -> tuple[Call, Stream, Consumer]:
    """The consumer an ARN means, its stream, and the call as seen from its account."""
    front, _, rest = arn.partition("/consumer/")
    there, name = of_arn(call, front)
    stream = require(there, name)
    found = consumers.get(there, stream.home, rest.partition(":")[0])
    if found is None or consumer_arn(there, stream, found) != arn:
        raise unregistered(there, stream, arn)
    if is_foreign(there):
        permit(there, arn, found.policy, action)
    return there, stream, found


def unregistered(call: Call, stream: Stream, arn: str) -> ResourceNotFoundException:
    """There is no such consumer (any more)."""
    return ResourceNotFoundException(f"Consumer {arn} under stream {stream.name} not found for account "
                                     f"{call.account}.")
