"""What clients ask about that is settled here: limits, endpoints."""

from typing import Any

from ...kernel import Call
from ...kernel.place import Place
from .limits import ACCOUNT_UNITS, TABLE_UNITS
from .service import dynamodb


@dynamodb.operation
def describe_limits(call: Call) -> dict[str, Any]:
    """The capacity an account may provision; AWS's own defaults."""
    return {"AccountMaxReadCapacityUnits": ACCOUNT_UNITS, "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
            "TableMaxReadCapacityUnits": TABLE_UNITS, "TableMaxWriteCapacityUnits": TABLE_UNITS}


@dynamodb.operation
def describe_endpoints(call: Call) -> dict[str, Any]:
    """Where clients that discover endpoints should go: here."""
    return {"Endpoints": [{"Address": call.use(Place).endpoint.removeprefix("http://"),
                           "CachePeriodInMinutes": 1440}]}
