"""Concurrency: how many invocations may run at once."""

from typing import Any

from ...kernel import Call
from .errors import InvalidParameterValueException
from .limits import CONCURRENCY, UNRESERVED, UNZIPPED_SIZE, ZIP_SIZE
from .records import function, functions, name_of, versions
from .service import lambda_


@lambda_.operation
def put_function_concurrency(
    call: Call, function_name: str, reserved_concurrent_executions: int
) -> dict[str, Any]:
    """Reserve concurrency for a function, which is also the most it gets; 0 stops it."""
    whole = function(call, name_of(call, function_name).name)
    others = sum(other.reserved or 0 for _, other in functions.items(call) if other.name != whole.name)
    if CONCURRENCY - others - reserved_concurrent_executions < UNRESERVED:
        raise InvalidParameterValueException(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED}]."
        )
    whole.reserved = reserved_concurrent_executions
    functions.put(call, whole.name, record=whole)
    return {"ReservedConcurrentExecutions": whole.reserved}


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


@lambda_.operation
def get_account_settings(call: Call) -> dict[str, Any]:
    """The account's quotas, and what of them is used."""
    reserved = sum(whole.reserved or 0 for _, whole in functions.items(call))
    sizes = [record.code_size for _, record in versions.items(call)]
    return {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": UNZIPPED_SIZE,
            "CodeSizeZipped": ZIP_SIZE,
            "ConcurrentExecutions": CONCURRENCY,
            "UnreservedConcurrentExecutions": CONCURRENCY - reserved,
        },
        "AccountUsage": {"TotalCodeSize": sum(sizes), "FunctionCount": len(list(functions.items(call)))},
    }


