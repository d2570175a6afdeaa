"""Destinations: what other accounts may subscribe to, without knowing what stands behind it."""

from itertools import islice
from typing import Any

from ...arn import Arn
from ...identity.grammar import check as check_policy
from ...identity.policy import Malformed
from ...kernel import Call
from . import limits, subscribing
from .errors import InvalidParameterException, ResourceNotFoundException
from .records import Destination, Subscription, destinations
from .service import logs

_TARGETS = ("kinesis", "firehose")


@logs.operation
def put_destination(call: Call, destination_name: str, target_arn: str, role_arn: str) -> dict[str, Any]:
    """Let others send events to a stream of this account, once a policy says who may."""
    try:
        kind = Arn.parse(target_arn).service
    except ValueError:
        kind = ""
    if kind not in _TARGETS:
        raise InvalidParameterException("targetArn must be the ARN of a Kinesis or a Firehose stream")
    trial = Subscription("", "", target_arn, call.now_ms)
    subscribing.try_out(call, "", trial, target_arn, role_arn)
    before = destinations.get(call, destination_name)
    found = Destination(destination_name, target_arn, role_arn, before.created_ms if before else call.now_ms,
                        before.policy if before else "")
    destinations.put(call, destination_name, record=found)
    return {"destination": _shown(call, found)}


@logs.operation
def put_destination_policy(call: Call, destination_name: str, access_policy: str) -> dict[str, Any]:
    """Say which accounts may subscribe to a destination."""
    found = _need(call, destination_name)
    if len(access_policy.encode()) > limits.DESTINATION_POLICY:
        raise InvalidParameterException(
            f"accessPolicy must not have more than {limits.DESTINATION_POLICY} bytes")
    try:
        check_policy(access_policy, "resource")
    except Malformed as error:
        raise InvalidParameterException(f"Invalid accessPolicy: {error}") from None
    found.policy = access_policy
    destinations.put(call, destination_name, record=found)
    return {}


@logs.operation
def describe_destinations(call: Call, destination_name_prefix: str = "", next_token: str | None = None,
                          limit: int = limits.MAX_LISTED) -> dict[str, Any]:
    """Destinations, by name."""
    after = (next_token,) if next_token is not None else None
    found = (one for _, one in destinations.items(call, after=after)
             if one.name.startswith(destination_name_prefix))
    page = list(islice(found, limit + 1))
    shown = [_shown(call, one) for one in page[:limit]]
    return {"destinations": shown, **({"nextToken": page[limit - 1].name} if len(page) > limit else {})}


@logs.operation
def delete_destination(call: Call, destination_name: str) -> dict[str, Any]:
    """Remove a destination; filters that send to it send nowhere from now on."""
    destinations.delete(call, _need(call, destination_name).name)
    return {}


def _need(call: Call, name: str) -> Destination:
    found = destinations.get(call, name)
    if found is None:
        raise ResourceNotFoundException("The specified destination does not exist.")
    return found


def _shown(call: Call, found: Destination) -> dict[str, Any]:
    return {"destinationName": found.name, "targetArn": found.target, "roleArn": found.role,
            "arn": call.arn(f"destination:{found.name}", "logs"), "creationTime": found.created_ms,
            **({"accessPolicy": found.policy} if found.policy else {})}
