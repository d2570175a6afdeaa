"""What is asked of a mapping that the model's constraints don't say, in AWS's words as far as they are known.

The words are those recorded from AWS, by others, in tests of their own.
"""

from typing import Any

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...fabric import sources
from ...fabric.filters import filters_of
from ...fabric.operators import PatternError
from ...fabric.sources import Queue, Stream
from ...kernel import Call
from .errors import InvalidParameterValueException
from .limits import FILTERS, MAPPING_BATCH, MAPPING_BATCH_WITHOUT_WINDOW, MAPPING_CONCURRENCY, RECORD_AGE_S
from .mapping import Mapping
from .records import Name, function, version

Config = dict[str, Any]
_OF_STREAMS = ("ParallelizationFactor", "DestinationConfig", "MaximumRecordAgeInSeconds",
               "BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds")
_NO_QUEUE = ("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
             "SQS Error Message: The specified queue does not exist.")


def source_of(call: Call, arn: str) -> Queue | Stream:
    """How the service behind ``arn`` is read."""
    try:
        found = sources.find(call, arn)
    except ValueError:
        raise InvalidParameterValueException("Unrecognized event source.") from None
    if found is None:
        raise NotHonoured(f"cloudlet does not read events from {arn}.")
    return found


def check_function(call: Call, name: Name) -> None:
    """A mapping's function is there."""
    try:
        function(call, name.name)
        version(call, name.name, name.qualifier)
    except AwsError:
        raise InvalidParameterValueException("Function does not exist") from None


def check_source(call: Call, source: Queue | Stream, arn: str, name: Name) -> None:
    """A mapping's source is there; a queue hides its messages for as long as the function may run."""
    try:
        about = source.check(call, arn)
    except AwsError:
        raise invalid(_NO_QUEUE if isinstance(source, Queue) else f"Stream not found: {arn}") from None
    timeout_s = version(call, name.name, name.qualifier).timeout_s
    visible_s = about.get("VisibilityTimeout")
    if visible_s is not None and visible_s < timeout_s:
        raise invalid(f"Queue visibility timeout: {visible_s} seconds is less than Function timeout: "
                      f"{timeout_s} seconds")


def check_kind(source: Queue | Stream, given: Config) -> None:
    """Members that mean nothing to such a source are refused."""
    if isinstance(source, Stream):
        _refuse(given, ("ScalingConfig",))
        return
    _refuse(given, _OF_STREAMS)
    if given.get("StartingPosition") or given.get("StartingPositionTimestamp"):
        raise invalid("StartingPosition is not valid for SQS event sources.")


def check_position(call: Call, stream: Stream, arn: str, position: str | None, at_ms: int | None) -> None:
    """Where to start in a stream is said, and can be."""
    if position is None:
        raise invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                      "constraint: Member must not be null.")
    if position not in stream.positions:
        raise invalid(f"Unsupported starting position for arn type: {arn}")
    if position == "AT_TIMESTAMP" and at_ms is None:
        raise invalid("Need to specify a timestamp")
    if position != "AT_TIMESTAMP" and at_ms is not None:
        raise invalid("StartingPositionTimestamp can only be specified with StartingPosition AT_TIMESTAMP")
    if at_ms is not None and at_ms > call.now_ms:
        raise invalid("StartingPositionTimestamp cannot be in the future")


def check(call: Call, source: Queue | Stream, record: Mapping) -> None:
    """The rules that hold between a mapping's settings."""
    if len(record.filters) > FILTERS:
        raise invalid(f"1 validation error detected: Value at 'filterCriteria.filters' failed to satisfy "
                      f"constraint: Member must have length less than or equal to {FILTERS}")
    try:
        filters_of(record.filters, source.filtered)
    except PatternError:
        raise invalid("Invalid filter pattern definition.") from None
    if isinstance(source, Stream):
        check_failures(call, record)
    else:
        _check_queue(call, source, record)


def check_failures(call: Call, record: Mapping) -> None:
    """What is said of records that are given up makes sense."""
    low, high = RECORD_AGE_S
    if record.age_s != -1 and not low <= record.age_s <= high:
        raise invalid(f"MaximumRecordAgeInSeconds must be -1, or between {low} and {high}.")
    if record.on_failure:
        _check_destination(call, record.on_failure)


def _check_destination(call: Call, destination: str) -> None:
    try:
        service = Arn.parse(destination).service
    except ValueError:
        service = ""
    if service not in ("sqs", "sns", "s3"):
        raise NotHonoured(f"cloudlet does not send failed batches to {destination}: the OnFailure "
                          "destination of a mapping can be an SQS queue, an SNS topic or an S3 bucket.")
    call.kernel.services.of_arn(service)


def _check_queue(call: Call, source: Queue, record: Mapping) -> None:
    fifo = bool(source.check(call, record.source).get("FifoQueue"))
    if fifo and record.window_s:
        raise invalid("Batching window is not supported for FIFO queues")
    if fifo and record.batch_size > MAPPING_BATCH_WITHOUT_WINDOW:
        raise invalid(f"Batch size must be between 1 and {MAPPING_BATCH_WITHOUT_WINDOW} for FIFO queues.")
    if record.batch_size > MAPPING_BATCH_WITHOUT_WINDOW and not record.window_s:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is "
                      "greater than 10")
    if record.batch_size > MAPPING_BATCH:
        raise invalid(f"Maximum batch size is {MAPPING_BATCH}.")
    low, high = MAPPING_CONCURRENCY
    if record.concurrency is not None and not low <= record.concurrency <= high:
        raise invalid(f"MaximumConcurrency must be between {low} and {high}.")


def _refuse(given: Config, names: tuple[str, ...]) -> None:
    for name in names:
        if given.get(name) is not None:
            raise invalid(f"Unsupported {name} parameter for given event source mapping type.")


def invalid(message: str) -> InvalidParameterValueException:
    """A refusal that is the user's to mend."""
    return InvalidParameterValueException(message)
