"""CreateTable, DescribeTable, ListTables, UpdateTable and DeleteTable.

A table is ready when the transaction that makes it commits; the answer still says CREATING (and UPDATING,
DELETING), as DynamoDB's does, and the next description ACTIVE. Rows of a deleted table and entries of a
deleted index are removed afterwards, some at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ...errors import NotHonoured
from ...fabric import timers
from ...kernel import Call
from . import (
    changes,
    definitions,
    discarding,
    encryption,
    policies,
    replicas,
    rows,
    tables,
    throughputs,
    time_to_live,
)
from .descriptions import describe
from .errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
    invalid,
)
from .limits import GLOBAL_INDEXES
from .service import dynamodb
from .tables import ACTIVE, CREATING, DELETING, UPDATING, Index, Stream, Table

_Given = Mapping[str, Any]
_FILL = 250  # items of one step of filling an index
_DEFAULT_PAGE = 100
_UNTOLD = ("AttributeDefinitions", "KeySchema", "CreationDateTime", "GlobalSecondaryIndexes",
           "LocalSecondaryIndexes",
           "StreamSpecification", "LatestStreamLabel", "LatestStreamArn")  # what DeleteTable does not tell


@dynamodb.operation
def create_table(call: Call, table_name: str, attribute_definitions: Sequence[_Given] | None = None,
                 key_schema: Sequence[_Given] | None = None,
                 local_secondary_indexes: Sequence[_Given] | None = None,
                 global_secondary_indexes: Sequence[_Given] | None = None, billing_mode: str = "PROVISIONED",
                 provisioned_throughput: _Given | None = None, stream_specification: _Given | None = None,
                 tags: Sequence[Mapping[str, str]] | None = None, table_class: str = "STANDARD",
                 deletion_protection_enabled: bool = False,
                 on_demand_throughput: _Given | None = None,
                 sse_specification: _Given | None = None, warm_throughput: _Given | None = None,
                 resource_policy: str | None = None) -> dict[str, Any]:
    """Make a table."""
    encryption.check(sse_specification)
    call, name = tables.locate(call, table_name) if table_name.startswith("arn:") else (call, table_name)
    tables.check_name(name)
    tables.permit_arn(call, tables.arn_named(call, name), "", "CreateTable")
    if not key_schema:
        raise invalid("KeySchema must be specified" if key_schema is None else "KeySchema must not be empty")
    on_demand = billing_mode == "PAY_PER_REQUEST"
    throughput = definitions.throughput_of(provisioned_throughput, on_demand=on_demand)
    throughputs.check(throughput, f"table: {name}")
    defined = definitions.definitions_of(attribute_definitions)
    schema = definitions.schema_of(key_schema, defined, table=True)
    indexes = definitions.indexes_of(local_secondary_indexes, global_secondary_indexes, defined, schema,
                                     on_demand=on_demand)
    definitions.check_definitions_used(defined, [schema, *(index.schema for index in indexes)])
    found = tables.find(call, name)
    if found:
        raise ResourceInUseException(f"Table already exists: {name}")
    table = Table(name=name, id=call.ids.uuid(), rows=call.ids.bytes(6), schema=schema,
                  created_ms=call.now_ms,
                  on_demand=on_demand, billing_ms=call.now_ms, throughput=throughput, indexes=indexes,
                  next_index=len(indexes) + 1, table_class=table_class, protected=deletion_protection_enabled,
                  tags=definitions.tags_of(tags),
                  most=definitions.most_of(on_demand_throughput, on_demand=on_demand))
    if warm_throughput is not None:
        table = _warmed(table, warm_throughput)
    if resource_policy is not None:
        table = policies.given(call, table, resource_policy)
    if stream_specification is not None:
        table = _with_stream(call, table, stream_specification)
    tables.save(call, table)
    return {"TableDescription": describe(call, table, CREATING)}


@dynamodb.operation
def describe_table(call: Call, table_name: str) -> dict[str, Any]:
    """Everything about a table but its items."""
    there, table = tables.described(call, table_name, "DescribeTable")
    return {"Table": describe(there, table)}


@dynamodb.operation
def list_tables(call: Call, exclusive_start_table_name: str | None = None,
                limit: int = _DEFAULT_PAGE) -> dict[str, Any]:
    """The names of tables, in order."""
    after = None if exclusive_start_table_name is None else (exclusive_start_table_name,)
    names = [table.name for _, table in tables.records.items(call, after=after, limit=limit + 1)]
    more = {"LastEvaluatedTableName": names[limit - 1]} if len(names) > limit else {}
    return {"TableNames": names[:limit], **more}


@dynamodb.operation
def delete_table(call: Call, table_name: str) -> dict[str, Any]:
    """Remove a table, at once for whoever asks; its rows are cleared away afterwards."""
    call, table = tables.described(call, table_name, "DeleteTable")
    discarding.check(call, table)
    if table.protected:
        raise ValidationException("Resource cannot be deleted as it is currently protected against deletion. "
                                  "Disable deletion protection first.")
    description = describe(call, table, DELETING)
    replicas.leave(call, table)
    discarding.discard(call, table)
    return {"TableDescription": {name: value for name, value in description.items() if name not in _UNTOLD}}


@dynamodb.operation
def update_table(call: Call, table_name: str, attribute_definitions: Sequence[_Given] | None = None,
                 billing_mode: str | None = None, provisioned_throughput: _Given | None = None,
                 global_secondary_index_updates: Sequence[_Given] | None = None,
                 stream_specification: _Given | None = None, table_class: str | None = None,
                 deletion_protection_enabled: bool | None = None,
                 on_demand_throughput: _Given | None = None,
                 sse_specification: _Given | None = None, warm_throughput: _Given | None = None,
                 replica_updates: Sequence[_Given] | None = None,
                 multi_region_consistency: str | None = None) -> dict[str, Any]:
    """Change a table's settings, its stream, one of its global indexes, or its replicas."""
    encryption.check(sse_specification)
    if multi_region_consistency == "STRONG":
        raise NotHonoured("cloudlet does not honour MultiRegionConsistency STRONG, which AWS gives to tables "
                          "with replicas in exactly three regions.")
    call, table = tables.described(call, table_name, "UpdateTable")
    _require_settled(table)
    if all(given is None for given in (billing_mode, provisioned_throughput, global_secondary_index_updates,
                                       stream_specification, table_class, deletion_protection_enabled,
                                       on_demand_throughput, sse_specification, warm_throughput,
                                       replica_updates)):
        raise ValidationException("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, "
                                  "GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is "
                                  "required")
    if table.replicas and billing_mode == "PROVISIONED":
        raise ValidationException(replicas.NOT_ON_DEMAND)
    table = _with_billing(call, table, billing_mode, provisioned_throughput, on_demand_throughput)
    if stream_specification is not None:
        table = _with_stream(call, table, stream_specification)
    if table_class is not None:
        table = replace(table, table_class=table_class, class_ms=call.now_ms)
    if deletion_protection_enabled is not None:
        table = replace(table, protected=deletion_protection_enabled)
    if global_secondary_index_updates is not None:
        table = _with_indexes(call, table, global_secondary_index_updates, attribute_definitions)
    if warm_throughput is not None:
        table = _warmed(table, warm_throughput)
    if replica_updates is not None:
        table = replicas.change(call, table, replica_updates)
    tables.save(call, table)
    shared = (billing_mode, global_secondary_index_updates, on_demand_throughput)
    if any(given is not None for given in shared):
        for there, other in replicas.others(call, table):
            update_table(there, other.name, attribute_definitions, billing_mode, provisioned_throughput,
                         global_secondary_index_updates, on_demand_throughput=on_demand_throughput)
    return {"TableDescription": describe(call, table, UPDATING)}


def _require_settled(table: Table) -> None:
    """A table that is being filled, or whose replicas are, is not changed meanwhile."""
    if table.status == CREATING:
        raise ResourceInUseException("Attempt to change a resource which is still in use: Table is being "
                                     f"created: {table.name}")


def _warmed(table: Table, given: _Given) -> Table:
    now = throughputs.warm(table.warm, table.throughput, on_demand=table.on_demand)
    return replace(table, warm=throughputs.warmer(given, now, "table"))


def _with_billing(call: Call, table: Table, mode: str | None, provisioned: _Given | None,
                  most: _Given | None) -> Table:
    """The table with another billing mode or other capacities."""
    on_demand = table.on_demand if mode is None else mode == "PAY_PER_REQUEST"
    if mode is not None and on_demand != table.on_demand:
        throughput = definitions.throughput_of(provisioned, on_demand=on_demand)
        indexes = table.indexes if not on_demand else tuple(
            replace(index, throughput=tables.Throughput()) for index in table.indexes)
        table = replace(table, on_demand=on_demand, billing_ms=call.now_ms, throughput=throughput,
                        indexes=indexes)
    elif provisioned is not None:
        throughput = definitions.throughput_of(provisioned, on_demand=on_demand)
        old = table.throughput
        if (throughput.read, throughput.write) == (old.read, old.write):
            raise ValidationException("The provisioned throughput for the table will not change. The "
                                      f"requested value equals the current value. Current ReadCapacityUnits "
                                      f"provisioned for the table: {old.read}. Requested ReadCapacityUnits: "
                                      f"{throughput.read}. Current WriteCapacityUnits provisioned for the "
                                      f"table: {old.write}. Requested WriteCapacityUnits: "
                                      f"{throughput.write}. Refer to the Amazon DynamoDB Developer Guide for "
                                      "current limits and how to request higher limits.")
        table = replace(table, throughput=throughputs.changed(call, old, throughput, f"table: {table.name}"))
    if most is not None:
        table = replace(table, most=definitions.most_of(most, on_demand=on_demand))
    return table


def _with_stream(call: Call, table: Table, given: _Given) -> Table:
    """The table with its stream begun or ended."""
    view, enabled = given.get("StreamViewType"), given["StreamEnabled"]
    running = table.stream is not None and table.stream.enabled
    if not enabled:
        if view is not None:
            raise ValidationException("One or more parameter values were invalid: StreamViewType can only be "
                                      "specified when StreamEnabled is true")
        if not running:
            if not table.created_ms == call.now_ms:
                raise ValidationException("Table is already not enabled for streams: the stream is disabled")
            return table
        assert table.stream
        if table.replicas:
            raise ValidationException(f"The stream of {table.name} can't be disabled while it has replicas")
        changes.end(call, table)
        return replace(table, stream=replace(table.stream, enabled=False))
    if running:
        raise ValidationException(f"Table already has an enabled stream: TableName: {table.name}")
    if view is None:
        raise invalid("StreamViewType must be specified when StreamEnabled is true")
    table = replace(table, stream=Stream(changes.label_of(call, table.name), view))
    changes.begin(call, table)
    return table


def _with_indexes(call: Call, table: Table, given: Sequence[_Given],
                  attributes: Sequence[_Given] | None) -> Table:
    """The table with an index added, removed or changed."""
    if not given:
        raise invalid("GlobalSecondaryIndexUpdates must not be empty")
    made = [one for one in given if one.get("Create") or one.get("Delete")]
    for one in given:
        if sum(one.get(kind) is not None for kind in ("Create", "Delete", "Update")) != 1:
            raise invalid("Each GlobalSecondaryIndexUpdate must have exactly one of Create, Update or Delete")
    if len(made) > 1:
        raise LimitExceededException("Subscriber limit exceeded: Only 1 online index can be created or "
                                     "deleted simultaneously per table")
    for one in given:
        if one.get("Create"):
            table = _create_index(call, table, one["Create"], attributes)
        elif one.get("Delete"):
            table = _delete_index(call, table, one["Delete"]["IndexName"])
        else:
            table = _update_index(call, table, one["Update"])
    return table


def _index(table: Table, name: str) -> Index:
    index = table.index(name)
    if index is None or index.local:
        raise ResourceNotFoundException("Requested resource not found")
    return index


def _create_index(call: Call, table: Table, given: _Given, attributes: Sequence[_Given] | None) -> Table:
    present = {part.name: part.kind for schema in (table.schema, *(index.schema for index in table.indexes))
               for part in schema.parts}
    added = definitions.definitions_of(attributes)
    for name, kind in present.items():
        if added.get(name, kind) != kind:
            raise invalid(f"Cannot redefine attribute {name} in AttributeDefinitions: it is already "
                          f"redefined as {kind} by the table or another index")
    if table.index(given["IndexName"]):
        raise ValidationException("Attempting to create an index which already exists")
    if sum(not index.local for index in table.indexes) >= GLOBAL_INDEXES:
        raise LimitExceededException(f"Number of GlobalSecondaryIndexes exceeds per-table limit of "
                                     f"{GLOBAL_INDEXES}")
    index = definitions.global_index(given, table.next_index, added, on_demand=table.on_demand)
    definitions.check_definitions_used(added, [table.schema, *(one.schema for one in table.indexes),
                                               index.schema])
    definitions.check_indexes([*table.indexes, index])
    timers.schedule(call, fill, at_ms=call.now_ms, id=f"dynamodb/fill/{table.rows.hex()}/{index.number}",
                    table=table.name, rows_id=table.rows, number=index.number, start=b"")
    return replace(table, indexes=(*table.indexes, replace(index, status=CREATING)),
                   next_index=table.next_index + 1)


def _delete_index(call: Call, table: Table, name: str) -> Table:
    index = _index(table, name)
    timers.schedule(call, time_to_live.clear, at_ms=call.now_ms,
                    id=f"dynamodb/clear/{table.rows.hex()}/{index.number}",
                    ranges=[rows.everything(call.account, call.region, table.rows, index.number)])
    return replace(table, indexes=tuple(one for one in table.indexes if one is not index))


def _update_index(call: Call, table: Table, given: _Given) -> Table:
    index = _index(table, given["IndexName"])
    changed = index
    if given.get("ProvisionedThroughput") is not None:
        wanted = definitions.throughput_of(given["ProvisionedThroughput"], on_demand=table.on_demand,
                                           index=index.name)
        changed = replace(changed, throughput=throughputs.changed(call, index.throughput, wanted,
                                                                  f"index: {index.name}"))
    if given.get("OnDemandThroughput") is not None:
        changed = replace(changed, most=definitions.most_of(given["OnDemandThroughput"],
                                                            on_demand=table.on_demand))
    if given.get("WarmThroughput") is not None:
        now = throughputs.warm(index.warm, index.throughput, on_demand=table.on_demand)
        changed = replace(changed, warm=throughputs.warmer(given["WarmThroughput"], now,
                                                           f"index {index.name}"))
    return replace(table, indexes=tuple(changed if one is index else one for one in table.indexes))


@dynamodb.task
def fill(call: Call, table: str, rows_id: bytes, number: int, start: bytes) -> None:
    """Enter the items that were there before the index, some at a time; writes meanwhile enter themselves."""
    found = tables.find(call, table)
    index = next((one for one in found.indexes if one.number == number), None) if found else None
    if found is None or found.rows != rows_id or index is None:
        return
    prefix = tables.space(call, found)
    pairs = list(call.tx.scan(prefix + start, prefix + b"\xff" * 12, limit=_FILL))
    for key, raw in pairs:
        call.tx.steady(key)  # who changes it just now would leave a wrong entry behind
        rows.add_entry(call, found, index, key[len(prefix):], rows.item_of(raw))
    if len(pairs) == _FILL:
        timers.schedule(call, fill, at_ms=call.now_ms, id=f"dynamodb/fill/{pairs[-1][0].hex()}/{number}",
                        table=table,
                        rows_id=rows_id, number=number, start=pairs[-1][0][len(prefix):] + b"\0")
        return
    indexes = tuple(replace(one, status=ACTIVE) if one is index else one for one in found.indexes)
    tables.save(call, replace(found, indexes=indexes))
