"""Lifecycle rules: objects, old versions and forgotten uploads that go away by themselves, or grow cold.

A rule counts whole days and acts at midnight UTC, as S3's do. So a bucket with rules has one timer, for the
next midnight; it goes through the bucket page by page, each page a transaction of its own.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any

from ...fabric import timers
from ...kernel import Call, Conversation
from . import access, errors, log_records, notifications, transitions, versions
from .access_logs import record_lifecycle
from .discarding import discard_upload
from .limits import RULES_LIMIT
from .locks import DAY_MS
from .nouns import Bucket, Object, buckets, configuration, configure, find_bucket, objects, older, uploads
from .pages import Cursor, Row
from .service import s3

_PAGE = 200  # objects looked at in one transaction
_ACTIONS = ("Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload", "Transitions",
            "NoncurrentVersionTransitions")
_MINIMUM = "TransitionDefaultMinimumObjectSize"
_ID_LIMIT = 255
Rule = dict[str, Any]


@s3.operation
def put_bucket_lifecycle_configuration(call: Call, bucket: str,
                                       lifecycle_configuration: dict[str, Any] | None = None,
                                       expected_bucket_owner: str | None = None,
                                       transition_default_minimum_object_size: str = transitions.EVERY
                                       ) -> dict[str, Any]:
    """Set what goes away by itself, and what grows cold."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutLifecycleConfiguration")
    if lifecycle_configuration is None:
        raise errors.MissingRequestBodyError
    rules: list[Rule] = lifecycle_configuration["Rules"]
    if not 1 <= len(rules) <= RULES_LIMIT:
        raise errors.MalformedXML
    for rule in rules:
        rule["ID"] = rule.get("ID") or call.ids.text(48)
        _check(rule)
    if len({rule["ID"] for rule in rules}) != len(rules):
        raise errors.InvalidArgument("Rule ID must be unique. Found same ID for one or more rules.")
    if transition_default_minimum_object_size not in (transitions.EVERY, transitions.VARIES):
        raise errors.InvalidArgument("Invalid default minimum object size",
                                     ArgumentName="x-amz-transition-default-minimum-object-size",
                                     ArgumentValue=transition_default_minimum_object_size)
    size = {_MINIMUM: transition_default_minimum_object_size}
    configure(call, found, "lifecycle", {**lifecycle_configuration, **size})
    _schedule(call, bucket)
    return size


@s3.operation
def get_bucket_lifecycle_configuration(call: Call, bucket: str,
                                       expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """What goes away by itself."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetLifecycleConfiguration")
    held: dict[str, Any] | None = configuration(call, found, "lifecycle")
    if held is None:
        raise errors.NoSuchLifecycleConfiguration(BucketName=bucket)
    return {_MINIMUM: transitions.EVERY, **held}


@s3.operation
def delete_bucket_lifecycle(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Let nothing go away by itself."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutLifecycleConfiguration")
    configure(call, found, "lifecycle", None)


@s3.task
async def expire(call: Conversation, bucket: str) -> None:
    """Let go what has had its time, and come again at midnight."""
    after: dict[str, tuple[Any, ...] | None] = {"objects": (b"",), "older": (b"",), "uploads": (b"",)}
    while any(bound is not None for bound in after.values()):
        after = await call.transact(partial(_expire_page, name=bucket, after=after))

    def again(call: Call) -> None:
        found = buckets.get(call, bucket)
        if found is not None and "lifecycle" in found.configured:
            _schedule(call, bucket)

    await call.transact(again)


def expiration_of(call: Call, bucket: Bucket, key: str, obj: Object) -> str | None:
    """When and by which rule a current version will go away, as a header says it."""
    if "lifecycle" not in bucket.configured:
        return None
    found: tuple[int, str] | None = None
    for rule in configuration(call, bucket, "lifecycle")["Rules"]:
        at_ms = _expires_ms(rule, obj) if _applies(rule, key, obj) else None
        if at_ms is not None and (found is None or at_ms < found[0]):
            found = (at_ms, rule["ID"])
    if found is None:
        return None
    date = format_datetime(datetime.fromtimestamp(found[0] / 1000, UTC), usegmt=True)
    return f'expiry-date="{date}", rule-id="{found[1]}"'


def _schedule(call: Call, bucket: str) -> None:
    midnight = (call.now_ms // DAY_MS + 1) * DAY_MS
    timers.schedule(call.elsewhere(service="s3"), expire, at_ms=midnight, id=f"s3-lifecycle-{bucket}",
                    bucket=bucket)


def _expire_page(call: Call, name: str, after: dict[str, Any]) -> dict[str, Any]:
    """Look at a page of each table behind its bound; the next bounds come back, None where it is done."""
    bucket = buckets.get(call, name)
    rules = configuration(call, bucket, "lifecycle") if bucket else None
    if bucket is None or rules is None:
        return dict.fromkeys(after)
    active = [rule for rule in rules["Rules"] if rule["Status"] == "Enabled"]
    minimum = rules.get(_MINIMUM, transitions.EVERY)
    bounds: dict[str, Any] = {}
    for label, table, act in (("objects", objects, _expire_current), ("older", older, _expire_older),
                              ("uploads", uploads, _expire_upload)):
        bounds[label] = None
        if after[label] is None:
            continue
        cursor = Cursor(call, table, name, after[label])
        rows: list[Row] = []
        while len(rows) < _PAGE and (row := cursor.peek()) is not None:
            rows.append(row)
            cursor.take()
        for row in rows:
            if not act(call, bucket, active, row) and label != "uploads":
                _cool(call, bucket, active, row, minimum)
        if len(rows) == _PAGE:
            bounds[label] = (rows[-1].key, *rows[-1].rest)
    return bounds


def _cool(call: Call, bucket: Bucket, rules: list[Rule], row: Any, minimum: str) -> None:
    """Move a version to a colder storage class, if a rule wants it there by now."""
    key, obj = row.key.decode(), row.record
    newer = _newer(call, bucket, row.key, obj) if row.rest else (obj.modified_ms, None)
    if obj.marker or newer is None:
        return
    wanted = max((transitions.due(rule, obj, newer[0], call.now_ms, minimum, newer=newer[1]) for rule in rules
                  if _applies(rule, key, obj)), key=transitions.rank, default="")
    if wanted:
        obj.storage_class = wanted
        versions.save(call, bucket, row.key, obj)
        record_lifecycle(call, bucket, log_records.TRANSITIONS[wanted], key, obj)
        notifications.emit(call, bucket, "s3:LifecycleTransition", key, obj)


def _expire_current(call: Call, bucket: Bucket, rules: list[Rule], row: Any) -> bool:
    key, obj = row.key.decode(), row.record
    for rule in rules:
        at_ms = _expires_ms(rule, obj) if _applies(rule, key, obj) else None
        if at_ms is not None and at_ms <= call.now_ms:
            marker = versions.mark_deleted(call, bucket, row.key, bucket.account)
            did = "S3.CREATE.DELETEMARKER" if marker else "S3.EXPIRE.OBJECT"
            record_lifecycle(call, bucket, did, key, obj)
            kind = "DeleteMarkerCreated" if marker else "Delete"
            if marker is None:
                obj.sequence = versions.sequence_after(call, obj)
            notifications.emit(call, bucket, f"s3:LifecycleExpiration:{kind}", key, marker or obj)
            return True
    return False


def _expire_older(call: Call, bucket: Bucket, rules: list[Rule], row: Any) -> bool:
    key, obj = row.key.decode(), row.record
    newer = _newer(call, bucket, row.key, obj)
    for rule in rules:
        if not _applies(rule, key, obj):
            continue
        if newer is None:  # the current one, and so a delete marker; is it all there is?
            lonely = len(list(older.items(call, bucket.name, row.key, limit=2))) == 1
            gone = bool((rule.get("Expiration") or {}).get("ExpiredObjectDeleteMarker")) and lonely
        else:
            limit = rule.get("NoncurrentVersionExpiration") or {}
            days, keep = limit.get("NoncurrentDays"), limit.get("NewerNoncurrentVersions") or 0
            over = days is not None and transitions.midnight_after(newer[0], days) <= call.now_ms
            gone = over and newer[1] >= keep
        if gone and not obj.legal_hold and obj.lock_until_ms <= call.now_ms:
            versions.delete(call, bucket, row.key, obj)
            record_lifecycle(call, bucket, "S3.EXPIRE.OBJECT", key, obj)
            obj.sequence = versions.sequence_after(call, obj)
            notifications.emit(call, bucket, "s3:LifecycleExpiration:Delete", key, obj)
            return True
    return False


def _newer(call: Call, bucket: Bucket, key: bytes, obj: Object) -> tuple[int, int] | None:
    """When a version became noncurrent, and how many noncurrent ones are newer; None if it is current."""
    current = objects.get(call, bucket.name, key)
    above: list[Object] = [current] if current else []
    for _, one in older.items(call, bucket.name, key):
        if one.sequence <= obj.sequence:
            break
        above.append(one)
    return (above[-1].modified_ms, len(above) - 1) if above else None


def _expire_upload(call: Call, bucket: Bucket, rules: list[Rule], row: Any) -> bool:
    for rule in rules:
        days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
        if days is not None and row.key.decode().startswith(_prefix(rule)) and transitions.midnight_after(
                row.record.started_ms, days) <= call.now_ms:
            discard_upload(call, bucket.name, row.key, row.rest[0])
            return True
    return False


def _expires_ms(rule: Rule, obj: Object) -> int | None:
    expiration = rule.get("Expiration") or {}
    if rule["Status"] != "Enabled":
        return None
    if expiration.get("Days"):
        return transitions.midnight_after(obj.modified_ms, expiration["Days"])
    return int(expiration["Date"].timestamp() * 1000) if expiration.get("Date") else None


def _prefix(rule: Rule) -> str:
    where = rule.get("Filter") or {}
    return rule.get("Prefix") or where.get("Prefix") or (where.get("And") or {}).get("Prefix") or ""


def _applies(rule: Rule, key: str, obj: Object) -> bool:
    where = rule.get("Filter") or {}
    both = where.get("And") or where
    tags = list(both.get("Tags") or ()) + ([both["Tag"]] if both.get("Tag") else [])
    least, most = both.get("ObjectSizeGreaterThan"), both.get("ObjectSizeLessThan")
    return (key.startswith(_prefix(rule)) and all(obj.tags.get(tag["Key"]) == tag["Value"] for tag in tags)
            and (least is None or obj.size > least) and (most is None or obj.size < most))


def _check(rule: Rule) -> None:
    """Refuse a rule that S3 would refuse, or that can't be honoured."""
    if len(rule["ID"]) > _ID_LIMIT:
        raise errors.InvalidArgument(f"ID length should not exceed allowed limit of {_ID_LIMIT}")
    if rule.get("Filter") is None and rule.get("Prefix") is None:
        raise errors.MalformedXML
    if not any(rule.get(name) is not None for name in _ACTIONS):
        raise errors.InvalidRequest("At least one action needs to be specified in a rule.")
    expiration = rule.get("Expiration")
    if expiration is not None:
        if len([name for name in ("Days", "Date", "ExpiredObjectDeleteMarker")
                if expiration.get(name) is not None]) != 1:
            raise errors.MalformedXML
        if expiration.get("Days") is not None and expiration["Days"] <= 0:
            raise errors.InvalidArgument("'Days' for Expiration action must be a positive integer")
        if expiration.get("Date") and expiration["Date"].timestamp() * 1000 % DAY_MS:
            raise errors.InvalidArgument("'Date' must be at midnight GMT")
    transitions.check(rule)
    limit = rule.get("NoncurrentVersionExpiration")
    if limit is not None and (limit.get("NoncurrentDays") or 0) <= 0:
        raise errors.InvalidArgument("'NoncurrentDays' for NoncurrentVersionExpiration action must be a "
                                     "positive integer")
