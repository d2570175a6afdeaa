"""Listing a bucket: its objects, and its versions."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from ...kernel import Call
from . import access, errors, versions
from .conditions import quoted
from .limits import PAGE_LIMIT
from .names import check_key
from .nouns import Bucket, Object, charged, find_bucket, nulls, objects, older
from .owners import Named, owners
from .pages import LAST, Cursor, Page, begin, check_limit, encoder, shown_prefixes
from .service import s3

_By = Callable[[str], Named | None]  # an account, as an answer names it
Encode = Callable[[str], str]


@s3.operation
def list_objects_v2(call: Call, bucket: str, delimiter: str = "", encoding_type: str | None = None,
                    max_keys: int = PAGE_LIMIT, prefix: str = "", continuation_token: str | None = None,
                    fetch_owner: bool = False, start_after: str | None = None,
                    expected_bucket_owner: str | None = None,
                    request_payer: str | None = None) -> dict[str, Any]:
    """A page of the bucket's objects."""
    marker = _marker_of(continuation_token) if continuation_token is not None else start_after or ""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    page, encode = _objects(call, found, prefix, delimiter, marker, max_keys, encoding_type)
    by = owners(call) if fetch_owner else _nobody
    return charged(call, found) | {
        "Name": found.name, "Prefix": encode(prefix), "Delimiter": encode(delimiter) if delimiter else None,
        "MaxKeys": min(max_keys, PAGE_LIMIT), "EncodingType": encoding_type, "IsTruncated": page.truncated,
        "KeyCount": len(page.rows) + len(page.prefixes), "ContinuationToken": continuation_token,
        "StartAfter": encode(start_after) if start_after is not None else None,
        "NextContinuationToken": base64.b64encode(page.last).decode() if page.truncated else None,
        "Contents": [_content(row.key, row.record, encode, by) for row in page.rows],
        "CommonPrefixes": shown_prefixes(page, encode)}


@s3.operation
def list_objects(call: Call, bucket: str, delimiter: str = "", encoding_type: str | None = None,
                 marker: str = "",
                 max_keys: int = PAGE_LIMIT, prefix: str = "",
                 expected_bucket_owner: str | None = None,
                 request_payer: str | None = None) -> dict[str, Any]:
    """A page of the bucket's objects, in the first version's form."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    page, encode = _objects(call, found, prefix, delimiter, marker, max_keys, encoding_type)
    by = owners(call)
    return charged(call, found) | {
        "Name": found.name, "Prefix": prefix, "Marker": encode(marker), "MaxKeys": min(max_keys, PAGE_LIMIT),
        "Delimiter": encode(delimiter) if delimiter else None, "EncodingType": encoding_type,
        "IsTruncated": page.truncated,
        "NextMarker": encode(page.last.decode()) if page.truncated and delimiter else None,
        "Contents": [_content(row.key, row.record, encode, by) for row in page.rows],
        "CommonPrefixes": shown_prefixes(page, encode)}


@s3.operation
def list_object_versions(call: Call, bucket: str, delimiter: str = "", encoding_type: str | None = None,
                         key_marker: str = "", max_keys: int = PAGE_LIMIT, prefix: str = "",
                         version_id_marker: str | None = None,
                         expected_bucket_owner: str | None = None,
                         request_payer: str | None = None) -> dict[str, Any]:
    """A page of all versions and delete markers, the newest of each key first."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:ListBucketVersions", **_asked(prefix, delimiter, max_keys))
    check_limit(max_keys, "max-keys")
    encode = encoder(encoding_type)
    if version_id_marker and not key_marker:
        raise errors.InvalidArgument("A version-id marker cannot be specified without a key marker.")
    passed = _passed(call, found, key_marker, version_id_marker)
    page = Page([Cursor(call, objects, found.name, begin(prefix, delimiter, key_marker)),
                 Cursor(call, older, found.name, begin(prefix, delimiter, key_marker, *passed))],
                prefix, delimiter, min(max_keys, PAGE_LIMIT))
    shown: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    before, by = key_marker.encode() if version_id_marker else b"", owners(call)
    for key, _, obj in page.rows:
        shown[obj.marker].append(_version(key, obj, key != before, encode, by))
        before = key
    last = page.rows[-1] if page.rows and page.truncated and page.rows[-1].key == page.last else None
    return charged(call, found) | {
        "Name": found.name, "Prefix": encode(prefix), "KeyMarker": encode(key_marker),
        "Versions": shown[False], "DeleteMarkers": shown[True],
        "CommonPrefixes": shown_prefixes(page, encode),
        "VersionIdMarker": version_id_marker or "", "MaxKeys": min(max_keys, PAGE_LIMIT),
        "Delimiter": encode(delimiter) if delimiter else None, "EncodingType": encoding_type,
        "IsTruncated": page.truncated,
        "NextKeyMarker": encode(page.last.decode()) if page.truncated else None,
        "NextVersionIdMarker": (last.record.version or versions.NULL) if last else None}


def _objects(call: Call, bucket: Bucket, prefix: str, delimiter: str, marker: str, max_keys: int,
             encoding_type: str | None) -> tuple[Page, Encode]:
    access.authorize(call, bucket, "s3:ListBucket", **_asked(prefix, delimiter, max_keys))
    check_limit(max_keys, "max-keys")
    cursor = Cursor(call, objects, bucket.name, begin(prefix, delimiter, marker))
    return Page([cursor], prefix, delimiter, min(max_keys, PAGE_LIMIT)), encoder(encoding_type)


def _asked(prefix: str, delimiter: str, max_keys: int) -> dict[str, Any]:
    """What policies may ask about a listing."""
    return {"s3:prefix": prefix, "s3:delimiter": delimiter, "s3:max-keys": max_keys}


def _marker_of(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (ValueError, binascii.Error):
        raise errors.InvalidArgument("The continuation token provided is incorrect",
                                     ArgumentName="continuation-token") from None


def _passed(call: Call, bucket: Bucket, key: str, version: str | None) -> tuple[int, ...]:
    """What follows the key in the row of ``older`` behind which a page begins."""
    if not key or not version:
        return (LAST,)
    raw = check_key(key)
    current = objects.get(call, bucket.name, raw)
    if current is not None and (current.version or versions.NULL) == version:
        return ()
    versions.check_version_id(version)
    if version == versions.NULL:
        null = nulls.get(call, bucket.name, raw)
        return (-null.sequence,) if null else (LAST,)
    return (-versions.sequence_of(version),)


def _content(key: bytes, obj: Object, encode: Encode, by: _By) -> dict[str, Any]:
    algorithms = [name.removeprefix("Checksum") for name in obj.checksum if name != "ChecksumType"]
    return {"Key": encode(key.decode()), "LastModified": obj.modified_ms // 1000, "ETag": quoted(obj.etag),
            "ChecksumAlgorithm": algorithms, "ChecksumType": obj.checksum.get("ChecksumType"),
            "Size": obj.size,
            "StorageClass": obj.storage_class or "STANDARD", "Owner": by(obj.owner)}


def _nobody(_: str) -> None:
    """The owner where none is asked for."""


def _version(key: bytes, obj: Object, latest: bool, encode: Encode, by: _By) -> dict[str, Any]:
    shown = {"Key": encode(key.decode()), "VersionId": obj.version or versions.NULL, "IsLatest": latest,
             "LastModified": obj.modified_ms // 1000, "Owner": by(obj.owner)}
    return shown if obj.marker else shown | {
        "ETag": quoted(obj.etag), "Size": obj.size, "StorageClass": obj.storage_class or "STANDARD",
        "ChecksumAlgorithm": [name.removeprefix("Checksum") for name in obj.checksum
                              if name != "ChecksumType"],
        "ChecksumType": obj.checksum.get("ChecksumType")}
