"""Query and Scan: pages of items from a range of keys, of a table or an index."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw, Struct

from ...kernel import Call
from ...store import Pair
from . import keys, legacy, projections, rows, tables, throttling
from .capacity import Units, consumed, projected, projected_names, read_units
from .conditions import holds
from .errors import ValidationException, invalid
from .grammar import condition, projection
from .limits import PAGE_BYTES, SCAN_PARTITIONS
from .placeholders import exclusive, placeholders
from .projections import Tree
from .ranges import Range, legacy_condition, range_of
from .rows import Row
from .service import dynamodb
from .syntax import Condition, top_level
from .tables import Index, Table
from .values import Item, admit_item, show, size_of

_START = "The provided starting key is invalid"
_Filters = Mapping[str, Mapping[str, Any]]


class Wanted(Struct):
    """What a Query or Scan asks for, once it is understood."""

    table: Table
    index: Index | None
    span: Range
    limit: int | None = None
    start: Item | None = None
    reverse: bool = False
    filter: Condition | None = None
    tree: Tree | None = None
    count_only: bool = False
    consistent: bool = False
    least: int = 0  # bytes that it counts for at least
    whole: bool = False  # read the item itself where a local index holds less of it


class _Found(NamedTuple):
    """What a page came to."""

    items: Sequence[Item | Raw]
    matched: int
    scanned: int
    bytes: int  # that were read where the entries lie
    fetched: float = 0.0  # units for what a local index had to get from its table
    last: Item | None = None  # if there may be more


@dynamodb.operation
def query(call: Call, table_name: str, index_name: str | None = None, select: str | None = None,
          attributes_to_get: list[str] | None = None, limit: int | None = None, consistent_read: bool = False,
          key_conditions: _Filters | None = None, query_filter: _Filters | None = None,
          conditional_operator: str | None = None, scan_index_forward: bool = True,
          exclusive_start_key: Item | None = None, return_consumed_capacity: str | None = None,
          projection_expression: str | None = None, filter_expression: str | None = None,
          key_condition_expression: str | None = None, expression_attribute_names: dict[str,
                                                                                        str] | None = None,
          expression_attribute_values: Item | None = None) -> dict[str, Any]:
    """Items of one partition in the order of their sort keys."""
    modern = {"KeyConditionExpression": key_condition_expression, "FilterExpression": filter_expression,
              "ProjectionExpression": projection_expression}
    exclusive(modern, {"AttributesToGet": attributes_to_get, "QueryFilter": query_filter,
                       "ConditionalOperator": conditional_operator})
    if key_condition_expression is not None:
        exclusive(modern, {"KeyConditions": key_conditions})
    holders = placeholders(expression_attribute_names, expression_attribute_values,
                           FilterExpression=filter_expression,
                           KeyConditionExpression=key_condition_expression,
                           ProjectionExpression=projection_expression)
    where = (condition(filter_expression, holders, "FilterExpression") if filter_expression is not None
             else legacy.filters(query_filter, conditional_operator))
    tree = (projections.tree_of(projection(projection_expression, holders))
            if projection_expression is not None
            else _names(attributes_to_get))
    by_key = (condition(key_condition_expression, holders, "KeyConditionExpression")
              if key_condition_expression is not None else None)
    holders.finish()
    if by_key is None and not key_conditions:
        raise ValidationException("Either the KeyConditions or KeyConditionExpression parameter must be "
                                  "specified in the request." if key_conditions is None else
                                  "Conditions can be of length 1 or 2 only")
    _check_select(select, tree, projection_expression is not None, index_name)
    start = None if exclusive_start_key is None else _starting(exclusive_start_key)
    there, table = tables.get(call, table_name, "Query")
    index = _index_of(table, index_name, consistent_read)
    schema = index.schema if index else table.schema
    span = range_of(by_key if by_key is not None else legacy_condition(key_conditions or {}, schema), schema)
    _check_filter(where, schema.names, filter_expression is not None)
    wanted = Wanted(table, index, span, limit, start, not scan_index_forward, where,
                    tree, select == "COUNT", consistent_read, whole=outside(table, index, select, tree))
    _check_start(wanted, query=True)
    return page(there, wanted, table_name, return_consumed_capacity)


@dynamodb.operation
def scan(call: Call, table_name: str, index_name: str | None = None,
         attributes_to_get: list[str] | None = None,
         limit: int | None = None, select: str | None = None, scan_filter: _Filters | None = None,
         conditional_operator: str | None = None, exclusive_start_key: Item | None = None,
         return_consumed_capacity: str | None = None, total_segments: int | None = None,
         segment: int | None = None,
         projection_expression: str | None = None, filter_expression: str | None = None,
         expression_attribute_names: dict[str, str] | None = None,
         expression_attribute_values: Item | None = None, consistent_read: bool = False) -> dict[str, Any]:
    """Every item of a table or an index, page by page; segments are read independently of one another."""
    exclusive({"FilterExpression": filter_expression, "ProjectionExpression": projection_expression},
              {"AttributesToGet": attributes_to_get, "ScanFilter": scan_filter,
               "ConditionalOperator": conditional_operator})
    _check_segments(segment, total_segments)
    holders = placeholders(expression_attribute_names, expression_attribute_values,
                           FilterExpression=filter_expression, ProjectionExpression=projection_expression)
    where = (condition(filter_expression, holders, "FilterExpression") if filter_expression is not None
             else legacy.filters(scan_filter, conditional_operator))
    tree = (projections.tree_of(projection(projection_expression, holders))
            if projection_expression is not None
            else _names(attributes_to_get))
    holders.finish()
    _check_select(select, tree, projection_expression is not None, index_name)
    start = None if exclusive_start_key is None else _starting(exclusive_start_key)
    there, table = tables.get(call, table_name, "Scan")
    index = _index_of(table, index_name, consistent_read)
    low, high = keys.segment(segment or 0, total_segments or 1)
    wanted = Wanted(table, index, Range(low, high), limit, start, False, where,
                    tree, select == "COUNT", consistent_read, whole=outside(table, index, select, tree))
    _check_start(wanted, query=False)
    if table.on_demand and index is None and total_segments is None:
        wanted.least = SCAN_PARTITIONS * 4096
    return page(there, wanted, table_name, return_consumed_capacity)


def page(call: Call, wanted: Wanted, name: str, mode: str | None) -> dict[str, Any]:
    """A page of what is wanted: read until the limit, a megabyte, or the end."""
    table, index = wanted.table, wanted.index
    prefix = tables.space(call, table, index)
    start, stop = prefix + wanted.span.start, prefix + wanted.span.stop
    if wanted.start is not None:
        at = prefix + _position(wanted, wanted.start)
        start, stop = (start, at) if wanted.reverse else (at + b"\0", stop)
    pairs = rows.span(call.tx, start, stop, reverse=wanted.reverse,
                      first=wanted.limit or 100) if start < stop else ()
    closely = (wanted.filter is not None or wanted.tree is not None
               or (index is not None and index.projection != "ALL"))
    found = _looked_into(call, wanted, pairs) if closely else _as_they_lie(call, wanted, pairs)
    answer: dict[str, Any] = {"Count": found.matched, "ScannedCount": found.scanned}
    if not wanted.count_only:
        answer["Items"] = found.items
    if found.last is not None:
        names = (*index.schema.names, *table.schema.names) if index else table.schema.names
        answer["LastEvaluatedKey"] = {name: found.last[name] for name in names}
    if mode is not None or throttling.is_enforced(call):
        cost = read_units(max(found.bytes, wanted.least), consistent=wanted.consistent)
        units = Units(found.fetched, {index.name: cost}) if index else Units(cost)
        throttling.read(call, table, units)
        capacity = consumed(call, table, name, mode, units)
        if capacity is not None:
            answer["ConsumedCapacity"] = capacity
    return answer


def _as_they_lie(call: Call, wanted: Wanted, pairs: Iterable[Pair]) -> "_Found":
    """Items that are wanted whole, whatever is in them: none is decoded but the last of a page."""
    found: list[bytes] = []
    taken = 0
    last: Item | None = None
    for _, raw in pairs:
        if wanted.index is not None:
            raw = _behind(call, wanted, raw)
        found.append(raw)
        taken += rows.size_in(raw)
        if len(found) == wanted.limit or taken >= PAGE_BYTES:
            last = rows.item_of(raw)
            break
    items = () if wanted.count_only else [rows.shown(call, raw) for raw in found]
    return _Found(items, len(found), len(found), taken, last=last)


def _looked_into(call: Call, wanted: Wanted, pairs: Iterable[Pair]) -> "_Found":
    """Items of which a part is wanted, or only some."""
    found: list[Item] = []
    scanned = matched = 0
    read = taken = 0  # bytes that were read where the entries lie, and bytes of the items that came of it
    fetched = 0.0
    last: Item | None = None
    for _, raw in pairs:
        row, size = _row(call, wanted, raw)
        item = row.item
        scanned += 1
        read, taken = read + size, taken + row.size
        if wanted.whole:
            fetched += read_units(row.size, consistent=wanted.consistent)
        if wanted.filter is None or holds(wanted.filter, item):
            matched += 1
            if not wanted.count_only:
                found.append(item if wanted.tree is None else projections.project(item, wanted.tree))
        if scanned == wanted.limit or taken >= PAGE_BYTES:
            last = item
            break
    return _Found(found, matched, scanned, read, fetched, last)


def _row(call: Call, wanted: Wanted, raw: bytes) -> tuple[Row, int]:
    """A row, or that of an index's entry as far as the index holds it; and the bytes read where it stood."""
    index = wanted.index
    if index is None:
        row = rows.row_of(raw)
        return row, row.size
    found = rows.row_of(_behind(call, wanted, raw))
    if index.projection == "ALL":
        return found, found.size
    item = projected(wanted.table, index, found.item)
    size = size_of(item)
    return (found if wanted.whole else Row(item, size)), size


def _behind(call: Call, wanted: Wanted, key: bytes) -> bytes:
    """The row that an index's entry stands for."""
    raw = rows.find(call, wanted.table, key)
    assert raw is not None, "an index's entry goes with its item"
    return raw


def _names(attributes: Sequence[str] | None) -> Tree | None:
    return None if attributes is None else projections.tree_of_names(legacy.attributes(attributes))


def _index_of(table: Table, name: str | None, consistent: bool) -> Index | None:
    if name is None:
        return None
    index = table.index(name)
    if index is None:
        raise ValidationException(f"The table does not have the specified index: {name}")
    if consistent and not index.local:
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    if index.status != tables.ACTIVE:
        raise ValidationException(f"Cannot read from backfilling global secondary index: {name}")
    return index


def _check_select(select: str | None, tree: Tree | None, expression: bool, index: str | None) -> None:
    """Select agrees with what else is asked for."""
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if select == "SPECIFIC_ATTRIBUTES" and tree is None:
        raise invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get "
                      "SPECIFIC_ATTRIBUTES")
    if tree is not None and select not in (None, "SPECIFIC_ATTRIBUTES"):
        what = "ProjectionExpression" if expression else "AttributesToGet"
        shown = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the {what} when choosing to get {shown}")


def outside(table: Table, index: Index | None, select: str | None, tree: Tree | None) -> bool:
    """Whether more is wanted than the index holds: a local index then reads the table, a global one can't."""
    if index is None or index.projection == "ALL":
        return False
    held = projected_names(table, index)
    more = [str(name) for name in tree or () if name not in held]
    if index.local:
        return select == "ALL_ATTRIBUTES" or bool(more)
    if select == "ALL_ATTRIBUTES":
        raise invalid("Select type ALL_ATTRIBUTES is not supported for global secondary index "
                      f"{index.name} because its projection type is not ALL")
    if more:
        raise invalid(f"Global secondary index {index.name} does not project "
                      f"[{', '.join(more)}]")
    return False


def _check_filter(where: Condition | None, names: Sequence[str], expression: bool) -> None:
    for name in names:
        if where is not None and name in top_level(where):
            raise ValidationException(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: "
                f"{name}"
                if expression else
                f"QueryFilter can only contain non-primary key attributes: Primary key attribute: {name}")


def _check_segments(segment: int | None, total: int | None) -> None:
    if segment is None and total is None:
        return
    if total is None:
        raise ValidationException("The TotalSegments parameter is required but was not present in the "
                                  "request when Segment parameter is present")
    if segment is None:
        raise ValidationException("The Segment parameter is required but was not present in the request when "
                                  "parameter TotalSegments is present")
    if segment >= total:
        raise ValidationException("The Segment parameter is zero-based and must be less than parameter "
                                  f"TotalSegments: Segment: {segment} is not less than TotalSegments: "
                                  f"{total}")


def _starting(given: Item) -> Item:
    try:
        return admit_item(given)[0]
    except ValidationException as error:
        raise invalid(f"The provided starting key is invalid: {error}") from None


def _check_start(wanted: Wanted, *, query: bool) -> None:
    """ExclusiveStartKey is a key of the table (and index), inside what is read."""
    if wanted.start is None:
        return
    table, index = wanted.table, wanted.index
    parts = {part.name: part for part in (*(index.schema.parts if index else ()), *table.schema.parts)}
    if index is None:
        try:
            keys.check_key(wanted.start, table)
        except ValidationException as error:
            raise ValidationException(f"{_START}: {error}") from None
    elif set(wanted.start) != set(parts) or any(
            part.kind not in wanted.start[name] for name, part in parts.items()):
        raise ValidationException(_START)
    at = _position(wanted, wanted.start)
    inside = wanted.span.start <= at < wanted.span.stop
    if not query and not inside:
        raise ValidationException(f"{_START}: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                                  "correct Segment.")
    if query and index is None and not table.schema.range:
        shown = ", ".join(f"{name}=AttributeValue: {show(value)}" for name, value in wanted.start.items())
        raise ValidationException(f"The provided exclusive start key is invalid: ExclusiveStartKey: "
                                  f"{{{shown}}}")
    if query and wanted.span.start[:4] != at[:4]:
        raise ValidationException("The provided starting key is outside query boundaries based on provided "
                                  "conditions")
    if query and not inside:
        raise ValidationException("The provided starting key does not match the range key predicate")


def _position(wanted: Wanted, key: Item) -> bytes:
    """Where a key stands in what is read."""
    at = keys.key_of(key, wanted.table.schema)
    return at if wanted.index is None else keys.key_of(key, wanted.index.schema) + at[4:]
