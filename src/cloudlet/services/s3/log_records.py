"""The records of access logs, field by field as S3 writes them.

What is not known here, or means nothing without TLS, is ``-``.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from ...identity import Principal
from ...kernel.witnesses import Heard
from ...wire.http import Response
from .nouns import Bucket, Object
from .owners import canonical_id

NOTHING, WEBSITE = "-", "Website"
_RESOURCES = {  # by operation: what follows REST.<method>.
    **dict.fromkeys(("GetObject", "HeadObject", "PutObject", "PostObject", "DeleteObject"), "OBJECT"),
    **dict.fromkeys(("ListObjects", "ListObjectsV2", "HeadBucket", "CreateBucket", "DeleteBucket"), "BUCKET"),
    "ListObjectVersions": "BUCKETVERSIONS", "DeleteObjects": "MULTI_OBJECT_DELETE", "UploadPart": "PART",
    "CreateMultipartUpload": "UPLOADS", "ListMultipartUploads": "UPLOADS", "RestoreObject": "OBJECT_RESTORE",
    **dict.fromkeys(("CompleteMultipartUpload", "AbortMultipartUpload", "ListParts"), "UPLOAD"),
    "GetObjectAttributes": "OBJECT_ATTRIBUTES", "SelectObjectContent": "SELECT_OBJECT_CONTENT"}
_KINDS = {  # by what an operation gets, puts or deletes
    "BucketAcl": "ACL", "ObjectAcl": "ACL", "BucketPolicy": "BUCKETPOLICY",
    "BucketPolicyStatus": "BUCKETPOLICYSTATUS", "BucketTagging": "TAGGING",
    "ObjectTagging": "OBJECT_TAGGING", "BucketLogging": "LOGGING_STATUS",
    "BucketLifecycleConfiguration": "LIFECYCLE", "BucketLifecycle": "LIFECYCLE", "BucketCors": "CORS",
    "BucketNotificationConfiguration": "NOTIFICATION", "BucketRequestPayment": "REQUEST_PAYMENT",
    "BucketAccelerateConfiguration": "ACCELERATE", "ObjectLockConfiguration": "OBJECT_LOCK_CONFIGURATION",
    "ObjectRetention": "OBJECT_LOCK_RETENTION", "ObjectLegalHold": "OBJECT_LOCK_LEGALHOLD",
    "PublicAccessBlock": "PUBLIC_ACCESS_BLOCK", "BucketOwnershipControls": "OWNERSHIP_CONTROLS"}
TRANSITIONS = {  # by storage class
    "STANDARD_IA": "S3.TRANSITION_SIA.OBJECT", "ONEZONE_IA": "S3.TRANSITION_ZIA.OBJECT",
    "INTELLIGENT_TIERING": "S3.TRANSITION_INT.OBJECT", "GLACIER_IR": "S3.TRANSITION_GIR.OBJECT",
    "GLACIER": "S3.TRANSITION.OBJECT", "DEEP_ARCHIVE": "S3.TRANSITION_GDA.OBJECT"}
_COPIES = {"CopyObject": "OBJECT", "UploadPartCopy": "PART"}


class Line(msgspec.Struct):
    """What differs from record to record of one request."""

    operation: str
    key: str = ""
    status: str = NOTHING
    error: str = NOTHING
    sent: int = 0
    size: int | None = None
    version: str = ""


def operation_of(name: str, method: str) -> str:
    """An operation as logs call it.

    >>> operation_of("GetBucketVersioning", "GET"), operation_of("PutObject", "PUT")
    ('REST.GET.VERSIONING', 'REST.PUT.OBJECT')
    """
    if name in _COPIES:
        return f"REST.COPY.{_COPIES[name]}"
    if name == WEBSITE:
        return f"WEBSITE.{method}.OBJECT"
    resource = _RESOURCES.get(name)
    if resource is None:
        what = name.removeprefix("Get").removeprefix("Put").removeprefix("Delete")
        resource = _KINDS.get(what) or what.removeprefix("Bucket").upper()
    return f"REST.{method}.{resource}"


def of_request(bucket: Bucket, heard: Heard, response: Response, took_ms: int, *, by_acl: bool) -> list[str]:
    """The records of a request in the log of ``bucket``; one that deletes many objects has one for each."""
    params, result = heard.params, heard.result
    error = heard.error.code if heard.error else str(response.headers.get("x-amz-error-code", NOTHING))
    line = Line(operation_of(heard.operation, heard.request.method), params.get("Key") or "",
                str(response.status), error, _sent(heard, response), _size(heard),
                params.get("VersionId") or result.get("VersionId") or "")
    if heard.operation in _COPIES and bucket.name != params.get("Bucket"):
        line.operation += "_GET"
        line.key = _source_key(params["CopySource"])
        line.size, line.version = None, result.get("CopySourceVersionId") or ""
    lines = [line]
    if heard.operation == "DeleteObjects" and heard.error is None:
        failed = {(one["Key"], one.get("VersionId")): one["Code"] for one in result.get("Errors", ())}
        for one in params["Delete"]["Objects"]:
            code = failed.get((one["Key"], one.get("VersionId") or None))
            lines.append(Line("BATCH.DELETE.OBJECT", one["Key"], "403" if code == "AccessDenied" else
                              "400" if code else "204", code or NOTHING, version=one.get("VersionId") or ""))
    return [_text(bucket, heard, each, took_ms, by_acl=by_acl) for each in lines]


def of_lifecycle(bucket: Bucket, operation: str, key: str, obj: Object, at_ms: int, id: str) -> str:
    """The record of what a lifecycle rule did."""
    fields = [canonical_id(bucket.account), bucket.name, _time(at_ms), NOTHING, "AmazonS3", id, operation,
              _quoted(key), _said(NOTHING), NOTHING, NOTHING, NOTHING, str(obj.size), NOTHING, NOTHING,
              _said(NOTHING), _said(NOTHING), obj.version or NOTHING, *[NOTHING] * 9]
    return " ".join(fields)


def _text(bucket: Bucket, heard: Heard, line: Line, took_ms: int, *, by_acl: bool) -> str:
    headers, request = heard.request.headers, heard.request
    signature = NOTHING
    if heard.signed:
        signature = "SigV4" if heard.algorithm.startswith("AWS4") else "SigV2"
    kind = ("QueryString" if heard.presigned else "AuthHeader") if heard.signed else NOTHING
    batch = line.operation.startswith("BATCH.")
    fields = [
        canonical_id(bucket.account), bucket.name, _time(heard.at_ms), request.peer or NOTHING,
        _requester(heard.principal), heard.id, line.operation, _quoted(line.key),
        _said(NOTHING if batch else f"{heard.line} HTTP/1.1"), line.status, line.error,
        str(line.sent or NOTHING), NOTHING if line.size is None else str(line.size),
        NOTHING if batch else str(took_ms), NOTHING if batch else str(took_ms),
        _said(headers.get("referer", NOTHING)), _said(headers.get("user-agent", NOTHING)),
        line.version or NOTHING, NOTHING, signature, NOTHING, kind, headers.get("host", NOTHING), NOTHING,
        bucket.point.arn if bucket.point else NOTHING, "Yes" if by_acl else NOTHING, NOTHING]
    return " ".join(fields)


def _requester(principal: Principal) -> str:
    if principal.kind == "anonymous":
        return NOTHING
    return canonical_id(principal.account) if principal.kind == "root" else principal.arn


def _time(at_ms: int) -> str:
    return f"[{datetime.fromtimestamp(at_ms / 1000, UTC):%d/%b/%Y:%H:%M:%S +0000}]"


def _said(text: str) -> str:
    """What a client says may not end its field."""
    return '"' + text.replace('"', "%22").replace("\r", "").replace("\n", "") + '"'


def _quoted(key: str) -> str:
    return quote(key, safe="/-_.~*!'()") or NOTHING


def _sent(heard: Heard, response: Response) -> int:
    if heard.request.method == "HEAD":
        return 0
    length = response.headers.get("content-length")
    if isinstance(length, str) and length.isdigit():
        return int(length)
    return len(response.body) if isinstance(response.body, bytes) else 0


def _size(heard: Heard) -> int | None:
    """How large the object is that was read or written."""
    if heard.error is not None:
        return None
    if heard.operation in ("GetObject", "HeadObject"):
        _, _, whole = str(heard.result.get("ContentRange", "")).rpartition("/")
        return int(whole) if whole else heard.result.get("ContentLength")
    if heard.operation in ("PutObject", "UploadPart"):
        headers = heard.request.headers
        text = headers.get("x-amz-decoded-content-length") or headers.get("content-length", "")
        return int(text) if text.isdigit() else None
    return None


def _source_key(source: Any) -> str:
    path = str(source).partition("?versionId=")[0].removeprefix("/")
    return path.partition("/object/" if path.startswith("arn:") else "/")[2]
