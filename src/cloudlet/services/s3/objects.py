"""Putting objects."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ...kernel import Call, Conversation
from . import access, bodies, checksums, conditions, encryption, notifications, sealing, versions
from .bodies import Body, Received
from .drafts import Wish, draft
from .encryption import Asked, CustomerKey
from .lifecycle import expiration_of
from .names import check_key
from .nouns import Bucket, Object, charged, find_bucket, objects
from .service import s3


@s3.operation
async def put_object(
        call: Conversation, bucket: str, key: str, body: Body = None, acl: str | None = None,
        cache_control: str | None = None, content_disposition: str | None = None,
        content_encoding: str | None = None,
        content_language: str | None = None, content_md5: str | None = None, content_type: str | None = None,
        checksum_crc32: str | None = None, checksum_crc32_c: str | None = None,
        checksum_crc64_nvme: str | None = None,
        checksum_sha1: str | None = None, checksum_sha256: str | None = None,
        checksum_sha512: str | None = None, checksum_md5: str | None = None,
        checksum_xxhash64: str | None = None, checksum_xxhash3: str | None = None,
        checksum_xxhash128: str | None = None, expires: str | None = None,
        if_match: str | None = None, if_none_match: str | None = None, grant_full_control: str | None = None,
        grant_read: str | None = None, grant_read_acp: str | None = None, grant_write_acp: str | None = None,
        metadata: dict[str, str] | None = None, server_side_encryption: str | None = None,
        storage_class: str | None = None, website_redirect_location: str | None = None,
        tagging: str | None = None,
        object_lock_mode: str | None = None, object_lock_retain_until_date: datetime | None = None,
        object_lock_legal_hold_status: str | None = None, sse_customer_algorithm: str | None = None,
        sse_customer_key: str | None = None, sse_customer_key_md5: str | None = None,
        ssekms_key_id: str | None = None, ssekms_encryption_context: str | None = None,
        bucket_key_enabled: bool | None = None, expected_bucket_owner: str | None = None,
        request_payer: str | None = None) -> dict[str, Any]:
    """A new object, or a new version of one."""
    given = checksums.of_members(checksum_crc32, checksum_crc32_c, checksum_crc64_nvme, checksum_sha1,
                                 checksum_sha256, checksum_sha512, checksum_md5, checksum_xxhash64,
                                 checksum_xxhash3, checksum_xxhash128)
    wish = Wish(acl, grant_full_control, grant_read, grant_read_acp, grant_write_acp, cache_control,
                content_disposition, content_encoding, content_language, content_type, expires, metadata,
                storage_class, website_redirect_location, tagging, object_lock_mode,
                object_lock_retain_until_date, object_lock_legal_hold_status,
                Asked(server_side_encryption, ssekms_key_id, ssekms_encryption_context, bucket_key_enabled,
                      CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)),
                call.ids.bytes(sealing.KEY_BYTES))

    def check(found: Call, size: int) -> None:
        conditions.check_write(objects.get(found, bucket, check_key(key)), if_match, if_none_match, key)

    def prepare(call: Call) -> tuple[Bucket, Object]:
        return admit(call, find_bucket(call, bucket, expected_bucket_owner, request_payer), key, wish)

    received = Incoming(body, given, content_md5)
    return await take(call, received, prepare, check, key, wish.secret, "s3:ObjectCreated:Put")


class Incoming(msgspec.Struct):
    """A body that is to come, and what its request says of it."""

    body: Body
    given: tuple[str, str] | None
    content_md5: str | None


async def take(call: Conversation, incoming: Incoming, prepare: Callable[[Call], tuple[Bucket, Object]],
               check: Callable[[Call, int], None], key: str, secret: bytes, event: str) -> dict[str, Any]:
    """Take a body in and make the object that ``prepare`` drafts, if ``check`` lets one of its size be."""
    planned: Object | None = None
    if bodies.is_large(incoming.body):  # do not take in what will be refused
        _, planned = await call.transact(prepare)
    received = await bodies.receive(call, incoming.body, incoming.given, incoming.content_md5,
                                    secret=secret if planned and planned.envelope else None)

    def finish(call: Call) -> dict[str, Any]:
        found, obj = prepare(call)
        check(call, received.piece.size)
        content = received
        if planned:
            obj.envelope = planned.envelope  # as its bytes are
        elif obj.envelope:
            nonce = call.ids.bytes(sealing.NONCE_BYTES)
            content = msgspec.structs.replace(received, piece=sealing.sealed(received.piece, secret, nonce))
        return keep(call, found, key, obj, content, event)

    with bodies.dropped_unless_kept(received):
        return await call.transact(finish)


def admit(call: Call, bucket: Bucket, key: str, wish: Wish, **asked: Any) -> tuple[Bucket, Object]:
    """The bucket and the object to be, if the caller may put it there."""
    check_key(key)
    access.authorize(call, bucket, "s3:PutObject", key, **wish.conditions(), **asked)
    if wish.tagging:
        access.authorize(call, bucket, "s3:PutObjectTagging", key, **wish.conditions())
    return bucket, draft(call, bucket, wish)


def keep(call: Call, bucket: Bucket, key: str, obj: Object, received: Received, event: str) -> dict[str, Any]:
    """Make ``obj`` with the body that was received the current version, and tell who wants to know."""
    obj.size, obj.etag = received.piece.size, encryption.etag(call, obj, received.etag)
    obj.checksum = {checksums.member(received.algorithm): received.checksum, "ChecksumType": "FULL_OBJECT"}
    versions.put(call, bucket, check_key(key), obj, [received.piece])
    notifications.emit(call, bucket, event, key, obj)
    return {"ETag": conditions.quoted(obj.etag), "VersionId": versions.version_id(bucket, obj)
            if obj.version else None,
            "Expiration": expiration_of(call, bucket, key, obj), **encryption.shown(obj.envelope),
            "SSEKMSEncryptionContext": obj.envelope.context or None if obj.envelope else None, **obj.checksum,
            **charged(call, bucket)}

