"""What a template says of a table that UpdateTable does not take: recovery, Kinesis stream, policy."""

from typing import Any, Protocol

import msgspec

from ...kernel import Conversation
from .properties import Kinesis, Recovery, ResourcePolicy


class Extras(Protocol):
    """A table or a replica, as a template describes it."""

    @property
    def point_in_time_recovery_specification(self) -> Recovery | None: ...
    @property
    def kinesis_stream_specification(self) -> Kinesis | None: ...
    @property
    def resource_policy(self) -> ResourcePolicy | None: ...


async def update(call: Conversation, name: str, arn: str, now: Extras, old: Extras | None) -> None:
    """Bring about what differs from before."""
    await _recovery(call, name, now, old)
    before = old.kinesis_stream_specification if old else None
    await _kinesis(call, name, now.kinesis_stream_specification, before)
    policy, was = ((one.resource_policy if one else None) for one in (now, old))
    if policy != was:
        if policy is None:
            await call.invoke("dynamodb", "DeleteResourcePolicy", ResourceArn=arn)
        else:
            text = msgspec.json.encode(policy.policy_document).decode()
            await call.invoke("dynamodb", "PutResourcePolicy", ResourceArn=arn, Policy=text)


async def _recovery(call: Conversation, name: str, now: Extras, old: Extras | None) -> None:
    wanted, was = ((one.point_in_time_recovery_specification if one else None) for one in (now, old))
    if wanted == was:
        return
    given: dict[str, Any] = {"PointInTimeRecoveryEnabled": False}
    if wanted is not None and wanted.point_in_time_recovery_enabled:
        given = {"PointInTimeRecoveryEnabled": True}
        if wanted.recovery_period_in_days is not None:
            given["RecoveryPeriodInDays"] = wanted.recovery_period_in_days
    elif was is None or not was.point_in_time_recovery_enabled:
        return
    await call.invoke("dynamodb", "UpdateContinuousBackups", TableName=name,
                      PointInTimeRecoverySpecification=given)


async def _kinesis(call: Conversation, name: str, now: Kinesis | None, old: Kinesis | None) -> None:
    if now == old:
        return
    if old is not None:
        await call.invoke("dynamodb", "DisableKinesisStreamingDestination", TableName=name,
                          StreamArn=old.stream_arn)
    if now is not None:
        precision = now.approximate_creation_date_time_precision
        more: dict[str, Any] = {} if precision is None else {
            "EnableKinesisStreamingConfiguration": {"ApproximateCreationDateTimePrecision": precision}}
        await call.invoke("dynamodb", "EnableKinesisStreamingDestination", TableName=name,
                          StreamArn=now.stream_arn, **more)
