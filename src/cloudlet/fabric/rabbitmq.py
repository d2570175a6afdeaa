"""A reader of one RabbitMQ queue: what the broker pushes, as many messages ahead as a batch has."""

import asyncio
import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import aiormq
import msgspec
from aiormq.abc import DeliveredMessage
from aiormq.exceptions import AMQPError

from .brokers import Unreachable
from .sources import Filtered, Record

_PATIENCE_S = 30.0
_PREFETCH_MOST = 65_535  # what the protocol can say
_GONE = (AMQPError, ConnectionError, OSError, asyncio.InvalidStateError)
_PROPERTIES = (  # the event's name and the client's
    ("contentType", "content_type"), ("contentEncoding", "content_encoding"), ("headers", "headers"),
    ("deliveryMode", "delivery_mode"), ("priority", "priority"), ("correlationId", "correlation_id"),
    ("replyTo", "reply_to"), ("expiration", "expiration"), ("messageId", "message_id"),
    ("timestamp", "timestamp"), ("type", "message_type"), ("userId", "user_id"), ("appId", "app_id"),
    ("clusterId", "cluster_id"))


class RabbitReader:
    """A consumer that acknowledges each message."""

    def __init__(self, connection: aiormq.abc.AbstractConnection) -> None:
        self._connection = connection
        self._channel: aiormq.abc.AbstractChannel
        self._arrived: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        self._cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def begin(self, queue: str, ahead: int) -> None:
        """Let the broker push what ``queue`` has, up to ``ahead`` messages that are not acknowledged."""
        self._channel = await self._connection.channel()
        await self._channel.basic_qos(prefetch_count=min(ahead, _PREFETCH_MOST))
        self._channel.on_consumer_cancel_callbacks.add(self._cancel)  # as when the queue is deleted
        await self._channel.basic_consume(queue, self._push)

    async def take(self, limit: int) -> list[Record]:
        """Wait for messages, and give up to ``limit`` of those that are there."""
        arrival = asyncio.ensure_future(self._arrived.get())
        gone = asyncio.shield(self._channel.closing)
        try:
            await asyncio.wait([arrival, gone, self._cancelled], return_when=asyncio.FIRST_COMPLETED)
            if not arrival.done() and self._cancelled.done():
                raise Unreachable("the broker lets us read the queue no more; it may have been deleted")
            if not arrival.done():
                why = gone.exception() if not gone.cancelled() else None
                raise Unreachable(str(why or "the broker has closed the connection"))
        finally:
            if not arrival.done():
                arrival.cancel()
            gone.cancel()
        found = [arrival.result()]
        while len(found) < limit and not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        return [_record(message) for message in found]

    async def done(self, records: list[Record]) -> None:
        """They are handled."""
        await self._say(records, lambda tag: self._channel.basic_ack(tag, wait=False))

    async def failed(self, records: list[Record]) -> None:
        """They go back to the queue."""
        await self._say(records, lambda tag: self._channel.basic_nack(tag, requeue=True, wait=False))

    async def close(self) -> None:
        """End the connection; what is not acknowledged goes back to the queue."""
        try:
            await self._connection.close()
        except _GONE as error:
            raise Unreachable(str(error)) from None

    async def _push(self, message: DeliveredMessage) -> None:
        self._arrived.put_nowait(message)

    async def _cancel(self, frame: object) -> None:
        if not self._cancelled.done():
            self._cancelled.set_result(None)

    async def _say(self, records: list[Record], say: Any) -> None:
        try:
            for record in records:
                await say(record.number)
        except _GONE as error:
            raise Unreachable(str(error)) from None


async def connect(url: str, queue: str, vhost: str, username: str, password: str, ahead: int) -> RabbitReader:
    """Log in, and consume ``queue``, which must be there."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    login = f"{quote(username, safe='')}:{quote(password, safe='')}@" if username else ""
    whole = urlunsplit(parts._replace(netloc=login + where, path="/" + quote(vhost, safe="")))
    try:
        async with asyncio.timeout(_PATIENCE_S):
            connection = await aiormq.connect(whole)
    except _GONE as error:  # a timeout is one
        raise Unreachable(str(error) or f"{where} did not let us in within {_PATIENCE_S:g} seconds") from None
    reader = RabbitReader(connection)
    try:
        await reader.begin(queue, ahead)
    except _GONE as error:
        await connection.close()
        raise Unreachable(str(error)) from None
    except BaseException:
        await connection.close()
        raise
    return reader


def _record(message: DeliveredMessage) -> Record:
    """A message as functions get it.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html
    """
    properties = message.header.properties
    basic = {name: _said(getattr(properties, attribute)) for name, attribute in _PROPERTIES}
    basic["clusterId"] = basic["clusterId"] or None  # reserved, and empty
    basic["bodySize"] = len(message.body)
    event = {"basicProperties": basic, "redelivered": bool(message.redelivered),
             "data": base64.b64encode(message.body).decode()}
    tag = message.delivery_tag or 0
    return Record(str(tag), event, len(msgspec.json.encode(event)), number=tag)


def _said(value: Any) -> Any:
    """A property as AWS's Java says it; texts in headers are bytes there."""
    if isinstance(value, datetime):
        return f"{value:%b} {value.day}, {value.year}, {value.hour % 12 or 12}:{value:%M:%S %p}"
    if isinstance(value, dict):
        return {str(name): _header(one) for name, one in value.items()}
    return value


def _header(value: Any) -> Any:
    if isinstance(value, str | bytes | bytearray):
        return {"bytes": list(value.encode() if isinstance(value, str) else value)}
    if isinstance(value, list):
        return [_header(one) for one in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return _said(value) if isinstance(value, dict | datetime) else str(value)


def _seen(event: dict[str, Any]) -> dict[str, Any]:
    return event | {"data": base64.b64decode(event["data"]).decode("utf-8", "replace")}


filtered = Filtered(_seen, "data")
