"""What of a table's capacity may be changed, how often, and how far: provisioned, and warm ahead of time.

Nothing here has to be warmed, so warm throughput is met as soon as it is asked for; it can only grow.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from ...kernel import Call
from .errors import LimitExceededException, invalid
from .limits import (
    DAY_MS,
    DECREASE_PAUSE_MS,
    DECREASES,
    ON_DEMAND_READS,
    ON_DEMAND_WRITES,
    TABLE_UNITS,
)
from .tables import Throughput

_Warm = tuple[int, int]


def check(given: Throughput, what: str) -> None:
    """A table or an index may have 40,000 units of each."""
    for kind, units in (("read", given.read), ("write", given.write)):
        if units > TABLE_UNITS:
            raise LimitExceededException(f"Subscriber limit exceeded: Requested {kind} capacity units of "
                                         f"{what} exceed the limit of {TABLE_UNITS}")


def changed(call: Call, old: Throughput, new: Throughput, what: str) -> Throughput:
    """The new throughput, with what is remembered of changes; decreases are limited."""
    check(new, what)
    more = new.read > old.read or new.write > old.write
    less = new.read < old.read or new.write < old.write
    today = decreases_today(old, call.now_ms)
    if less and today >= DECREASES and call.now_ms - old.decreased_ms < DECREASE_PAUSE_MS:
        last = datetime.fromtimestamp(old.decreased_ms / 1000, UTC)
        after = last + timedelta(milliseconds=DECREASE_PAUSE_MS)
        raise LimitExceededException(
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "
            f"After the first {DECREASES} decreases, each subsequent decrease in the same UTC day can be "
            f"performed at most once every {DECREASE_PAUSE_MS // 1000} seconds. Number of decreases today: "
            f"{today}. Last decrease at {_moment(last)}. Next decrease can be made at {_moment(after)}")
    return replace(new, increased_ms=call.now_ms if more else old.increased_ms,
                   decreased_ms=call.now_ms if less else old.decreased_ms,
                   decreases=today + 1 if less else old.decreases)


def decreases_today(given: Throughput, now_ms: int) -> int:
    """How often throughput was decreased on this (UTC) day."""
    return given.decreases if given.decreased_ms // DAY_MS == now_ms // DAY_MS else 0


def warm(given: _Warm, throughput: Throughput, *, on_demand: bool) -> _Warm:
    """The read and write units a second that a table or an index can serve at once."""
    least = (ON_DEMAND_READS, ON_DEMAND_WRITES) if on_demand else (throughput.read, throughput.write)
    return max(given[0], least[0]), max(given[1], least[1])


def warmer(given: Mapping[str, int], old: _Warm, what: str) -> _Warm:
    """The warm throughput that is asked for, which can't be less than there is."""
    found = []
    for kind, now in zip(("Read", "Write"), old, strict=True):
        units = given.get(f"{kind}UnitsPerSecond", now)
        if units < now:
            raise invalid(
                f"Requested {kind}UnitsPerSecond for WarmThroughput for {what} is lower than current "
                "WarmThroughput, decreasing WarmThroughput is not supported"
            )
        found.append(units)
    return found[0], found[1]


def described(given: _Warm) -> dict[str, Any]:
    """A WarmThroughput."""
    return {"ReadUnitsPerSecond": given[0], "WriteUnitsPerSecond": given[1], "Status": "ACTIVE"}


def _moment(at: datetime) -> str:
    return f"{at:%A, %B} {at.day}, {at:%Y at %-I:%M:%S %p} UTC"
