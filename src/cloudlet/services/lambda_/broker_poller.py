"""How a broker's mapping is read: who logs in where, what the function gets, and what becomes of failures.

The mapping is ``Enabled`` once the broker has let us in; until then ``LastProcessingResult`` says what is
wrong. Names and passwords are read from Secrets Manager whenever a connection is made.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric.broker_feed import BrokerFeed, Source, Watch, Wishes
from ...fabric.brokers import Brokers, Reader, Unreachable
from ...fabric.filters import filters_of
from ...fabric.handler import Handler, Verdict
from ...fabric.lanes import Discarded
from ...fabric.sources import Record
from ...kernel import Call, Conversation
from . import discards
from .broker_mapping import AUTHORITY, MECHANISMS, VIRTUAL_HOST, filtered_of
from .limits import BROKER_WINDOW_MS, MAPPING_PAYLOAD
from .mapping import ENABLED, KAFKA, Mapping, Result, bell, mappings, reach, results
from .records import arn_of

Config = dict[str, Any]
_ENVELOPE = 2_000  # bytes of an event beside its records
_AWAY = "PROBLEM: Connection error. Please check your event source connection configuration."


def feed(call: Conversation, record: Mapping, handler: Handler, goes_on: Callable[[Call], bool]
         ) -> BrokerFeed:
    """What feeds a mapping's function from its broker."""
    wishes = Wishes(
        record.batch_size, BROKER_WINDOW_MS if record.window_s < 0 else record.window_s * 1000,
        MAPPING_PAYLOAD - _ENVELOPE, ordered=record.kind == KAFKA, retries=record.retries,
        age_ms=record.age_s * 1000 if record.age_s >= 0 else -1)
    filters = filters_of(record.filters, filtered_of(record), arn_of(call, record.function, record.qualifier))
    source = Source(record.origin, lambda: _connect(call, record), filters)
    return BrokerFeed(call, source, wishes, handler, goes_on, (bell(record.uuid),), _watch(call, record))


def event_of(record: Mapping, events: list[Config]) -> Config:
    """A batch as the function gets it.

    Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html and with-mq.html
    """
    if record.kind != KAFKA:
        return {"eventSource": "aws:rmq", "eventSourceArn": record.source,
                "rmqMessagesByQueue": {f"{record.queues[0]}::{virtual_host(record)}": events}}
    records: dict[str, list[Config]] = {}
    for event in events:
        records.setdefault(f"{event['topic']}-{event['partition']}", []).append(event)
    return {"eventSource": "SelfManagedKafka", "bootstrapServers": ",".join(record.servers),
            "records": records}


def virtual_host(record: Mapping) -> str:
    """The virtual host of a RabbitMQ queue."""
    return next((one["URI"] for one in record.access if one["Type"] == VIRTUAL_HOST), "/")


def _watch(call: Conversation, record: Mapping) -> Watch:
    told = ""

    async def tell(text: str) -> None:
        nonlocal told
        if text != told:
            await call.transact(lambda inner: results.put(inner, record.uuid, record=Result(text)))
            told = text

    async def reached() -> None:
        await call.transact(lambda inner: _reach(inner, record))

    async def lost(why: str) -> None:
        await tell(f"{_AWAY} {why}")

    async def tried(verdict: Verdict) -> None:
        await tell("PROBLEM: Function call failed" if verdict.unhandled is None else "OK")

    async def discard(discarded: Discarded) -> Callable[[Call], None]:
        whole = event_of(record, [one.event for one in discarded.records])
        return await discards.discard(call, record, discarded, _described(record, discarded, whole), whole)

    return Watch(reached, lost, tried, discard)


def _reach(call: Call, record: Mapping) -> None:
    """It reads now, if it is still what is wanted."""
    now = mappings.get(call, record.uuid)
    if now is not None and now.revision == record.revision:
        reach(call, now, ENABLED)


def _described(record: Mapping, discarded: Discarded, whole: Config) -> Config:
    """A batch of Kafka's records that is given up.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
    """
    places: dict[str, list[Record]] = {}
    for one in discarded.records:
        places.setdefault(f"{one.event['topic']}-{one.event['partition']}", []).append(one)
    return {"KafkaBatchInfo": {
        "batchSize": len(discarded.records), "bootstrapServers": ",".join(record.servers),
        "payloadSize": len(msgspec.json.encode(whole)),
        "recordInfo": {place: {
            "firstRecordOffset": str(some[0].number), "lastRecordOffset": str(some[-1].number),
            "firstRecordTimestamp": discards.stamp(some[0].at_ms),
            "lastRecordTimestamp": discards.stamp(some[-1].at_ms)} for place, some in places.items()}}}


async def _connect(call: Conversation, record: Mapping) -> Reader:
    """Log in; what is wrong with a secret is as if the broker were away."""
    access = {one["Type"]: one["URI"] for one in record.access}
    kind = next((kind for kind in access if kind in MECHANISMS), "")
    login = await _secret(call, access[kind]) if kind else {}
    username, password = login.get("username", ""), login.get("password", "")
    if record.kind != KAFKA:
        from ...fabric import rabbitmq  # an optional dependency: cloudlet[rabbitmq]
        return await rabbitmq.connect(call.use(Brokers).url(record.source), record.queues[0],
                                      virtual_host(record), username, password, record.batch_size)
    from ...fabric import kafka  # an optional dependency: cloudlet[kafka]
    authority = (await _secret(call, access[AUTHORITY])).get("certificate", "") if AUTHORITY in access else ""
    return await kafka.connect(
        record.servers, record.topics[0], record.group, kafka.Start(record.position, record.position_ms),
        kafka.Access(MECHANISMS.get(kind, ""), username, password, authority))


async def _secret(call: Conversation, id: str) -> dict[str, str]:
    try:
        answer = await call.invoke("secretsmanager", "GetSecretValue", SecretId=id)
        return msgspec.json.decode(answer.get("SecretString") or "", type=dict[str, str])
    except AwsError as error:
        raise Unreachable(f"its secret {id} can't be read: {error.code}: {error}") from None
    except msgspec.DecodeError:
        raise Unreachable(f"its secret {id} is no JSON object of texts") from None
