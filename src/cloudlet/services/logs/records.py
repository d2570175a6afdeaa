"""What is kept: groups, streams, and events in the order of their time.

An event's key is its stream's number, its time and a running number within the stream. So a range of
time is a seek, writing at the end of a stream is appending, and a name is not repeated per event.
"""

import msgspec

from ...store import Table

MINUTE_MS = 60_000
SHARDS = 8  # in which a group's size is counted, so that writers of different streams seldom meet


class Group(msgspec.Struct):
    """A log group. ``retention_days`` 0 keeps events for ever."""

    name: str
    number: int
    created_ms: int
    retention_days: int = 0
    tags: dict[str, str] = {}
    protected: bool = False
    expiry_ms: int = 0  # when what has expired is cleared away next
    subscriptions: int = 0


class Stream(msgspec.Struct):
    """A log stream. Times of events are 0 until there is one."""

    name: str
    number: int
    created_ms: int
    next: int = 1  # the running number of the next event
    first_ms: int = 0
    last_ms: int = 0
    ingested_ms: int = 0


class Line(msgspec.Struct, array_like=True):
    """One event; its time is in its key."""

    message: str
    ingested_ms: int


class Size(msgspec.Struct):
    """How much a part of a group's streams holds."""

    bytes: int


class Subscription(msgspec.Struct):
    """A subscription filter of a group: which of its events go where, and how."""

    name: str
    pattern: str
    destination: str
    created_ms: int
    role: str = ""
    distribution: str = "ByLogStream"


class Destination(msgspec.Struct):
    """What other accounts subscribe to in place of a stream of this account."""

    name: str
    target: str
    role: str
    created_ms: int
    policy: str = ""


class Mark(msgspec.Struct):
    """That something is so; all there is to say is in the key."""


def event_id(moment_ms: int, stream: int, number: int) -> str:
    """56 digits that sort as the events of a stream do."""
    return f"{moment_ms:020d}{stream:018d}{number:018d}"


groups = Table("logs.groups", Group)
streams = Table("logs.streams", Stream)  # by the group's number and the stream's name
lines = Table("logs.lines", Line)  # by the stream's number, the event's time and its running number
subscriptions = Table("logs.subscriptions", Subscription)  # by the group's number and the filter's name
destinations = Table("logs.destinations", Destination)
sizes = Table("logs.sizes", Size)  # by the group's number and a shard
# Streams by the minute of their last event: the group's number, the minute, the stream's name. Exact
# to the minute only, so that a busy stream moves in it once a minute and not with every batch.
recent = Table("logs.recent", Mark)
