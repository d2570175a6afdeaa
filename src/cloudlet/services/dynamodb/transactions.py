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
from . import keys, projections, rows, tables, throttling
from .capacity import Units, collection_metrics, consumed, read_units, write_units
from .errors import (
    ConditionalCheckFailedException,
    DuplicateItemException,
    IdempotentParameterMismatchException,
    TransactionCanceledException,
    ValidationException,
)
from .grammar import update
from .guards import check, guard_of
from .items import changed, check_untouched, wanted
from .limits import TOKEN_MS, TRANSACT_BYTES
from .placeholders import placeholders
from .rows import Row
from .service import dynamodb
from .syntax import Condition, Update
from .tables import Table
from .values import Item, admit_item, check_size

_KINDS = ("ConditionCheck", "Put", "Delete", "Update")
_CODES = {"ConditionalCheckFailedException": "ConditionalCheckFailed",
          "DuplicateItemException": "DuplicateItem", "ThrottlingException": "ThrottlingError",
          "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded"}
_ACTIONS = {kind: f"{kind}Item" for kind in (*_KINDS, "Get")}
_Outcome = tuple[Row | None, Row | None] | AwsError  # what was there and what will be, or why that can't be


class Step(msgspec.Struct):
    """One item of a transaction, understood but not yet done."""

    kind: str
    name: str
    key: Item
    new: Row | None = None
    guard: Condition | None = None
    change: Update | None = None
    show: str | None = None
    fresh: bool = False  # there may be no item yet


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
    trees = [wanted(one.get("ProjectionExpression"), one.get("ExpressionAttributeNames"), None)
             for one in gets]
    steps = [Step("Get", one["TableName"], admit_item(one["Key"])[0]) for one in gets]
    found, capacity = read_all(call, steps, return_consumed_capacity)
    items = [row and (row.item if tree is None else projections.project(row.item, tree))
             for row, tree in zip(found, trees, strict=True)]
    return {"Responses": [{} if item is None else {"Item": item} for item in items], **capacity}


def read_all(call: Call, steps: Sequence[Step], mode: str | None) -> tuple[list[Row | None], dict[str, Any]]:
    """The items that the steps name, at one moment, and what it cost to read them."""
    found, costs = _read(call, steps)
    _check_aggregate(found)
    return found, costs.members(mode, "Read")


def _read(call: Call, steps: Sequence[Step]) -> tuple[list[Row | None], "_Costs"]:
    found: list[Row | None] = []
    costs = _Costs()
    for step, (there, table, at) in zip(steps, _place_all(call, steps), strict=True):
        row = rows.read(there, table, at)
        found.append(row)
        units = Units(read_units(row.size if row else 0, consistent=True, times=2))
        throttling.read(there, table, units)
        costs.add(there, table, step.name, units)
    return found, costs


@dynamodb.operation
def transact_write_items(call: Call, transact_items: Sequence[Mapping[str, Any]],
                         return_consumed_capacity: str | None = None,
                         return_item_collection_metrics: str | None = None,
                         client_request_token: str | None = None) -> dict[str, Any]:
    """Up to a hundred puts, updates, deletes and checks, all or none of them."""
    steps = [_step(one) for one in transact_items]
    digest = sha256(msgspec.msgpack.encode(transact_items)).digest()
    done = client_request_token is not None and done_before(call, client_request_token, digest)
    return write_all(call, steps, return_consumed_capacity, return_item_collection_metrics, done=done)


def write_all(call: Call, steps: Sequence[Step], mode: str | None, metrics_mode: str | None, *,
              done: bool = False) -> dict[str, Any]:
    """Do the steps, or raise with a reason for each; one that was ``done`` before only costs."""
    if done:
        return _read(call, steps)[1].members(mode, "Read")
    placed = _place_all(call, steps)
    costs = _Costs()
    metrics: dict[str, list[dict[str, Any]]] = {}
    outcomes = [_attempt(there, step, table, at) for step,
                (there, table, at) in zip(steps, placed, strict=True)]
    _cancel(outcomes)
    if throttling.is_enforced(call):
        _throttle(placed, outcomes)
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
        check_size(step.new.size)
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
    there = [tables.get(call, step.name, _ACTIONS[step.kind]) for step in steps]
    for step, (_, table) in zip(steps, there, strict=True):
        keys.check_filled(step.key, table)
    found: list[tuple[Call, Table, bytes]] = []
    for at, step in enumerate(steps):
        try:
            found.append((*there[at], _place(call, *there[at], step)))
        except ValidationException as error:
            nothing: list[_Outcome] = [(None, None)] * len(steps)
            nothing[at] = error
            _cancel(nothing)
    if len({(table.rows, at) for _, table, at in found}) < len(found):
        raise ValidationException("Transaction request cannot include multiple operations on one item")
    return found


def _place(call: Call, there: Call, table: Table, step: Step) -> bytes:
    if (there.account, there.region) != (call.account, call.region):
        raise ValidationException(f"The table {step.name} is in a different account or Region than the "
                                  "transaction")
    if step.new is not None:
        keys.check_item(step.new.item, table)
    else:
        keys.check_key(step.key, table)
    if step.change is not None:
        check_untouched(step.change, table)
    return keys.key_of(step.key, table.schema)


def _attempt(call: Call, step: Step, table: Table, at: bytes) -> _Outcome:
    """What is there and what will be, or why that can't be."""
    relies = step.kind == "ConditionCheck"
    old = rows.read_steady(call, table, at) if relies else rows.read(call, table, at)
    if step.fresh and old is not None:
        return DuplicateItemException()
    try:
        check(step.guard, old, step.show)
        if step.change is not None:
            return old, changed(table, step.key, step.change, old)
    except (ConditionalCheckFailedException, ValidationException) as error:
        return error
    return old, old if step.kind == "ConditionCheck" else step.new


def _check_aggregate(found: Sequence[Row | None]) -> None:
    if sum(row.size for row in found if row) > TRANSACT_BYTES:
        raise ValidationException("The aggregate size cannot exceed 4 MB for the items of a transaction")


def _cancel(outcomes: Sequence[_Outcome]) -> None:
    _check_aggregate([one[1] for one in outcomes if not isinstance(one, AwsError)])
    if not any(isinstance(one, AwsError) for one in outcomes):
        return
    reasons = [_reason(one) for one in outcomes]
    codes = ", ".join(reason["Code"] for reason in reasons)
    raise TransactionCanceledException("Transaction cancelled, please refer cancellation reasons for "
                                       f"specific reasons [{codes}]", CancellationReasons=reasons)


def _throttle(placed: Sequence[tuple[Call, Table, bytes]],
              outcomes: Sequence[tuple[Row | None, Row | None] | AwsError]) -> None:
    """Cancel the transaction if one of its writes finds no capacity left; each costs twice."""
    found: list[tuple[Row | None, Row | None] | AwsError] = []
    for (there, table, at), outcome in zip(placed, outcomes, strict=True):
        assert not isinstance(outcome, AwsError)
        refused = throttling.refusal(there, table, "Write", write_units(table, at, *outcome, times=2))
        found.append(refused or outcome)
    _cancel(found)


def _reason(outcome: object) -> dict[str, Any]:
    if not isinstance(outcome, AwsError):
        return {"Code": "None"}
    return {"Code": _CODES.get(outcome.code, "ValidationError"), "Message": str(outcome),
            **{name: value for name, value in outcome.members.items() if name == "Item"}}


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
