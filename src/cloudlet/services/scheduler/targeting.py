"""What a schedule's target must be like. What can't be called is refused when the schedule is made."""

import json
from typing import Any

from ...arn import Arn
from ...errors import AwsError, NotHonoured, ValidationException
from ...kernel import Call
from . import limits, universal

Config = dict[str, Any]
# templated targets: the services, and the parameters that belong to them
_TEMPLATED = {"lambda": "", "sqs": "SqsParameters", "sns": "", "events": "EventBridgeParameters",
              "kinesis": "KinesisParameters", "states": "", "firehose": ""}
# templated targets of AWS whose services are not here
_ELSEWHERE = frozenset(("ecs", "sagemaker", "codebuild", "codepipeline", "inspector"))
_NOT_HERE = ("EcsParameters", "SageMakerPipelineParameters", "EventBridgePutEventsV2Parameters",
             "EventBridgePutRawEventsParameters")
_NEEDED = ("EventBridgeParameters", "KinesisParameters")
_JSON = frozenset(("lambda", "events", "states"))  # whose input must be JSON


def checked(call: Call, target: Config) -> Config:
    """A target as it is kept: what was not said of its retries is AWS's default."""
    given = {name: value for name, value in target.items() if value is not None}
    for name in _NOT_HERE:
        if name in given:
            raise NotHonoured(f"cloudlet does not honour the member {name} of a target, and refuses it "
                              "rather than ignore it.")
    text = given.get("Input")
    if text is not None and len(text.encode()) > limits.INPUT_BYTES:
        raise ValidationException(f"The Input of a target can't have more than {limits.INPUT_BYTES} bytes.")
    if universal.is_universal(given["Arn"]):
        _check_universal(call, given)
    else:
        _check_templated(call, given)
    policy = given.get("RetryPolicy") or {}
    given["RetryPolicy"] = {
        "MaximumEventAgeInSeconds": _said(policy.get("MaximumEventAgeInSeconds"), limits.EVENT_AGE_S),
        "MaximumRetryAttempts": _said(policy.get("MaximumRetryAttempts"), limits.RETRY_ATTEMPTS)}
    return given


def _check_universal(call: Call, given: Config) -> None:
    _check_parameters(given, "")
    _, operation = universal.resolve(call.kernel.services, given["Arn"])
    if "Input" not in given:
        raise ValidationException("You must provide an input to set this target for your schedule.")
    universal.arguments(operation, given["Input"])


def _check_templated(call: Call, given: Config) -> None:
    text = given["Arn"]
    service = _service_of(text)
    if service in _ELSEWHERE:
        raise NotHonoured(f"cloudlet has no service {service}, so no schedule can have {text} as its target.")
    if service not in _TEMPLATED:
        raise ValidationException(f"{service} is not a supported service for a target.")
    try:
        found = call.kernel.services.of_arn(service)
    except AwsError as error:
        raise NotHonoured(f"No schedule can have {text} as its target: {error}") from None
    if not found.targets:
        raise NotHonoured(f"No schedule can have {text} as its target: {found.name} takes no deliveries.")
    if Arn.parse(text).region != call.region:
        raise ValidationException(
            f"The target ARN provided does not match the current region {call.region}.")
    _check_parameters(given, service)
    if service in _JSON and "Input" in given and not _is_json(given["Input"], service):
        raise ValidationException("JSON syntax error in input for the target.")


def _check_parameters(given: Config, service: str) -> None:
    """Those of another kind of target are refused, and those that this one needs are asked for."""
    mine = _TEMPLATED.get(service, "")
    for name in filter(None, _TEMPLATED.values()):
        if name in given and name != mine:
            raise ValidationException(f"Parameters {name} not supported for the target.")
    if mine in _NEEDED and mine not in given:
        raise ValidationException(f"Parameters {mine} must be specified.")
    if service == "sqs":
        fifo, group = given["Arn"].endswith(".fifo"), (given.get("SqsParameters") or {}).get("MessageGroupId")
        if fifo and group is None:
            raise ValidationException("Parameters SqsParameters must be specified.")
        if group is not None and not fifo:
            raise ValidationException("Parameters MessageGroupId not valid for the target.")


def _is_json(text: str, service: str) -> bool:
    """Whether the input can be read; an event's detail must be an object."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return service != "events" or isinstance(found, dict)


def _said(value: int | None, default: int) -> int:
    return default if value is None else value


def _service_of(arn: str) -> str:
    try:
        return Arn.parse(arn).service
    except ValueError:
        raise ValidationException(f"{arn} is not a valid ARN for a target.") from None
