"""Reading objects: their bytes, and what is known of them."""

from datetime import datetime
from typing import Any

import msgspec

from ...errors import AwsError
from ...kernel import Call
from . import access, bodies, conditions, encryption, errors, ranges, storage, user_metadata, versions
from .discarding import content_of
from .encryption import CustomerKey
from .lifecycle import expiration_of
from .limits import PAGE_LIMIT
from .names import check_key
from .nouns import Bucket, Object, Piece, charged, find_bucket
from .service import s3

_DEFAULT_TYPE = "binary/octet-stream"
_ATTRIBUTES = ("ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize")


class Look(msgspec.Struct):
    """What is asked of an object."""

    bucket: str
    key: str
    version: str | None
    unlike: tuple[str | None, str | None, datetime | None, datetime | None]
    range: str | None
    part_number: int | None
    checksum_mode: str
    instead: dict[str, Any]  # headers of the answer that the request itself asks for
    expected_owner: str | None
    payer: str | None
    customer: CustomerKey


@s3.operation
def get_object(
        call: Call, bucket: str, key: str, if_match: str | None = None,
        if_modified_since: datetime | None = None, if_none_match: str | None = None,
        if_unmodified_since: datetime | None = None, range: str | None = None,
        response_cache_control: str | None = None, response_content_disposition: str | None = None,
        response_content_encoding: str | None = None, response_content_language: str | None = None,
        response_content_type: str | None = None, response_expires: str | datetime | None = None,
        version_id: str | None = None, part_number: int | None = None,
        expected_bucket_owner: str | None = None, request_payer: str | None = None, checksum_mode: str = "",
        sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
        sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """An object and its bytes, or a range of them."""
    look = Look(
        bucket, key, version_id, (if_match, if_none_match, if_modified_since, if_unmodified_since), range,
        part_number, checksum_mode, {
            "CacheControl": response_cache_control, "ContentDisposition": response_content_disposition,
            "ContentEncoding": response_content_encoding, "ContentLanguage": response_content_language,
            "ContentType": response_content_type, "Expires": response_expires}, expected_bucket_owner,
        request_payer, CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5))
    return _read(call, look, with_body=True)


@s3.operation
def head_object(
        call: Call, bucket: str, key: str, if_match: str | None = None,
        if_modified_since: datetime | None = None, if_none_match: str | None = None,
        if_unmodified_since: datetime | None = None, range: str | None = None,
        response_cache_control: str | None = None, response_content_disposition: str | None = None,
        response_content_encoding: str | None = None, response_content_language: str | None = None,
        response_content_type: str | None = None, response_expires: str | datetime | None = None,
        version_id: str | None = None, part_number: int | None = None,
        expected_bucket_owner: str | None = None, request_payer: str | None = None, checksum_mode: str = "",
        sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
        sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """What is known of an object."""
    look = Look(
        bucket, key, version_id, (if_match, if_none_match, if_modified_since, if_unmodified_since), range,
        part_number, checksum_mode, {
            "CacheControl": response_cache_control, "ContentDisposition": response_content_disposition,
            "ContentEncoding": response_content_encoding, "ContentLanguage": response_content_language,
            "ContentType": response_content_type, "Expires": response_expires}, expected_bucket_owner,
        request_payer, CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5))
    return _read(call, look, with_body=False)


def _read(call: Call, look: Look, *, with_body: bool) -> dict[str, Any]:
    found = find_bucket(call, look.bucket, look.expected_owner, look.payer)
    obj = find_object(call, found, look.key, look.version)
    secret = encryption.key_of(call, obj.envelope, look.customer)
    conditions.check_read(obj, *look.unlike)
    pieces = content_of(call, found.name, check_key(look.key), obj)
    instead = _overrides(call, look.instead)
    start, stop, partial = _extent(obj, pieces, look.range, look.part_number)
    result = _described(call, found, look.key, obj, pieces, (start, stop) if partial else None,
                        look.part_number, look.checksum_mode) | instead
    if with_body:
        storage.check_readable(obj, call.now_ms)
        result["Body"] = bodies.read(call, pieces, start, stop, secret)
    return result


@s3.operation
def get_object_attributes(call: Call, bucket: str, key: str, object_attributes: list[str],
                          version_id: str | None = None, max_parts: int = PAGE_LIMIT,
                          part_number_marker: int = 0, expected_bucket_owner: str | None = None,
                          request_payer: str | None = None,
                          sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
                          sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """The attributes of an object that were asked for."""
    for name in object_attributes:
        if name not in _ATTRIBUTES:
            raise errors.InvalidArgument("Invalid attribute name specified.",
                                         ArgumentName="x-amz-object-attributes",
                                         ArgumentValue=name)
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    obj = find_object(call, found, key, version_id)
    encryption.key_of(call, obj.envelope, CustomerKey(sse_customer_algorithm, sse_customer_key,
                                                      sse_customer_key_md5))
    result: dict[str, Any] = {"LastModified": obj.modified_ms // 1000, **charged(call, found)}
    if obj.version or found.versioning:
        result["VersionId"] = versions.version_id(found, obj)
    if "ETag" in object_attributes:
        result["ETag"] = obj.etag
    if "Checksum" in object_attributes and obj.checksum:
        result["Checksum"] = obj.checksum
    if "ObjectParts" in object_attributes and obj.parts:
        pieces = content_of(call, found.name, check_key(key), obj)
        result["ObjectParts"] = _parts(obj, pieces, min(max_parts, PAGE_LIMIT), part_number_marker)
    if "StorageClass" in object_attributes:
        result["StorageClass"] = obj.storage_class or "STANDARD"
    if "ObjectSize" in object_attributes:
        result["ObjectSize"] = obj.size
    return result


def find_object(call: Call, bucket: Bucket, key: str, version: str | None, *, action: str = "s3:GetObject",
                **known: Any) -> Object:
    """The object, or that version of it, if there is one and the caller may do ``action`` on it."""
    versions.check_version_id(version)
    obj = versions.find(call, bucket, check_key(key), version)
    if version is not None and action in ("s3:GetObject", "s3:GetObjectAcl", "s3:PutObjectAcl",
                                          "s3:GetObjectTagging",
                                          "s3:PutObjectTagging", "s3:DeleteObjectTagging"):
        action = action.replace("Object", "ObjectVersion", 1)
    if obj is None or obj.marker:
        allowed = access.allowed(call, bucket, action, key, obj, known) or access.is_anonymous(call.principal)
        if not access.may_list(call, bucket, key) and not (allowed
                                                           and bucket.account == call.principal.account):
            raise errors.AccessDenied
        raise _absent(bucket, key, version, obj)
    access.authorize(call, bucket, action, key, obj, **known)
    return obj


def _absent(bucket: Bucket, key: str, version: str | None, marker: Object | None) -> AwsError:
    """Why there is nothing to read."""
    if marker is None:
        if version is None:
            return errors.NoSuchKey(Key=key)
        return errors.NoSuchVersion(Key=key, VersionId=version)
    error = errors.NoSuchKey(Key=key) if version is None else errors.MethodNotAllowed(
        Method="GET", ResourceType="DeleteMarker")
    error.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": versions.version_id(bucket, marker)
                     or ""}
    if version is not None:
        error.headers["allow"] = "DELETE"
    return error


def _extent(obj: Object, pieces: list[Piece], range: str | None,
            part_number: int | None) -> tuple[int, int, bool]:
    """The first byte, the one after the last, and whether that is only a part."""
    if part_number is not None:
        if range is not None:
            raise errors.InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        start, stop = ranges.of_part(obj, pieces, part_number)
        return start, stop, obj.size > 0
    asked = ranges.of_header(range, obj.size) if range is not None else None
    return (*asked, True) if asked else (0, obj.size, False)


def _described(call: Call, bucket: Bucket, key: str, obj: Object, pieces: list[Piece],
               part: tuple[int, int] | None,
               part_number: int | None, checksum_mode: str) -> dict[str, Any]:
    """All that an answer says of an object beside its bytes."""
    result: dict[str, Any] = {
        "AcceptRanges": "bytes", "LastModified": obj.modified_ms // 1000, "ContentLength": obj.size,
        "ETag": conditions.quoted(obj.etag), "ContentType": _DEFAULT_TYPE,
        **encryption.shown(obj.envelope), **obj.headers, **charged(call, bucket),
        "Metadata": {name: user_metadata.sent(value) for name, value in obj.metadata.items()}}
    if part:
        result["ContentLength"] = part[1] - part[0]
        result["ContentRange"] = f"bytes {part[0]}-{part[1] - 1}/{obj.size}"
    if bucket.versioning:
        result["VersionId"] = versions.version_id(bucket, obj)
    if obj.storage_class:
        result["StorageClass"] = obj.storage_class
    if obj.tags:
        result["TagCount"] = len(obj.tags)
    if part_number is not None and obj.parts:
        result["PartsCount"] = obj.parts
    if checksum_mode.upper() == "ENABLED" and (not part or part_number is not None):
        result |= _checksum(obj, pieces, part_number)
    if obj.lock_mode:
        result |= {"ObjectLockMode": obj.lock_mode, "ObjectLockRetainUntilDate": obj.lock_until_ms / 1000}
    if obj.legal_hold:
        result["ObjectLockLegalHoldStatus"] = "ON"
    told = {"Expiration": expiration_of(call, bucket, key, obj),
            "Restore": storage.state_of(obj, call.now_ms), "ReplicationStatus": obj.replication or None}
    return result | {name: value for name, value in told.items() if value}


def _checksum(obj: Object, pieces: list[Piece], part_number: int | None) -> dict[str, str]:
    """The checksum of the object, or of the part that was asked for."""
    if part_number is None or not obj.parts:
        return obj.checksum
    algorithm = next((name for name in obj.checksum if name != "ChecksumType"), None)
    text = next((piece.checksum for piece in pieces if piece.number == part_number), "")
    return {algorithm: text, "ChecksumType": obj.checksum["ChecksumType"]} if algorithm and text else {}


def _parts(obj: Object, pieces: list[Piece], limit: int, marker: int) -> dict[str, Any]:
    algorithm = next((name for name in obj.checksum if name != "ChecksumType"), None)
    left = [piece for piece in pieces if piece.number > marker]
    page = left[:limit]
    shown = [{"PartNumber": piece.number, "Size": piece.size,
              **({algorithm: piece.checksum} if algorithm and piece.checksum else {})} for piece in page]
    return {"TotalPartsCount": obj.parts, "PartNumberMarker": marker, "MaxParts": limit,
            "NextPartNumberMarker": page[-1].number if page else marker, "IsTruncated": len(left) > len(page),
            "Parts": shown}


def _overrides(call: Call, asked: dict[str, Any]) -> dict[str, Any]:
    """Headers of the answer that the request itself asks for."""
    found = {name: value for name, value in asked.items() if value is not None}
    if found and access.is_anonymous(call.principal):
        raise errors.InvalidRequest("Request specific response headers cannot be used for anonymous GET "
                                    "requests.")
    return found


