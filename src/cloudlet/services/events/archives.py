"""Archives: the events of a bus, kept to be replayed.

An archive is a rule that EventBridge manages, with the archive as its target; events that come from a replay
are not archived again. Events are kept by their own time, and forgotten after the retention.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import ValidationException
from ...fabric import timers
from ...identity import Principal
from ...kernel import Call, Conversation
from ...store import Scope, Table
from . import patterns
from .errors import ResourceAlreadyExistsException, ResourceNotFoundException
from .event import moment_ms, read
from .paging import page
from .records import find_bus, own_bus, seconds, told
from .service import events

Config = dict[str, Any]
_MANAGER = "prod.vhs.events.aws.internal"  # as AWS calls the part of it that archives
_NEW = {"replay-name": [{"exists": False}]}
_DAY_MS = 86_400_000
_AT_ONCE = 200
_SHARDS = 16
_OVERHEAD = 26  # bytes that AWS counts for an event beside its source, type, detail and resources


class Archive(msgspec.Struct):
    """An archive; its events are under ``home``, so that one that is deleted is gone at once."""

    name: str
    arn: str
    home: str
    bus_arn: str
    created_ms: int
    description: str = ""
    pattern: str = ""
    retention_days: int = 0
    swept: bool = False  # whether a timer will look for events that are too old


class Kept(msgspec.Struct):
    """An event in an archive."""

    body: bytes
    home: str
    ingested_ms: int
    size: int


class Tally(msgspec.Struct, array_like=True):
    """How many events there are, and how large; the sum of the shards is the truth."""

    events: int = 0
    bytes: int = 0


archives = Table("events.archives", Archive)
kept = Table("events.archived", Kept, indexes={"ingested": lambda one: (one.home, one.ingested_ms)})
_tallies = Table("events.archive-tallies", Tally)


@events.operation
def create_archive(call: Call, archive_name: str, event_source_arn: str, description: str | None = None,
                   event_pattern: str | None = None, retention_days: int = 0) -> Config:
    """Keep the events of a bus from now on."""
    bus = own_bus(call, event_source_arn)
    if archives.get(call, archive_name) is not None:
        raise ResourceAlreadyExistsException(f"Archive {archive_name} already exists.")
    archive = Archive(archive_name, call.arn(f"archive/{archive_name}"), call.ids.hex(12), bus.arn,
                      call.now_ms, description or "", event_pattern or "", retention_days)
    _set_rule(call, archive)
    archives.put(call, archive_name, record=archive)
    return _made(archive)


@events.operation
def describe_archive(call: Call, archive_name: str) -> Config:
    """An archive and how much is in it."""
    archive = need(call, archive_name)
    return _shown(call, archive) | told(ArchiveArn=archive.arn, Description=archive.description,
                                        EventPattern=archive.pattern)


@events.operation
def update_archive(call: Call, archive_name: str, description: str | None = None,
                   event_pattern: str | None = None, retention_days: int | None = None) -> Config:
    """Change what is given; the rest stays."""
    if description is None and event_pattern is None and retention_days is None:
        raise ValidationException(
            "At least one of EventPattern, RetentionDays or Description must be provided.")
    archive = need(call, archive_name)
    if description is not None:
        archive.description = description
    if event_pattern is not None:
        archive.pattern = event_pattern
        _set_rule(call, archive)
    if retention_days is not None:
        archive.retention_days = retention_days
        _sweep_at(call, archive, call.now_ms)
    archives.put(call, archive_name, record=archive)
    return _made(archive)


@events.operation
def delete_archive(call: Call, archive_name: str) -> None:
    """Delete an archive and all it holds."""
    archive = need(call, archive_name)
    rule, as_manager = _rule(archive), _manager(call)
    there, bus = find_bus(call, archive.bus_arn)
    there.invoke("events", "RemoveTargets", as_principal=as_manager, Rule=rule, EventBusName=bus.name,
                 Ids=[rule])
    there.invoke("events", "DeleteRule", as_principal=as_manager, Name=rule, EventBusName=bus.name)
    archives.delete(call, archive_name)
    timers.schedule(call, clear_archive, at_ms=call.now_ms, id=f"events/clear/{archive.home}",
                    home=archive.home)


@events.operation
def list_archives(call: Call, name_prefix: str | None = None, event_source_arn: str | None = None,
                  state: str | None = None, next_token: str | None = None,
                  limit: int | None = None) -> Config:
    """Archives by name."""
    if event_source_arn:
        own_bus(call, event_source_arn)

    def rows(after: str) -> Iterator[tuple[str, Archive]]:
        for _, archive in archives.items(call, after=(after,) if after else None):
            if (archive.name.startswith(name_prefix or "") and state in (None, "ENABLED")
                    and event_source_arn in (None, archive.bus_arn)):
                yield archive.name, archive

    return page("Archives", rows, lambda archive: _shown(call, archive), next_token, limit)


def need(call: Call, name: str) -> Archive:
    """The archive of that name, or the error that there is none."""
    archive = archives.get(call, name)
    if archive is None:
        raise ResourceNotFoundException(f"Archive {name} does not exist.")
    return archive


def keep(call: Call, arn: str, body: bytes) -> None:
    """Put an event into an archive."""
    archive = need(call, Arn.parse(arn).resource.partition("/")[2])
    event = read(body)
    size = _OVERHEAD + len(bytes(event.detail)) + sum(
        len(text.encode()) for text in (event.source, event.detail_type, *event.resources))
    kept.put(call, archive.home, moment_ms(event.time), call.ids.ticket(),
             record=Kept(body, archive.home, call.now_ms, size))
    _count(call, archive.home, 1, size)
    if archive.retention_days and not archive.swept:
        _sweep_at(call, archive, call.now_ms + archive.retention_days * _DAY_MS)
        archives.put(call, archive.name, record=archive)


@events.task
async def sweep_archive(call: Conversation, name: str, home: str) -> None:
    """Forget what is older than the retention, and come again when the oldest of the rest will be."""
    while await call.transact(lambda inner: _sweep_some(inner, name, home)):
        pass


@events.task
async def clear_archive(call: Conversation, home: str) -> None:
    """Forget what a deleted archive held."""
    while await call.transact(lambda inner: _clear_some(inner, home)):
        pass


def _sweep_at(call: Call, archive: Archive, at_ms: int) -> None:
    archive.swept = bool(archive.retention_days)
    if archive.swept:
        timers.schedule(call, sweep_archive, at_ms=at_ms, name=archive.name, home=archive.home,
                        id=f"events/sweep/{archive.home}/{call.ids.hex(8)}")


def _sweep_some(call: Call, name: str, home: str) -> bool:
    archive = archives.get(call, name)
    if archive is None or archive.home != home or not archive.retention_days:
        return False
    keep_ms = archive.retention_days * _DAY_MS
    oldest = list(kept.find(call, "ingested", home, limit=_AT_ONCE))
    for n, (key, one) in enumerate(oldest):
        if one.ingested_ms + keep_ms > call.now_ms:
            if n == 0:
                _sweep_at(call, archive, one.ingested_ms + keep_ms)
                archives.put(call, name, record=archive)
            return n > 0
        kept.delete(call, *key)
        _count(call, home, -1, -one.size)
    if not oldest:
        archive.swept = False
        archives.put(call, name, record=archive)
    return bool(oldest)


def _clear_some(call: Call, home: str) -> bool:
    found = list(kept.items(call, home, limit=_AT_ONCE))
    for key, _ in found:
        kept.delete(call, *key)
    for key, _ in list(_tallies.items(call, home)):
        _tallies.delete(call, *key)
    return bool(found)


def _count(call: Call, home: str, events: int, size: int) -> None:
    shard = int(call.id[-1:], 16) % _SHARDS
    tally = _tallies.get(call, home, shard) or Tally()
    _tallies.put(call, home, shard, record=Tally(tally.events + events, tally.bytes + size))


def tally_of(scope: Scope, home: str) -> Tally:
    """How many events there are said to be, and how large."""
    shards = [tally for _, tally in _tallies.items(scope, home)]
    return Tally(sum(shard.events for shard in shards), sum(shard.bytes for shard in shards))


def set_tally(scope: Scope, home: str, events: int, size: int) -> None:
    """Say how many events there are, and how large."""
    for key, _ in list(_tallies.items(scope, home)):
        _tallies.delete(scope, *key)
    _tallies.put(scope, home, 0, record=Tally(events, size))


def _set_rule(call: Call, archive: Archive) -> None:
    """Let what the archive wants be sent to it."""
    wanted: Config = {}
    if archive.pattern:
        patterns.compiled(archive.pattern)
        wanted = msgspec.json.decode(archive.pattern)
    rule, as_manager = _rule(archive), _manager(call)
    call.invoke("events", "PutRule", as_principal=as_manager, Name=rule, EventBusName=archive.bus_arn,
                EventPattern=msgspec.json.encode(wanted | _NEW).decode())
    call.invoke("events", "PutTargets", as_principal=as_manager, Rule=rule, EventBusName=archive.bus_arn,
                Targets=[{"Id": rule, "Arn": archive.arn}])


def _rule(archive: Archive) -> str:
    return f"Events-Archive-{archive.name}"


def _manager(call: Call) -> Principal:
    return Principal(call.account, _MANAGER, "service")


def _made(archive: Archive) -> Config:
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": seconds(archive.created_ms)}


def _shown(call: Call, archive: Archive) -> Config:
    tally = tally_of(call, archive.home)
    return {"ArchiveName": archive.name, "EventSourceArn": archive.bus_arn, "State": "ENABLED",
            "RetentionDays": archive.retention_days, "SizeBytes": tally.bytes,
            "EventCount": tally.events, "CreationTime": seconds(archive.created_ms)}
