"""Streams come, change and go. Each change is made when it is answered, so a stream is always ACTIVE."""

from msgspec.structs import replace

from ...errors import ValidationException
from ...fabric.shards import Stream
from ...kernel import Call
from . import consumer, limits, meters
from .account import admit_on_demand, admit_shards, count
from .errors import InvalidArgumentException, LimitExceededException, ResourceInUseException
from .service import kinesis, streams
from .stream import HOUR_MS, Settings, about, lookup, save, settings_of, told
from .tags import with_tags


@kinesis.operation
def create_stream(call: Call, stream_name: str, shard_count: int | None = None,
                  stream_mode_details: dict[str, str] | None = None, tags: dict[str, str] | None = None,
                  max_record_size_in_ki_b: int | None = None,
                  record_distribution_strategy: str | None = None) -> None:
    """A stream of so many shards; one on demand, if it is not said how many."""
    mode = (stream_mode_details or {}).get("StreamMode") or ("PROVISIONED" if shard_count else "ON_DEMAND")
    on_demand = mode == "ON_DEMAND"
    if on_demand == bool(shard_count):
        raise ValidationException(f"ShardCount must {'not ' * on_demand}be given for a stream whose "
                                  f"StreamMode is {mode}.")
    if streams.find(call, stream_name) is not None:
        raise ResourceInUseException(f"{told(call, stream_name)} already exists.")
    settings = Settings(on_demand, max_record_size_in_ki_b or limits.RECORD_KIB[0],
                        tags=with_tags(call, stream_name, {}, tags or {}))
    settings = _spread(settings, record_distribution_strategy)
    if on_demand:
        admit_on_demand(call)
    else:
        admit_shards(call, shard_count or 0)
    made = streams.create(call, stream_name, count=shard_count or limits.ON_DEMAND_AT_FIRST,
                          kept_ms=limits.KEPT_HOURS[0] * HOUR_MS, about=about(settings))
    count(call, None, made)


@kinesis.operation
def delete_stream(call: Call, stream_name: str | None = None, stream_arn: str | None = None,
                  enforce_consumer_deletion: bool = False) -> None:
    """Delete a stream with all that is in it."""
    call, stream = lookup(call, stream_name, stream_arn, "DeleteStream")
    if consumer.of_stream(call, stream) and not enforce_consumer_deletion:
        raise ResourceInUseException(
            f"{told(call, stream.name)} has registered consumers. Deregister them, or set "
            "EnforceConsumerDeletion.")
    for one in consumer.of_stream(call, stream):
        consumer.forget(call, stream, one)
    meters.forget(call, stream)
    streams.delete(call, stream)
    count(call, stream, None)


@kinesis.operation
def increase_stream_retention_period(call: Call, retention_period_hours: int, stream_name: str | None = None,
                                     stream_arn: str | None = None) -> None:
    """Keep records longer; those that were too old already stay out of reach."""
    call, stream = lookup(call, stream_name, stream_arn, "IncreaseStreamRetentionPeriod")
    now_hours = _check_hours(stream, retention_period_hours)
    if retention_period_hours < now_hours:
        raise InvalidArgumentException(
            f"Requested retention period ({retention_period_hours} hours) for stream {stream.name} can not "
            f"be shorter than existing retention period ({now_hours} hours). Use DecreaseRetentionPeriod "
            "API.")
    settings = settings_of(stream)
    hidden_ms = max(settings.hidden_ms, call.now_ms - stream.kept_ms + 1)
    save(call, stream, replace(settings, hidden_ms=hidden_ms), retention_period_hours * HOUR_MS)


@kinesis.operation
def decrease_stream_retention_period(call: Call, retention_period_hours: int, stream_name: str | None = None,
                                     stream_arn: str | None = None) -> None:
    """Keep records less long; what is older is out of reach at once."""
    call, stream = lookup(call, stream_name, stream_arn, "DecreaseStreamRetentionPeriod")
    now_hours = _check_hours(stream, retention_period_hours)
    if retention_period_hours > now_hours:
        raise InvalidArgumentException(
            f"Requested retention period ({retention_period_hours} hours) for stream {stream.name} can not "
            f"be longer than existing retention period ({now_hours} hours). Use IncreaseRetentionPeriod API.")
    save(call, stream, settings_of(stream), retention_period_hours * HOUR_MS)


@kinesis.operation
def update_stream_mode(call: Call, stream_arn: str, stream_mode_details: dict[str, str]) -> None:
    """Let a stream have the shards it is given, or those it needs; it begins with those it has."""
    call, stream = lookup(call, None, stream_arn, "UpdateStreamMode")
    settings, on_demand = settings_of(stream), stream_mode_details["StreamMode"] == "ON_DEMAND"
    if on_demand == settings.on_demand:
        return
    switched = within_a_day(call, settings.switched)
    if len(switched) >= limits.MODE_CHANGES:
        raise LimitExceededException(
            f"{told(call, stream.name)} has changed its mode {limits.MODE_CHANGES} times within 24 hours, "
            "and may not oftener.")
    if on_demand:
        admit_on_demand(call)
    elif settings.spread:
        raise InvalidArgumentException(
            f"{told(call, stream.name)} distributes records of its own (AUTO), which only streams on demand "
            "do. Set its RecordDistributionStrategy to USER_PARTITION_KEY first.")
    count(call, stream, save(call, stream, replace(
        settings, on_demand=on_demand, switched=(*switched, call.now_ms))))


@kinesis.operation
def update_max_record_size(call: Call, max_record_size_in_ki_b: int, stream_arn: str | None = None) -> None:
    """Let a stream take records of 1 to 10 MiB."""
    call, stream = lookup(call, None, stream_arn, "UpdateMaxRecordSize")
    save(call, stream, replace(settings_of(stream), record_kib=max_record_size_in_ki_b))


@kinesis.operation
def update_stream_record_distribution_strategy(call: Call, stream_arn: str,
                                               record_distribution_strategy: str) -> None:
    """Let the records' keys say which shard they go to, or none (AUTO)."""
    call, stream = lookup(call, None, stream_arn, "UpdateStreamRecordDistributionStrategy")
    save(call, stream, _spread(settings_of(stream), record_distribution_strategy))


def within_a_day(call: Call, moments: tuple[int, ...]) -> tuple[int, ...]:
    """Those of some moments that were less than a day ago."""
    return tuple(moment for moment in moments if call.now_ms - moment < limits.DAY_MS)


def _spread(settings: Settings, strategy: str | None) -> Settings:
    if strategy == "AUTO" and not settings.on_demand:
        raise InvalidArgumentException("The RecordDistributionStrategy AUTO is for streams on demand only.")
    return replace(settings, spread=strategy == "AUTO")


def _check_hours(stream: Stream, hours: int) -> int:
    least, most = limits.KEPT_HOURS
    if hours < least:
        raise InvalidArgumentException(f"Minimum allowed retention period is {least} hours. Requested "
                                       f"retention period ({hours} hours) is too short.")
    if hours > most:
        raise InvalidArgumentException(f"Maximum allowed retention period is {most} hours. Requested "
                                       f"retention period ({hours} hours) is too long.")
    return stream.kept_ms // HOUR_MS
