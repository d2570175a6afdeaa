"""A reader of one Kafka topic, as a member of a consumer group: the group's offsets are its account.

A partition that the group has no offset of gets one before anything is read: so LATEST means the moment the
mapping came to read, also if it is interrupted before its first batch.
"""

import asyncio
import base64
import ssl
from collections.abc import Iterable
from typing import Any

import aiokafka
import msgspec
from aiokafka.errors import KafkaError

from .brokers import Unreachable
from .sources import Filtered, Record

_PATIENCE_S = 30.0  # for a broker to let us in
_UNTIRING_MS = 2**31 - 1  # a function may take long, and the group must not think us gone
_TIMES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}


class Access(msgspec.Struct, frozen=True):
    """How to get in: a SASL ``mechanism`` with name and password, and the authority to trust (PEM)."""

    mechanism: str = ""
    username: str = ""
    password: str = ""
    authority: str = ""


class Start(msgspec.Struct, frozen=True):
    """Where a group begins that has not read before: TRIM_HORIZON, LATEST or AT_TIMESTAMP."""

    position: str
    at_ms: int = 0


class KafkaReader:
    """A consumer that acknowledges what is done with, and nothing of its own accord."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def take(self, limit: int) -> list[Record]:
        """Wait for records, and give up to ``limit`` of those that are there."""
        try:
            found = [await self._consumer.getone()]
            if limit > 1:
                more = await self._consumer.getmany(timeout_ms=0, max_records=limit - 1)
                found += [message for messages in more.values() for message in messages]
        except KafkaError as error:
            raise Unreachable(str(error)) from None
        return [_record(message) for message in found]

    async def done(self, records: list[Record]) -> None:
        """They are handled, and with them what came before them."""
        offsets = dict[aiokafka.TopicPartition, int]()
        for record in records:
            where = aiokafka.TopicPartition(record.event["topic"], record.event["partition"])
            offsets[where] = max(offsets.get(where, 0), record.number + 1)
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, ValueError) as error:  # as when the partition is another's by now
            raise Unreachable(str(error)) from None

    async def failed(self, records: list[Record]) -> None:
        """Nothing: what is not committed is read again."""

    async def close(self) -> None:
        """Leave the group."""
        try:
            await self._consumer.stop()
        except KafkaError as error:
            raise Unreachable(str(error)) from None


class _Places:
    """Gives the group an offset in each partition of which it has none."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer, start: Start) -> None:
        self._consumer, self._start = consumer, start
        self.failure: KafkaError | None = None
        self.placed = asyncio.Event()

    async def on_partitions_assigned(self, assigned: Iterable[aiokafka.TopicPartition]) -> None:
        """They are ours to read now."""
        try:
            for partition in assigned:
                if await self._consumer.committed(partition) is None:
                    offset = await self._offset(partition)
                    self._consumer.seek(partition, offset)
                    await self._consumer.commit({partition: offset})
        except KafkaError as error:
            self.failure = error
        self.placed.set()

    async def on_partitions_revoked(self, revoked: Iterable[aiokafka.TopicPartition]) -> None:
        """They are others' now: what is not committed they will read."""

    async def _offset(self, partition: aiokafka.TopicPartition) -> int:
        consumer = self._consumer
        if self._start.position == "TRIM_HORIZON":
            return int((await consumer.beginning_offsets([partition]))[partition])
        if self._start.position == "AT_TIMESTAMP":
            found = (await consumer.offsets_for_times({partition: self._start.at_ms}))[partition]
            if found is not None:
                return int(found.offset)
        return int((await consumer.end_offsets([partition]))[partition])


aiokafka.ConsumerRebalanceListener.register(_Places)  # what it hears of is asked for by its kind


async def connect(servers: list[str], topic: str, group: str, start: Start, access: Access) -> KafkaReader:
    """Join ``group``, and read ``topic``."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=servers, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        max_poll_interval_ms=_UNTIRING_MS, client_id="cloudlet", **_security(servers, access))
    places = _Places(consumer, start)
    consumer.subscribe([topic], listener=places)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await consumer.start()
            await places.placed.wait()
        if places.failure:
            raise places.failure
    except (KafkaError, OSError) as error:  # a timeout is one
        await consumer.stop()
        raise Unreachable(str(error) or f"{', '.join(servers)} did not let us read within "
                                        f"{_PATIENCE_S:g} seconds") from None
    except BaseException:
        await consumer.stop()
        raise
    return KafkaReader(consumer)


def _security(servers: list[str], access: Access) -> dict[str, Any]:
    """As AWS a name and a password go over TLS only, but to a broker on this machine without an authority."""
    local = all(server.rpartition(":")[0] in ("127.0.0.1", "localhost", "[::1]") for server in servers)
    secure = bool(access.authority) or (bool(access.mechanism) and not local)
    found: dict[str, Any] = {"security_protocol": "SSL" if secure else "PLAINTEXT"}
    if access.mechanism:
        found["security_protocol"] = f"SASL_{found['security_protocol']}"
        found |= {"sasl_mechanism": access.mechanism, "sasl_plain_username": access.username,
                  "sasl_plain_password": access.password}
    if secure:
        found["ssl_context"] = ssl.create_default_context(cadata=access.authority or None)
    return found


def _record(message: Any) -> Record:
    """A record as functions get it.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
    """
    event: dict[str, Any] = {
        "topic": message.topic, "partition": message.partition, "offset": message.offset,
        "timestamp": message.timestamp, "timestampType": _TIMES.get(message.timestamp_type, "CREATE_TIME")}
    if message.key is not None:
        event["key"] = base64.b64encode(message.key).decode()
    event["value"] = None if message.value is None else base64.b64encode(message.value).decode()
    event["headers"] = [{name: list(value or b"")} for name, value in message.headers]
    return Record(f"{message.topic}-{message.partition}-{message.offset}", event,
                  len(msgspec.json.encode(event)), number=message.offset, at_ms=message.timestamp)


def _seen(event: dict[str, Any]) -> dict[str, Any]:
    """A record as filters see it: its key and its value are texts, or JSON."""
    plain = {name: base64.b64decode(event[name]).decode("utf-8", "replace")
             for name in ("key", "value") if event.get(name) is not None}
    return event | plain


filtered = Filtered(_seen, "value")
