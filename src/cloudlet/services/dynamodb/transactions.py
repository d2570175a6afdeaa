"""TransactGetItems and TransactWriteItems: all or nothing, with the reason for each item if nothing.

Every operation here is a transaction already; what these two add is that several items are in one, that
conditions are judged before anything is written, and that a ClientRequestToken is honoured for ten minutes.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric import timers
from ...kernel import Call
from ...store import Table as Records
from . import keys, projections, rows, tables
from .capacity import Units, collection_metrics, consumed, read_units, write_units
from .errors import (
    ConditionalCheckFailedException,
    IdempotentParameterMismatchException,
    TransactionCanceledException,
    ValidationException,
)
from .grammar import update
from .guards import check, guard_of
from .items import changed, check_untouched, wanted
from .limits import TOKEN_MS, TRANSACT_BYTES, TRANSACT_ITEMS
from .placeholders import placeholders
from .rows import Row
from .service import dynamodb
from .syntax import Condition, Update
from .tables import Table
from .values import Item, admit_item, check_size

_KINDS = ("ConditionCheck", "Put", "Delete", "Update")


class Step(msgspec.Struct):
    """One item of a transaction, understood but not yet done."""

    kind: str
    name: str
    key: Item
    new: Row | None = None
    guard: Condition | None = None
    change: Update | None = None
    show: str | None = None


class Token(msgspec.Struct):
    """A transaction that was done under a ClientRequestToken."""

    digest: bytes
    at_ms: int


_tokens = Records("dynamodb.tokens", Token)


@dynamodb.operation
def transact_get_items(call: Call, transact_items: Sequence[Mapping[str, Any]],
                       return_consumed_capacity: str | None = None) -> dict[str, Any]:
    """Items as they are at one moment."""
    gets = [one["Get"] for one in transact_items]
    _check_count(gets)
    trees = [wanted(one.get("ProjectionExpression"), one.get("ExpressionAttributeNames"), None)
             for one in gets]
    admitted = [admit_item(one["Key"])[0] for one in gets]
    found, costs, seen = [], _Costs(), set()
    for one, key, tree in zip(gets, admitted, trees, strict=True):
        there, table = tables.get(call, one["TableName"])
        keys.check_key(key, table)
        at = keys.key_of(key, table.schema)
        if (table.rows, at) in seen:
            raise ValidationException("Transaction request cannot include multiple operations on one item")
        seen.add((table.rows, at))
        row = rows.read(there, table, at)
        item = row and (row.item if tree is None else projections.project(row.item, tree))
        found.append({} if item is None else {"Item": item})
        units = Units(read_units(row.size if row else 0, consistent=True, times=2))
        costs.add(there, table, one["TableName"], units)
    return {"Responses": found, **costs.members(return_consumed_capacity, "Read")}


@dynamodb.operation
def transact_write_items(call: Call, transact_items: Sequence[Mapping[str, Any]],
                         return_consumed_capacity: str | None = None,
                         return_item_collection_metrics: str | None = None,
                         client_request_token: str | None = None) -> dict[str, Any]:
    """Up to a hundred puts, updates, deletes and checks, all or none of them."""
    _check_count(transact_items)
    steps = [_step(one) for one in transact_items]
    digest = sha256(msgspec.msgpack.encode(transact_items)).digest()
    done = client_request_token is not None and done_before(call, client_request_token, digest)
    return write_all(call, steps, return_consumed_capacity, return_item_collection_metrics, done=done)


def write_all(call: Call, steps: Sequence[Step], mode: str | None, metrics_mode: str | None, *,
              done: bool = False) -> dict[str, Any]:
    """Do the steps, or raise with a reason for each; one that was ``done`` before only costs."""
    placed = _place_all(call, steps)
    seen: set[tuple[bytes, bytes]] = set()
    for _, table, at in placed:
        if (table.rows, at) in seen:
            raise ValidationException("Transaction request cannot include multiple operations on one item")
        seen.add((table.rows, at))
    costs = _Costs()
    metrics: dict[str, list[dict[str, Any]]] = {}
    if done:
        for step, (there, table, at) in zip(steps, placed, strict=True):
            row = rows.read(there, table, at)
            costs.add(there, table, step.name, Units(read_units(row.size if row else 0, consistent=True,
                                                                times=2)))
        return costs.members(mode, "Read")
    outcomes = [_attempt(there, step, table, at) for step,
                (there, table, at) in zip(steps, placed, strict=True)]
    _cancel(outcomes)
    for step, (there, table, at), outcome in zip(steps, placed, outcomes, strict=True):
        assert not isinstance(outcome, AwsError)
        old, new = outcome
        if step.kind != "ConditionCheck":
            rows.write(there, table, at, old, new)
        if mode is not None:
            costs.add(there, table, step.name, write_units(table, at, old, new, times=2))
        metric = collection_metrics(table, metrics_mode, step.key)
        if metric and step.kind != "ConditionCheck":
            metrics.setdefault(step.name, []).append(metric)
    return {**costs.members(mode, "Write"), **({"ItemCollectionMetrics": metrics} if metrics else {})}


def _check_count(items: Sequence[Any]) -> None:
    if len(items) > TRANSACT_ITEMS:
        raise ValidationException(f"Member must have length less than or equal to {TRANSACT_ITEMS}")


def _step(one: Mapping[str, Any]) -> Step:
    """One of TransactItems, read as its single operation would be."""
    kinds = [kind for kind in _KINDS if one.get(kind) is not None]
    if len(kinds) != 1:
        raise ValidationException("TransactItems can only contain one of Check, Put, Update or Delete"
                                  if kinds else
                                  "Invalid Request: TransactWriteRequest should contain Delete or Put or "
                                  "Update request")
    kind, given = kinds[0], one[kinds[0]]
    expressions = {"ConditionExpression": given.get("ConditionExpression")}
    if kind == "Update":
        expressions = {"UpdateExpression": given.get("UpdateExpression"), **expressions}
    holders = placeholders(given.get("ExpressionAttributeNames"), given.get("ExpressionAttributeValues"),
                           **expressions)
    step = Step(kind, given["TableName"], {}, show=given.get("ReturnValuesOnConditionCheckFailure"))
    if kind == "Put":
        step.new = Row(*admit_item(given["Item"]))
        step.key = step.new.item
    else:
        step.key = admit_item(given["Key"])[0]
    if kind == "Update":
        step.change = update(given["UpdateExpression"], holders)
    step.guard = guard_of(given.get("ConditionExpression"), holders)
    holders.finish()
    return step


def _place_all(call: Call, steps: Sequence[Step]) -> list[tuple[Call, Table, bytes]]:
    """Where the steps' items lie; the first whose key can't be ends the transaction, before any condition."""
    found: list[tuple[Call, Table, bytes]] = []
    there = [tables.get(call, step.name) for step in steps]
    for at, step in enumerate(steps):
        try:
            found.append((*there[at], _place(there[at][1], step)))
        except ValidationException as error:
            nothing: list[tuple[Row | None, Row | None] | AwsError] = [(None, None)] * len(steps)
            nothing[at] = error
            _cancel(nothing)
    return found


def _place(table: Table, step: Step) -> bytes:
    if step.new is not None:
        keys.check_item(step.new.item, table)
    else:
        keys.check_key(step.key, table)
    if step.change is not None:
        check_untouched(step.change, table)
    return keys.key_of(step.key, table.schema)


def _attempt(call: Call, step: Step, table: Table, at: bytes) -> tuple[Row | None, Row | None] | AwsError:
    """What is there and what will be, or why that can't be."""
    old = rows.read(call, table, at)
    try:
        check(step.guard, old, step.show)
        if step.change is not None:
            return old, changed(table, step.key, step.change, old)
        if step.new is not None:
            check_size(step.new.size)
    except (ConditionalCheckFailedException, ValidationException) as error:
        return error
    return old, old if step.kind == "ConditionCheck" else step.new


def _cancel(outcomes: Sequence[tuple[Row | None, Row | None] | AwsError]) -> None:
    if sum(one[1].size for one in outcomes if not isinstance(one, AwsError) and one[1]) > TRANSACT_BYTES:
        raise ValidationException("The aggregate size cannot exceed 4 MB for the items of a transaction")
    if not any(isinstance(one, AwsError) for one in outcomes):
        return
    reasons = [_reason(one) for one in outcomes]
    codes = ", ".join(reason["Code"] for reason in reasons)
    raise TransactionCanceledException("Transaction cancelled, please refer cancellation reasons for "
                                       f"specific reasons [{codes}]", CancellationReasons=reasons)


def _reason(outcome: object) -> dict[str, Any]:
    if not isinstance(outcome, AwsError):
        return {"Code": "None"}
    code = "ConditionalCheckFailed" if isinstance(outcome,
                                                  ConditionalCheckFailedException) else "ValidationError"
    return {"Code": code, "Message": str(outcome), **outcome.members}


def done_before(call: Call, token: str, digest: bytes) -> bool:
    """Whether the transaction was done under this token within ten minutes; if not, it is from now on."""
    found = _tokens.get(call, token)
    if found and found.at_ms + TOKEN_MS > call.now_ms:
        if found.digest != digest:
            raise IdempotentParameterMismatchException
        return True
    _tokens.put(call, token, record=Token(digest, call.now_ms))
    timers.schedule(call, forget_token, at_ms=call.now_ms + TOKEN_MS, id=f"dynamodb/token/{token}",
                    token=token)
    return False


@dynamodb.task
def forget_token(call: Call, token: str) -> None:
    """A token's ten minutes are over."""
    found = _tokens.get(call, token)
    if found and found.at_ms + TOKEN_MS <= call.now_ms:
        _tokens.delete(call, token)


class _Costs:
    """What a request consumed, by table."""

    def __init__(self) -> None:
        self._by_table: dict[str, tuple[Call, Table, str, Units]] = {}

    def add(self, call: Call, table: Table, name: str, units: Units) -> None:
        """One item more."""
        if table.name in self._by_table:
            self._by_table[table.name][3].add(units)
        else:
            self._by_table[table.name] = (call, table, name, units)

    def members(self, mode: str | None, kind: str) -> dict[str, Any]:
        """The ConsumedCapacity of the answer, if it was asked for."""
        if mode not in ("TOTAL", "INDEXES"):
            return {}
        return {"ConsumedCapacity": [consumed(call, table, name, mode, units, kind=kind)
                                     for call, table, name, units in self._by_table.values()]}
