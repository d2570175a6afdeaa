"""Concurrency: how many invocations may run at once.

What functions have reserved, and what is provisioned for those that have reserved nothing, is taken from
what all the others share. The sums are kept beside the records, so that no invocation has to add up.
"""

from typing import Any

import msgspec

from ...kernel import Call
from ...store import Table
from .errors import InvalidParameterValueException
from .limits import CONCURRENCY, UNRESERVED
from .records import function, functions, name_of
from .service import lambda_


class Held(msgspec.Struct):
    """What of the account's concurrency belongs to single functions."""

    reserved: int = 0
    provisioned: int = 0  # for functions that have reserved nothing


class Provisioned(msgspec.Struct):
    """Workers that are kept initialised for a version or an alias."""

    function: str
    qualifier: str
    requested: int
    modified_ms: int
    status: str = "IN_PROGRESS"
    reason: str = ""


_held = Table("lambda.concurrency", Held)
provisioned = Table("lambda.provisioned", Provisioned)


def unreserved(call: Call) -> int:
    """The concurrency that functions without a reservation share."""
    held = _held.get(call, "held") or Held()
    return CONCURRENCY - held.reserved - held.provisioned


def recount(call: Call) -> None:
    """Add up again what is reserved and provisioned, after it has changed."""
    reserved = {one.name: one.reserved for _, one in functions.items(call) if one.reserved is not None}
    extra = sum(one.requested for _, one in provisioned.items(call) if one.function not in reserved)
    _held.put(call, "held", record=Held(sum(reserved.values()), extra))


@lambda_.operation
def put_function_concurrency(
    call: Call, function_name: str, reserved_concurrent_executions: int
) -> dict[str, Any]:
    """Reserve concurrency for a function, which is also the most it gets; 0 stops it."""
    whole = function(call, name_of(call, function_name).name)
    if provisioned_for(call, whole.name) > reserved_concurrent_executions:
        raise InvalidParameterValueException(
            "ReservedConcurrentExecutions  should not be lower than function's total provisioned concurrency "
            f"[{provisioned_for(call, whole.name)}].")
    whole.reserved = reserved_concurrent_executions
    functions.put(call, whole.name, record=whole)
    recount(call)
    if unreserved(call) < UNRESERVED:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED}]."
        )
    return {"ReservedConcurrentExecutions": whole.reserved}


def provisioned_for(call: Call, name: str, *, but: str = "") -> int:
    """How many workers all of a function's versions and aliases keep, ``but`` for one."""
    return sum(one.requested for _, one in provisioned.items(call, name) if one.qualifier != but)


@lambda_.operation
def get_function_concurrency(call: Call, function_name: str) -> dict[str, Any]:
    """The concurrency a function has reserved."""
    reserved = function(call, name_of(call, function_name).name).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


@lambda_.operation
def delete_function_concurrency(call: Call, function_name: str) -> None:
    """Let the function use what nobody has reserved."""
    whole = function(call, name_of(call, function_name).name)
    whole.reserved = None
    functions.put(call, whole.name, record=whole)
    recount(call)
