"""Global tables, as since 2019.11.21: the same table in several regions, of one cloudlet.

All regions lie in one store, so a write goes to every replica in its own transaction (:func:`.rows.write`):
replicas never differ, and of two writes there is always one that was last. What there was before a replica is
copied to it in the background, while it takes what is written meanwhile; until then it is CREATING.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ...errors import NotHonoured
from ...fabric import timers
from ...kernel import Call
from . import changes, discarding, expiry, history, rows, tables
from .errors import ValidationException
from .history import Watched
from .limits import SLICE_ITEMS
from .service import dynamodb
from .tables import ACTIVE, CREATING, Policy, Replica, Stream, Table

VIEW = "NEW_AND_OLD_IMAGES"
BELL = "dynamodb/replicas"  # rings when a replica is filled
NOT_ON_DEMAND = "Table write capacity should either be Pay-Per-Request or AutoScaled."
_Given = Mapping[str, Any]


def change(call: Call, table: Table, updates: Sequence[_Given]) -> Table:
    """The table with replicas made or removed."""
    for one in updates:
        if sum(one.get(kind) is not None for kind in ("Create", "Update", "Delete")) != 1:
            raise ValidationException("Each ReplicaUpdate must have exactly one of Create, Update or Delete")
        if one.get("Update") is not None:
            raise NotHonoured(
                "cloudlet does not honour ReplicaUpdates with Update: a replica has no settings "
                "of its own but TableClassOverride, which is given when it is made."
            )
        given = one.get("Create") or one["Delete"]
        if given["RegionName"] == call.region:
            raise ValidationException(
                "Cannot add, delete, or update the local region through ReplicaUpdates. "
                "Use CreateTable, DeleteTable, or UpdateTable as required."
            )
        make = _create if one.get("Create") is not None else _delete
        table = make(call, table, given)
    return table


def others(call: Call, table: Table) -> Iterator[tuple[Call, Table]]:
    """The table's replicas, for a change that concerns them all; none, when it comes from one of them."""
    if call.principal != tables.REPLICATION:
        for replica in table.replicas:
            there = call.elsewhere(region=replica.region, principal=tables.REPLICATION)
            other = tables.find(there, table.name)
            if other is not None:
                yield there, other


def leave(call: Call, table: Table) -> None:
    """Let the other replicas know that this one is gone."""
    for replica in table.replicas:
        there = call.elsewhere(region=replica.region)
        other = tables.find(there, table.name)
        if other is not None:
            tables.save(there, replace(other, replicas=_without(other, call.region)))


def _create(call: Call, table: Table, given: _Given) -> Table:
    region = given["RegionName"]
    refused = sorted(set(given) - {"RegionName", "TableClassOverride"})
    if refused:
        raise NotHonoured(f"cloudlet does not honour {', '.join(refused)} of a replica, and refuses it "
                          "rather than ignore it.")
    there = call.elsewhere(region=region)
    if any(one.region == region for one in table.replicas):
        raise ValidationException(f"Failed to create a the new replica of table with name: '{table.name}' "
                                  f"because a replica already exists in region: {region}")
    if tables.find(there, table.name) is not None:
        raise ValidationException(f"Failed to create a the new replica of table with name: '{table.name}' "
                                  "because one or more replicas already existed as tables.")
    if not table.on_demand:
        raise ValidationException(NOT_ON_DEMAND)
    table = _with_stream(call, table)
    assert table.stream
    replica = replace(
        table, id=call.ids.uuid(), rows=call.ids.bytes(6), created_ms=call.now_ms, status=CREATING,
        stream=Stream(changes.label_of(there, table.name), VIEW), protected=False, tags={}, recovery_ms=0,
        table_class=given.get("TableClassOverride", table.table_class), class_ms=0, history=b"",
        restored=None, destinations=(), policy=Policy(),
        replicas=(*(replace(one, status=ACTIVE) for one in table.replicas), Replica(call.region)),
        indexes=tuple(replace(index, status=ACTIVE) for index in table.indexes))
    tables.save(there, replica)
    changes.begin(there, replica)
    new = Replica(region, CREATING)
    for one in table.replicas:
        elsewhere = call.elsewhere(region=one.region)
        other = tables.find(elsewhere, table.name)
        if other is not None:
            tables.save(elsewhere, replace(other, replicas=(*other.replicas, new)))
    timers.schedule(call, populate, at_ms=call.now_ms, id=f"dynamodb/replica/{replica.rows.hex()}",
                    table=table.name, region=region, rows_id=replica.rows, after=b"")
    return replace(table, replicas=(*table.replicas, new))


def _delete(call: Call, table: Table, given: _Given) -> Table:
    region = given["RegionName"]
    if not any(one.region == region for one in table.replicas):
        raise ValidationException("Update global table operation failed because one or more replicas were "
                                  f"not part of the global table: {region}")
    there = call.elsewhere(region=region)
    other = tables.find(there, table.name)
    if other is not None:
        if other.status != CREATING:  # one that is being filled may go
            discarding.check(there, other)
        leave(there, other)
        discarding.discard(there, other)
    return replace(table, replicas=_without(table, region))


@dynamodb.task
def populate(call: Call, table: str, region: str, rows_id: bytes, after: bytes) -> None:
    """Copy some of what was there before a replica, unless it has been written since."""
    there = call.elsewhere(region=region, principal=tables.REPLICATION)
    source, replica = tables.find(call, table), tables.find(there, table)
    if source is None or replica is None or replica.rows != rows_id:
        return
    prefix, into = tables.space(call, source), tables.space(there, replica)
    pairs, next_key = history.read(call, Watched(source.rows), after, SLICE_ITEMS)
    for key, raw in pairs:
        if there.tx.get(into + key) is None:
            call.tx.put(prefix + key, raw)  # so that this collides with whoever deletes it just now
            rows.fill(there, replica, key, raw)
            if replica.ttl:
                expiry.enlist(there, replica, key, rows.item_of(raw))
    if next_key:
        timers.schedule(call, populate, at_ms=call.now_ms, table=table, region=region, rows_id=rows_id,
                        after=next_key, id=f"dynamodb/replica/{rows_id.hex()}/{next_key.hex()}")
        return
    tables.save(there, replace(replica, status=ACTIVE))
    call.tx.ring(BELL)
    for one in replica.replicas:
        elsewhere = call.elsewhere(region=one.region)
        other = tables.find(elsewhere, table)
        if other is not None:
            tables.save(elsewhere, replace(other, replicas=tuple(
                replace(each, status=ACTIVE) if each.region == region else each for each in other.replicas)))


def _with_stream(call: Call, table: Table) -> Table:
    """The table with the stream that every replica has."""
    if table.stream is None or not table.stream.enabled:
        table = replace(table, stream=Stream(changes.label_of(call, table.name), VIEW))
        changes.begin(call, table)
    elif table.stream.view != VIEW:
        raise ValidationException(f"Table {table.name} must have its stream enabled with {VIEW} to have "
                                  "replicas")
    return table


def _without(table: Table, region: str) -> tuple[Replica, ...]:
    return tuple(one for one in table.replicas if one.region != region)
