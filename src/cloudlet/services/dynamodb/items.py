"""PutItem, GetItem, UpdateItem and DeleteItem."""

from typing import Any

from ...kernel import Call
from . import keys, legacy, projections, rows, tables, throttling, updates
from .capacity import Units, collection_metrics, consumed, read_units, write_units
from .errors import ValidationException, invalid
from .grammar import projection, update
from .guards import check, guard_of
from .limits import ITEM_BYTES
from .placeholders import exclusive, placeholders
from .projections import Tree
from .rows import Row
from .service import dynamodb
from .syntax import Path, Update
from .tables import Table
from .values import Item, admit_item, check_nesting, check_size, size_of

_Named = dict[str, dict[str, Any]]


@dynamodb.operation
def put_item(call: Call, table_name: str, item: Item, expected: _Named | None = None,
             return_values: str | None = None, return_consumed_capacity: str | None = None,
             return_item_collection_metrics: str | None = None, conditional_operator: str | None = None,
             condition_expression: str | None = None,
                expression_attribute_names: dict[str, str] | None = None,
             expression_attribute_values: Item | None = None,
             return_values_on_condition_check_failure: str | None = None) -> dict[str, Any]:
    """Write an item, in the place of one with its key."""
    exclusive({"ConditionExpression": condition_expression},
              {"Expected": expected, "ConditionalOperator": conditional_operator})
    _only_old(return_values)
    new = Row(*admit_item(item))
    holders = placeholders(expression_attribute_names, expression_attribute_values,
                           ConditionExpression=condition_expression)
    guard = guard_of(condition_expression, holders, expected, conditional_operator)
    holders.finish()
    there, table = tables.get(call, table_name, "PutItem")
    check_size(new.size)
    keys.check_item(new.item, table)
    key = keys.key_of(new.item, table.schema)
    blind = (guard is None and return_values in (None, "NONE") and return_consumed_capacity in (None, "NONE")
             and table.plain and not throttling.is_enforced(call))
    old = None if blind else rows.read(there, table, key)
    check(guard, old, return_values_on_condition_check_failure)
    throttling.write(there, table, key, old, new)
    rows.write(there, table, key, old, new)
    if blind and return_item_collection_metrics is None:
        return {}
    answer: dict[str, Any] = {"Attributes": old.item} if return_values == "ALL_OLD" and old else {}
    return _with_costs(answer, there, table, table_name,
                       _units(return_consumed_capacity, table, key, old, new), new.item,
                       return_consumed_capacity, return_item_collection_metrics)


@dynamodb.operation
def delete_item(call: Call, table_name: str, key: Item, expected: _Named | None = None,
                conditional_operator: str | None = None, return_values: str | None = None,
                return_consumed_capacity: str | None = None,
                return_item_collection_metrics: str | None = None,
                condition_expression: str | None = None,
                expression_attribute_names: dict[str, str] | None = None,
                expression_attribute_values: Item | None = None,
                return_values_on_condition_check_failure: str | None = None) -> dict[str, Any]:
    """Remove an item, if it is there."""
    exclusive({"ConditionExpression": condition_expression},
              {"Expected": expected, "ConditionalOperator": conditional_operator})
    _only_old(return_values)
    admitted, _ = admit_item(key)
    holders = placeholders(expression_attribute_names, expression_attribute_values,
                           ConditionExpression=condition_expression)
    guard = guard_of(condition_expression, holders, expected, conditional_operator)
    holders.finish()
    there, table = tables.get(call, table_name, "DeleteItem")
    keys.check_key(admitted, table)
    at = keys.key_of(admitted, table.schema)
    old = rows.read(there, table, at)
    check(guard, old, return_values_on_condition_check_failure)
    throttling.write(there, table, at, old, None)
    rows.write(there, table, at, old, None)
    answer: dict[str, Any] = {"Attributes": old.item} if return_values == "ALL_OLD" and old else {}
    return _with_costs(answer, there, table, table_name,
                       _units(return_consumed_capacity, table, at, old, None), admitted,
                       return_consumed_capacity, return_item_collection_metrics)


@dynamodb.operation
def get_item(call: Call, table_name: str, key: Item, attributes_to_get: list[str] | None = None,
             consistent_read: bool = False, return_consumed_capacity: str | None = None,
             projection_expression: str | None = None,
             expression_attribute_names: dict[str, str] | None = None) -> dict[str, Any]:
    """Read the item with a key."""
    tree = None
    if (projection_expression is not None or attributes_to_get is not None
            or expression_attribute_names is not None):
        tree = wanted(projection_expression, expression_attribute_names, attributes_to_get)
    admitted, _ = admit_item(key)
    there, table = tables.get(call, table_name, "GetItem")
    keys.check_key(admitted, table)
    raw = rows.find(there, table, keys.key_of(admitted, table.schema))
    answer: dict[str, Any] = {}
    if raw is not None:
        answer["Item"] = (rows.shown(call, raw) if tree is None
                          else projections.project(rows.item_of(raw), tree))
    if return_consumed_capacity is not None or throttling.is_enforced(call):
        units = Units(read_units(rows.size_in(raw) if raw else 0, consistent=consistent_read))
        throttling.read(there, table, units)
        return _with_costs(answer, there, table, table_name, units, admitted, return_consumed_capacity, None)
    return answer


@dynamodb.operation
def update_item(call: Call, table_name: str, key: Item, attribute_updates: _Named | None = None,
                expected: _Named | None = None, conditional_operator: str | None = None,
                return_values: str | None = None, return_consumed_capacity: str | None = None,
                return_item_collection_metrics: str | None = None, update_expression: str | None = None,
                condition_expression: str | None = None,
                expression_attribute_names: dict[str, str] | None = None,
                expression_attribute_values: Item | None = None,
                return_values_on_condition_check_failure: str | None = None) -> dict[str, Any]:
    """Change attributes of an item, or write it if it is not there."""
    exclusive({"UpdateExpression": update_expression, "ConditionExpression": condition_expression},
              {"AttributeUpdates": attribute_updates, "Expected": expected,
               "ConditionalOperator": conditional_operator})
    admitted, _ = admit_item(key)
    holders = placeholders(expression_attribute_names, expression_attribute_values,
                           UpdateExpression=update_expression, ConditionExpression=condition_expression)
    change = (update(update_expression, holders) if update_expression is not None
              else legacy.updates(attribute_updates or {}))
    guard = guard_of(condition_expression, holders, expected, conditional_operator)
    holders.finish()
    there, table = tables.get(call, table_name, "UpdateItem")
    keys.check_key(admitted, table)
    check_untouched(change, table)
    at = keys.key_of(admitted, table.schema)
    old = rows.read(there, table, at)
    check(guard, old, return_values_on_condition_check_failure)
    new = changed(table, admitted, change, old)
    throttling.write(there, table, at, old, new)
    if new is not None:
        rows.write(there, table, at, old, new)
    answer = returned(return_values, change.paths, old, new)
    return _with_costs(answer, there, table, table_name,
                       _units(return_consumed_capacity, table, at, old, new), admitted,
                       return_consumed_capacity, return_item_collection_metrics)


def wanted(expression: str | None, names: dict[str, str] | None, attributes: list[str] | None) -> Tree | None:
    """What a read asks for, in whichever of the two ways; None is everything."""
    exclusive({"ProjectionExpression": expression}, {"AttributesToGet": attributes})
    holders = placeholders(names, None, ProjectionExpression=expression)
    if expression is not None:
        tree = projections.tree_of(projection(expression, holders))
        holders.finish()
        return tree
    return None if attributes is None else projections.tree_of_names(legacy.attributes(attributes))


def check_untouched(change: Update, table: Table) -> None:
    """An update may not write the key."""
    for path in change.paths:
        if path.steps[0] in table.schema.names:
            raise invalid(f"Cannot update attribute {path.steps[0]}. This attribute is part of the key")


def changed(table: Table, key: Item, change: Update, old: Row | None) -> Row | None:
    """The item after an update; None if there was none and the update brings none about."""
    if old is None and change.only_removes:
        return None
    item = rows.copied(old.item) if old else dict(key)
    updates.apply(change, item)
    check_nesting(item)
    new = Row(item, size_of(item))
    if new.size > ITEM_BYTES:
        raise ValidationException("Item size to update has exceeded the maximum allowed size")
    if table.indexes:
        keys.check_indexed(item, table.indexes)
    return new


def returned(mode: str | None, paths: tuple[Path, ...], old: Row | None, new: Row | None) -> dict[str, Any]:
    """The Attributes that ReturnValues asks for."""
    row = old if mode in ("ALL_OLD", "UPDATED_OLD") else new
    if mode in (None, "NONE") or row is None:
        return {}
    if mode in ("ALL_OLD", "ALL_NEW"):
        return {"Attributes": row.item}
    part = projections.project(row.item, projections.tree_of(paths))
    return {"Attributes": part} if part else {}


def _units(mode: str | None, table: Table, key: bytes, old: Row | None, new: Row | None) -> Units:
    """What a write cost, if anybody wants to know."""
    return Units() if mode in (None, "NONE") else write_units(table, key, old, new)


def _only_old(return_values: str | None) -> None:
    if return_values not in (None, "NONE", "ALL_OLD"):
        raise ValidationException("Return values set to invalid value")


def _with_costs(answer: dict[str, Any], call: Call, table: Table, name: str, units: Units, item: Item,
                mode: str | None, metrics: str | None) -> dict[str, Any]:
    """The answer with what it cost, if it was asked for."""
    capacity = consumed(call, table, name, mode, units)
    if capacity is not None:
        answer["ConsumedCapacity"] = capacity
    collection = collection_metrics(table, metrics, item)
    if collection is not None:
        answer["ItemCollectionMetrics"] = collection
    return answer
