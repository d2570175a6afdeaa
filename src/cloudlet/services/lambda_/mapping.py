"""What a mapping is, and the states it goes through.

The state is what the mapping's poller has made true: it writes ``Enabled`` once it reads, and ``Disabled``
(or removes the record) once what it had taken is handled. An update says what is wanted; its ``revision``
is how the poller, and every transaction of it, sees that.
"""

import msgspec

from ...fabric import standing
from ...kernel import Call
from ...store import Table

CREATING, ENABLING, ENABLED, UPDATING = "Creating", "Enabling", "Enabled", "Updating"
DISABLING, DISABLED, DELETING = "Disabling", "Disabled", "Deleting"
KAFKA, RABBITMQ = "kafka", "rabbitmq"  # kinds of brokers


class Mapping(msgspec.Struct):
    """A mapping from a source to a function. What ``position`` and below say is for streams.

    One of a broker has its ``kind``, and what follows it; ``window_s`` -1 stands for AWS's half a second.
    """

    uuid: str
    source: str
    function: str
    qualifier: str
    modified_ms: int
    enabled: bool = True
    batch_size: int = 10
    window_s: int = 0
    filters: list[str] = []
    concurrency: int | None = None
    partial: bool = False  # ReportBatchItemFailures
    tags: dict[str, str] = {}
    state: str = CREATING
    revision: int = 0
    position: str = ""
    position_ms: int = 0
    retries: int = -1
    age_s: int = -1
    bisect: bool = False
    lanes: int = 1
    tumbling_s: int = 0
    on_failure: str = ""
    kind: str = ""
    servers: list[str] = []
    topics: list[str] = []
    queues: list[str] = []
    group: str = ""
    access: list[dict[str, str]] = []

    @property
    def of_stream(self) -> bool:
        """Whether the source is a stream."""
        return bool(self.position) and not self.kind

    @property
    def origin(self) -> str:
        """What is read, for those who watch: an ARN, or the addresses of Kafka and the topic."""
        return self.source or f"kafka://{','.join(self.servers)}/{self.topics[0]}"


class Result(msgspec.Struct):
    """What came of the last batch, as LastProcessingResult has it."""

    text: str


mappings = Table("lambda.mappings", Mapping, indexes={
    "by_function": lambda mapping: (mapping.function,), "by_source": lambda mapping: (mapping.source,)})
results = Table("lambda.mapping-results", Result)


def bell(uuid: str) -> str:
    """What rings when a mapping has changed."""
    return f"lambda/mapping/{uuid}"


def save(call: Call, record: Mapping) -> None:
    """Keep a change of what is wanted, and let the poller see it."""
    record.revision += 1
    record.modified_ms = call.now_ms
    mappings.put(call, record.uuid, record=record)
    call.tx.ring(bell(record.uuid))


def reach(call: Call, record: Mapping, state: str) -> None:
    """The mapping has come into a state."""
    if record.state != state:
        record.state, record.modified_ms = state, call.now_ms
        mappings.put(call, record.uuid, record=record)


def remove(call: Call, uuid: str) -> None:
    """Forget a mapping that nobody works for any more."""
    mappings.delete(call, uuid)
    results.delete(call, uuid)
    standing.drop(call, id=work_id(uuid))


def rest(call: Call, uuid: str) -> None:
    """Nobody need work for the mapping for now."""
    standing.drop(call, id=work_id(uuid))


def work_id(uuid: str) -> str:
    """What the mapping's poller is called among standing work."""
    return f"lambda/{uuid}"
