"""Storage classes, and archives: what lies in one is read only once it was restored, and for so long.

Restoring takes as long as S3 says it may take at most, on the cloudlet's clock. Nothing is moved on the disk.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html
"""

from typing import Any

from ...errors import NotHonoured
from ...fabric import timers
from ...kernel import Call
from . import errors, notifications, versions
from .limits import RESTORE_HOURS
from .locks import DAY_MS
from .names import check_key
from .nouns import Bucket, Object, buckets, charged, find_bucket
from .reading import find_object
from .service import s3

_HOUR_MS = 3_600_000
_PARTS = {"Days", "GlacierJobParameters", "Tier", "Description"}  # of a request to restore


@s3.operation
def restore_object(call: Call, bucket: str, key: str, version_id: str | None = None,
                   restore_request: dict[str, Any] | None = None,
                   expected_bucket_owner: str | None = None,
                   request_payer: str | None = None) -> dict[str, Any]:
    """Begin to restore an archived object for some days; or change for how many it stays."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    obj = find_object(call, found, key, version_id, action="s3:RestoreObject")
    asked = restore_request or {}
    if asked.keys() - _PARTS:
        raise NotHonoured("cloudlet restores objects as they are, and refuses to select from an archive.")
    tier = (asked.get("GlacierJobParameters") or asked).get("Tier") or "Standard"
    days = asked.get("Days")
    if obj.storage_class not in RESTORE_HOURS:
        raise errors.InvalidObjectState("Restore is not allowed for the object's current storage class",
                                        StorageClass=obj.storage_class or "STANDARD")
    hours = RESTORE_HOURS[obj.storage_class].get(tier)
    if days is None or hours is None:
        raise errors.MalformedXML
    if days < 1:
        raise errors.InvalidArgument("restoration days should be at least 1")
    if obj.restoring_ms:
        raise errors.RestoreAlreadyInProgress
    again = obj.restored_until_ms > call.now_ms
    if again:
        _stay(call, found.name, key, obj, days, call.now_ms)
    else:
        obj.restoring_ms, obj.restore_days = call.now_ms + int(hours * _HOUR_MS), days
        timers.schedule(call.elsewhere(service="s3"), restored, at_ms=obj.restoring_ms,
                        id=_name(found.name, key, obj), bucket=found.name, key=key,
                        version=obj.version or versions.NULL)
    versions.save(call, found, check_key(key), obj)
    if not again:
        notifications.emit(call, found, "s3:ObjectRestore:Post", key, obj)
    told = {"RestoreOutputPath": None} if again else {}  # 200 says that there was nothing to begin
    return told | charged(call, found)


@s3.task
def restored(call: Call, bucket: str, key: str, version: str) -> None:
    """The object can be read, until the midnight after its days."""
    found, obj = _find(call, bucket, key, version)
    if found is None or obj is None or not obj.restoring_ms:
        return
    _stay(call, bucket, key, obj, obj.restore_days, obj.restoring_ms)
    obj.restoring_ms = 0
    versions.save(call, found, check_key(key), obj)
    notifications.emit(call, found, "s3:ObjectRestore:Completed", key, obj)


@s3.task
def lapsed(call: Call, bucket: str, key: str, version: str) -> None:
    """The object can no longer be read, unless it was to stay longer meanwhile."""
    found, obj = _find(call, bucket, key, version)
    if found is None or obj is None or not 0 < obj.restored_until_ms <= call.now_ms:
        return
    obj.restored_until_ms = 0
    versions.save(call, found, check_key(key), obj)
    notifications.emit(call, found, "s3:ObjectRestore:Delete", key, obj)


def _stay(call: Call, bucket: str, key: str, obj: Object, days: int, from_ms: int) -> None:
    obj.restored_until_ms = -(-(from_ms + days * DAY_MS) // DAY_MS) * DAY_MS
    timers.schedule(call.elsewhere(service="s3"), lapsed, at_ms=obj.restored_until_ms,
                    id=_name(bucket, key, obj), bucket=bucket, key=key, version=obj.version or versions.NULL)


def _find(call: Call, bucket: str, key: str, version: str) -> tuple[Bucket | None, Object | None]:
    found = buckets.get(call, bucket)
    return found, versions.find(call, found, check_key(key), version) if found else None


def _name(bucket: str, key: str, obj: Object) -> str:
    return f"s3-restore-{bucket}/{key}/{obj.sequence}"
