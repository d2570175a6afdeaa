"""What an account has of Kinesis, kept rather than counted, and how much it may have."""

from typing import Any

import msgspec

from ...fabric.shards import Stream
from ...kernel import Call
from ...store import Scope, Table
from . import limits
from .errors import LimitExceededException
from .service import kinesis
from .stream import settings_of


class Tally(msgspec.Struct, frozen=True):
    """The open shards of an account in a region, and its streams on demand."""

    shards: int = 0
    on_demand: int = 0


_tallies = Table("kinesis.tallies", Tally)
_ONE = "streams"


@kinesis.operation
def describe_limits(call: Call) -> dict[str, Any]:
    """How many shards and streams on demand there are, and how many there may be."""
    tally = tally_of(call)
    return {"ShardLimit": most(call, limits.SHARDS), "OpenShardCount": tally.shards,
            "OnDemandStreamCount": tally.on_demand, "OnDemandStreamCountLimit": limits.ON_DEMAND_STREAMS}


@kinesis.operation
def describe_account_settings(call: Call) -> dict[str, Any]:
    """The account has committed itself to nothing: no stream can be warmed."""
    return {"MinimumThroughputBillingCommitment": {"Status": "DISABLED"}}


def most(call: Call, of: tuple[int, int]) -> int:
    """A quota that differs between large regions and others."""
    return of[0] if call.region in limits.LARGE_REGIONS else of[1]


def count(call: Call, before: Stream | None, after: Stream | None) -> None:
    """Keep count of a stream that came, went or changed."""
    tally = tally_of(call)
    _tallies.put(call, _ONE, record=Tally(tally.shards + _open(after) - _open(before),
                                          tally.on_demand + _on_demand(after) - _on_demand(before)))


def weigh(stream: Stream) -> tuple[int, int]:
    """What a stream counts for: its open shards, and whether it is on demand."""
    return _open(stream), _on_demand(stream)


def put_tally(scope: Scope, shards: int, on_demand: int) -> None:
    """Say how many there are."""
    _tallies.put(scope, _ONE, record=Tally(shards, on_demand))


def tally_of(scope: Scope) -> Tally:
    """How many there are said to be."""
    return _tallies.get(scope, _ONE) or Tally()


def admit_shards(call: Call, more: int) -> None:
    """There may be so many more open shards."""
    have, limit = tally_of(call).shards, most(call, limits.SHARDS)
    if have + more > limit:
        raise LimitExceededException(
            f"This request would exceed the shard limit for the account {call.account} in {call.region}. "
            f"Current shard count for the account: {have}. Limit: {limit}. Number of additional shards that "
            f"would have resulted from this request: {more}. Refer to the AWS Service Limits page "
            "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and "
            "how to request higher limits.")


def admit_on_demand(call: Call) -> None:
    """There may be another stream on demand."""
    if tally_of(call).on_demand >= limits.ON_DEMAND_STREAMS:
        raise LimitExceededException(
            f"The account {call.account} has {limits.ON_DEMAND_STREAMS} streams on demand in {call.region} "
            "already, and may have no more.")


def _open(stream: Stream | None) -> int:
    return len(stream.open) if stream else 0


def _on_demand(stream: Stream | None) -> int:
    return int(stream is not None and settings_of(stream).on_demand)
