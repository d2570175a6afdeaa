"""A table as DescribeTable tells of it.

DynamoDB counts items every six hours; here the count is exact for small tables, and for larger ones told
from how much of the key space the first thousand items take: it costs the same for any size.
"""

from typing import Any

from ...kernel import Call
from . import keys, throughputs
from .rows import everything, find, size_in
from .tables import CREATING, Index, Restored, Schema, Table, Throughput, arn_of, stream_arn

_COUNTED = 1000
_STREAM_VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


def describe(call: Call, table: Table, status: str = "ACTIVE") -> dict[str, Any]:
    """The TableDescription; while a table is being filled it is CREATING, whatever else it is said to be."""
    status = table.status if table.status == CREATING else status
    count, size = (0, 0) if status == CREATING else counted(call, table)
    warm = throughputs.warm(table.warm, table.throughput, on_demand=table.on_demand)
    found: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind}
                                 for name, kind in _attributes(table).items()],
        "TableName": table.name, "KeySchema": schema(table.schema), "TableStatus": status,
        "CreationDateTime": table.created_ms / 1000,
        "ProvisionedThroughput": _throughput(table.throughput, call.now_ms),
        "WarmThroughput": throughputs.described(warm), "TableSizeBytes": size, "ItemCount": count,
        "TableArn": arn_of(call, table), "TableId": table.id, "DeletionProtectionEnabled": table.protected}
    if table.on_demand or table.billing_ms != table.created_ms:
        found["BillingModeSummary"] = {"BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED"}
        if table.on_demand:
            found["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] = table.billing_ms / 1000
    if table.most != (-1, -1):
        found["OnDemandThroughput"] = most(table.most)
    if table.class_ms or table.table_class != "STANDARD":
        found["TableClassSummary"] = {"TableClass": table.table_class,
                                      "LastUpdateDateTime": table.class_ms / 1000}
    if table.restored:
        found["RestoreSummary"] = _restored(table.restored, busy=table.status == CREATING)
    if table.replicas:
        found["GlobalTableVersion"] = "2019.11.21"
        found["Replicas"] = [{"RegionName": one.region, "ReplicaStatus": one.status}
                             for one in table.replicas]
    if table.stream:
        found["LatestStreamLabel"] = table.stream.label
        found["LatestStreamArn"] = stream_arn(call, table)
        if table.stream.enabled:
            found["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream.view}
    local = [_index(call, table, index, status) for index in table.indexes if index.local]
    others = [_index(call, table, index, status) for index in table.indexes if not index.local]
    return {**found, **({"LocalSecondaryIndexes": local} if local else {}),
            **({"GlobalSecondaryIndexes": others} if others else {})}


def schema(given: Schema) -> list[dict[str, str]]:
    """A KeySchema."""
    return [{"AttributeName": part.name, "KeyType": kind}
            for kind, parts in (("HASH", given.hash), ("RANGE", given.range)) for part in parts]


def counted(call: Call, table: Table, index: Index | None = None) -> tuple[int, int]:
    """How many items there are and how many bytes, exactly up to a thousand and about above."""
    start, stop = everything(call.account, call.region, table.rows, index.number if index else 0)
    pairs = list(call.tx.scan(start, stop, limit=_COUNTED))
    if index is None:
        size = sum(size_in(raw) for _, raw in pairs)
    else:
        size = sum(size_in(find(call, table, key) or b"") for _, key in pairs)
    if len(pairs) < _COUNTED:
        return len(pairs), size
    part = keys.fraction(pairs[-1][0][len(start):]) or 1.0
    return round(len(pairs) / part), round(size / part)


def _index(call: Call, table: Table, index: Index, status: str) -> dict[str, Any]:
    count, size = (0, 0) if status == CREATING else counted(call, table, index)
    found: dict[str, Any] = {
        **_shape(index), "IndexSizeBytes": size, "ItemCount": count,
        "IndexArn": f"{arn_of(call, table)}/index/{index.name}"}
    if not index.local:
        found["IndexStatus"] = CREATING if status == CREATING else index.status
        found["ProvisionedThroughput"] = _throughput(index.throughput, call.now_ms)
        found["WarmThroughput"] = throughputs.described(
            throughputs.warm(index.warm, index.throughput, on_demand=table.on_demand))
        if index.status == CREATING:
            found["Backfilling"] = True
        if index.most != (-1, -1):
            found["OnDemandThroughput"] = most(index.most)
    return found


def _shape(index: Index) -> dict[str, Any]:
    return {"IndexName": index.name, "KeySchema": schema(index.schema),
            "Projection": {"ProjectionType": index.projection,
                           **({"NonKeyAttributes": list(index.others)} if index.others else {})}}


def kept_index(index: Index) -> dict[str, Any]:
    """An index as the description of a backup has it."""
    found = _shape(index)
    if not index.local:
        found["ProvisionedThroughput"] = {"ReadCapacityUnits": index.throughput.read,
                                          "WriteCapacityUnits": index.throughput.write}
        if index.most != (-1, -1):
            found["OnDemandThroughput"] = most(index.most)
    return found


def _attributes(table: Table) -> dict[str, str]:
    return {part.name: part.kind for one in (table.schema, *(index.schema for index in table.indexes))
            for part in one.parts}


def _restored(given: Restored, *, busy: bool) -> dict[str, Any]:
    arns = {"SourceTableArn": given.table_arn, "SourceBackupArn": given.backup_arn}
    return {**{name: arn for name, arn in arns.items() if arn}, "RestoreDateTime": given.at_ms / 1000,
            "RestoreInProgress": busy}


def _throughput(given: Throughput, now_ms: int) -> dict[str, Any]:
    found: dict[str, Any] = {"NumberOfDecreasesToday": throughputs.decreases_today(given, now_ms),
                             "ReadCapacityUnits": given.read, "WriteCapacityUnits": given.write}
    if given.increased_ms:
        found["LastIncreaseDateTime"] = given.increased_ms / 1000
    if given.decreased_ms:
        found["LastDecreaseDateTime"] = given.decreased_ms / 1000
    return found


def most(given: tuple[int, int]) -> dict[str, int]:
    """An OnDemandThroughput."""
    return {"MaxReadRequestUnits": given[0], "MaxWriteRequestUnits": given[1]}
