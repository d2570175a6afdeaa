"""What a schedule does when it fires: one call of its target, as its role, tried as its policy says.

A templated target gets a delivery like any other, in the transaction in which the schedule fires. An
operation (a universal target) may wait and may fail in any way, so it is carried out by a task of its own,
which survives any crash; so is an input that says which attempt it is, for it is another at each.
Sources: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html,
https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
"""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...errors import AwsError
from ...fabric.targets import DeadLetter, Delivery, Parcel, Retries, deliver, send, settle
from ...kernel import Call, Conversation
from . import roles, universal
from .records import Schedule, group_arn
from .service import scheduler

_ATTEMPT = "<aws.scheduler.attempt-number>"


def dispatch(call: Call, schedule: Schedule, due_ms: int) -> None:
    """Call the target of a schedule for the moment ``due_ms``."""
    target, execution = schedule.target, call.ids.hex(16)
    moment = datetime.fromtimestamp(due_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = _input(call, schedule, moment)
    known = {"schedule-arn": schedule.arn, "scheduled-time": moment, "execution-id": execution}
    for name, value in known.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    delivery = Delivery(call.ids.uuid(), text.encode(), "scheduler", schedule.arn, call.account,
                        _parameters(target))
    said = {"EXECUTION_ID": execution, "IS_PAYLOAD_TRUNCATED": "false", "SCHEDULED_TIME": moment,
            "SCHEDULE_ARN": schedule.arn, "TARGET_ARN": target["Arn"]}
    policy = target["RetryPolicy"]
    parcel = Parcel(target["Arn"], delivery, Retries(policy["MaximumRetryAttempts"],
                                                     policy["MaximumEventAgeInSeconds"] * 1000),
                    _dead_letter(target, delivery, said))
    if universal.is_universal(parcel.arn):
        delivery.id = f"{call.ids.ticket():020}"  # what is carried goes out in the order of its ids
        parcel.carrier = "scheduler:carry"
    elif _ATTEMPT in text:
        parcel.carrier = "scheduler:carry"
    try:
        delivery.caller = roles.acting(call, target["RoleArn"], group_arn(call, schedule.group), execution)
    except AwsError as error:
        settle(call, parcel, error)
        return
    if parcel.dead_letter:
        parcel.dead_letter.delivery.caller = delivery.caller
    send(call, parcel)


@scheduler.task
async def carry(call: Conversation, parcel: dict[str, Any]) -> None:
    """Call the target of a parcel, outside any transaction."""
    found = msgspec.convert(parcel, type=Parcel)
    delivery = found.delivery
    body = delivery.body.replace(_ATTEMPT.encode(), str(found.tries).encode())
    if found.dead_letter:
        found.dead_letter.delivery.body = body
    error = await _refusal(call, found.arn, msgspec.structs.replace(delivery, body=body))
    await call.transact(lambda inner: settle(inner, found, error))


async def _refusal(call: Conversation, arn: str, delivery: Delivery) -> AwsError | None:
    """Why a target does not do what it is asked to; None if it did."""
    try:
        if universal.is_universal(arn):
            service, operation = universal.resolve(call.kernel.services, arn)
            given = universal.arguments(operation, delivery.body.decode())
            await call.invoke(service, operation.name, as_principal=delivery.principal, **given)
        else:
            await call.transact(lambda inner: deliver(inner, arn, delivery))
    except AwsError as error:
        return error
    return None


def _input(call: Call, schedule: Schedule, moment: str) -> str:
    """What a schedule says, or what AWS says for one that says nothing."""
    text: str | None = schedule.target.get("Input")
    if text is not None:
        return text
    return json.dumps({
        "version": "0", "id": call.ids.uuid(), "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": call.account, "time": moment, "region": call.region, "resources": [schedule.arn],
        "detail": "{}"}, separators=(",", ":"))


def _parameters(target: dict[str, Any]) -> dict[str, Any]:
    """The target's own, as the service that takes the delivery knows them."""
    found: dict[str, Any] = {}
    for name in ("SqsParameters", "EventBridgeParameters", "KinesisParameters"):
        found |= target.get(name) or {}
    return found


def _dead_letter(target: dict[str, Any], delivery: Delivery, said: dict[str, str]) -> DeadLetter | None:
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if arn is None:
        return None
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in said.items()}
    letter = msgspec.structs.replace(delivery, parameters={"MessageAttributes": attributes})
    return DeadLetter(arn, letter, explain=True)
