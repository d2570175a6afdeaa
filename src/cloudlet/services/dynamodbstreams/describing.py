"""ListStreams and DescribeStream: which streams there are, and of which shards."""

from typing import Any

from ...arn import Arn
from ...errors import AccessDeniedException, ValidationException
from ...fabric.sequence import sequence_number
from ...fabric.shards import Shard, Stream
from ...kernel import Call
from ...kernel.permissions import judge
from . import limits
from .errors import ResourceNotFoundException
from .service import dynamodbstreams, streams


@dynamodbstreams.operation
def list_streams(call: Call, table_name: str | None = None, limit: int | None = None,
                 exclusive_start_stream_arn: str | None = None) -> dict[str, Any]:
    """The streams of the account or, with ``table_name``, of one table; ended ones for a day."""
    most = at_most(limit, limits.STREAMS)
    first = f"table/{table_name}/stream/" if table_name else ""
    after = first
    if exclusive_start_stream_arn:
        call, name = locate(call, exclusive_start_stream_arn)
        after = max(first, name)
    found = [stream for stream in streams.streams(call, after, most + 1) if stream.name.startswith(first)]
    listed = [{"StreamArn": arn_of(call, stream), "TableName": stream.about["table"],
               "StreamLabel": stream.about["label"]} for stream in found[:most]]
    more = {"LastEvaluatedStreamArn": listed[-1]["StreamArn"]} if len(found) > most else {}
    return {"Streams": listed, **more}


@dynamodbstreams.operation
def describe_stream(call: Call, stream_arn: str, limit: int | None = None,
                    exclusive_start_shard_id: str | None = None,
                    shard_filter: dict[str, str] | None = None) -> dict[str, Any]:
    """A stream with its shards, or with the children of one."""
    most = at_most(limit, limits.SHARDS)
    there, stream = find(call, stream_arn, "DescribeStream")
    parent = ""
    if shard_filter is not None:
        if not shard_filter.get("Type") or not shard_filter.get("ShardId"):
            raise ValidationException("ShardFilter must have a Type and a ShardId")
        parent = shard_filter["ShardId"]
    after = exclusive_start_shard_id or ""
    if parent:
        shards = [shard for shard in streams.shards(there, stream, after) if parent in shard.parents]
    else:
        shards = streams.shards(there, stream, after, most + 1)
    about = stream.about
    found = {"StreamArn": arn_of(there, stream), "StreamLabel": about["label"],
             "StreamStatus": "DISABLED" if stream.closed_ms else "ENABLED",
             "StreamViewType": about["view"], "CreationRequestDateTime": stream.made_ms / 1000,
             "TableName": about["table"], "KeySchema": about["keys"],
             "Shards": [_shown(shard) for shard in shards[:most]]}
    if len(shards) > most:
        found["LastEvaluatedShardId"] = shards[most - 1].id
    return {"StreamDescription": found}


def _shown(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": sequence_number(shard.base)}  # records have higher ones
    if not shard.is_open:
        numbers["EndingSequenceNumber"] = sequence_number(shard.last)
    parent = {"ParentShardId": shard.parents[0]} if shard.parents else {}
    return {"ShardId": shard.id, "SequenceNumberRange": numbers, **parent}


def find(call: Call, arn: str, action: str) -> tuple[Call, Stream]:
    """The stream that an ARN names, and the call as seen from where it lies; its policy is asked."""
    there, name = locate(call, arn)
    stream = streams.find(there, name)
    if stream is None:
        raise ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    outside = there.principal.account != there.account
    policy = (stream.about.get("policy") or [""])[0]
    if outside or policy:
        verdict = judge(there, f"dynamodb:{action}", arn, policy)
        if verdict.decision.explicit or (outside and not verdict.allowed):
            raise AccessDeniedException(verdict.sentence)
    return there, stream


def locate(call: Call, arn: str) -> tuple[Call, str]:
    """The name of a stream, and the call as seen from where it would lie."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        raise ValidationException(f"Invalid StreamArn: {arn}") from None
    parts = parsed.resource.split("/")
    if parsed.service != "dynamodb" or len(parts) != 4 or parts[0::2] != ["table", "stream"]:
        raise ValidationException(f"Invalid StreamArn: {arn}")
    return call.elsewhere(account=parsed.account, region=parsed.region), parsed.resource


def arn_of(call: Call, stream: Stream) -> str:
    """The stream's ARN."""
    return call.arn(stream.name, "dynamodb")


def at_most(limit: int | None, most: int) -> int:
    """A page's size."""
    if limit is not None and limit > most:
        raise ValidationException(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member "
            f"must have value less than or equal to {most}")
    return limit or most
