"""ExecuteStatement, BatchExecuteStatement and ExecuteTransaction: PartiQL.

A statement is read into the same steps and pages that the other operations use. A SELECT that pins the
partition key is a query, any other a scan.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Call
from . import keys, rows, tables, throttling
from .capacity import Units, consumed, read_units, write_units
from .errors import ConditionalCheckFailedException, DuplicateItemException, ValidationException
from .guards import check
from .items import changed, check_untouched, returned
from .projections import project, tree_of
from .ranges import Range, range_of
from .reads import Wanted, outside, page
from .rows import Row
from .service import dynamodb
from .statements import Statement, parse
from .syntax import And, Between, Compare, Condition, Literal, Path, Test, top_level
from .tables import Index, Table
from .transactions import Step, done_before, read_all, write_all
from .values import Item, Value, check_size, size_of

_Request = Mapping[str, Any]
_CODES = {"ConditionalCheckFailedException": "ConditionalCheckFailed",
          "DuplicateItemException": "DuplicateItem",
          "ResourceNotFoundException": "ResourceNotFound", "ValidationException": "ValidationError"}
_FAILED = "Validation failed in TransactStatements[{}]: "
_WHOLE_KEY = "Where clause does not contain a mandatory equality on all key attributes"


@dynamodb.operation
def execute_statement(call: Call, statement: str, parameters: Sequence[Value] | None = None,
                      consistent_read: bool = False, next_token: str | None = None,
                      return_consumed_capacity: str | None = None, limit: int | None = None,
                      return_values_on_condition_check_failure: str | None = None) -> dict[str, Any]:
    """One statement: a SELECT with its pages, or a change of one item."""
    found = parse(statement, parameters)
    if found.checks_only:
        raise ValidationException("EXISTS() can only be used in a transaction")
    if found.kind == "SELECT":
        return _select(call, found, consistent_read, next_token, limit, return_consumed_capacity)
    items, there, table, units = _change(call, found, return_values_on_condition_check_failure)
    capacity = consumed(there, table, table.name, return_consumed_capacity, units)
    return {"Items": items, **({"ConsumedCapacity": capacity} if capacity else {})}


@dynamodb.operation
def batch_execute_statement(call: Call, statements: Sequence[_Request],
                            return_consumed_capacity: str | None = None) -> dict[str, Any]:
    """Up to 25 statements, each about one item and each with its own outcome."""
    parsed = [parse(one["Statement"], one.get("Parameters")) for one in statements]
    if len({one.kind == "SELECT" for one in parsed}) > 1:
        raise ValidationException("Statements of a batch must all read or all write")
    responses, costs = [], []
    for one, request in zip(parsed, statements, strict=True):
        response: dict[str, Any] = {"TableName": one.table}
        try:
            if one.kind == "SELECT":
                item, there, table, units = _one(call, one, bool(request.get("ConsistentRead")))
            else:
                items, there, table, units = _change(call, one,
                                                     request.get("ReturnValuesOnConditionCheckFailure"))
                item = items[0] if items else None
        except AwsError as error:
            response["Error"] = {"Code": _CODES.get(error.code, error.code), "Message": str(error),
                                 **error.members}
        else:
            costs.append(consumed(there, table, table.name, return_consumed_capacity, units))
            response |= {"Item": item} if item else {}
        responses.append(response)
    return {"Responses": responses, **({"ConsumedCapacity": costs} if any(costs) else {})}


@dynamodb.operation
def execute_transaction(call: Call, transact_statements: Sequence[_Request],
                        client_request_token: str | None = None,
                        return_consumed_capacity: str | None = None) -> dict[str, Any]:
    """Up to a hundred statements, all or none of them."""
    parsed = [parse(one["Statement"], one.get("Parameters")) for one in transact_statements]
    for at, one in enumerate(parsed):
        if one.returning:
            raise ValidationException(f"{_FAILED.format(at)}RETURNING is not supported in a transaction")
    reads = [one.kind == "SELECT" and not one.checks_only for one in parsed]
    if any(reads):
        if not all(reads):
            raise ValidationException("Statements of a transaction must all read or all write")
        found, capacity = read_all(call, [_get(call, one, at) for at, one in enumerate(parsed)],
                                   return_consumed_capacity)
        return {"Responses": [{"Item": _shown(one, row)} if row else {}
                              for one, row in zip(parsed, found, strict=True)], **capacity}
    steps = [_transacted(call, one, request, at)
             for at, (one, request) in enumerate(zip(parsed, transact_statements, strict=True))]
    digest = sha256(msgspec.msgpack.encode(transact_statements)).digest()
    done = client_request_token is not None and done_before(call, client_request_token, digest)
    costs = write_all(call, steps, return_consumed_capacity, None, done=done)
    return {"Responses": [], **costs}


def _select(call: Call, statement: Statement, consistent: bool, token: str | None, limit: int | None,
            mode: str | None) -> dict[str, Any]:
    there, table, index = _source(call, statement)
    if consistent and index and not index.local:
        raise ValidationException("Strongly consistent read is not supported on Global Secondary Indexes")
    span, rest = _plan(statement.where, index or table)
    if statement.order and statement.order not in (index or table).schema.names:
        raise ValidationException(f"Variable reference {statement.order} in ORDER BY clause must be part of "
                                  "the primary key")
    tree = tree_of(statement.paths) if statement.paths else None
    wanted = Wanted(table, index, span, limit, _start_of(token), statement.reverse, rest, tree,
                    consistent=consistent, whole=outside(table, index, None, tree))
    found = page(there, wanted, table.name, mode)
    last = found.pop("LastEvaluatedKey", None)
    if last is not None:
        found["LastEvaluatedKey"] = last
        found["NextToken"] = base64.b64encode(msgspec.msgpack.encode(last)).decode()
    return {name: value for name, value in found.items() if name not in ("Count", "ScannedCount")}


def _start_of(token: str | None) -> Item | None:
    if token is None:
        return None
    try:
        return msgspec.msgpack.decode(base64.b64decode(token, validate=True), type=Item)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise ValidationException("Invalid NextToken") from None


def _source(call: Call, statement: Statement) -> tuple[Call, Table, Index | None]:
    there, table = tables.get(call, statement.table, "PartiQLSelect")
    index = table.index(statement.index) if statement.index else None
    if statement.index and index is None:
        raise ValidationException("The table does not have the specified index")
    return there, table, index


def _plan(where: Condition | None, source: Table | Index) -> tuple[Range, Condition | None]:
    """The range to read, and what is left to be judged item by item."""
    schema = source.schema
    parts: list[Condition] = list(where.parts) if isinstance(where, And) else [where] if where else []
    by_key: list[Condition] = []
    for name in schema.names:
        found = next((part for part in parts if top_level(part) == {name} and _is_bound(part)
                      and (name not in {one.name for one in schema.hash} or _is_equal(part))), None)
        if found is None:
            break
        parts.remove(found)
        by_key.append(found)
        if not _is_equal(found):
            break
    if len(by_key) < len(schema.hash):
        return Range(*keys.segment(0, 1)), where
    rest = None if not parts else parts[0] if len(parts) == 1 else And(tuple(parts))
    return range_of(by_key[0] if len(by_key) == 1 else And(tuple(by_key)), schema), rest


def _is_equal(part: Condition) -> bool:
    return isinstance(part, Compare) and part.sign == "="


def _is_bound(part: Condition) -> bool:
    """Whether a condition on a key can be a range of keys."""
    match part:
        case Compare(left=Path(steps=(_,)), right=Literal()):
            return part.sign != "<>"
        case Between(operand=Path(steps=(_,)), low=Literal(), high=Literal()):
            return True
        case Test(name="begins_with", operands=(Path(steps=(_,)), Literal())):
            return True
    return False


def _pinned(where: Condition | None, table: Table) -> tuple[Item, Condition | None]:
    """The key that a WHERE pins, and what it says beyond that."""
    parts: list[Condition] = list(where.parts) if isinstance(where, And) else [where] if where else []
    key: Item = {}
    rest: list[Condition] = []
    for part in parts:
        match part:
            case Compare(sign="=", left=Path(steps=(str() as name,)), right=Literal(value=value)) if (
                    name in table.schema.names and name not in key):
                key[name] = value
            case _:
                rest.append(part)
    if len(key) != len(table.schema.names):
        raise ValidationException(_WHOLE_KEY)
    keys.check_key(key, table)
    return key, None if not rest else rest[0] if len(rest) == 1 else And(tuple(rest))


def _one(call: Call, statement: Statement, consistent: bool) -> tuple[Item | None, Call, Table, Units]:
    """The item of a SELECT in a batch."""
    there, table, _ = _source(call, statement)
    key = _named(statement, table, "BatchExecuteStatement")
    row = rows.read(there, table, keys.key_of(key, table.schema))
    units = Units(read_units(row.size if row else 0, consistent=consistent))
    throttling.read(there, table, units)
    return row and _shown(statement, row), there, table, units


def _get(call: Call, statement: Statement, at: int) -> Step:
    """A SELECT as a step of a transaction that reads."""
    try:
        _, table, _ = _source(call, statement)
        return Step("Get", statement.table, _named(statement, table, "ExecuteTransaction"))
    except ValidationException as error:
        raise ValidationException(f"{_FAILED.format(at)}{error}") from None


def _named(statement: Statement, table: Table, operation: str) -> Item:
    """The key that a SELECT names; among others, it may say nothing else."""
    try:
        key, rest = _pinned(statement.where, table)
    except ValidationException:
        key, rest = {}, None
    if rest is not None or not key or statement.index:
        raise ValidationException(f"Select statements within {operation} must specify the primary key in the "
                                  "where clause.")
    return key


def _shown(statement: Statement, row: Row) -> Item:
    return project(row.item, tree_of(statement.paths)) if statement.paths else row.item


def _change(call: Call, statement: Statement, show: str | None) -> tuple[list[Item], Call, Table, Units]:
    """Do an INSERT, UPDATE or DELETE; what it returns, and what it cost."""
    there, table = tables.get(call, statement.table, f"PartiQL{statement.kind.title()}")
    step = _step(call, statement, {"ReturnValuesOnConditionCheckFailure": show})
    if step.kind == "Put":
        assert step.new
        keys.check_item(step.new.item, table)
    at = keys.key_of(step.key, table.schema)
    old = rows.read(there, table, at)
    if statement.kind == "INSERT" and old:
        raise DuplicateItemException
    check(step.guard, old, show)
    new = step.new
    if step.change is not None:
        if old is None:
            raise ConditionalCheckFailedException
        new = changed(table, step.key, step.change, old)
    throttling.write(there, table, at, old, new)
    if step.kind != "ConditionCheck":
        rows.write(there, table, at, old, new)
    answer = returned(statement.returning, step.change.paths if step.change else (), old, new)
    items = [answer["Attributes"]] if "Attributes" in answer else []
    return items, there, table, write_units(table, at, old, new)


def _step(call: Call, statement: Statement, request: _Request) -> Step:
    """A statement as a step of a transaction."""
    _, table = tables.get(call, statement.table, f"PartiQL{statement.kind.title()}")
    show = request.get("ReturnValuesOnConditionCheckFailure")
    if statement.kind == "INSERT":
        assert statement.item is not None
        new = Row(statement.item, size_of(statement.item))
        check_size(new.size)
        return Step("Put", statement.table, statement.item, new, show=show, fresh=True)
    key, guard = _pinned(statement.where, table)
    if statement.kind == "SELECT":
        return Step("ConditionCheck", statement.table, key, guard=_there(table, guard), show=show)
    if statement.kind == "DELETE":
        return Step("Delete", statement.table, key, guard=guard, show=show)
    assert statement.change is not None
    check_untouched(statement.change, table)
    return Step("Update", statement.table, key, guard=_there(table, guard), change=statement.change,
                show=show)


def _transacted(call: Call, statement: Statement, request: _Request, at: int) -> Step:
    """A statement as a step of a transaction that writes."""
    step = _step(call, statement, request)
    if statement.checks_only and not isinstance(step.guard, And):
        raise ValidationException(f"{_FAILED.format(at)}EXISTS() must contain a single item read with "
                                  "additional condition")
    return step


def _there(table: Table, guard: Condition | None) -> Condition:
    """The guard, and that there is an item."""
    exists = Test("attribute_exists", (Path((table.schema.names[0],)),))
    return exists if guard is None else And((exists, guard))
