"""Forwarding: events go to a group's subscribers in the transaction that writes them.

A subscriber that refuses them does not stop the writer: it is tried again for a day, and what it can't take
at all is given up and said in the cloudlet's own log. AWS hands each subscriber the same document, gzipped;
a function gets it in base64.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from ...arn import Arn
from ...fabric.targets import Delivery, Parcel, send
from ...identity import Principal
from ...kernel import Call
from . import limits
from .patterns import compile_pattern
from .records import Destination, Group, Stream, Subscription, destinations, event_id, subscriptions

_SESSION = "CloudWatchLogs"


def forward(call: Call, group: Group, stream: Stream, begin: int, events: list[dict[str, Any]]) -> None:
    """Hand the events of a stream, numbered from ``begin``, to those who subscribed to such."""
    for _, subscription in subscriptions.items(call, group.number):
        wanted = list(_wanted(subscription, stream, begin, events))
        for part in _parts(wanted):
            document = {"messageType": "DATA_MESSAGE", "owner": call.account, "logGroup": group.name,
                        "logStream": stream.name, "subscriptionFilters": [subscription.name],
                        "logEvents": part}
            way = _way(call, subscription)
            if way is not None:
                arn, role = way
                send(call, Parcel(arn, delivery(call, group.name, subscription, arn, role, document,
                                                stream.name)))


def delivery(call: Call, group: str, subscription: Subscription, arn: str, role: str,
             document: dict[str, Any], stream: str) -> Delivery:
    """A document on its way to a subscriber."""
    body = gzip.compress(json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"), compresslevel=1, mtime=0)
    service = Arn.parse(arn).service
    parameters = {}
    if service == "lambda":
        body = json.dumps({"awslogs": {"data": base64.b64encode(body).decode()}}).encode()
    elif service == "kinesis":
        by_stream = subscription.distribution == "ByLogStream"
        parameters["PartitionKey"] = hashlib.md5(stream.encode(), usedforsecurity=False).hexdigest() \
            if by_stream else call.ids.uuid()
    return Delivery(call.ids.uuid(), body, "logs", call.arn(f"log-group:{group}:*", "logs"), call.account,
                    parameters, acting(role))


def acting(role: str) -> Principal | None:
    """Who delivers with that role; the service itself (None), if there is none."""
    if not role:
        return None
    account, name = Arn.parse(role).account, role.rpartition("/")[2]
    return Principal(account, f"arn:aws:sts::{account}:assumed-role/{name}/{_SESSION}", "role", role_arn=role)


def destination_of(call: Call, arn: Arn) -> Destination | None:
    """The destination with that ARN, of whatever account; None if there is none."""
    there = call.elsewhere(account=arn.account, region=arn.region)
    return destinations.get(there, arn.resource.removeprefix("destination:"))


def _way(call: Call, subscription: Subscription) -> tuple[str, str] | None:
    """What the events go to, and with which role; None if a destination is no more."""
    arn = Arn.parse(subscription.destination)
    if arn.service != "logs":
        return subscription.destination, subscription.role
    found = destination_of(call, arn)
    return (found.target, found.role) if found else None


def _wanted(subscription: Subscription, stream: Stream, begin: int,
            events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events that match, as subscribers see them; a pattern of fields names what it found."""
    matcher, fields = compile_pattern(subscription.pattern), subscription.pattern.lstrip().startswith("[")
    for number, event in enumerate(events, begin):
        found = matcher(event["message"])
        if found is None:
            continue
        shown = {"id": event_id(event["timestamp"], stream.number, number), "timestamp": event["timestamp"],
                 "message": event["message"]}
        if fields:
            shown["extractedFields"] = {name.removeprefix("$"): value for name, value in found.items()}
        yield shown


def _parts(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The events, as many at a time as a subscriber can take."""
    part: list[dict[str, Any]] = []
    room = limits.FORWARDED
    for event in events:
        size = len(event["message"].encode("utf-8", "surrogatepass")) + limits.EVENT_OVERHEAD
        if part and size > room:
            yield part
            part, room = [], limits.FORWARDED
        part.append(event)
        room -= size
    if part:
        yield part
