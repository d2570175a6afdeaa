"""Copying objects and parts, from any bucket the caller may read.

A file is never written twice: a whole copy refers to the same files. Only where a digest must be new (of
an object that came in parts, or a part of one) are the bytes read.
"""

from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

import msgspec

from ...errors import NotHonoured
from ...kernel import Call, Conversation
from ...store import Blobs
from . import bodies, checksums, conditions, errors, notifications, ranges, versions
from .bodies import Received
from .checksums import Digests
from .discarding import content_of
from .drafts import ENCRYPTION, Wish
from .limits import INLINE_LIMIT, PUT_LIMIT
from .multipart import admit_part, find_upload, keep_part
from .names import check_key
from .nouns import Object, Piece, find_bucket, objects
from .objects import admit
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


class Copy(msgspec.Struct):
    """What is asked: from where, to where, and what becomes different on the way."""

    bucket: str
    key: str
    wish: Wish
    source: str
    unlike: tuple[Any, ...]
    metadata_directive: str
    tagging_directive: str
    if_match: str | None
    if_none_match: str | None
    expected_owner: str | None
    expected_source_owner: str | None


@s3.operation
async def copy_object(
        call: Conversation, bucket: str, copy_source: str, key: str, acl: str | None = None,
        cache_control: str | None = None, checksum_algorithm: str | None = None,
        content_disposition: str | None = None, content_encoding: str | None = None,
        content_language: str | None = None, content_type: str | None = None,
        copy_source_if_match: str | None = None,
        copy_source_if_modified_since: datetime | None = None, copy_source_if_none_match: str | None = None,
        copy_source_if_unmodified_since: datetime | None = None, expires: str | None = None,
        grant_full_control: str | None = None, grant_read: str | None = None,
        grant_read_acp: str | None = None,
        grant_write_acp: str | None = None, if_match: str | None = None, if_none_match: str | None = None,
        metadata: dict[str, str] | None = None, metadata_directive: str = "COPY",
        tagging_directive: str = "COPY",
        server_side_encryption: str | None = None, storage_class: str | None = None,
        website_redirect_location: str | None = None, tagging: str | None = None,
        object_lock_mode: str | None = None,
        object_lock_retain_until_date: datetime | None = None,
        object_lock_legal_hold_status: str | None = None,
        expected_bucket_owner: str | None = None,
        expected_source_bucket_owner: str | None = None) -> dict[str, Any]:
    """A copy of an object, with its metadata and tags or with others."""
    wish = Wish(acl, grant_full_control, grant_read, grant_read_acp, grant_write_acp, cache_control,
                content_disposition, content_encoding, content_language, content_type, expires, metadata,
                storage_class, server_side_encryption, website_redirect_location, tagging, object_lock_mode,
                object_lock_retain_until_date, object_lock_legal_hold_status)
    unlike = (copy_source_if_match, copy_source_if_none_match, copy_source_if_modified_since,
              copy_source_if_unmodified_since)
    copy = Copy(bucket, key, wish, copy_source, unlike, metadata_directive, tagging_directive, if_match,
                if_none_match, expected_bucket_owner, expected_source_bucket_owner)
    asked = _algorithm(checksum_algorithm)
    source = await call.transact(partial(_prepare, copy=copy))
    kept = next((name[len("Checksum"):] for name in source.obj.checksum if name != "ChecksumType"), "")
    algorithm = asked or kept or checksums.DEFAULT
    digested = None
    if source.obj.parts or algorithm != kept:
        digested = await _digest(call, source.pieces, 0, source.obj.size, algorithm)
    return await call.transact(partial(_finish, copy=copy, algorithm=algorithm, digested=digested))


@s3.operation
async def upload_part_copy(
        call: Conversation, bucket: str, copy_source: str, key: str, part_number: int, upload_id: str,
        copy_source_if_match: str | None = None, copy_source_if_modified_since: datetime | None = None,
        copy_source_if_none_match: str | None = None, copy_source_if_unmodified_since: datetime | None = None,
        copy_source_range: str | None = None, expected_bucket_owner: str | None = None,
        expected_source_bucket_owner: str | None = None) -> dict[str, Any]:
    """One part of an upload, from an object or a range of it."""
    unlike = (copy_source_if_match, copy_source_if_none_match, copy_source_if_modified_since,
              copy_source_if_unmodified_since)

    def prepare(call: Call) -> tuple[Source, str]:
        upload = admit_part(call, bucket, key, upload_id, part_number, expected_bucket_owner)
        return _source(call, copy_source, expected_source_bucket_owner, unlike), upload.algorithm

    source, wanted = await call.transact(prepare)
    size = source.obj.size
    start, stop = ranges.of_copy(copy_source_range, size) if copy_source_range else (0, size)
    algorithm = wanted or checksums.DEFAULT
    received = await _duplicate(call, source.pieces, start, stop, algorithm)

    def finish(call: Call) -> dict[str, Any]:
        find_upload(call, bucket, check_key(key), upload_id)
        keep_part(call, upload_id, part_number, received)
        return {"CopyPartResult": {"ETag": conditions.quoted(received.etag),
                                   "LastModified": call.now_ms / 1000,
                                   **({checksums.member(algorithm): received.checksum} if wanted else {})},
                "CopySourceVersionId": source.shown_version, "ServerSideEncryption": ENCRYPTION}

    try:
        return await call.transact(finish)
    except BaseException:
        bodies.drop(received)
        raise


def _prepare(call: Call, copy: Copy) -> Source:
    """The source, if it may be copied so."""
    find_bucket(call, copy.bucket, copy.expected_owner)
    source = _source(call, copy.source, copy.expected_source_owner, copy.unlike)
    if source.obj.size > PUT_LIMIT:
        raise errors.InvalidRequest("The specified copy source is larger than the maximum allowable size "
                                    f"for a copy source: {PUT_LIMIT}")
    _check_directives(source, copy)
    return source


def _finish(call: Call, copy: Copy, algorithm: str, digested: Digests | None) -> dict[str, Any]:
    """Make the copy; ``digested`` are its new digests, None if it keeps the source's."""
    source = _prepare(call, copy)
    takes_over = copy.metadata_directive != "REPLACE"
    if takes_over:
        _leave_out_headers(copy.wish)
    found, obj = admit(call, copy.bucket, copy.key, copy.wish, copy.expected_owner, **{
        "s3:x-amz-copy-source": unquote(copy.source).removeprefix("/"),
        "s3:x-amz-metadata-directive": copy.metadata_directive})
    raw = check_key(copy.key)
    conditions.check_write(objects.get(call, copy.bucket, raw), copy.if_match, copy.if_none_match, copy.key)
    if takes_over:
        obj.headers, obj.metadata = _headers_of(source.obj, obj), source.obj.metadata
    if copy.tagging_directive != "REPLACE":
        obj.tags = source.obj.tags
    obj.size, obj.etag, obj.checksum = source.obj.size, source.obj.etag, source.obj.checksum
    if digested is not None:
        obj.etag = digested.md5.hexdigest()
        obj.checksum = {checksums.member(algorithm): digested.text(algorithm), "ChecksumType": "FULL_OBJECT"}
    pieces = [Piece(piece.size, piece.data, piece.blob) for piece in source.pieces]
    versions.put(call, found, raw, obj, pieces)
    notifications.emit(call, found, "s3:ObjectCreated:Copy", copy.key, obj)
    result = {"ETag": conditions.quoted(obj.etag), "LastModified": obj.modified_ms / 1000, **obj.checksum}
    return {"CopyObjectResult": result, "CopySourceVersionId": source.shown_version,
            "VersionId": obj.version or None, "ServerSideEncryption": ENCRYPTION}


def _source(call: Call, text: str, expected_owner: str | None, unlike: tuple[Any, ...]) -> Source:
    """The object that ``text`` names, ``/bucket/key?versionId=…``, if the caller may read it."""
    path, mark, version = text.partition("?versionId=")
    bucket, _, key = unquote(path).removeprefix("/").partition("/")
    if not bucket or not key:
        raise errors.InvalidArgument("Copy Source must mention the source bucket and key: "
                                     "sourcebucket/sourcekey",
                                     ArgumentName="x-amz-copy-source", ArgumentValue=text)
    found = find_bucket(call, bucket, expected_owner)
    obj = find_object(call, found, key, version if mark else None)
    conditions.check_source(obj, unlike[0], unlike[1], unlike[2], unlike[3])
    return Source(bucket, key, version if mark else None, obj, content_of(call, bucket, check_key(key), obj),
                  versions.version_id(found, obj))


def _check_directives(source: Source, copy: Copy) -> None:
    for name, value in (("metadata", copy.metadata_directive), ("tagging", copy.tagging_directive)):
        if value not in ("COPY", "REPLACE"):
            raise errors.InvalidArgument(f"Unknown {name} directive.", ArgumentName=f"x-amz-{name}-directive",
                                         ArgumentValue=value)
    wish = copy.wish
    changed = (copy.metadata_directive == "REPLACE" or wish.storage_class or wish.website_redirect_location
               or wish.server_side_encryption)
    if (source.bucket, source.key, source.version) == (copy.bucket, copy.key, None) and not changed:
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


async def _digest(call: Conversation, pieces: list[Piece], start: int, stop: int, algorithm: str) -> Digests:
    digests = Digests((algorithm,))
    async for data in bodies.whole(bodies.Reading(call.use(Blobs), pieces, start, stop)):
        digests.add(data)
    return digests


async def _duplicate(call: Conversation, pieces: list[Piece], start: int, stop: int,
                     algorithm: str) -> Received:
    """Some of an object's bytes as a body of their own; all of them stay where they are."""
    reading = bodies.Reading(call.use(Blobs), pieces, start, stop)
    if len(pieces) == 1 and (start, stop) == (0, pieces[0].size):
        digests = await _digest(call, pieces, start, stop, algorithm)
        return Received(Piece(stop, pieces[0].data, pieces[0].blob), digests.md5.digest(), algorithm,
                        digests.text(algorithm), reading)
    digests = Digests((algorithm,))
    if stop - start <= INLINE_LIMIT:
        data = b"".join([piece async for piece in reading])
        digests.add(data)
        return Received(Piece(len(data), data), digests.md5.digest(), algorithm, digests.text(algorithm))
    name = call.ids.hex(32)
    writer = call.use(Blobs).write(name)
    try:
        async for data in reading:
            digests.add(data)
            writer.add(data)
    except BaseException:
        writer.drop()
        raise
    writer.keep()
    return Received(Piece(stop - start, b"", name), digests.md5.digest(), algorithm, digests.text(algorithm),
                    writer)
