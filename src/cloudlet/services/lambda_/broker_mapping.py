"""Mappings of brokers: a Kafka cluster of one's own, or RabbitMQ as Amazon MQ has it.

Kafka says where it is in the mapping itself. A broker of Amazon MQ has an ARN, and ``cloudlet up --broker``
says where that is, so a mapping of one that nobody has placed is refused.
"""

from typing import Any

from ...arn import Arn
from ...errors import NotHonoured
from ...fabric.brokers import Brokers, name_of, require
from ...fabric.filters import filters_of
from ...fabric.operators import PatternError
from ...fabric.sources import Filtered
from ...kernel import Call
from .limits import BROKER_FUNCTION_TIMEOUT_S, FILTERS
from .mapping import KAFKA, RABBITMQ, Mapping, mappings
from .mapping_checks import check_failures, invalid
from .records import Name, version

Config = dict[str, Any]
_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"
_DEFAULT_BATCH = 100
_MEMBERS = ("SelfManagedEventSource", "Topics", "Queues", "SourceAccessConfigurations",
            "SelfManagedKafkaEventSourceConfig")
_NOWHERE = frozenset(("ScalingConfig", "ParallelizationFactor", "TumblingWindowInSeconds"))
_PROVISIONED = frozenset(("BisectBatchOnFunctionError", "FunctionResponseTypes"))  # only with that mode
_OF_KAFKA = frozenset(("DestinationConfig", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts",
                       "StartingPosition", "StartingPositionTimestamp", "SelfManagedKafkaEventSourceConfig",
                       "Topics"))
MECHANISMS = {"BASIC_AUTH": "PLAIN", "SASL_SCRAM_256_AUTH": "SCRAM-SHA-256",
              "SASL_SCRAM_512_AUTH": "SCRAM-SHA-512"}
AUTHORITY, VIRTUAL_HOST = "SERVER_ROOT_CA_CERTIFICATE", "VIRTUAL_HOST"
_ACCESS = {KAFKA: frozenset((*MECHANISMS, AUTHORITY)), RABBITMQ: frozenset(("BASIC_AUTH", VIRTUAL_HOST))}


def is_broker(arn: str | None, given: Config) -> bool:
    """Whether a mapping is one of a broker; members that only those have are refused for others."""
    if given.get("SelfManagedEventSource") is not None or (arn or "").startswith("arn:aws:mq:"):
        return True
    for member in _MEMBERS:
        if given.get(member) is not None:
            raise invalid(f"Unsupported {member} parameter for given event source mapping type.")
    return False


def draft(call: Call, name: Name, arn: str | None, given: Config) -> Mapping:
    """The mapping that is asked for, with what can't be changed later."""
    if arn and given.get("SelfManagedEventSource") is not None:
        raise invalid("EventSourceArn and SelfManagedEventSource can't both be given.")
    record = Mapping(call.ids.uuid(), arn or "", name.name, name.qualifier, call.now_ms, window_s=-1,
                     batch_size=_DEFAULT_BATCH, kind=RABBITMQ if arn else KAFKA)
    check_given(record, given)
    if record.kind == RABBITMQ:
        _of_rabbitmq(call, record, given)
    else:
        _of_kafka(call, record, given)
    return record


def _of_rabbitmq(call: Call, record: Mapping, given: Config) -> None:
    require("aiormq", "rabbitmq")
    if Arn.parse(record.source).account != call.account:
        raise invalid("Amazon MQ brokers of other accounts can't be event sources.")
    if not call.use(Brokers).url(record.source):
        raise NotHonoured(
            f"No broker {record.source} is known here: cloudlet runs no Amazon MQ. Start it with "
            f"--broker {name_of(record.source)}=amqp://HOST:PORT to say where a RabbitMQ is.")
    record.queues = given.get("Queues") or []
    if not record.queues:
        raise invalid("Queues must be specified for Amazon MQ event sources.")


def _of_kafka(call: Call, record: Mapping, given: Config) -> None:
    require("aiokafka", "kafka")
    endpoints = (given.get("SelfManagedEventSource") or {}).get("Endpoints") or {}
    record.servers, record.topics = endpoints.get(_SERVERS) or [], given.get("Topics") or []
    if not record.servers:
        raise invalid(f"{_SERVERS} must be specified for self-managed Kafka event sources.")
    if not record.topics:
        raise invalid("Topics must be specified for Kafka event sources.")
    own = given.get("SelfManagedKafkaEventSourceConfig") or {}
    for member in own.keys() - {"ConsumerGroupId"}:
        if (member, own[member]) != ("ConsumptionMode", "Stream"):
            raise NotHonoured(f"cloudlet does not honour {member} of SelfManagedKafkaEventSourceConfig.")
    record.group = own.get("ConsumerGroupId") or record.uuid
    position, at_ms = given.get("StartingPosition"), given.get("StartingPositionTimestamp")
    if position is None:
        raise invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                      "constraint: Member must not be null.")
    if (position == "AT_TIMESTAMP") != (at_ms is not None):
        raise invalid("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP.")
    if at_ms is not None and at_ms > call.now_ms:
        raise invalid("StartingPositionTimestamp cannot be in the future")
    record.position, record.position_ms = position, at_ms or 0


def check_given(record: Mapping, given: Config) -> None:
    """Refuse members that mean nothing to such a broker, or that cloudlet does not honour for one."""
    for member, value in given.items():
        if value is None:
            continue
        if member in _PROVISIONED and record.kind == KAFKA:
            raise NotHonoured(f"cloudlet does not honour {member} for Kafka: it needs the provisioned mode.")
        other = member in (_OF_KAFKA if record.kind == RABBITMQ else ("Queues",))
        if member in _NOWHERE or member in _PROVISIONED or other:
            raise invalid(f"Unsupported {member} parameter for given event source mapping type.")


def check(call: Call, record: Mapping) -> None:
    """The rules that hold between a mapping's settings."""
    if len(record.filters) > FILTERS:
        raise invalid(f"1 validation error detected: Value at 'filterCriteria.filters' failed to satisfy "
                      f"constraint: Member must have length less than or equal to {FILTERS}")
    try:
        filters_of(record.filters, filtered_of(record))
    except PatternError:
        raise invalid("Invalid filter pattern definition.") from None
    if version(call, record.function, record.qualifier).timeout_s > BROKER_FUNCTION_TIMEOUT_S:
        raise invalid(f"The function's timeout must be at most {BROKER_FUNCTION_TIMEOUT_S} seconds for this "
                      "kind of event source.")
    check_failures(call, record)
    kinds = [str(one.get("Type")) for one in record.access]
    for kind in kinds:
        if kind not in _ACCESS[record.kind]:
            raise NotHonoured(f"cloudlet does not honour the SourceAccessConfiguration {kind} for this event "
                              f"source: it can be {', '.join(sorted(_ACCESS[record.kind]))}.")
    if sum(kind in MECHANISMS for kind in kinds) > 1:
        raise invalid("Only one authentication type can be given.")
    if record.kind == RABBITMQ and "BASIC_AUTH" not in kinds:
        raise invalid("BASIC_AUTH must be specified in SourceAccessConfigurations for Amazon MQ.")


def refuse_second(call: Call, record: Mapping) -> None:
    """A function reads a topic or a queue once."""
    for _, other in mappings.find(call, "by_function", record.function):
        if _identity(other) == _identity(record):
            raise invalid(f"An event source mapping of {', '.join(record.topics + record.queues)} to the "
                          f"function {record.function} already exists: {other.uuid}.")


def _identity(record: Mapping) -> tuple[Any, ...]:
    return (record.kind, record.source, record.function, record.qualifier, sorted(record.servers),
            record.topics, record.queues)


def filtered_of(record: Mapping) -> Filtered:
    """What filters see of its records."""
    if record.kind == KAFKA:
        from ...fabric import kafka  # an optional dependency: cloudlet[kafka]
        return kafka.filtered
    from ...fabric import rabbitmq  # an optional dependency: cloudlet[rabbitmq]
    return rabbitmq.filtered


def shown(record: Mapping, result: str) -> Config:
    """What such a mapping shows beside what all do."""
    found: Config = {"LastProcessingResult": result}
    if record.access:
        found["SourceAccessConfigurations"] = record.access
    if record.kind == RABBITMQ:
        return found | {"EventSourceArn": record.source, "Queues": record.queues}
    found |= {
        "SelfManagedEventSource": {"Endpoints": {_SERVERS: record.servers}}, "Topics": record.topics,
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": record.group},
        "StartingPosition": record.position, "MaximumRecordAgeInSeconds": record.age_s,
        "MaximumRetryAttempts": record.retries,
        "DestinationConfig": {"OnFailure": {"Destination": record.on_failure} if record.on_failure else {}}}
    if record.position_ms:
        found["StartingPositionTimestamp"] = record.position_ms / 1000
    return found
