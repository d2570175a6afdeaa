"""What a pipe must be like. What can't be read, called or honoured is refused when the pipe is made."""

from ...arn import Arn
from ...errors import AwsError, NotHonoured, ValidationException
from ...fabric.filters import filters_of
from ...fabric.operators import PatternError
from ...fabric.sources import Queue, Stream, find
from ...kernel import Call
from . import limits, templates
from .records import Config, Pipe

_SOURCES = {"sqs": "SqsQueueParameters", "dynamodb": "DynamoDBStreamParameters",
            "kinesis": "KinesisStreamParameters"}
_TARGETS = {"lambda": "LambdaFunctionParameters", "sqs": "SqsQueueParameters",
            "events": "EventBridgeEventBusParameters", "kinesis": "KinesisStreamParameters", "sns": "",
            "firehose": "", "states": "StepFunctionStateMachineParameters"}
_OF_BUS = frozenset(("DetailType", "Source", "Resources"))  # EndpointId and Time are not honoured


def source_of(call: Call, arn: str) -> Queue | Stream:
    """How a pipe's source is read."""
    try:
        found = find(call, arn) if Arn.parse(arn).service in _SOURCES else None
    except (AwsError, ValueError):
        found = None
    if found is None:
        raise NotHonoured(
            f"cloudlet does not read {arn} for a pipe: its source can be an SQS queue, or a stream "
            "of DynamoDB or Kinesis, each if the service is here."
        )
    found.check(call, arn)
    return found


def settings_of(pipe: Pipe) -> Config:
    """What a pipe says of its kind of source."""
    return pipe.source_parameters.get(_SOURCES[Arn.parse(pipe.source).service]) or {}


def patterns_of(pipe: Pipe) -> list[str]:
    """The patterns of a pipe's filters."""
    criteria = pipe.source_parameters.get("FilterCriteria") or {}
    return [one["Pattern"] for one in criteria.get("Filters") or () if one.get("Pattern")]


def check(call: Call, pipe: Pipe) -> None:
    """Refuse what can't be meant."""
    source = source_of(call, pipe.source)
    _only(pipe.source_parameters, {"FilterCriteria", _SOURCES[Arn.parse(pipe.source).service]}, "source")
    try:
        filters_of(patterns_of(pipe), source.filtered)
    except PatternError as error:
        raise ValidationException(f"Invalid filter pattern: {error}") from None
    settings = settings_of(pipe)
    if isinstance(source, Queue):
        if settings.get("BatchSize", 1) > limits.BATCH_WITHOUT_WINDOW and not settings.get(
                "MaximumBatchingWindowInSeconds"):
            raise ValidationException("MaximumBatchingWindowInSeconds must be greater than 0 if BatchSize is "
                                      f"greater than {limits.BATCH_WITHOUT_WINDOW}.")
    else:
        _check_position(pipe, source, settings)
    _check_target(call, pipe)
    if pipe.enrichment and Arn.parse(pipe.enrichment).service not in ("lambda", "states"):
        raise NotHonoured(f"cloudlet does not enrich by {pipe.enrichment}: it can be a Lambda function or an "
                          "Express state machine.")
    _only(pipe.enrichment_parameters, {"InputTemplate"}, "enrichment")
    for parameters in (pipe.enrichment_parameters, pipe.target_parameters):
        wrong = templates.unknown(parameters.get("InputTemplate") or "")
        if wrong:
            raise ValidationException(f"Invalid InputTemplate: there is no <aws.pipes.{wrong[0]}>.")


def _check_position(pipe: Pipe, stream: Stream, settings: Config) -> None:
    position, moment = settings.get("StartingPosition"), settings.get("StartingPositionTimestamp")
    if position not in stream.positions:
        raise ValidationException(
            f"{pipe.source} must have a StartingPosition: {', '.join(stream.positions)}.")
    if (position == "AT_TIMESTAMP") != (moment is not None):
        raise ValidationException("StartingPositionTimestamp goes with the StartingPosition AT_TIMESTAMP.")


def _check_target(call: Call, pipe: Pipe) -> None:
    service = Arn.parse(pipe.target).service
    if service not in _TARGETS:
        raise NotHonoured(f"cloudlet does not honour {pipe.target} as the target of a pipe. "
                          f"It can be of {', '.join(sorted(_TARGETS))}.")
    try:
        known = call.kernel.services.of_arn(service).targets
    except AwsError as error:
        raise NotHonoured(f"No pipe can have {pipe.target} as its target: {error}") from None
    if not known:
        raise NotHonoured(
            f"No pipe can have {pipe.target} as its target: {service} takes no deliveries here."
        )
    _only(pipe.target_parameters, {"InputTemplate", _TARGETS[service]}, "target")
    own = pipe.target_parameters.get(_TARGETS[service]) or {}
    if service == "events":
        _only(own, _OF_BUS, "event bus")
    if service == "kinesis" and not own.get("PartitionKey"):
        raise ValidationException("KinesisStreamParameters must be specified for a Kinesis target.")
    if service == "sqs" and pipe.target.endswith(".fifo") and not own.get("MessageGroupId"):
        raise ValidationException("MessageGroupId must be specified for a FIFO queue.")


def parameters_of(pipe: Pipe) -> Config:
    """The target's own parameters."""
    return pipe.target_parameters.get(_TARGETS[Arn.parse(pipe.target).service]) or {}


def _only(given: Config, honoured: set[str] | frozenset[str], what: str) -> None:
    for name, value in given.items():
        if value is not None and name not in honoured:
            raise NotHonoured(
                f"cloudlet does not honour the member {name} of the parameters of this {what}, and "
                "refuses it rather than ignore it."
            )
