"""DescribeStream, DescribeStreamSummary and ListStreams."""

from typing import Any

from ...errors import ValidationException
from ...fabric.shards import Stream
from ...kernel import Call
from . import consumer, limits
from .naming import shown, visible
from .service import kinesis, streams
from .stream import HOUR_MS, arn_of, lookup, settings_of


@kinesis.operation
def describe_stream(call: Call, stream_name: str | None = None, stream_arn: str | None = None,
                    limit: int | None = None, exclusive_start_shard_id: str | None = None) -> dict[str, Any]:
    """A stream with its shards, page by page."""
    call, stream = lookup(call, stream_name, stream_arn, "DescribeStream")
    most = min(limit or limits.SHARDS_DESCRIBED, limits.SHARDS_DESCRIBED)
    shards = visible(call, stream, exclusive_start_shard_id or "", most + 1)
    return {"StreamDescription": _described(call, stream) | {
        "Shards": [shown(stream, shard) for shard in shards[:most]], "HasMoreShards": len(shards) > most}}


@kinesis.operation
def describe_stream_summary(call: Call, stream_name: str | None = None, stream_arn: str | None = None
                            ) -> dict[str, Any]:
    """A stream without its shards."""
    call, stream = lookup(call, stream_name, stream_arn, "DescribeStreamSummary")
    settings = settings_of(stream)
    found = _described(call, stream) | {
        "OpenShardCount": len(stream.open), "ConsumerCount": len(consumer.of_stream(call, stream)),
        "MaxRecordSizeInKiB": settings.record_kib}
    if settings.on_demand:
        found["RecordDistributionStrategy"] = "AUTO" if settings.spread else "USER_PARTITION_KEY"
    return {"StreamDescriptionSummary": found}


@kinesis.operation
def list_streams(call: Call, limit: int | None = None, exclusive_start_stream_name: str | None = None,
                 next_token: str | None = None) -> dict[str, Any]:
    """The streams of the account by name, page by page; a page's token is its last name."""
    if next_token is not None and exclusive_start_stream_name is not None:
        raise ValidationException("NextToken and ExclusiveStartStreamName cannot be provided together.")
    most = min(limit or limits.STREAMS_PAGE, limits.STREAMS_PAGE)
    found = streams.streams(call, next_token or exclusive_start_stream_name or "", most + 1)
    listed = found[:most]
    more = {"NextToken": listed[-1].name} if len(found) > most else {}
    return {"StreamNames": [stream.name for stream in listed], "HasMoreStreams": len(found) > most,
            "StreamSummaries": [_summary(call, stream) for stream in listed], **more}


def _described(call: Call, stream: Stream) -> dict[str, Any]:
    return _summary(call, stream) | {
        "RetentionPeriodHours": stream.kept_ms // HOUR_MS, "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE"}


def _summary(call: Call, stream: Stream) -> dict[str, Any]:
    mode = "ON_DEMAND" if settings_of(stream).on_demand else "PROVISIONED"
    return {"StreamName": stream.name, "StreamARN": arn_of(call, stream.name), "StreamStatus": "ACTIVE",
            "StreamModeDetails": {"StreamMode": mode}, "StreamCreationTimestamp": stream.made_ms // 1000}
