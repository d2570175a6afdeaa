"""ListShards: the shards of a stream, those of some moment, or those since."""

from datetime import datetime
from typing import Any

import msgspec

from ...fabric.shards import Shard, Stream
from ...kernel import Call
from . import limits
from .errors import ExpiredNextTokenException, InvalidArgumentException
from .naming import shown, visible
from .service import kinesis
from .stream import absent, arn_of, lookup
from .tokens import place_of, token_of

_NEEDS = {"AFTER_SHARD_ID": "ShardId", "AT_TIMESTAMP": "Timestamp", "FROM_TIMESTAMP": "Timestamp"}


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Where a list goes on. ``kind`` and ``at_ms`` are the filter's."""

    arn: str
    home: str
    after: str
    kind: str
    at_ms: int
    issued_ms: int


@kinesis.operation
def list_shards(call: Call, stream_name: str | None = None, next_token: str | None = None,
                exclusive_start_shard_id: str | None = None, max_results: int | None = None,
                stream_creation_timestamp: datetime | None = None, shard_filter: dict[str, Any] | None = None,
                stream_arn: str | None = None) -> dict[str, Any]:
    """Shards by name, page by page."""
    named = stream_name is not None or stream_arn is not None
    if next_token is None:
        if not named:
            raise InvalidArgumentException("Either NextToken or StreamName should be provided.")
        call, stream = lookup(call, stream_name, stream_arn, "ListShards")
        check_made(call, stream, stream_creation_timestamp)
        page = _first(call, stream, exclusive_start_shard_id or "", shard_filter or {})
    else:
        _check_alone(named, exclusive_start_shard_id, stream_creation_timestamp, shard_filter)
        page = _next(call, next_token)
        call, stream = lookup(call, None, page.arn, "ListShards")
        if stream.home != page.home:
            raise absent(call, stream.name)
    most = min(max_results or limits.SHARDS_PAGE, limits.SHARDS_PAGE)
    found = visible(call, stream, page.after, most + 1, lambda shard: _wanted(shard, page))
    answer: dict[str, Any] = {"Shards": [shown(stream, shard) for shard in found[:most]]}
    if len(found) > most:
        answer["NextToken"] = token_of(msgspec.structs.replace(
            page, after=found[most - 1].id, issued_ms=call.now_ms))
    return answer


def check_made(call: Call, stream: Stream, moment: datetime | None) -> None:
    """If it is said when the stream was made, that is the one which is there."""
    if moment is not None and int(moment.timestamp()) != stream.made_ms // 1000:
        raise absent(call, stream.name)


def _check_alone(named: bool, start: str | None, made: datetime | None, filtered: dict[str, Any] | None
                 ) -> None:
    others = {"StreamName": named, "ExclusiveStartShardId": start, "StreamCreationTimestamp": made,
              "ShardFilter": filtered}
    for name, value in others.items():
        if value:
            raise InvalidArgumentException(f"NextToken and {name} cannot be provided together.")


def _first(call: Call, stream: Stream, after: str, filtered: dict[str, Any]) -> Page:
    kind = str(filtered.get("Type", "FROM_TRIM_HORIZON"))
    needed = _NEEDS.get(kind)
    if needed and filtered.get(needed) is None:
        raise InvalidArgumentException(f"{needed} must be given with a ShardFilter of the type {kind}.")
    for name in ("ShardId", "Timestamp"):
        if filtered.get(name) is not None and name != needed:
            raise InvalidArgumentException(f"{name} must not be given with a ShardFilter of the type {kind}.")
    at_ms = max(call.now_ms - stream.kept_ms, stream.made_ms)  # the trim horizon
    if needed == "Timestamp":
        at_ms = max(at_ms, round(filtered["Timestamp"].timestamp() * 1000))
    elif needed == "ShardId":
        after = max(after, str(filtered["ShardId"]))
    return Page(arn_of(call, stream.name), stream.home, after, kind, at_ms, call.now_ms)


def _next(call: Call, token: str) -> Page:
    page = place_of(token, Page)
    if page is None:
        raise InvalidArgumentException("NextToken is invalid.")
    if call.now_ms - page.issued_ms > limits.TOKEN_MS:
        raise ExpiredNextTokenException("NextToken is expired: it is good for "
                                        f"{limits.TOKEN_MS // 60_000} minutes.")
    return page


def _wanted(shard: Shard, page: Page) -> bool:
    ended_before = not shard.is_open and shard.closed_ms < page.at_ms
    match page.kind:
        case "AT_LATEST":
            return shard.is_open
        case "AT_TRIM_HORIZON" | "AT_TIMESTAMP":
            return shard.opened_ms <= page.at_ms and not ended_before
        case "FROM_TIMESTAMP":
            return not ended_before
    return True
