"""Drafts: what a request wants a new object to be, whether it comes by put, copy, upload or form."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ...errors import NotHonoured
from ...kernel import Call
from . import acls, blocks, encryption, errors, locks, tags, user_metadata
from .encryption import Asked
from .limits import METADATA_LIMIT
from .nouns import Bucket, Object

_CLASSES = ("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
            "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
_ELSEWHERE = ("OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "FSX_OPENZFS", "FSX_ONTAP")


class Wish(msgspec.Struct):
    """What a request says of the object it makes."""

    acl: str | None = None
    grant_full_control: str | None = None
    grant_read: str | None = None
    grant_read_acp: str | None = None
    grant_write_acp: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    content_encoding: str | None = None
    content_language: str | None = None
    content_type: str | None = None
    expires: str | None = None
    metadata: dict[str, str] | None = None
    storage_class: str | None = None
    website_redirect_location: str | None = None
    tagging: str | None = None
    object_lock_mode: str | None = None
    object_lock_retain_until_date: datetime | None = None
    object_lock_legal_hold_status: str | None = None
    encryption: Asked = msgspec.field(default_factory=Asked)
    secret: bytes = b""  # the object's own key, if it is to have one

    def conditions(self) -> dict[str, Any]:
        """What policies may ask about the request."""
        found = {"s3:x-amz-acl": self.acl, "s3:x-amz-storage-class": self.storage_class,
                 "s3:x-amz-grant-full-control": self.grant_full_control,
                 "s3:x-amz-grant-read": self.grant_read,
                 "s3:x-amz-grant-read-acp": self.grant_read_acp,
                 "s3:x-amz-grant-write-acp": self.grant_write_acp, **self.encryption.conditions()}
        if self.tagging:
            pairs = dict(parse_qsl(self.tagging, keep_blank_values=True))
            found |= {f"s3:RequestObjectTag/{name}": value for name, value in pairs.items()}
            found["s3:RequestObjectTagKeys"] = list(pairs)
        return {name: value for name, value in found.items() if value is not None}


def draft(call: Call, bucket: Bucket, wish: Wish) -> Object:
    """The object that ``wish`` describes, still without a body."""
    foreign = call.principal.kind in ("anonymous", "service")
    owner = bucket.account if bucket.acls_disabled or foreign else call.account
    if bucket.ownership == "BucketOwnerPreferred" and wish.acl == "bucket-owner-full-control":
        owner = bucket.account
    obj = Object(0, "", call.now_ms, owner, headers=_headers(wish), metadata=_metadata(wish.metadata),
                 storage_class=storage_class_of(wish.storage_class), tags=tags.of_header(wish.tagging))
    obj.envelope = encryption.envelope(call, bucket, wish.encryption, wish.secret)
    obj.grants = grants(call, bucket, wish, owner) or acls.private(owner)
    locks.apply(call, bucket, obj, wish.object_lock_mode, wish.object_lock_retain_until_date,
                wish.object_lock_legal_hold_status)
    return obj


def grants(call: Call, bucket: Bucket, wish: Wish, owner: str) -> list[tuple[str, str]] | None:
    """The grants a request asks for, if the bucket lets it."""
    found = acls.of_headers(wish.acl, {"FULL_CONTROL": wish.grant_full_control, "READ": wish.grant_read,
                                       "READ_ACP": wish.grant_read_acp, "WRITE_ACP": wish.grant_write_acp},
                            owner, bucket)
    if found and bucket.acls_disabled and wish.acl != "bucket-owner-full-control" and (
            found != acls.private(bucket.account) or (wish.acl and call.account != bucket.account)):
        raise errors.AccessControlListNotSupported  # to others "private" is a grant to themselves
    if found and acls.is_public(found) and blocks.blocked(call, bucket, "BlockPublicAcls"):
        raise errors.AccessDenied
    return found


def _headers(wish: Wish) -> dict[str, Any]:
    encoding = wish.content_encoding or ""
    if "aws-chunked" in encoding:  # that was the request's, not the object's
        encoding = ", ".join(part.strip() for part in encoding.split(",")
                             if part.strip() not in ("aws-chunked", ""))
    found: dict[str, Any] = {
        "CacheControl": wish.cache_control, "ContentDisposition": wish.content_disposition,
        "ContentEncoding": encoding or None, "ContentLanguage": wish.content_language,
        "ContentType": wish.content_type, "Expires": wish.expires,
        "WebsiteRedirectLocation": wish.website_redirect_location}
    return {name: value for name, value in found.items() if value is not None}


def _metadata(metadata: dict[str, str] | None) -> dict[str, str]:
    found = {name.lower(): user_metadata.understood(value) for name, value in (metadata or {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in found.items())
    if size > METADATA_LIMIT:
        raise errors.MetadataTooLarge(MaxSizeAllowed=METADATA_LIMIT, Size=size)
    return found


def storage_class_of(name: str | None) -> str:
    """A storage class as an object keeps it, if it is had here."""
    if name in _ELSEWHERE:
        raise NotHonoured(f"cloudlet does not have the storage class {name}, and refuses it rather than "
                          "ignore it.")
    if name is not None and name not in _CLASSES:
        raise errors.InvalidStorageClass(StorageClassRequested=name)
    return "" if name in (None, "STANDARD") else str(name)
