"""Receivers of what becomes of asynchronous events: queues, topics, functions, event buses and buckets.

They are reached through AWS's own operations, as the function's role. What can be told in the transaction
that ends the event is told there, exactly once; a bucket, and who could not listen just then, is told by a
task, at least once. A receiver that refuses for good is logged, and the record is lost, as it is with AWS.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...arn import Arn
from ...errors import AwsError
from ...fabric import targets, timers
from ...identity import Principal, root
from ...kernel import Call, Conversation
from . import roles
from .errors import InvalidParameterValueException
from .limits import ERROR_MESSAGE, THROTTLED_DELAY_MS
from .records import Version
from .service import lambda_

log = logging.getLogger(__name__)
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
_TRANSIENT = frozenset(("ThrottlingException", "Throttling", "RequestThrottled", "TooManyRequestsException",
                        "SlowDown", "ProvisionedThroughputExceededException"))
_GIVE_UP = 20  # tries


class Parcel(msgspec.Struct):
    """What is on its way to a receiver. ``attributes`` are those of a dead letter."""

    receiver: str
    body: bytes
    role: str
    function: str
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


def send(call: Call, parcel: Parcel) -> None:
    """Hand a parcel over in this transaction, or see to it that it will be."""
    if Arn.parse(parcel.receiver).service == "s3":
        _later(call, parcel, 0)
        return
    try:
        _deliver(call, parcel)
    except AwsError as error:
        _refused(call, parcel, 1, error)


@lambda_.task
async def hand_over(call: Conversation, *, parcel: Config, tries: int) -> None:
    """Try to hand over what could not be handed over in a transaction."""
    one = msgspec.convert(parcel, type=Parcel)

    def deliver(inner: Call) -> None:
        _deliver(inner, one)

    try:
        if Arn.parse(one.receiver).service == "s3":
            await _store(call, one)
        else:
            await call.transact(deliver)
    except AwsError as error:
        refusal = error
        await call.transact(lambda inner: _refused(inner, one, tries + 1, refusal))


def _deliver(call: Call, parcel: Parcel) -> None:
    arn = Arn.parse(parcel.receiver)
    if arn.service == "lambda":
        targets.deliver(call, parcel.receiver, targets.Delivery(
            call.ids.uuid(), parcel.body, "lambda", parcel.source, call.account))
        return
    operation, params = _request(parcel, arn)
    answer = call.invoke(arn.service, operation, as_principal=_sender(call, parcel),
                         account=arn.account or call.account, region=arn.region or call.region, **params)
    if answer.get("FailedEntryCount"):
        entry = answer["Entries"][0]
        raise NotDelivered(f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}")


def _request(parcel: Parcel, arn: Arn) -> tuple[str, Config]:
    """The operation that gives a parcel to a queue, a topic or an event bus, and its parameters."""
    text = parcel.body.decode("utf-8", "replace")
    attributes = {key: {"DataType": "Number" if key == "ErrorCode" else "String", "StringValue": value}
                  for key, value in parcel.attributes.items()}
    if arn.service == "sqs":
        url = f"https://sqs.{arn.region}.amazonaws.com/{arn.account}/{arn.resource}"
        params: Config = {"QueueUrl": url, "MessageBody": text}
        return "SendMessage", params | ({"MessageAttributes": attributes} if attributes else {})
    if arn.service == "sns":
        params = {"TopicArn": parcel.receiver, "Message": text if parcel.attributes else _short(text)}
        return "Publish", params | ({"MessageAttributes": attributes} if attributes else {})
    return "PutEvents", {"Entries": [{
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {'Failure' if parcel.failed else 'Success'}",
        "Detail": text, "Resources": [parcel.receiver, parcel.source], "EventBusName": parcel.receiver}]}


def _short(record: str) -> str:
    """A record as a topic takes it: without payloads, if it is too large with them."""
    if len(record.encode()) <= _SNS_BYTES:
        return record
    found = json.loads(record)
    return json.dumps({key: value for key, value in found.items() if not key.endswith("Payload")})


async def _store(call: Conversation, parcel: Parcel) -> None:
    """Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    moment = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    key = (f"aws/lambda/async/{parcel.function}/{moment:%Y/%m/%d}/{moment:%Y-%m-%dT%H.%M.%S}-"
           f"{call.ids.uuid()}")
    sender = await call.transact(lambda inner: _sender(inner, parcel))
    await call.invoke("s3", "PutObject", as_principal=sender, Key=key, Body=parcel.body,
                      Bucket=Arn.parse(parcel.receiver).resource, ContentType="application/json")


def _sender(call: Call, parcel: Parcel) -> Principal:
    return roles.principal_of(call, parcel.role, parcel.function)


def _refused(call: Call, parcel: Parcel, tries: int, error: AwsError) -> None:
    """Try again later what may go better then; of the rest, say that it is lost."""
    if (error.status >= 500 or error.code in _TRANSIENT) and tries < _GIVE_UP:
        _later(call, parcel, tries)
        return
    log.warning("what became of an event of %s could not be told to %s, and is lost: %s: %s", parcel.source,
                parcel.receiver, error.code, error)


def _later(call: Call, parcel: Parcel, tries: int) -> None:
    first_ms, longest_ms = THROTTLED_DELAY_MS
    pause_ms = min(first_ms << (tries - 1), longest_ms) if tries else 0
    timers.schedule(call, hand_over, at_ms=call.now_ms + pause_ms, id=f"lambda-record/{call.ids.uuid()}",
                    parcel=msgspec.to_builtins(parcel, builtin_types=(bytes,)), tries=tries)


class NotDelivered(AwsError):
    """The receiver did not take it."""
