"""What clients ask about that is settled here: limits, endpoints, backups."""

from collections.abc import Mapping
from typing import Any

from ...errors import NotHonoured
from ...kernel import Call
from ...kernel.place import Place
from . import tables
from .errors import TableNotFoundException
from .service import dynamodb


@dynamodb.operation
def describe_limits(call: Call) -> dict[str, Any]:
    """The capacity an account may provision; AWS's own defaults."""
    return {"AccountMaxReadCapacityUnits": 80_000, "AccountMaxWriteCapacityUnits": 80_000,
            "TableMaxReadCapacityUnits": 40_000, "TableMaxWriteCapacityUnits": 40_000}


@dynamodb.operation
def describe_endpoints(call: Call) -> dict[str, Any]:
    """Where clients that discover endpoints should go: here."""
    return {"Endpoints": [{"Address": call.use(Place).endpoint.removeprefix("http://"),
                           "CachePeriodInMinutes": 1440}]}


@dynamodb.operation
def describe_continuous_backups(call: Call, table_name: str) -> dict[str, Any]:
    """There are none."""
    there, name = tables.locate(call, table_name)
    if tables.find(there, name) is None:
        raise TableNotFoundException(f"Table not found: {name}")
    return {"ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "DISABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}}


@dynamodb.operation
def update_continuous_backups(call: Call, table_name: str,
                              point_in_time_recovery_specification: Mapping[str, Any]) -> dict[str, Any]:
    """They can be refused, but not had."""
    description = describe_continuous_backups(call, table_name)
    if point_in_time_recovery_specification["PointInTimeRecoveryEnabled"]:
        raise NotHonoured("cloudlet keeps no continuous backups, so PointInTimeRecoveryEnabled can't be "
                          "true.")
    return description
