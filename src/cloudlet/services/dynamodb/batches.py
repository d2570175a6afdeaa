"""BatchGetItem and BatchWriteItem: many single requests in one, without a promise to do all."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...kernel import Call
from . import keys, projections, rows, tables, throttling
from .capacity import Units, collection_metrics, consumed, read_units, write_units
from .errors import ValidationException
from .items import wanted
from .limits import BATCH_GET_BYTES, BATCH_GET_KEYS, BATCH_WRITES
from .rows import Row
from .service import dynamodb
from .tables import Table
from .values import Item, admit_item, check_size

_DUPLICATES = "Provided list of item keys contains duplicates"


@dynamodb.operation
def batch_get_item(call: Call, request_items: Mapping[str, Mapping[str, Any]],
                   return_consumed_capacity: str | None = None) -> dict[str, Any]:
    """Items by key, of several tables; what does not fit 16 MB comes back as UnprocessedKeys."""
    if sum(len(one["Keys"]) for one in request_items.values()) > BATCH_GET_KEYS:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    trees = {name: wanted(one.get("ProjectionExpression"), one.get("ExpressionAttributeNames"),
                          one.get("AttributesToGet")) for name, one in request_items.items()}
    admitted = {name: [admit_item(key)[0] for key in one["Keys"]] for name, one in request_items.items()}
    found, left, costs = dict[str, Any](), {}, []
    room = BATCH_GET_BYTES
    for name, one in request_items.items():
        there, table = tables.get(call, name, "BatchGetItem")
        positions = _positions(table, admitted[name])
        tree, consistent = trees[name], bool(one.get("ConsistentRead"))
        units, items = Units(), []
        for n, at in enumerate(positions):
            if room <= 0:
                left[name] = {**one, "Keys": one["Keys"][n:]}
                break
            raw = rows.find(there, table, at)
            size = 0 if raw is None else rows.size_in(raw)
            cost = Units(read_units(size, consistent=consistent))
            refused = throttling.refusal(there, table, "Read", cost)
            if refused is not None:
                if not (n or found):
                    raise refused
                left[name] = {**one, "Keys": one["Keys"][n:]}
                break
            units.add(cost)
            room -= size
            if raw is not None:
                items.append(rows.shown(call, raw) if tree is None
                             else projections.project(rows.item_of(raw), tree))
        found[name] = items
        costs.append(consumed(there, table, name, return_consumed_capacity, units))
    return {"Responses": found, "UnprocessedKeys": left,
            **({"ConsumedCapacity": costs} if costs and costs[0] is not None else {})}


@dynamodb.operation
def batch_write_item(call: Call, request_items: Mapping[str, Sequence[Mapping[str, Any]]],
                     return_consumed_capacity: str | None = None,
                     return_item_collection_metrics: str | None = None) -> dict[str, Any]:
    """Puts and deletes in several tables; all of them happen, but for what finds its table throttled."""
    if sum(map(len, request_items.values())) > BATCH_WRITES:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    admitted = {name: [_admit(request) for request in requests] for name, requests in request_items.items()}
    work = []
    for name, requests in admitted.items():
        there, table = tables.get(call, name, "BatchWriteItem")
        positions = _positions(table, [key for key, _ in requests], [new for _, new in requests])
        work.append((name, there, table, requests, positions))
    costs, left, enforced = list[Any](), {}, throttling.is_enforced(call)
    metrics: dict[str, list[dict[str, Any]]] = {}
    for name, there, table, requests, positions in work:
        units, blind = Units(), table.plain and not enforced and return_consumed_capacity in (None, "NONE")
        for n, ((key, new), at) in enumerate(zip(requests, positions, strict=True)):
            old = None if blind and new is not None else rows.read(there, table, at)
            refused = throttling.refusal(there, table, "Write", write_units(table, at, old, new)) \
                if enforced else None
            if refused is not None:
                if not (n or costs):
                    raise refused
                left[name] = request_items[name][n:]
                break
            rows.write(there, table, at, old, new)
            if return_consumed_capacity is not None:
                units.add(write_units(table, at, old, new))
            metric = collection_metrics(table, return_item_collection_metrics, new.item if new else key)
            if metric:
                metrics.setdefault(name, []).append(metric)
        costs.append(consumed(there, table, name, return_consumed_capacity, units))
    return {"UnprocessedItems": left, **({"ItemCollectionMetrics": metrics} if metrics else {}),
            **({"ConsumedCapacity": costs} if costs and costs[0] is not None else {})}


def _admit(request: Mapping[str, Any]) -> tuple[Item, Row | None]:
    """The key and the new item of one request; a delete has no new item."""
    if not request:
        raise ValidationException("Supplied AttributeValue is empty, must contain exactly one of the "
                                  "supported datatypes")
    put, delete = request.get("PutRequest"), request.get("DeleteRequest")
    if put is not None and delete is not None:
        raise ValidationException("Supplied AttributeValue has more than one datatypes set, must contain "
                                  "exactly one of the supported datatypes")
    if put is not None:
        new = Row(*admit_item(put["Item"]))
        check_size(new.size)
        return new.item, new
    if delete is not None:
        return admit_item(delete["Key"])[0], None
    raise ValidationException("Supplied AttributeValue is empty, must contain exactly one of the supported "
                              "datatypes")


def _positions(table: Table, given: Sequence[Item], news: Sequence[Row | None] | None = None) -> list[bytes]:
    """Where the items lie; no two requests may be about one item."""
    found = []
    for n, key in enumerate(given):
        if news is not None and news[n] is not None:
            keys.check_batched(key, table)
        else:
            keys.check_key(key, table)
        found.append(keys.key_of(key, table.schema))
    if len(set(found)) < len(found):
        raise ValidationException(_DUPLICATES)
    return found
