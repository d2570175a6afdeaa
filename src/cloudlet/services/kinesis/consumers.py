"""Registered consumers: who is one, who is one no more. Each is ACTIVE when its registration is answered."""

from datetime import datetime
from typing import Any

import msgspec

from ...fabric.shards import Stream
from ...kernel import Call
from . import consumer, limits
from .consumer import Consumer, consumer_arn, consumers
from .errors import (
    ExpiredNextTokenException,
    InvalidArgumentException,
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
)
from .listing import check_made
from .service import kinesis
from .stream import absent, arn_of, lookup
from .tags import with_tags
from .tokens import place_of, token_of


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Where a list of consumers goes on."""

    home: str
    consumer: str
    issued_ms: int


@kinesis.operation
def register_stream_consumer(call: Call, stream_arn: str, consumer_name: str,
                             tags: dict[str, str] | None = None) -> dict[str, Any]:
    """Let a stream have another consumer."""
    call, stream = lookup(call, None, stream_arn, "RegisterStreamConsumer")
    if consumers.get(call, stream.home, consumer_name) is not None:
        raise ResourceInUseException(
            f"Consumer {consumer_name} under stream {stream.name} already exists for account {call.account}.")
    if len(consumer.of_stream(call, stream)) >= limits.CONSUMERS:
        raise LimitExceededException(f"Stream {stream.name} under account {call.account} has "
                                     f"{limits.CONSUMERS} consumers already, and may have no more.")
    made = Consumer(consumer_name, call.now_ms, with_tags(call, consumer_name, {}, tags or {}))
    consumers.put(call, stream.home, consumer_name, record=made)
    return {"Consumer": _shown(call, stream, made)}


@kinesis.operation
def describe_stream_consumer(call: Call, stream_arn: str | None = None, consumer_name: str | None = None,
                             consumer_arn: str | None = None) -> dict[str, Any]:
    """One consumer."""
    call, stream, found = _find(call, stream_arn, consumer_name, consumer_arn, "DescribeStreamConsumer")
    return {"ConsumerDescription": _shown(call, stream, found) | {"StreamARN": arn_of(call, stream.name)}}


@kinesis.operation
def deregister_stream_consumer(call: Call, stream_arn: str | None = None, consumer_name: str | None = None,
                               consumer_arn: str | None = None) -> None:
    """Let a stream have a consumer no more; what is pushed to it ends."""
    call, stream, found = _find(call, stream_arn, consumer_name, consumer_arn, "DeregisterStreamConsumer")
    consumer.forget(call, stream, found)


@kinesis.operation
def list_stream_consumers(call: Call, stream_arn: str, next_token: str | None = None,
                          max_results: int | None = None, stream_creation_timestamp: datetime | None = None
                          ) -> dict[str, Any]:
    """The consumers of a stream by name, page by page."""
    call, stream = lookup(call, None, stream_arn, "ListStreamConsumers")
    check_made(call, stream, stream_creation_timestamp)
    after = _after(call, stream, next_token) if next_token is not None else ""
    most = min(max_results or limits.CONSUMERS_PAGE, limits.CONSUMERS_PAGE)
    found = [one for one in consumer.of_stream(call, stream) if one.name > after]
    answer: dict[str, Any] = {"Consumers": [_shown(call, stream, one) for one in found[:most]]}
    if len(found) > most:
        answer["NextToken"] = token_of(Page(stream.home, found[most - 1].name, call.now_ms))
    return answer


def _after(call: Call, stream: Stream, token: str) -> str:
    page = place_of(token, Page)
    if page is None:
        raise InvalidArgumentException("NextToken is invalid.")
    if call.now_ms - page.issued_ms > limits.TOKEN_MS:
        raise ExpiredNextTokenException("NextToken is expired: it is good for "
                                        f"{limits.TOKEN_MS // 60_000} minutes.")
    if page.home != stream.home:
        raise absent(call, stream.name)
    return page.consumer


def _find(call: Call, stream_arn: str | None, name: str | None, arn: str | None, action: str
          ) -> tuple[Call, Stream, Consumer]:
    """The consumer that is meant by its ARN, or by its stream's and its name."""
    if arn is not None:
        found = consumer.of_consumer_arn(call, arn, action)
        if stream_arn not in (None, consumer.stream_arn(arn)) or name not in (None, found[2].name):
            raise InvalidArgumentException(f"ConsumerARN {arn} is not the consumer that StreamARN and "
                                           "ConsumerName mean.")
        return found
    if stream_arn is None or name is None:
        raise InvalidArgumentException(
            "Either ConsumerARN, or both StreamARN and ConsumerName must be given.")
    there, stream = lookup(call, None, stream_arn, action)
    one = consumers.get(there, stream.home, name)
    if one is None:
        raise ResourceNotFoundException(f"Consumer {name} under stream {stream.name} not found for account "
                                        f"{there.account}.")
    return there, stream, one


def _shown(call: Call, stream: Stream, one: Consumer) -> dict[str, Any]:
    return {"ConsumerName": one.name, "ConsumerARN": consumer_arn(call, stream, one),
            "ConsumerStatus": "ACTIVE", "ConsumerCreationTimestamp": one.made_ms // 1000}
