"""The targets of rules: put, removed, listed. What can't be delivered to is refused when it is put."""

from collections.abc import Iterator
from typing import Any

from ...arn import Arn
from ...errors import AwsError, NotHonoured, ValidationException
from ...kernel import Call
from . import inputs, limits, paths
from .errors import LimitExceededException, invalid, wrong_arn
from .paging import page
from .records import Rule, Target, check_mine, find_rule, own_bus, save, targets, targets_of
from .service import events

Config = dict[str, Any]
_REFUSED = ("RunCommandParameters", "EcsParameters", "BatchParameters", "RedshiftDataParameters",
            "SageMakerPipelineParameters", "AppSyncParameters")
_PARAMETERS = {"SqsParameters": ("sqs",), "KinesisParameters": ("kinesis",),
               "HttpParameters": ("events", "execute-api")}
_BY_ROLE = frozenset(("states", "kinesis", "firehose"))  # which EventBridge reaches with a role only
_ANYWHERE = frozenset(("sqs", "sns", "lambda", "kinesis", "events"))  # whose targets may be another account's


@events.operation
def put_targets(call: Call, rule: str, targets: list[Config], event_bus_name: str | None = None) -> Config:
    """Add targets to a rule, or replace those with the same ids."""
    bus = own_bus(call, event_bus_name)
    found = find_rule(call, bus, rule)
    check_mine(call, found)
    failed: list[Config] = []
    wanted: list[Target] = []
    for given in targets:
        target = _checked(call, given, found.role_arn)
        reason = _unreachable(call, target)
        if reason is None:
            wanted.append(target)
        else:
            failed.append({"TargetId": target.id, "ErrorCode": reason.code, "ErrorMessage": str(reason)})
    ids = {one.id for one in targets_of(call, found)} | {one.id for one in wanted}
    if len(ids) > limits.TARGETS_PER_RULE:
        raise LimitExceededException
    for target in wanted:
        _put(call, found, target)
    save(call, bus, anew=True)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@events.operation
def remove_targets(call: Call, rule: str, ids: list[str], event_bus_name: str | None = None,
                   force: bool = False) -> Config:
    """Take targets from a rule; those it doesn't have fail."""
    bus = own_bus(call, event_bus_name)
    found = find_rule(call, bus, rule)
    if not force:
        check_mine(call, found)
    failed = []
    for id in ids:
        if targets.get(call, bus.name, rule, id) is None:
            failed.append({"TargetId": id, "ErrorCode": "ResourceNotFoundException",
                           "ErrorMessage": f"Rule '{rule}' does not have a target with the Id '{id}'."})
        else:
            targets.delete(call, bus.name, rule, id)
    save(call, bus, anew=True)
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


@events.operation
def list_targets_by_rule(call: Call, rule: str, event_bus_name: str | None = None,
                         next_token: str | None = None, limit: int | None = None) -> Config:
    """The targets of a rule, by id."""
    found = find_rule(call, own_bus(call, event_bus_name), rule)

    def rows(after: str) -> Iterator[tuple[str, Target]]:
        return ((target.id, target) for target in targets_of(call, found) if target.id > after)

    return page("Targets", rows, lambda target: target.given, next_token, limit)


def _put(call: Call, rule: Rule, target: Target) -> None:
    targets.put(call, rule.bus, rule.name, target.id, record=target)


def _checked(call: Call, given: Config, role_arn: str) -> Target:
    """What PutTargets was given for one target, if it can be meant; ``role_arn`` is the rule's own."""
    given = _without_empty(given)
    for name in _REFUSED:
        if name in given:
            raise NotHonoured(f"cloudlet does not honour the member {name} of a target, and refuses it "
                              "rather than ignore it.")
    id, text = given["Id"], given["Arn"]
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise wrong_arn(text) from None
    inputs.of_target(given, id=id)
    _check_parameters(arn, given, id)
    foreign = arn.account not in ("", call.account)
    by_role = arn.service in _BY_ROLE or (foreign and arn.service in ("events", "sns")) or (
        arn.resource.startswith("api-destination/"))
    if by_role and not (role_arn or "RoleArn" in given):
        raise ValidationException(f"RoleArn is required for target {text}.")
    if foreign and arn.service not in _ANYWHERE:
        raise ValidationException(f"Access to the resource {text} is denied. Reason: Adding cross-account "
                                  "target is not permitted.")
    if foreign and arn.service == "events" and _transforms(given):
        raise ValidationException("Input, InputPath, and InputTransformer are not available with an event "
                                  f"bus of a different account as target {id}.")
    return Target(id, text, given)


def _check_parameters(arn: Arn, given: Config, id: str) -> None:
    """The parameters that belong to a kind of target, and its dead letters."""
    if arn.service == "sqs" and arn.resource.endswith(".fifo") and not (
            given.get("SqsParameters") or {}).get("MessageGroupId"):
        raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {id}.")
    for name, services in _PARAMETERS.items():
        if name in given and arn.service not in services:
            raise ValidationException(f"Parameter(s) {name} not valid for target: {id}.")
    if arn.service == "logs" and ("Input" in given or "InputPath" in given):
        raise ValidationException(f"Invalid input for target {id}. The only valid form of input is "
                                  "InputTransformer.")
    path = (given.get("KinesisParameters") or {}).get("PartitionKeyPath")
    if path is not None:
        try:
            paths.parse(path)
        except paths.NoPath:
            raise ValidationException(f"Invalid PartitionKeyPath for target {id}.") from None
    dead = (given.get("DeadLetterConfig") or {}).get("Arn")
    if dead is not None and (":sqs:" not in dead or dead.endswith(".fifo")):
        raise invalid("DeadLetterConfig.Arn", f"{dead} is no standard SQS queue.")


def _unreachable(call: Call, target: Target) -> AwsError | None:
    """Why nothing can ever be delivered to a target; None if it can."""
    try:
        service = call.kernel.services.of_arn(Arn.parse(target.arn).service)
    except AwsError as error:
        return NotHonoured(f"Nothing can be delivered to {target.arn}: {error}")
    if not service.targets:
        return NotHonoured(f"Nothing can be delivered to {target.arn}: {service.name} takes no deliveries "
                           "here.")
    return None


def _transforms(given: Config) -> bool:
    return any(name in given for name in ("Input", "InputPath", "InputTransformer"))


def _without_empty(given: Config) -> Config:
    return {name: value for name, value in given.items() if value is not None}
