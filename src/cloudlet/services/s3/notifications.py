"""Event notifications: what happens to objects, told to queues, topics, functions and the event bus.

An event is handed over in the object's own transaction, so it is told exactly when the object is there.
A receiver that refuses one does not stop the object: the event is tried again, later and later.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus, unquote

from ...arn import Arn
from ...errors import AwsError, NotHonoured
from ...fabric import timers
from ...fabric.announcements import announce
from ...fabric.targets import Delivery, deliver
from ...kernel import Call
from . import access, errors
from .limits import DELIVERY_ATTEMPTS
from .nouns import Bucket, Object, configuration, configure, find_bucket
from .owners import canonical_id
from .service import s3

log = logging.getLogger(__name__)
_KINDS = {"QueueConfigurations": ("QueueArn", "sqs"), "TopicConfigurations": ("TopicArn", "sns"),
          "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda")}
_NOUNS = {"sqs": ("Queue", "queue"), "sns": ("Topic", "topic"), "lambda": ("CloudFunction", "function")}
_SUBJECT = "Amazon S3 Notification"  # of what goes to topics
_NOT_HERE = ("s3:ObjectAnnotation:",)  # nothing is annotated
_MISSING = ("QueueDoesNotExist", "NotFound", "NotFoundException", "ResourceNotFoundException")
_DETAIL_TYPES = {"s3:ObjectCreated": "Object Created", "s3:ObjectRemoved": "Object Deleted",
                 "s3:ObjectTagging:Put": "Object Tags Added",
                 "s3:ObjectTagging:Delete": "Object Tags Deleted",
                 "s3:ObjectAcl": "Object ACL Updated", "s3:LifecycleExpiration": "Object Deleted",
                 "s3:ObjectRestore:Post": "Object Restore Initiated",
                 "s3:ObjectRestore:Completed": "Object Restore Completed",
                 "s3:ObjectRestore:Delete": "Object Restore Expired",
                 "s3:LifecycleTransition": "Object Storage Class Changed"}
_REASONS = {"Put": "PutObject", "Post": "POST Object", "Copy": "CopyObject", "Delete": "DeleteObject",
            "DeleteMarkerCreated": "DeleteObject", "CompleteMultipartUpload": "CompleteMultipartUpload"}
_SETTINGS = ("s3:ObjectTagging:", "s3:ObjectAcl:", "s3:ObjectRetention:")  # they change no content
_NOTHING_MD5 = "d41d8cd98f00b204e9800998ecf8427e"  # of no bytes
_ITSELF = "s3.amazonaws.com"
_EVENTS = frozenset(s3.model.shape("Event").enum)
_AMBIGUOUS = ("Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
              "prefixes are overlapping for the same event type.")
_OVERLAPPING = ("Configurations overlap. Configurations on the same bucket cannot share a common event "
                "type.")
_FIRST_RETRY_MS, _LONGEST_RETRY_MS = 10_000, 7_200_000


@s3.operation
def put_bucket_notification_configuration(call: Call, bucket: str, notification_configuration: dict[str, Any],
                                          expected_bucket_owner: str | None = None,
                                          skip_destination_validation: bool | None = None) -> None:
    """Set who is told of what; each new queue and topic is sent a test event."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketNotification")
    wanted = {kind: entries for kind, entries in notification_configuration.items() if entries
              or entries == {}}
    listed = list(_entries(wanted))
    for kind, entry in listed:
        _check(kind, entry, found.region)
        entry.setdefault("Id", call.ids.uuid())
    if len({entry["Id"] for _, entry in listed}) != len(listed):
        raise errors.InvalidArgument("Duplicate ID in the notification configuration.")
    _check_overlaps([entry for _, entry in listed])
    if not skip_destination_validation:
        _validate(call, found, listed)
    configure(call, found, "notification", wanted or None)


@s3.operation
def get_bucket_notification_configuration(call: Call, bucket: str,
                                          expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Who is told of what."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketNotification")
    return dict(configuration(call, found, "notification") or {})


def emit(call: Call, bucket: Bucket, event: str, key: str, obj: Object) -> None:
    """Tell whoever wants to know that ``event`` (such as ``s3:ObjectCreated:Put``) happened to a version."""
    if "notification" not in bucket.configured:
        return
    wanted = configuration(call, bucket, "notification")
    for kind, entry in _entries(wanted):
        body = {"Records": [_record(call, bucket, event, key, obj, entry["Id"])]}
        if _wants(entry, event, key):
            _send(call, bucket, entry[_KINDS[kind][0]], body)
        else:
            call.see("filtered", entry[_KINDS[kind][0]], source=f"arn:aws:s3:::{bucket.name}",
                     payload=json.dumps(body).encode(),
                     why=f"the notification {entry['Id']} is for other events or keys than {event} {key}")
    detail_type = next((name for start, name in _DETAIL_TYPES.items() if event.startswith(start)), None)
    if detail_type and "EventBridgeConfiguration" in wanted:
        announce(call.elsewhere(account=bucket.account, region=bucket.region), "aws.s3", detail_type,
                 _detail(call, bucket, event, detail_type, key, obj), [f"arn:aws:s3:::{bucket.name}"])


@s3.task
def send_again(call: Call, arn: str, delivery: str, body: bytes, bucket: str, owner: str,
               attempt: int, parameters: dict[str, Any] | None = None) -> None:
    """Try once more to hand an event over."""
    again = Delivery(delivery, body, "s3", f"arn:aws:s3:::{bucket}", owner, parameters or {})
    _attempt(call, arn, again, bucket, attempt)


def _send(call: Call, bucket: Bucket, arn: str, body: Mapping[str, Any]) -> None:
    _attempt(call.elsewhere(account=bucket.account, region=bucket.region, service="s3"), arn,
             _delivery(call, bucket, arn, body), bucket.name, 1)


def _delivery(call: Call, bucket: Bucket, arn: str, body: Mapping[str, Any]) -> Delivery:
    """An event on its way; a trace that the caller brought along goes with it to queues."""
    parameters: dict[str, Any] = {}
    if ":sns:" in arn:
        parameters["Subject"] = _SUBJECT
    elif ":sqs:" in arn and call.trace.given:
        parameters["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": call.trace.header()}}
    return Delivery(call.ids.uuid(), json.dumps(body, separators=(",", ":")).encode(), "s3",
                    f"arn:aws:s3:::{bucket.name}", bucket.account, parameters)


def _attempt(call: Call, arn: str, delivery: Delivery, bucket: str, attempt: int) -> None:
    try:
        with call.tx.savepoint():
            deliver(call, arn, delivery)
    except AwsError as error:
        if attempt >= DELIVERY_ATTEMPTS:
            log.warning("an event of the bucket %s was given up: %s refused it (%s)", bucket, arn, error)
            return
        wait_ms = min(_FIRST_RETRY_MS << (attempt - 1), _LONGEST_RETRY_MS)
        timers.schedule(call, send_again, at_ms=call.now_ms + wait_ms, id=f"s3-event-{delivery.id}", arn=arn,
                        delivery=delivery.id, body=delivery.body, bucket=bucket,
                        owner=delivery.source_account, attempt=attempt + 1,
                        parameters=delivery.parameters)


def _entries(configuration: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in _KINDS:
        for entry in configuration.get(kind) or ():
            yield kind, entry


def _rules(entry: Mapping[str, Any]) -> dict[str, str]:
    """The prefix and the suffix of keys that an entry wants; what is special in them is percent-encoded."""
    rules = ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ()
    return {str(rule["Name"]).lower(): unquote(rule.get("Value") or "") for rule in rules}


def _wants(entry: Mapping[str, Any], event: str, key: str) -> bool:
    rules = _rules(entry)
    return (any(_covers(pattern, event) for pattern in entry["Events"])
            and key.startswith(rules.get("prefix", "")) and key.endswith(rules.get("suffix", "")))


def _covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern.endswith("*") and event.startswith(pattern[:-1]))


def _check(kind: str, entry: dict[str, Any], region: str) -> None:
    """Refuse an entry that can't be meant."""
    rules = ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ()
    names = [str(rule.get("Name", "")).lower() for rule in rules]
    for name in names:
        if name not in ("prefix", "suffix"):
            raise errors.InvalidArgument("filter rule name must be either prefix or suffix",
                                         ArgumentName="FilterRule.Name", ArgumentValue=name)
        if names.count(name) > 1:
            raise errors.InvalidArgument(f"Cannot specify more than one {name} rule in a filter.")
    for rule, name in zip(rules, names, strict=True):
        rule["Name"] = name.capitalize()  # as AWS gives it back
    field, service = _KINDS[kind]
    events = entry.get("Events")
    if not events or not entry.get(field):
        raise errors.MalformedXML
    for event in events:
        if event not in _EVENTS:
            raise errors.InvalidArgument(f"The event '{event}' is not supported for notifications",
                                         ArgumentName="Event", ArgumentValue=event)
        if event.startswith(_NOT_HERE):
            raise NotHonoured(f"cloudlet never has the event {event} to tell of, and refuses it rather than "
                              "let somebody wait for it.")
    noun = _NOUNS[service][0]
    try:
        arn = Arn.parse(entry[field])
    except ValueError:
        arn = None
    if arn is None or arn.service != service:
        raise errors.InvalidArgument("The ARN could not be parsed", ArgumentName=noun,
                                     ArgumentValue=entry[field])
    if arn.region != region:
        raise errors.InvalidArgument("The notification destination service region is not valid for the "
                                     "bucket location constraint", ArgumentName=noun,
                                     ArgumentValue=entry[field])
    if arn.resource.endswith(".fifo"):
        raise errors.InvalidArgument("FIFO queues and topics are not supported",
                                     ArgumentName=noun, ArgumentValue=entry[field])


def _check_overlaps(entries: list[dict[str, Any]]) -> None:
    """Refuse two entries that one event could both be meant for."""
    for n, one in enumerate(entries):
        for other in entries[n + 1:]:
            shared = any(_covers(a, b) or _covers(b, a) for a in one["Events"] for b in other["Events"])
            first, second = _rules(one), _rules(other)
            if shared and _nested(first.get("prefix", ""), second.get("prefix", "")) and _nested(
                    first.get("suffix", "")[::-1], second.get("suffix", "")[::-1]):
                raise errors.InvalidArgument(_AMBIGUOUS if any(first.values()) or any(second.values())
                                             else _OVERLAPPING)


def _nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _validate(call: Call, bucket: Bucket, listed: list[tuple[str, dict[str, Any]]]) -> None:
    """Send each queue and topic a test event; try a function with one that is taken back."""
    refused: dict[str, str] = {}
    for kind, entry in listed:
        arn = entry[_KINDS[kind][0]]
        why = _refusal(call, bucket, arn, _KINDS[kind][1])
        if why:
            number = len(refused) // 2 + 1
            name = arn if kind != "LambdaFunctionConfigurations" else f"{arn}, null"
            refused |= {f"ArgumentName{number}": name, f"ArgumentValue{number}": why}
    if refused:
        raise errors.InvalidArgument("Unable to validate the following destination configurations", **refused)


def _refusal(call: Call, bucket: Bucket, arn: str, service: str) -> str:
    """Why a destination does not take events of the bucket; empty if it does."""
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": _time(call.now_ms),
            "Bucket": bucket.name, "RequestId": call.id, "HostId": call.id}
    there = call.elsewhere(account=bucket.account, region=bucket.region)
    try:
        with call.tx.savepoint():
            deliver(there, arn, _delivery(call, bucket, arn, body))
            if service == "lambda":
                raise _Undone
    except _Undone:
        return ""
    except AwsError as error:
        if service == "lambda":
            return f"Not authorized to invoke function [{arn}]"
        noun = _NOUNS[service][1]
        if error.code in _MISSING:
            return f"The destination {noun} does not exist"
        return (f"Permissions on the destination {noun} do not allow S3 to publish notifications from this "
                "bucket")
    return ""


class _Undone(Exception):
    """A delivery went well, and is taken back."""


def _record(call: Call, bucket: Bucket, event: str, key: str, obj: Object,
            configuration_id: str) -> dict[str, Any]:
    """An event as queues, topics and functions get it."""
    gone = event in ("s3:ObjectRemoved:Delete", "s3:LifecycleExpiration:Delete")
    created, settings = event.startswith("s3:ObjectCreated"), event.startswith(_SETTINGS)
    expired, restore = event.startswith("s3:Lifecycle"), event.startswith("s3:ObjectRestore")
    about: dict[str, Any] = {"key": quote_plus(key, safe="/-_.~*!'()")}
    if created or restore:
        about["size"] = obj.size
    if not gone:
        about["eTag"] = obj.etag or _NOTHING_MD5
    if obj.version:
        about["versionId"] = obj.version
    if not settings:
        about["sequencer"] = f"{obj.sequence:018X}"
    more: dict[str, Any] = {}
    if event == "s3:ObjectRestore:Completed":
        more["glacierEventData"] = {"restoreEventData": {
            "lifecycleRestorationExpiryTime": _time(obj.restored_until_ms),
            "lifecycleRestoreStorageClass": obj.storage_class}}
    elif event == "s3:LifecycleTransition":
        more["lifecycleEventData"] = {"transitionEventData": {"destinationStorageClass": obj.storage_class}}
    return more | {
        "eventVersion": "2.3" if settings or expired else "2.1", "eventSource": "aws:s3",
        "awsRegion": bucket.region, "eventTime": _time(call.now_ms), "eventName": event.removeprefix("s3:"),
        "userIdentity": {"principalId": _ITSELF if expired else f"AWS:{_requester(call)}"},
        "requestParameters": {"sourceIPAddress": _ITSELF if expired else "127.0.0.1"},
        "responseElements": {"x-amz-request-id": call.id, "x-amz-id-2": call.id},
        "s3": {"s3SchemaVersion": "1.0", "configurationId": configuration_id, "object": about,
               "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": canonical_id(bucket.account)},
                          "arn": f"arn:aws:s3:::{bucket.name}"}}}


def _detail(call: Call, bucket: Bucket, event: str, detail_type: str, key: str,
            obj: Object) -> dict[str, Any]:
    """What the event bus is told.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    about: dict[str, Any] = {"key": key}
    if detail_type == "Object Created":
        about["size"] = obj.size
    about["etag"] = obj.etag or _NOTHING_MD5
    if obj.version:
        about["version-id"] = obj.version
    detail = {"version": "0", "bucket": {"name": bucket.name},
              "object": about | {"sequencer": f"{obj.sequence:018X}"}, "request-id": call.id}
    if detail_type.startswith("Object Restore"):
        detail["source-storage-class"] = obj.storage_class
    if event == "s3:ObjectRestore:Completed":
        detail["restore-expiry-time"] = _time(obj.restored_until_ms)
    if event.startswith("s3:LifecycleExpiration"):
        detail |= {"requester": "s3.amazonaws.com", "reason": "Lifecycle Expiration"}
    elif event == "s3:LifecycleTransition":
        detail |= {"requester": "s3.amazonaws.com", "destination-storage-class": obj.storage_class}
    else:
        detail |= {"requester": call.principal.account, "source-ip-address": "127.0.0.1"}
        if detail_type in ("Object Created", "Object Deleted"):
            detail["reason"] = _REASONS[event.rpartition(":")[2]]
    if detail_type == "Object Deleted":
        marker = event.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if marker else "Permanently Deleted"
    return detail


def _requester(call: Call) -> str:
    return call.principal.id or call.principal.account


def _time(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
