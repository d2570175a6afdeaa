"""Deleting objects: one, or up to a thousand."""

from datetime import datetime
from typing import Any

from ...errors import AwsError
from ...kernel import Call
from . import access, conditions, errors, locks, notifications, versions
from .limits import DELETE_LIMIT
from .names import check_key
from .nouns import Bucket, Object, charged, find_bucket, objects
from .service import s3


@s3.operation
def delete_object(call: Call, bucket: str, key: str, version_id: str | None = None,
                  bypass_governance_retention: bool | None = None, expected_bucket_owner: str | None = None,
                  request_payer: str | None = None,
                  if_match: str | None = None, if_match_last_modified_time: datetime | None = None,
                  if_match_size: int | None = None) -> dict[str, Any]:
    """Delete an object, or hide it behind a delete marker, or delete one version for good."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    return _delete(call, found, key, version_id, bypass_governance_retention, if_match,
                   if_match_last_modified_time, if_match_size) | charged(call, found)


@s3.operation
def delete_objects(call: Call, bucket: str, delete: dict[str, Any],
                   bypass_governance_retention: bool | None = None,
                   expected_bucket_owner: str | None = None,
                   request_payer: str | None = None) -> dict[str, Any]:
    """Delete many objects; each for itself."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    asked = delete.get("Objects") or []
    if not 1 <= len(asked) <= DELETE_LIMIT:
        raise errors.MalformedXML
    deleted, failed = [], []
    for one in asked:
        key, version = one["Key"], one.get("VersionId") or None
        try:
            outcome = _delete(call, found, key, version, bypass_governance_retention, one.get("ETag"),
                              one.get("LastModifiedTime"), one.get("Size"))
        except AwsError as error:
            failed.append({"Key": key, "VersionId": version, "Code": error.code, "Message": str(error)})
            continue
        entry = {"Key": key, "VersionId": version}
        if outcome.get("DeleteMarker"):
            entry |= {"DeleteMarker": True, "DeleteMarkerVersionId": outcome["VersionId"]}
        deleted.append(entry)
    return {"Deleted": [] if delete.get("Quiet") else deleted, "Errors": failed,
            **charged(call, found)}


def _delete(call: Call, bucket: Bucket, key: str, version: str | None, bypass: bool | None,
            if_match: str | None,
            if_modified: datetime | None, if_size: int | None) -> dict[str, Any]:
    raw = check_key(key)
    if version is not None:
        access.authorize(call, bucket, "s3:DeleteObjectVersion", key)
        versions.check_version_id(version)
        obj = versions.find(call, bucket, raw, version)
        if obj is None:
            return {"VersionId": version}
        conditions.check_delete(obj, if_match, if_modified, if_size)
        return _delete_version(call, bucket, key, obj, bypass, version)
    access.authorize(call, bucket, "s3:DeleteObject", key)
    current = objects.get(call, bucket.name, raw)
    conditions.check_delete(current, if_match, if_modified, if_size)
    if current is None and if_match is not None and if_match != "*":
        raise errors.NoSuchKey(Key=key)
    if not bucket.versioning:
        if current is not None:
            versions.mark_deleted(call, bucket, raw, call.account)
            _tell(call, bucket, key, current)
        return {}
    marker = versions.mark_deleted(call, bucket, raw, bucket.account)
    assert marker
    notifications.emit(call, bucket, "s3:ObjectRemoved:DeleteMarkerCreated", key, marker)
    return {"DeleteMarker": True, "VersionId": versions.version_id(bucket, marker)}


def _delete_version(call: Call, bucket: Bucket, key: str, obj: Object, bypass: bool | None,
                    version: str) -> dict[str, Any]:
    locks.check_deletion(call, bucket, key, obj, bypass)
    versions.delete(call, bucket, check_key(key), obj)
    _tell(call, bucket, key, obj)
    return {"VersionId": version, **({"DeleteMarker": True} if obj.marker else {})}


def _tell(call: Call, bucket: Bucket, key: str, gone: Object) -> None:
    """Tell of a version that is no more; that comes after its making."""
    gone.sequence = versions.sequence_after(call, gone)
    notifications.emit(call, bucket, "s3:ObjectRemoved:Delete", key, gone)
