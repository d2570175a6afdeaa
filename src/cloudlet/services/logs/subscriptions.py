"""Subscription filters: which events of a group go where."""

from typing import Any

from ...kernel import Call
from . import limits, subscribing
from .errors import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from .groups import need
from .patterns import compile_pattern
from .records import Subscription, groups, subscriptions
from .service import logs


@logs.operation
def put_subscription_filter(call: Call, log_group_name: str, filter_name: str, filter_pattern: str,
                            destination_arn: str, role_arn: str = "", distribution: str = "ByLogStream",
                            apply_on_transformed_logs: bool = False) -> dict[str, Any]:
    """Send events of a group that match a pattern to a function or a stream, from now on."""
    if apply_on_transformed_logs:
        raise InvalidParameterException("applyOnTransformedLogs needs a log transformer, and there is none.")
    compile_pattern(filter_pattern)
    subscription = Subscription(filter_name, filter_pattern, destination_arn, call.now_ms, role_arn,
                                distribution)
    subscribing.check(call, log_group_name, subscription)
    group = need(call, log_group_name)
    before = subscriptions.get(call, group.number, filter_name)
    if before is None:
        if group.subscriptions >= limits.SUBSCRIPTIONS:
            raise LimitExceededException("Resource limit exceeded.")
        group.subscriptions += 1
        groups.put(call, group.name, record=group)
    else:
        subscription.created_ms = before.created_ms
    subscriptions.put(call, group.number, filter_name, record=subscription)
    return {}


@logs.operation
def describe_subscription_filters(call: Call, log_group_name: str, filter_name_prefix: str = "",
                                  next_token: str | None = None,
                                  limit: int = limits.MAX_LISTED) -> dict[str, Any]:
    """A group's subscription filters, by name."""
    group = need(call, log_group_name)
    found = [one for _, one in subscriptions.items(call, group.number)
             if one.name.startswith(filter_name_prefix) and one.name > (next_token or "")]
    page = found[:limit]
    shown = [{"filterName": one.name, "logGroupName": group.name, "filterPattern": one.pattern,
              "destinationArn": one.destination, "distribution": one.distribution,
              "applyOnTransformedLogs": False, "creationTime": one.created_ms,
              **({"roleArn": one.role} if one.role else {})} for one in page]
    return {"subscriptionFilters": shown, **({"nextToken": page[-1].name} if len(found) > limit else {})}


@logs.operation
def delete_subscription_filter(call: Call, log_group_name: str, filter_name: str) -> dict[str, Any]:
    """Send nothing more on behalf of a filter."""
    group = need(call, log_group_name)
    if subscriptions.get(call, group.number, filter_name) is None:
        raise ResourceNotFoundException("The specified subscription filter does not exist.")
    subscriptions.delete(call, group.number, filter_name)
    group.subscriptions -= 1
    groups.put(call, group.name, record=group)
    return {}
