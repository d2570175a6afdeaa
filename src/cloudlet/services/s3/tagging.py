"""The tags of objects and of buckets."""

from typing import Any

from ...kernel import Call
from . import access, errors, notifications, tags, versions
from .names import check_key
from .nouns import configuration, configure, find_bucket
from .reading import find_object
from .service import s3


@s3.operation
def put_object_tagging(call: Call, bucket: str, key: str, tagging: dict[str, Any],
                       version_id: str | None = None,
                       expected_bucket_owner: str | None = None,
                       request_payer: str | None = None) -> dict[str, Any]:
    """Give an object these tags and no others."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    wanted = tags.of_document(tagging["TagSet"])
    asked = {f"s3:RequestObjectTag/{name}": value for name, value in wanted.items()}
    obj = find_object(call, found, key, version_id, action="s3:PutObjectTagging", **asked)
    obj.tags = wanted
    versions.update(call, found, check_key(key), obj)
    notifications.emit(call, found, "s3:ObjectTagging:Put", key, obj)
    return {"VersionId": obj.version or None}


@s3.operation
def get_object_tagging(call: Call, bucket: str, key: str, version_id: str | None = None,
                       expected_bucket_owner: str | None = None,
                       request_payer: str | None = None) -> dict[str, Any]:
    """An object's tags."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    obj = find_object(call, found, key, version_id, action="s3:GetObjectTagging")
    return {"VersionId": obj.version or None, **tags.document(obj.tags)}


@s3.operation
def delete_object_tagging(call: Call, bucket: str, key: str, version_id: str | None = None,
                          expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Take all tags from an object."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    obj = find_object(call, found, key, version_id, action="s3:DeleteObjectTagging")
    obj.tags = {}
    versions.update(call, found, check_key(key), obj)
    notifications.emit(call, found, "s3:ObjectTagging:Delete", key, obj)
    return {"VersionId": obj.version or None}


@s3.operation
def put_bucket_tagging(call: Call, bucket: str, tagging: dict[str, Any],
                       expected_bucket_owner: str | None = None) -> None:
    """Give a bucket these tags and no others."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketTagging")
    configure(call, found, "tagging", tags.of_document(tagging["TagSet"], bucket=True) or None)


@s3.operation
def get_bucket_tagging(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """A bucket's tags."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:GetBucketTagging")
    held = configuration(call, found, "tagging")
    if held is None:
        raise errors.NoSuchTagSet(BucketName=bucket)
    return tags.document(held)


@s3.operation
def delete_bucket_tagging(call: Call, bucket: str, expected_bucket_owner: str | None = None) -> None:
    """Take all tags from a bucket."""
    found = find_bucket(call, bucket, expected_bucket_owner)
    access.authorize(call, found, "s3:PutBucketTagging")
    configure(call, found, "tagging", None)
