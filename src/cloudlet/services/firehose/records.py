"""What is kept: streams, the buffers they fill, and what is in them.

A record is a row from the moment it is acknowledged until what became of it is written elsewhere. A stream
fills one buffer for each kind of thing it makes (see :class:`Lane`); a full or ripe buffer is sealed, gets no
more records, and is delivered. All of a stream lies under its number, so one that is deleted is gone at once.
"""

from typing import Any, Literal

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import ResourceNotFoundException

Stage = Literal["input", "output", "backup", "failed"]


class Stream(msgspec.Struct):
    """A delivery stream. ``given`` is its destination's configuration, as AWS writes it."""

    name: str
    number: int
    created_ms: int
    kind: Literal["s3", "http"]
    given: dict[str, Any]
    source: dict[str, Any] = {}  # the Kinesis stream it reads; empty with Direct PUT
    version: int = 1
    updated_ms: int = 0
    extended: bool = True  # made with ExtendedS3DestinationConfiguration
    tags: dict[str, str] = {}


class Lane(msgspec.Struct, frozen=True):
    """What a buffer is for.

    ``input`` waits for the function, ``output`` for the destination, ``backup`` is the source's records, and
    ``failed`` are accounts of what could not be delivered, of the type in ``error_type``. Output that is
    partitioned has a lane for each combination of ``keys``.
    """

    stage: Stage
    error_type: str = ""
    keys: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What the lane is kept under."""
        parts = "&".join(f"{name}={value}" for name, value in self.keys)
        return f"{self.stage}/{self.error_type}{parts}"


class Buffer(msgspec.Struct):
    """Records of one lane that are delivered together.

    ``object`` is what the delivery is called, once it was first tried: the object's key, or the request's id.
    A try that is repeated after a crash so writes the same object.
    """

    id: str
    lane: Lane
    due_ms: int
    oldest_ms: int
    size: int = 0
    count: int = 0
    tries: int = 0
    waited_ms: int = 0  # between tries
    object: str = ""
    done: bool = False


class Entry(msgspec.Struct, array_like=True):
    """One record in a buffer. ``processed``: nothing is left to do before it is delivered."""

    data: bytes
    at_ms: int
    processed: bool = False
    origin: dict[str, Any] = {}  # of a record of a Kinesis stream: where it was


streams = Table("firehose.streams", Stream)
filling = Table("firehose.filling", Buffer)  # (stream's number, lane's name)
sealed = Table("firehose.sealed", Buffer)  # (stream's number, buffer's id)
entries = Table("firehose.entries", Entry)  # (buffer's id, running number)


def need(call: Call, name: str) -> Stream:
    """The stream called ``name``."""
    stream = streams.get(call, name)
    if stream is None:
        raise ResourceNotFoundException(f"Firehose {name} under account {call.account} not found.")
    return stream
