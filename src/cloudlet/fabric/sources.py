"""Sources: how what happens elsewhere is read from an ARN, batch by batch.

A service describes once how it is read (``sqs.source(Queue(...))``), and event source mappings and pipes both
use it. There are two kinds. A :class:`Queue` gives records away: who takes one hides it from others, and says
what became of it. A :class:`Stream` only shows them: whoever reads keeps his own place in each shard.
:mod:`.queue_feed` and :mod:`.stream_feed` are the engines that read one and the other.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from ..arn import Arn
from ..kernel import Call


class Record(msgspec.Struct):
    """One record of a batch: ``event`` as it stands in ``event["Records"]``.

    ``id`` is what a partial failure names it by. ``handle`` is a queue's own; ``number`` (its place in the
    shard) and ``at_ms`` (when it came) are a stream's.
    """

    id: str
    event: dict[str, Any]
    size: int  # bytes it adds to the payload
    handle: str = ""
    number: int = 0
    at_ms: int = 0


class Filtered(msgspec.Struct, frozen=True):
    """What filters see of a record: ``view(event)``; what is under ``content`` may be text or JSON."""

    view: Callable[[dict[str, Any]], dict[str, Any]]
    content: str = ""


class Queue(msgspec.Struct, frozen=True):
    """How a queue is read. All functions run in a transaction of the reader's.

    * ``bells(arn)``: what rings when there is something to read.
    * ``take(call, arn, limit, hide_ms)``: up to ``limit`` records, hidden from other readers for ``hide_ms``
      (None: the source's own setting).
    * ``next_ms(call, arn)``: when a record falls due that no bell announces.
    * ``done(call, arn, records)``: they are handled.
    * ``failed(call, arn, records)``: they are not; let them be read again.
    * ``check(call, arn)``: what a reader must know of it; an :class:`AwsError` unless ``arn`` can be read.
    """

    bells: Callable[[str], tuple[str, ...]]
    take: Callable[[Call, str, int, int | None], list[Record]]
    next_ms: Callable[[Call, str], int | None]
    done: Callable[[Call, str, list[Record]], None]
    failed: Callable[[Call, str, list[Record]], None]
    check: Callable[[Call, str], Mapping[str, Any]]
    filtered: Filtered


class Part(msgspec.Struct, frozen=True):
    """A shard as readers see it. ``base`` is the number before its first record, ever; ``last`` that of its
    last, once it is closed (else -1)."""

    id: str
    parents: tuple[str, ...]
    base: int
    last: int = -1


class Page(NamedTuple):
    """What was read: records, and the number up to which there is nothing else for this reader."""

    records: list[Record]
    upto: int


class Stream(msgspec.Struct, frozen=True):
    """How a stream is read. All functions run in a transaction of the reader's.

    * ``bells(call, arn, shard)``: what rings when shards come and go or, with ``shard``, when a record comes.
    * ``parts(call, arn)``: the shards there are, closed ones too; none, if the stream is gone.
    * ``part(call, arn, shard)``: one of them.
    * ``place(call, arn, shard, position, at_ms)``: the number after which to read, from TRIM_HORIZON, LATEST
      or AT_TIMESTAMP.
    * ``read(call, arn, shard, after, limit, lane, lanes)``: what of the next ``limit`` records is in the
      reader's lane of the shard (see :meth:`.shards.Shards.read_lane`) and not too old.
    * ``check(call, arn)``: an :class:`AwsError` unless ``arn`` can be read.
    * ``info``: the name of a batch's description in the record of a failure, such as ``KinesisBatchInfo``.
    * ``positions``: where reading may start.
    """

    bells: Callable[[Call, str, str], tuple[str, ...]]
    parts: Callable[[Call, str], list[Part]]
    part: Callable[[Call, str, str], Part | None]
    place: Callable[[Call, str, str, str, int], int]
    read: Callable[[Call, str, str, int, int, int, int], Page]
    check: Callable[[Call, str], Mapping[str, Any]]
    filtered: Filtered
    info: str
    positions: tuple[str, ...]
    stamp: Callable[[int], str]  # a moment, as that description has it


def find(call: Call, arn: str) -> Queue | Stream | None:
    """How the service behind ``arn`` is read; None if it is not. ValueError if it is no ARN."""
    sources = call.kernel.services.of_arn(Arn.parse(arn).service).sources
    found: Queue | Stream | None = next(iter(sources), None)
    return found
