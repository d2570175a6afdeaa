"""Subscribing: a filter's destination is tried out before it is kept, as AWS does.

A stream is sent a control message. A function is not run: it is handed an event that is taken back at once,
which says whether it would take one.
"""

from ...arn import Arn
from ...errors import AwsError
from ...fabric.targets import deliver
from ...identity.evaluation import Ask, Policy, evaluate
from ...identity.policy import compiled
from ...kernel import Call
from ...kernel.permissions import context_of, policies_of, sent
from .errors import AccessDeniedException, InvalidParameterException
from .forwarding import delivery, destination_of
from .records import Subscription

_NAMES = {"kinesis": "Kinesis", "firehose": "Firehose"}
_CHECKED = {"kinesis": "Kinesis stream", "firehose": "Firehose", "lambda": "Lambda"}
_NO_FUNCTION = ("Could not execute the lambda function. Make sure you have given CloudWatch Logs permission "
                "to execute your function.")


class _Undone(Exception):
    """A delivery went well, and is taken back."""


def check(call: Call, group: str, subscription: Subscription) -> None:
    """Refuse a destination that does not take deliveries, or not from here."""
    try:
        arn = Arn.parse(subscription.destination)
    except ValueError:
        raise InvalidParameterException("destinationArn is not a valid ARN") from None
    if arn.service == "logs":
        _check_destination(call, arn)
        return
    if arn.service not in ("lambda", *_NAMES):
        raise InvalidParameterException(
            f"PutSubscriptionFilter operation cannot work with destinationArn for vendor {arn.service}")
    if arn.service == "lambda" and arn.account != call.account:
        raise AccessDeniedException("Cross-account lambda invocation passing is not allowed. You must use "
                                    "DestinationPolicies to create cross account lambda triggers.")
    if bool(subscription.role) is (arn.service == "lambda"):
        word = "with" if subscription.role else "without"
        raise InvalidParameterException(
            f"destinationArn for vendor {arn.service} cannot be used {word} roleArn")
    if arn.account != call.account:
        raise AccessDeniedException("Cross-account pass role is not allowed.")
    try_out(call, group, subscription, subscription.destination, subscription.role)


def try_out(call: Call, group: str, subscription: Subscription, target: str, role: str) -> None:
    """Deliver something to a target, and refuse it if that does not go well."""
    kind = Arn.parse(target).service
    document = {
        "messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": "",
        "subscriptionFilters": [], "logEvents": [{
            "id": "", "timestamp": call.now_ms, "message":
            f"CWL CONTROL MESSAGE: Checking health of destination {_CHECKED[kind]}."}]}
    trial = delivery(call, group, subscription, target, role, document, call.ids.uuid())
    try:
        with call.tx.savepoint():
            deliver(call, target, trial)
            if kind == "lambda":
                raise _Undone
    except _Undone:
        return
    except AwsError as error:
        if kind == "lambda":
            raise InvalidParameterException(_NO_FUNCTION) from None
        name = _NAMES[kind]
        raise InvalidParameterException(
            f"Could not deliver test message to specified {name} stream. Check if the given {name.lower()} "
            f"stream is in ACTIVE state. ({error.code}: {error})") from None


def _check_destination(call: Call, arn: Arn) -> None:
    """Refuse a destination that is not there, or whose policy does not let the caller subscribe."""
    found = destination_of(call, arn)
    if found is None:
        raise InvalidParameterException("destinationArn does not exist")
    own = policies_of(call.kernel.services, call.tx, call.principal)
    ask = Ask(call.principal, "logs:PutSubscriptionFilter", str(arn),
              context_of(call.principal, own, call.now_ms, sent(call)), arn.account)
    policy = Policy("destination", compiled(found.policy), "Destination policy") if found.policy else None
    decision = evaluate(ask, own, policy)
    if policy is None or not decision.allowed:
        raise AccessDeniedException(decision.sentence(ask))
