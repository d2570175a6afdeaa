"""Multipart uploads: objects that come in parts.

A completed object consists of its parts' own files, so completing copies nothing.
"""

import hashlib
from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from ...kernel import Call, Conversation
from ...kernel.place import Place
from . import access, bodies, checksums, conditions, encryption, errors, notifications, sealing, versions
from .bodies import Body
from .discarding import discard_upload, refer, release
from .drafts import Wish, draft
from .encryption import Asked, CustomerKey
from .lifecycle import expiration_of
from .limits import PAGE_LIMIT, PART_MINIMUM, PARTS_LIMIT
from .names import check_key
from .nouns import Bucket, Object, Part, Upload, buckets, charged, find_bucket, objects, parts, uploads
from .owners import owner, owners
from .pages import LAST, Cursor, Page, begin, check_limit, encoder, shown_prefixes
from .service import s3


@s3.operation
def create_multipart_upload(
        call: Call, bucket: str, key: str, acl: str | None = None, cache_control: str | None = None,
        content_disposition: str | None = None, content_encoding: str | None = None,
        content_language: str | None = None, content_type: str | None = None, expires: str | None = None,
        grant_full_control: str | None = None, grant_read: str | None = None,
        grant_read_acp: str | None = None,
        grant_write_acp: str | None = None, metadata: dict[str, str] | None = None,
        server_side_encryption: str | None = None, storage_class: str | None = None,
        website_redirect_location: str | None = None, tagging: str | None = None,
        object_lock_mode: str | None = None,
        object_lock_retain_until_date: datetime | None = None,
        object_lock_legal_hold_status: str | None = None,
        expected_bucket_owner: str | None = None,
        request_payer: str | None = None, checksum_algorithm: str | None = None,
        checksum_type: str = "", sse_customer_algorithm: str | None = None,
        sse_customer_key: str | None = None, sse_customer_key_md5: str | None = None,
        ssekms_key_id: str | None = None, ssekms_encryption_context: str | None = None,
        bucket_key_enabled: bool | None = None) -> dict[str, Any]:
    """Begin an upload in parts."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    check_key(key)
    wish = Wish(acl, grant_full_control, grant_read, grant_read_acp, grant_write_acp, cache_control,
                content_disposition, content_encoding, content_language, content_type, expires, metadata,
                storage_class, website_redirect_location, tagging, object_lock_mode,
                object_lock_retain_until_date, object_lock_legal_hold_status,
                Asked(server_side_encryption, ssekms_key_id, ssekms_encryption_context, bucket_key_enabled,
                      CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)),
                call.ids.bytes(sealing.KEY_BYTES))
    access.authorize(call, found, "s3:PutObject", key, **wish.conditions())
    return _begin(call, found, key, draft(call, found, wish), (checksum_algorithm or "").upper(),
                  checksum_type)


def _begin(call: Call, bucket: Bucket, key: str, obj: Object, algorithm: str,
           checksum_type: str) -> dict[str, Any]:
    if algorithm and algorithm not in checksums.ALGORITHMS:
        raise errors.InvalidRequest("Checksum algorithm provided is unsupported. Please try again with any "
                                    "of the "
                                    f"valid types: [{', '.join(checksums.ALGORITHMS)}]")
    if checksum_type and not algorithm:
        raise errors.InvalidRequest("The x-amz-checksum-type header can only be used with the "
                                    "x-amz-checksum-algorithm "
                                    "header.")
    kind = checksums.kind_of(algorithm, checksum_type.upper()) if algorithm else ""
    upload_id = call.ids.text(64)
    buckets.steady(call, bucket.name)
    uploads.put(call, bucket.name, check_key(key), upload_id, record=Upload(
        call.now_ms, call.account, obj, algorithm, kind))
    return {"Bucket": bucket.name, "Key": key, "UploadId": upload_id, **encryption.shown(obj.envelope),
            "SSEKMSEncryptionContext": obj.envelope.context or None if obj.envelope else None,
            "ChecksumAlgorithm": algorithm or None, "ChecksumType": kind or None, **charged(call, bucket)}


@s3.operation
async def upload_part(
        call: Conversation, bucket: str, key: str, part_number: int, upload_id: str, body: Body = None,
        content_md5: str | None = None, checksum_crc32: str | None = None,
        checksum_crc32_c: str | None = None, checksum_crc64_nvme: str | None = None,
        checksum_sha1: str | None = None, checksum_sha256: str | None = None,
        checksum_sha512: str | None = None, checksum_md5: str | None = None,
        checksum_xxhash64: str | None = None, checksum_xxhash3: str | None = None,
        checksum_xxhash128: str | None = None, expected_bucket_owner: str | None = None,
        request_payer: str | None = None,
        sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
        sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """One part of an upload; it replaces one of the same number."""
    given = checksums.of_members(checksum_crc32, checksum_crc32_c, checksum_crc64_nvme, checksum_sha1,
                                 checksum_sha256, checksum_sha512, checksum_md5, checksum_xxhash64,
                                 checksum_xxhash3, checksum_xxhash128)
    customer = CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)

    def prepare(call: Call) -> tuple[Bucket, Upload, bytes | None]:
        found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
        upload = admit_part(call, found, key, upload_id, part_number)
        return found, upload, encryption.key_of(call, upload.draft.envelope, customer, part=True)

    _, upload, secret = await call.transact(prepare)
    received = await bodies.receive(call, body, given, content_md5, upload.algorithm or checksums.DEFAULT,
                                    secret)
    if upload.algorithm and received.algorithm != upload.algorithm:
        bodies.drop(received)
        raise errors.InvalidRequest("Checksum Type mismatch occurred, expected checksum Type: "
                                    f"{upload.algorithm.lower()}, "
                                    f"actual checksum Type: {received.algorithm.lower()}")

    def finish(call: Call) -> dict[str, Any]:
        found, *_ = prepare(call)
        etag = keep_part(call, upload, upload_id, part_number, received)
        return {"ETag": conditions.quoted(etag), **encryption.shown(upload.draft.envelope),
                checksums.member(received.algorithm): received.checksum, **charged(call, found)}

    with bodies.dropped_unless_kept(received):
        return await call.transact(finish)


@s3.operation
def complete_multipart_upload(
        call: Call, bucket: str, key: str, upload_id: str, multipart_upload: dict[str, Any] | None = None,
        checksum_crc32: str | None = None, checksum_crc32_c: str | None = None,
        checksum_crc64_nvme: str | None = None,
        checksum_sha1: str | None = None, checksum_sha256: str | None = None,
        checksum_sha512: str | None = None, checksum_md5: str | None = None,
        checksum_xxhash64: str | None = None, checksum_xxhash3: str | None = None,
        checksum_xxhash128: str | None = None,
        checksum_type: str | None = None,
        mpu_object_size: int | None = None, if_match: str | None = None, if_none_match: str | None = None,
        expected_bucket_owner: str | None = None,
        request_payer: str | None = None, sse_customer_algorithm: str | None = None,
        sse_customer_key: str | None = None, sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """Make an object of an upload's parts."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:PutObject", key)
    raw = check_key(key)
    known = objects.get(call, found.name, raw)
    if known is not None and known.upload == upload_id:
        return _completed(call, found, key, known)  # asked once more, as a client does that heard no answer
    uploads.alone(call, found.name, raw, upload_id)  # no part comes any more
    upload = find_upload(call, found.name, raw, upload_id)
    customer = CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)
    envelope = upload.draft.envelope
    if customer.given() or (upload.algorithm and envelope and envelope.customer_md5):
        encryption.key_of(call, envelope, customer, part=True)
    chosen = _chosen(call, upload_id, (multipart_upload or {}).get("Parts") or [])
    conditions.check_write(known, if_match, if_none_match, key)
    obj = upload.draft
    obj.size, obj.parts = sum(part.piece.size for part in chosen), len(chosen)
    obj.etag = _etag(chosen)
    obj.modified_ms, obj.upload = call.now_ms, upload_id
    if mpu_object_size is not None and mpu_object_size != obj.size:
        raise errors.InvalidRequest(f"The provided 'x-amz-mp-object-size' header value {mpu_object_size} "
                                    "does not match "
                                    f"what was computed: {obj.size}")
    if checksum_type and upload.checksum_type and checksum_type.upper() != upload.checksum_type:
        raise errors.InvalidRequest(f"The upload was created using the {upload.checksum_type} checksum mode. "
                                    "The "
                                    "complete request must use the same checksum mode.")
    given = dict(zip(checksums.ALGORITHMS, (
        checksum_crc32, checksum_crc32_c, checksum_crc64_nvme, checksum_sha1, checksum_sha256,
        checksum_sha512, checksum_md5, checksum_xxhash64, checksum_xxhash3, checksum_xxhash128), strict=True))
    obj.checksum = _checksum(upload, chosen, {name: text for name, text in given.items() if text})
    versions.put(call, found, raw, obj, [part.piece for part in chosen])
    discard_upload(call, found.name, raw, upload_id)
    notifications.emit(call, found, "s3:ObjectCreated:CompleteMultipartUpload", key, obj)
    return _completed(call, found, key, obj)


@s3.operation
def abort_multipart_upload(call: Call, bucket: str, key: str, upload_id: str,
                           expected_bucket_owner: str | None = None, request_payer: str | None = None,
                           if_match_initiated_time: datetime | None = None) -> dict[str, Any]:
    """Give an upload up, and what was uploaded."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    raw = check_key(key)
    upload = find_upload(call, found.name, raw, upload_id)
    if upload.initiator != call.account or access.is_anonymous(call.principal):
        access.authorize(call, found, "s3:AbortMultipartUpload", key)
    if if_match_initiated_time and int(if_match_initiated_time.timestamp()) != upload.started_ms // 1000:
        raise errors.PreconditionFailed(Condition="x-amz-if-match-initiated-time")
    uploads.alone(call, found.name, raw, upload_id)  # no part comes any more
    discard_upload(call, found.name, raw, upload_id)
    return {**charged(call, found)}


@s3.operation
def list_parts(call: Call, bucket: str, key: str, upload_id: str, max_parts: int = PAGE_LIMIT,
               part_number_marker: int = 0, expected_bucket_owner: str | None = None,
               request_payer: str | None = None,
               sse_customer_algorithm: str | None = None, sse_customer_key: str | None = None,
               sse_customer_key_md5: str | None = None) -> dict[str, Any]:
    """The parts that were uploaded so far."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:ListMultipartUploadParts", key)
    check_limit(max_parts, "max-parts")
    upload = find_upload(call, found.name, check_key(key), upload_id)
    customer = CustomerKey(sse_customer_algorithm, sse_customer_key, sse_customer_key_md5)
    if customer.given():
        encryption.key_of(call, upload.draft.envelope, customer, part=True)
    limit = min(max_parts, PAGE_LIMIT)
    page = list(parts.items(call, upload_id, after=(upload_id, part_number_marker), limit=limit + 1))
    shown = [{"PartNumber": int(number), "LastModified": part.modified_ms // 1000, "Size": part.piece.size,
              "ETag": conditions.quoted(part.etag),
              **({checksums.member(upload.algorithm): part.piece.checksum} if upload.algorithm else {})}
             for (_, number), part in page[:limit]]
    return {"Bucket": found.name, "Key": key, "UploadId": upload_id, "PartNumberMarker": part_number_marker,
            "NextPartNumberMarker": shown[-1]["PartNumber"] if shown else 0, "MaxParts": limit,
            "IsTruncated": len(page) > limit, "Parts": shown, "Initiator": owner(call, upload.initiator),
            "Owner": owner(call, upload.draft.owner),
            "StorageClass": upload.draft.storage_class or "STANDARD",
            "ChecksumAlgorithm": upload.algorithm or None, "ChecksumType": upload.checksum_type or None,
            **charged(call, found)}


@s3.operation
def list_multipart_uploads(call: Call, bucket: str, delimiter: str = "", encoding_type: str | None = None,
                           key_marker: str = "", max_uploads: int = PAGE_LIMIT, prefix: str = "",
                           upload_id_marker: str = "",
                           expected_bucket_owner: str | None = None,
                           request_payer: str | None = None) -> dict[str, Any]:
    """The uploads that are neither completed nor aborted."""
    found = find_bucket(call, bucket, expected_bucket_owner, request_payer)
    access.authorize(call, found, "s3:ListBucketMultipartUploads")
    check_limit(max_uploads, "max-uploads")
    encode, limit = encoder(encoding_type), min(max_uploads, PAGE_LIMIT)
    after = begin(prefix, delimiter, key_marker, upload_id_marker or LAST)
    page = Page([Cursor(call, uploads, found.name, after)], prefix, delimiter, limit)
    shown_owner = owners(call)
    shown = [{"Key": encode(row.key.decode()), "UploadId": row.rest[0],
              "Initiated": row.record.started_ms // 1000,
              "StorageClass": row.record.draft.storage_class or "STANDARD",
              "Owner": shown_owner(row.record.draft.owner),
              "Initiator": shown_owner(row.record.initiator),
              "ChecksumAlgorithm": row.record.algorithm or None,
              "ChecksumType": row.record.checksum_type or None} for row in page.rows]
    last = page.rows[-1] if page.rows and page.rows[-1].key == page.last else None
    return {"Bucket": found.name, "KeyMarker": encode(key_marker), "UploadIdMarker": upload_id_marker,
            "NextKeyMarker": encode(page.last.decode()), "NextUploadIdMarker": last.rest[0] if last else "",
            "Prefix": encode(prefix), "Delimiter": encode(delimiter) if delimiter else None,
            "MaxUploads": limit,
            "IsTruncated": page.truncated, "Uploads": shown, "EncodingType": encoding_type,
            "CommonPrefixes": shown_prefixes(page, encode), **charged(call, found)}


def _completed(call: Call, bucket: Bucket, key: str, obj: Object) -> dict[str, Any]:
    location = f"{call.use(Place).endpoint}/{bucket.name}/{quote(key)}"
    return {"Location": location, "Bucket": bucket.name, "Key": key, "ETag": conditions.quoted(obj.etag),
            "VersionId": obj.version or None, "Expiration": expiration_of(call, bucket, key, obj),
            **charged(call, bucket), **obj.checksum,
            **{name: value for name, value in encryption.shown(obj.envelope).items()
               if not name.startswith("SSECustomer")}}


def find_upload(call: Call, bucket: str, key: bytes, upload_id: str) -> Upload:
    """The upload called ``upload_id``."""
    upload = uploads.get(call, bucket, key, upload_id)
    if upload is None:
        raise errors.NoSuchUpload(UploadId=upload_id)
    return upload


def keep_part(call: Call, upload: Upload, upload_id: str, number: int, received: bodies.Received) -> str:
    """Make what was received part ``number``; its ETag comes back."""
    piece = received.piece
    piece.number, piece.checksum = number, received.checksum
    old = parts.get(call, upload_id, number)
    if old is not None:
        release(call, [old.piece], upload_id)
    etag = encryption.etag(call, upload.draft, received.etag)
    parts.put(call, upload_id, number, record=Part(piece, etag, call.now_ms))
    refer(call, [piece], upload_id)
    return etag


def admit_part(call: Call, bucket: Bucket, key: str, upload_id: str, number: int) -> Upload:
    """The upload, if the caller may add part ``number`` to it."""
    access.authorize(call, bucket, "s3:PutObject", key)
    uploads.steady(call, bucket.name, check_key(key), upload_id)
    if not 1 <= number <= PARTS_LIMIT:
        raise errors.InvalidArgument(f"Part number must be an integer between 1 and {PARTS_LIMIT}, inclusive",
                                     ArgumentName="partNumber", ArgumentValue=number)
    return find_upload(call, bucket.name, check_key(key), upload_id)


def _chosen(call: Call, upload_id: str, asked: list[dict[str, Any]]) -> list[Part]:
    """The parts that the request names, if they are as it says."""
    if not asked:
        raise errors.MalformedXML
    numbers = [one.get("PartNumber") or 0 for one in asked]
    if any(after <= before for before, after in pairwise(numbers)):
        raise errors.InvalidPartOrder(UploadId=upload_id)
    chosen: list[Part] = []
    for number, one in zip(numbers, asked, strict=True):
        part = parts.get(call, upload_id, number)
        claimed = [text for name, text in one.items() if name.startswith("Checksum")]
        if part is None or (one.get("ETag") or "").strip('"') != part.etag or any(
                text != part.piece.checksum for text in claimed):
            raise errors.InvalidPart(UploadId=upload_id, PartNumber=number,
                                     ETag=(one.get("ETag") or "").strip('"'))
        chosen.append(part)
    for number, part in zip(numbers[:-1], chosen[:-1], strict=True):
        if part.piece.size < PART_MINIMUM:
            raise errors.EntityTooSmall(ProposedSize=part.piece.size, MinSizeAllowed=PART_MINIMUM,
                                        PartNumber=number,
                                        ETag=part.etag)
    return chosen


def _etag(chosen: list[Part]) -> str:
    digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in chosen), usedforsecurity=False)
    return f"{digest.hexdigest()}-{len(chosen)}"


def _checksum(upload: Upload, chosen: list[Part], given: dict[str, str]) -> dict[str, str]:
    """The object's checksum; the client's own must agree."""
    algorithm = upload.algorithm or checksums.DEFAULT
    kind = upload.checksum_type or "FULL_OBJECT"
    pairs = [(part.piece.checksum, part.piece.size) for part in chosen]
    if not upload.algorithm and not all(checksums.is_form(algorithm, text) for text, _ in pairs):
        return {}  # its parts came with checksums of a kind that can't be put together
    text = checksums.combined(algorithm, kind, pairs)
    for name, claimed in given.items():
        if name == algorithm and claimed != text and claimed != text.partition("-")[0]:
            raise errors.BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")
    return {checksums.member(algorithm): text, "ChecksumType": kind}


