"""Point-in-time recovery: a table whose every moment of the last days can be had again.

Every write of such a table keeps what it replaces (:mod:`.history`). Unlike in AWS, where the last five
minutes are missing, the latest moment that can be restored is now.
"""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from ...kernel import Call
from . import backups, history, tables
from .errors import PointInTimeRecoveryUnavailableException, invalid
from .history import Moment
from .limits import DAY_MS, RECOVERY_DAYS
from .service import dynamodb
from .tables import Table


@dynamodb.operation
def describe_continuous_backups(call: Call, table_name: str) -> dict[str, Any]:
    """To which moments a table can be restored."""
    there, table = backups.described(call, table_name, "DescribeContinuousBackups")
    return _described(there, table)


@dynamodb.operation
def update_continuous_backups(call: Call, table_name: str,
                              point_in_time_recovery_specification: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a table was, for so many days, or keep it no more."""
    call, table = backups.described(call, table_name, "UpdateContinuousBackups")
    given = point_in_time_recovery_specification
    days = given.get("RecoveryPeriodInDays")
    if not given["PointInTimeRecoveryEnabled"]:
        if days is not None:
            raise invalid("RecoveryPeriodInDays can only be given when PointInTimeRecoveryEnabled is true")
        table = history.settle(call, replace(table, recovery_ms=0))
    else:
        since_ms = earliest_ms(call, table) if table.recovery_ms else call.now_ms  # more days bring none back
        days = days or (table.recovery_days if table.recovery_ms else RECOVERY_DAYS)
        table = replace(history.watch(call, table), recovery_days=days, recovery_ms=since_ms)
    tables.save(call, table)
    return _described(call, table)


def require(table: Table) -> None:
    """Refuse unless the table can be had as it was."""
    if not table.recovery_ms:
        raise PointInTimeRecoveryUnavailableException(
            f"Point in time recovery is not enabled for table '{table.name}'")


def earliest_ms(call: Call, table: Table) -> int:
    """The first moment that a table can be restored to."""
    return max(table.recovery_ms, call.now_ms - table.recovery_days * DAY_MS)


def seen(call: Call, table: Table, at_ms: int, pin: str) -> tuple[Table, Moment]:
    """The table and a moment in the window of its recovery, held for somebody who is going to read it."""
    if at_ms >= call.now_ms:
        table, moment = history.now(call, table, pin)
        tables.save(call, table)
        return table, moment
    history.hold(call, table.rows, pin, at_ms)
    return table, Moment(at_ms)


def _described(call: Call, table: Table) -> dict[str, Any]:
    found: dict[str, Any] = {"PointInTimeRecoveryStatus": "ENABLED" if table.recovery_ms else "DISABLED"}
    if table.recovery_ms:
        found |= {"RecoveryPeriodInDays": table.recovery_days,
                  "EarliestRestorableDateTime": earliest_ms(call, table) / 1000,
                  "LatestRestorableDateTime": call.now_ms / 1000}
    return {"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED",
                                             "PointInTimeRecoveryDescription": found}}
