"""Throughput that throttles, in a cloudlet that was started with ``--dynamodb-throughput enforce``.

A bucket for each table and global index, and for reads and writes, fills with the capacity of each second and
holds that of 300; a new table begins with one second's. A request passes if its cost is there, or a second's
capacity where it costs more than that. What it costs is taken in its own transaction: a request that is
refused or fails costs nothing. Tables that are billed on demand are held to their OnDemandThroughput.
"""

from typing import NamedTuple

import msgspec

from ...errors import AwsError, ThrottlingException
from ...kernel import Call
from ...store import Table as Records
from . import tables
from .capacity import Units, write_units
from .errors import ProvisionedThroughputExceededException
from .limits import BURST_S
from .rows import Row
from .tables import Index, Table

OPTION = "dynamodb-throughput"
_INDEX = (
    "The level of configured provisioned throughput for one or more global secondary indexes of the table "
    "was exceeded. Consider increasing your provisioning level for the under-provisioned global secondary "
    "indexes with the UpdateTable API"
)
_ON_DEMAND = "Throughput exceeds the maximum OnDemandThroughput configured on table or index"


class _Bucket(msgspec.Struct, array_like=True):
    """What could be used at a moment."""

    units: float
    at_ms: int


class _Claim(NamedTuple):
    """What a request wants of a table or an index."""

    of: Index | None
    rate: int
    cost: float


_buckets = Records("dynamodb.buckets", _Bucket)


def is_enforced(call: Call) -> bool:
    """Whether this cloudlet throttles tables."""
    return call.kernel.wishes.get(OPTION) == "enforce"


def read(call: Call, table: Table, units: Units) -> None:
    """Take what a read has cost, or refuse it."""
    error = refusal(call, table, "Read", units)
    if error is not None:
        raise error


def write(call: Call, table: Table, key: bytes, before: Row | None, after: Row | None) -> None:
    """Take what a write costs, or refuse it."""
    if is_enforced(call):
        error = refusal(call, table, "Write", write_units(table, key, before, after))
        if error is not None:
            raise error


def refusal(call: Call, table: Table, kind: str, units: Units) -> AwsError | None:
    """Take what a request costs; if it can't be had, why not."""
    if not is_enforced(call):
        return None
    found = []
    for claim in _claims(table, kind, units):
        if claim.rate < 0:
            continue
        number = claim.of.number if claim.of else 0
        bucket = _buckets.get(call, table.rows, number, kind) or _Bucket(0, table.created_ms - 1000)
        filled = bucket.units + claim.rate * max(0, call.now_ms - bucket.at_ms) / 1000
        there = min(filled, claim.rate * BURST_S)
        if there < min(claim.cost, claim.rate):
            return _refusal(call, table, kind, claim)
        found.append((number, _Bucket(there - claim.cost, call.now_ms)))
    for number, bucket in found:
        _buckets.put(call, table.rows, number, kind, record=bucket)
    return None


def _claims(table: Table, kind: str, units: Units) -> list[_Claim]:
    """What is wanted of the table with its local indexes, and of each global index; -1 is without a limit."""
    at = 0 if kind == "Read" else 1
    own, found = units.table, []
    for name, cost in units.indexes.items():
        index = table.index(name)
        if index is None or index.local:
            own += cost
        elif cost:
            rate = index.most[at] if table.on_demand else (index.throughput.read, index.throughput.write)[at]
            found.append(_Claim(index, rate, cost))
    rate = table.most[at] if table.on_demand else (table.throughput.read, table.throughput.write)[at]
    return [_Claim(None, rate, own), *found] if own else found


def _refusal(call: Call, table: Table, kind: str, claim: _Claim) -> AwsError:
    what = "Index" if claim.of else "Table"
    arn = tables.arn_of(call, table) + (f"/index/{claim.of.name}" if claim.of else "")
    limit = "MaxOnDemandThroughputExceeded" if table.on_demand else "ProvisionedThroughputExceeded"
    reasons = [{"reason": f"{what}{kind}{limit}", "resource": arn}]
    if table.on_demand:
        return ThrottlingException(_ON_DEMAND, throttlingReasons=reasons)
    return ProvisionedThroughputExceededException(_INDEX if claim.of else "", ThrottlingReasons=reasons)
