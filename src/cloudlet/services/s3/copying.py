"""Copying objects and parts, from any bucket the caller may read.

A file is never written twice: a whole copy refers to the same files. Only where a digest must be new (of
an object that came in parts, or a part of one) are the bytes read.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec

from ...errors import NotHonoured
from ...kernel import Call, Conversation
from ...store import Blobs
from . import (
    bodies,
    checksums,
    conditions,
    encryption,
    errors,
    notifications,
    ranges,
    sealing,
    storage,
    versions,
)
from .bodies import Received
from .checksums import Digests
from .discarding import content_of
from .drafts import Wish
from .encryption import Asked, CustomerKey
from .limits import INLINE_LIMIT, PUT_LIMIT
from .multipart import admit_part, keep_part
from .names import check_key
from .nouns import Bucket, Object, Piece, Upload, charged, find_bucket, objects
from .objects import admit
from .points import source_of
from .reading import find_object
from .service import s3


class Source(msgspec.Struct):
    """What is copied."""

    bucket: str
    key: str
    version: str | None
    obj: Object
    pieces: list[Piece]
    shown_version: str | None
    secret: bytes | None  # the key that its bytes are encrypted with
    held: bodies.Reading  # so that its files stay, whatever becomes of it meanwhile
    charged: dict[str, str]  # what the answer says if its requester pays


class Copy(msgspec.Struct):
    """What is asked: from where, to where, and what becomes different on the way."""

    bucket: str
    key: str
    wish: Wish
    source: str
    unlike: tuple[Any, ...]
    customer: CustomerKey  # of the source
    metadata_directive: str | None
    tagging_directive: str
    if_match: str | None
    if_none_match: str | None
    expected_owner: str | None
    expected_source_owner: str | None
    payer: str | None


@s3.operation
async def copy_object(
        call: Conversation, bucket: str, copy_source: str, key: str, acl: str | None = None,
        cache_control: str | None = None, checksum_algorithm: str | None = None,
        content_disposition: str | None = None, content_encoding: str | None = None,
        content_language: str | None = None, content_type: str | None = None,
        copy_source_if_match: str | None = None, copy_source_if_modified_since: datetime | None = None,
        copy_source_if_none_match: str | None = None, copy_source_if_unmodified_since: datetime | None = None,
        expires: str | None = None, grant_full_control: str | None = None, grant_read: str | None = None,
        grant_read_acp: str | None = None, grant_write_acp: str | None = None, if_match: str | None = None,
        if_none_match: str | None = None, metadata: dict[str, str] | None = None,
        metadata_directive: str | None = None, tagging_directive: str = "COPY",
        server_side_encryption: str | None = None, storage_class: str | None = None,
        website_redirect_location: str | None = None, tagging: str | None = None,
        object_lock_mode: str | None = None, object_lock_retain_until_date: datetime | None = None,
        object_lock_legal_hold_status: str | None = None, expected_bucket_owner: str | None = None,
        request_payer: str | None = None,
        expected_source_bucket_owner: str | None = None, sse_customer_algorithm: str | None = None,
        sse_customer_key: str | None = None, sse_customer_key_md5: str | None = None,
        ssekms_key_id: str | None = None, ssekms_encryption_context: str | None = None,
        bucket_key_enabled: bool | None = None, copy_source_sse_customer_algorithm: str | None = None,
        copy_source_sse_customer_key: str | None = None,
        copy_source_sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """A copy of an object, with its metadata and tags or with others."""
    wish = Wish(acl, grant_full_control, grant_read, grant_read_acp, grant_write_acp, cache_control,
                content_disposition, content_encoding, content_language, content_type, expires, metadata,
                storage_class, website_redirect_location, tagging, object_lock_mode,
                object_lock_retain_until_date, object_lock_legal_hold_status,
                Asked(server_side_encryption, ssekms_key_id, ssekms_encryption_context, bucket_key_enabled,
                      CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)))
    unlike = (copy_source_if_match, copy_source_if_none_match, copy_source_if_modified_since,
              copy_source_if_unmodified_since)
    customer = CustomerKey(copy_source_sse_customer_algorithm, copy_source_sse_customer_key,
                           copy_source_sse_customer_key_md5)
    copy = Copy(bucket, key, wish, copy_source, unlike, customer, metadata_directive, tagging_directive,
                if_match, if_none_match, expected_bucket_owner, expected_source_bucket_owner, request_payer)
    asked, done = _algorithm(checksum_algorithm), None
    while done is None:  # the source may be another one by the time its bytes were read
        done = await _copy(call, copy, asked)
    return done


async def _copy(call: Conversation, copy: Copy, asked: str) -> dict[str, Any] | None:
    """Make the copy; None if its source was replaced meanwhile."""
    source, _, planned = await call.transact(partial(_prepare, copy=copy, secret=call.ids.bytes(
        sealing.KEY_BYTES)))
    kept = next((name[len("Checksum"):] for name in source.obj.checksum if name != "ChecksumType"), "")
    algorithm, new = asked or kept or checksums.DEFAULT, None
    secret = copy.wish.secret if planned.envelope else None
    if source.secret != secret:
        new = await _duplicate(call, source, 0, source.obj.size, algorithm, secret)
    elif source.obj.parts or algorithm != kept:
        digests = await _digest(call, source, 0, source.obj.size, algorithm)
        new = Received(Piece(-1), digests.md5.digest(), algorithm, digests.text(algorithm))
    with bodies.dropped_unless_kept(new):
        done = await call.transact(partial(_finish, copy=copy, source=source, planned=planned, new=new))
    if done is None and new is not None:
        bodies.drop(new)
    return done


@s3.operation
async def upload_part_copy(
        call: Conversation, bucket: str, copy_source: str, key: str, part_number: int, upload_id: str,
        copy_source_if_match: str | None = None, copy_source_if_modified_since: datetime | None = None,
        copy_source_if_none_match: str | None = None, copy_source_if_unmodified_since: datetime | None = None,
        copy_source_range: str | None = None, expected_bucket_owner: str | None = None,
        request_payer: str | None = None,
        expected_source_bucket_owner: str | None = None, sse_customer_algorithm: str | None = None,
        sse_customer_key: str | None = None, sse_customer_key_md5: str | None = None,
        copy_source_sse_customer_algorithm: str | None = None,
        copy_source_sse_customer_key: str | None = None,
        copy_source_sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """One part of an upload, from an object or a range of it."""
    unlike = (copy_source_if_match, copy_source_if_none_match, copy_source_if_modified_since,
              copy_source_if_unmodified_since)
    theirs = CustomerKey(copy_source_sse_customer_algorithm, copy_source_sse_customer_key,
                         copy_source_sse_customer_key_md5)
    own = CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)

    def prepare(call: Call) -> tuple[Source, Upload, bytes | None]:
        found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
        upload = admit_part(call, found, key, upload_id, part_number)
        source = _source(call, copy_source, expected_source_bucket_owner, unlike, theirs, request_payer)
        source.charged |= charged(call, found)
        return source, upload, encryption.key_of(call, upload.draft.envelope, own, part=True)

    done = None
    while done is None:  # the source may be another one by the time its bytes were read
        source, upload, secret = await call.transact(prepare)
        size = source.obj.size
        start, stop = ranges.of_copy(copy_source_range, size) if copy_source_range else (0, size)
        received = await _duplicate(call, source, start, stop, upload.algorithm or checksums.DEFAULT, secret)
        finish = partial(_finish_part, prepare, source, upload_id, part_number, received)
        with bodies.dropped_unless_kept(received):
            done = await call.transact(finish)
        if done is None:
            bodies.drop(received)
    return done


def _finish_part(prepare: Callable[[Call], tuple[Source, Upload, bytes | None]], source: Source,
                 upload_id: str, number: int, received: Received, call: Call) -> dict[str, Any] | None:
    """Keep the part; None if its source was replaced meanwhile, and with it the file they would share."""
    now, upload, _ = prepare(call)
    if now.obj.sequence != source.obj.sequence:
        return None
    etag = keep_part(call, upload, upload_id, number, received)
    shown = {checksums.member(received.algorithm): received.checksum} if upload.algorithm else {}
    return {"CopyPartResult": {"ETag": conditions.quoted(etag), "LastModified": call.now_ms // 1000, **shown},
            "CopySourceVersionId": source.shown_version, **encryption.shown(upload.draft.envelope),
            **source.charged}


def _prepare(call: Call, copy: Copy, secret: bytes) -> tuple[Source, Bucket, Object]:
    """The source, and what the copy will be; ``secret`` is the copy's key, if it needs one of its own."""
    target = find_bucket(call, copy.bucket, copy.expected_owner, copy.payer)
    source = _source(call, copy.source, copy.expected_source_owner, copy.unlike, copy.customer, copy.payer)
    source.charged |= charged(call, target)
    if source.obj.size > PUT_LIMIT:
        raise errors.InvalidRequest("The specified copy source is larger than the maximum allowable size "
                                    f"for a copy source: {PUT_LIMIT}")
    _check_directives(source, target.name, copy)
    copy.wish.secret = source.secret or secret
    if copy.metadata_directive != "REPLACE":
        _leave_out_headers(copy.wish)
    bucket, obj = admit(call, target, copy.key, copy.wish, **{
        "s3:x-amz-copy-source": unquote(copy.source).removeprefix("/"),
        "s3:x-amz-metadata-directive": copy.metadata_directive})
    return source, bucket, obj


def _finish(call: Call, copy: Copy, source: Source, planned: Object,
            new: Received | None) -> dict[str, Any] | None:
    """Make the copy; ``new`` is what was found or written for it, None if it keeps what its source has."""
    now, found, obj = _prepare(call, copy, copy.wish.secret)
    if now.obj.sequence != source.obj.sequence:
        return None
    raw = check_key(copy.key)
    conditions.check_write(objects.get(call, found.name, raw), copy.if_match, copy.if_none_match, copy.key)
    if copy.metadata_directive != "REPLACE":
        obj.headers, obj.metadata = _headers_of(source.obj, obj), source.obj.metadata
    if copy.tagging_directive != "REPLACE":
        obj.tags = source.obj.tags
    obj.envelope = planned.envelope
    obj.size, obj.checksum = source.obj.size, source.obj.checksum
    obj.etag = encryption.etag(call, obj, new.etag if new else source.obj.etag)
    pieces = [Piece(piece.size, piece.data, piece.blob, nonce=piece.nonce) for piece in source.pieces]
    if new is not None:
        obj.checksum = {checksums.member(new.algorithm): new.checksum, "ChecksumType": "FULL_OBJECT"}
        pieces = [new.piece] if new.piece.size >= 0 else pieces
    versions.put(call, found, raw, obj, pieces)
    notifications.emit(call, found, "s3:ObjectCreated:Copy", copy.key, obj)
    result = {"ETag": conditions.quoted(obj.etag), "LastModified": obj.modified_ms // 1000, **obj.checksum}
    return {"CopyObjectResult": result, "CopySourceVersionId": source.shown_version,
            "VersionId": obj.version or None, **encryption.shown(obj.envelope), **source.charged,
            "SSEKMSEncryptionContext": obj.envelope.context or None if obj.envelope else None}


def _source(call: Call, text: str, expected_owner: str | None, unlike: tuple[Any, ...],
            customer: CustomerKey, payer: str | None) -> Source:
    """The object that ``text`` names, ``/bucket/key?versionId=…``, if the caller may read it."""
    path, mark, version = text.partition("?versionId=")
    bucket, key = source_of(unquote(path))
    if not bucket or not key:
        raise errors.InvalidArgument("Copy Source must mention the source bucket and key: "
                                     "sourcebucket/sourcekey",
                                     ArgumentName="x-amz-copy-source", ArgumentValue=text)
    found = find_bucket(call, bucket, expected_owner, payer)
    obj = find_object(call, found, key, version if mark else None)
    conditions.check_source(obj, unlike[0], unlike[1], unlike[2], unlike[3])
    storage.check_readable(obj, call.now_ms)
    pieces = content_of(call, found.name, check_key(key), obj)
    return Source(found.name, key, version if mark else None, obj, pieces, versions.version_id(found, obj),
                  encryption.key_of(call, obj.envelope, customer),
                  bodies.Reading(call.use(Blobs), pieces, 0, 0), charged(call, found))


def _check_directives(source: Source, target: str, copy: Copy) -> None:
    for name, value in (("metadata", copy.metadata_directive or "COPY"), ("tagging", copy.tagging_directive)):
        if value not in ("COPY", "REPLACE"):
            raise errors.InvalidArgument(f"Unknown {name} directive.", ArgumentName=f"x-amz-{name}-directive",
                                         ArgumentValue=value)
    wish = copy.wish
    changed = (copy.metadata_directive == "REPLACE" or wish.storage_class or wish.website_redirect_location
               or wish.encryption.something())
    if (source.bucket, source.key, source.version) == (target, copy.key, None) and not changed:
        raise errors.InvalidRequest("This copy request is illegal because it is trying to copy an object to "
                                    "itself without changing the object's metadata, storage class, website "
                                    "redirect location or encryption attributes.")


def _leave_out_headers(wish: Wish) -> None:
    """Without REPLACE, what the request says of headers does not count."""
    wish.cache_control = wish.content_disposition = wish.content_encoding = wish.content_language = None
    wish.content_type = wish.expires = wish.metadata = None


def _headers_of(source: Object, obj: Object) -> dict[str, Any]:
    """The source's headers; where a website redirects to is not copied."""
    kept = {name: value for name, value in source.headers.items() if name != "WebsiteRedirectLocation"}
    return kept | obj.headers


def _algorithm(name: str | None) -> str:
    if name and name.upper() not in checksums.ALGORITHMS:
        raise NotHonoured(f"cloudlet does not compute checksums of the kind {name}.")
    return (name or "").upper()


async def _digest(call: Conversation, source: Source, start: int, stop: int, algorithm: str) -> Digests:
    digests = Digests((algorithm,))
    reading = bodies.Reading(call.use(Blobs), source.pieces, start, stop, source.secret)
    async for data in bodies.whole(reading):
        digests.add(data)
    return digests


async def _duplicate(call: Conversation, source: Source, start: int, stop: int, algorithm: str,
                     secret: bytes | None) -> Received:
    """Some of an object's bytes as a body of their own, encrypted with ``secret``."""
    pieces = source.pieces
    if len(pieces) == 1 and (start, stop) == (0, pieces[0].size) and source.secret == secret:
        digests = await _digest(call, source, start, stop, algorithm)
        return Received(Piece(stop, pieces[0].data, pieces[0].blob, nonce=pieces[0].nonce),
                        digests.md5.digest(), algorithm, digests.text(algorithm), source.held)
    reading = bodies.Reading(call.use(Blobs), pieces, start, stop, source.secret)
    digests, nonce = Digests((algorithm,)), call.ids.bytes(sealing.NONCE_BYTES) if secret else b""
    hide = sealing.cipher(secret, nonce).update if secret else bytes
    if stop - start <= INLINE_LIMIT:
        data = b"".join([piece async for piece in reading])
        digests.add(data)
        return Received(Piece(len(data), hide(data), nonce=nonce), digests.md5.digest(), algorithm,
                        digests.text(algorithm))
    name = call.ids.hex(32)
    writer = call.use(Blobs).write(name)
    try:
        async for data in reading:
            digests.add(data)
            writer.add(hide(data))
    except BaseException:
        writer.drop()
        raise
    writer.keep()
    return Received(Piece(stop - start, b"", name, nonce=nonce), digests.md5.digest(), algorithm,
                    digests.text(algorithm), writer)
