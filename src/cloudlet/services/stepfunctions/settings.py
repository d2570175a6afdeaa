"""What a state machine may be given beside its definition: a role, logging, tracing, encryption, tags."""

import re

from ...arn import Arn
from ...errors import AccessDeniedException, AwsError, NotHonoured
from ...identity import Principal, root, service_principal
from ...kernel import Call
from ...kernel.roles import NotTrusted
from ...kernel.roles import acting as with_role
from . import limits
from .errors import (
    InvalidArn,
    InvalidEncryptionConfiguration,
    InvalidLoggingConfiguration,
    TooManyTags,
)
from .records import Config

_OF_EXECUTION = re.compile(r"(:\d+):(?:execution|express|mapRun):([^:/]+).*")
_LEVELS = ("ALL", "ERROR", "FATAL", "OFF")


def logging(call: Call, given: Config | None) -> Config:
    """A logging configuration as it is kept; one that logs nothing is empty."""
    given = {name: value for name, value in (given or {}).items() if value is not None}
    level, destinations = given.get("level", "OFF"), given.get("destinations") or []
    if not destinations:
        if level != "OFF":
            raise InvalidLoggingConfiguration
        return {}
    if len(destinations) > 1:
        raise InvalidLoggingConfiguration
    group = (destinations[0].get("cloudWatchLogsLogGroup") or {}).get("logGroupArn") or ""
    try:
        arn = Arn.parse(group)
    except ValueError:
        arn = Arn("", "", "", "")
    name = arn.resource.removeprefix("log-group:").removesuffix(":*")
    if arn.service != "logs" or not name or not arn.resource.startswith("log-group:") or (
            not group.endswith(":*")):
        raise InvalidLoggingConfiguration(f"Invalid Logging Configuration: Log Destination is not valid: "
                                          f"{group}")
    if (arn.account, arn.region) != (call.account, call.region) or not _is_group(call, name):
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Log Destination cannot be reached: "
                                          f"there is no log group {name} in this account and region.")
    return {"level": level, "includeExecutionData": bool(given.get("includeExecutionData")),
            "destinations": destinations}


def _is_group(call: Call, name: str) -> bool:
    itself = service_principal("states", call.account)
    found = call.invoke("logs", "DescribeLogGroups", as_principal=itself, logGroupNamePrefix=name)
    return any(one["logGroupName"] == name for one in found["logGroups"])


def shown_logging(kept: Config) -> Config:
    """A logging configuration as it is described."""
    return kept or {"level": "OFF", "includeExecutionData": False}


def check_encryption(given: Config | None) -> None:
    """Everything here is kept as it is, so a key of one's own can't be honoured."""
    if not given or given.get("type") == "AWS_OWNED_KEY":
        if given and given.get("kmsKeyId"):
            raise InvalidEncryptionConfiguration(
                "Invalid Encryption Configuration: kmsKeyId is not for the type AWS_OWNED_KEY.")
        return
    raise NotHonoured("cloudlet has no customer managed keys, so it refuses an encryptionConfiguration other "
                      "than AWS_OWNED_KEY.")


def tags(given: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags by key."""
    found = {one["key"]: one.get("value") or "" for one in given or ()}
    if len(found) > limits.TAGS:
        raise TooManyTags
    return found


# -- the role


def check_role(call: Call, role_arn: str, machine: str = "") -> None:
    """A role must be one; one that is here must let Step Functions in, for the state machine of that ARN."""
    try:
        arn = Arn.parse(role_arn)
    except ValueError:
        raise InvalidArn(f"Invalid Role Arn: '{role_arn}'") from None
    if arn.service != "iam" or not arn.resource.startswith("role/"):
        raise InvalidArn(f"Invalid Role Arn: '{role_arn}'")
    if arn.account != call.account:
        raise AccessDeniedException("Cross-account pass role is not allowed.")
    acting(call, role_arn, machine)


def acting(call: Call, role_arn: str, source_arn: str = "") -> Principal:
    """Who an execution is to others: a session of its role, which must let ``states.amazonaws.com`` in.

    What the trust policy may ask for as ``aws:SourceArn``, as the CDK's do, is the state machine;
    ``source_arn`` may be an execution of it.

    A role that does not exist here gives the account's own rights: an application can be tried before its
    roles are.
    """
    itself = service_principal("states", call.account, _OF_EXECUTION.sub(r"\1:stateMachine:\2", source_arn))
    try:
        return with_role(call, role_arn, itself, call.ids.hex(32)) or root(call.account)
    except NotTrusted:
        raise AccessDeniedException(
            "Neither the global service principal states.amazonaws.com, nor the regional one is authorized "
            "to assume the provided role.") from None


def session(call: Call, role_arn: str, source_arn: str = "") -> Principal | AwsError:
    """The same for a task that is done outside of this transaction, and fails there if it may not."""
    try:
        return acting(call, role_arn, source_arn)
    except AccessDeniedException as refusal:
        return refusal
