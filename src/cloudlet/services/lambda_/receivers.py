"""Receivers of what becomes of asynchronous events: queues, topics, functions, event buses and buckets.

They are told as by any other service, but as the function's role. A bucket, which no transaction reaches, is
told by a task. A receiver that refuses for good is logged, and the record is lost, as it is with AWS.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...fabric import targets
from ...identity import root
from ...kernel import Call, Conversation
from . import roles
from .errors import InvalidParameterValueException
from .limits import ERROR_MESSAGE, THROTTLED_DELAY_MS
from .records import Version
from .service import lambda_

Config = dict[str, Any]
# by service: the permission that a function's role needs, and how one sees that there is such a thing
_KINDS = {
    "sqs": ("sqs:SendMessage", "GetQueueUrl", "QueueName"),
    "sns": ("sns:Publish", "GetTopicAttributes", "TopicArn"),
    "lambda": ("lambda:InvokeFunction", "GetFunctionConfiguration", "FunctionName"),
    "events": ("events:PutEvents", "DescribeEventBus", "Name"),
    "s3": ("s3:PutObject", "HeadBucket", "Bucket"),
}
_SNS_BYTES = 262_144  # of a message; AWS leaves the payloads out of a larger record
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PAUSES_MS = tuple(min(THROTTLED_DELAY_MS[0] << at, THROTTLED_DELAY_MS[1]) for at in range(10))
_RETRIES = targets.Retries(attempts=19, pauses_ms=_PAUSES_MS)


class Told(NamedTuple):
    """What a receiver is told of an event's end. ``attributes`` are those of a dead letter."""

    body: bytes
    source: str  # the function's ARN with its qualifier
    failed: bool
    attributes: dict[str, str] = {}


def check(call: Call, arn: str, record: Version, *, kinds: tuple[str, ...],
          dead_letters: bool = False) -> None:
    """Refuse a receiver that is not there, keeps an order, or that the function's role may not use."""
    parsed = parse(arn)
    if parsed is None or parsed.service not in kinds or arn.endswith(".fifo"):
        raise InvalidParameterValueException(f"The destination ARN {arn} is invalid.")
    permission, operation, member = _KINDS[parsed.service]
    named = parsed.resource.rpartition("/")[2] if parsed.service in ("sqs", "s3") else arn
    owner = parsed.account or call.account
    try:
        call.invoke(parsed.service, operation, as_principal=root(owner), account=owner,
                    region=parsed.region or call.region, **{member: named})
    except AwsError as error:
        raise InvalidParameterValueException(f"The destination ARN {arn} is invalid. ({error})") from None
    resource = f"{arn}/aws/lambda/async/{record.name}/record" if parsed.service == "s3" else arn
    action = permission.partition(":")[2]
    if not roles.permits(call, record.role, record.name, permission, resource):
        if dead_letters:
            raise InvalidParameterValueException("The provided execution role does not have permissions to "
                                                 f"call {action} on {parsed.service.upper()}")
        raise InvalidParameterValueException(
            f"The function's execution role {record.role} does not have permissions to call "
            f"{action} on {arn}")


def parse(arn: str) -> Arn | None:
    """An ARN of a kind that can receive; None if it is no such ARN."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    return parsed if parsed.service in _KINDS else None


def dead_letter(request_id: str, status: int, message: str) -> dict[str, str]:
    """What a dead letter tells beside the event."""
    text = _CONTROLS.sub(" ", message).encode()[:ERROR_MESSAGE].decode("utf-8", "ignore")
    return {"RequestID": request_id, "ErrorCode": str(status), "ErrorMessage": text or "Unknown"}


def tell(call: Call, receiver: str, record: Version, told: Told) -> None:
    """Tell a receiver in this transaction, or see to it that it will be told."""
    kind = Arn.parse(receiver).service
    delivery = targets.Delivery(call.ids.uuid(), told.body, "lambda", told.source, call.account,
                                _parameters(receiver, kind, told))
    parcel = targets.Parcel(receiver, delivery, _RETRIES, carrier="lambda:store" if kind == "s3" else "")
    try:
        if kind != "lambda":
            delivery.caller = roles.principal_of(call, record.role, record.name)
        if kind == "sns" and not told.attributes:
            delivery.body = _short(told.body)
    except AwsError as error:
        targets.settle(call, parcel, error)
    else:
        targets.send(call, parcel)


def _parameters(receiver: str, kind: str, told: Told) -> Config:
    """What goes to a receiver beside the body."""
    if kind == "events":
        end = "Failure" if told.failed else "Success"
        return {"DetailType": f"Lambda Function Invocation Result - {end}",
                "Resources": [receiver, told.source]}
    attributes = {key: {"DataType": "Number" if key == "ErrorCode" else "String", "StringValue": value}
                  for key, value in told.attributes.items()}
    return {"MessageAttributes": attributes} if attributes else {}


def _short(record: bytes) -> bytes:
    """A record as a topic takes it: without payloads, if it is too large with them."""
    if len(record) <= _SNS_BYTES:
        return record
    found = json.loads(record)
    return json.dumps({key: value for key, value in found.items() if not key.endswith("Payload")}).encode()


@lambda_.task
async def store(call: Conversation, parcel: Config) -> None:
    """Put a record into a bucket.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    one, refusal = msgspec.convert(parcel, type=targets.Parcel), None
    delivery, moment = one.delivery, datetime.fromtimestamp(call.now_ms / 1000, UTC)
    function = Arn.parse(delivery.source_arn).resource.split(":")[1]
    key = f"aws/lambda/async/{function}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-{delivery.id}"
    try:
        await call.invoke("s3", "PutObject", as_principal=delivery.principal, Key=key, Body=delivery.body,
                          Bucket=Arn.parse(one.arn).resource, ContentType="application/json")
    except AwsError as error:
        refusal = error
    await call.transact(lambda inner: targets.settle(inner, one, refusal))
